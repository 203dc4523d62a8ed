import { and, eq, gt, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import { bag, bagEvent, patient } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { bloodOrder, bloodOrderEvent } from '../../schema/tables/orders.ts'
import type { BagState, Component, Grade, UnitOfMeasure } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Order, OrderEvent } from '../domain/order.ts'
import { patientOf } from '../domain/patient-record.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { type Bag, labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import type { PatientKey } from './patient-records.ts'
import { knownOf, knownPatient, type PatientRow } from './patients.ts'
import { isIn } from './rows.ts'

export type NewOrder = Omit<typeof bloodOrder.$inferInsert, 'actor'>

/** The patient must be locked, so that of two at once each counts the other. @throws Refusal `already_exists` */
export async function insertOrder(tx: Transaction, actor: Actor, row: NewOrder): Promise<void> {
  const added = await tx
    .insert(bloodOrder)
    .values({ ...row, actor })
    .onConflictDoNothing()
    .returning({ id: bloodOrder.id })
  if (added.length === 0) throw new Refusal('already_exists', 'that was ordered already')
  await appendAudit(tx, actor, {
    at: row.at,
    action: 'order.placed',
    subjectKind: 'order',
    subject: row.id,
    after: row,
  })
}

/** The patient must be locked, so that of two at once one sees the other. */
export async function insertOrderEvent(
  tx: Transaction,
  actor: Actor,
  row: Omit<typeof bloodOrderEvent.$inferInsert, 'actor'>,
): Promise<void> {
  await tx.insert(bloodOrderEvent).values({ ...row, actor })
  const done = { approve: 'approved', reject: 'rejected', cancel: 'cancelled' } as const
  await appendAudit(tx, actor, {
    at: row.at,
    action: `order.${done[row.verb]}`,
    subjectKind: 'order',
    subject: row.orderId,
    after: { grade: row.grade },
    ...(row.comment ? { reason: row.comment } : {}),
  })
}

const isOpen = sql`not exists (
  select from ${bloodOrderEvent} e where e.order_id = ${bloodOrder.id} and e.verb <> 'approve')`

/** The bags `b` whose newest issue names an order, and that have not come back; as its index asks for them. */
const filling = (id: SQL | AnyPgColumn) => sql`
  from ${bagEvent} e join ${bag} b on b.id = e.bag_id
  where e.verb in ('issue', 'reserve') and e.data ? 'order' and e.data->>'order' = ${id}::text
    and e.verb = 'issue' and b.state in ('issued', 'transfused')
    and e.version = (select max(l.version) from ${bagEvent} l where l.bag_id = b.id and l.verb = 'issue')`

/** `filledAmount` in SQL. */
const filled = sql<number>`(
  select round(coalesce(sum(b.amount), 0)::numeric, 2)::double precision ${filling(bloodOrder.id)}
    and b.uom = ${bloodOrder.uom} and b.component in (${bloodOrder.component}, 'thawed_' || ${bloodOrder.component}))`

/** What was ordered for a patient since then; of what was rejected or called off only what was handed out all the same. */
export async function orderedSince(tx: Transaction, key: PatientKey, since: number) {
  return tx
    .select({
      component: bloodOrder.component,
      amount: sql<number>`case when ${isOpen} then ${bloodOrder.amount} else ${filled} end`,
      uom: bloodOrder.uom,
    })
    .from(bloodOrder)
    .where(
      and(
        eq(bloodOrder.facilityId, key.facilityId),
        eq(bloodOrder.pseudonym, key.pseudonym),
        gt(bloodOrder.at, since),
        sql`(${isOpen} or ${filled} > 0)`,
      ),
    )
}

/** A bag that is kept for an order, or was handed out for it and has not come back. */
export type BagOfOrder = {
  readonly bagId: string
  readonly label: string
  readonly component: Component
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
  readonly state: BagState
}

export type KnownEvent = OrderEvent & { readonly comment: string | null; readonly at: number }

/** An order, what was said of it, and what it was filled with. */
export type KnownOrder = Order & {
  readonly id: string
  readonly facilityId: number
  readonly facility: string
  readonly pseudonym: string
  readonly indication: (typeof bloodOrder.$inferSelect)['indication']
  readonly indicationText: string
  readonly dayMl: number
  readonly at: number
  readonly events: readonly KnownEvent[]
  readonly issued: readonly BagOfOrder[]
  readonly reserved: readonly BagOfOrder[]
}

export const noOrder = (id: string) => `no order has the id ${id}`

type BagRow = { readonly bag: Bag; readonly verb: 'issue' | 'reserve'; readonly orderId: string }

