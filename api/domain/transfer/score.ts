import type { BoxKind, TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import { type Cell, type Cells, cellsOf } from './cells.ts'
import { type Offer, offerOf } from './filters.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { type Queues, queuesOf, riskOf } from './risk.ts'

/** A bag, and what it is sent for. */
export type Move = { readonly bag: TransferBag; readonly demand: TransferDemand }

export type Score = {
  /** Per tier of the policy what there is of it: whole, in hundredths of a mL where it is blood. */
  readonly tiers: readonly { readonly tier: TransferTier; readonly value: number }[]
  /** What must not be, in words; none of a plan that may be carried out. */
  readonly violations: readonly string[]
}

/** What is found out once of a problem. */
export type Facts = {
  readonly cells: Cells
  readonly queues: Queues
  /** Where a site stands among the sites. */
  readonly places: ReadonlyMap<string, number>
}

export function factsOf(problem: TransferProblem): Facts {
  return {
    cells: cellsOf(problem),
    queues: queuesOf(problem),
    places: new Map(problem.sites.map(({ id }, place) => [id, place])),
  }
}

/** What a plan costs, and what it must not do, by the rules alone: no solver, no program. */
export function scoreOf(problem: TransferProblem, moves: readonly Move[], facts = factsOf(problem)): Score {
  const { policy, demands } = problem
  const violations: string[] = []
  const seen = new Set<TransferBag>()
  const sent: (Move & { readonly offer: Offer; readonly weight: number; readonly cell: Cell })[] = []
  for (const { bag, demand } of moves) {
    if (seen.has(bag)) violations.push(`bag ${bag.id} goes twice`)
    seen.add(bag)
    const offer = offerFor(problem, facts, bag, demand)
    const weight = weightOf(bag, policy)
    const cell = facts.cells.of(bag)
    if (typeof offer === 'string' || weight === null || !cell)
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
    sums.expiry += riskOf(bag, demand, offer.minutes, facts, problem) * weight
  }
  for (const [cell, from] of groupedBy(sent, (one) => one.cell)) {
    const { free, reserve, aboveTarget } = cell
    const drawn = from.reduce((sum, { weight }) => sum + weight, 0)
    const ordinary = from
      .filter(({ demand }) => !policy.reserveFor.includes(demand.urgency))
      .reduce((sum, { weight }) => sum + weight, 0)
    const gives = `${cell.site} gives too much ${cell.component}:`
    if (ordinary > free) violations.push(`${gives} ${ordinary} where ${free} is free`)
    if (drawn > free + reserve) violations.push(`${gives} ${drawn} where ${free + reserve} is all it can`)
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

export function offerFor(
  { minutesTo, sites, at, policy }: TransferProblem,
  { places }: Pick<Facts, 'places'>,
  bag: TransferBag,
  demand: TransferDemand,
): ReturnType<typeof offerOf> {
  const place = places.get(bag.site) ?? -1
  const minutes = minutesTo.get(demand.site)?.[place] ?? null
  return offerOf(bag, demand, { minutes, boxes: sites[place]?.boxes ?? null }, at, policy)
}

/** The moves somebody names; what is not of the problem is told as a violation. */
export function movesNamed(
  { stock, demands }: TransferProblem,
  named: readonly { readonly bag: string; readonly demand: string }[],
): { readonly moves: readonly Move[]; readonly violations: readonly string[] } {
  const bags = new Map(stock.map((bag) => [bag.id, bag]))
  const asked = new Map(demands.map((demand) => [demand.id, demand]))
  const moves: Move[] = []
  const violations: string[] = []
  for (const name of named) {
    const bag = bags.get(name.bag)
    const demand = asked.get(name.demand)
    if (bag && demand) moves.push({ bag, demand })
    else violations.push(`there is no ${bag ? `demand ${name.demand}` : `bag ${name.bag}`}`)
  }
  return { moves, violations }
}
