import type { ForecastRule } from '../domain/thermal/forecast.ts'
import type { Outlook } from '../domain/thermal/outlook.ts'

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

/** An outlook in the words of whoever is called. */
export function outlookWords({ early, likely, late }: Outlook): { readonly zh: string; readonly en: string } {
  if (likely === null)
    return {
      zh: `最早约 ${early} 分钟后可能超限`,
      en: `May leave its limits, in ${early} min at the earliest`,
    }
  const [zh, en] = late === null ? ['更久', 'longer'] : [late, late]
  return {
    zh: `约 ${likely} 分钟后超限（${early} 至 ${zh}${late === null ? '' : ' 分钟'}）`,
    en: `Will leave its limits in about ${likely} min (${early} to ${en})`,
  }
}
