import type { Side } from '../../../schema/vocabulary.ts'
import { noiseOf, olderHalf, quantile, type Sample, within } from './sample.ts'

/** How a forecast is made: policy. Temperatures and differences in hundredths of a degree. */
export type ForecastRule = {
  /** How far back readings count, ms; what is usual is seen in the older half of them. */
  readonly lookbackMs: number
  /** The latest readings that the curve is laid through, ms, and the least of them. */
  readonly windowMs: number
  readonly leastMs: number
  readonly leastReadings: number
  /** It must have moved so far in the window. */
  readonly leastMove: number
  /** Beyond this nothing is foretold, ms. */
  readonly horizonMs: number
  /** Where no probe tells of the room: between these it may be. Nothing gets warmer than the room. */
  readonly coolestRoom: number
  readonly warmestRoom: number
  /** How far below now an evaporator that never rests may take it. */
  readonly coldestBelow: number
  /** No container's time constant is shorter or longer, ms. */
  readonly shortestTauMs: number
  readonly longestTauMs: number
  /** What a curve may be off a median though it is the right one: so much, and such a share of its distance from now. */
  readonly offBy: number
  readonly offShare: number
  /** So many neighbouring medians are off alike, and count as one. */
  readonly alike: number
  /** No curve is the right one: a time of crossing is taken to be off by such a share either way (one deviation). */
  readonly timeShare: number
}

/** Minutes from the instant of asking, not below 0; null where that share of the courses never gets there in the horizon. */
export type Forecast = {
  readonly p10: number | null
  readonly p50: number | null
  readonly p90: number | null
}

/**
 * How long until a probe crosses a limit if all goes on as it does: the median and the ends of an 80 % interval. Null
 * where it is beyond it already, does not move towards it, keeps to what is usual with it, or has told too little.
 *
 * A body that loses heat through walls goes to its surroundings exponentially: T(t) = A - (A - T₀) exp(-t / τ). Asymptote
 * and time constant are hard to know early, and the slope they share is not, so no best curve is sought: every pair of a
 * grid is fitted by least squares in T₀, weighed by how well it does, and gives its own time of crossing. The quantiles
 * of these times are the forecast. Warming, A is no higher than the room; cooling, no lower than an evaporator gets.
 * Readings are taken together in medians, and far ones count by distance, not by its square: a door opened for a moment
 * leaves a bump.
 *
 * @param room of the ambient probe, null without one
 */
export function minutesUntil(
  side: Side,
  limit: number,
  samples: readonly Sample[],
  room: number | null,
  at: number,
  rule: ForecastRule,
): Forecast | null {
  const sign = side === 'high' ? 1 : -1
  const known = within(samples, at - rule.lookbackMs, at).map((sample) => ({
    at: sample.at,
    centi: sign * sample.centi,
  }))
  const points = pointsOf(known, at, rule)
  if (!points) return null
  const { level, spread } = points
  const goal = sign * limit
  if (level > goal) return null
  const [nearest, farthest] =
    side === 'high'
      ? [level, room === null ? rule.warmestRoom : Math.max(room, level) + rule.offBy]
      : [level, level + rule.coldestBelow]
  if (farthest <= nearest) return null
  const sure = side === 'high' && room === null ? rule.coolestRoom : farthest
  return quantilesOf(coursesOf(points, nearest, farthest, sure, goal, spread, rule), rule.horizonMs)
}

/**
 * Is the newest reading nearer the limit than nearly all of them were before the window? What a compressor, a defrost and
 * visits do every few hours is no trend. True where too little is known to say.
 *
 * @param share of those before: beyond so many of them is unusual
 */
export function isUnusual(
  side: Side,
  samples: readonly Sample[],
  share: number,
  { lookbackMs, windowMs }: ForecastRule,
): boolean {
  const last = samples.at(-1)
  if (!last) return false
  const sign = side === 'high' ? 1 : -1
  const before = within(samples, last.at - lookbackMs, last.at - windowMs).map(({ centi }) => sign * centi)
  return before.length < 12 || sign * last.centi > quantile(before, share)
}

type Point = { readonly ms: number; readonly centi: number; readonly spread: number }
type Points = { readonly points: readonly Point[]; readonly level: number; readonly spread: number }

const bins = 24

