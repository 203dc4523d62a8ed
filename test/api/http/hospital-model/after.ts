import { expect } from 'vitest'
import { TakeOutSession } from '../../../../schema/http/life.ts'
import { Tasks } from '../../../../schema/http/tasks.ts'
import {
  count,
  day,
  type Hospital,
  handlingMs,
  hour,
  minute,
  nowOf,
  sessionMs,
  type Unit,
  unlockMs,
} from './account.ts'
import { lookAt } from './bags.ts'
import { read } from './hospital.ts'
import { compareOrder } from './orders.ts'
import { compareRecord, pathOf } from './patients.ts'
import { beliefIn, isFilled, isOver, keeperOf, missingOf, sampleUntilOf, turnedOutOf } from './rules.ts'

/* What is to be so afterwards: every worklist, every record, and who did what in the audit trail. */

const asked = [
  ...(['issue_unconfirmed', 'transfused_against', 'taken_without_issue', 'taken_unscanned'] as const),
  ...(['taken_by_key', 'seen_after_fate', 'emergency_release', 'glass_broken', 'look_back'] as const),
  'incompatible_out',
  ...([
    'recalled_out',
    'return_to_inspect',
    'reservation_ending',
    'expires_soon',
    'expired_on_shelf',
  ] as const),
  ...(['fate_unknown', 'transfusion_not_ended', 'bedside_missing', 'presumed_transfused'] as const),
  ...(['order_unapproved', 'order_unfilled', 'grouping_discrepancy', 'sample_ending'] as const),
] as const
export type TaskKind = (typeof asked)[number]
export const taskKinds: readonly string[] = asked

/** All that somebody must see to now, and what about. */
export async function compareTasks(hospital: Hospital): Promise<void> {
  const { tasks } = await hospital.door.ask(Tasks, 'GET', `/tasks?facility=${hospital.code}`)
  const told = tasks.filter(({ kind }) => taskKinds.includes(kind))
  const named = told.map(({ kind, bagId, order, patient, discrepancies = [] }) =>
    [kind, bagId ?? order ?? patient, ...discrepancies].join(' '),
  )
  const expected = [...hospital.units.flatMap((unit) => tasksOf(hospital, unit)), ...otherTasks(hospital)]
  expect(named.sort()).toEqual(expected.sort())
  for (const { kind } of told) count(`task ${kind}`)
  count('look')
}

function tasksOf(hospital: Hospital, unit: Unit): string[] {
  const now = nowOf(hospital)
  const { id, state, expiresAt, since, kept, overAt } = unit
  const found: string[] = []
  const tell = (kind: TaskKind, isSo: boolean, ...more: readonly string[]) =>
    isSo && found.push([kind, id, ...more].join(' '))
  const place = unit.stays.at(-1) ?? { isInside: false, from: 0 }
  const issue = unit.issues.at(-1)
  const isFree = state === 'available'

  tell('issue_unconfirmed', state === 'issued' && isUnconfirmed(hospital, unit))
  tell('bedside_missing', state === 'issued' && issue !== undefined && isWithin(now - issue.at, hour, day))
  tell('presumed_transfused', state === 'issued' && issue !== undefined && now - issue.at >= day)
  for (const { review } of unit.issues) if (review) tell(review, true)

  const isOut = isFree && !place.isInside
  tell('taken_without_issue', isOut && now >= Math.max(place.from, since) + handlingMs)
  const openings = hospital.sessions.filter(({ at }) => at <= place.from)
  const isLocked = hospital.sessions.some(({ reply }) => reply?.state === 'done')
  const isInSession = openings.some(({ at }) => place.from < at + sessionMs + minute)
  const isTaken = isOut && isLocked && place.from >= since
  tell(isInSession ? 'taken_unscanned' : 'taken_by_key', isTaken)
  tell('seen_after_fate', overAt !== null && place.isInside && place.from > overAt)

  const isGiven = state === 'transfused' && isAllGiven(unit)
  const outAt = issue?.at ?? unit.observed.findLast((one) => one.patient !== null)?.at ?? 0
  const matters = (state === 'issued' || state === 'transfused') && now - outAt <= 28 * day
  tell('incompatible_out', matters && turnedOutOf(hospital, unit, isGiven).length > 0)

  const isOnShelf = isFree || state === 'returned'
  const isForgotten = now >= expiresAt + 7 * day
  tell('return_to_inspect', state === 'returned' && now < expiresAt)
  tell('reservation_ending', isFree && kept !== null && isWithin(kept.until - now, 1, 2 * hour + 1))
  tell('expires_soon', isFree && isWithin(expiresAt - now, 1, 7 * day + 1))
  tell('expired_on_shelf', isOnShelf && now >= expiresAt && !isForgotten)
  tell('fate_unknown', !isOver(unit) && isForgotten)

  for (const against of unit.against) tell('transfused_against', true, ...against)
  tell('transfusion_not_ended', isUnderWay(unit, now - 4 * hour))
  for (const { isOpen } of unit.lookBacks) tell('look_back', isOpen)
  const isFound = isOver(unit) || (state !== 'issued' && place.isInside)
  for (const { hold, isOpen } of hospital.recalls.filter((one) => one.unit === unit))
    tell('recalled_out', isOpen && hold !== null && unit.holds.includes(hold) && !isFound)
  return found
}

const isWithin = (ms: number, from: number, to: number) => ms >= from && ms < to

