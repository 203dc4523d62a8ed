import type { BoxKind, TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import { type Offer, offerOf } from './filters.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { type Queues, queuesOf, riskOf } from './risk.ts'
import { cellOfBag, type Room, roomsOf } from './room.ts'

/** Which bag goes to which demand. */
export type Move = { readonly bag: string; readonly demand: string }

export type Score = {
  /** Per tier of the policy what there is of it: whole, in hundredths of a mL where it is blood. */
  readonly tiers: readonly { readonly tier: TransferTier; readonly value: number }[]
  /** What must not be, in words; none of a plan that may be carried out. */
  readonly violations: readonly string[]
}

/** What is looked up again and again of one problem. */
export type Ledger = {
  readonly rooms: ReadonlyMap<string, Room>
  readonly queues: Queues
  readonly bags: ReadonlyMap<string, TransferBag>
  readonly demands: ReadonlyMap<string, TransferDemand>
  readonly places: ReadonlyMap<string, number>
}

export function ledgerOf(problem: TransferProblem): Ledger {
  const rooms = roomsOf(problem)
  return {
    rooms,
    queues: queuesOf(problem, rooms),
    bags: new Map(problem.stock.map((bag) => [bag.id, bag])),
    demands: new Map(problem.demands.map((demand) => [demand.id, demand])),
    places: new Map(problem.sites.map(({ id }, place) => [id, place])),
  }
}

/** What a plan costs, and what it must not do, by the rules alone: no solver, no program. */
export function scoreOf(problem: TransferProblem, moves: readonly Move[], ledger = ledgerOf(problem)): Score {
  const { policy, demands } = problem
  const { rooms, queues } = ledger
  const violations: string[] = []
  const seen = new Set<string>()
  const sent: { bag: TransferBag; demand: TransferDemand; offer: Offer; weight: number; cell: string }[] = []
  for (const move of moves) {
    const bag = ledger.bags.get(move.bag)
    const demand = ledger.demands.get(move.demand)
    if (!bag || !demand) {
      violations.push(`there is no ${bag ? `demand ${move.demand}` : `bag ${move.bag}`}`)
      continue
    }
    if (seen.has(bag.id)) violations.push(`bag ${bag.id} goes twice`)
    seen.add(bag.id)
    const offer = offerFor(problem, ledger, bag, demand)
    const weight = weightOf(bag, policy)
    const cell = cellOfBag(bag)
    if (typeof offer === 'string' || weight === null || cell === null)
      violations.push(`bag ${bag.id} may not go to ${demand.id}: ${offer}`)
    else sent.push({ bag, demand, offer, weight, cell })
  }
  const sums = Object.fromEntries(policy.tiers.map((tier) => [tier, 0])) as Record<TransferTier, number>
  const byDemand = groupedBy(sent, ({ demand }) => demand)
  for (const demand of demands) {
    const given = (byDemand.get(demand) ?? []).reduce((sum, { weight }) => sum + weight, 0)
    sums[`unmet_${demand.urgency}`] += Math.max(0, (weightOf(demand, policy) ?? 0) - given)
  }
  for (const { bag, demand, offer, weight } of sent) {
    sums.arrival += offer.minutes * weight
    sums.substitution += offer.rank * weight
    sums.expiry += riskOf(bag, demand, offer.minutes, queues, problem) * weight
  }
  for (const [cell, from] of groupedBy(sent, (one) => one.cell)) {
    const { free = 0, reserve = 0, aboveTarget = 0 } = rooms.get(cell) ?? {}
    const drawn = from.reduce((sum, { weight }) => sum + weight, 0)
    const ordinary = from
      .filter(({ demand }) => !policy.reserveFor.includes(demand.urgency))
      .reduce((sum, { weight }) => sum + weight, 0)
    if (ordinary > free) violations.push(`${cell} gives ${ordinary} where ${free} is free`)
    if (drawn > free + reserve)
      violations.push(`${cell} gives ${drawn} where ${free + reserve} is all it can`)
    sums.reserve += Math.max(0, drawn - free)
    sums.below_target += Math.max(0, drawn - aboveTarget)
  }
  for (const [, trip] of groupedBy(sent, ({ bag, demand }) => `${bag.site}|${demand.site}`)) {
    sums.carrying += policy.trip
    for (const [kind, inside] of groupedBy(trip, ({ bag }): BoxKind => policy.boxOf[bag.component]))
      sums.carrying += policy.box * Math.ceil(inside.length / policy.boxes[kind].bags)
  }
  return { tiers: policy.tiers.map((tier) => ({ tier, value: sums[tier] })), violations }
}

export function offerFor(problem: TransferProblem, ledger: Ledger, bag: TransferBag, demand: TransferDemand) {
  const place = ledger.places.get(bag.site) ?? -1
  const minutes = problem.minutesTo.get(demand.site)?.[place] ?? null
  const way = { minutes, boxes: problem.sites[place]?.boxes ?? null }
  return offerOf(bag, demand, way, problem.at, problem.policy)
}