/** The window in at most 24 medians, by ms before `at`; null where there is no rise to speak of. */
function pointsOf(known: readonly Sample[], at: number, rule: ForecastRule): Points | null {
  const latest = within(known, at - rule.windowMs, at)
  const lowest = latest.reduce<Sample | undefined>((a, b) => (a && a.centi < b.centi ? a : b), undefined)
  const rising = latest.filter((sample) => lowest && sample.at >= lowest.at)
  const [first, last] = [rising[0], rising.at(-1)]
  if (!first || !last || rising.length < rule.leastReadings || last.at - first.at < rule.leastMs) return null
  const noise = noiseOf(rising)
  const binMs = (last.at - first.at + 1) / bins
  const binned: Sample[][] = Array.from({ length: bins }, () => [])
  for (const sample of rising) binned[Math.floor((sample.at - first.at) / binMs)]?.push(sample)
  const told = binned.filter((bin) => bin.length > 0)
  const medians = told.map((bin) => ({
    ms: bin.reduce((sum, sample) => sum + sample.at, 0) / bin.length - at,
    centi:
      (quantile(
        bin.map(({ centi }) => centi),
        0.5,
      ) +
        quantile(
          bin.map(({ centi }) => centi),
          0.49,
        )) /
      2,
    noise: (1.25 * noise) / Math.sqrt(bin.length),
  }))
  const third = Math.max(1, Math.floor(medians.length / 3))
  const middle = (some: typeof medians) =>
    quantile(
      some.map(({ centi }) => centi),
      0.5,
    )
  const [early, late] = [middle(medians.slice(0, third)), middle(medians.slice(-third))]
  const move = late - early
  if (move < Math.max(rule.leastMove, 3 * noise)) return null
  const older = within(olderHalf(known), Number.NEGATIVE_INFINITY, first.at)
  const usual = quantile(
    older.map(({ centi }) => centi),
    0.95,
  )
  if (older.length >= 12 && late <= usual) return null
  const level = middle(medians.slice(-Math.max(1, Math.floor(third / 2))))
  const points = medians.map(({ ms, centi, noise }) => ({
    ms,
    centi,
    spread: Math.hypot(noise, rule.offBy + rule.offShare * Math.abs(level - centi)),
  }))
  return { points, level, spread: rule.offBy }
}

/** A normal distribution in nine steps. */
const deviations = Array.from({ length: 9 }, (_, i) => ({
  by: i / 2 - 2,
  share: Math.exp(-((i / 2 - 2) ** 2) / 2),
}))

type Course = { readonly weight: number; readonly minutes: number }

function coursesOf(
  { points }: Points,
  nearest: number,
  farthest: number,
  sure: number,
  goal: number,
  spread: number,
  rule: ForecastRule,
): readonly Course[] {
  const fits: { minutes: number; misfit: number; prior: number }[] = []
  const steps = 24
  for (let i = 1; i <= steps; i++) {
    const asymptote = nearest + ((farthest - nearest) * i) / steps
    // Past the coolest room there may be, the warmer it would have to be the less likely it is so.
    const prior = asymptote <= sure ? 1 : (farthest - asymptote + spread) / (farthest - sure + spread)
    for (let j = 0; j <= steps; j++) {
      const tau = rule.shortestTauMs * (rule.longestTauMs / rule.shortestTauMs) ** (j / steps)
      const { distance, misfit } = fit(points, asymptote, tau)
      if (distance <= 0) continue
      const minutes =
        asymptote <= goal
          ? Number.POSITIVE_INFINITY
          : (tau / 60_000) * Math.log(distance / (asymptote - goal))
      fits.push({ minutes: Math.max(0, minutes), misfit, prior })
    }
  }
  const best = Math.min(...fits.map(({ misfit }) => misfit))
  return fits.flatMap(({ minutes, misfit, prior }) =>
    deviations.map(({ by, share }) => ({
      minutes: minutes * Math.exp(by * rule.timeShare),
      weight: share * prior * Math.exp((best - misfit) / rule.alike),
    })),
  )
}

/** The distance of T₀ from the asymptote that suits the points best, and half the sum of what they lie off, weighed. */
function fit(points: readonly Point[], asymptote: number, tau: number): { distance: number; misfit: number } {
  let distance = 0
  let misfit = 0
  let far: readonly number[] = points.map(() => 1)
  for (let round = 0; round < 3; round++) {
    let [above, below] = [0, 0]
    points.forEach(({ ms, centi, spread }, i) => {
      const share = Math.exp(-ms / tau)
      const weight = (far[i] as number) / spread ** 2
      above += weight * share * (asymptote - centi)
      below += weight * share * share
    })
    distance = above / below
    const off = points.map(
      ({ ms, centi, spread }) => Math.abs(asymptote - distance * Math.exp(-ms / tau) - centi) / spread,
    )
    far = off.map((x) => (x <= 1.5 ? 1 : 1.5 / x))
    misfit = off.reduce((sum, x) => sum + (x <= 1.5 ? (x * x) / 2 : 1.5 * x - 1.125), 0)
  }
  return { distance, misfit }
}

function quantilesOf(courses: readonly Course[], horizonMs: number): Forecast | null {
  const sorted = courses.toSorted((a, b) => a.minutes - b.minutes)
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0)
  if (!(total > 0)) return null
  const at = (p: number): number | null => {
    let passed = 0
    for (const { minutes, weight } of sorted) {
      passed += weight
      if (passed >= p * total) return minutes <= horizonMs / 60_000 ? minutes : null
    }
    return null
  }
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) }
}
