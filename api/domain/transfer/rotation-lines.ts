import type { BloodGroup } from '../compatibility.ts'
import { groupedBy } from '../grouped-by.ts'
import { type Cells, cellsOf, everything } from './cells.ts'
import { chancesOfExpiring } from './expiring.ts'
import { offerOf } from './filters.ts'
import type { TransferBag, TransferPolicy, TransferProblem } from './problem.ts'
import { weightOf, wholeOf } from './problem.ts'
import { byExpiry, chanceOfAtLeast } from './risk.ts'
import type { RotationLevel, RotationPolicy, RotationProblem } from './rotation-problem.ts'

/** What waits at one site of one component, group and unit, the first to expire first. */
export type Line = {
  readonly site: string
  /** Bags given to patients in a day; null where nobody knows, and then nothing is said of it. */
  readonly perDay: number | null
  readonly waiting: readonly Waiting[]
}

/** @param hours that it can be used in there, begun ones not counted */
export type Waiting = { readonly bag: TransferBag; readonly hours: number; readonly isComing: boolean }

/** What is found out once of a problem. */
export type Lines = {
  readonly cells: Cells
  /** What is there now, and where the bag would be at another site; undefined of what cannot be sorted. */
  at(site: string, bag: TransferBag): Line | undefined
  all(): readonly Line[]
  /** Per bag of the line how likely it expires there unused. */
  chancesOf(line: Line): readonly number[]
  /** Bags of the line that expire unused, on average. */
  lossOf(line: Line): number
  /** As it arrives at another site; null where it may not go there. */
  coming(bag: TransferBag, to: string): Waiting | null
  minutes(bag: TransferBag, to: string): number | null
}

const hourMs = 3_600_000

export function linesOf(problem: RotationProblem): Lines {
  const { at, sites, levels, policy, rotation } = problem
  const cells = cellsOf({ ...problem, demands: [] }, everything(problem))
  const places = new Map(sites.map(({ id }, place) => [id, place]))
  const lines = new Map<string, Map<string, Line>>()
  const bagWeights = new Map<string, number>()
  for (const [sort, some] of groupedBy(cells.all, ({ bags }) => sortOf(bags[0] as TransferBag)))
    bagWeights.set(sort, sum(some.map(({ stock }) => stock)) / sum(some.map(({ bags }) => bags.length)))

  const perDayOf = (sort: string, { usedPerDay, ...level }: RotationLevel) => {
    const weight = usedPerDay === null ? null : weightOf({ ...level, amount: usedPerDay }, policy)
    const bag = bagWeights.get(sort)
    return weight === null || !bag ? null : weight / bag
  }
  const put = (site: string, sort: string, line: Line) => {
    const bySite = lines.get(sort) ?? new Map<string, Line>()
    lines.set(sort, bySite.set(site, line))
  }
  for (const level of levels) {
    const sort = sortOf({ ...level, group: level })
    put(level.site, sort, { site: level.site, perDay: perDayOf(sort, level), waiting: [] })
  }
  const sorts = new Map<TransferBag, string>()
  for (const { site, bags } of cells.all) {
    const sort = sortOf(bags[0] as TransferBag)
    for (const bag of bags) sorts.set(bag, sort)
    const waiting = bags.toSorted(byExpiry).map((bag) => ({ bag, hours: hoursOf(bag, at), isComing: false }))
    put(site, sort, { ...(lines.get(sort)?.get(site) ?? { site, perDay: null }), waiting })
  }
  // Sums are floating point: in the same order they are the same.
  const inOrder = [...lines.keys()].sort().flatMap((sort) => {
    const bySite = lines.get(sort) ?? new Map<string, Line>()
    return [...bySite.keys()].sort().map((site) => bySite.get(site) as Line)
  })

  const known = new Map<string, readonly number[]>()
  const chancesOf = ({ perDay, waiting }: Line) => {
    const hours = waiting.map((one) => one.hours)
    const key = `${perDay}|${hours.join()}`
    const found = known.get(key) ?? chancesOfExpiring(hours, perDay ?? 0)
    known.set(key, found)
    return found
  }

  const offers = new Map<TransferBag, Map<string, { minutes: number; waiting: Waiting | null } | null>>()
  const offerAt = (bag: TransferBag, to: string) => {
    const place = places.get(bag.site) ?? -1
    const way = { minutes: problem.minutesTo.get(to)?.[place] ?? null, boxes: sites[place]?.boxes ?? null }
    const offer = offerOf(bag, sameAt(to, bag), way, at, policy)
    if (typeof offer === 'string') return null
    const hours = hoursOf(bag, at + offer.minutes * 60_000)
    const isNear = bag.expiresAt - at <= rotation.nearMs[bag.component]
    return { minutes: offer.minutes, waiting: isNear ? { bag, hours, isComing: true } : null }
  }
  const offerOnce = (bag: TransferBag, to: string) => {
    const byPlace = offers.get(bag) ?? new Map()
    offers.set(bag, byPlace)
    if (!byPlace.has(to)) byPlace.set(to, offerAt(bag, to))
    return byPlace.get(to) as ReturnType<typeof offerAt>
  }
  return {
    cells,
    at: (site, bag) => lines.get(sorts.get(bag) ?? '')?.get(site),
    all: () => inOrder,
    chancesOf,
    lossOf: (line) => sum(chancesOf(line)),
    coming: (bag, to) => offerOnce(bag, to)?.waiting ?? null,
    minutes: (bag, to) => offerOnce(bag, to)?.minutes ?? null,
  }
}

