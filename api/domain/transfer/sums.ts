/** So many of one weight. */
export type Alike = { readonly weight: number; readonly count: number }

/** More steps than these are not gone through: what the weights have in common is all that is used then. */
const mostSteps = 5_000

/**
 * The most that some of these weigh together and yet no more than that, or what no such sum is more than: bags are whole,
 * and of half a bag that could still be given nobody has anything.
 *
 * @param of whole weights above 0
 */
export function largestSum(of: readonly Alike[], most: number): number {
  const all = of.reduce((sum, { weight, count }) => sum + weight * count, 0)
  if (all <= most) return all
  const step = of.reduce((common, { weight }) => divisor(common, weight), 0)
  const steps = Math.floor(most / step)
  if (steps > mostSteps) return steps * step
  const isSum = new Uint8Array(steps + 1)
  isSum[0] = 1
  for (const { weight, count } of of) {
    const width = weight / step
    // Of those of this weight how many the sum takes, the fewest.
    const taken = new Int32Array(steps + 1)
    for (let sum = width; sum <= steps; sum++) {
      if (isSum[sum] || !isSum[sum - width]) continue
      const takes = (taken[sum - width] as number) + 1
      if (takes > count) continue
      isSum[sum] = 1
      taken[sum] = takes
    }
  }
  return isSum.lastIndexOf(1) * step
}

/** What divides both. */
export function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
