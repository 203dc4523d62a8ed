import { type TransferTier, urgencies } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import type { Option } from './candidates.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { type IntegerProgram, programOf, type Terms } from './program.ts'
import { type Facts, type Move, type Score, scoreOf } from './score.ts'
import type { Minimum, Solver, Solving } from './solver.ts'

/** What is planned alone: what may be sent, and a plan of it that breaks no rule. */
export type Piece = {
  readonly problem: TransferProblem
  readonly options: readonly Option[]
  readonly moves: readonly Move[]
}

export type Least = {
  readonly moves: readonly Move[]
  /** Of the tier: below it no plan is that is as good in those before. */
  readonly bound: number
  /** Without those no best plan uses, neither of this tier nor of those that follow. */
  readonly options: readonly Option[]
}

/**
 * The least of one tier among the plans of a piece that are as good as its own in all tiers before.
 *
 * @param except a plan whose journeys are not to be made again
 */
export function leastOf(
  piece: Piece,
  place: number,
  {
    facts,
    solver,
    limitMs,
    except,
  }: {
    readonly facts: Facts
    readonly solver: Solver
    readonly limitMs: number
    readonly except: readonly Move[] | null
  },
): Least & { readonly value: number } {
  const { options } = piece
  const names = piece.problem.policy.tiers
  const tier = names[place] as TransferTier
  let { moves } = piece
  let score = scoreOf(piece.problem, moves, facts)
  const reserveAt = names.indexOf('reserve')
  // Where nothing need be drawn on reserves nothing may be any more.
  const isNotDrawn = reserveAt < place && amountOf(score, reserveAt) === 0
  const problem = isNotDrawn ? withoutReserves(piece.problem) : piece.problem
  const met = new Set(
    urgencies.filter((urgency) => {
      const at = names.indexOf(`unmet_${urgency}`)
      return at < place && amountOf(score, at) === 0
    }),
  )
  const every = programOf(problem, options, except ? names : names.slice(0, place + 1), met)
  const program = except ? withOtherTrips(every, except) : every
  const objective = program.tiers.get(tier) as Terms
  const unit = unitOf(tier, program)
  let bound = nothingBelow(objective, program) * unit
  const useless = new Set<number>()
  if (amountOf(score, place) > bound) {
    const until = solver.usedMs() + limitMs
    const asGood = names.slice(0, place).flatMap((name, before) => {
      const terms = program.tiers.get(name) as Terms
      return terms.indices.length > 0
        ? [{ ...terms, atMost: amountOf(score, before) / unitOf(name, program) }]
        : []
    })
    const solving = solver.open({ ...program, rows: [...program.rows, ...program.tightening, ...asGood] })
    try {
      const from = { moves, value: amountOf(score, place) / unit }
      const found = leastBy(solving, objective, from, program, useless, () => until - solver.usedMs())
      const foundMoves = found.values ? movesOf(found.values, program) : moves
      const foundScore = scoreOf(problem, foundMoves, facts)
      // A bound above a plan there is says that no plan is what one is: the solver is wrong, if only by its tolerances.
      const isBelievable = foundScore.violations.length === 0 && found.bound <= from.value + halfAUnit
      if (isBelievable) bound = Math.max(bound, Math.ceil(found.bound - roundingSlack) * unit + 0)
      // What stands is kept where the solver came to nothing better, or its floating point was not quite right.
      const isBetter = isNoWorse(foundScore, score, place)
      if (isBetter) {
        moves = foundMoves
        score = foundScore
      }
      // Nor is anything believed that was concluded from what is not.
      if (!isBelievable || !isBetter) useless.clear()
    } finally {
      solving.close()
    }
  }
  const value = amountOf(score, place)
  return {
    moves,
    value,
    bound: Math.min(bound, value),
    options: useless.size > 0 ? options.filter((_, at) => !useless.has(at)) : options,
  }
}

function withoutReserves(problem: TransferProblem): TransferProblem {
  return { ...problem, policy: { ...problem.policy, reserveFor: [] } }
}

/**
 * The least of an objective, of many columns by way of few. Whoever uses a column has at least the relaxed bound and what
 * that column is extra: where that is more than the least known, no best plan uses it, now or in a later tier, and it is
 * barred. Where what stands is no more than the relaxed bound, or what is relaxed is whole by itself, that is the least
 * already. Else, to know a plan that is good, all are barred first that are extra at all by much; those of them that might
 * still be in a better plan are allowed again, and it is solved once more.
 *
 * @param useless columns that are barred for good are put there
 */
function leastBy(
  solving: Solving,
  objective: Terms,
  standing: { readonly moves: readonly Move[]; readonly value: number },
  program: IntegerProgram,
  useless: Set<number>,
  leftMs: () => number,
): Minimum {
  const nothing = { values: null, bound: Number.NEGATIVE_INFINITY }
  const open = [...program.options.keys()]
  const from = columnsOf(standing.moves, program)
  const relaxed = solving.relax(objective, leftMs())
  if (!relaxed) return solving.minimise(objective, from, leftMs()) ?? nothing
  const below = wholeAbove(relaxed.bound)
  const extra = (at: number) => relaxed.extra[at] ?? 0
  const above = (most: number) => open.filter((at) => relaxed.bound + extra(at) > most + barSlack)
  const concluded = (least: number) => {
    for (const at of above(least)) useless.add(at)
  }
  if (standing.value <= below) {
    concluded(standing.value)
    return { values: null, bound: below }
  }
  if (relaxed.values && isWhole(relaxed.values, program)) {
    concluded(sumOf(objective, relaxed.values))
    return { values: relaxed.values, bound: below }
  }
  const ranked = open.map(extra).sort((a, b) => a - b)
  const usual = ranked[Math.min(ranked.length - 1, 2 * ranked.filter((one) => one <= barSlack).length)] ?? 0
  // What stands stays possible.
  const barred = above(Math.min(standing.value, relaxed.bound + usual)).filter((at) => !from.get(at))
  solving.allow(barred, false)
  const first = solving.minimise(objective, from, barred.length > 0 ? leftMs() / 2 : leftMs())
  const least = first?.values ? Math.min(standing.value, sumOf(objective, first.values)) : standing.value
  concluded(least)
  const again = barred.filter((at) => !useless.has(at))
  if (again.length === 0) return first ?? { values: null, bound: below }
  solving.allow(again, true)
  const second = solving.minimise(
    objective,
    first?.values ? wholeOptions(first.values, program) : from,
    leftMs(),
  )
  return {
    values: second?.values ?? first?.values ?? null,
    bound: Math.max(below, second?.bound ?? below),
  }
}

/** Objectives are whole: what is so much above one is above it. */
const barSlack = 0.01

/** The least whole number that a float is not above, but for its tolerance. */
function wholeAbove(bound: number): number {
  return Math.ceil(bound - barSlack)
}

/** All that must be whole is. */
function isWhole(values: ArrayLike<number>, program: IntegerProgram): boolean {
  return program.isWhole.every((is, at) => {
    const value = values[at] ?? 0
    return !is || Math.abs(value - Math.round(value)) < wholeSlack
  })
}
const wholeSlack = 1e-6

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
function nothingBelow({ indices, values }: Terms, { upper }: IntegerProgram): number {
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
function withOtherTrips(program: IntegerProgram, moves: readonly Move[]): IntegerProgram {
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
