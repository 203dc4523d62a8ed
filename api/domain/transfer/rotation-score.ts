import { groupedBy } from '../grouped-by.ts'
import type { TransferBag } from './problem.ts'
import {
  carryingOf,
  chanceOfUse,
  freeOf,
  type Line,
  type Lines,
  linesOf,
  shortFor,
  sum,
  weightIn,
  withBag,
  withoutBag,
} from './rotation-lines.ts'
import type { RotationMove, RotationProblem } from './rotation-problem.ts'

/** What a rotation is worth, in bags, and what it must not do, in words; none of one that may be carried out. */
export type RotationScore = {
  /** Bags that expire unused, on average, of all that are in the city now: if nobody moves anything, and with it. */
  readonly expireIfNothing: number
  readonly expire: number
  /** Bags that are lost on the way, on average. */
  readonly lost: number
  /** Patients more who find none where bags leave, on average, until the centre has filled up. */
  readonly short: number
  /** What the journeys and boxes cost. */
  readonly carrying: number
  /** What it saves less what it costs; doing nothing is 0. */
  readonly net: number
  readonly moves: readonly MoveScore[]
  readonly violations: readonly string[]
}

export type MoveScore = RotationMove & {
  /** How likely a patient gets it, if all others go and it stays; and where it goes. */
  readonly usedHere: number
  readonly usedThere: number
  /** Bags saved where it leaves, on average: itself, and those behind it. */
  readonly saved: number
  /** Bags wasted where it goes, on average, itself and those it stands before; lost on the way; and what patients count for who miss it. */
  readonly risk: { readonly expires: number; readonly lost: number; readonly short: number }
}

/**
 * What a rotation comes to, by the rules alone, whoever found it. All that are sent are taken to arrive, which makes the
 * lines where they go the longest; that one is lost counts beside.
 */
export function scoreRotation(
  problem: RotationProblem,
  moves: readonly RotationMove[],
  lines = linesOf(problem),
): RotationScore {
  const { rotation } = problem
  const violations: string[] = []
  const changed = new Map<Line, Line>()
  const now = (line: Line) => changed.get(line) ?? line
  const sent = new Map<TransferBag, { home: Line; goal: Line; to: string }>()
  for (const { bag, to } of moves) {
    const [home, goal, coming] = [lines.at(bag.site, bag), lines.at(to, bag), lines.coming(bag, to)]
    if (sent.has(bag)) violations.push(`bag ${bag.id} goes twice`)
    else if (!coming || !home) violations.push(`bag ${bag.id} may not go to ${to}`)
    else if (home.perDay === null || !goal || goal.perDay === null)
      violations.push(`nobody knows how much of bag ${bag.id} is used here and at ${to}`)
    else {
      changed.set(home, withoutBag(now(home), bag))
      changed.set(goal, withBag(now(goal), coming))
      sent.set(bag, { home, goal, to })
    }
  }
  for (const [, some] of groupedBy(sent.keys(), (bag) => lines.at(bag.site, bag) as Line)) {
    const drawn = sum(some.map((bag) => weightIn(bag, problem)))
    const [{ site }, free] = [some[0] as TransferBag, freeOf(some[0] as TransferBag, lines)]
    if (drawn > free) violations.push(`${site} gives too much: ${drawn} where ${free} is free`)
  }
  const taken = groupedBy(sent.keys(), (bag) => lines.at(bag.site, bag) as Line)
  const short = sum([...taken].map(([home, some]) => shortFor(home, some, problem, lines)))
  const lost = rotation.failPercent / 100
  const told = [...sent].map(([bag, { home, goal, to }]): MoveScore => {
    const [without, arrived] = [now(home), now(goal)]
    const staying = withBag(without, { ...waitingOf(home, bag), isComing: false })
    const [usedHere, usedThere] = [chanceOfUse(staying, bag, lines), chanceOfUse(arrived, bag, lines)]
    if (usedThere * 100 < rotation.leastUsedPercent) violations.push(`bag ${bag.id} may well expire at ${to}`)
    if (usedThere <= usedHere) violations.push(`bag ${bag.id} is no better off at ${to}`)
    const saved = lines.lossOf(staying) - lines.lossOf(without)
    const expires = lines.lossOf(arrived) - lines.lossOf(withoutBag(arrived, bag))
    const leaving = taken.get(home) ?? []
    const others = leaving.filter((one) => one !== bag)
    const missed = shortFor(home, leaving, problem, lines) - shortFor(home, others, problem, lines)
    return { bag, to, usedHere, usedThere, saved, risk: { expires, lost, short: rotation.short * missed } }
  })
  const expireIfNothing = lossOfAll(lines.all(), lines)
  const expire = lossOfAll(lines.all().map(now), lines)
  const lostInAll = lost * sent.size
  const carrying = sum(
    [...groupedBy(sent.keys(), (bag) => `${bag.site}|${sent.get(bag)?.to}`).values()].map((bags) =>
      carryingOf(bags, problem),
    ),
  )
  const net = expireIfNothing - expire - lostInAll - rotation.short * short - carrying
  return { expireIfNothing, expire, lost: lostInAll, short, carrying, net, moves: told, violations }
}

/** Of what nobody knows the use of nothing is said. */
function lossOfAll(of: readonly Line[], lines: Lines): number {
  return sum(of.filter(({ perDay }) => perDay !== null).map((line) => lines.lossOf(line)))
}

function waitingOf({ waiting }: Line, bag: TransferBag) {
  const one = waiting.find((each) => each.bag === bag)
  if (!one) throw new Error(`bag ${bag.id} is not in its own line`)
  return one
}
