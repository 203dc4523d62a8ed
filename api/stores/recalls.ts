import { and, asc, desc, eq, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import { auditEntry } from '../../schema/tables/audit.ts'
import { bag, bagEvent, bagHold } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { ledgerDue, lookBack } from '../../schema/tables/ledgers.ts'
import { news } from '../../schema/tables/news.ts'
import { bagLot, recall, recallBag } from '../../schema/tables/recalls.ts'
import { type LotKind, type RecallState, transfusionVerbs } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { type Bag, concerned, lockBags } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { lockAlone } from './locks.ts'
import { appendNews } from './news.ts'
import { type Sought, unreached } from './recall-walk.ts'
import { isIn, isOneOf } from './rows.ts'

export type Recall = typeof recall.$inferSelect
export type NewRecall = Pick<Recall, 'kind' | 'reason'> & Sought

export const noRecall = (id: number) => `no recall has the number ${id}`

/** One at a time opens, goes on or ends, so that two never wait for each other's bags. Before any other lock. */
export async function lockRecalls(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'recalls')
}

/** @throws Refusal `not_found` */
export async function findRecall(db: Database | Transaction, id: number): Promise<Recall> {
  const [found] = await db.select().from(recall).where(eq(recall.id, id))
  if (!found) throw new Refusal('not_found', noRecall(id))
  return found
}

export async function openRecalls(db: Database): Promise<Recall[]> {
  return db.select().from(recall).where(eq(recall.state, 'open')).orderBy(asc(recall.id))
}

export type RecallFilter = {
  readonly reach: Reach
  readonly state?: RecallState | undefined
  readonly before?: number | undefined
  readonly limit: number
}

/** Those of facilities within reach, and those that reached bags there, the newest first. */
export async function listRecalls(db: Database, filter: RecallFilter): Promise<Recall[]> {
  const { reach, state, before, limit } = filter
  return db
    .select()
    .from(recall)
    .where(
      and(
        state === undefined ? undefined : eq(recall.state, state),
        before === undefined ? undefined : lt(recall.id, before),
        reach === 'all' ? undefined : or(isIn(reach, recall.facilityId), sql`${reaches(reach)}`),
      ),
    )
    .orderBy(desc(recall.id))
    .limit(limit)
}

const reaches = (reach: Reach): SQL => sql`exists (
  select from ${recallBag} r join ${bag} b on b.id = r.bag_id
  where r.recall_id = ${recall.id} and (${isIn(reach, sql`b.holder_id`) ?? sql`true`}
    or ${isIn(reach, sql`b.origin_id`) ?? sql`true`} or ${isIn(reach, sql`b.destination_id`) ?? sql`true`}))`

/** Did it reach a bag that somebody there holds, made or awaits? */
export async function reachesInto(db: Database, id: number, reach: Reach): Promise<boolean> {
  const rows = await db
    .select({ id: recall.id })
    .from(recall)
    .where(and(eq(recall.id, id), reaches(reach)))
  return rows.length > 0
}

/** Call back what is sought; where the same is open already, that is it. `lockRecalls` first. */
export async function insertRecall(
  tx: Transaction,
  actor: Actor,
  asked: NewRecall,
  now: number,
): Promise<{ readonly one: Recall; readonly isNew: boolean }> {
  const same = (column: typeof recall.lotKind | typeof recall.from | typeof recall.to, value: unknown) =>
    sql`${column} is not distinct from ${value}`
  const [standing] = await tx
    .select()
    .from(recall)
    .where(
      and(
        eq(recall.state, 'open'),
        eq(recall.facilityId, asked.facilityId),
        eq(recall.scope, asked.scope),
        eq(recall.kind, asked.kind),
        eq(recall.subject, asked.subject),
        same(recall.lotKind, asked.lotKind),
        same(recall.from, asked.from),
        same(recall.to, asked.to),
      ),
    )
  if (standing) return { one: standing, isNew: false }
  const [made] = await tx
    .insert(recall)
    .values({ ...asked, openedAt: now, openedBy: actor })
    .returning()
  const one = made as Recall
  await appendAudit(tx, actor, {
    at: now,
    action: 'recall.opened',
    subjectKind: 'recall',
    subject: String(one.id),
    after: toldOf(asked),
    reason: asked.reason,
  })
  return { one, isNew: true }
}

