import type { DeviceKind, Side } from '../../schema/vocabulary.ts'
import { compareReadings, type LimitsAt, type Reading, sideOf } from './series.ts'
import { merged } from './spans.ts'

/** A reading, and whether its time can be believed (its device's clock was not in doubt). */
export type TimedReading = Reading & { readonly timeVerified: boolean }

export type Span = { readonly from: number; readonly to: number }

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

/**
 * Which probe speaks for a bag in each part of its custody: the load probe from its first reading on, and until then the
 * one in the air. Without either, nothing does. Which one it is does not hang on whether it is to be believed: where it is
 * not, the other does not take its place.
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

/** Part of a custody that was outside its limits, or that no reading speaks for, or none that is to be believed. */
export type Stretch = Span & {
  readonly kind: Side | 'unverified' | 'probe_fault'
  /** Hundredths of a degree Celsius; null where nothing was measured. */
  readonly coldest: number | null
  readonly warmest: number | null
}

/** What one reading says of a custody: how long it holds there, how warm it was, and is its probe to be believed? */
type Piece = Span & { readonly centi: number; readonly side: Side | null; readonly isDoubted: boolean }

/**
 * What readings say of a bag that was with their probe in [from, to): custody ∩ step function. Each reading holds from
 * its own time to the next one's, or for no time at all where the next is more than `maxSilence` away. `to` must not lie
 * after `asOf`, up to which the last reading may hold. A reading whose time cannot be believed ends the one before it
 * and breaks no silence.
 *
 * Where the probe is not to be believed, what it told within limits is doubted. What it told outside them stays measured:
 * a bag may really have been as warm as a broken probe says, and of two wrong answers that is the safe one.
 *
 * @param readings of the probe, in any order: those in custody, the last one before it and the first one after it
 * @param faults when the probe is not to be believed
 */
function piecesOf(
  readings: readonly TimedReading[],
  custody: Span,
  limitsAt: LimitsAt,
  asOf: number,
  faults: readonly Span[] = [],
): Piece[] {
  const doubted = merged(faults.filter(({ from, to }) => from < custody.to && to > custody.from))
  const ordered = [...readings].sort(compareReadings)
  const nextBelieved = whenBelievedNext(ordered, asOf)
  const pieces: Piece[] = []
  ordered.forEach(({ at, centi, timeVerified }, index) => {
    if (!timeVerified) return
    const limits = limitsAt(at)
    const next = ordered[index + 1]?.at ?? asOf
    const heardAgain = nextBelieved[index] as number
    const holdsUntil = heardAgain - at > limits.maxSilenceMs ? at : next
    const from = Math.max(at, custody.from)
    const to = Math.min(holdsUntil, custody.to)
    const isMeasuredThere = at >= custody.from && at < custody.to
    if (to <= from && !isMeasuredThere) return
    const side = sideOf(centi, limits)
    const piece = { from, to: Math.max(from, to), centi, side, isDoubted: false }
    if (side !== null || doubted.length === 0) pieces.push(piece)
    else pieces.push(...partsOf(piece, doubted))
  })
  return pieces
}

/** A piece, those parts of it apart that lie in one of these spans, which are merged. */
function partsOf(piece: Piece, doubted: readonly Span[]): Piece[] {
  if (piece.from === piece.to) {
    const isDoubted = doubted.some(({ from, to }) => from <= piece.from && piece.from < to)
    return [{ ...piece, isDoubted }]
  }
  const parts: Piece[] = []
  let done = piece.from
  for (const span of doubted) {
    const from = Math.max(span.from, piece.from)
    const to = Math.min(span.to, piece.to)
    if (from >= to) continue
    if (done < from) parts.push({ ...piece, from: done, to: from })
    parts.push({ ...piece, from, to, isDoubted: true })
    done = to
  }
  if (done < piece.to) parts.push({ ...piece, from: done })
  return parts
}

/** What `piecesOf` is asked by. */
type Told = Parameters<typeof piecesOf>

/**
 * The exposure of a bag in a custody, by what `piecesOf` tells: what no reading holds for is unverified, and so is what is
 * doubted, which has no share in the extremes either.
 */
export function exposureOf(...told: Told): Exposure {
  return exposureBy(piecesOf(...told), told[1])
}

/**
 * The stretches of a custody that were not within limits, by ascending `from`, each as long as it lasted: outside on one
 * side, also for no time at all before a silence, or spoken for by no reading, or by none that is to be believed.
 */
export function stretchesOf(...told: Told): Stretch[] {
  return stretchesBy(piecesOf(...told), told[1])
}

/** Both, by pieces that are made once. */
export function accountOf(...told: Told): {
  readonly exposure: Exposure
  readonly stretches: readonly Stretch[]
} {
  const pieces = piecesOf(...told)
  return { exposure: exposureBy(pieces, told[1]), stretches: stretchesBy(pieces, told[1]) }
}

function exposureBy(pieces: readonly Piece[], custody: Span): Exposure {
  let inRangeMs = 0
  let belowMs = 0
  let aboveMs = 0
  let wasOutside = false
  let coldest: number | null = null
  let warmest: number | null = null
  for (const { from, to, centi, side, isDoubted } of pieces) {
    if (isDoubted) continue
    coldest = Math.min(coldest ?? centi, centi)
    warmest = Math.max(warmest ?? centi, centi)
    if (side !== null) wasOutside = true
    if (side === 'low') belowMs += to - from
    else if (side === 'high') aboveMs += to - from
    else inRangeMs += to - from
  }
  const unverifiedMs = custody.to - custody.from - inRangeMs - belowMs - aboveMs
  return { inRangeMs, belowMs, aboveMs, unverifiedMs, wasOutside, coldest, warmest }
}

function stretchesBy(pieces: readonly Piece[], custody: Span): Stretch[] {
  const stretches: Stretch[] = []
  let spokenFor = custody.from
  let before: Stretch['kind'] | null = null
  for (const { from, to, centi, side, isDoubted } of pieces) {
    const isUnbroken = from <= spokenFor
    if (!isUnbroken) stretches.push(unspoken(spokenFor, from))
    spokenFor = Math.max(spokenFor, to)
    const last = stretches.at(-1)
    const kind: Stretch['kind'] | null = isDoubted ? 'probe_fault' : side
    const isMore = last !== undefined && kind === before && isUnbroken
    if (kind === 'probe_fault') {
      if (isMore) stretches[stretches.length - 1] = { ...last, to }
      else stretches.push({ kind, from, to, coldest: null, warmest: null })
    } else if (kind !== null && isMore) {
      const [coldest, warmest] = [last.coldest ?? centi, last.warmest ?? centi]
      const extremes = { coldest: Math.min(coldest, centi), warmest: Math.max(warmest, centi) }
      stretches[stretches.length - 1] = { ...last, to, ...extremes }
    } else if (kind !== null) stretches.push({ kind, from, to, coldest: centi, warmest: centi })
    before = kind
  }
  if (custody.to > spokenFor) stretches.push(unspoken(spokenFor, custody.to))
  return stretches.filter(({ kind, from, to }) => kind !== 'probe_fault' || from < to)
}

export function unspoken(from: number, to: number): Stretch {
  return { kind: 'unverified', from, to, coldest: null, warmest: null }
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
