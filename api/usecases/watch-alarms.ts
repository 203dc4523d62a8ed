import type { AlarmBag } from '../../schema/tables/alarms.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import {
  type AlarmRules,
  type Case,
  type CaseNews,
  type Condition,
  conditionOf,
  doorCondition,
  faultCondition,
  lookAtCase,
  neverHeard,
  type Page,
  powerConditions,
  silenceOf,
  toldAt,
} from '../domain/alarm.ts'
import { outSince, timerConditions } from '../domain/bag-timer.ts'
import { inForce } from '../domain/effective.ts'
import { overdueJourneys } from '../domain/journey.ts'
import { takenFromLocked } from '../domain/task.ts'
import { turnedOut } from '../domain/turned-out.ts'
import {
  bagTimer,
  defrosts,
  deviceRules,
  escalation,
  gatherMs,
  settleMs,
  turnedOutForMs,
  warnings,
} from '../policies/alarms.ts'
import { fateRules } from '../policies/fates.ts'
import {
  type AlarmCase,
  type AlarmFacts,
  alarmFacts,
  appendAlarmEvents,
  insertCases,
  insertLinks,
  type NamedCase,
  type NewCase,
  openCases,
  retiredAmong,
  updateCases,
  type Whose,
} from '../stores/alarms.ts'
import { bagsOut, type HeldBagOut } from '../stores/bags-out.ts'
import { bagsUnderWay, type TracedUnderWay } from '../stores/bags-under-way.ts'
import { defrostingUntil } from '../stores/defrosts.ts'
import { labelsOf, lookUpDevices } from '../stores/devices.ts'
import { facilityCodes } from '../stores/facilities.ts'
import { type BrokenGlass, glassBroken } from '../stores/issue-reviews.ts'
import { insertNotices, unheardCases } from '../stores/notices.ts'
import { listPolicies, type Policy } from '../stores/policies.ts'
import { rostersOf } from '../stores/rosters.ts'
import { type TakenFromLocked, takenFromLockedDoors } from '../stores/tasks.ts'
import { bagsOutFor, type OutFor } from '../stores/turned-out.ts'
import { anyRules, rulesOf } from './alarm-rules.ts'
import { contactsOnDuty, noticesOf } from './write-notices.ts'

const watcher: Actor = { kind: 'job', id: 'alarm-watch' }

/** A condition, whose it is, and the excursion it is where it is one. */
export type Found = Condition & {
  readonly whose: Owner
  readonly excursion?: AlarmFacts['excursions'][number]
  /** The bags it is about, where it is not about a device. */
  readonly bags?: readonly AlarmBag[]
}

/** A device, or null where it is about bags, and the facility to be told. */
type Owner = Pick<NamedCase, 'deviceId' | 'device' | 'facilityId'>

/** What a case is of, or would be. */
type Subject = Pick<AlarmCase, 'kind' | 'deviceId' | 'facilityId'>

export type Look = {
  readonly readySince: number
  readonly since: number
  /** What is foretold at present. */
  readonly foreseen?: readonly Found[]
  /** When each became known, by the id of an ended excursion. */
  readonly lookedAt?: Map<number, number>
}

/**
 * Look at everything once: raise what is due and has no case yet, note what got worse, what is over and what began again,
 * and page the next where nobody has acknowledged it, which writes down who is to be told. What it finds it writes in one transaction, by a few statements,
 * however much it is; run twice it finds nothing new.
 *
 * @param readySince since when the service could have heard from devices, ms UTC
 * @param since what became known before then was looked at already, ms UTC
 * @param foreseen loads foretold to leave their limits soon
 * @param lookedAt of what became known since and is over for good, what was looked at already; this look adds its own
 * @returns how much was told
 */