/** What may be told of a recall wherever it is written down: whose blood, and whom it was given to, stands in it alone. */
export function toldOf({ kind, scope, subject, lotKind, from, to, facilityId }: NewRecall) {
  const isSomebody = scope === 'donor' || scope === 'patient'
  return { kind, scope, subject: isSomebody ? null : subject, lotKind, from, to, facilityId }
}

export type Reached = { readonly held: number; readonly cases: number }

const grew = new Error('more bags came to belong to the recall while its bags were locked')

/**
 * Hold every bag of a recall that is not held by it yet, and open a case for each that was given: bags, holds, audit
 * entries and news are written by a handful of statements, however many they are. `lockRecalls` first.
 *
 * Bags are locked in ascending order, all at once. If one of them has had children by then, all are let go and locked
 * anew with those: to lock them behind the others would be out of order.
 */
export async function reachBags(tx: Transaction, actor: Actor, one: Recall, now: number): Promise<Reached> {
  for (;;) {
    try {
      return await tx.transaction(async (savepoint) => {
        const fresh = await unreached(savepoint, one)
        const given = await givenWithoutCase(savepoint, one.id, fresh)
        await lockBags(savepoint, [...new Set([...fresh, ...given])])
        const known = new Set(fresh)
        if ((await unreached(savepoint, one)).some((id) => !known.has(id))) throw grew
        await insertHolds(savepoint, actor, one, fresh, now)
        return { held: fresh.length, cases: await insertCases(savepoint, actor, one, now) }
      })
    } catch (error) {
      if (error !== grew) throw error
    }
  }
}

/** Is there a bag it has not reached, or one that was given since? Nothing is locked. */
export async function hasMore(db: Database, one: Recall): Promise<boolean> {
  return (await unreached(db, one)).length > 0 || (await givenWithoutCase(db, one.id, [])).length > 0
}

/** The bags a recall holds still, by ascending id. */
export async function heldBy(tx: Transaction, id: number): Promise<string[]> {
  const rows = await tx
    .select({ bagId: recallBag.bagId })
    .from(recallBag)
    .innerJoin(bagHold, eq(bagHold.id, recallBag.holdId))
    .where(and(eq(recallBag.recallId, id), isNull(bagHold.liftedAt)))
    .orderBy(asc(recallBag.bagId))
  return rows.map(({ bagId }) => bagId)
}

