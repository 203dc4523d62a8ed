import type { TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import {
  type Cut,
  coarseOptionsOf,
  type Lead,
  leadsOf,
  type Option,
  optionsOf,
  withoutDominated,
} from './candidates.ts'
import { nearestFirst } from './nearest-first.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { type IntegerProgram, programOf, type Terms } from './program.ts'
import { type Facts, factsOf, type Move, type Score, scoreOf } from './score.ts'
import type { Minimum, Solver, Solving } from './solver.ts'

/** A tier, what there is of it, and below what no plan gets that is as good in the tiers before it. */
export type TierValue = { readonly tier: TransferTier; readonly value: number; readonly bound: number }

export type Solved = {
  readonly moves: readonly Move[]
  readonly tiers: readonly TierValue[]
}

export type Best = Solved & {
  /**
   * The best plan with other journeys, of what is near enough for the best one; null where there is none, or it was not
   * asked for.
   */
  readonly secondBest: Solved | null
  readonly facts: Facts
  /** What it was chosen from. */
  readonly leads: readonly Lead[]
}

/** What `withoutDominated` goes by. */
const firstTiers: readonly TransferTier[] = [
  'unmet_emergency',
  'unmet_urgent',
  'unmet_routine',
  'reserve',
  'arrival',
]

export type PlanOptions = {
  /** How long it may take, about, for the best and for the second best each. */
  readonly limitMs: number
  readonly secondBest: boolean
  readonly cut?: Cut
}

/**
 * The best plan for all demands together: of all that break no rule the one with the least of the first tier, of those
 * the one with the least of the second, and so on, in whole numbers, proved tier by tier. Where the time ends first the
 * plan is one that breaks no rule, and its bounds say how far it may be from the best.
 *
 * @throws Error where the policy begins with other tiers
 */
export function planTransfers(
  problem: TransferProblem,
  solver: Solver,
  { limitMs, secondBest, cut = withoutDominated }: PlanOptions,
): Best {
  if (firstTiers.some((tier, at) => problem.policy.tiers[at] !== tier))
    throw new Error(`the tiers of policy ${problem.policy.version} must begin with ${firstTiers.join(', ')}`)
  const facts = factsOf(problem)
  const leads = cut(leadsOf(problem, facts), problem)
  const told = { problem, facts, solver, limitMs }
  const best = solve(leads, null, told)
  if (!secondBest || best.moves.length === 0) return { ...best, secondBest: null, facts, leads }
  const other = solve(leads, best, told)
  return { ...best, secondBest: other.moves.length > 0 ? other : null, facts, leads }
}

export function isProved({ tiers }: Solved): boolean {
  return tiers.every(({ value, bound }) => value === bound)
}

/** What the plan could be better by at most, of what it is, in the first tier that is not proved. */
export function gapOf({ tiers }: Solved): number {
  const open = tiers.find(({ value, bound }) => value > bound)
  return open ? (open.value - open.bound) / Math.max(1, Math.abs(open.value)) : 0
}

type Told = {
  readonly problem: TransferProblem
  readonly facts: Facts
  readonly solver: Solver
  readonly limitMs: number
}

/**
 * Tier by tier, where there is much to choose from in two stages: bags are told apart by their risk of expiring only where
 * that is what is minimised, and by then most of what could be sent is known not to be.
 *
 * @param other a plan whose journeys are not to be made again
 */
function solve(leads: readonly Lead[], other: Solved | null, told: Told): Solved {
  const { problem, facts } = told
  const { tiers: names } = problem.policy
  const riskAt = names.indexOf('expiry') < 0 ? names.length : names.indexOf('expiry')
  const coarse = coarseOptionsOf(leads)
  const begin = (options: readonly Option[]): Standing => {
    const moves = other ? [] : nearestFirst(problem, options)
    return { moves, score: scoreOf(problem, moves, facts), tiers: [] }
  }
  const stage = (standing: Standing, options: readonly Option[], upTo: number, share: number) =>
    advance(standing, options, upTo, other, { ...told, limitMs: share * told.limitMs })
  if (coarse.length <= fewOptions) {
    const options = optionsOf(leads, problem, facts)
    return stage(begin(options), options, names.length, coarseShare + fineShare)
  }
  const begun = stage(begin(coarse), coarse, riskAt, coarseShare)
  if (riskAt === names.length) return begun
  const open = new Set(begun.options.map(({ lead }) => lead))
  const left = leads.filter((lead) => open.has(lead))
  return stage(begun, optionsOf(left, problem, facts), names.length, fineShare)
}

/** Of the time there is, for the two stages; the rest is for finding out what may be sent. */
const coarseShare = 0.6
const fineShare = 0.25

/** A plan that breaks no rule, and the tiers it is the best in. */
type Standing = Solved & { readonly score: Score }

/** Minimise the next tiers, up to one, of the plans that are as good in those before. */
function advance(
  standing: Standing,
  options: readonly Option[],
  upTo: number,
  other: Solved | null,
  { problem, facts, solver, limitMs }: Told,
): Standing & { readonly options: readonly Option[] } {
  let { moves, score } = standing
  const tiers = [...standing.tiers]
  const every = programOf(problem, options)
  const program = other ? withOtherTrips(every, other) : every
  const solving = solver(program, limitMs)
  const useless = new Set<number>()
  try {
    for (const { tier, value } of tiers)
      solving.limit(program.tiers.get(tier) as Terms, value / unitOf(tier, program))
    for (const [place, tier] of problem.policy.tiers.entries()) {
      if (place < tiers.length || place >= upTo) continue
      const objective = program.tiers.get(tier) as Terms
      const unit = unitOf(tier, program)
      let bound = leastOf(objective, program) * unit
      if (tier === 'carrying') for (const row of program.tightening) solving.limit(row, row.atMost)
      if (amountOf(score, place) > bound) {
        const from = { moves, value: amountOf(score, place) / unit }
        const found = leastBy(solving, objective, from, program, useless)
        const foundMoves = found.values ? movesOf(found.values, program) : moves
        const foundScore = scoreOf(problem, foundMoves, facts)
        // What stands is kept where the solver came to nothing better, or its floating point was not quite right.
        if (isNoWorse(foundScore, score, place)) {
          moves = foundMoves
          score = foundScore
        }
        // A bound above a plan there is says that no plan is what one is: the solver is wrong, if only by its tolerances.
        const isBelievable = found.bound <= from.value + halfAUnit
        if (foundScore.violations.length === 0 && isBelievable)
          bound = Math.max(bound, Math.ceil(found.bound * unit - roundingSlack) + 0)
        else {
          // Nor is anything believed that was concluded from it.
          solving.allow([...useless], true)
          useless.clear()
        }
      }
      const value = amountOf(score, place)
      tiers.push({ tier, value, bound: Math.min(bound, value) })
      solving.limit(objective, value / unit)
    }
  } finally {
    solving.close()
  }
  return { moves, score, tiers, options: options.filter((_, at) => !useless.has(at)) }
}

/** Fewer options than this are not worth thinning out. */
const fewOptions = 300

/**
 * The least of an objective, of many columns by way of few. Whoever uses a column has at least the relaxed bound and what
 * that column is extra: where that is more than the least known, no best plan uses it, now or in a later tier, and it is
 * barred. First, to know a plan that is good, all are barred that are extra at all by much; those of them that might still
 * be in a better plan are allowed again, and it is solved once more.
 *
 * @param useless columns that are barred for good, which those that are found join
 */
function leastBy(
  solving: Solving,
  objective: Terms,
  standing: { readonly moves: readonly Move[]; readonly value: number },
  program: IntegerProgram,
  useless: Set<number>,
): Minimum {
  const nothing = { values: null, bound: Number.NEGATIVE_INFINITY }
  const open = [...program.options.keys()].filter((at) => !useless.has(at))
  const from = columnsOf(standing.moves, program)
  if (open.length <= fewOptions) return solving.minimise(objective, from) ?? nothing
  const relaxed = solving.relax(objective)
  if (!relaxed) return nothing
  const extra = (at: number) => relaxed.extra[at] ?? 0
  const above = (most: number) => open.filter((at) => relaxed.bound + extra(at) > most + barSlack)
  const ranked = open.map(extra).sort((a, b) => a - b)
  const usual = ranked[Math.min(ranked.length - 1, 2 * ranked.filter((one) => one <= barSlack).length)] ?? 0
  // What stands stays possible.
  const barred = above(Math.min(standing.value, relaxed.bound + usual)).filter((at) => !from.get(at))
  solving.allow(barred, false)
  const first = solving.minimise(objective, from)
  const least = first?.values ? Math.min(standing.value, sumOf(objective, first.values)) : standing.value
  for (const at of above(least)) useless.add(at)
  const again = barred.filter((at) => !useless.has(at))
  solving.allow(again, true)
  if (again.length === 0) return first ?? { values: null, bound: relaxed.bound }
  const second = solving.minimise(objective, first?.values ? wholeOptions(first.values, program) : from)
  return {
    values: second?.values ?? first?.values ?? null,
    bound: Math.max(relaxed.bound, second?.bound ?? relaxed.bound),
  }
}

/** Objectives are whole: what is so much above one is above it. */
const barSlack = 0.01

function sumOf({ indices, values }: Terms, of: ArrayLike<number>): number {
  return Math.round(indices.reduce((sum, at, place) => sum + (values[place] as number) * (of[at] ?? 0), 0))
}

/** How many bags each option sends in a plan. */
function columnsOf(moves: readonly Move[], { options }: IntegerProgram): ReadonlyMap<number, number> {
  const at = new Map<TransferBag, Map<TransferDemand, number>>()
  for (const [column, { class: of, demand }] of options.entries())
    for (const bag of of.bags) {
      const columns = at.get(bag) ?? new Map<TransferDemand, number>()
      at.set(bag, columns.set(demand, column))
    }
  const counts = new Map(options.map((_, column) => [column, 0]))
  for (const { bag, demand } of moves) {
    const column = at.get(bag)?.get(demand)
    if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1)
  }
  return counts
}

