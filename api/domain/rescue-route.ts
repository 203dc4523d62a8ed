import type { RescueWay } from '../../schema/vocabulary.ts'

/** WGS 84 degrees. */
export type Position = { readonly lat: number; readonly lon: number }

/** Where a device stands. */
export type Standing = {
  readonly id: number
  readonly facilityId: number
  /** Null where it does not tell. */
  readonly position: Position | null
}

/** How long ways are taken to be. */
export type RescueRoutes = {
  /** From one device of a facility to another, ms. */
  readonly withinMs: number
  /** To load a car and unload it, ms. */
  readonly loadingMs: number
  /** How much longer streets are than straight lines. */
  readonly detour: number
  readonly kmh: number
}

const earthRadiusKm = 6_371
const radians = Math.PI / 180

/** The shortest way over the ground, km (haversine; the Earth as a sphere). */
export function greatCircleKm(a: Position, b: Position): number {
  const half = (from: number, to: number) => Math.sin(((to - from) * radians) / 2) ** 2
  const h = half(a.lat, b.lat) + Math.cos(a.lat * radians) * Math.cos(b.lat * radians) * half(a.lon, b.lon)
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(Math.min(1, h)))
}

/** How long it takes to carry a bag from one device to another, ms, by each way; null where that is not known. */
export function waysBetween(
  from: Standing,
  to: Standing,
  { withinMs, loadingMs, detour, kmh }: RescueRoutes,
): Readonly<Record<RescueWay, number | null>> {
  if (from.facilityId === to.facilityId) return { foot: withinMs, car: null }
  if (!from.position || !to.position) return { foot: null, car: null }
  const km = greatCircleKm(from.position, to.position) * detour
  return { foot: null, car: Math.ceil(loadingMs + (km / kmh) * 3_600_000) }
}
