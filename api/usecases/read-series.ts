import type { ProbeKind } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import {
  derive,
  type Excursion,
  type GapAsOf,
  isSilent,
  type LimitsAt,
  openExcursion,
  openGaps,
} from '../domain/series.ts'
import { endedExcursionsBetween, gapsBetween, readProbeState } from '../stores/derived.ts'
import { findDevice, probesOf } from '../stores/devices.ts'
import { isBehind } from '../stores/outbox.ts'
import { readingsBetween } from '../stores/readings.ts'
import type { Bucket } from '../stores/telemetry.ts'

/** A probe and a part of event time. Without bounds: from when the device went into service, up to `asOf`. */
export type SeriesQuery = {
  readonly device: string
  readonly probe: ProbeKind
  readonly from?: number | undefined
  readonly to?: number | undefined
  /**
   * The moment of asking: only readings up to it count, and what is open is open as of then. Where it is not said: now,
   * and a reading of a clock that runs a little ahead counts as well.
   */
  readonly asOf?: number | undefined
}

/** Which of many findings: the newest `limit` of those that begin before `before`. Without bounds: all. */
export type PageQuery = { readonly before?: number | undefined; readonly limit?: number | undefined }

type Bounds = { readonly from: number; readonly to: number; readonly asOf: number }

/** `next` is what older findings begin `before`; null where there are none. */
type Page = Bounds & { readonly next: number | null }

/**
 * The gaps that touch the range, oldest first: silence is never left out, not even before the first reading. As of a
 * moment before the last reading they are told as they stood then: a gap that a later reading bounds was open, once it
 * had lasted longer than `maxSilence`.
 */
export async function readGaps(
  deps: Pick<Deps, 'database' | 'now'>,
  query: SeriesQuery & PageQuery,
): Promise<Page & { readonly gaps: readonly GapAsOf[] }> {
  const { bounds, until, probeId, state, isPast, inServiceFrom, limitsAt } = await series(deps, query)
  const { from, asOf } = bounds
  const stored =
    probeId === null ? [] : await gapsBetween(deps.database.db, probeId, from, until, enoughFor(query))
  const bounded = stored.map((gap) => ({ ...gap, open: false }))
  const then = isPast ? bounded.flatMap((gap) => asItStood(gap, asOf, limitsAt)) : bounded
  const gaps = [...then, ...openGaps(state, inServiceFrom, asOf, limitsAt)]
    .filter((gap) => gap.from < until && gap.to > from)
    .sort((a, b) => a.from - b.from)
  const { page, next } = newestOf(gaps, query)
  return { ...bounds, gaps: page, next }
}

/** How many stored findings a page is made of: one shows that it is not the last, one may not have stood as of then. */
function enoughFor({ limit }: PageQuery): number | undefined {
  return limit === undefined ? undefined : limit + 2
}

/** What begins in one instant is on one page, even where that makes it longer: between, no instant could be named. */
function newestOf<T extends { readonly from: number }>(
  findings: readonly T[],
  { limit = findings.length }: PageQuery,
): { readonly page: readonly T[]; readonly next: number | null } {
  const oldest = findings.at(-limit)
  const page = oldest ? findings.filter(({ from }) => from >= oldest.from) : findings
  return { page, next: oldest && page.length < findings.length ? oldest.from : null }
}

function asItStood(gap: GapAsOf, asOf: number, limitsAt: LimitsAt): GapAsOf[] {
  if (gap.to <= asOf) return [gap]
  return isSilent({ at: gap.from }, asOf, limitsAt) ? [{ from: gap.from, to: asOf, open: true }] : []
}

/**
 * The excursions that touch the range, oldest first, the open one as it stands at `asOf`. As of a moment before the
 * last reading the one that held then is open, with the extremes of its readings up to then; later ones are not told.
 */
export async function readExcursions(
  deps: Pick<Deps, 'database' | 'now'>,
  query: SeriesQuery & PageQuery,
): Promise<Page & { readonly excursions: readonly Excursion[] }> {
  const { db } = deps.database
  const { bounds, until, probeId, facts, state, isPast, limitsAt } = await series(deps, query)
  if (probeId === null || !state) return { ...bounds, excursions: [], next: null }
  const { from, asOf } = bounds
  const ended = await endedExcursionsBetween(db, probeId, from, until, enoughFor(query))
  const excursions: Excursion[] = []
  for (const one of isPast && state.open ? [...ended, state.open] : ended) {
    if (!isPast || hadEnded(one, asOf, limitsAt)) excursions.push(one)
    else if (one.from <= asOf) {
      const readings = await readingsBetween(db, probeId, facts, one.from, asOf + 1)
      const then = openExcursion(derive(null, readings, limitsAt).state, asOf, limitsAt)
      if (then) excursions.push(then)
    }
  }
  const open = isPast ? null : openExcursion(state, asOf, limitsAt)
  if (open) excursions.push(open)
  const { page, next } = newestOf(
    excursions.filter((one) => one.from < until && (one.to === null || one.to >= from)),
    query,
  )
  return { ...bounds, excursions: page, next }
}

