const dayMs = 86_400_000

/** A day of the calendar, YYYY-MM-DD, as instants [from, to), ms UTC. */
export type DayOf = (date: string) => { readonly from: number; readonly to: number }

/**
 * The days of a time zone. Where the clock is moved a day is longer or shorter than 24 h, and where midnight itself is
 * passed over it begins with the first instant that is called by its name.
 *
 * @param timeZone of the IANA data base
 */
export function daysIn(timeZone: string): DayOf {
  const clock = clockOf(timeZone)
  return (date) => {
    const midnight = Date.parse(`${date}T00:00:00Z`)
    return { from: beginning(midnight, clock), to: beginning(midnight + dayMs, clock) }
  }
}

/**
 * What the clock on a wall of a time zone shows at an instant, as if it were UTC. Every instant has one, though where the
 * clock is moved some of what it may show is shown twice, or never.
 *
 * @param timeZone of the IANA data base
 */
export function wallClockIn(timeZone: string): (at: number) => number {
  const clock = clockOf(timeZone)
  return (at) => shown(at, clock)
}

/** When a clock shows what it is asked about. */
export type InstantOf = (wall: number) => {
  /** ms UTC. */
  readonly at: number
  /** It shows it then. */
  readonly isShown: boolean
}

/**
 * The other way: when the clock on a wall of a time zone shows something, given as if it were UTC. What it shows twice, for
 * it was put back, is the first of the two; what it never shows, for it was put forward, is the moment it passes over it.
 *
 * @param timeZone of the IANA data base
 */
export function instantIn(timeZone: string): InstantOf {
  const clock = clockOf(timeZone)
  return (wall) => {
    const guesses = guessesOf(wall, clock)
    const there = guesses.filter((at) => shown(at, clock) === wall)
    if (there.length > 0) return { at: Math.min(...there), isShown: true }
    // The clock is put forward somewhere between the two: it shows less than `wall` before, and more from then on.
    let [before, from] = [Math.min(...guesses) - 1, Math.max(...guesses)]
    while (from - before > 1) {
      const middle = Math.floor((before + from) / 2)
      if (shown(middle, clock) < wall) before = middle
      else from = middle
    }
    return { at: from, isShown: false }
  }
}

/** The day of a time zone an instant is in. */
export function dayAt(timeZone: string, at: number): { readonly from: number; readonly to: number } {
  return daysIn(timeZone)(new Date(shown(at, clockOf(timeZone))).toISOString().slice(0, 10))
}

/** @param midnight of the day, as if its zone were UTC */
function beginning(midnight: number, clock: Intl.DateTimeFormat): number {
  const guesses = guessesOf(midnight, clock)
  const there = guesses.filter((at) => {
    const local = shown(at, clock)
    return local >= midnight && local < midnight + dayMs
  })
  return Math.min(...(there.length > 0 ? there : guesses))
}

/**
 * When the clock may show this, as it goes before and after it was moved: it never is twice within two days, so that how
 * it goes a day before and a day after is all there is.
 */
function guessesOf(wall: number, clock: Intl.DateTimeFormat): number[] {
  return [wall - dayMs, wall + dayMs].map((at) => wall - (shown(at, clock) - at))
}

/** What a clock of the zone shows at an instant, as if it were UTC. */
function shown(at: number, clock: Intl.DateTimeFormat): number {
  const part = new Map(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const of = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone,
    calendar: 'iso8601',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
}
