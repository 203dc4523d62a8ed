import type { Side } from '../../../schema/vocabulary.ts'
import type { Actor } from '../../domain/actor.ts'
import {
  derive,
  type Excursion,
  type Findings,
  type LimitsAt,
  type SeriesState,
  sideOf,
} from '../../domain/series.ts'
import { appendAudit } from '../../stores/audit.ts'
import type { Transaction } from '../../stores/database.ts'
import {
  excursionAround,
  type FindingsChange,
  findingsFrom,
  type StoredExcursion,
  type StoredGap,
} from '../../stores/derived.ts'
import type { Device } from '../../stores/devices.ts'
import { rederiveFaultsFrom } from '../../stores/probe-faults.ts'
import { readingsBetween, readingsJustBefore } from '../../stores/readings.ts'

export type Derivable = {
  readonly probeId: number
  readonly device: Pick<Device, 'name' | 'clockFacts'>
  readonly limitsAt: LimitsAt
}

const minute = 60_000
const beginning = -8_640_000_000_000_000
const end = 8_640_000_000_000_000

/**
 * Derive again what readings that came late, changed their value or moved in time touch, and nothing else. It begins
 * at the last reading before them whose state is known (one inside the limits, or the start of the excursion it is
 * part of) and ends at the first one inside the limits after them: from there on nothing can differ. Where what is
 * believed does not fit the readings, the whole probe is derived again from them, and the audit trail tells. Its faults
 * are derived again by and by.
 *
 * @param touched event times, inclusive, of every reading that is new or has changed, before and after the change
 * @param state as of before the change
 */
export async function rederive(
  tx: Transaction,
  derivable: Derivable,
  state: SeriesState | null,
  touched: { readonly from: number; readonly to: number },
  now: number,
): Promise<{ state: SeriesState | null; change: FindingsChange }> {
  const { probeId, device, limitsAt } = derivable
  await rederiveFaultsFrom(tx, probeId, touched.from)
  const sound = await startBefore(tx, derivable, touched.from)
  const start = sound ?? wholeSeries
  const { readings, synchronised } = await readingsFrom(
    tx,
    derivable,
    start.foldFrom,
    sound ? touched.to : end,
    state,
  )

  const found = derive(start.base, readings, limitsAt)
  const until = synchronised ? (readings.at(-1)?.at ?? end) : end
  const old = await findingsFrom(tx, probeId, start.replaceFrom, until)

  const firstAt = start.known ? (state?.firstAt ?? readings[0]?.at) : readings[0]?.at
  const tail = synchronised ? state : found.state
  const change = difference(probeId, old, found)
  if (!sound) {
    await appendAudit(tx, rederivation, {
      at: now,
      action: 'device.findings_mended',
      subjectKind: 'device',
      subject: device.name,
      after: { probeId, superseded: change.superseded, added: change.added },
      reason: 'what was believed of the probe did not fit its readings: all of it was derived again',
    })
  }
  return { state: tail && firstAt !== undefined ? { ...tail, firstAt } : null, change }
}

type Start = {
  readonly base: SeriesState | null
  readonly foldFrom: number
  readonly replaceFrom: number
  /** There are readings before it, so the series begins where it did. */
  readonly known: boolean
}

const wholeSeries: Start = { base: null, foldFrom: beginning, replaceFrom: beginning, known: false }
const rederivation: Actor = { kind: 'job', id: 'rederivation' }

/**
 * Where to begin: the state to fold onto, the first reading to fold, and the earliest finding that may change. Null
 * where a reading is outside its limits and no excursion that is believed holds it.
 */
async function startBefore(
  tx: Transaction,
  derivable: Derivable,
  touchedFrom: number,
): Promise<Start | null> {
  const { probeId, limitsAt } = derivable
  const facts = derivable.device.clockFacts
  // Readings that share an instant are taken together, or the order of their boots would be cut in two.
  let group = await readingsJustBefore(tx, probeId, facts, touchedFrom)
  while (group.length > 1)
    group = await readingsJustBefore(tx, probeId, facts, (group[0] as { at: number }).at)
  const [previous] = group
  if (!previous) return wholeSeries
  const side = sideOf(previous.centi, limitsAt(previous.at))
  if (side === null) {
    const base: SeriesState = { firstAt: previous.at, last: previous, open: null }
    return { base, foldFrom: previous.at + 1, replaceFrom: previous.at, known: true }
  }
  const around = await excursionAround(tx, probeId, previous.at)
  if (!around || !holds(around, previous.at, side)) return null
  const beginners = await readingsBetween(tx, probeId, facts, around.from, around.from + 1)
  if (beginners.length > 1) return startBefore(tx, derivable, around.from)
  return { base: null, foldFrom: around.from, replaceFrom: around.from, known: true }
}

/** An excursion a gap ended holds its last reading; any other ended at a reading that is no longer its own. */
function holds({ side, to, ended }: StoredExcursion, at: number, of: Side): boolean {
  return side === of && (to === null || at < to || (at === to && ended === 'gap'))
}

/** The readings to fold: up to the first one inside the limits after `touchedTo`, or all there are. */
async function readingsFrom(
  tx: Transaction,
  { probeId, device, limitsAt }: Derivable,
  from: number,
  touchedTo: number,
  state: SeriesState | null,
) {
  const newest = Math.max(state?.last.at ?? beginning, touchedTo)
  for (let reach = 10 * minute; ; reach *= 8) {
    const to = touchedTo + reach
    const readings = await readingsBetween(tx, probeId, device.clockFacts, from, to)
    const settled = readings.findIndex((reading, index) => {
      const next = readings[index + 1]
      const isInside = sideOf(reading.centi, limitsAt(reading.at)) === null
      return reading.at > touchedTo && isInside && next !== undefined && next.at > reading.at
    })
    if (settled >= 0) return { readings: readings.slice(0, settled + 1), synchronised: true }
    if (to > newest) return { readings, synchronised: false }
  }
}

function difference(
  probeId: number,
  old: { gaps: readonly StoredGap[]; excursions: readonly StoredExcursion[] },
  found: Findings,
): FindingsChange {
  const gaps = compare(old.gaps, found.gaps, ({ from, to }) => `${from}/${to}`)
  const excursions = compare(old.excursions, found.excursions, signature)
  return {
    probeId,
    superseded: { gaps: gaps.gone, excursions: excursions.gone },
    openEnded: false,
    added: { gaps: gaps.added, excursions: excursions.added },
  }
}

/** What of `old` is not found any more, and what is found that was not there, like matched with like one to one. */
function compare<T>(
  old: readonly (T & { readonly id: number })[],
  found: readonly T[],
  key: (one: T) => string,
) {
  const left = new Map<string, number[]>()
  for (const row of old) left.set(key(row), [...(left.get(key(row)) ?? []), row.id])
  const added = found.filter((one) => left.get(key(one))?.pop() === undefined)
  return { gone: [...left.values()].flat(), added }
}

/** Two findings with one signature are the same; the extremes of an open one are still running, so they do not count. */
function signature({ side, from, to, ended, coldest, warmest, readings }: Excursion): string {
  return to === null ? `${side}/${from}` : [side, from, to, ended, coldest, warmest, readings].join('/')
}
