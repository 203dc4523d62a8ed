import type { DeviceKind } from '../../schema/vocabulary.ts'
import { compareReadings, type LimitsAt, type Reading, sideOf } from './series.ts'

/** A reading, and whether its time can be believed (its device's clock was not in doubt). */
export type TimedReading = Reading & { readonly timeVerified: boolean }

/** What a bag was exposed to in one place, in ms; hundredths of a degree Celsius where anything was measured. */
export type Exposure = {
  readonly inRangeMs: number
  readonly belowMs: number
  readonly aboveMs: number
  readonly unverifiedMs: number
  /** Was any reading of it outside? One before a silence holds for no time, and was measured all the same. */
  readonly wasOutside: boolean
  readonly coldest: number | null
  readonly warmest: number | null
}

export const nothing: Exposure = {
  inRangeMs: 0,
  belowMs: 0,
  aboveMs: 0,
  unverifiedMs: 0,
  wasOutside: false,
  coldest: null,
  warmest: null,
}

/**
 * The phase of a bag's life a container stands for: a transport box is a journey, whatever it stands on, and every other
 * device is storage, in an ambulance too.
 */
export function phaseIn(kind: DeviceKind): 'storage' | 'transport' {
  return kind === 'box' ? 'transport' : 'storage'
}

export type Span = { readonly from: number; readonly to: number }

/**
 * Which probe speaks for a bag in each part of its custody: the load probe from its first reading on, and until then the
 * one in the air. Without either, nothing does.
 */
export function speakersFor<Probe extends { readonly firstAt: number }>(
  load: Probe | undefined,
  air: Probe | undefined,
  { from, to }: Span,
): readonly (Span & { readonly probe: Probe | null })[] {
  if (!load || !air || load.firstAt <= from) return [{ probe: load ?? air ?? null, from, to }]
  if (load.firstAt >= to) return [{ probe: air, from, to }]
  return [
    { probe: air, from, to: load.firstAt },
    { probe: load, from: load.firstAt, to },
  ]
}

/** Of parts of one custody, together. */
export function sumOf(parts: readonly Exposure[]): Exposure {
  const total = (pick: (part: Exposure) => number) => parts.reduce((ms, part) => ms + pick(part), 0)
  return {
    inRangeMs: total(({ inRangeMs }) => inRangeMs),
    belowMs: total(({ belowMs }) => belowMs),
    aboveMs: total(({ aboveMs }) => aboveMs),
    unverifiedMs: total(({ unverifiedMs }) => unverifiedMs),
    wasOutside: parts.some(({ wasOutside }) => wasOutside),
    ...extremesOf(parts),
  }
}

export function extremesOf(parts: readonly Exposure[]): Pick<Exposure, 'coldest' | 'warmest'> {
  const cold = parts.map(({ coldest }) => coldest).filter((value) => value !== null)
  const warm = parts.map(({ warmest }) => warmest).filter((value) => value !== null)
  return {
    coldest: cold.length > 0 ? Math.min(...cold) : null,
    warmest: warm.length > 0 ? Math.max(...warm) : null,
  }
}

/**
 * The exposure of a bag that was with a probe in [from, to): custody ∩ step function. Each reading holds from its own
 * time to the next one's, or for no time at all where the next is more than `maxSilence` away; what no reading holds
 * for is unverified. `to` must not lie after `asOf`, up to which the last reading may hold. A reading whose time cannot
 * be believed ends the one before it and breaks no silence.
 *
 * @param readings of the probe, in any order: those in custody, the last one before it and the first one after it
 */
export function exposureOf(
  readings: readonly TimedReading[],
  custody: Span,
  limitsAt: LimitsAt,
  asOf: number,
): Exposure {
  const ordered = [...readings].sort(compareReadings)
  const nextBelieved = whenBelievedNext(ordered, asOf)
  let inRangeMs = 0
  let belowMs = 0
  let aboveMs = 0
  let wasOutside = false
  let coldest: number | null = null
  let warmest: number | null = null
  ordered.forEach((reading, index) => {
    const limits = limitsAt(reading.at)
    const next = ordered[index + 1]?.at ?? asOf
    const heardAgain = nextBelieved[index] as number
    const holdsUntil = heardAgain - reading.at > limits.maxSilenceMs ? reading.at : next
    const ms = Math.min(holdsUntil, custody.to) - Math.max(reading.at, custody.from)
    const measuredInside = reading.at >= custody.from && reading.at < custody.to
    if (!reading.timeVerified || (ms <= 0 && !measuredInside)) return
    coldest = Math.min(coldest ?? reading.centi, reading.centi)
    warmest = Math.max(warmest ?? reading.centi, reading.centi)
    const side = sideOf(reading.centi, limits)
    if (side !== null) wasOutside = true
    if (ms <= 0) return
    if (side === 'low') belowMs += ms
    else if (side === 'high') aboveMs += ms
    else inRangeMs += ms
  })
  const unverifiedMs = custody.to - custody.from - inRangeMs - belowMs - aboveMs
  return { inRangeMs, belowMs, aboveMs, unverifiedMs, wasOutside, coldest, warmest }
}

/** For each reading when the next one comes whose time is believed, or else the moment of asking. */
function whenBelievedNext(ordered: readonly TimedReading[], asOf: number): number[] {
  let next = asOf
  return ordered
    .toReversed()
    .map(({ at, timeVerified }) => {
      const after = next
      if (timeVerified) next = at
      return after
    })
    .reverse()
}
