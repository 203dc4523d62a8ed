import type { TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import { type Cut, type Option, optionsOf, withoutDominated } from './candidates.ts'
import type { TransferBag, TransferProblem } from './problem.ts'
import { type IntegerProgram, programOf, type Terms } from './program.ts'
import { type Ledger, ledgerOf, type Move, type Score, scoreOf } from './score.ts'
import type { Minimum, Solver } from './solver.ts'

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
  readonly ledger: Ledger
  /** What it was chosen from. */
  readonly options: readonly Option[]
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
  /** How long the solver may take, for the best and for the second best each. */
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
  const ledger = ledgerOf(problem)
  const options = optionsOf(problem, ledger.rooms, cut)
  const program = programOf(problem, options, ledger.rooms)
  const best = solve(program, problem, ledger, solver, limitMs)
  if (!secondBest || best.moves.length === 0) return { ...best, secondBest: null, ledger, options }
  const other = solve(withOtherTrips(program, best, ledger), problem, ledger, solver, limitMs)
  return { ...best, secondBest: other.moves.length > 0 ? other : null, ledger, options }
}

export function isProved({ tiers }: Solved): boolean {
  return tiers.every(({ value, bound }) => value === bound)
}

/** What the plan could be better by at most, of what it is, in the first tier that is not proved. */
export function gapOf({ tiers }: Solved): number {
  const open = tiers.find(({ value, bound }) => value > bound)
  return open ? (open.value - open.bound) / Math.max(1, Math.abs(open.value)) : 0
}

function solve(
  program: IntegerProgram,
  problem: TransferProblem,
  ledger: Ledger,
  solver: Solver,
  limitMs: number,
): Solved {
  let moves: readonly Move[] = []
  let score = scoreOf(problem, moves, ledger)
  const tiers: TierValue[] = []
  const solving = solver(program, limitMs)
  try {
    for (const [place, tier] of problem.policy.tiers.entries()) {
      const objective = program.tiers.get(tier) as Terms
      const unit = unitOf(tier, program)
      let bound = leastOf(objective, program) * unit
      if (amountOf(score, place) > bound) {
        const found = solving.minimise(objective)
        const told = found ? movesOf(found, program) : moves
        const toldScore = scoreOf(problem, told, ledger)
        // What stands is kept where the solver came to nothing better, or its floating point was not quite right.
        if (isNoWorse(toldScore, score, place)) {
          moves = told
          score = toldScore
        }
        if (found) bound = Math.max(bound, Math.ceil(found.bound * unit - roundingSlack) + 0)
      }
      const value = amountOf(score, place)
      tiers.push({ tier, value, bound: Math.min(bound, value) })
      solving.limit(objective, value / unit)
    }
  } finally {
    solving.close()
  }
  return { moves, tiers }
}

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
function movesOf({ values }: Minimum, { options }: IntegerProgram): readonly Move[] {
  const counts = options.map((option, at) => ({ option, count: Math.round(values[at] ?? 0) }))
  return [
    ...groupedBy(
      counts.filter(({ count }) => count > 0),
      ({ option }) => option.class,
    ),
  ].flatMap(([{ bags }, sent]) => {
    const inLine = sent
      .toSorted((a, b) => a.option.demand.deadline - b.option.demand.deadline)
      .flatMap(({ option, count }) => Array.from({ length: count }, () => option.demand.id))
    return inLine.map((demand, place) => ({ bag: (bags[place] as TransferBag).id, demand }))
  })
}

/** The same program without the plans that make the very journeys this one makes. */
function withOtherTrips(
  program: IntegerProgram,
  { moves }: Solved,
  { bags, demands }: Ledger,
): IntegerProgram {
  const made = new Set(moves.map(({ bag, demand }) => `${bags.get(bag)?.site}|${demands.get(demand)?.site}`))
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
