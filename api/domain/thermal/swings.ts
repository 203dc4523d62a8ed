import type { Sample } from './sample.ts'

/** From one turn to the next: up where `to.centi` is the higher. */
export type Swing = { readonly from: Sample; readonly to: Sample }

/**
 * The ups and downs of a probe, smaller ones than `turn` left out: each swing ends where the value has come back from
 * its extreme by `turn`, and the last one at the extreme it has reached so far.
 */
export function swingsOf(samples: readonly Sample[], turn: number): readonly Swing[] {
  const [first, ...rest] = samples
  if (!first) return []
  const swings: Swing[] = []
  let from = first
  let low = first
  let high = first
  let rising: boolean | null = null
  for (const sample of rest) {
    if (sample.centi < low.centi) low = sample
    if (sample.centi > high.centi) high = sample
    if (rising !== true && sample.centi - low.centi >= turn) {
      if (rising === false) swings.push({ from, to: low })
      from = low
      high = sample
      rising = true
    } else if (rising !== false && high.centi - sample.centi >= turn) {
      if (rising === true) swings.push({ from, to: high })
      from = high
      low = sample
      rising = false
    }
  }
  if (rising !== null) swings.push({ from, to: rising ? high : low })
  return swings
}

/**
 * How fast the closed container warms while its compressor rests, hundredths per minute: of all the time it rose, the
 * rate that half was slower than. A visit is steep and short, and hardly counts. Rises of less than
 * `leastMs` are not told apart from it. Null where it rose too rarely to tell.
 */
export function usualRate(
  swings: readonly Swing[],
  spanMs: number,
  leastShare: number,
  leastMs: number,
): number | null {
  const rises = swings
    .filter(({ from, to }) => to.centi > from.centi && to.at - from.at >= leastMs)
    .map(({ from, to }) => ({
      ms: to.at - from.at,
      rate: (60_000 * (to.centi - from.centi)) / (to.at - from.at),
    }))
    .sort((a, b) => a.rate - b.rate)
  const totalMs = rises.reduce((sum, { ms }) => sum + ms, 0)
  if (rises.length < 3 || totalMs < leastShare * spanMs) return null
  let passed = 0
  for (const { ms, rate } of rises) {
    passed += ms
    if (passed >= totalMs / 2) return rate
  }
  return null
}