function wholeOptions(values: ArrayLike<number>, { options }: IntegerProgram): ReadonlyMap<number, number> {
  return new Map(options.map((_, column) => [column, Math.round(values[column] ?? 0)]))
}

/** Of what is whole in the program's unit nothing is so much above another and yet the same. */
const halfAUnit = 0.5

/** The solver's bound is a float, what it bounds is whole. */
const roundingSlack = 1e-4

/** Journeys are counted one by one, blood in the program's unit. */
function unitOf(tier: TransferTier, { unit }: IntegerProgram): number {
  return tier === 'carrying' ? 1 : unit
}

/** Less than this it cannot be, whatever is sent. */
function leastOf({ indices, values }: Terms, { upper }: IntegerProgram): number {
  return indices.reduce(
    (sum, at, place) => sum + Math.min(0, values[place] as number) * (upper[at] as number),
    0,
  )
}

function amountOf({ tiers }: Score, place: number): number {
  return tiers[place]?.value ?? 0
}

function isNoWorse(told: Score, standing: Score, place: number): boolean {
  return (
    told.violations.length === 0 &&
    standing.tiers.slice(0, place + 1).every(({ value }, at) => amountOf(told, at) <= value)
  )
}

/** Bags of a class are the same to all: the first to expire go first, to the most urgent. */
function movesOf(values: ArrayLike<number>, { options }: IntegerProgram): readonly Move[] {
  const counts = options.map((option, at) => ({ option, count: Math.round(values[at] ?? 0) }))
  return [
    ...groupedBy(
      counts.filter(({ count }) => count > 0),
      ({ option }) => option.class,
    ),
  ].flatMap(([{ bags }, sent]) => {
    const inLine = sent
      .toSorted((a, b) => a.option.demand.deadline - b.option.demand.deadline)
      .flatMap(({ option, count }) => Array.from({ length: count }, () => option.demand))
    return inLine.map((demand, place) => ({ bag: bags[place] as TransferBag, demand }))
  })
}

/** The same program without the plans that make the very journeys this one makes. */
function withOtherTrips(program: IntegerProgram, { moves }: Solved): IntegerProgram {
  const made = new Set(moves.map(({ bag, demand }) => `${bag.site}|${demand.site}`))
  const { trips } = program
  return {
    ...program,
    rows: [
      ...program.rows,
      // A journey nothing goes on is none.
      ...trips.map(({ column, options }) => ({
        indices: [column, ...options],
        values: [1, ...options.map(() => -1)],
        atMost: 0,
      })),
      {
        indices: trips.map(({ column }) => column),
        values: trips.map(({ key }) => (made.has(key) ? 1 : -1)),
        atMost: made.size - 1,
      },
    ],
  }
}
