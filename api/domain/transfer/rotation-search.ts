import { groupedBy } from '../grouped-by.ts'
import type { TransferBag } from './problem.ts'
import { byExpiry } from './risk.ts'
import {
  carryingOf,
  chanceOfUse,
  freeOf,
  type Line,
  type Lines,
  shortFor,
  sum,
  type Waiting,
  weightIn,
  withBag,
  withoutBag,
} from './rotation-lines.ts'
import type { RotationMove, RotationProblem } from './rotation-problem.ts'

/** Bags, and where they are to go; null: to stay. */
type Change = ReadonlyMap<TransferBag, string | null>

/** Two sites, and what of the first might go to the second. */
type Pair = { readonly from: string; readonly to: string; readonly bags: readonly TransferBag[] }

type Bundle = {
  readonly change: Change
  readonly gain: number
  /** The lines and the journeys it changes, as they then are. */
  readonly made: ReadonlyMap<Line, Line>
  readonly journeys: ReadonlyMap<string, readonly TransferBag[]>
}

/** Less than this is no gain: sums are floating point. */
const slack = 1e-9

/**
 * A good rotation: journey by journey, the one that saves the most first, then what can be had by dropping a bag or a
 * journey, sending a bag elsewhere or adding a journey, until nothing is. How long a line becomes changes what each of its
 * bags is worth, so that this is no linear program; but each step gains, so that it is never worse than doing nothing, and
 * in the end no single bag and no journey is better dropped.
 */
