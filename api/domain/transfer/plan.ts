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
import { leastOf } from './least.ts'
import { nearestFirst } from './nearest-first.ts'
import { piecesOf } from './pieces.ts'
import type { TransferProblem } from './problem.ts'
import { type Facts, factsOf, type Move, scoreOf } from './score.ts'
import type { Solver } from './solver.ts'

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
 * Tier by tier, each piece alone: what is found to be useless in one tier leaves smaller pieces to the next. What is not
 * proved stays one piece, for there a little more of one tier here might be less of it there. Bags are told apart by their
 * risk of expiring only where that is what is minimised, and by then most of what could be sent is known not to be.
 *
 * @param other a plan whose journeys are not to be made again: all is one piece then
 */
function solve(leads: readonly Lead[], other: Solved | null, told: Told): Solved {
  const { problem, facts, solver, limitMs } = told
  const names = problem.policy.tiers
  const endMs = solver.usedMs() + limitMs
  const except = other?.moves ?? null
  let options = coarseOptionsOf(leads)
  let moves = other ? [] : nearestFirst(problem, options)
  let open: readonly (readonly Option[])[] = []
  const tiers: TierValue[] = []
  for (const [place, tier] of names.entries()) {
    if (tier === 'expiry') {
      const left = new Set(options.map(({ lead }) => lead))
      options = optionsOf(
        leads.filter((lead) => left.has(lead)),
        problem,
        facts,
      )
    }
    const before = amountOf(problem, moves, facts, place)
    // Nothing is less than nothing, but where what is sent may save what would expire.
    if (before === 0 && tier !== 'expiry') {
      tiers.push({ tier, value: 0, bound: 0 })
      continue
    }
    const pieces = other ? [options] : piecesOf(options, names.slice(0, place + 1), open)
    const own = groupedBy(moves, ({ demand }) => demand)
    const inTurn = pieces.toSorted((a, b) => a.length - b.length)
    const share = place === names.length - 1 ? 1 : shareOfTier
    const untilMs = solver.usedMs() + (endMs - solver.usedMs()) * share
    const solved = inTurn.map((some, at) => {
      const demands = [...new Set(some.map(({ demand }) => demand))]
      const piece = {
        problem: { ...problem, demands },
        options: some,
        moves: demands.flatMap((demand) => own.get(demand) ?? []),
      }
      const after = inTurn.slice(at).reduce((sum, { length }) => sum + length, 0)
      const pieceMs = (untilMs - solver.usedMs()) * Math.max(some.length / after, leastShareOfPiece)
      return leastOf(piece, place, { facts, solver, limitMs: pieceMs, except })
    })
    const inPieces = new Set(options.map(({ demand }) => demand))
    const found = [
      ...moves.filter(({ demand }) => !inPieces.has(demand)),
      ...solved.flatMap((piece) => piece.moves),
    ]
    const value = amountOf(problem, found, facts, place)
    const missed = solved.reduce((sum, piece) => sum + piece.value - piece.bound, 0)
    moves = found
    options = solved.flatMap((piece) => piece.options)
    open = solved.flatMap((piece) => (piece.value > piece.bound ? [piece.options] : []))
    tiers.push({ tier, value, bound: value - missed })
  }
  return { moves, tiers }
}

/** Of the time that is left each tier may take so much: the first count most. */
const shareOfTier = 0.6

/** Small pieces come first and are soon done, but not in no time. */
const leastShareOfPiece = 0.5

function amountOf(problem: TransferProblem, moves: readonly Move[], facts: Facts, place: number): number {
  return scoreOf(problem, moves, facts).tiers[place]?.value ?? 0
}
