import type { AlarmKind } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { causeOf, oneProbeSilent } from '../domain/thermal/cause.ts'
import { outlookOf } from '../domain/thermal/outlook.ts'
import { causeWords, cnCauseRule } from '../policies/causes.ts'
import { cnForecastRule, outlookWords } from '../policies/forecast.ts'
import { type Explanation, explainCases, unexplainedCases } from '../stores/alarms.ts'
import { lookUpDevices } from '../stores/devices.ts'
import { thermalFacts } from './thermal-facts.ts'

const watcher: Actor = { kind: 'job', id: 'alarm-watch' }

/** What has a cause worth naming. */
const explained: readonly AlarmKind[] = [
  ...(['load_high', 'load_low', 'air_high', 'air_low', 'silent'] as const),
  'probe_missing',
  'mains_lost',
]

/** So many at a time, so that nobody who is to be paged waits for it. */
const atOnce = 5

/** A case older than this stays as it is, ms: what would explain it may be gone. */
const soonMs = 86_400_000

/**
 * Find the likely causes of alarms that were raised and have none yet, and keep each with its case, as found: from what
 * was known of the hours before it was raised or, where it was over by then, before it was over. Nothing is written
 * twice, so whoever was interrupted asks again.
 *
 * @returns how many were explained; where that is none, there is nothing left
 */
export async function explainAlarms({
  database: { db },
  now: clock,
}: Pick<Deps, 'database' | 'now'>): Promise<number> {
  const cases = await unexplainedCases(db, explained, clock() - soonMs, atOnce)
  if (cases.length === 0) return 0
  const devices = await lookUpDevices(db, [...new Set(cases.map(({ device }) => device))])
  const found: Explanation[] = []
  for (const { overAt, ...of } of cases) {
    const device = devices.get(of.device)
    if (!device) continue
    // A device's clock may run a little ahead of ours.
    const at = overAt === null ? Math.max(of.raisedAt, of.conditionFrom) : overAt - 1
    const facts = await thermalFacts(db, device, at, cnCauseRule.lookbackMs)
    const { cause, signs } = of.kind === 'probe_missing' ? oneProbeSilent : causeOf(facts, cnCauseRule)
    const outlook = outlookOf('load', facts.readings, facts.profile, cnForecastRule)
    const { air = [], load = [], ambient = [] } = facts.readings
    const evidence = {
      from: new Date(at - cnCauseRule.lookbackMs).toISOString(),
      to: new Date(at).toISOString(),
      readings: { air: air.length, load: load.length, ambient: ambient.length },
      openings: facts.doors?.length,
      power: facts.power.length,
    }
    const foretold = outlook && {
      ...outlook,
      at: new Date(outlook.at).toISOString(),
      ...outlookWords(outlook),
    }
    const data = { cause, signs, ...causeWords(cause, signs), outlook: foretold, evidence }
    found.push({ of, cause, signs, outlook, data })
  }
  await db.transaction((tx) => explainCases(tx, watcher, found, clock()))
  return found.length
}
