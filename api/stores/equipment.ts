import { and, desc, eq, isNull, lt, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import { bagPlace } from '../../schema/tables/bags.ts'
import { device, devicePlacement, probe, probeState } from '../../schema/tables/devices.ts'
import {
  calibration,
  maintenance,
  manualReading,
  qualification,
  temperatureMapping,
} from '../../schema/tables/equipment.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { DeviceKind, Jurisdiction, ProbeKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Fitness, Qualified } from '../domain/equipment.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { isIn, isOneOf } from './rows.ts'

const records = {
  calibration,
  qualification,
  maintenance,
  mapping: temperatureMapping,
  manual_reading: manualReading,
}
type Records = typeof records

/** What is written down of equipment. */
export type RecordKind = keyof Records
export type EquipmentRecord<K extends RecordKind> = Records[K]['$inferSelect']
export type NewRecord<K extends RecordKind> = Omit<
  Records[K]['$inferInsert'],
  'id' | 'deviceId' | 'recordedBy' | 'recordedAt'
>

/** Append a record of a device. */
export async function insertRecord<K extends RecordKind>(
  tx: Transaction,
  actor: Actor,
  kind: K,
  { id: deviceId, name }: { readonly id: number; readonly name: string },
  told: NewRecord<K>,
  now: number,
): Promise<EquipmentRecord<K>> {
  const row = { ...told, deviceId, recordedBy: actor, recordedAt: now }
  // One of the tables and a row of it: drizzle's types do not follow which.
  const table = records[kind] as typeof manualReading
  const [added] = await tx
    .insert(table)
    .values(row as unknown as typeof manualReading.$inferInsert)
    .returning()
  await appendAudit(tx, actor, {
    at: now,
    action: `${kind}.recorded`,
    subjectKind: 'device',
    subject: name,
    after: added,
  })
  return added as EquipmentRecord<K>
}

/** The records of a device, the newest written down first. */
export async function listRecords<K extends RecordKind>(
  db: Database,
  kind: K,
  deviceId: number,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<EquipmentRecord<K>[]> {
  const table = records[kind] as typeof manualReading
  const rows = await db
    .select()
    .from(table)
    .where(and(eq(table.deviceId, deviceId), before === undefined ? undefined : lt(table.id, before)))
    .orderBy(desc(table.id))
    .limit(limit)
  return rows as EquipmentRecord<K>[]
}

/** A device, where it stands now, and by whose policies. */
export type Standing = {
  readonly deviceId: number
  readonly device: string
  readonly facility: string
  readonly jurisdiction: Jurisdiction
  readonly timeZone: string
}

const standing = {
  deviceId: device.id,
  device: device.name,
  facility: facility.code,
  jurisdiction: facility.jurisdiction,
  timeZone: facility.timeZone,
}

/** Since when a device has been in service and known here, in SQL. */
const knownFrom = sql<number>`greatest(${device.inServiceFrom}, ${device.createdAt})`

/** So many of a kind are found at most. */
const mostOfAKind = 200

/** When the newest calibration of a probe runs out, in SQL; null where there is none. */
export function calibrationRunsOut(deviceId: AnyPgColumn | SQL, kind: AnyPgColumn | SQL): SQL<number | null> {
  return sql`(
    select c.valid_until from ${calibration} c where c.device_id = ${deviceId} and c.probe = ${kind}
    order by c.done_at desc, c.id desc limit 1
  )`
}

/**
 * Probes in use whose newest calibration runs out by an instant, or that have none and are of a device known by another:
 * those first, then the longest run out. What is outside a container judges no blood.
 */
export async function probesToCalibrate(
  db: Database,
  reach: Reach,
  { runsOutBy, knownBy }: { readonly runsOutBy: number; readonly knownBy: number },
  now: number,
): Promise<
  (Standing & { probe: ProbeKind; firstAt: number; knownFrom: number; validUntil: number | null })[]
> {
  const calibratedUntil = calibrationRunsOut(probe.deviceId, probe.kind)
  return db
    .select({
      ...standing,
      probe: probe.kind,
      firstAt: probeState.firstAt,
      knownFrom,
      validUntil: calibratedUntil,
    })
    .from(probe)
    .innerJoin(probeState, eq(probeState.probeId, probe.id))
    .innerJoin(device, eq(device.id, probe.deviceId))
    .innerJoin(facility, sql`${facility.id} = ${standsIn(device.id, now)}`)
    .where(
      and(
        isNull(device.revokedAt),
        sql`${probe.kind} <> 'ambient'`,
        isIn(reach, facility.id),
        sql`coalesce(${calibratedUntil} <= ${runsOutBy}::bigint, ${knownFrom} <= ${knownBy}::bigint)`,
      ),
    )
    .orderBy(sql`${calibratedUntil} nulls first`, probeState.firstAt, probe.id)
    .limit(mostOfAKind)
}

/** When the newest mapping a device passed ended, in SQL; null where there is none. */
const mappedAt = sql<number | null>`(
  select m."to" from ${temperatureMapping} m where m.device_id = ${device.id} and m.result = 'passed'
  order by m."to" desc, m.id desc limit 1
)`

/** When the newest mapping of a device ended, passed or not, in SQL; null where there is none. */
const triedAt = sql<number | null>`(
  select max(m."to") from ${temperatureMapping} m where m.device_id = ${device.id}
)`

/**
 * Devices of some kinds whose newest passed mapping ended by an instant, or that have none and either failed one or are
 * known by another: those first.
 */
export async function devicesToMap(
  db: Database,
  reach: Reach,
  kinds: readonly DeviceKind[],
  { mappedBy, knownBy }: { readonly mappedBy: number; readonly knownBy: number },
  now: number,
): Promise<(Standing & { knownFrom: number; triedAt: number | null; mappedAt: number | null })[]> {
  return db
    .select({ ...standing, knownFrom, triedAt, mappedAt })
    .from(device)
    .innerJoin(facility, sql`${facility.id} = ${standsIn(device.id, now)}`)
    .where(
      and(
        isNull(device.revokedAt),
        isOneOf(device.kind, kinds),
        isIn(reach, facility.id),
        sql`coalesce(${mappedAt} <= ${mappedBy}::bigint, ${triedAt} is not null or ${knownFrom} <= ${knownBy}::bigint)`,
      ),
    )
    .orderBy(sql`${mappedAt} nulls first`, knownFrom, device.id)
    .limit(mostOfAKind)
}

/** Since when one of the bags that are inside a device now has been, in SQL; null where none is. */
const holdsSince = sql<number | null>`(
  select min(p."from") from ${bagPlace} p
  where p.device_id = ${device.id} and p.known_to is null and p."to" is null and p.state = 'inside'
)`

/** A device with bags inside. */
export type Holding = Standing & { readonly holdsSince: number }

/** The devices within reach that bags are inside of. */
export async function devicesWithBags(db: Database, reach: Reach, now: number): Promise<Holding[]> {
  const rows = await db
    .select({ ...standing, holdsSince })
    .from(device)
    .innerJoin(facility, sql`${facility.id} = ${standsIn(device.id, now)}`)
    .where(and(isIn(reach, facility.id), sql`${holdsSince} is not null`))
    .orderBy(device.id)
  return rows as Holding[]
}

/** Is it not where a device stood first? In SQL. */
const isMove = sql`exists (
  select from ${devicePlacement} before
  where before.device_id = ${devicePlacement.deviceId} and before."from" < ${devicePlacement.from}
)`

/**
 * What is on record of the fitness of devices; of one that nothing is, nothing.
 *
 * @param kinds which of them stand where they were installed
 */
export async function fitnessOf(
  db: Database | Transaction,
  deviceIds: readonly number[],
  kinds: readonly DeviceKind[],
): Promise<Map<number, Fitness>> {
  if (deviceIds.length === 0) return new Map()
  const stages = await db
    .selectDistinctOn([qualification.deviceId, qualification.stage])
    .from(qualification)
    .where(isOneOf(qualification.deviceId, deviceIds))
    .orderBy(qualification.deviceId, qualification.stage, desc(qualification.doneAt), desc(qualification.id))
  const serviced = await db
    .selectDistinctOn([maintenance.deviceId])
    .from(maintenance)
    .where(isOneOf(maintenance.deviceId, deviceIds))
    .orderBy(maintenance.deviceId, desc(maintenance.doneAt), desc(maintenance.id))
  const moves = await db
    .select({ deviceId: devicePlacement.deviceId, at: devicePlacement.from })
    .from(devicePlacement)
    .innerJoin(device, eq(device.id, devicePlacement.deviceId))
    .where(and(isOneOf(device.id, deviceIds), isOneOf(device.kind, kinds), isMove))
  const found = new Map<number, { stages: Qualified[]; outSince: number | null; moves: number[] }>()
  const of = (deviceId: number) => {
    const known = found.get(deviceId) ?? { stages: [], outSince: null, moves: [] }
    found.set(deviceId, known)
    return known
  }
  for (const { deviceId, ...stage } of stages) of(deviceId).stages.push(stage)
  for (const { deviceId, doneAt, backInServiceAt } of serviced)
    of(deviceId).outSince = backInServiceAt === null ? doneAt : null
  for (const { deviceId, at } of moves) of(deviceId).moves.push(at)
  return found
}

/** When devices were read by hand since an instant, ascending. */
export async function readByHandSince(
  db: Database,
  deviceIds: readonly number[],
  since: number,
): Promise<Map<number, number[]>> {
  if (deviceIds.length === 0) return new Map()
  const rows = await db
    .select({ deviceId: manualReading.deviceId, at: manualReading.recordedAt })
    .from(manualReading)
    .where(
      and(isOneOf(manualReading.deviceId, deviceIds), sql`${manualReading.recordedAt} >= ${since}::bigint`),
    )
    .orderBy(manualReading.recordedAt)
  const found = new Map<number, number[]>()
  for (const { deviceId, at } of rows) found.set(deviceId, [...(found.get(deviceId) ?? []), at])
  return found
}

/** Probes whose newest reading by hand that could be compared differs from theirs by more than a tolerance. */
export async function readingsThatDiffer(
  db: Database,
  reach: Reach,
  beyond: number,
  now: number,
): Promise<(Standing & { probe: ProbeKind; at: number; difference: number })[]> {
  const newest = db
    .selectDistinctOn([manualReading.deviceId, manualReading.probe], {
      deviceId: manualReading.deviceId,
      probe: manualReading.probe,
      at: manualReading.recordedAt,
      difference: differenceOf.as('difference'),
    })
    .from(manualReading)
    .where(sql`${manualReading.probeCenti} is not null`)
    .orderBy(
      manualReading.deviceId,
      manualReading.probe,
      desc(manualReading.recordedAt),
      desc(manualReading.id),
    )
    .as('newest')
  return db
    .select({ ...standing, probe: newest.probe, at: newest.at, difference: newest.difference })
    .from(newest)
    .innerJoin(device, eq(device.id, newest.deviceId))
    .innerJoin(facility, sql`${facility.id} = ${standsIn(device.id, now)}`)
    .where(
      and(isNull(device.revokedAt), isIn(reach, facility.id), sql`abs(${newest.difference}) > ${beyond}`),
    )
    .orderBy(newest.at, newest.deviceId, newest.probe)
    .limit(mostOfAKind)
}

const differenceOf: SQL<number> = sql<number>`(${manualReading.centi} - ${manualReading.probeCenti})`
