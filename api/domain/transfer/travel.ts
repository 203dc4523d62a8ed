import { greatCircleKm, type Position } from '../rescue-route.ts'

/** How long a courier takes: streets by their detour over straight lines, at the speed that four of five ways reach. */
export type Roads = {
  readonly detour: number
  /** At the 80th percentile of the time a way takes, by the hour of the wall clock: 24 of them. */
  readonly kmhAt: readonly number[]
  /** From the car to the door, and back, whatever the way. */
  readonly accessMinutes: number
}

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