export function searchRotation(problem: RotationProblem, lines: Lines): readonly RotationMove[] {
  const { rotation } = problem
  const lost = rotation.failPercent / 100
  const homeOf = (bag: TransferBag) => lines.at(bag.site, bag) as Line
  const current = new Map<Line, Line>()
  const goals = new Map<TransferBag, string>()
  const carried = new Map<string, readonly TransferBag[]>()
  const barred = new Set<string>()
  const now = (line: Line) => current.get(line) ?? line

  const bags = lines
    .all()
    .filter((line) => line.perDay !== null && lines.lossOf(line) > lost + slack)
    .flatMap(({ waiting }) => waiting.map(({ bag }) => bag))
    .filter((bag) => bag.expiresAt - problem.at <= rotation.nearMs[bag.component])
    .toSorted(byExpiry)
  const bySite = groupedBy(bags, ({ site }) => site)
  const froms = [...bySite.keys()].sort()
  const tos = [...new Set(problem.sites.map(({ id }) => id))].sort()

  /** As it would arrive; undefined where that makes no sense, whatever else is sent. */
  const comings = new Map(
    bags.map((bag) => {
      const hours = homeOf(bag).waiting.find((one) => one.bag === bag)?.hours ?? 0
      const isLikelyIn = (life: number, perDay: number) =>
        (1 - Math.exp((-perDay * life) / 24)) * 100 >= rotation.leastUsedPercent
      const byPlace = new Map<string, Waiting>()
      for (const to of tos) {
        const perDay = lines.at(to, bag)?.perDay ?? 0
        if (perDay === 0 || !isLikelyIn(hours, perDay)) continue
        const coming = lines.coming(bag, to)
        if (coming && isLikelyIn(coming.hours, perDay)) byPlace.set(to, coming)
      }
      return [bag, byPlace]
    }),
  )
  const comingTo = (bag: TransferBag, to: string) => comings.get(bag)?.get(to)
  const pairs: readonly Pair[] = froms.flatMap((from) =>
    tos.flatMap((to) => {
      const some = (bySite.get(from) ?? []).filter((bag) => comingTo(bag, to))
      return some.length > 0 ? [{ from, to, bags: some }] : []
    }),
  )

  const stale = new Set(pairs)
  const bundles = new Map<Pair, Bundle | null>()

  /** What a change gains, and what it makes; null where it must not be. */
  const tried = (change: Change, isForced = false): Omit<Bundle, 'change'> | null => {
    const made = new Map<Line, Line>()
    const next = (line: Line) => made.get(line) ?? now(line)
    const journeys = new Map<string, readonly TransferBag[]>()
    const joining = (key: string) => journeys.get(key) ?? carried.get(key) ?? []
    let gain = 0
    for (const [bag, to] of change) {
      const before = goals.get(bag) ?? null
      const home = homeOf(bag)
      if (before !== null) {
        const goal = lines.at(before, bag) as Line
        made.set(goal, withoutBag(next(goal), bag))
        const key = `${bag.site}|${before}`
        journeys.set(
          key,
          joining(key).filter((one) => one !== bag),
        )
        gain += lost
        if (to === null) made.set(home, withBag(next(home), stayingAt(home, bag)))
      }
      if (to === null) continue
      const coming = comingTo(bag, to)
      if (!coming || barred.has(`${bag.id}|${to}`)) return null
      const goal = lines.at(to, bag) as Line
      if (before === null) made.set(home, withoutBag(next(home), bag))
      made.set(goal, withBag(next(goal), coming))
      const key = `${bag.site}|${to}`
      journeys.set(key, [...joining(key), bag])
      gain -= lost
    }
    for (const [line, one] of made) {
      if (line.waiting.length > 0) {
        if (leaves(line, one).weight > freeAt(line)) return null
        gain += rotation.short * (shortBy(line, now(line)) - shortBy(line, one))
      }
      if (!isForced && !one.waiting.every(isLikely(one))) return null
      gain += lines.lossOf(now(line)) - lines.lossOf(one)
    }
    for (const [key, some] of journeys)
      gain += carryingOf(carried.get(key) ?? [], problem) - carryingOf(some, problem)
    return { gain, made, journeys }
  }
  const isLikely = (line: Line) => {
    const chances = lines.chancesOf(line)
    return ({ isComing }: Waiting, at: number) =>
      !isComing || (1 - (chances[at] as number)) * 100 >= rotation.leastUsedPercent
  }
  const leaves = (line: Line, one: Line) => {
    const left = new Set(one.waiting.map(({ bag }) => bag))
    const gone = line.waiting.filter(({ bag }) => !left.has(bag))
    return { bags: gone.map(({ bag }) => bag), weight: sum(gone.map(({ bag }) => weightIn(bag, problem))) }
  }
  const shortBy = (line: Line, one: Line) =>
    line === one ? 0 : shortFor(line, leaves(line, one).bags, problem, lines)
  const freeAt = ({ waiting }: Line) => freeOf((waiting[0] as Waiting).bag, lines)

  const carryOut = ({ change, made, journeys }: Bundle) => {
    for (const [line, one] of made) current.set(line, one)
    for (const [key, some] of journeys) carried.set(key, some)
    const touched = new Set([...made.keys()].map(({ site }) => site))
    for (const pair of pairs) if (touched.has(pair.from) || touched.has(pair.to)) stale.add(pair)
    for (const [bag, to] of change)
      if (to === null) goals.delete(bag)
      else goals.set(bag, to)
  }

  /** The bags of a site that had best go to another together, one after another as each gains the most. */
  const bundleOf = ({ to, bags: some }: Pair): Bundle | null => {
    const isMade = some.some((bag) => goals.get(bag) === to)
    const homes = new Set(some.filter((bag) => !goals.has(bag)).map(homeOf))
    const atStake = sum([...homes].map((home) => lines.lossOf(now(home))))
    if (atStake - lost <= (isMade ? 0 : rotation.journey + rotation.box)) return null
    let best: Bundle | null = null
    let change: Change = new Map()
    let gain = Number.NEGATIVE_INFINITY
    for (;;) {
      let next: Bundle | null = null
      const seen = new Set<string>()
      for (const bag of some) {
        if (goals.has(bag) || change.has(bag)) continue
        if (lines.lossOf(now(homeOf(bag))) <= lost + slack) continue
        // Of bags that are the same to all the first goes first.
        const same = `${bag.expiresAt}|${bag.component}|${bag.group?.abo}|${bag.group?.rhd}|${bag.amount}|${bag.uom}`
        if (seen.has(same)) continue
        seen.add(same)
        const more = new Map(change).set(bag, to)
        const found = tried(more)
        if (found && found.gain > (next?.gain ?? Number.NEGATIVE_INFINITY) + slack)
          next = { change: more, ...found }
      }
      // A bag more must gain something, be it less than a new box costs: what comes after it may share it.
      if (!next || next.gain + rotation.box <= gain + slack) return best
      change = next.change
      gain = next.gain
      if (gain > (best?.gain ?? 0) + slack) best = next
    }
  }

  /**
   * Journeys, the best first, until none gains. What others change mostly makes a journey worth less: it is looked at again
   * when it comes to be the best, and all once more before there is none.
   */
  const addJourneys = (): boolean => {
    let added = false
    for (;;) {
      let best: Pair | null = null
      for (const pair of pairs)
        if ((bundles.get(pair)?.gain ?? 0) > ((best && bundles.get(best)?.gain) ?? 0) + slack) best = pair
      const again = best ? (stale.has(best) ? [best] : []) : [...stale]
      for (const pair of again) {
        bundles.set(pair, bundleOf(pair))
        stale.delete(pair)
      }
      if (again.length > 0) continue
      const bundle = best && bundles.get(best)
      if (!bundle) return added
      carryOut(bundle)
      added = true
    }
  }

  const take = (change: Change): boolean => {
    const found = tried(change)
    if (!found || found.gain <= slack) return false
    carryOut({ change, ...found })
    return true
  }

  /** One bag or one journey less, or a bag elsewhere. */
  const mend = (): boolean => {
    let mended = false
    const sent = () => [...goals.keys()].sort(byExpiry)
    for (const [, some] of groupedBy(sent(), (bag) => `${bag.site}|${goals.get(bag)}`))
      if (take(new Map(some.map((bag) => [bag, null])))) mended = true
    for (const bag of sent()) {
      const others = tos.filter((to) => to !== bag.site && to !== goals.get(bag) && comingTo(bag, to))
      for (const to of [null, ...others]) if (take(new Map([[bag, to]]))) mended = true
    }
    return mended
  }

  /** What goes must be better off than if it stayed while all others go. */
  const keepAtHome = (): boolean => {
    let kept = false
    for (const bag of [...goals.keys()].sort(byExpiry)) {
      const to = goals.get(bag) as string
      const home = homeOf(bag)
      const staying = withBag(now(home), stayingAt(home, bag))
      const there = chanceOfUse(now(lines.at(to, bag) as Line), bag, lines)
      const isLikelyThere = there * 100 >= rotation.leastUsedPercent
      if (isLikelyThere && there > chanceOfUse(staying, bag, lines)) continue
      const change = new Map([[bag, null]])
      const found = tried(change, true)
      if (found) carryOut({ change, ...found })
      barred.add(`${bag.id}|${to}`)
      kept = true
    }
    return kept
  }

  for (;;) {
    const added = addJourneys()
    const mended = mend()
    const kept = keepAtHome()
    if (!added && !mended && !kept) break
  }
  return [...goals].map(([bag, to]) => ({ bag, to })).sort((a, b) => byExpiry(a.bag, b.bag))
}

function stayingAt({ waiting }: Line, bag: TransferBag): Waiting {
  return waiting.find((one) => one.bag === bag) as Waiting
}
