import { and, asc, desc, eq, gt, isNull, lte, type SQL, sql } from 'drizzle-orm'
import { auditEntry } from '../../schema/tables/audit.ts'
import { bag, bagPlace, patient, scanAnswer, takeOut } from '../../schema/tables/bags.ts'
import { deviceCommand } from '../../schema/tables/commands.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { takeOutRule } from '../../schema/tables/take-outs.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagEvent } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Answer } from '../domain/take-out.ts'
import { appendAudit } from './audit.ts'
import {
  afterEvent,
  type Bag,
  type EventValues,
  eventColumns,
  valuesOfEvent,
  writtenOfEvents,
} from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { gathered } from './gather.ts'
import { keptStatement } from './pool.ts'

export const noTakeOut = (id: string) => `no take-out has the id ${id}`

export async function insertTakeOut(
  tx: Transaction,
  actor: Actor,
  row: Omit<typeof takeOut.$inferInsert, 'actor'>,
): Promise<void> {
  await tx.insert(takeOut).values({ ...row, actor })
  await appendAudit(tx, actor, {
    at: row.openedAt,
    action: 'take_out.opened',
    subjectKind: 'take_out',
    subject: row.id,
    after: { deviceId: row.deviceId, patient: row.pseudonym, emergency: row.emergency },
    ...(row.reason ? { reason: row.reason } : {}),
  })
}

/** How bags are taken out at a facility. */
export type TakeOutRules = {
  /** Two must look at what is handed out, but in an emergency. */
  readonly secondChecker: boolean
  /** Where a nurse calls who is told to; null where nobody has said. */
  readonly telephone: string | null
  /** What is handed out must have been crossmatched here, but in an emergency, whether or not samples are on record. */
  readonly crossmatch: boolean
}

/** Where nobody has said anything. */
const usualRules: TakeOutRules = { secondChecker: false, telephone: null, crossmatch: false }

/** @param at those in force then, ms UTC; left out for the newest */
export async function rulesInForce(
  db: Database | Transaction,
  facilityId: number,
  at?: number,
): Promise<TakeOutRules> {
  const [rules] = await db
    .select({
      secondChecker: takeOutRule.secondChecker,
      telephone: takeOutRule.telephone,
      crossmatch: takeOutRule.crossmatch,
    })
    .from(takeOutRule)
    .where(
      and(eq(takeOutRule.facilityId, facilityId), at === undefined ? undefined : lte(takeOutRule.from, at)),
    )
    .orderBy(desc(takeOutRule.id))
    .limit(1)
  return rules ?? usualRules
}

/** From now on. */
export async function insertRules(
  tx: Transaction,
  actor: Actor,
  facility: { readonly id: number; readonly code: string },
  rules: TakeOutRules,
  now: number,
): Promise<void> {
  const before = await rulesInForce(tx, facility.id)
  await tx.insert(takeOutRule).values({ facilityId: facility.id, from: now, ...rules, actor })
  await appendAudit(tx, actor, {
    at: now,
    action: 'facility.take_out_rules_set',
    subjectKind: 'facility',
    subject: facility.code,
    before,
    after: rules,
  })
}

/** A door session by its id. @throws Refusal `not_found` */
export async function takeOutOf(db: Database | Transaction, id: string) {
  const [session] = await db.select().from(takeOut).where(eq(takeOut.id, id))
  if (!session) throw new Refusal('not_found', noTakeOut(id))
  return session
}

/** Write down that another person checked. @returns false where somebody has, or the session is over */
export async function saveCheck(
  tx: Transaction,
  actor: Actor,
  takeOutId: string,
  now: number,
): Promise<boolean> {
  const saved = await tx
    .update(takeOut)
    .set({ checkedBy: actor, checkedAt: now })
    .where(and(eq(takeOut.id, takeOutId), isNull(takeOut.checkedAt), gt(takeOut.expiresAt, now)))
    .returning({ id: takeOut.id })
  if (saved.length === 0) return false
  await appendAudit(tx, actor, {
    at: now,
    action: 'take_out.checked',
    subjectKind: 'take_out',
    subject: takeOutId,
  })
  return true
}

/** What was said to a scan, and by what. */
export type Told = {
  readonly takeOutId: string
  readonly scanned: string
  readonly bagId: string | null
  readonly answer: Answer
  readonly findings: readonly Finding[]
  readonly override: string | null
  readonly glassBroken: string | null
  readonly policies: Readonly<Record<string, unknown>>
  readonly knownAt: number
}

/** Write down an answer that hands nothing out. */
export async function insertAnswer(db: Database | Transaction, actor: Actor, told: Told): Promise<void> {
  await db.execute(answerStatement({ asked: JSON.stringify([{ ...told, actor }]) }))
}

/** A patient as they were read; null in an emergency without one. */
export type ReadPatient = {
  readonly facilityId: number
  readonly pseudonym: string
  readonly revision: number | null
} | null

/** Whom a bag is handed out for. */
export type Whom = {
  readonly patient: ReadPatient
  /** The order it fills; null where none was named. */
  readonly orderId: string | null
}

/**
 * Issue the bag and write down the answer that says so, in one statement and so in one transaction. It waits for nobody:
 * what was read is as old as the time it would take.
 *
 * @returns the bag as it is now; null, and nothing is written, where it or what is on record of the patient is not any more
 * as it was read, or another holds either
 */
export async function issueAtScan(
  db: Database | Transaction,
  actor: Actor,
  before: Bag,
  event: BagEvent,
  told: Told,
  { patient: read, orderId }: Whom,
): Promise<Bag | null> {
  const after = afterEvent(before, event)
  const values = {
    ...valuesOfEvent(actor, before, after, event, told.knownAt),
    ...told,
    bagId: before.id,
    patientOf: read?.facilityId ?? null,
    pseudonym: read?.pseudonym ?? null,
    patientRevision: read?.revision ?? null,
    orderId,
  }
  return (await issued(db, values)) ? after : null
}