/** Was it issued at the fridge, and nobody saw it leave? */
function isUnconfirmed(hospital: Hospital, { issues, stays }: Unit): boolean {
  const now = nowOf(hospital)
  const issue = issues.at(-1)
  if (!issue?.session || !stays.at(-1)?.isInside) return false
  const { reply, at } = issue.session
  const isShut = reply ? reply.state === 'failed' : now >= at + unlockMs
  return isShut || now >= issue.at + minute
}

/** Does nobody wait for its end any more? An end from before its start is none. */
function isAllGiven({ observed }: Unit): boolean {
  const startedAt = observed.find(({ verb }) => verb === 'start_transfusion')?.at ?? 0
  const isEnd = ({ verb, at }: Unit['observed'][number]) =>
    (verb === 'end_transfusion' || verb === 'interrupt_transfusion') && at >= startedAt
  return observed.some((one) => one.verb === 'transfuse' || isEnd(one))
}

function isUnderWay({ observed }: Unit, before: number): boolean {
  const at = (...verbs: readonly string[]) =>
    observed.filter(({ verb }) => verbs.includes(verb)).map((one) => one.at)
  const startedAt = Math.min(...at('start_transfusion', 'transfuse'))
  const isEnded = at('end_transfusion', 'interrupt_transfusion').some((one) => one >= startedAt)
  return startedAt <= before && !isEnded && at('transfuse').length === 0
}

function otherTasks(hospital: Hospital): string[] {
  const now = nowOf(hospital)
  const ofOrders = hospital.orders.flatMap((order) => {
    const { id, urgency, ended, at, neededAt } = order
    const isMissing = missingOf(order).length > 0
    const isToFill = urgency === 'emergency' || !isMissing
    const isDue = now >= Math.max(at, neededAt - 2 * hour) && now <= neededAt + 7 * day
    if (ended !== null) return []
    return [
      ...(isMissing ? [`order_unapproved ${id}`] : []),
      ...(isToFill && isDue && !isFilled(hospital, order) ? [`order_unfilled ${id}`] : []),
    ]
  })
  const ofPatients = hospital.patients.flatMap((patient) => {
    const until = sampleUntilOf(hospital, patient)
    const isKeptFor = hospital.units.some(
      (unit) => unit.state === 'available' && keeperOf(hospital, unit) === patient,
    )
    const isEnding = isKeptFor && until !== null && now >= until - 12 * hour
    return [
      ...(beliefIn(patient).doubt === 'discrepancy' ? [`grouping_discrepancy ${patient.name}`] : []),
      ...(isEnding ? [`sample_ending ${patient.name}`] : []),
    ]
  })
  return [...ofOrders, ...ofPatients]
}

/** All there is of a hospital is as the model has it, and everything that was done stands in the audit trail, and nothing else. */
export async function compareAll(hospital: Hospital): Promise<void> {
  const { units, patients, orders, sessions } = hospital
  for (const unit of units) await lookAt(hospital, unit)
  for (const patient of patients)
    compareRecord(hospital, patient, await read(hospital, `${pathOf(hospital, patient)}/record`))
  for (const order of orders) compareOrder(hospital, order, await read(hospital, `/orders/${order.id}`))
  for (const session of sessions) {
    const { scans, checkedAt } = TakeOutSession.parse(await read(hospital, `/take-outs/${session.id}`))
    expect(scans.map(({ answer }) => answer)).toEqual(session.answers)
    expect(checkedAt !== null).toBe(session.isChecked)
  }
  await compareEvents(hospital)
  await compareTasks(hospital)
  await compareAudit(hospital)
}

/** As many events as were told of each bag, and the last of them. */
async function compareEvents({ door, units }: Hospital): Promise<void> {
  const { rows } = await door.world.deps.database.pool.query(
    `select bag_id as id, max(version) as version, count(*)::int as events,
       (array_agg(verb order by version desc) filter (where verb <> 'expire'))[1] as last
     from bag_event where bag_id = any($1) group by 1 order by 1`,
    [units.map(({ id }) => id)],
  )
  const byId = units.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  expect(rows).toEqual(
    byId.map(({ id, version, lastVerb: last }) => ({ id, version, events: version, last })),
  )
}

async function compareAudit(hospital: Hospital): Promise<void> {
  const { city, id: facilityId, units, patients, orders, sessions, recalls } = hospital
  const expected = new Map<string, readonly string[]>([
    ...units.map(({ id, told }) => [`bag ${id}`, told] as const),
    ...patients.map(({ name, told }) => [`patient ${facilityId}/${name}`, told] as const),
    ...orders.map(({ id, told }) => [`order ${id}`, told] as const),
    ...sessions.map(({ id, told }) => [`take_out ${id}`, told] as const),
    ...recalls.map(({ number, told }) => [`recall ${number}`, told] as const),
  ])
  const { rows } = await hospital.door.world.deps.database.pool.query(
    `select a.subject_kind || ' ' || a.subject as about, a.action, a.actor->>'id' as by
     from audit_entry a join unnest($1::text[]) asked (about) on a.subject_kind = split_part(about, ' ', 1)
       and a.subject = split_part(about, ' ', 2) order by a.id`,
    [[...expected.keys()]],
  )
  const names = new Map<string, string>(Object.entries(city.ids).map(([name, id]) => [id, name]))
  const told = new Map([...expected.keys()].map((about) => [about, [] as string[]]))
  for (const { about, action, by } of rows) told.get(about)?.push(`${action} ${names.get(by) ?? by}`)
  expect(told).toEqual(expected)
}
