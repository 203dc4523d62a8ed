import type { AlarmClass } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import {
  type AlarmRules,
  type Condition,
  conditionOf,
  doorCondition,
  isDue,
  isGraver,
  powerConditions,
  silenceOf,
  stepsDue,
} from '../domain/alarm.ts'
import { inForce } from '../domain/effective.ts'
import { deviceRules, escalation } from '../policies/alarms.ts'
import {
  type AlarmCase,
  type AlarmEventInput,
  type AlarmFacts,
  alarmFacts,
  appendAlarmEvent,
  insertCase,
  insertLink,
  type NamedCase,
  openCases,
  updateCase,
  type Whose,
} from '../stores/alarms.ts'
import type { Transaction } from '../stores/database.ts'
import { lookUpDevices, type Profile } from '../stores/devices.ts'
import { listPolicies, type Policy } from '../stores/policies.ts'

const watcher: Actor = { kind: 'job', id: 'alarm-watch' }

/** A condition, whose it is, and the excursion it is where it is one. */
type Found = Condition & {
  readonly whose: Whose
  readonly excursion?: AlarmFacts['excursions'][number]
}

/**
 * Look at everything once: raise what is due and has no case yet, link what belongs to one, note what got worse, what is
 * over and what began again, and escalate what nobody has acknowledged. What it finds it writes in one transaction; run
 * twice it finds nothing new.
 *
 * @param readySince since when the service could have heard from devices, ms UTC
 * @returns how much was told
 */
export async function watchAlarms(
  { database, now: clock }: Pick<Deps, 'database' | 'now'>,
  readySince: number,
): Promise<number> {
  const { db } = database
  const now = clock()
  const facts = await alarmFacts(db, now, deviceRules.batteryLow)
  const names = [...facts.excursions, ...facts.powers, ...facts.doors].map(({ device }) => device)
  const devices = await lookUpDevices(db, [...new Set(names)])
  const policies = names.length > 0 ? await listPolicies(db) : []
  const rulesFor = ({ device, jurisdiction }: Whose) => {
    const profiles = devices.get(device)?.profiles
    const theirs = policies.filter((policy) => policy.jurisdiction === jurisdiction)
    return rulesOf(profiles ? inForce(profiles, now) : null, theirs, now)
  }
  const found = conditionsIn(facts, rulesFor, readySince, now)
  return db.transaction(async (tx) => {
    const cases = new Map((await openCases(tx)).map((one) => [keyOf(one), one]))
    let told = 0
    for (const condition of found) told += await follow(tx, cases, condition, now)
    for (const one of cases.values()) told += await goOn(tx, one, found, now)
    return told
  })
}

function keyOf({ deviceId, kind, part }: Pick<AlarmCase, 'deviceId' | 'kind' | 'part'>): string {
  return `${deviceId}/${kind}/${part}`
}

function conditionsIn(
  { excursions, silences, powers, doors }: AlarmFacts,
  rulesFor: (whose: Whose) => AlarmRules,
  readySince: number,
  now: number,
): Found[] {
  const found: Found[] = []
  for (const excursion of excursions) {
    const condition = conditionOf(excursion, rulesFor(excursion), now)
    if (condition) found.push({ ...condition, whose: excursion, excursion })
  }
  for (const heard of silences) {
    const condition = silenceOf(heard, anyRules, readySince, now)
    if (condition) found.push({ ...condition, whose: heard })
  }
  for (const power of powers) {
    const { mains, at } = power
    const rules = rulesFor(power)
    const said = [
      ...powerConditions(
        { mains, batteryPercent: power.batteryPercent ?? undefined, since: power.mainsLostSince ?? at },
        rules,
      ),
      ...powerConditions(
        { mains: true, agitatorOn: power.agitatorOn ?? undefined, since: power.agitatorStoppedSince ?? at },
        rules,
      ),
    ]
    found.push(...said.map((condition) => ({ ...condition, whose: power })))
  }
  for (const open of doors)
    found.push({ ...doorCondition(open.door, open.openSince, rulesFor(open)), whose: open })
  return found
}

