import { wallClockIn } from '../local-day.ts'
import { greatCircleKm, type Position } from '../rescue-route.ts'

/** How long a courier takes: streets by their detour over straight lines, at the speed that four of five ways reach. */
export type Roads = {
  readonly detour: number
  /** At the 80th percentile of the time a way takes, by the hour of the wall clock: 24 of them. */
  readonly kmhAt: readonly number[]
  /** From the car to the door, and back, whatever the way. */
  readonly accessMinutes: number
}

/** What is made of the time a car takes on empty streets, and when such a time is not believed. */
export type Drives = {
  /** Its 80th percentile in hundredths of it, by the hour of the wall clock: 24 of them, none below 100. */
  readonly percentAt: readonly number[]
  /** Faster over the great circle is no car. */
  readonly mostKmh: number
  /** Slower over the great circle is no way anybody drives, but for `roundMinutes`: a bridge may be far from two near places. */
  readonly leastKmh: number
  readonly roundMinutes: number
  /** A place that far from every street the server knows is not on its map, m. */
  readonly mostStrayM: number
}

/** Somewhere blood is carried from or to. */
export type Site = {
  readonly id: string
  /** Null where it is not known. */
  readonly position: Position | null
}

/** Who said how long it takes. */
export type TravelSource = 'table' | 'osrm' | 'great_circle'

/** Whole minutes from door to door at the 80th percentile, at least 1, and who said so; null where nobody knows. */
export type TravelTime =
  | { readonly minutes: number; readonly source: TravelSource }
  | { readonly minutes: null; readonly source: null }

/**
 * Whole minutes from door to door at the 80th percentile, begun ones counted.
 *
 * @param hour of the wall clock there, 0 to 23
 * @returns null where one of the places is not known
 */
export function minutesBetween(
  from: Position | null,
  to: Position | null,
  hour: number,
  { detour, kmhAt, accessMinutes }: Roads,
): number | null {
  if (!from || !to) return null
  const kmh = kmhAt[hour]
  if (kmh === undefined) throw new Error(`no hour of the day is ${hour}`)
  return accessMinutes + Math.ceil(((greatCircleKm(from, to) * detour) / kmh) * 60)
}

/** The same of a drive that takes so long on empty streets. */
export function minutesOfDrive(
  seconds: number,
  hour: number,
  { percentAt }: Drives,
  { accessMinutes }: Roads,
): number {
  const percent = percentAt[hour]
  if (percent === undefined) throw new Error(`no hour of the day is ${hour}`)
  return accessMinutes + Math.ceil((seconds * percent) / 6_000)
}

/** What is wrong with a drive of so many seconds between places so far apart; null where it can be. */
export function driveFault(
  seconds: number,
  km: number,
  { mostKmh, leastKmh, roundMinutes }: Drives,
): string | null {
  if (!Number.isFinite(seconds) || seconds < 0) return 'it is no time'
  if (seconds * mostKmh < km * 3_600) return `it is faster than ${mostKmh} km/h`
  if ((seconds - roundMinutes * 60) * leastKmh > km * 3_600) return `it is slower than ${leastKmh} km/h`
  return null
}

/** The hour, 0 to 23, that the clock on a wall of a time zone shows. @throws RangeError where there is no such zone */
export function hourAt(timeZone: string, at: number): number {
  return new Date(wallClockIn(timeZone)(at)).getUTCHours()
}

/**
 * Where most of these are: the one that is nearest to all others, the first of those where several are, so that one that
 * is wrong about itself moves nothing.
 */
export function middleOf(positions: readonly Position[]): Position | null {
  const sums = positions.map((one) => positions.reduce((sum, other) => sum + greatCircleKm(one, other), 0))
  return positions[sums.indexOf(Math.min(...sums))] ?? null
}