/** A demand for the very same blood, whenever it comes: so that the filters of transfers say what may travel. */
export function sameAt(site: string, { component, group, amount, uom }: TransferBag) {
  return {
    ...{ id: '', request: '', site, component: wholeOf(component), group: group ?? { abo: null, rhd: null } },
    ...{ rhdPositiveAllowed: false, requires: [], amount: amount ?? 0, uom: uom ?? ('dose' as const) },
    ...{ deadline: Number.POSITIVE_INFINITY, urgency: 'routine' as const },
  }
}

function hoursOf({ expiresAt }: TransferBag, at: number): number {
  return Math.max(0, Math.floor((expiresAt - at) / hourMs))
}

export function sortOf({
  component,
  group,
  uom,
}: Pick<TransferBag, 'component' | 'uom'> & { readonly group: BloodGroup | null }): string {
  return [component, group?.abo, group?.rhd, uom].join()
}

export function withBag(line: Line, one: Waiting): Line {
  const place = line.waiting.findIndex(
    ({ bag, hours }) => hours > one.hours || (hours === one.hours && byExpiry(bag, one.bag) > 0),
  )
  const waiting = line.waiting.toSpliced(place < 0 ? line.waiting.length : place, 0, one)
  return { ...line, waiting }
}

export function withoutBag(line: Line, bag: TransferBag): Line {
  return { ...line, waiting: line.waiting.filter((one) => one.bag !== bag) }
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** How likely a patient gets a bag of the line. */
export function chanceOfUse(line: Line, bag: TransferBag, { chancesOf }: Lines): number {
  const place = line.waiting.findIndex((one) => one.bag === bag)
  return place < 0 ? 0 : 1 - (chancesOf(line)[place] as number)
}

/** What a journey costs, and the boxes on it, in bags. */
export function carryingOf(
  bags: readonly TransferBag[],
  { rotation, policy }: { readonly rotation: RotationPolicy; readonly policy: TransferPolicy },
): number {
  if (bags.length === 0) return 0
  return rotation.journey + rotation.box * boxesOf(bags, policy)
}

export function boxesOf(bags: readonly TransferBag[], { boxOf, boxes }: TransferPolicy): number {
  const kinds = groupedBy(bags, ({ component }) => boxOf[component])
  return sum([...kinds].map(([kind, inside]) => Math.ceil(inside.length / boxes[kind].bags)))
}

/** Of the stock of its cell nothing leaves that lies below the minimum: so much may, hundredths of a mL. */
export function freeOf(bag: TransferBag, { cells }: Lines): number {
  return cells.of(bag)?.free ?? 0
}

export function weightIn(bag: TransferBag, { policy }: Pick<TransferProblem, 'policy'>): number {
  return weightOf(bag, policy) ?? Number.POSITIVE_INFINITY
}

/**
 * Patients more who find none, on average, because these bags of a line left it before the centre fills the site up again.
 * Whoever would have missed a bag once it had expired, until the centre came, does not count: that it expires is as likely
 * as if nothing is moved. What is on its way does not count either, and one use more might have been in the days that what
 * is used is known from.
 */
export function shortFor(
  line: Line,
  taken: readonly TransferBag[],
  { at, refill, rotation }: RotationProblem,
  lines: Lines,
): number {
  if (taken.length === 0) return 0
  const { waiting, perDay } = line
  const chances = lines.chancesOf(line)
  const perMs = (perDay ?? 0) / (24 * hourMs)
  const atMost = perMs + 1 / (rotation.knownFromDays * 24 * hourMs)
  const gone = waiting.map((one, place) => ({ ...one, place })).filter(({ bag }) => taken.includes(bag))
  return sum(
    gone.map(({ bag, place }, before) => {
      const left = waiting.length - before
      const now = chanceOfAtLeast(left, atMost * Math.max(0, refill.at - at))
      const then = chanceOfAtLeast(left, perMs * untilRefill(bag.expiresAt, refill))
      return Math.max(0, now - (chances[place] as number) * then)
    }),
  )
}

function untilRefill(from: number, { at, everyMs }: RotationProblem['refill']): number {
  return (((at - from) % everyMs) + everyMs) % everyMs
}
