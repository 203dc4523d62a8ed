import type {
  Component,
  ShortagePhase,
  ShortageReason,
  StockStanding,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import { shortagePhases, stockStandings } from '../../schema/vocabulary.ts'
import { type BagFacts, keeperOf } from './bag.ts'
import type { BloodGroup } from './compatibility.ts'
import { groupedBy } from './grouped-by.ts'
import type { Keeping } from './transfer/promise.ts'

const dayMs = 86_400_000

export type StockPolicy = {
  readonly version: number
  /** Where each band of expiry ends, ms from now, inclusive, rising. What expires after the last is a band of its own. */
  readonly bandsMs: Readonly<Record<Component, readonly number[]>>
  /** Days of cover are told only where use is known from so many days and bags. */
  readonly cover: { readonly leastDays: number; readonly leastBags: number }
  /** Below so many days of cover a phase begins; null where nobody keeps days of it. */
  readonly shortage: Readonly<
    Record<Component, { readonly amberDays: number; readonly redDays: number } | null>
  >
}

/** Where a bag was sent and has not been taken in yet. */
export const underWay = ['distributed', 'in_transit', 'arrived'] as const
const isUnderWay: ReadonlySet<string> = new Set(underWay)

/**
 * What a bag on a shelf, or on its way to it, is to whoever counts the stock. Ready is what could be handed out now: what
 * `findingsOfStock` finds nothing against, and whose cold chain is shown to be whole. Each bag is one thing only: what
 * speaks against it comes before whom it is kept for, and what could be given to nobody is not coming.
 */
export function standingOf(bag: BagFacts, keeping: Keeping, now: number): StockStanding {
  if (now >= bag.expiresAt) return 'expired'
  if (bag.holds.length > 0) return 'held'
  if (isUnderWay.has(bag.state)) return 'coming'
  if (bag.state !== 'available' || !bag.group) return 'waiting'
  if (!bag.isForAnybody) return 'special'
  if (keeping !== 'OK') return 'unproven'
  const keeper = keeperOf(bag, now)
  if (keeper) return keeper.patient === null ? 'promised' : 'reserved'
  return 'ready'
}

/** In which band a bag in date expires: 0 for the first, which is never empty of time. */
export function bandOf(ends: readonly number[], expiresAt: number, now: number): number {
  return ends.filter((end) => end < expiresAt - now).length
}

/** A kind of blood that is counted together. */
export type StockKind = {
  readonly component: Component
  readonly group: BloodGroup | null
  /** Null of bags of which nobody knows how much they hold. */
  readonly uom: UnitOfMeasure | null
}

/** Bags of one kind and standing at one place, those that are ready by the band they expire in. */
export type StockCount = StockKind & {
  readonly facilityId: number
  readonly standing: StockStanding
  readonly band: number | null
  readonly bags: number
  readonly amount: number
  readonly firstExpiry: number
  /** When the first of them is reserved or promised no more; null of others. */
  readonly firstFree: number | null
}

export type KeptLevel = StockKind & {
  readonly facilityId: number
  readonly target: number
  readonly minimum: number
  readonly critical: number
}

/** What was given, thrown away or expired, and since when, in the time that is looked back on. */
export type Use = StockKind & {
  readonly facilityId: number
  readonly amount: number
  readonly bags: number
  readonly firstAt: number
}

export type Counted = { readonly bags: number; readonly amount: number }

export type StockCell = StockKind & {
  readonly facilityId: number
  /** What could be handed out now, and in which bands it expires. */
  readonly ready: Counted
  readonly bands: readonly Counted[]
  /** All else there is of it, by what it is. */
  readonly apart: readonly (Counted & { readonly standing: Exclude<StockStanding, 'ready'> })[]
  readonly perDay: number | null
  readonly coverDays: number | null
  readonly level: KeptLevel | null
  readonly phase: ShortagePhase
  readonly reasons: readonly ShortageReason[]
}

/**
 * What there is of each kind of blood, how long it lasts and how short it is: of all that is there, is kept or was used, so
 * that what has run out is told, too. The worst comes first.
 */
export function overviewOf(
  {
    counts,
    levels,
    used,
    at,
  }: {
    readonly counts: readonly StockCount[]
    readonly levels: readonly KeptLevel[]
    readonly used: readonly Use[]
    readonly at: number
  },
  policy: StockPolicy,
): readonly StockCell[] {
  const keyOf = ({ facilityId, component, group, uom }: StockKind & { readonly facilityId: number }) =>
    [facilityId, component, group?.abo, group?.rhd, uom].join()
  const [countsOf, levelOf, usesOf] = [
    groupedBy(counts, keyOf),
    groupedBy(levels, keyOf),
    groupedBy(used, keyOf),
  ]
  const kinds = new Map([...counts, ...levels, ...used].map((one) => [keyOf(one), one]))
  const cells = [...kinds].map(([key, { facilityId, component, group, uom }]): StockCell => {
    const mine = countsOf.get(key) ?? []
    const ready = mine.filter(({ standing }) => standing === 'ready')
    const ends = policy.bandsMs[component]
    const bands = [...ends, null].map((_, band) => sumOf(ready.filter((one) => one.band === band)))
    const perDay = perDayOf(usesOf.get(key) ?? [], at, policy)
    const coverDays = perDay === null || uom === null ? null : coverOf(bands, ends, perDay)
    const level = levelOf.get(key)?.[0] ?? null
    return {
      ...{ facilityId, component, group, uom, ready: sumOf(ready), bands, perDay, coverDays, level },
      apart: stockStandings.flatMap((standing) => {
        if (standing === 'ready') return []
        const some = sumOf(mine.filter((one) => one.standing === standing))
        return some.bags > 0 ? [{ standing, ...some }] : []
      }),
      ...phaseOf({ component, ready: sumOf(ready).amount, level, coverDays }, policy),
    }
  })
  const rank = (phase: ShortagePhase) => shortagePhases.indexOf(phase)
  return cells.sort((a, b) => rank(a.phase) - rank(b.phase) || (keyOf(a) < keyOf(b) ? -1 : 1))
}

/** The same of all places together, as if they were one. What each keeps for itself is no level of all. */
export function togetherOf(
  {
    counts,
    used,
    at,
  }: { readonly counts: readonly StockCount[]; readonly used: readonly Use[]; readonly at: number },
  policy: StockPolicy,
): readonly StockCell[] {
  const one = { facilityId: 0 }
  return overviewOf(
    {
      counts: counts.map((count) => ({ ...count, ...one })),
      used: used.map((use) => ({ ...use, ...one })),
      levels: [],
      at,
    },
    policy,
  )
}

/**
 * What is used in a day, on average since it was first used in the time that is looked back on: of a place that began a
 * week ago a month would make too little. Of what is used seldom that makes a little too much, and so too few days. Null
 * where that is too short a time, or were too few bags: no figure is better than one that is made up.
 */
export function perDayOf(
  uses: readonly Pick<Use, 'amount' | 'bags' | 'firstAt'>[],
  at: number,
  { cover }: Pick<StockPolicy, 'cover'>,
): number | null {
  const [bags, amount] = [sum(uses.map((one) => one.bags)), sum(uses.map((one) => one.amount))]
  const days = (at - Math.min(...uses.map(({ firstAt }) => firstAt))) / dayMs
  return bags < cover.leastBags || days < cover.leastDays || amount <= 0 ? null : amount / days
}

/**
 * For how many days the bands last, used evenly and the first to expire first: what is ready by what is used in a day, but
 * of what expires within a day no more than a day, however much there is.
 */
export function coverOf(bands: readonly Counted[], ends: readonly number[], perDay: number): number {
  let days = 0
  for (const [band, { amount }] of bands.entries()) {
    const end = (ends[band] ?? Number.POSITIVE_INFINITY) / dayMs
    days = Math.max(days, Math.min(end, days + amount / perDay))
  }
  return days
}

/**
 * How short it is: by what the site keeps, where it keeps any, and by how long it lasts, where that is known; the worse of
 * the two. A site whose minimum is 0 has said that it keeps none, which is no shortage.
 */
export function phaseOf(
  {
    component,
    ready,
    level,
    coverDays,
  }: {
    readonly component: Component
    readonly ready: number
    readonly level: Pick<KeptLevel, 'minimum' | 'critical'> | null
    readonly coverDays: number | null
  },
  { shortage }: Pick<StockPolicy, 'shortage'>,
): { readonly phase: ShortagePhase; readonly reasons: readonly ShortageReason[] } {
  const limits = shortage[component]
  const found: [ShortagePhase, ShortageReason][] = []
  if (level && level.minimum > 0) {
    if (ready <= level.critical) found.push(['red', 'at_critical'])
    else if (ready < level.minimum) found.push(['amber', 'below_minimum'])
    else found.push(['green', 'minimum_kept'])
  }
  if (limits && coverDays !== null) {
    if (coverDays < limits.redDays) found.push(['red', 'few_days_red'])
    else if (coverDays < limits.amberDays) found.push(['amber', 'few_days_amber'])
    else found.push(['green', 'days_enough'])
  }
  const phase = shortagePhases.find((one) => found.some(([is]) => is === one))
  if (!phase) return { phase: 'unknown', reasons: ['nothing_to_go_by'] }
  return { phase, reasons: found.flatMap(([is, reason]) => (is === phase ? [reason] : [])) }
}

/**
 * When this is no longer so though nothing happens: a bag comes into another band, expires or is free again. Null where
 * time alone changes nothing.
 */
export function changesAt(
  counts: readonly StockCount[],
  { bandsMs }: Pick<StockPolicy, 'bandsMs'>,
): number | null {
  const moments = counts.flatMap(({ component, standing, band, firstExpiry, firstFree }) => {
    if (standing === 'expired') return []
    const sooner = band === null || band === 0 ? 0 : (bandsMs[component][band - 1] ?? 0)
    return [firstExpiry - sooner, ...(firstFree === null ? [] : [firstFree])]
  })
  return moments.length === 0 ? null : moments.reduce((first, one) => Math.min(first, one))
}

function sumOf(some: readonly Counted[]): Counted {
  return {
    bags: sum(some.map(({ bags }) => bags)),
    amount: Math.round(sum(some.map(({ amount }) => amount)) * 100) / 100,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