/** Of every bag what was last said of whom it is for: later words undo it. */
async function bagsFor(db: Database | Transaction, ids: readonly string[], now: number): Promise<BagRow[]> {
  const newest = sql`(select max(l.version) from ${bagEvent} l where l.bag_id = ${bag.id} and l.verb = ${bagEvent.verb})`
  return db
    .select({
      bag,
      verb: sql<BagRow['verb']>`${bagEvent.verb}`,
      orderId: sql<string>`${bagEvent.data}->>'order'`,
    })
    .from(bagEvent)
    .innerJoin(bag, eq(bag.id, bagEvent.bagId))
    .where(
      and(
        // Written out, for the index of just these to serve.
        sql`${bagEvent.verb} in ('issue', 'reserve') and ${bagEvent.data} ? 'order'`,
        sql`${bagEvent.data}->>'order' = any(${`{${ids.join()}}`}::text[])`,
        sql`${bagEvent.version} = ${newest}`,
        sql`case when ${bagEvent.verb} = 'issue' then ${bag.state} in ('issued', 'transfused')
          else ${bag.state} = 'available' and ${bag.reservedFor} = ${bagEvent.data}->>'patient' and ${bag.reservedUntil} > ${now} end`,
      ),
    )
    .orderBy(bagEvent.at, bag.id)
}

/** An order and the bags that fill it, as a value of a larger statement; null where there is none. */
export function orderToFill(id: SQL): SQL {
  return sql`(
    select json_build_object('component', o.component, 'amount', o.amount, 'uom', o.uom, 'approvals', o.approvals,
      'events', (select coalesce(json_agg(json_build_object('verb', e.verb, 'grade', e.grade, 'by', e.actor->>'id')
        order by e.id), '[]') from ${bloodOrderEvent} e where e.order_id = o.id),
      'bags', (select coalesce(json_agg(json_build_object('component', b.component, 'amount', b.amount, 'uom', b.uom)), '[]')
        ${filling(sql`o.id`)}))
    from ${bloodOrder} o where o.id = ${id})`
}

async function known(
  db: Database | Transaction,
  where: SQL | undefined,
  { now, order, limit }: { readonly now: number; readonly order: SQL; readonly limit: number },
): Promise<KnownOrder[]> {
  const events = sql<readonly KnownEvent[]>`(
    select coalesce(json_agg(json_build_object('verb', e.verb, 'grade', e.grade, 'by', e.actor->>'id',
      'comment', e.comment, 'at', e.at) order by e.id), '[]')
    from ${bloodOrderEvent} e where e.order_id = ${bloodOrder.id})`
  const rows = await db
    .select({ order: bloodOrder, facility: facility.code, events })
    .from(bloodOrder)
    .innerJoin(facility, eq(facility.id, bloodOrder.facilityId))
    .where(where)
    .orderBy(order, bloodOrder.id)
    .limit(limit)
  if (rows.length === 0) return []
  const bags = await bagsFor(
    db,
    rows.map(({ order }) => order.id),
    now,
  )
  return rows.map(({ order: { actor, policies: _, ...row }, facility: code, events: told }) => {
    const of = (verb: BagRow['verb']) =>
      bags.filter((one) => one.orderId === row.id && one.verb === verb).map(({ bag: one }) => bagOf(one))
    return {
      ...row,
      approvals: row.approvals as Grade[],
      by: (actor as Actor).id,
      facility: code,
      events: told,
      issued: of('issue'),
      reserved: of('reserve'),
    }
  })
}

function bagOf(row: Bag): BagOfOrder {
  const { id, component, amount, uom, state } = row
  return { bagId: id, label: labelOf(row), component, amount, uom, state }
}

export async function orderIfThere(
  db: Database | Transaction,
  id: string,
  now: number,
): Promise<KnownOrder | null> {
  const [found] = await known(db, eq(bloodOrder.id, id), { now, order: sql`${bloodOrder.at}`, limit: 1 })
  return found ?? null
}

/** @throws Refusal `not_found` */
export async function findOrder(db: Database | Transaction, id: string, now: number): Promise<KnownOrder> {
  const found = await orderIfThere(db, id, now)
  if (!found) throw new Refusal('not_found', noOrder(id))
  return found
}