async function givenWithoutCase(
  db: Database | Transaction,
  id: number,
  fresh: readonly string[],
): Promise<string[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    select b.id from ${bag} b
    where b.state = 'transfused'
      and (b.id in (select bag_id from ${recallBag} r where r.recall_id = ${id}) or b.id = any(${listed(fresh)}))
      and not exists (select from ${lookBack} l where l.recall_id = ${id} and l.bag_id = b.id)`)
  return rows.map((row) => row.id)
}

const listed = (ids: readonly string[]) => sql`${`{${ids.join()}}`}::uuid[]`

/** Whoever holds, made or awaits a bag, in SQL: `concerned`. */
const theirs = sql.raw(
  'array(select distinct f from unnest(array[b.holder_id, b.origin_id, b.destination_id]) f where f is not null)',
)

async function insertHolds(
  tx: Transaction,
  actor: Actor,
  { id, kind, reason }: Recall,
  bagIds: readonly string[],
  now: number,
): Promise<void> {
  if (bagIds.length === 0) return
  const by = JSON.stringify(actor)
  await tx.execute(sql`
    with b as materialized (select * from ${bag} where id = any(${listed(bagIds)})), held as (
      insert into ${bagHold} (bag_id, kind, reason, placed_at, placed_by)
      select id, ${kind}, ${reason}, ${now}::bigint, ${by}::jsonb from b order by id returning id, bag_id
    ), reached as (
      insert into ${recallBag} (recall_id, bag_id, hold_id, found_at)
      select ${id}::integer, bag_id, id, ${now}::bigint from held
    ), told as (
      insert into ${news} (at, kind, subject, facility_ids, data)
      select ${now}::bigint, 'bag.hold_placed', id, ${theirs}, jsonb_build_object('kind', ${kind}::text) from b
    )
    insert into ${auditEntry} (at, actor, action, subject_kind, subject, after, reason)
    select ${now}::bigint, ${by}::jsonb, 'bag.hold_placed', 'bag', id,
      jsonb_build_object('kind', ${kind}::text, 'recall', ${id}::integer), ${reason} from b`)
}

async function insertCases(tx: Transaction, actor: Actor, { id }: Recall, now: number): Promise<number> {
  const by = JSON.stringify(actor)
  const { rows } = await tx.execute<{ count: number }>(sql`
    with opened as (
      insert into ${lookBack} (bag_id, recall_id, opened_at)
      select b.id, ${id}::integer, ${now}::bigint from ${recallBag} r join ${bag} b on b.id = r.bag_id
      where r.recall_id = ${id} and b.state = 'transfused'
        and not exists (select from ${lookBack} l where l.recall_id = ${id} and l.bag_id = b.id)
      order by b.id returning id, bag_id
    ), told as (
      insert into ${news} (at, kind, subject, facility_ids, data)
      select ${now}::bigint, 'look_back.opened', opened.id, ${theirs},
        jsonb_build_object('bagId', bag_id, 'recall', ${id}::integer)
      from opened join ${bag} b on b.id = bag_id
    ), audited as (
      insert into ${auditEntry} (at, actor, action, subject_kind, subject, after)
      select ${now}::bigint, ${by}::jsonb, 'look_back.opened', 'look_back', id,
        jsonb_build_object('bagId', bag_id, 'recall', ${id}::integer)
      from opened
    )
    select count(*) as count from opened`)
  return rows[0]?.count as number
}

/** Tell everybody a recall concerns that it was opened, reached more, or ended. */
export async function tellRecall(
  tx: Transaction,
  { id, facilityId, kind, scope }: Recall,
  what: 'opened' | 'reached' | 'closed' | 'lifted',
  reached: object,
  now: number,
): Promise<void> {
  const { rows } = await tx.execute<{ id: number }>(sql`
    select distinct f as id from ${recallBag} r join ${bag} b on b.id = r.bag_id,
      unnest(array[b.holder_id, b.origin_id, b.destination_id]) f
    where r.recall_id = ${id} and f is not null`)
  const facilityIds = [...new Set([facilityId, ...rows.map((row) => row.id)])]
  const data = { kind, scope, ...reached }
  await appendNews(tx, [{ at: now, kind: `recall.${what}`, subject: String(id), facilityIds, data }])
}

/**
 * End a recall: `closed` keeps what it holds, `lifted` lifts all of it that nobody has lifted yet. `lockRecalls` first.
 *
 * @throws Refusal `conflict` where it has ended, `second_person` for who opened it
 */
export async function endRecall(
  tx: Transaction,
  actor: Actor,
  { id, openedBy }: Recall,
  { state, reason }: { readonly state: 'closed' | 'lifted'; readonly reason: string },
  now: number,
): Promise<Recall> {
  const [ended] = await tx
    .update(recall)
    .set({ state, endedAt: now, endedBy: actor, endReason: reason })
    .where(and(eq(recall.id, id), eq(recall.state, 'open')))
    .returning()
  if (!ended) throw new Refusal('conflict', `recall ${id} has ended already`)
  const opener = openedBy as Actor
  if (opener.id === actor.id && opener.kind === actor.kind)
    throw new Refusal('second_person', 'a recall is ended by somebody who did not open it')
  const lifted = state === 'lifted' ? await liftHolds(tx, actor, ended, reason, now) : 0
  await appendAudit(tx, actor, {
    at: now,
    action: `recall.${state}`,
    subjectKind: 'recall',
    subject: String(id),
    before: { state: 'open' },
    after: { state, lifted },
    reason,
  })
  await tellRecall(tx, ended, state, { lifted }, now)
  return ended
}

async function liftHolds(
  tx: Transaction,
  actor: Actor,
  { id }: Recall,
  reason: string,
  now: number,
): Promise<number> {
  const { rows } = await tx.execute<{ bagId: string }>(sql`
    select r.bag_id as "bagId" from ${recallBag} r join ${bagHold} h on h.id = r.hold_id
    where r.recall_id = ${id} and h.lifted_at is null`)
  await lockBags(
    tx,
    rows.map(({ bagId }) => bagId),
  )
  const by = JSON.stringify(actor)
  const lifted = await tx.execute<{ count: number }>(sql`
    with lifted as (
      update ${bagHold} h set lifted_at = ${now}::bigint, lifted_by = ${by}::jsonb, lift_reason = ${reason}
      from ${recallBag} r where r.recall_id = ${id} and r.hold_id = h.id and h.lifted_at is null
      returning h.bag_id, h.kind
    ), due as (
      insert into ${ledgerDue} (bag_id, due_at) select bag_id, ${now}::bigint from lifted
    ), told as (
      insert into ${news} (at, kind, subject, facility_ids, data)
      select ${now}::bigint, 'bag.hold_lifted', b.id, ${theirs}, jsonb_build_object('kind', lifted.kind)
      from lifted join ${bag} b on b.id = bag_id
    ), audited as (
      insert into ${auditEntry} (at, actor, action, subject_kind, subject, before, reason)
      select ${now}::bigint, ${by}::jsonb, 'bag.hold_lifted', 'bag', bag_id,
        jsonb_build_object('kind', kind, 'recall', ${id}::integer), ${reason}
      from lifted
    )
    select count(*) as count from lifted`)
  return lifted.rows[0]?.count as number
}

/** Write down that somebody asked what a recall would reach, and how long the answer took. */
export async function auditDrill(
  tx: Transaction,
  actor: Actor,
  asked: NewRecall,
  found: { readonly bags: number; readonly ms: number },
  now: number,
): Promise<void> {
  await appendAudit(tx, actor, {
    at: now,
    action: 'recall.drilled',
    subjectKind: 'recall',
    subject: 'drill',
    after: { ...toldOf(asked), ...found },
    reason: asked.reason,
  })
}

/** Write down what a bag was made with; the same again changes nothing. The bag must be locked. */
export async function insertLot(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  { kind, number }: { readonly kind: LotKind; readonly number: string },
  now: number,
): Promise<void> {
  const row = { kind, number, bagId: of.id, recordedAt: now, actor }
  const added = await tx.insert(bagLot).values(row).onConflictDoNothing().returning({ kind: bagLot.kind })
  if (added.length === 0) return
  const facilityIds = concerned(of)
  await appendNews(tx, [
    { at: now, kind: 'bag.lot_recorded', subject: of.id, facilityIds, data: { kind, number } },
  ])
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.lot_recorded',
    subjectKind: 'bag',
    subject: of.id,
    after: { kind, number },
  })
}

export async function lotsOf(db: Database, bagId: string): Promise<{ kind: LotKind; number: string }[]> {
  return db
    .select({ kind: bagLot.kind, number: bagLot.number })
    .from(bagLot)
    .where(eq(bagLot.bagId, bagId))
    .orderBy(asc(bagLot.kind), asc(bagLot.number))
}

export type LookBack = typeof lookBack.$inferSelect

export const noLookBack = (id: number) => `no look-back case has the number ${id}`

/** A case and its bag. @throws Refusal `not_found` */
export async function findLookBack(
  db: Database | Transaction,
  id: number,
): Promise<{ readonly one: LookBack; readonly of: Bag }> {
  const [found] = await db
    .select({ one: lookBack, of: bag })
    .from(lookBack)
    .innerJoin(bag, eq(bag.id, lookBack.bagId))
    .where(eq(lookBack.id, id))
  if (!found) throw new Refusal('not_found', noLookBack(id))
  return found
}

/** Whom the bag of a case was given to last, and where: looking is itself written down. */
export async function identifyRecipient(
  tx: Transaction,
  actor: Actor,
  { one, of }: Awaited<ReturnType<typeof findLookBack>>,
  reason: string,
  now: number,
): Promise<{ readonly patient: string | null; readonly facility: string | null }> {
  const [given] = await tx
    .select({ patient: sql<string | null>`${bagEvent.data}->>'patient'` })
    .from(bagEvent)
    .where(
      and(
        eq(bagEvent.bagId, of.id),
        isOneOf(bagEvent.verb, transfusionVerbs),
        sql`${bagEvent.data}->>'patient' is not null`,
      ),
    )
    .orderBy(desc(bagEvent.version))
    .limit(1)
  const [holder] =
    of.holderId === null ? [] : await tx.select().from(facility).where(eq(facility.id, of.holderId))
  await appendAudit(tx, actor, {
    at: now,
    action: 'look_back.recipient_seen',
    subjectKind: 'look_back',
    subject: String(one.id),
    after: { bagId: of.id, facility: holder?.code ?? null },
    reason,
  })
  return { patient: given?.patient ?? null, facility: holder?.code ?? null }
}
