/** A sample of a patient's blood, as the policy of its time bounds it. Instants are ms UTC. */
export type Sample = {
  readonly id: string
  readonly collectedAt: number
  /** Transfused or pregnant shortly before, as was told; null where nobody knows. */
  readonly exposed: boolean | null
  /** Who was transfused since then may have made antibodies that are not in it yet, or are still to come. */
  readonly exposureSince: number
  readonly shortUntil: number
  readonly longUntil: number
  readonly isRejected: boolean
}

/** For how long a sample may be relied on. */
export type SampleRule = {
  /** Of who was transfused or pregnant in the time before; ms from when it was taken. */
  readonly exposedMs: number
  readonly unexposedMs: number
  readonly lookBackMs: number
  readonly source: string
  readonly uncertain: readonly string[]
}

/** Days are 24 hours from when it was taken, which is never later than the end of a day of the calendar. */
export function boundsOf(
  { exposedMs, unexposedMs, lookBackMs }: SampleRule,
  collectedAt: number,
): Pick<Sample, 'exposureSince' | 'shortUntil' | 'longUntil'> {
  return {
    exposureSince: collectedAt - lookBackMs,
    shortUntil: collectedAt + exposedMs,
    longUntil: collectedAt + unexposedMs,
  }
}

/**
 * Until when it may be relied on, exclusive. Who does not know whether they were exposed counts as exposed; and so does who
 * was given a bag since, before or after it was taken.
 *
 * @param exposedAt when the patient was last given a bag, as far as is known here
 */
export function untilOf(
  { exposed, exposureSince, shortUntil, longUntil }: Sample,
  exposedAt: number | null,
): number {
  const isExposed = exposed !== false || (exposedAt !== null && exposedAt >= exposureSince)
  return isExposed ? shortUntil : longUntil
}

/** May it be relied on now: in [when it was taken, until). */
export function isValidSample(sample: Sample, exposedAt: number | null, now: number): boolean {
  return !sample.isRejected && sample.collectedAt <= now && now < untilOf(sample, exposedAt)
}

/**
 * Since when somebody should take another sample of a patient bags are kept for, for the one there is runs out or has; null
 * where it lasts. Where none ever was, nothing runs out: that a scan says.
 */
export function sampleEndingSince(until: number | null, now: number, endingMs: number): number | null {
  return until !== null && now >= until - endingMs ? until - endingMs : null
}