/** The orders of a facility, or of one of its patients, the newest first. */
export async function listOrders(
  db: Database | Transaction,
  {
    facilityId,
    pseudonym,
    wordOf,
  }: {
    readonly facilityId: number
    readonly pseudonym?: string | undefined
    /** Only those that take the word of one of these. */
    readonly wordOf?: readonly Grade[]
  },
  limit: number,
  now: number,
): Promise<KnownOrder[]> {
  const where = and(
    eq(bloodOrder.facilityId, facilityId),
    pseudonym === undefined ? undefined : eq(bloodOrder.pseudonym, pseudonym),
    wordOf && sql`${bloodOrder.approvals} ?| ${sql.param([...wordOf])}::text[]`,
  )
  return known(db, where, { now, order: sql`${bloodOrder.at} desc`, limit })
}

/** So many of a kind are found at most, those that wait longest. */
const mostOfAKind = 200

const missing = sql`jsonb_array_length(${bloodOrder.approvals}) - (
  select count(*) from ${bloodOrderEvent} e where e.order_id = ${bloodOrder.id} and e.verb = 'approve')`

/** The rule `unapprovedSince` in SQL. */
export function ordersUnapproved(db: Database, reach: Reach, now: number): Promise<KnownOrder[]> {
  const where = and(isIn(reach, bloodOrder.facilityId), isOpen, sql`${missing} > 0`)
  return known(db, where, { now, order: sql`${bloodOrder.at}`, limit: mostOfAKind })
}

/** Those that may be filled and were not: `unfilledSince` in SQL, needed in [from, until). */
export function ordersUnfilled(
  db: Database,
  reach: Reach,
  needed: { readonly from: number; readonly until: number },
  now: number,
): Promise<KnownOrder[]> {
  const where = and(
    isIn(reach, bloodOrder.facilityId),
    sql`${bloodOrder.neededAt} >= ${needed.from} and ${bloodOrder.neededAt} < ${needed.until}`,
    isOpen,
    sql`(${bloodOrder.urgency} = 'emergency' or ${missing} = 0)`,
    sql`${filled} < ${bloodOrder.amount}`,
  )
  return known(db, where, { now, order: sql`${bloodOrder.neededAt}`, limit: mostOfAKind })
}

/** A patient somebody must see to. */
export type PatientToSee = PatientKey & { readonly facility: string; readonly at: number }

/** The patients of whom two groupings that count differ, or one differs from what was said: `groupOf` in SQL. */
export async function groupsInDoubt(db: Database, reach: Reach): Promise<PatientToSee[]> {
  const { rows } = await db.execute<{
    facility_id: number
    pseudonym: string
    facility: string
    at: number
  }>(sql`
    select ${patient.facilityId}, ${patient.pseudonym}, f.code as facility, max(g.at) as at
    from ${patient} join ${facility} f on f.id = ${patient.facilityId}
      join patient_sample s on s.facility_id = ${patient.facilityId} and s.pseudonym = ${patient.pseudonym}
      join patient_grouping g on g.sample_id = s.id
    where ${patient.hasRecord} and not exists (select from sample_rejection r where r.sample_id = s.id)
      and ${isIn(reach, patient.facilityId) ?? sql`true`}
    group by ${patient.facilityId}, ${patient.pseudonym}, f.code
    having count(distinct g.abo) > 1 or count(distinct g.rhd) > 1
      or bool_or(g.abo <> ${patient.abo}) or bool_or(g.rhd <> ${patient.rhd})
    order by 4, 1, 2 limit ${mostOfAKind}`)
  return rows.map(({ facility_id: facilityId, at, ...row }) => ({ ...row, facilityId, at: Number(at) }))
}

/** The patients for whom bags are kept now, and until when a sample of theirs may be relied on; null where none ever might. */
export async function keptFor(
  db: Database,
  reach: Reach,
  now: number,
): Promise<(PatientKey & { readonly facility: string; readonly sampleUntil: number | null })[]> {
  const { rows } = await db.execute<{ facility_id: number; facility: string; known: PatientRow }>(sql`
    select kept.facility_id, f.code as facility, row_to_json(known) as known
    from (
      select distinct ${bag.holderId} as facility_id, ${bag.reservedFor} as pseudonym from ${bag}
      where ${bag.state} = 'available' and ${bag.reservedFor} is not null and ${bag.reservedUntil} > ${now}
        and ${isIn(reach, bag.holderId) ?? sql`true`}
    ) kept join ${facility} f on f.id = kept.facility_id
    cross join lateral (${knownPatient(sql`kept.facility_id`, sql`kept.pseudonym`)}) known
    order by 1, kept.pseudonym`)
  return rows.map(({ facility_id: facilityId, facility: code, known: row }) => {
    const { pseudonym, sampleUntil } = patientOf(knownOf(row))
    return { facilityId, facility: code, pseudonym, sampleUntil }
  })
}
