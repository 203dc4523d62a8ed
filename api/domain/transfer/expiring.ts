/** At most so much of a mean at once: e to the minus 500 is still a number. */
const mostAtOnce = 500

/** What is less likely than this is nothing. */
const nothing = 1e-12

/**
 * How likely each bag of a line expires unused, where the one that expires first is used first and what is used comes one
 * by one (Poisson). Exact: it follows how many of the line are gone, used or expired, from one expiry to the next. That
 * those in front may expire themselves counts for who stands behind them.
 *
 * @param hours how long each has still to live, the shortest first
 * @param perDay bags used in a day, on average
 */
export function chancesOfExpiring(hours: readonly number[], perDay: number): readonly number[] {
  const gone = new Float64Array(hours.length + 1)
  gone[0] = 1
  let from = 0
  return hours.map((until, place) => {
    for (let mean = (perDay * Math.max(0, until - from)) / 24; mean > 0; mean -= mostAtOnce)
      use(gone, place, Math.min(mean, mostAtOnce))
    from = Math.max(from, until)
    // Where exactly those before it are gone, it is not.
    const expires = gone[place] as number
    gone[place] = 0
    gone[place + 1] = (gone[place + 1] as number) + expires
    return expires
  })
}

/** So many are gone after a time in which so many are used on average; where all are, nobody asks any more. */
function use(gone: Float64Array, least: number, mean: number): void {
  const last = gone.length - 1
  const chances = [Math.exp(-mean)]
  for (let used = 1; used <= last - least; used++) {
    const chance = ((chances[used - 1] as number) * mean) / used
    if (used > mean && chance < nothing) break
    chances.push(chance)
  }
  for (let so = last; so >= least; so--) {
    const chance = gone[so] as number
    if (chance === 0) continue
    gone[so] = 0
    if (chance < nothing) continue
    const most = Math.min(chances.length, last - so + 1)
    for (let used = 0; used < most; used++)
      gone[so + used] = (gone[so + used] as number) + chance * (chances[used] as number)
  }
}
