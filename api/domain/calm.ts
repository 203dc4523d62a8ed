import type { Effective } from './effective.ts'
import type { Exposure, Span } from './exposure.ts'

/*
 * Most of what a bag lives through is calm: one probe spoke for it all the while, and never told anything but that it was
 * within its limits. That can be known without looking at the readings one by one.
 */

/** What a probe told in a custody, in short, as of one moment. */
export type Summary = {
  /** The first and the last reading its gaps are derived of. */
  readonly firstAt: number
  readonly lastAt: number
  /** Is there a gap of it in the custody, or a part of one? */
  readonly hasGap: boolean
  /** The last ruling readings at or before the beginning, all that share their instant. */
  readonly held: readonly { readonly at: number; readonly centi: number }[]
  /** Of the ruling readings in the custody; null where there are none. */
  readonly coldest: number | null
  readonly warmest: number | null
}

/** What judges a custody. */
export type Terms = {
  /** How the device was set, by which its gaps are derived, by ascending `from`. */
  readonly profiles: readonly (Effective & { readonly maxSilenceMs: number })[]
  /** Of the bag's own policy, by ascending `from`. */
  readonly versions: readonly (Effective & {
    readonly low: number
    readonly high: number
    readonly maxSilenceMs: number
  })[]
  /** When the probe is not to be believed. */
  readonly doubts: readonly Span[]
}

/** Is a summary worth asking for? Where not, none makes the custody calm. */
export function mayBeCalm({ from, to }: Span, { doubts, ...settings }: Terms): boolean {
  const isDoubted = doubts.some((doubt) => doubt.from < to && doubt.to > from)
  return from < to && !isDoubted && allowsNoLongerSilence(settings, { from, to })
}

/**
 * The exposure of a bag in a custody that was within limits from its first moment to its last: the same that `exposureOf`
 * finds, where `stretchesOf` finds nothing. Null says only that the readings must be looked at.
 *
 * A gap is derived of every two neighbours that are further apart than the device's setting allows. Where the bag allows
 * no less, and a reading held when the custody began, and no gap is in it, each held until the next; the last one held
 * beyond the end, or up to `asOf`. So all of it is spoken for, and what is left to ask is what was said.
 *
 * @param custody must not end after `asOf`, and no clock that dates its readings may be in doubt, or have been put right
 */
export function calmExposure(told: Summary, custody: Span, terms: Terms, asOf: number): Exposure | null {
  const { firstAt, lastAt, hasGap } = told
  const [held, another] = told.held
  // Which of two at one instant holds, the order of their boots decides.
  if (!held || another || hasGap || firstAt > custody.from || !mayBeCalm(custody, terms)) return null
  // What held when the bag came is judged by what was in force when it was told.
  const span = { from: held.at, to: custody.to }
  if (!allowsNoLongerSilence(terms, span)) return null
  const shortestMs = Math.min(...inForceIn(terms.profiles, span).map(({ maxSilenceMs }) => maxSilenceMs))
  if (lastAt < custody.to && asOf - lastAt > shortestMs) return null
  const coldest = Math.min(told.coldest ?? held.centi, held.centi)
  const warmest = Math.max(told.warmest ?? held.centi, held.centi)
  if (inForceIn(terms.versions, span).some(({ low, high }) => coldest < low || warmest > high)) return null
  const inRangeMs = custody.to - custody.from
  return { inRangeMs, belowMs: 0, aboveMs: 0, unverifiedMs: 0, wasOutside: false, coldest, warmest }
}

/** Is every silence that is too long for the bag too long for the device as well? */
function allowsNoLongerSilence({ profiles, versions }: Omit<Terms, 'doubts'>, span: Span): boolean {
  const longestMs = Math.max(...inForceIn(profiles, span).map(({ maxSilenceMs }) => maxSilenceMs))
  return inForceIn(versions, span).every(({ maxSilenceMs }) => longestMs <= maxSilenceMs)
}

/** All that were in force at some time of a span: what `inForce` finds at any of its instants. */
function inForceIn<T extends Effective>(versions: readonly T[], { from, to }: Span): readonly T[] {
  return versions.filter((version, index) => {
    const next = versions[index + 1]
    return (index === 0 || version.from < to) && (next === undefined || next.from > from)
  })
}
