import type { ExcursionEnd, Side } from '../../schema/vocabulary.ts'

/**
 * One ruling measurement of one probe. `at` is event time, ms UTC; `raw` the device's own time, where a clock fact sets
 * the two apart; `centi` hundredths of a degree Celsius.
 */
export type Reading = {
  readonly at: number
  readonly raw?: number
  readonly boot: string
  readonly centi: number
}

/** Inclusive limits in hundredths of a degree Celsius, and the longest time a reading may stand for, ms. */
export type Limits = { readonly low: number; readonly high: number; readonly maxSilenceMs: number }

/** The limits in force at an instant of event time. */
export type LimitsAt = (at: number) => Limits

/** Nothing was heard in [from, to). */
export type Gap = { readonly from: number; readonly to: number }

/** Outside the limits in [from, to); `to` and `ended` are null while it lasts. Zero length is possible and counts. */
export type Excursion = {
  readonly side: Side
  readonly from: number
  readonly to: number | null
  readonly ended: ExcursionEnd | null
  readonly coldest: number
  readonly warmest: number
  /** Distinct readings outside. */
  readonly readings: number
}

/** All that must be remembered of a series to go on: its ends and the excursion still open at the last reading. */
export type SeriesState = {
  readonly firstAt: number
  readonly last: Reading
  readonly open: Excursion | null
}

/** What a series showed: its gaps and its excursions, the ended ones and, last, the one still open. */
export type Findings = { readonly gaps: readonly Gap[]; readonly excursions: readonly Excursion[] }

/**
 * Readings of one probe are ordered by event time, then boot; never by arrival. Two of one boot that clock facts bring
 * to one instant stand in the order the device told them in, by its own time, of which no two are the same.
 */
export function compareReadings(a: Reading, b: Reading): number {
  return compareMoments(a, b) || (a.raw ?? a.at) - (b.raw ?? b.at)
}

function compareMoments(a: Reading, b: Reading): number {
  return a.at - b.at || (a.boot < b.boot ? -1 : a.boot > b.boot ? 1 : 0)
}

/** Does a reading surely come after the last one of a series? Of that one the device's own time is not remembered. */
export function follows(last: Reading, reading: Reading): boolean {
  return compareMoments(last, reading) < 0
}

export function sideOf(centi: number, limits: Limits): Side | null {
  return centi < limits.low ? 'low' : centi > limits.high ? 'high' : null
}

/**
 * Take the series one reading further, adding the gap and the excursion it ends to `found`. Whether there was a gap is
 * judged by the setting in force at its earlier end; whether a reading is outside, by the limits at its own event time.
 */
export function advance(
  state: SeriesState | null,
  reading: Reading,
  limitsAt: LimitsAt,
  found: { gaps: Gap[]; excursions: Excursion[] },
): SeriesState {
  const side = sideOf(reading.centi, limitsAt(reading.at))
  let open = state?.open ?? null
  if (state && reading.at - state.last.at > limitsAt(state.last.at).maxSilenceMs) {
    if (open) found.excursions.push({ ...open, to: state.last.at, ended: 'gap' })
    open = null
    found.gaps.push({ from: state.last.at, to: reading.at })
  }
  if (open && open.side !== side) {
    found.excursions.push({ ...open, to: reading.at, ended: side === null ? 'inside' : 'other_side' })
    open = null
  }
  if (side) open = open ? extend(open, reading.centi) : begin(side, reading)
  return { firstAt: state?.firstAt ?? reading.at, last: reading, open }
}

function begin(side: Side, { at, centi }: Reading): Excursion {
  return { side, from: at, to: null, ended: null, coldest: centi, warmest: centi, readings: 1 }
}

function extend(open: Excursion, centi: number): Excursion {
  return {
    ...open,
    coldest: Math.min(open.coldest, centi),
    warmest: Math.max(open.warmest, centi),
    readings: open.readings + 1,
  }
}

/** Fold readings, already in order, onto a state. */
export function derive(
  from: SeriesState | null,
  readings: Iterable<Reading>,
  limitsAt: LimitsAt,
): Findings & { readonly state: SeriesState | null } {
  const found = { gaps: [] as Gap[], excursions: [] as Excursion[] }
  let state = from
  for (const reading of readings) state = advance(state, reading, limitsAt, found)
  if (state?.open) found.excursions.push(state.open)
  return { ...found, state }
}

/** An interval of silence as of a moment; `open` where no reading bounds it on that side. */
export type GapAsOf = Gap & { readonly open: boolean }

/**
 * The open gaps of a series as of `asOf`: before its first reading, back to when the probe could first have reported,
 * and after its last one, once it has been silent for longer than `maxSilence`.
 */
export function openGaps(
  state: Pick<SeriesState, 'firstAt' | 'last'> | null,
  inServiceFrom: number,
  asOf: number,
  limitsAt: LimitsAt,
): readonly GapAsOf[] {
  if (!state) return inServiceFrom < asOf ? [{ from: inServiceFrom, to: asOf, open: true }] : []
  const gaps: GapAsOf[] = []
  const heardFrom = Math.min(state.firstAt, asOf)
  if (inServiceFrom < heardFrom) gaps.push({ from: inServiceFrom, to: heardFrom, open: true })
  if (isSilent(state.last, asOf, limitsAt)) gaps.push({ from: state.last.at, to: asOf, open: true })
  return gaps
}

/** The excursion open at the last reading as it stands at `asOf`: a silence that has lasted too long has ended it. */
export function openExcursion(state: SeriesState | null, asOf: number, limitsAt: LimitsAt): Excursion | null {
  if (!state?.open) return null
  return isSilent(state.last, asOf, limitsAt)
    ? { ...state.open, to: state.last.at, ended: 'gap' }
    : state.open
}

/** Has a probe that was last heard at `at` been silent for too long at `asOf`? */
export function isSilent({ at }: Pick<Reading, 'at'>, asOf: number, limitsAt: LimitsAt): boolean {
  return asOf - at > limitsAt(at).maxSilenceMs
}

/**
 * Of two values at one reading identity the one further from the middle of the limits rules, and of two equally far
 * the higher: an unsure probe is believed where it is worse. True where `a` rules over `b`.
 */
export function rules(a: number, b: number, limits: Limits): boolean {
  return (fromMiddle(a, limits) - fromMiddle(b, limits) || a - b) > 0
}

function fromMiddle(centi: number, { low, high }: Limits): number {
  return Math.abs(centi - (low + high) / 2)
}

/** A value told for a reading identity: by which message of its boot, and the event time that message gives it. */
export type Claim = { readonly at: number; readonly seq: number; readonly centi: number }

/**
 * Settle all that was told for one reading identity, in whatever order it came. Of equal values the earliest message
 * stands for all. Clock facts may give messages of one boot different times, so each value is held against the limits
 * at its own event time; the one furthest from their middle rules, of equally far ones the highest.
 *
 * @param claims at least one
 */
export function settle<T extends Claim>(
  claims: readonly T[],
  limitsAt: LimitsAt,
): { readonly ruling: T; readonly overruled: readonly T[] } {
  const values = new Map<number, T>()
  for (const claim of claims) {
    const same = values.get(claim.centi)
    if (!same || claim.seq < same.seq) values.set(claim.centi, claim)
  }
  const [ruling, ...overruled] = [...values.values()].sort(
    (a, b) => fromMiddle(b.centi, limitsAt(b.at)) - fromMiddle(a.centi, limitsAt(a.at)) || b.centi - a.centi,
  )
  if (!ruling) throw new Error('nothing was told that could be settled')
  return { ruling, overruled }
}
