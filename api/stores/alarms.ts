import { and, asc, desc, eq, gte, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm'
import { alarmCase, alarmEvent, alarmLink } from '../../schema/tables/alarms.ts'
import { bag, bagPlace } from '../../schema/tables/bags.ts'
import { excursion, probeFault } from '../../schema/tables/derived.ts'
import { device, deviceProfile, deviceState, probe, probeState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { deviceEvent } from '../../schema/tables/messages.ts'
import type {
  AlarmKind,
  AlarmVerb,
  Cause,
  CauseSign,
  Jurisdiction,
  ProbeKind,
} from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Case, HeardProbe, KnownExcursion, Retired } from '../domain/alarm.ts'
import { living } from '../domain/lifecycle.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import type { FaultStretch } from '../domain/thermal/fault-stretches.ts'
import type { Outlook } from '../domain/thermal/outlook.ts'
import { appendAudits } from './audit.ts'
import { offsetInSql } from './clocks.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { jurisdictionAt } from './facilities.ts'
import { appendNews } from './news.ts'
import { insertRows, isIn, isOneOf } from './rows.ts'

export type AlarmCase = typeof alarmCase.$inferSelect

/** What there is to look at, of devices that are not revoked; and the silence of those that are, while bags are inside. */
export type AlarmFacts = {
  readonly excursions: readonly (Whose &
    KnownExcursion & { readonly excursionId: number; readonly probeId: number; readonly knownFrom: number })[]
  readonly silences: readonly (Whose & HeardProbe)[]
  readonly speechless: readonly (Whose & {
    readonly firstAt: number
    readonly createdAt: number
    readonly maxSilenceMs: number
  })[]
  readonly powers: readonly (Whose & {
    readonly mains: boolean
    readonly batteryPercent: number | null
    readonly agitatorOn: boolean | null
    readonly mainsLostSince: number | null
    readonly agitatorStoppedSince: number | null
    readonly at: number
  })[]
  readonly doors: readonly (Whose & { readonly door: string; readonly openSince: number })[]
  readonly faults: readonly (Whose & FaultStretch & { readonly probe: ProbeKind })[]
}

/** A device, where it stands now, and whose policies are in force there. */
export type Whose = {
  readonly deviceId: number
  readonly device: string
  readonly facilityId: number
  readonly jurisdiction: Jurisdiction
}

export type LookedAt = { readonly since: number; readonly lookedAt: Iterable<number> }

/**
 * All that may be worth an alarm now: excursions that last, or became known since and belong to no case yet; probes that
 * are not to be believed, or not heard for longer than they may be silent; devices that tell of the room alone; and those
 * whose newest word is of a lost mains, a low battery, a still agitator or an open door.
 *
 * @param since what became known before then was looked at already, ms UTC
 * @param lookedAt ended excursions that became known since and were looked at already, by id
 * @param batteryLow percent
 */
export async function alarmFacts(
  db: Database,
  now: number,
  { since, lookedAt, batteryLow }: LookedAt & { readonly batteryLow: number },
): Promise<AlarmFacts> {
  const of = sql`d.id as "deviceId", d.name as device, ${standsIn(sql`d.id`, now)} as "facilityId",
      ${jurisdictionAt(standsIn(sql`d.id`, now))} as jurisdiction`
  const excursions = await db.execute<AlarmFacts['excursions'][number]>(sql`
    select ${of}, x.id as "excursionId", x.known_from as "knownFrom", p.kind as probe, p.id as "probeId", x.side, x."from", x."to",
      case when x."to" is null then coalesce(s.open_coldest, x.coldest) else x.coldest end as coldest,
      case when x."to" is null then coalesce(s.open_warmest, x.warmest) else x.warmest end as warmest
    from (
      select * from ${excursion} where known_to is null and "to" is null
      union all
      select * from ${excursion} ended
      where known_to is null and "to" is not null and known_from >= ${since}::bigint
        and id <> all(${`{${[...lookedAt].join()}}`}::bigint[]) and not exists (
          select from ${alarmLink} l
          where l.probe_id = ended.probe_id and l.side = ended.side and l."from" = ended."from")
    ) x join ${probe} p on p.id = x.probe_id join ${probeState} s on s.probe_id = p.id
    join ${device} d on d.id = p.device_id
    where d.revoked_at is null
    order by x."from", p.id`)
  const profile = sql`lateral (
      select max_silence_ms from ${deviceProfile} f where f.device_id = d.id
      order by f."from" <= ${now} desc, abs(f."from" - ${now}) limit 1
    ) profile`
  const silences = await db.execute<AlarmFacts['silences'][number]>(sql`
    select ${of}, p.kind as probe, s.last_at as "lastAt", s.last_received_at as "lastReceivedAt",
      profile.max_silence_ms as "maxSilenceMs", others.received_at as "othersReceivedAt",
      p.kind = 'load' or (p.kind = 'air' and not coalesce(others.has_load, false)) as speaks,
      exists (select from ${alarmCase} c where c.device_id = d.id and c.kind = 'silent' and c.part = p.kind
        and c.closed_at is null and c.ended_at is null) as "isToldSilent"
    from ${probeState} s join ${probe} p on p.id = s.probe_id join ${device} d on d.id = p.device_id, ${profile},
    lateral (
      select max(o.last_received_at) as received_at, bool_or(q.kind = 'load') as has_load
      from ${probe} q join ${probeState} o on o.probe_id = q.id where q.device_id = d.id and q.id <> p.id
    ) others
    where s.last_received_at < ${now}::bigint - (select min(max_silence_ms) from ${deviceProfile})
      and s.last_received_at < ${now}::bigint - profile.max_silence_ms
      and (d.revoked_at is null or ${countInside(sql`d.id`)} > 0)
    order by s.last_received_at, p.id`)
  const speechless = await db.execute<AlarmFacts['speechless'][number]>(sql`
    select ${of}, s.first_at as "firstAt", d.created_at as "createdAt", profile.max_silence_ms as "maxSilenceMs"
    from ${probe} p join ${probeState} s on s.probe_id = p.id join ${device} d on d.id = p.device_id, ${profile}
    where p.kind = 'ambient' and d.revoked_at is null and not exists (
      select from ${probe} q where q.device_id = p.device_id and q.kind in ('load', 'air'))
    order by p.id`)
  const powers = await db.execute<AlarmFacts['powers'][number]>(sql`
    select ${of}, (power->>'mains')::boolean as mains, (power->>'batteryPercent')::float8 as "batteryPercent",
      (power->>'agitatorOn')::boolean as "agitatorOn", coalesce((power->'order'->>'at')::bigint, (power->>'at')::bigint) as at,
      ${runOf('power', sql`(e.body->>'mains')::boolean = false`)} as "mainsLostSince",
      ${runOf('power', sql`(e.body->>'agitatorOn')::boolean = false`)} as "agitatorStoppedSince"
    from ${deviceState} s join ${device} d on d.id = s.device_id
    where d.revoked_at is null and ((power->>'mains')::boolean = false or (power->>'agitatorOn')::boolean = false
      or (power->>'batteryPercent')::float8 < ${batteryLow})
    order by d.id`)
  const doors = await db.execute<AlarmFacts['doors'][number]>(sql`
    select ${of}, door.key as door,
      coalesce(${runOf('door', sql`(e.body->>'open')::boolean`, sql`and e.body->>'door' = door.key`)}, (door.value->>'at')::bigint)
        as "openSince"
    from ${deviceState} s join ${device} d on d.id = s.device_id, jsonb_each(s.doors) door
    where d.revoked_at is null and (door.value->>'open')::boolean
    order by d.id, door.key`)
  const faults = await db.execute<AlarmFacts['faults'][number]>(sql`
    select ${of}, p.kind as probe, f.kind, f."from", case when f."to" > ${now} then null else f."to" end as "to"
    from ${probeFault} f join ${probe} p on p.id = f.probe_id join ${device} d on d.id = p.device_id
    where f.known_to is null and (f."to" is null or f."to" > ${now}) and d.revoked_at is null
    order by f."from", p.id`)
  return {
    faults: faults.rows,
    excursions: excursions.rows,
    silences: silences.rows,
    speechless: speechless.rows,
    powers: powers.rows,
    doors: doors.rows,
  }
}

/** Since when, by event time, a device has said so without saying otherwise in between; null where it does not. */
function runOf(channel: 'power' | 'door', isSo: SQL, about: SQL = sql``): SQL {
  const at = sql`e.at + ${offsetInSql(sql`e`)}`
  const told = sql`from ${deviceEvent} e where e.device_id = d.id and e.channel = ${sql.raw(`'${channel}'`)} ${about}`
  return sql`(select min(${at}) ${told} and ${isSo}
    and ${at} > coalesce((select max(${at}) ${told} and not coalesce(${isSo}, false)), -1))`
}

/** A case, and the name of its device; null where it is about bags. */
export type NamedCase = AlarmCase & { readonly device: string | null }

/** A case, where its device stands now, and whether that was revoked; null where it is about bags. */
export type OpenCase = NamedCase & { readonly standsAt: number | null; readonly retired: Retired | null }

/** The cases nobody has closed, locked until the transaction ends. */
export async function openCases(tx: Transaction, now: number): Promise<OpenCase[]> {
  const rows = await tx
    .select({
      case: alarmCase,
      device: device.name,
      standsAt: sql<number | null>`${standsIn(alarmCase.deviceId, now)}`,
      revokedAt: device.revokedAt,
      holdsBags: sql<boolean>`${device.revokedAt} is not null and ${countInside(sql`${alarmCase.deviceId}`)} > 0`,
    })
    .from(alarmCase)
    .leftJoin(device, eq(device.id, alarmCase.deviceId))
    .where(isNull(alarmCase.closedAt))
    .orderBy(asc(alarmCase.id))
    .for('update', { of: alarmCase })
  return rows.map(({ case: row, device, standsAt, revokedAt, holdsBags }) => {
    const retired = revokedAt === null ? null : { at: revokedAt, holdsBags }
    return { ...row, device, standsAt, retired }
  })
}

/** Which of these devices are revoked, and whether bags are inside. */
export async function retiredAmong(
  tx: Transaction,
  deviceIds: readonly number[],
): Promise<ReadonlyMap<number, Retired>> {
  if (deviceIds.length === 0) return new Map()
  const holdsBags = sql<boolean>`${countInside(sql`${device}.id`)} > 0`
  const rows = await tx
    .select({ id: device.id, at: sql<number>`${device.revokedAt}`, holdsBags })
    .from(device)
    .where(and(isOneOf(device.id, deviceIds), sql`${device.revokedAt} is not null`))
  return new Map(rows.map(({ id, ...retired }) => [id, retired]))
}

/** How many bags are inside a device, but for those that nothing more is done with. */
function countInside(deviceId: SQL): SQL {
  return sql`(
    select count(*) from ${bagPlace} p join ${bag} b on b.id = p.bag_id
    where p.device_id = ${deviceId} and p.known_to is null and p."to" is null and p.state = 'inside'
      and b.state = any(${`{${living.join()}}`}::text[])
  )`
}

export type NewCase = typeof alarmCase.$inferInsert & { readonly device: string | null }

/** New cases; of those for which one is open already, none. */
export async function insertCases(tx: Transaction, rows: readonly NewCase[]): Promise<NamedCase[]> {
  if (rows.length === 0) return []
  const values = rows.map(({ device: _, ...row }) => row)
  const added = await tx.insert(alarmCase).values(values).onConflictDoNothing().returning()
  const names = new Map(rows.map(({ deviceId, device }) => [deviceId, device]))
  return added.map((row) => ({ ...row, device: names.get(row.deviceId) ?? null }))
}

/** Bring cases up to what was found, by one statement. */
export async function updateCases(
  tx: Transaction,
  changed: readonly { readonly id: number; readonly after: Case }[],
): Promise<void> {
  if (changed.length === 0) return
  const rows = JSON.stringify(changed.map(({ id, after }) => ({ ...after, id })))
  await tx.execute(sql`
    update ${alarmCase} c set facility_id = n."facilityId", class = n.class, paged_from = n."pagedFrom", steps = n.steps,
      muted_until = n."mutedUntil", acknowledged_at = n."acknowledgedAt", over_since = n."overSince", ended_at = n."endedAt", retired_at = n."retiredAt"
    from json_to_recordset(${rows}::json) as n (id integer, "facilityId" integer, class text, "pagedFrom" bigint, steps integer,
      "mutedUntil" bigint, "acknowledgedAt" bigint, "overSince" bigint, "endedAt" bigint, "retiredAt" bigint)
    where c.id = n.id`)
}

export async function acknowledgeCase(tx: Transaction, id: number, now: number): Promise<void> {
  await tx.update(alarmCase).set({ acknowledgedAt: now }).where(eq(alarmCase.id, id))
}

export async function closeCase(tx: Transaction, id: number, now: number): Promise<void> {
  await tx.update(alarmCase).set({ closedAt: now }).where(eq(alarmCase.id, id))
}

/** Say which excursions belong to which case. */
export async function insertLinks(
  tx: Transaction,
  rows: readonly (typeof alarmLink.$inferInsert)[],
): Promise<void> {
  await insertRows(tx, alarmLink, rows)
}

export type AlarmEventInput = {
  readonly of: NamedCase
  readonly verb: AlarmVerb
  readonly comment?: string
  readonly data?: object
  /** Another facility that is to hear of it: where its device stood. */
  readonly alsoTo?: number
}

/** Write down what happened in cases, who did it, and tell of it. */
export async function appendAlarmEvents(
  tx: Transaction,
  actor: Actor,
  events: readonly AlarmEventInput[],
  now: number,
): Promise<void> {
  if (events.length === 0) return
  await insertRows(
    tx,
    alarmEvent,
    events.map(({ of: { id }, verb, comment, data = {} }) => {
      return { caseId: id, at: now, verb, actor, comment: comment ?? null, data }
    }),
  )
  const told = (event: AlarmEventInput) => {
    const { device, kind, part, bags } = event.of
    return { device, kind, part, ...(bags ? { bags } : {}), ...event.data }
  }
  await appendAudits(
    tx,
    actor,
    events.map((event) => ({
      at: now,
      action: `alarm.${event.verb}`,
      subjectKind: 'alarm',
      subject: String(event.of.id),
      after: told(event),
      ...(event.comment === undefined ? {} : { reason: event.comment }),
    })),
  )
  await appendNews(
    tx,
    events.map((event) => ({
      at: now,
      kind: `alarm.${event.verb}`,
      subject: String(event.of.id),
      facilityIds: [event.of.facilityId, ...(event.alsoTo === undefined ? [] : [event.alsoTo])],
      data: told(event),
    })),
  )
}

/**
 * The open cases of these kinds raised since then of which nobody has asked why, oldest first; `overAt` where what raised
 * it was over by then.
 */
export async function unexplainedCases(
  db: Database,
  kinds: readonly AlarmKind[],
  since: number,
  limit: number,
): Promise<(NamedCase & { readonly device: string; readonly overAt: number | null })[]> {
  const rows = await db
    .select({
      case: alarmCase,
      device: device.name,
      overAt: sql<number | null>`(
        select (extract(epoch from (data->>'to')::timestamptz) * 1000)::bigint from ${alarmEvent}
        where case_id = ${alarmCase.id} and verb = 'raised' order by id limit 1)`,
    })
    .from(alarmCase)
    .innerJoin(device, eq(device.id, alarmCase.deviceId))
    .where(
      and(
        isNull(alarmCase.closedAt),
        isNull(alarmCase.cause),
        inArray(alarmCase.kind, [...kinds]),
        gte(alarmCase.raisedAt, since),
      ),
    )
    .orderBy(asc(alarmCase.id))
    .limit(limit)
  return rows.map(({ case: row, device, overAt }) => ({ ...row, device, overAt }))
}

export type Explanation = {
  readonly of: NamedCase
  readonly cause: Cause
  readonly signs: readonly CauseSign[]
  readonly outlook: Outlook | null
  readonly data: object
}

/** Keep why cases were raised, and tell of it; of one that is explained already nothing is changed or told. */
export async function explainCases(
  tx: Transaction,
  actor: Actor,
  explanations: readonly Explanation[],
  now: number,
): Promise<void> {
  const events: AlarmEventInput[] = []
  for (const { of, cause, signs, outlook, data } of explanations) {
    const { rowCount } = await tx
      .update(alarmCase)
      .set({ cause, causeSigns: signs, outlook })
      .where(and(eq(alarmCase.id, of.id), isNull(alarmCase.cause)))
    if (rowCount === 1) events.push({ of, verb: 'explained', data })
  }
  await appendAlarmEvents(tx, actor, events, now)
}

export const noAlarm = (id: number) => `no alarm has the number ${id}`

const view = {
  case: alarmCase,
  device: device.name,
  facility: facility.code,
  deviceLabel: device.label,
  bagsInside: sql<number>`${countInside(sql`${alarmCase.deviceId}`)}`,
}

export type ShownCase = NamedCase & {
  readonly deviceLabel: string | null
  readonly facility: string
  /** How many bags are inside its device now, but for those that nothing more is done with; none where it has none. */
  readonly bagsInside: number
}

/** The cases within reach, the newest first. */
export async function listCases(
  db: Database,
  {
    before,
    limit,
    isOpen,
    reach,
  }: {
    readonly before?: number | undefined
    readonly limit: number
    readonly isOpen?: boolean | undefined
    readonly reach: Reach
  },
): Promise<ShownCase[]> {
  const rows = await db
    .select(view)
    .from(alarmCase)
    .leftJoin(device, eq(device.id, alarmCase.deviceId))
    .innerJoin(facility, eq(facility.id, alarmCase.facilityId))
    .where(
      and(
        before === undefined ? undefined : lt(alarmCase.id, before),
        isOpen === undefined ? undefined : sql`(${alarmCase.closedAt} is null) = ${isOpen}`,
        isIn(reach, alarmCase.facilityId),
      ),
    )
    .orderBy(desc(alarmCase.id))
    .limit(limit)
  return rows.map(({ case: row, ...names }) => ({ ...row, ...names }))
}

/** @throws Refusal `not_found` */
export async function findCase(db: Database | Transaction, id: number): Promise<ShownCase> {
  const [found] = await db
    .select(view)
    .from(alarmCase)
    .leftJoin(device, eq(device.id, alarmCase.deviceId))
    .innerJoin(facility, eq(facility.id, alarmCase.facilityId))
    .where(eq(alarmCase.id, id))
  if (!found) throw new Refusal('not_found', noAlarm(id))
  const { case: row, ...shown } = found
  return { ...row, ...shown }
}

/** The case, locked until the transaction ends. */
export async function lockCase(tx: Transaction, id: number): Promise<ShownCase> {
  await tx.select({ id: alarmCase.id }).from(alarmCase).where(eq(alarmCase.id, id)).for('update')
  return findCase(tx, id)
}

/** What happened in a case, oldest first. */
export async function eventsOfCase(db: Database, id: number) {
  return db.select().from(alarmEvent).where(eq(alarmEvent.caseId, id)).orderBy(asc(alarmEvent.id))
}
