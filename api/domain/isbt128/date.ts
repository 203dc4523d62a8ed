import { instantIn } from '../local-day.ts'

/** A date as labels spell it, by the clock of whoever labelled: ISBT 128 gives no time zone. */
export type LabelDate = {
  readonly year: number
  /** 1 to 366. */
  readonly dayOfYear: number
  /** Of the day, 0 to 1439; null where the label gives the day alone. */
  readonly minute: number | null
}

const minuteMs = 60_000
const dayMs = 86_400_000

/** The first years of the centuries there are digits for: 0 by the labels of ST-001, 9 by use. Of others nobody says. */
const centuries: Readonly<Record<string, number>> = { '0': 2000, '9': 1900 }

const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

/**
 * Read `cyyjjj` or `cyyjjjhhmm`, which must be digits and of one of these lengths.
 *
 * @returns what is wrong with it, where it is no date
 */
export function readLabelDate(content: string): LabelDate | string {
  const [, c = '', yy, jjj, hh, mm] = /^(\d)(\d\d)(\d{3})(?:(\d\d)(\d\d))?$/.exec(content) ?? []
  const century = centuries[c]
  if (century === undefined) return `of century ${c} it is not known which it is`
  const year = century + Number(yy)
  const dayOfYear = Number(jjj)
  if (dayOfYear < 1 || dayOfYear > (isLeap(year) ? 366 : 365)) return `${year} has no day ${jjj}`
  if (hh === undefined) return { year, dayOfYear, minute: null }
  if (Number(hh) > 23) return `no day has an hour ${hh}`
  if (Number(mm) > 59) return `no hour has a minute ${mm}`
  return { year, dayOfYear, minute: Number(hh) * 60 + Number(mm) }
}

export function formatLabelDate({ year, dayOfYear, minute }: LabelDate): string {
  const day = `${year < 2000 ? 9 : 0}${digits(year % 100, 2)}${digits(dayOfYear, 3)}`
  return minute === null ? day : `${day}${digits(Math.floor(minute / 60), 2)}${digits(minute % 60, 2)}`
}

/** Of this century, as whatever is still used must be. */
export const isLive = ({ year }: LabelDate) => year >= 2000

/**
 * When what is so labelled expires, exclusive: the end of the minute, or of the day where the label gives no time (2359
 * stands for that, too). Where the clock was put back and shows the minute twice it is the first one: nothing is used for
 * longer than whoever labelled it may have meant. A minute the clock passes over is over when it is passed over.
 *
 * @param timeZone of the IANA data base: of whoever labelled
 * @returns ms UTC
 */
export function expiryOf({ year, dayOfYear, minute }: LabelDate, timeZone: string): number {
  const wall = Date.UTC(year, 0, 1) + (dayOfYear - 1) * dayMs + (minute ?? 1_439) * minuteMs
  const { at, isShown } = instantIn(timeZone)(wall)
  return isShown ? at + minuteMs : at
}

/**
 * The minute a clock shows, as labels spell it.
 *
 * @param wallClock what is shown, as if it were UTC
 */
export function labelDateOf(wallClock: number): LabelDate {
  const day = new Date(wallClock)
  const year = day.getUTCFullYear()
  const midnight = Date.UTC(year, day.getUTCMonth(), day.getUTCDate())
  return {
    year,
    dayOfYear: (midnight - Date.UTC(year, 0, 1)) / dayMs + 1,
    minute: Math.floor((wallClock - midnight) / minuteMs),
  }
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0')
}
