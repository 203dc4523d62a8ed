import type { RotationReason } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import { boxesOf, type Line, linesOf, sum } from './rotation-lines.ts'
import type { RotationProblem } from './rotation-problem.ts'
import { type MoveScore, type RotationScore, scoreRotation } from './rotation-score.ts'
import { searchRotation } from './rotation-search.ts'

export type Rotation = {
  readonly journeys: readonly RotationJourney[]
  /** What it comes to, with what expires if nobody moves anything beside it. */
  readonly score: Omit<RotationScore, 'moves' | 'violations'>
}

/** All that goes from one site to another. */
export type RotationJourney = {
  readonly from: string
  readonly to: string
  /** From picking until the last is in hand, at the 80th percentile. */
  readonly minutes: number
  readonly boxes: number
  /** What its bags save, less what they risk. */
  readonly saved: number
  readonly moves: readonly ProposedMove[]
}

export type ProposedMove = MoveScore & { readonly reasons: readonly RotationReason[] }

/**
 * Which bags near their expiry had best go to another site of the city today, so that they are used. A move is proposed
 * only where it saves more than it risks: that it expires there all the same, that others do which it stands before, that
 * it is lost on the way, and what the journey costs. No donor falls below its minimum; what is not known, of a bag, of its
 * way or of what is used a day, speaks against it. The same facts give the same proposal, in whatever order they come.
 */
export function proposeRotation(problem: RotationProblem): Rotation {
  const lines = linesOf(problem)
  const found = searchRotation(problem, lines)
  const { moves, violations, ...score } = scoreRotation(problem, found, lines)
  if (violations.length > 0) throw new Error(`a rotation breaks a rule: ${violations.join('; ')}`)
  const journeys = [...groupedBy(moves, ({ bag, to }) => `${bag.site} ${to}`).values()].map((some) => {
    const { bag, to } = some[0] as MoveScore
    return {
      ...{ from: bag.site, to },
      minutes: Math.max(...some.map((move) => lines.minutes(move.bag, to) ?? 0)),
      boxes: boxesOf(
        some.map((move) => move.bag),
        problem.policy,
      ),
      saved: sum(some.map(netOf)),
      moves: some.map((move) => ({
        ...move,
        reasons: reasonsFor(move, lines.at(bag.site, move.bag), problem),
      })),
    }
  })
  return { journeys, score }
}

function netOf({ saved, risk }: MoveScore): number {
  return saved - risk.expires - risk.lost - risk.short
}

function reasonsFor(
  move: MoveScore,
  home: Line | undefined,
  { rotation }: RotationProblem,
): readonly RotationReason[] {
  const hours = home?.waiting.find(({ bag }) => bag === move.bag)?.hours ?? 0
  const atBest = 1 - Math.exp((-(home?.perDay ?? 0) * hours) / 24)
  const isSeldom = atBest * 100 < rotation.leastUsedPercent
  const expiresHere = 1 - move.usedHere
  return [
    isSeldom ? 'seldom_used_here' : 'others_before_it',
    ...(move.saved > 2 * expiresHere ? (['makes_room'] as const) : []),
    // Alone it would not be worth its way.
    ...(netOf(move) <= rotation.journey + rotation.box ? (['same_journey'] as const) : []),
  ]
}
