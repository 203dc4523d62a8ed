import type { ProbeKind, Side } from '../../../schema/vocabulary.ts'
import type { Profile } from './facts.ts'
import { type ForecastRule, minutesUntil } from './forecast.ts'
import type { Sample } from './sample.ts'

/**
 * When a probe that is inside its limits will leave them, in whole minutes from its newest reading: the ends of an 80 %
 * interval and the middle. Null of these where that lies beyond what can be foretold.
 */
export type Outlook = {
  readonly probe: ProbeKind
  readonly side: Side
  /** Of the newest reading, ms UTC. */
  readonly at: number
  readonly early: number
  readonly likely: number | null
  readonly late: number | null
}

/** The outlook as of the newest reading; null where it is outside, or is not foretold to be. */
export function outlookOf(
  probe: 'air' | 'load',
  readings: Readonly<Partial<Record<ProbeKind, readonly Sample[]>>>,
  { low, high }: Pick<Profile, 'low' | 'high'>,
  rule: ForecastRule,
): Outlook | null {
  const samples = readings[probe] ?? []
  const last = samples.at(-1)
  if (!last || last.centi < low || last.centi > high) return null
  const { at } = last
  const room = readings.ambient?.findLast((sample) => sample.at <= at)?.centi ?? null
  const outlooks = (
    [
      ['high', high],
      ['low', low],
    ] as const
  ).flatMap(([side, limit]) => {
    const foretold = minutesUntil(side, limit, samples, room, at, rule)
    if (!foretold || foretold.p10 === null) return []
    const { p10, p50, p90 } = foretold
    return {
      ...{ probe, side, at, early: Math.floor(p10) },
      likely: p50 === null ? null : Math.round(p50),
      late: p90 === null ? null : Math.ceil(p90),
    }
  })
  return outlooks.sort((a, b) => a.early - b.early)[0] ?? null
}