type PatientValues = {
  readonly patientOf: number | null
  readonly pseudonym: string | null
  readonly patientRevision: number | null
  readonly orderId: string | null
}

const issued = gathered<EventValues & Told & PatientValues, boolean>(async (db, values) => {
  const asked = JSON.stringify(values.map((value, number) => ({ ...value, number })))
  const { rows } = await db.execute<{ number: number }>(issueStatement({ asked }))
  const moved = new Set(rows.map(({ number }) => number))
  return values.map((_, number) => moved.has(number))
})

/** The columns what was told is read by, but for those it shares with an event. */
const answerColumns = sql.raw(`
  "takeOutId" uuid, scanned text, answer text, findings jsonb, override text, "glassBroken" text, policies jsonb,
  "knownAt" bigint`)

const answersOfAll = (from: SQL) => sql`
  insert into ${scanAnswer} (take_out_id, scanned, bag_id, answer, findings, override, glass_broken, policies, known_at, actor)
  select "takeOutId", scanned, "bagId", answer, findings, override, "glassBroken", policies, "knownAt", actor from ${from}`

const answerStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
    with asked as (
      select * from json_to_recordset(${asked}::json) as asked (${answerColumns}, "bagId" uuid, actor jsonb)
    ), answered as (${answersOfAll(sql`asked`)})
    insert into ${auditEntry} (at, actor, action, subject_kind, subject, after)
    select "knownAt", actor, 'take_out.answered', 'take_out', "takeOutId",
           jsonb_build_object('scanned', scanned, 'bagId', "bagId", 'answer', answer, 'findings', findings)
    from asked`,
)

/**
 * Of two that would issue one bag, one is `moved`; which is for the database to choose. Of a patient whose record is being
 * written none is, and until those that are `moved` are committed nobody writes into it. The patient comes after the bag, as
 * for all who lock both. Who fills an order is alone with its patient, and moves their revision: of two bags for one order
 * the second is decided anew, by an order the first has filled.
 */
const issueStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
    with asked as (
      select * from json_to_recordset(${asked}::json) as asked (number integer, ${eventColumns}, ${answerColumns},
        "patientOf" integer, pseudonym text, "patientRevision" integer, "orderId" uuid)
    ), free as (
      select id from ${bag} where id in (select "bagId" from asked) for no key update skip locked
    ), known as (
      select facility_id, pseudonym, revision from ${patient}
      where (facility_id, pseudonym) in (
        select "patientOf", pseudonym from asked where "orderId" is null and "bagId" in (select id from free))
      order by facility_id, pseudonym for share skip locked
    ), alone as (
      select facility_id, pseudonym, revision from ${patient}
      where (facility_id, pseudonym) in (
        select "patientOf", pseudonym from asked where "orderId" is not null and "bagId" in (select id from free))
      order by facility_id, pseudonym for no key update skip locked
    ), ${writtenOfEvents(sql`and bag.id in (select id from free) and (asked.pseudonym is null
      or asked."orderId" is null and exists (
        select from known where known.facility_id = asked."patientOf" and known.pseudonym = asked.pseudonym
          and known.revision = asked."patientRevision")
      or asked.number = (select min(first.number) from asked first where first."orderId" = asked."orderId") and exists (
        select from alone where alone.facility_id = asked."patientOf" and alone.pseudonym = asked.pseudonym
          and alone.revision = asked."patientRevision"))`)},
    filled as (
      update ${patient} set revision = patient.revision + 1
      from (select distinct "patientOf", pseudonym from moved where "orderId" is not null) filler
      where patient.facility_id = filler."patientOf" and patient.pseudonym = filler.pseudonym
    ), answered as (${answersOfAll(sql`moved`)})
    select number from moved`,
)

/** The bags of a facility that are in stock and inside a device now, those that expire first in front. */
export async function bagsInside(
  db: Database | Transaction,
  { deviceId, facilityId }: { readonly deviceId: number; readonly facilityId: number },
): Promise<Bag[]> {
  const rows = await db
    .select({ bag })
    .from(bag)
    .innerJoin(bagPlace, eq(bagPlace.bagId, bag.id))
    .where(
      and(
        eq(bagPlace.deviceId, deviceId),
        eq(bag.holderId, facilityId),
        eq(bagPlace.state, 'inside'),
        isNull(bagPlace.to),
        isNull(bagPlace.knownTo),
        eq(bag.state, 'available'),
      ),
    )
    .orderBy(asc(bag.expiresAt), asc(bag.id))
  return rows.map((row) => row.bag)
}

/** @throws Refusal `not_found` */
export async function findTakeOut(db: Database, id: string) {
  const [found] = await db
    .select({ session: takeOut, device: device.name, facility: facility.code, unlock: deviceCommand })
    .from(takeOut)
    .innerJoin(device, eq(device.id, takeOut.deviceId))
    .innerJoin(facility, eq(facility.id, takeOut.facilityId))
    .leftJoin(deviceCommand, eq(deviceCommand.id, takeOut.unlockId))
    .where(eq(takeOut.id, id))
  if (!found) throw new Refusal('not_found', noTakeOut(id))
  return found
}

/** What was answered to the scans of a take-out, oldest first. */
export async function answersOf(db: Database, takeOutId: string) {
  return db.select().from(scanAnswer).where(eq(scanAnswer.takeOutId, takeOutId)).orderBy(asc(scanAnswer.id))
}
