import type { TransferReason, TransferRejection } from '../../../schema/vocabulary.ts'
import { transferReasons } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import type { Lead } from './candidates.ts'
import type { Cell } from './cells.ts'
import { arrivalMinutes } from './filters.ts'
import { type Best, gapOf, isProved, type TierValue } from './plan.ts'
import type { TransferBag, TransferDemand, TransferLevel, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { type Rejected, rejectedFor, type Sights, sightsOf } from './rejections.ts'
import { type Facts as Known, type Move, offerFor, scoreOf } from './score.ts'

/** Minutes from now until it is in hand: half of the time, as planned, and in 19 of 20 cases. */
export type Arrival = { readonly p50: number; readonly p80: number; readonly p95: number }

export type ExplainedMove = {
  readonly bag: string
  readonly from: string
  readonly demand: string
  readonly request: string
  readonly amount: number
  readonly arrival: Arrival
  readonly reasons: readonly TransferReason[]
}

export type ExplainedDemand = {
  readonly id: string
  readonly request: string
  readonly asked: number
  readonly planned: number
  /** What no bag was found for. */
  readonly missing: number
  /** When the last bag of it is in hand; null where none comes. */
  readonly complete: Arrival | null
  /** Every other bag there is, by the first thing that speaks against it: how many, and the first of them. */
  readonly rejected: readonly Rejected[]
}

/** What becomes of what a site keeps of one component and group; amounts. */
export type Donor = {
  readonly site: string
  readonly bag: Pick<TransferBag, 'component' | 'group' | 'uom'>
  readonly before: number
  readonly after: number
  readonly level: TransferLevel | null
  /** For how many days of its own use that lasts (its inventory index); null where nobody knows what it uses. */
  readonly daysBefore: number | null
  readonly daysAfter: number | null
  /** It draws on what lies below the minimum: somebody there must approve. */
  readonly needsApproval: boolean
}

export type Explained = {
  readonly policy: number
  readonly at: number
  readonly moves: readonly ExplainedMove[]
  readonly demands: readonly ExplainedDemand[]
  readonly donors: readonly Donor[]
  readonly tiers: readonly TierValue[]
  readonly isProved: boolean
  /** How far it may be from the best, of what it is; 0 where it is proved. */
  readonly gap: number
  readonly doNothing: readonly Omit<TierValue, 'bound'>[]
  readonly secondBest: {
    readonly tiers: readonly TierValue[]
    readonly moves: readonly { readonly bag: string; readonly demand: string }[]
    readonly journeys: readonly Journey[]
  } | null
  readonly journeys: readonly Journey[]
}

export type Journey = { readonly from: string; readonly to: string; readonly bags: number }

/**
 * A plan in full: why each bag, why no other, and what it does to those who give.
 *
 * @param mostNamed so many rejected bags are named for each reason
 */
export function explain(problem: TransferProblem, best: Best, mostNamed: number): Explained {
  const { moves, facts: known, tiers, secondBest, leads } = best
  const sent = new Map(moves.map(({ bag, demand }) => [bag, demand]))
  const sights = sightsOf(problem)
  const facts = { problem, known, sent, moves, sights, drawn: drawnOn(problem, known, moves) }
  const reserved = fromReserve(problem, known, moves)
  const offersOf = groupedBy(leads, ({ demand }) => demand)
  return {
    policy: problem.policy.version,
    at: problem.at,
    moves: moves.map((move) => moveOf(move, { ...facts, offers: offersOf.get(move.demand) ?? [], reserved })),
    demands: problem.demands.map((demand) => demandOf(demand, facts, mostNamed)),
    donors: donorsOf(facts),
    tiers,
    isProved: isProved(best),
    gap: gapOf(best),
    doNothing: scoreOf(problem, [], known).tiers,
    secondBest: secondBest && {
      tiers: secondBest.tiers,
      moves: secondBest.moves.map(({ bag, demand }) => ({ bag: bag.id, demand: demand.id })),
      journeys: journeysOf(secondBest.moves),
    },
    journeys: journeysOf(moves),
  }
}

type Facts = {
  readonly problem: TransferProblem
  readonly known: Known
  readonly sent: ReadonlyMap<TransferBag, TransferDemand>
  /** Hundredths of a mL: all, and what is not for those who may draw on reserves. */
  readonly drawn: ReadonlyMap<Cell, Drawn>
  readonly moves: readonly Move[]
  readonly sights: Sights
}
type Drawn = { readonly all: number; readonly ordinary: number }

function drawnOn(
  { policy }: TransferProblem,
  { cells }: Known,
  moves: readonly Move[],
): ReadonlyMap<Cell, Drawn> {
  const drawn = new Map<Cell, Drawn>()
  for (const { bag, demand } of moves) {
    const cell = cells.of(bag)
    if (!cell) continue
    const weight = weightOf(bag, policy) ?? 0
    const { all, ordinary } = drawn.get(cell) ?? { all: 0, ordinary: 0 }
    const isOrdinary = !policy.reserveFor.includes(demand.urgency)
    drawn.set(cell, { all: all + weight, ordinary: ordinary + (isOrdinary ? weight : 0) })
  }
  return drawn
}

/** Of each cell that gives more than is free, the bags that go beyond it: the last to expire of those that may. */
export function fromReserve(
  { policy }: TransferProblem,
  { cells }: Known,
  moves: readonly Move[],
): ReadonlySet<TransferBag> {
  const beyond = new Set<TransferBag>()
  for (const [cell, given] of groupedBy(moves, ({ bag }) => cells.of(bag))) {
    let over = -(cell?.free ?? 0)
    for (const { bag } of given) over += weightOf(bag, policy) ?? 0
    const mayDraw = given.filter(({ demand }) => policy.reserveFor.includes(demand.urgency))
    for (const { bag } of mayDraw.sort((a, b) => b.bag.expiresAt - a.bag.expiresAt)) {
      if (over <= 0) break
      beyond.add(bag)
      over -= weightOf(bag, policy) ?? 0
    }
  }
  return beyond
}

function moveOf(
  { bag, demand }: Move,
  facts: Facts & { readonly offers: readonly Lead[]; readonly reserved: ReadonlySet<TransferBag> },
): ExplainedMove {
  const { problem, known, offers, reserved, sent, moves } = facts
  const arrival = arrivalOf(bag, demand, problem, known)
  const nearer = offers.filter(({ minutes }) => minutes < arrival.p80)
  const offer = offers.find(({ kind }) => kind.bags.includes(bag))
  const left = nearer.flatMap(({ kind }) => kind.bags.filter((other) => !sent.has(other)))
  const cell = known.cells.of(bag)
  const speaks: Readonly<Record<TransferReason, boolean>> = {
    only_source: new Set(offers.map(({ kind }) => kind.cell.site)).size === 1,
    nearest: nearer.length === 0,
    nearer_taken: nearer.some(({ kind }) => kind.bags.some((other) => sent.has(other))),
    nearer_protected: left.some((other) => isProtected(other, demand, facts)),
    same_group: offer?.rank === 0,
    substitute: offer !== undefined && offer.rank > 0,
    same_box: moves.some(
      (other) => other.bag !== bag && other.bag.site === bag.site && other.demand.site === demand.site,
    ),
    expires_first: offers.every(
      ({ kind }) =>
        kind.cell !== cell || kind.bags.every((other) => sent.has(other) || other.expiresAt >= bag.expiresAt),
    ),
    from_reserve: reserved.has(bag),
  }
  return {
    bag: bag.id,
    from: bag.site,
    demand: demand.id,
    request: demand.request,
    amount: bag.amount ?? 0,
    arrival,
    reasons: transferReasons.filter((reason) => speaks[reason]),
  }
}

function demandOf(demand: TransferDemand, facts: Facts, mostNamed: number): ExplainedDemand {
  const { problem, known, moves, sent } = facts
  const bags = moves.flatMap((move) => (move.demand === demand ? [move.bag] : []))
  const planned = bags.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  const last = bags
    .map((bag) => arrivalOf(bag, demand, problem, known))
    .reduce<Arrival | null>((latest, one) => (latest && latest.p80 >= one.p80 ? latest : one), null)
  return {
    id: demand.id,
    request: demand.request,
    asked: demand.amount,
    planned,
    missing: Math.max(0, demand.amount - planned),
    complete: last,
    rejected: rejectedFor(demand, facts, mostNamed, (bag) =>
      sent.get(bag) === demand ? null : rejectionOf(bag, demand, facts),
    ),
  }
}

function rejectionOf(bag: TransferBag, demand: TransferDemand, facts: Facts): TransferRejection {
  const offer = offerFor(facts.problem, facts.known, bag, demand)
  if (typeof offer === 'string') return offer
  if (facts.sent.has(bag)) return 'not_needed'
  return isProtected(bag, demand, facts) ? 'protected' : 'not_needed'
}

/** What its site gives already leaves no room for it as well. */
function isProtected(bag: TransferBag, demand: TransferDemand, { problem, known, drawn }: Facts): boolean {
  const cell = known.cells.of(bag)
  if (!cell) return true
  const { all, ordinary } = drawn.get(cell) ?? { all: 0, ordinary: 0 }
  const weight = weightOf(bag, problem.policy) ?? 0
  if (all + weight > cell.free + cell.reserve) return true
  return !problem.policy.reserveFor.includes(demand.urgency) && ordinary + weight > cell.free
}

function donorsOf({ problem: { policy }, known, drawn, moves }: Facts): readonly Donor[] {
  return [...groupedBy(moves, ({ bag }) => known.cells.of(bag))].flatMap(([cell, [move]]) => {
    if (!cell || !move) return []
    const { component, group, uom, site } = move.bag
    const perUnit = weightOf({ ...move.bag, amount: 1 }, policy) ?? 1
    const { level, stock, free } = cell
    const all = drawn.get(cell)?.all ?? 0
    const days = (weight: number) => (level?.perDay ? weight / perUnit / level.perDay : null)
    return [
      {
        site,
        bag: { component, group, uom },
        before: stock / perUnit,
        after: (stock - all) / perUnit,
        level,
        daysBefore: days(stock),
        daysAfter: days(stock - all),
        needsApproval: all > free,
      },
    ]
  })
}

function arrivalOf(
  bag: TransferBag,
  demand: TransferDemand,
  { minutesTo, policy }: TransferProblem,
  { places }: Known,
): Arrival {
  const way = minutesTo.get(demand.site)?.[places.get(bag.site) ?? -1] ?? 0
  const at = (percent: number) =>
    arrivalMinutes(bag, { minutes: Math.ceil((way * percent) / 100), boxes: null }, policy) ?? 0
  return { p50: at(policy.spread.p50), p80: at(100), p95: at(policy.spread.p95) }
}

function journeysOf(moves: readonly Move[]): readonly Journey[] {
  return [...groupedBy(moves, ({ bag, demand }) => `${bag.site}|${demand.site}`).values()].flatMap((trip) =>
    trip.slice(0, 1).map(({ bag, demand }) => ({ from: bag.site, to: demand.site, bags: trip.length })),
  )
}
