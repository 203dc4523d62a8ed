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

/** The day of a time zone an instant is in. */
export function dayAt(timeZone: string, at: number): { readonly from: number; readonly to: number } {
  return daysIn(timeZone)(new Date(shown(at, clockOf(timeZone))).toISOString().slice(0, 10))
}

/** @param midnight of the day, as if its zone were UTC */
function beginning(midnight: number, clock: Intl.DateTimeFormat): number {
  // A clock is never moved twice within two days, so that what it shows a day before and after is all it may show.
  const guesses = [midnight - dayMs, midnight + dayMs].map((at) => midnight - (shown(at, clock) - at))
  const there = guesses.filter((at) => {
    const local = shown(at, clock)
    return local >= midnight && local < midnight + dayMs
  })
  return Math.min(...(there.length > 0 ? there : guesses))
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