/** A silence ends an excursion only once it has lasted too long; until then the excursion is open. */
function hadEnded({ to, ended }: Excursion, asOf: number, limitsAt: LimitsAt): boolean {
  return to !== null && to <= asOf && (ended !== 'gap' || isSilent({ at: to }, asOf, limitsAt))
}

/** Telemetry to look at, with the gaps beside the buckets, so that a line is never drawn across what is not known. */
export async function readWindow(
  deps: Pick<Deps, 'database' | 'now' | 'telemetry'>,
  query: SeriesQuery & { readonly from: number; readonly to: number; readonly everyMs: number },
): Promise<
  Bounds & {
    readonly buckets: readonly Bucket[]
    readonly gaps: readonly GapAsOf[]
    readonly delayed: boolean
  }
> {
  const { from, to, asOf, gaps } = await readGaps(deps, query)
  const { device, probe, everyMs } = query
  const delayed = await isDelayed(deps)
  const buckets = await deps.telemetry.window({ device, probe, from, to, everyMs })
  return { from, to, asOf, gaps, buckets, delayed }
}

/** Does the telemetry store lack readings it should have by now? Asked before it is, or they might come between. */
async function isDelayed({ database, telemetry, now }: Pick<Deps, 'database' | 'now' | 'telemetry'>) {
  return telemetry.isElsewhere && (await isBehind(database.db, now()))
}

type RawQuery = {
  readonly device: string
  readonly probe: ProbeKind
  readonly from: number
  readonly to: number
  readonly limit: number
}

type Raw = readonly { readonly at: number; readonly centi: number }[]

/** Single readings in order of event time, at most `limit`. */
export async function readRaw(deps: Pick<Deps, 'database' | 'telemetry'>, query: RawQuery): Promise<Raw> {
  await findDevice(deps.database.db, query.device)
  return deps.telemetry.raw(query)
}

/** As many boots as ever told the same instant. */
const mostAtOnce = 10_000

/**
 * A page of single readings, and the instant the next one begins at; null where this is the last. Readings that share
 * an instant are on one page, even where they alone are more than `limit`: between them no instant could be named.
 */
export async function readPage(
  deps: Pick<Deps, 'database' | 'now' | 'telemetry'>,
  query: RawQuery,
): Promise<{ readonly readings: Raw; readonly next: number | null; readonly delayed: boolean }> {
  const delayed = await isDelayed(deps)
  const found = await readRaw(deps, { ...query, limit: query.limit + 1 })
  const cut = found[query.limit]?.at
  if (cut === undefined) return { readings: found, next: null, delayed }
  const whole = found.filter(({ at }) => at < cut)
  if (whole.length > 0) return { readings: whole, next: cut, delayed }
  const together = await readRaw(deps, { ...query, from: cut, to: cut + 1, limit: mostAtOnce })
  const [after] = await readRaw(deps, { ...query, from: cut + 1, limit: 1 })
  return { readings: together, next: after?.at ?? null, delayed }
}

/**
 * The moment of asking.
 *
 * @throws Refusal `invalid_request` where it lies ahead: what has not happened yet would be told as if it had
 */
export function momentOf(asOf: number | undefined, now: number): number {
  if (asOf === undefined || asOf <= now) return asOf ?? now
  const [asked, is] = [asOf, now].map((at) => new Date(at).toISOString())
  throw new Refusal('invalid_request', `asOf ${asked} is still to come: it is ${is}`)
}

async function series(
  { database: { db }, now }: Pick<Deps, 'database' | 'now'>,
  query: SeriesQuery & PageQuery,
) {
  const device = await findDevice(db, query.device)
  const asOf = momentOf(query.asOf, now())
  const from = query.from ?? device.inServiceFrom
  const isWhole = query.from === undefined && query.to === undefined
  const bounds = { from, to: isWhole ? Math.max(from, asOf) : (query.to ?? asOf), asOf }
  if (bounds.from >= bounds.to && !isWhole) {
    throw new Refusal(
      'invalid_request',
      `from ${new Date(bounds.from).toISOString()} is not before to ${new Date(bounds.to).toISOString()}`,
    )
  }
  if (isWhole ? from > asOf : from >= asOf) {
    const [begins, asked] = [from, asOf].map((at) => new Date(at).toISOString())
    throw new Refusal('invalid_request', `from ${begins} is not before asOf ${asked}: nothing is known of it`)
  }
  const probe = (await probesOf(db, device.id)).find(({ kind }) => kind === query.probe)
  const state = probe ? await readProbeState(db, probe.id) : null
  const isPast = query.asOf !== undefined && state !== null && asOf < state.last.at
  return {
    bounds,
    /** What begins from then on is not told: it is beyond the range, on a newer page, or had not happened yet. */
    until: Math.min(bounds.to, query.before ?? bounds.to, isPast ? asOf + 1 : bounds.to),
    probeId: probe?.id ?? null,
    facts: device.clockFacts,
    state,
    /** Readings are known that the moment asked for does not count. */
    isPast,
    inServiceFrom: device.inServiceFrom,
    limitsAt: (at: number) => inForce(device.profiles, at),
  }
}
