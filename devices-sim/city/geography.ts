/** WGS 84 degrees. */
export type Position = { readonly lat: number; readonly lon: number }

const earthRadiusKm = 6_371
const radians = Math.PI / 180

/** The shortest way over the ground, km (haversine; the Earth as a sphere). */
export function greatCircleKm(a: Position, b: Position): number {
  const half = (from: number, to: number) => Math.sin(((to - from) * radians) / 2) ** 2
  const h = half(a.lat, b.lat) + Math.cos(a.lat * radians) * Math.cos(b.lat * radians) * half(a.lon, b.lon)
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(Math.min(1, h)))
}

/** Where one arrives `km` away in the direction `bearing`, degrees from north: flat, good enough for a city. */
export function travel(from: Position, km: number, bearing: number): Position {
  const degrees = km / earthRadiusKm / radians
  const lat = from.lat + degrees * Math.cos(bearing * radians)
  const lon = from.lon + (degrees * Math.sin(bearing * radians)) / Math.cos(from.lat * radians)
  return { lat: rounded(lat), lon: rounded(lon) }
}

/** Between two places, `share` of the way. */
export function onTheWay(from: Position, to: Position, share: number): Position {
  const part = (a: number, b: number) => rounded(a + (b - a) * share)
  return { lat: part(from.lat, to.lat), lon: part(from.lon, to.lon) }
}

/** Streets are no straight lines: how much longer they are, and how fast a van is in them, km/h. */
const detour = 1.35
const vanKmh = 32

/** How long a van takes, ms. */
export function driveMs(from: Position, to: Position): number {
  return Math.round(((greatCircleKm(from, to) * detour) / vanKmh) * 3_600_000)
}

/** A decimetre or so. */
function rounded(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6
}
