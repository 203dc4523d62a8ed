import type { BoxKind, TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import type { Option } from './candidates.ts'
import { offeredOf } from './pieces.ts'
import { type TransferDemand, type TransferProblem, weightOf } from './problem.ts'

/** A sparse row or objective: values at columns. */
export type Terms = { readonly indices: number[]; readonly values: number[] }

export type Row = Terms & { readonly atMost: number }

/** Minimise one tier after another over x, 0 <= x <= upper, of which some are whole, subject to rows <= their bounds. */
export type IntegerProgram = {
  readonly upper: readonly number[]
  readonly isWhole: readonly boolean[]
  readonly rows: readonly Row[]
  /** Implied by the rows, of whole numbers: they make the relaxed program see that journeys are whole. */
  readonly tightening: readonly Row[]
  readonly tiers: ReadonlyMap<TransferTier, Terms>
  /** Columns 0 and on: how many bags of a class go to a demand. */
  readonly options: readonly Option[]
  readonly trips: readonly Trip[]
  /** Hundredths of a mL for each one of the figures. */
  readonly unit: number
}

/** All that may go from one site to another; its column is 1 where something does. */
export type Trip = { readonly key: string; readonly column: number; readonly options: readonly number[] }

/**
 * The plan as an integer program. Whole are the bags of each class that go to each demand, journeys and boxes; what is
 * missing of a need, drawn on a reserve, or taken below a target follows from them. All figures are divided by what they
 * have in common, so that the solver works with small whole numbers.
 *
 * Of a class a demand gets no more bags than meet it alone: in a best plan each bag beyond could stay, which changes
 * nothing but that less is under way, and no journey, for others of the class still go.
 *
 * @param names the tiers that are minimised: there are columns and rows for these only
 */
export function programOf(
  problem: TransferProblem,
  options: readonly Option[],
  names: readonly TransferTier[] = problem.policy.tiers,
): IntegerProgram {
  const { demands, policy } = problem
  const upper: number[] = []
  const isWhole: boolean[] = []
  const rows: (Terms & { atMost: number })[] = []
  const tiers = new Map(names.map((tier) => [tier, { indices: [], values: [] } as Terms]))
  const column = (most: number, whole: boolean) => {
    upper.push(most)
    isWhole.push(whole)
    return upper.length - 1
  }
  const costs = (tier: TransferTier, at: number, value: number) => {
    const terms = tiers.get(tier)
    if (!terms || value === 0) return
    terms.indices.push(at)
    terms.values.push(value)
  }
  const needs = new Map(demands.map((demand) => [demand, weightOf(demand, policy) ?? 0]))
  const byCell = groupAt(options, (option) => option.class.cell)
  const unit = commonUnit([
    ...needs.values(),
    ...options.map((option) => option.class.weight),
    ...[...byCell.keys()].flatMap(({ free, reserve, aboveTarget }) => [free, reserve, aboveTarget]),
  ])
  const weights = options.map((option) => option.class.weight / unit)

  for (const [at, option] of options.entries()) {
    const { minutes, rank, risk } = option
    column(mostBags(option, needs.get(option.demand) ?? 0), true)
    const weight = weights[at] as number
    costs('arrival', at, minutes * weight)
    costs('substitution', at, rank * weight)
    costs('expiry', at, risk * weight)
  }
  const row = (
    indices: readonly number[],
    valueAt: (at: number) => number,
    atMost: number,
    ...more: Term[]
  ) =>
    rows.push({
      indices: [...indices, ...more.map(([at]) => at)],
      values: [...indices.map(valueAt), ...more.map(([, value]) => value)],
      atMost,
    })
  const weightAt = (at: number) => weights[at] as number

  for (const [of, at] of groupAt(options, (option) => option.class))
    if (at.length > 1) row(at, () => 1, of.bags.length)

  const byDemand = groupAt(options, ({ demand }) => demand)
  const unmetOf = new Map<TransferDemand, number>()
  for (const demand of demands) {
    const need = (needs.get(demand) ?? 0) / unit
    const unmet = column(need, false)
    unmetOf.set(demand, unmet)
    costs(`unmet_${demand.urgency}`, unmet, 1)
    row(byDemand.get(demand) ?? [], (at) => -weightAt(at), -need, [unmet, -1])
  }

  for (const [cell, at] of byCell) {
    const [free, reserve, aboveTarget] = [cell.free / unit, cell.reserve / unit, cell.aboveTarget / unit]
    const total = offeredOf(at.map((one) => options[one] as Option)) / unit
    const ordinary = at.filter((one) => !mayDrawReserve(options[one] as Option, problem))
    const drawn: Term[] = []
    if (reserve > 0 && ordinary.length < at.length) {
      const column_ = column(reserve, false)
      costs('reserve', column_, 1)
      drawn.push([column_, -1])
      if (ordinary.length > 0) row(ordinary, weightAt, free)
    }
    if (total > free) row(at, weightAt, free, ...drawn)
    if (total > aboveTarget && tiers.has('below_target')) {
      const taken = column(total, false)
      costs('below_target', taken, 1)
      row(at, weightAt, aboveTarget, [taken, -1])
    }
  }

  const trips: Trip[] = []
  const bringing = new Map<TransferDemand, Term[]>()
  const tightening: Row[] = []
  const journeyOf = ({ class: { cell }, demand }: Option) => `${cell.site}|${demand.site}`
  for (const [key, at] of tiers.has('carrying') ? groupAt(options, journeyOf) : []) {
    const trip = column(1, true)
    trips.push({ key, column: trip, options: at })
    costs('carrying', trip, policy.trip)
    const boxesOf: Term[] = []
    const byBox = groupAt(
      at.map((one) => options[one] as Option),
      (option) => boxOf(option, problem),
    )
    for (const [kind, places] of byBox) {
      const inside = places.map((place) => at[place] as number)
      const { bags } = policy.boxes[kind]
      const most = Math.ceil(inside.reduce((sum, one) => sum + (upper[one] as number), 0) / bags)
      const boxes = column(most, true)
      boxesOf.push([boxes, -1])
      costs('carrying', boxes, policy.box)
      row(inside, () => 1, 0, [boxes, -bags])
      row([boxes], () => 1, 0, [trip, -most])
    }
    tightening.push(rowOf([[trip, 1], ...boxesOf], 0))
    for (const one of at)
      tightening.push({ indices: [one, trip], values: [1, -(upper[one] as number)], atMost: 0 })
    for (const [demand, most] of mostOf(at, options, problem)) {
      const brings = bringing.get(demand) ?? []
      bringing.set(demand, brings)
      brings.push([trip, -Math.min(most, needs.get(demand) ?? 0) / unit])
    }
  }
  for (const [demand, brings] of bringing) {
    const missing = unmetOf.get(demand) as number
    tightening.push(rowOf([[missing, -1], ...brings], -(needs.get(demand) ?? 0) / unit))
  }
  return { upper, isWhole, rows, tightening, tiers, options, trips, unit }
}

type Term = readonly [at: number, value: number]

function rowOf(terms: readonly Term[], atMost: number): Row {
  return { indices: terms.map(([at]) => at), values: terms.map(([, value]) => value), atMost }
}

/** No more than meet the demand, and no more than there are. */
export function mostBags({ class: { bags, weight } }: Option, need: number): number {
  return Math.min(bags.length, Math.ceil(need / weight))
}

/** How much a journey could bring to each demand, hundredths of a mL. */
function mostOf(
  at: readonly number[],
  options: readonly Option[],
  problem: TransferProblem,
): ReadonlyMap<TransferDemand, number> {
  const most = new Map<TransferDemand, number>()
  const own = at.map((one) => options[one] as Option)
  for (const [demand, offers] of groupedBy(own, (option) => option.demand))
    for (const [{ free, reserve }, alike] of groupedBy(offers, (option) => option.class.cell)) {
      const stock = alike.reduce((sum, { class: of }) => sum + of.weight * of.bags.length, 0)
      const room = free + (mayDrawReserve({ demand }, problem) ? reserve : 0)
      most.set(demand, (most.get(demand) ?? 0) + Math.min(stock, room))
    }
  return most
}

export function mayDrawReserve({ demand }: { demand: TransferDemand }, { policy }: TransferProblem): boolean {
  return policy.reserveFor.includes(demand.urgency)
}

function boxOf({ class: of }: Option, { policy }: TransferProblem): BoxKind {
  return policy.boxOf[of.cell.component]
}

function groupAt<T, K>(of: readonly T[], keyOf: (one: T) => K): Map<K, number[]> {
  return groupedBy([...of.keys()], (at) => keyOf(of[at] as T))
}

/** What divides all of them. */
function commonUnit(figures: readonly number[]): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  return Math.max(1, figures.reduce(divisor, 0))
}
