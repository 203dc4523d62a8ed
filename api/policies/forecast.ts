import type { ForecastRule } from '../domain/thermal/forecast.ts'

const minute = 60_000
const hour = 60 * minute

/** Engineering defaults, as those for causes. Temperatures in hundredths of °C. */
export const cnForecastRule: ForecastRule = {
  lookbackMs: 12 * hour,
  windowMs: 30 * minute,
  leastMs: 5 * minute,
  leastReadings: 5,
  leastMove: 15,
  horizonMs: 12 * hour,
  coolestRoom: 1_500,
  warmestRoom: 3_500,
  coldestBelow: 2_000,
  shortestTauMs: 10 * minute,
  longestTauMs: 80 * hour,
  offBy: 4,
  offShare: 0.2,
  alike: 3,
  timeShare: 0.25,
}
