import { and, asc, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { hashOfDocument, type SignedDocument } from '../../schema/offline-list.ts'
import { bag, bagPlace, patient } from '../../schema/tables/bags.ts'
import { deviceCommand, deviceListener } from '../../schema/tables/commands.ts'
import { device, deviceState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { offlineDecision, offlineList } from '../../schema/tables/offline.ts'
import { crossmatch, patientSample } from '../../schema/tables/patients.ts'
import type { DeviceKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { lifetimeMs } from '../domain/command.ts'
import type { Crossmatch } from '../domain/crossmatch.ts'
import { onShelf } from '../domain/lifecycle.ts'
import type { KnownPatient } from '../domain/patient-record.ts'
import { appendAudit } from './audit.ts'
import type { Bag } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { knownOf, knownPatient, type PatientRow } from './patients.ts'
import { kept } from './pool.ts'
import { signalCommand } from './signals.ts'

/** What bags may be handed out of. */
const kinds: readonly DeviceKind[] = ['fridge', 'freezer', 'incubator']

/** So many bags of a facility are looked at, those that expire first in front. */
const mostBags = 5_000

export type BagInReach = {
  readonly bag: Bag
  /** The device it is believed to be inside of. */
  readonly device: string | null
  readonly timeZone: string
}

const inReachOf = (facilityId: number) =>
  or(
    and(eq(bag.holderId, facilityId), inArray(bag.state, [...onShelf])),
    and(eq(bag.destinationId, facilityId), inArray(bag.state, ['distributed', 'in_transit', 'arrived'])),
  )

/** The bags a facility holds on its shelves or awaits. */
export async function bagsInReach(db: Database | Transaction, facilityId: number): Promise<BagInReach[]> {
  return db
    .select({ bag, device: device.name, timeZone: sql<string>`coalesce(${facility.timeZone}, 'UTC')` })
    .from(bag)
    .leftJoin(
      bagPlace,
      and(
        eq(bagPlace.bagId, bag.id),
        isNull(bagPlace.knownTo),
        isNull(bagPlace.to),
        eq(bagPlace.state, 'inside'),
      ),
    )
    .leftJoin(device, eq(device.id, bagPlace.deviceId))
    .leftJoin(facility, sql`${facility.id} = coalesce(${bag.originId}, ${bag.holderId})`)
    .where(inReachOf(facilityId))
    .orderBy(asc(bag.expiresAt), asc(bag.id))
    .limit(mostBags)
}

/** So many patients a terminal is told of at most. */
const mostPatients = 5_000

export type PatientInCare = KnownPatient & {
  /** Of bags that facility holds or awaits. */
  readonly crossmatches: readonly (Crossmatch & { readonly bag: string })[]
}

/**
 * The patients bags of a facility may be for: those with a record first, for nobody else may say what it says; of both those
 * with a sample that lasts, then whoever an emergency must not forget to be RhD-negative or to have anti-D. And how many had
 * no room.
 */
export async function patientsInCare(
  db: Database | Transaction,
  facilityId: number,
  now: number,
): Promise<{ readonly patients: readonly PatientInCare[]; readonly leftOut: number }> {
  const { rows: crossmatches } = await db.execute<{ of: string } & PatientInCare['crossmatches'][number]>(sql`
    select c.pseudonym as of, c.bag_id as bag, c.sample_id as "sampleId", c.method, c.result, c.at, c.until
    from ${crossmatch} c join ${bag} on bag.id = c.bag_id
    where c.facility_id = ${facilityId} and ${inReachOf(facilityId)}
    order by c.id`)
  const byPatient = new Map<string, Crossmatches>()
  for (const { of, ...one } of crossmatches) byPatient.set(of, [...(byPatient.get(of) ?? []), one])
  const { rows } = await db.execute<{ known: PatientRow; all: number }>(sql`
    with chosen as (
      select q.facility_id, q.pseudonym, count(*) over () as all, row_number() over (
        order by q.has_record desc,
          greatest(coalesce(q.sample_until, 0), coalesce((select max(s.long_until) from ${patientSample} s
            where q.has_record and s.facility_id = q.facility_id and s.pseudonym = q.pseudonym), 0)) > ${now}::bigint desc,
          q.anti_d or coalesce(q.rhd, '') = 'negative' desc, q.updated_at desc, q.pseudonym
      ) as turn
      from ${patient} q where q.facility_id = ${facilityId} order by turn limit ${mostPatients}
    )
    select row_to_json(known) as known, chosen.all
    from chosen, lateral (${knownPatient(sql`chosen.facility_id`, sql`chosen.pseudonym`)}) known order by chosen.turn`)
  return {
    patients: rows.map(({ known }) => ({
      ...knownOf(known),
      crossmatches: byPatient.get(known.pseudonym) ?? [],
    })),
    leftOut: Number(rows[0]?.all ?? 0) - rows.length,
  }
}

type Crossmatches = PatientInCare['crossmatches']

export type NewList = {
  readonly deviceId: number
  readonly device: string
  readonly facilityId: number
  readonly seq: number
  readonly asOf: number
  readonly signed: SignedDocument
  /** How many bags it tells of, and how many had no room. */
  readonly bags: number
  readonly leftOut: number
  readonly commandId: string
}

/** The number the next list of a device has; the device must be locked. */
export async function nextSeq(tx: Transaction, deviceId: number): Promise<number> {
  const [last] = await tx
    .select({ seq: offlineList.seq })
    .from(offlineList)
    .where(eq(offlineList.deviceId, deviceId))
    .orderBy(desc(offlineList.seq))
    .limit(1)
  return (last?.seq ?? 0) + 1
}

/**
 * Keep a list and queue it for its device, which must be locked; the one before it is sent no more. What it says everybody
 * was told already, so that it is no news; the audit entry names its bytes.
 */
export async function insertList(tx: Transaction, actor: Actor, list: NewList): Promise<void> {
  const { deviceId, device: name, facilityId, seq, asOf, signed, bags, leftOut, commandId } = list
  const payloadHash = hashOfDocument(signed)
  await tx.insert(offlineList).values({
    ...{ deviceId, seq, facilityId, asOf, payloadHash, keyId: signed.keyId },
    payload: Buffer.from(signed.payload, 'base64'),
    signature: Buffer.from(signed.signature, 'base64'),
  })
  await tx
    .update(deviceCommand)
    .set({ expiresAt: sql`greatest(${asOf}::bigint, ${deviceCommand.issuedAt} + 1)` })
    .where(
      and(
        eq(deviceCommand.deviceId, deviceId),
        eq(deviceCommand.kind, 'holdList'),
        isNull(deviceCommand.repliedAt),
        sql`${deviceCommand.expiresAt} > ${asOf}::bigint`,
      ),
    )
  await tx.insert(deviceCommand).values({
    ...{ id: commandId, deviceId, facilityId, actor, kind: 'holdList', body: { seq } },
    ...{ issuedAt: asOf, expiresAt: asOf + lifetimeMs.holdList },
  })
  await appendAudit(tx, actor, {
    at: asOf,
    action: 'offline_list.made',
    subjectKind: 'device',
    subject: name,
    after: { seq, keyId: signed.keyId, sha256: payloadHash, bags, leftOut },
  })
  await signalCommand(tx, name)
}

/** A list as it was signed, by its number, or the newest; null where there is none. */
export async function findList(
  db: Database | Transaction,
  deviceId: number,
  seq?: number,
): Promise<(typeof offlineList.$inferSelect & { readonly signed: SignedDocument }) | null> {
  const [row] = await db
    .select()
    .from(offlineList)
    .where(and(eq(offlineList.deviceId, deviceId), seq === undefined ? undefined : eq(offlineList.seq, seq)))
    .orderBy(desc(offlineList.seq))
    .limit(1)
  if (!row) return null
  const { keyId, payload, signature } = row
  const signed = { keyId, payload: payload.toString('base64'), signature: signature.toString('base64') }
  return { ...row, signed }
}

export type DueDevice = { readonly name: string; readonly facilityId: number; readonly isUrgent: boolean }

/**
 * The devices that listen and are to be told again: those of facilities where something has changed, those that have begun
 * to listen since they were told, and those told too long ago. First where holds have changed.
 */
export async function devicesToList(
  db: Database,
  due: { readonly urgent: readonly number[]; readonly changed: readonly number[]; readonly before: number },
  now: number,
): Promise<DueDevice[]> {
  const ids = (facilityIds: readonly number[]) => sql`${`{${facilityIds.join()}}`}::integer[]`
  const { rows } = await db.execute<DueDevice>(sql`
    ${kept}
    select name, "facilityId", "isUrgent" from (
      select d.name, ${standsIn(sql`d.id`, now)} as "facilityId", l.since,
        (select max(o.as_of) from ${offlineList} o where o.device_id = d.id) as told
      from ${device} d join ${deviceListener} l on l.device_id = d.id
      left join ${deviceState} s on s.device_id = d.id
      where d.revoked_at is null and d.kind = any(${`{${kinds.join()}}`}::text[]) and s.status is distinct from 'offline'
    ) listening, lateral (select "facilityId" = any(${ids(due.urgent)}) as "isUrgent") u
    where "isUrgent" or "facilityId" = any(${ids(due.changed)}) or told is null or told < since
      or told <= ${due.before}::bigint
    order by "isUrgent" desc, told nulls first, name`)
  return rows
}

/** Forget lists that have been followed by others for long, and nothing was decided by. @returns how many */
export async function forgetLists(db: Database, before: number): Promise<number> {
  const gone = await db
    .delete(offlineList)
    .where(
      and(
        lt(offlineList.asOf, before),
        sql`${offlineList.seq} < (select max(o.seq) from ${offlineList} o where o.device_id = ${offlineList.deviceId})`,
        sql`not exists (select from ${offlineDecision} x where x.device_id = ${offlineList.deviceId} and x.list_seq = ${offlineList.seq})`,
      ),
    )
    .returning({ seq: offlineList.seq })
  return gone.length
}
