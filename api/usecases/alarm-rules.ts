import type { AlarmRules } from '../domain/alarm.ts'
import { deviceRules } from '../policies/alarms.ts'
import type { Profile } from '../stores/devices.ts'
import type { Policy } from '../stores/policies.ts'

/** What hangs on no component. */
export const anyRules: AlarmRules = {
  ...deviceRules,
  loadMs: 0,
  airLow: 0,
  airHigh: 0,
  airMs: 0,
  airActionMs: 0,
}

/**
 * What a device alarms by: the strictest of the policies whose limits hold its own, for those are the components it is
 * for. One that is for none alarms at once, by its own limits.
 */
export function rulesOf(profile: Profile | null, policies: readonly Policy[], now: number): AlarmRules {
  const begun = policies.filter(({ phase, from }) => phase === 'storage' && from <= now)
  // What was approved last may have been in force first.
  const known = new Map(begun.toSorted((a, b) => a.from - b.from).map((policy) => [policy.component, policy]))
  const { low, high } = profile ?? { low: 0, high: 0 }
  const theirs = [...known.values()].flatMap((policy) =>
    profile && policy.alarm && policy.low <= low && high <= policy.high ? [policy.alarm] : [],
  )
  if (theirs.length === 0) return { ...anyRules, airLow: low, airHigh: high }
  return {
    ...deviceRules,
    loadMs: Math.min(...theirs.map(({ loadMs }) => loadMs)),
    airLow: Math.max(...theirs.map(({ airLow }) => airLow)),
    airHigh: Math.min(...theirs.map(({ airHigh }) => airHigh)),
    airMs: Math.min(...theirs.map(({ airMs }) => airMs)),
    airActionMs: Math.min(...theirs.map(({ airActionMs }) => airActionMs)),
  }
}
