import type { BoxKind, TransferTier, Urgency } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import type { Option } from './candidates.ts'
import type { Cell } from './cells.ts'
import { offeredOf } from './pieces.ts'
import { type TransferDemand, type TransferProblem, weightOf } from './problem.ts'
import { type Alike, divisor, largestSum } from './sums.ts'

/** A sparse row or objective: values at columns. */
export type Terms = { readonly indices: number[]; readonly values: number[] }

export type Row = Terms & { readonly atMost: number }

/** Minimise one tier after another over x, 0 <= x <= upper, of which some are whole, subject to rows <= their bounds. */
export type IntegerProgram = {
  readonly upper: readonly number[]
  readonly isWhole: readonly boolean[]
  readonly rows: readonly Row[]
  /** True of whole numbers, of any best plan: they make the relaxed program see that bags and journeys are whole. */
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
 * @param met of what is as urgent nothing is missing
 */
export function programOf(
  problem: TransferProblem,
  options: readonly Option[],
  names: readonly TransferTier[] = problem.policy.tiers,
  met: ReadonlySet<Urgency> = new Set(),
): IntegerProgram {
  const { demands, policy } = problem
  const upper: number[] = []
  const isWhole: boolean[] = []
  const rows: (Terms & { atMost: number })[] = []
  const tightening: Row[] = []
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
  const rooms = new Map(
    [...byCell].map(([cell, at]) => [
      cell,
      roomOf(
        cell,
        at.map((one) => options[one] as Option),
        problem,
      ),
    ]),
  )
  const unit = commonUnit([
    ...needs.values(),
    ...options.map((option) => option.class.weight),
    ...[...rooms.values()].flatMap(({ free, reserve }) => [free, reserve]),
    ...(tiers.has('below_target') ? [...byCell.keys()].map(({ aboveTarget }) => aboveTarget) : []),
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
  /**
   * What a column is that says how much more is given than a figure. No sum of whole bags is between two neighbours: up to
   * the one it is 0, and at the other it is all beyond the figure, so in between it may as well rise evenly.
   */
  const risingFrom = (figure: number, at: readonly number[], beyond: number): Row[] => {
    const { last, next } = sumsAround(
      figure,
      at.map((one) => options[one] as Option),
    )
    const rises = (next - figure) / (next - last)
    const terms = at.map((one): Term => [one, rises * weightAt(one)])
    return rises < 1 ? [rowOf([...terms, [beyond, -1]], (rises * last) / unit)] : []
  }

  for (const [of, at] of groupAt(options, (option) => option.class))
    if (at.length > 1) row(at, () => 1, of.bags.length)

  const byDemand = groupAt(options, ({ demand }) => demand)
  const unmetOf = new Map<TransferDemand, number>()
  for (const demand of demands) {
    const need = (needs.get(demand) ?? 0) / unit
    const unmet = column(met.has(demand.urgency) ? 0 : need, false)
    unmetOf.set(demand, unmet)
    costs(`unmet_${demand.urgency}`, unmet, 1)
    const at = byDemand.get(demand) ?? []
    // Of a bag that is more than all that is needed no more counts than that.
    row(at, (one) => -Math.min(weightAt(one), need), -need, [unmet, -1])
    if (met.has(demand.urgency)) tightening.push(...roundedUp(at, weightAt, need))
  }

  for (const [cell, at] of byCell) {
    const room = rooms.get(cell) as Room
    const [free, reserve, aboveTarget] = [room.free / unit, room.reserve / unit, cell.aboveTarget / unit]
    const total = room.offered / unit
    const drawn: Term[] = []
    if (reserve > 0) {
      const column_ = column(reserve, false)
      costs('reserve', column_, 1)
      drawn.push([column_, -1])
      const ordinary = at.filter((one) => !mayDrawReserve(options[one] as Option, problem))
      if (ordinary.length > 0) row(ordinary, weightAt, free)
    }
    if (total > free) row(at, weightAt, free, ...drawn)
    const [draws] = drawn
    if (total > free && draws) tightening.push(...risingFrom(room.free, at, draws[0]))
    if (total > free && !draws) tightening.push(...roundedDown(at, weightAt, free))
    if (total > aboveTarget && tiers.has('below_target')) {
      const taken = column(total, false)
      costs('below_target', taken, 1)
      row(at, weightAt, aboveTarget, [taken, -1])
      tightening.push(...risingFrom(cell.aboveTarget, at, taken))
    }
  }

  const trips: Trip[] = []
  const bringing = new Map<TransferDemand, Term[]>()
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
    const most = mostOf(at, options, problem)
    for (const [demand, own] of groupAt(
      at.map((one) => options[one] as Option),
      (option) => option.demand,
    )) {
      const [need, inAll] = [needs.get(demand) ?? 0, most.get(demand) ?? 0]
      const inside = own.map((place) => at[place] as number)
      const heaviest = Math.max(...inside.map(weightAt))
      const useful = Math.min(inAll / unit, need / unit + heaviest - 1)
      tightening.push(rowOf([...inside.map((one): Term => [one, weightAt(one)]), [trip, -useful]], 0))
      const brings = bringing.get(demand) ?? []
      bringing.set(demand, brings)
      brings.push([trip, -Math.min(inAll, need) / unit])
    }
  }
  for (const [demand, brings] of bringing) {
    const missing = unmetOf.get(demand) as number
    tightening.push(rowOf([[missing, -1], ...brings], -(needs.get(demand) ?? 0) / unit))
  }
  return { upper, isWhole, rows, tightening, tiers, options, trips, unit }
}

/**
 * What follows for whole bags from their sum being at least so much: by any figure d, that the weights over d, each rounded
 * up, sum to at least what is needed over d, and being whole to that rounded up.
 */
function roundedUp(at: readonly number[], weightAt: (at: number) => number, need: number): Row[] {
  return [...new Set(at.map(weightAt))]
    .filter((d) => d > 1 && d < need)
    .map((d) =>
      rowOf(
        at.map((one): Term => [one, -Math.ceil(weightAt(one) / d)]),
        -Math.ceil(need / d),
      ),
    )
}

/** The same of a sum that is at most so much: rounded down. */
function roundedDown(at: readonly number[], weightAt: (at: number) => number, most: number): Row[] {
  return [...new Set(at.map(weightAt))]
    .filter((d) => d > 1)
    .map((d) =>
      rowOf(
        at.map((one): Term => [one, Math.floor(weightAt(one) / d)]),
        Math.floor(most / d),
      ),
    )
}

type Term = readonly [at: number, value: number]

function rowOf(terms: readonly Term[], atMost: number): Row {
  return { indices: terms.map(([at]) => at), values: terms.map(([, value]) => value), atMost }
}

type Room = { readonly offered: number; readonly free: number; readonly reserve: number }

/**
 * What a cell may give of what is offered of it, hundredths of a mL. Where nobody may draw on its reserve it gives no more
 * than the largest sum of whole bags that is free, and so in whole numbers just as much.
 */
function roomOf({ free, reserve }: Cell, own: readonly Option[], problem: TransferProblem): Room {
  const alike = alikeOf(own)
  const offered = offeredOf(own)
  const mayDraw = reserve > 0 && own.some((option) => mayDrawReserve(option, problem))
  if (!mayDraw) return { offered, free: Math.min(free, largestSum(alike, free)), reserve: 0 }
  return { offered, free, reserve: Math.max(0, largestSum(alike, free + reserve) - free) }
}

/** Sums of bags a figure lies between: the last up to it, and the first beyond it. */
function sumsAround(
  figure: number,
  own: readonly Option[],
): { readonly last: number; readonly next: number } {
  const alike = alikeOf(own)
  // What is not taken of all is a sum as well.
  return {
    last: largestSum(alike, figure),
    next: offeredOf(own) - largestSum(alike, offeredOf(own) - figure - 1),
  }
}

function alikeOf(own: readonly Option[]): readonly Alike[] {
  const classes = [...new Set(own.map((option) => option.class))]
  return classes.map(({ weight, bags }) => ({ weight, count: bags.length }))
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
  return Math.max(1, figures.reduce(divisor, 0))
}