export async function watchAlarms(
  { database, now: clock }: Pick<Deps, 'database' | 'now'>,
  { readySince, since, foreseen = [], lookedAt = new Map() }: Look,
): Promise<number> {
  const { db } = database
  const now = clock()
  const { batteryLow } = deviceRules
  const facts = await alarmFacts(db, now, { since, lookedAt: lookedAt.keys(), batteryLow })
  const names = [...facts.excursions, ...facts.powers, ...facts.doors].map(({ device }) => device)
  const devices = await lookUpDevices(db, [...new Set(names)])
  const out = await bagsOut(db, now, since)
  const underWay = await bagsUnderWay(db)
  const broken = await glassBroken(db)
  const left = await takenFromLockedDoors(db, 'all', now)
  const outFor = await bagsOutFor(
    db,
    { reach: 'all', since, outSince: now - turnedOutForMs, isGivenToo: false },
    now,
  )
  const policies = [names, out, underWay].some(({ length }) => length > 0) ? await listPolicies(db) : []
  const rulesFor = ({ device, jurisdiction }: Whose) => {
    const profiles = devices.get(device)?.profiles
    const theirs = policies.filter((policy) => policy.jurisdiction === jurisdiction)
    return rulesOf(profiles ? inForce(profiles, now) : null, theirs, now)
  }
  const found = new Map<string, Found[]>()
  const conditions = [
    ...conditionsIn(facts, rulesFor, readySince, now),
    ...out.flatMap((bag) => timersOf(bag, policies, now)),
    ...lateJourneys(underWay, policies, now),
    ...broken.map(takenUncalled),
    ...left.flatMap(takenByKey),
    ...outFor.flatMap((bag) => foundToHarm(bag, now)),
    ...foreseen,
  ]
  for (const condition of conditions) {
    const key = keyOf(condition)
    found.set(key, [...(found.get(key) ?? []), condition])
  }
  const told = await db.transaction(async (tx) => {
    const before = new Map((await openCases(tx, now)).map((one) => [keyOf({ ...one, whose: one }), one]))
    const open = new Map<string, NamedCase>(before)
    const unheard = await unheardCases(tx)
    const subjects = new Map<string, Subject>()
    for (const [key, [first]] of found) {
      if (!first) continue
      const { deviceId, facilityId } = first.whose
      subjects.set(key, { kind: first.kind, deviceId, facilityId })
    }
    for (const [key, one] of before) {
      const { kind, deviceId, standsAt, retired } = one
      const where = { standsAt: standsAt ?? one.facilityId, isRetired: retired !== null }
      const facilityId = toldAt(one, found.get(key) ?? [], where)
      subjects.set(key, { kind, deviceId, facilityId })
    }
    const raised = [...subjects].flatMap(([key, { deviceId }]) => (before.has(key) ? [] : (deviceId ?? [])))
    const retired = await retiredAmong(tx, [...new Set(raised)])
    const facilityIds = [...subjects.values()].map(({ facilityId }) => facilityId)
    const rosters = await rostersOf(tx, [...new Set(facilityIds)], now)
    const defrosting = await defrostingUntil(tx, now)
    const gathering = new Map<number, number>()
    for (const { kind, facilityId, pagedFrom } of open.values())
      if (kind === 'mains_lost' && pagedFrom > now) gathering.set(facilityId, pagedFrom)
    const added: NewCase[] = []
    const changed: { id: number; after: Case }[] = []
    const told = new Map<string, { readonly news: readonly CaseNews[]; readonly pages: readonly Page[] }>()
    for (const [key, { kind, deviceId, facilityId }] of subjects) {
      const standing = before.get(key) ?? null
      const conditions = found.get(key) ?? []
      const roster = rosters.get(facilityId)
      const isGathered = roster && kind === 'mains_lost'
      const looked = lookAtCase(
        standing,
        conditions,
        {
          settleMs,
          steps: stepsOf(kind),
          from: isGathered ? (gathering.get(facilityId) ?? now + gatherMs) : now,
          mutedUntil:
            deviceId !== null && defrosts.mutes.includes(kind) ? (defrosting.get(deviceId) ?? null) : null,
          isStaffed: (to) => !roster || contactsOnDuty(roster, to, now).length > 0,
          isUnheard: standing !== null && unheard.has(standing.id),
          facilityId,
          retired: standing ? standing.retired : (deviceId !== null && retired.get(deviceId)) || null,
        },
        now,
      )
      if (!looked) continue
      const { after, news } = looked
      if (news.length > 0) told.set(key, looked)
      if (standing) {
        if (isOther(standing, after)) changed.push({ id: standing.id, after })
        open.set(key, { ...standing, ...after })
      } else if (conditions[0]) {
        const { whose, part, outlook, bags } = conditions[0]
        const { deviceId, device } = whose
        added.push({ deviceId, device, kind, part, ...after, outlook, bags })
      }
    }
    for (const one of await insertCases(tx, added)) open.set(keyOf({ ...one, whose: one }), one)
    await updateCases(tx, changed)
    const links = [...found].flatMap(([key, conditions]) => {
      const caseId = open.get(key)?.id
      return conditions.flatMap(({ excursion }) =>
        excursion && caseId !== undefined ? [{ ...excursion, caseId }] : [],
      )
    })
    await insertLinks(tx, links)
    const codes = await facilityCodes(tx, movedBetween(before, open))
    const events = [...told].flatMap(([key, { news }]) => {
      const of = open.get(key)
      const alsoTo = before.get(key)?.facilityId
      return of ? news.map((one) => ({ of, ...one, ...whereTo(one.verb, alsoTo, of.facilityId, codes) })) : []
    })
    await appendAlarmEvents(tx, watcher, events, now)
    const paged = [...told].flatMap(([key, { pages }]) => {
      const of = open.get(key)
      return of ? pages.map((page) => ({ of, ...page })) : []
    })
    const labels = await labelsOf(
      tx,
      paged.map(({ of }) => of.device),
    )
    await insertNotices(tx, noticesOf(paged, rosters, labels, now), now)
    return events.length
  })
  remember(lookedAt, facts.excursions, since)
  return told
}

