import type { CauseRule } from './facts.ts'
import { noiseOf, olderHalf, quantile, type Sample, within } from './sample.ts'
import { type Swing, swingsOf, usualRate } from './swings.ts'

/** What is usual with a probe: between its highest and lowest lie four fifths of its older readings. Hundredths. */
type Usual = {
  readonly middle: number
  readonly highest: number
  readonly fall: number
  /** The fastest a closed container may warm here, hundredths per minute. */
  readonly rate: number
  readonly rateKnown: boolean
  readonly noise: number
}

/** How a probe came to be as warm as it is, against what is usual with it. Differences in hundredths. */
export type Rise = {
  /** Since when it has not been as cool as it is half the time. */
  readonly from: number
  readonly to: number
  /** Since when it is beyond the usual highest. */
  readonly beyondFrom: number
  /** How far it is beyond the usual highest, and by how much that must be to be told from noise. */
  readonly beyond: number
  readonly noise: number
  /** When it leapt faster than a closed container warms, newest first. */
  readonly leaps: readonly Leap[]
  /** The share of it that came by leaps. */
  readonly leapt: number
  /** Would it be within the limit without them? */
  readonly byLeaps: boolean
  /** For how long, ms, it has gone on rising slowly since the first of them; 0 where it has not. */
  readonly roseOnMs: number
  /** How far beyond the usual it was before the first of these leaps. */
  readonly beforeLeaps: number
  /** What of the slow part comes too fast to be told from a leap. */
  readonly unexplained: number
  /** Is it on its way back? */
  readonly fell: boolean
  /** How often its thermostat has called it back since `from`. */
  readonly cycles: number
  /** Has it shown how fast it warms with a closed door? */
  readonly rateKnown: boolean
}

export type Leap = { readonly from: number; readonly to: number }

/** The rise of a probe up to its last reading, beyond `high` or not; null where too little is known of what is usual with it. */
export function riseOf(samples: readonly Sample[], high: number, room: number, rule: CauseRule): Rise | null {
  const usual = usualOf(samples, room, rule)
  const now = samples.at(-1)
  if (!usual || !now) return null
  const { middle, highest, rate, noise } = usual
  const first = samples[0] as Sample
  const from = samples.findLast(({ centi }) => centi <= middle)?.at ?? first.at
  const margin = Math.max(rule.beyondUsual, rule.beyondNoise * noise)

  const leaps: Leap[] = []
  const enough = now.centi > high ? high : highest + margin
  let gained = 0
  let roseOnMs = 0
  let top = now
  let leap = steepest(within(samples, from, top.at), rate, rule)
  while (
    leap &&
    leap.gain >= Math.max(rule.turn, rule.leapNoise * noise, rule.doorShare * (top.centi - highest))
  ) {
    leaps.push({ from: leap.from.at, to: leap.to.at })
    gained += leap.gain
    roseOnMs = now.centi - leap.to.centi >= rule.turn ? now.at - leap.to.at : 0
    top = leap.from
    if (now.centi - gained <= enough) break
    leap = steepest(within(samples, from, top.at), rate, rule)
  }
  const beyondFrom = samples.findLast(({ centi }) => centi <= highest)?.at ?? first.at
  return {
    from,
    to: now.at,
    beyondFrom,
    beyond: now.centi - highest,
    noise,
    leaps,
    leapt: gained / Math.max(1, now.centi - highest),
    byLeaps: leaps.length > 0 && now.centi - gained <= enough,
    roseOnMs,
    beforeLeaps: top.centi - highest,
    unexplained: leap?.gain ?? 0,
    fell: hasFallen(within(samples, now.at - rule.recentMs, now.at), beyondFrom, usual, rule),
    cycles: callsBack(swingsOf(within(samples, from, top.at), usual.fall), samples, rate, rule),
    rateKnown: usual.rateKnown,
  }
}

function usualOf(samples: readonly Sample[], room: number, rule: CauseRule): Usual | null {
  const older = olderHalf(samples)
  const [first, last] = [older[0], older.at(-1)]
  if (!first || !last || last.at - first.at < rule.leastUsualMs || older.length < 12) return null
  const noise = Math.min(rule.noisiest, noiseOf(older))
  const turn = Math.max(rule.turn, rule.beyondNoise * noise)
  const centis = older.map(({ centi }) => centi)
  const [lowest, middle, highest] = [0.1, 0.5, 0.9].map((p) => quantile(centis, p)) as [
    number,
    number,
    number,
  ]
  const fastest = (60_000 * (room - middle)) / rule.closedTauMs
  const seen = usualRate(
    swingsOf(older, turn),
    last.at - first.at,
    rule.leastRising,
    (3 * (last.at - first.at)) / older.length,
  )
  return {
    middle,
    highest,
    fall: Math.max(turn, 0.5 * (highest - lowest)),
    rate: rule.closedRatio * Math.min(seen ?? fastest, fastest),
    noise,
    rateKnown: seen !== null,
  }
}

/**
 * The greatest leap that lasted: from one reading to a later one, no more than `longestLeapMs` on, as far above what a
 * closed container makes of the time between them as no reading since has fallen back. What the air has risen on its own
 * while it settled is not its doing.
 */
function steepest(
  samples: readonly Sample[],
  rate: number,
  { longestLeapMs, settleMs }: CauseRule,
): { readonly from: Sample; readonly to: Sample; readonly gain: number } | null {
  const closed = (ms: number) => (rate * ms) / 60_000
  let best: { from: Sample; to: Sample; gain: number } | null = null
  let fallen = samples.at(-1)
  for (let i = samples.length - 1; i > 0 && fallen; i--) {
    const to = samples[i] as Sample
    if (to.centi < fallen.centi) fallen = to
    const kept = fallen.centi - closed(Math.min(fallen.at - to.at, settleMs))
    for (let j = i - 1; j >= 0; j--) {
      const from = samples[j] as Sample
      if (to.at - from.at > longestLeapMs) break
      const gain = kept - from.centi - closed(to.at - from.at)
      if (!best || gain > best.gain) best = { from, to, gain }
    }
  }
  return best
}

/** Warmer than now for most of late; or, where all of it is of late, well below its warmest. */
function hasFallen(
  late: readonly Sample[],
  beyondFrom: number,
  { highest, noise }: Usual,
  { turn, fallenShare, beyondNoise, leapNoise }: CauseRule,
): boolean {
  const [first, now] = [late[0], late.at(-1)]
  if (!first || !now) return false
  const centis = late.map(({ centi }) => centi)
  if (quantile(centis, 0.5) - now.centi >= Math.max(turn, beyondNoise * noise)) return true
  const peak = Math.max(...centis)
  return (
    beyondFrom >= first.at &&
    peak - now.centi >= Math.max(turn, leapNoise * noise, fallenShare * (peak - highest))
  )
}

/** Falls back to what was before, of a rise that was none but slow: after a leap it is the air that settles. */
function callsBack(
  swings: readonly Swing[],
  samples: readonly Sample[],
  rate: number,
  rule: CauseRule,
): number {
  return swings.filter(({ from, to }, index) => {
    const rise = swings[index - 1]
    if (to.centi > from.centi || !rise) return false
    const leap = steepest(within(samples, rise.from.at, rise.to.at), rate, rule)
    return leap === null || leap.gain < rule.leapShare * (from.centi - to.centi)
  }).length
}