/** What hangs on no component. */
const anyRules: AlarmRules = { ...deviceRules, loadMs: 0, airLow: 0, airHigh: 0, airMs: 0, airActionMs: 0 }

/**
 * What a device alarms by: the strictest of the policies whose limits hold its own, for those are the components it is
 * for. One that is for none alarms at once, by its own limits.
 */
function rulesOf(profile: Profile | null, policies: readonly Policy[], now: number): AlarmRules {
  const known = new Map<string, Policy>()
  for (const policy of policies)
    if (policy.phase === 'storage' && policy.from <= now) known.set(policy.component, policy)
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

/** Bring the case of a condition up to it, or raise one. @returns how much was told */
async function follow(
  tx: Transaction,
  cases: Map<string, NamedCase>,
  condition: Found,
  now: number,
): Promise<number> {
  if (!isDue(condition, now)) return 0
  const { whose, kind, part, from, to, excursion } = condition
  const { deviceId, device, facilityId } = whose
  const isKnown = excursion?.isLinked ?? false
  const open = cases.get(keyOf({ deviceId, kind, part }))
  // What is over and was linked is history; what lasts is not, whatever was closed.
  if (isKnown && to !== null) return 0
  if (!open) {
    const added = await insertCase(tx, {
      ...{ deviceId, facilityId, kind, part, conditionFrom: from },
      ...{ class: condition.class, raisedAt: now, pagedFrom: now, steps: 0 },
      endedAt: to === null ? null : now,
    })
    if (!added) return 0
    const raised = { ...added, device }
    cases.set(keyOf(raised), raised)
    if (excursion) await insertLink(tx, { ...excursion, caseId: raised.id })
    await appendAlarmEvent(tx, watcher, raised, { verb: 'raised', data: aboutOf(condition) }, now)
    return 1
  }
  const events: AlarmEventInput[] = []
  let changes: Partial<AlarmCase> = {}
  if (excursion && !isKnown) {
    await insertLink(tx, { ...excursion, caseId: open.id })
    events.push({ verb: 'linked', data: aboutOf(condition) })
  }
  if (to === null && open.endedAt !== null) {
    // Whoever acknowledged it acknowledged what was: they are told again.
    changes = { endedAt: null, acknowledgedAt: null, pagedFrom: now, steps: 0 }
    events.push({ verb: 'began_again', data: aboutOf(condition) })
  }
  if (isGraver(condition.class, open.class)) {
    changes = { ...changes, class: condition.class, acknowledgedAt: null, pagedFrom: now, steps: 0 }
    events.push({ verb: 'worsened', data: aboutOf(condition) })
  }
  for (const event of events) await appendAlarmEvent(tx, watcher, open, event, now)
  if (Object.keys(changes).length > 0) {
    await updateCase(tx, open.id, changes)
    cases.set(keyOf(open), { ...open, ...changes })
  }
  return events.length
}

/** See whether what a case is about is over, and page the next where nobody has acknowledged it. */
async function goOn(tx: Transaction, one: NamedCase, found: readonly Found[], now: number): Promise<number> {
  const lasting = found.find(
    ({ whose, kind, part, to }) => keyOf({ ...whose, kind, part }) === keyOf(one) && to === null,
  )
  let told = 0
  if (!lasting && one.endedAt === null) {
    await updateCase(tx, one.id, { endedAt: now })
    await appendAlarmEvent(tx, watcher, one, { verb: 'ended' }, now)
    told++
  }
  const due = one.acknowledgedAt === null ? stepsDue(one.pagedFrom, escalation, now) : one.steps
  for (const { to } of escalation.slice(one.steps, due)) {
    await appendAlarmEvent(tx, watcher, one, { verb: 'escalated', data: { to } }, now)
    told++
  }
  if (due > one.steps) await updateCase(tx, one.id, { steps: due })
  return told
}

function aboutOf({ from, to, class: graveness }: Condition): {
  readonly class: AlarmClass
  readonly from: string
  readonly to: string | null
} {
  const instant = (at: number) => new Date(at).toISOString()
  return { class: graveness, from: instant(from), to: to === null ? null : instant(to) }
}