/** The facilities cases have moved from and to. */
function movedBetween(
  before: ReadonlyMap<string, NamedCase>,
  after: ReadonlyMap<string, NamedCase>,
): number[] {
  return [...before].flatMap(([key, { facilityId: from }]) => {
    const to = after.get(key)?.facilityId ?? from
    return from === to ? [] : [from, to]
  })
}

/** Of a case that has moved both facilities are told, and which they are. */
function whereTo(
  verb: CaseNews['verb'],
  from: number | undefined,
  to: number,
  codes: ReadonlyMap<number, string>,
): { readonly data?: object; readonly alsoTo?: number } {
  if (verb !== 'moved' || from === undefined) return {}
  return { alsoTo: from, data: { from: codes.get(from), to: codes.get(to) } }
}

/** More is not remembered: what is forgotten is looked at once more, and nothing new is found of it. */
const mostRemembered = 10_000

/** What has ended is as it is for ever, and so is what was made of it; what is older than `since` nobody asks for again. */
function remember(lookedAt: Map<number, number>, excursions: AlarmFacts['excursions'], since: number): void {
  for (const { excursionId, to, knownFrom } of excursions)
    if (to !== null) lookedAt.set(excursionId, knownFrom)
  for (const [id, knownFrom] of lookedAt)
    if (knownFrom < since || lookedAt.size > mostRemembered) lookedAt.delete(id)
}

function keyOf({
  whose,
  kind,
  part,
}: Pick<Found, 'kind' | 'part'> & { whose: Pick<Owner, 'deviceId' | 'facilityId'> }): string {
  const { deviceId, facilityId } = whose
  return `${deviceId === null ? `at ${facilityId}` : deviceId}/${kind}/${part}`
}

/** By the policy of its component in force when it left controlled storage. */
function timersOf(bag: HeldBagOut, policies: readonly Policy[], now: number): Found[] {
  const { bagId, label, facilityId } = bag
  const from = outSince(bag)
  if (from === null) return []
  const longestMs = longestOf(bag, 'in_hand', policies, from)
  const whose = { deviceId: null, device: null, facilityId }
  const bags = [{ bagId, label }]
  return timerConditions(bag, { ...bagTimer, bedsideMs: fateRules.bedsideMs, longestMs }, now).map(
    (found) => ({ ...found, whose, bags }),
  )
}

/** Until somebody has reviewed it. */
function takenUncalled({ bagId, label, facilityId, at }: BrokenGlass): Found {
  return takenBag('glass_broken', { bagId, label, facilityId }, at)
}

