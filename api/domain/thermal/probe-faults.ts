import type { CauseSign } from '../../../schema/vocabulary.ts'
import type { CauseRule, Facts } from './facts.ts'
import { noiseOf, olderHalf, quantile, type Sample, within } from './sample.ts'

type Inside = 'air' | 'load'

/** What the probes show that no container does; empty where they may be believed. */
export function probeFaults(facts: Facts, rule: CauseRule): readonly CauseSign[] {
  const signs = new Set<CauseSign>()
  const { air = [], load = [] } = facts.readings
  for (const [probe, samples] of [
    ['air', air],
    ['load', load],
  ] as const) {
    const last = samples.at(-1)
    if (!last) continue
    if (facts.at - last.at > facts.profile.maxSilenceMs) signs.add('one_probe_silent')
    const recent = within(samples, facts.at - rule.recentMs, facts.at)
    const { physicalLow, physicalHigh } = facts.profile
    if (recent.some(({ centi }) => centi < physicalLow || centi > physicalHigh)) signs.add('beyond_physics')
    if (stepsImpossibly(probe, samples, facts, rule)) signs.add('impossible_step')
    if (isFlat(samples, facts.at, rule)) signs.add('flat_line')
  }
  if (signs.size === 0 && disagree(air, load, facts.at, rule)) signs.add('probes_disagree')
  return [...signs]
}

function stepsImpossibly(probe: Inside, samples: readonly Sample[], facts: Facts, rule: CauseRule): boolean {
  const usual = usualOf(olderHalf(samples), rule)
  const rooms = facts.readings.ambient ?? []
  const warmest =
    rooms.length > 0 ? Math.max(...rooms.map(({ centi }) => centi)) + rule.beyondUsual : rule.hottestRoom
  const since = facts.at - rule.recentMs
  return samples.some((sample, index) => {
    const before = samples[index - 1]
    return before && sample.at >= since && isImpossible(probe, before, sample, { ...usual, warmest }, rule)
  })
}

/** Between what a probe may be, and what it may be off. Hundredths. */
type Reach = { readonly coldest: number; readonly warmest: number; readonly slack: number }

function usualOf(older: readonly Sample[], rule: CauseRule): Omit<Reach, 'warmest'> {
  const centis = older.map(({ centi }) => centi)
  return {
    coldest: quantile(centis, 0.05) - rule.coldestBelow,
    slack: rule.leapNoise * noiseOf(older) + rule.turn,
  }
}

/**
 * A probe with time constant τ goes within Δt at most 1 - exp(-Δt/τ) of the way to what surrounds it, which is no warmer
 * than the room and no colder than the evaporator.
 */
function isImpossible(
  probe: Inside,
  before: Sample,
  sample: Sample,
  { coldest, warmest, slack }: Reach,
  rule: CauseRule,
): boolean {
  if (sample.at === before.at) return false
  const tau = probe === 'air' ? rule.fastestAirMs : rule.fastestLoadMs
  const way = 1 - Math.exp(-(sample.at - before.at) / tau)
  const rise = sample.centi - before.centi
  return (
    rise > Math.max(0, warmest - before.centi) * way + slack ||
    -rise > Math.max(0, before.centi - coldest) * way + slack
  )
}

/**
 * When a probe stepped as none can, each step held against what was told in the time looked back on before it; where that
 * is too little to show what is usual, no step is impossible.
 */
export function impossibleSteps(
  probe: Inside,
  samples: readonly Sample[],
  rule: CauseRule,
): readonly number[] {
  const warmest = rule.hottestRoom
  // Whatever is usual, it is no warmer than the warmest and has no less noise than the least: most steps are let pass by
  // this without being held against it.
  const highest = samples.reduce((most, { centi }) => Math.max(most, centi), Number.NEGATIVE_INFINITY)
  const widest = { warmest, coldest: highest - rule.coldestBelow, slack: rule.leapNoise + rule.turn }
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1]
    if (!before || !isImpossible(probe, before, sample, widest, rule)) return []
    const known = within(samples.slice(0, index), sample.at - rule.lookbackMs, sample.at)
    const first = known[0]
    if (!first || before.at - first.at < rule.leastUsualMs) return []
    return isImpossible(probe, before, sample, { ...usualOf(olderHalf(known), rule), warmest }, rule)
      ? [sample.at]
      : []
  })
}

/** Neighbours of one value to the end, for longer than this probe ever told one value before. */
function isFlat(samples: readonly Sample[], at: number, rule: CauseRule): boolean {
  let longest = 0
  let from = samples[0]
  for (const sample of samples) {
    if (from && sample.centi === from.centi) continue
    if (from) longest = Math.max(longest, sample.at - from.at)
    from = sample
  }
  const last = samples.at(-1)
  if (!from || !last || at - last.at > rule.flatMs) return false
  const flat = last.at - from.at
  const known = from.at - (samples[0] as Sample).at
  return flat >= rule.flatMs && flat >= rule.flatRatio * longest && known >= rule.leastUsualMs
}

/**
 * Could the load have become so by this air at all? It follows the air by one time constant, somewhere between the fastest
 * and the slowest there is. Where the recent load lies outside of all such answers to the air, by more than allowed, one of
 * the two is lying. Which is usual between them, an offset or a warmer shelf, is taken off first.
 */
function disagree(air: readonly Sample[], load: readonly Sample[], at: number, rule: CauseRule): boolean {
  const first = air[0]
  const [olderAir, olderLoad] = [olderHalf(air), olderHalf(load)]
  if (!first || load.length < 5 || at - first.at < 2 * rule.leastUsualMs) return false
  const mean = (samples: readonly Sample[]) =>
    samples.reduce((sum, { centi }) => sum + centi, 0) / samples.length
  const usual = mean(olderLoad) - mean(olderAir)
  const taus = [rule.fastestLoadMs, Math.sqrt(rule.fastestLoadMs * rule.slowestLoadMs), rule.slowestLoadMs]
  const answers = taus.map((tau) => answerTo(air, tau, mean(olderAir)))
  const slack = rule.disagreement + rule.beyondNoise * noiseOf(olderLoad)
  let index = 0
  const beyond: number[] = []
  let since = Number.POSITIVE_INFINITY
  for (const sample of load) {
    if (sample.at < at - rule.disagreementMs) continue
    while (index + 1 < air.length && (air[index + 1] as Sample).at <= sample.at) index++
    const could = answers.map((answer) => (answer[index] as number) + usual)
    const over = sample.centi - Math.max(...could)
    const under = Math.min(...could) - sample.centi
    since = Math.min(since, sample.at)
    beyond.push(Math.max(over, under))
  }
  return beyond.length >= 3 && at - since >= rule.disagreementMs / 2 && quantile(beyond, 0.25) > slack
}

function answerTo(air: readonly Sample[], tauMs: number, start: number): readonly number[] {
  let value = start
  let before: Sample | undefined
  return air.map((sample) => {
    const ms = before ? sample.at - before.at : 0
    const meanAir = before ? (before.centi + sample.centi) / 2 : sample.centi
    value = meanAir + (value - meanAir) * Math.exp(-ms / tauMs)
    before = sample
    return value
  })
}
