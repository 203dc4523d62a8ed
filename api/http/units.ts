import { toCelsius } from '../domain/temperature.ts'

/** ms UTC as answers spell it. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}

export function isoOrNull(at: number | null): string | null {
  return at === null ? null : iso(at)
}

/** Hundredths of a degree, or a mean of them, as degrees with two decimals. */
export function celsius(centi: number): number {
  return toCelsius(Math.round(centi))
}

export function celsiusOrNull(centi: number | null): number | null {
  return centi === null ? null : celsius(centi)
}

/** Minutes with two decimals. */
export function minutes(ms: number): number {
  return Math.round(ms / 600) / 100
}