/** Until it is back, or issued. */
function takenByKey(seen: TakenFromLocked): Found[] {
  const found = takenFromLocked(seen, seen.sessionUntil)
  const { bagId, label, holderId: facilityId } = seen
  if (found?.kind !== 'taken_by_key' || facilityId === null) return []
  return [takenBag(found.kind, { bagId, label, facilityId }, found.since)]
}

/** Until it is back, or all of it was given. */
function foundToHarm(out: OutFor, now: number): Found[] {
  const { bagId, label, facilityId, foundAt: from, isGiven } = out
  if (isGiven || turnedOut(out, now).length === 0) return []
  const whose = { deviceId: null, device: null, facilityId }
  const about = { kind: 'incompatible_out', part: bagId, class: 'action' } as const
  return [{ ...about, from, to: null, dueAt: from, whose, bags: [{ bagId, label }] }]
}

function takenBag(
  kind: 'glass_broken' | 'taken_by_key',
  { bagId, label, facilityId }: Omit<BrokenGlass, 'at'>,
  at: number,
): Found {
  const whose = { deviceId: null, device: null, facilityId }
  const bags = [{ bagId, label }]
  return { kind, part: bagId, from: at, to: null, class: 'alert', dueAt: at, whose, bags }
}

/** Told at both ends, by the policies in force where and when the bags departed. */
function lateJourneys(
  underWay: readonly TracedUnderWay[],
  policies: readonly Policy[],
  now: number,
): Found[] {
  const limited = underWay.map((bag) => ({
    ...bag,
    longestMs: longestOf(bag, 'transport', policies, bag.departedAt),
  }))
  return overdueJourneys(limited, now).flatMap(({ condition, bags: together }) => {
    const bags = together.map(({ bagId, label }) => ({ bagId, label }))
    const [{ fromId, toId }] = together
    return [fromId, toId].map((facilityId) => {
      return { ...condition, bags, whose: { deviceId: null, device: null, facilityId } }
    })
  })
}

function longestOf(
  { component, jurisdiction }: Pick<TracedUnderWay, 'component' | 'jurisdiction'>,
  phase: Policy['phase'],
  policies: readonly Policy[],
  at: number,
): number | null {
  const versions = policies.filter(
    (policy) =>
      policy.phase === phase && policy.component === component && policy.jurisdiction === jurisdiction,
  )
  return versions.length > 0 ? inForce(versions, at).longestMs : null
}

/** A warning is told to one step, at once. */
function stepsOf(kind: Subject['kind']) {
  const only = warnings[kind]
  return only === undefined ? escalation : [{ afterMs: 0, to: only }]
}

function isOther(before: Case, after: Case): boolean {
  const {
    facilityId,
    class: graveness,
    pagedFrom,
    steps,
    mutedUntil,
    acknowledgedAt,
    overSince,
    endedAt,
    retiredAt,
  } = after
  return (
    before.facilityId !== facilityId ||
    before.class !== graveness ||
    before.pagedFrom !== pagedFrom ||
    before.steps !== steps ||
    before.mutedUntil !== mutedUntil ||
    before.acknowledgedAt !== acknowledgedAt ||
    before.overSince !== overSince ||
    before.endedAt !== endedAt ||
    before.retiredAt !== retiredAt
  )
}

function conditionsIn(
  { excursions, faults, silences, speechless, powers, doors }: AlarmFacts,
  rulesFor: (whose: Whose) => AlarmRules,
  readySince: number,
  now: number,
): Found[] {
  const found: Found[] = []
  for (const excursion of excursions) {
    const condition = conditionOf(excursion, rulesFor(excursion), now)
    if (condition) found.push({ ...condition, whose: excursion, excursion })
  }
  for (const fault of faults) found.push({ ...faultCondition(fault.kind, fault.probe, fault), whose: fault })
  for (const heard of silences) {
    const condition = silenceOf(heard, anyRules, readySince, now)
    if (condition) found.push({ ...condition, whose: heard })
  }
  for (const heard of speechless)
    found.push({ ...neverHeard(heard, anyRules, readySince, now), whose: heard })
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
