/** A believed reading: event time, ms UTC, and hundredths of a degree Celsius. */
export type Sample = { readonly at: number; readonly centi: number }

/** The value below which a share `p` of the numbers lies; NaN of none. */
export function quantile(numbers: readonly number[], p: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN
}

/** The samples of [from, to], which are in order of time. */
export function within(samples: readonly Sample[], from: number, to: number): readonly Sample[] {
  return samples.filter(({ at }) => at >= from && at <= to)
}

/**
 * The standard deviation of one measurement, in hundredths: from how far each reading lies off the line between its
 * neighbours, of which what is slow takes no part, and never less than the rounding to the steps the probe tells.
 */
export function noiseOf(samples: readonly Sample[]): number {
  const bends: number[] = []
  let step = Number.POSITIVE_INFINITY
  for (let i = 2; i < samples.length; i++) {
    const [a, b, c] = [samples[i - 2] as Sample, samples[i - 1] as Sample, samples[i] as Sample]
    bends.push(Math.abs(a.centi - 2 * b.centi + c.centi))
    const rise = Math.abs(c.centi - b.centi)
    if (rise > 0 && rise < step) step = rise
  }
  const rounding = Number.isFinite(step) ? Math.min(step, 20) / Math.sqrt(12) : 1
  // Of a normal variable the median distance is 0.6745 deviations, and the bend's variance is 1 + 4 + 1 of them.
  return Math.max(quantile(bends, 0.5) / (0.6745 * Math.sqrt(6)) || 0, rounding, 1)
}

/** The readings of the older half of the time they cover. */
export function olderHalf(samples: readonly Sample[]): readonly Sample[] {
  const [first, last] = [samples[0], samples.at(-1)]
  return first && last ? within(samples, first.at, (first.at + last.at) / 2) : []
}

/** Of the samples in each slot of so many ms the last: what is told every second says no more than this. */
export function thinned(samples: readonly Sample[], slotMs: number): readonly Sample[] {
  const slot = ({ at }: Sample) => Math.floor(at / slotMs)
  return samples.filter((sample, index) => {
    const next = samples[index + 1]
    return !next || slot(next) !== slot(sample)
  })
}
