import { and, desc, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagHold } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { transfer, transferBag, transferEvent, transferPlan } from '../../schema/tables/transfers.ts'
import type { TransferBagState, TransferVerb } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, type Reach } from '../domain/rights.ts'
import { type PromiseEvent, stateOfPromise } from '../domain/transfer/promise.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { lockAlone } from './locks.ts'
import { appendNews } from './news.ts'
import { isIn } from './rows.ts'

/**
 * Hold off every other acceptance and cancelling for the rest of the transaction, before any bag is locked: what a donor may
 * give is counted, and given, by one at a time.
 */
export async function lockTransfers(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'transfers')
}

/** The blood centres: a party to every request and every transfer. */
export async function centreIds(db: Database | Transaction): Promise<number[]> {
  const rows = await db.select({ id: facility.id }).from(facility).where(eq(facility.kind, 'centre'))
  return rows.map(({ id }) => id)
}

/** Who reaches a centre reaches all transfers. */
export function throughCentres(reach: Reach, centres: readonly number[]): Reach {
  return isWithin(reach, centres) ? 'all' : reach
}

export const noPlan = (id: string) => `no transfer plan has the id ${id}`
export const noTransfer = (id: string) => `no transfer has the id ${id}`

export type NewPlan = Omit<typeof transferPlan.$inferInsert, 'actor'>

export async function insertPlan(tx: Transaction, actor: Actor, row: NewPlan): Promise<void> {
  await tx.insert(transferPlan).values({ ...row, actor })
  await appendAudit(tx, actor, {
    at: row.at,
    action: 'transfer.planned',
    subjectKind: 'transfer',
    subject: row.id,
    after: { requests: row.requests, policy: row.policy },
  })
}

/** @throws Refusal `not_found` */
export async function findPlan(
  db: Database | Transaction,
  id: string,
): Promise<typeof transferPlan.$inferSelect> {
  const [found] = await db.select().from(transferPlan).where(eq(transferPlan.id, id))
  if (!found) throw new Refusal('not_found', noPlan(id))
  return found
}

export type NewTransfer = Omit<typeof transfer.$inferInsert, 'actor'> & {
  readonly bags: readonly Omit<typeof transferBag.$inferInsert, 'transferId' | 'endedAt'>[]
}

/** Write down transfers of bags that are promised already, and tell whoever has to do with them. */
export async function insertTransfers(
  tx: Transaction,
  actor: Actor,
  transfers: readonly NewTransfer[],
  centres: readonly number[],
): Promise<void> {
  const bagIds = transfers.flatMap(({ bags }) => bags.map(({ bagId }) => bagId))
  const [{ at: now } = { at: 0 }] = transfers
  // They were found free: whatever they were promised to before is over.
  await tx
    .update(transferBag)
    .set({ endedAt: now })
    .where(and(inArray(transferBag.bagId, bagIds), isNull(transferBag.endedAt)))
  for (const { bags, ...row } of transfers) {
    await tx.insert(transfer).values({ ...row, actor })
    await tx.insert(transferBag).values(bags.map((bag) => ({ ...bag, transferId: row.id })))
    await appendAudit(tx, actor, {
      at: row.at,
      action: 'transfer.accepted',
      subjectKind: 'transfer',
      subject: row.id,
      after: { ...row, bags },
      ...(row.comment ? { reason: row.comment } : {}),
    })
  }
  await appendNews(
    tx,
    transfers.map(({ id, planId, rotationId, at, fromId, toId, bags, needsApproval }) => ({
      at,
      kind: 'transfer.accepted',
      subject: id,
      facilityIds: [...new Set([fromId, toId, ...centres])],
      data: { ...(planId ? { plan: planId } : { rotation: rotationId }), bags: bags.length, needsApproval },
    })),
  )
}

/** Say something of a transfer. @throws Refusal `conflict` where it was said already */
export async function insertTransferEvent(
  tx: Transaction,
  actor: Actor,
  of: Pick<KnownTransfer, 'id' | 'fromId' | 'toId'>,
  { verb, reason, at }: { readonly verb: TransferVerb; readonly reason: string | null; readonly at: number },
  centres: readonly number[],
): Promise<void> {
  const done = verb === 'approve' ? 'approved' : 'cancelled'
  const added = await tx
    .insert(transferEvent)
    .values({ transferId: of.id, verb, reason, at, actor })
    .onConflictDoNothing()
    .returning({ id: transferEvent.id })
  if (added.length === 0) throw new Refusal('conflict', `transfer ${of.id} was ${done} already`)
  const about = { at, subject: of.id }
  await appendAudit(tx, actor, {
    ...about,
    action: `transfer.${done}`,
    subjectKind: 'transfer',
    ...(reason ? { reason } : {}),
  })
  const facilityIds = [...new Set([of.fromId, of.toId, ...centres])]
  await appendNews(tx, [{ ...about, kind: `transfer.${done}`, facilityIds, data: {} }])
}

/** What was freed is promised no more. */
export async function endPromises(tx: Transaction, bagIds: readonly string[], now: number): Promise<void> {
  await tx
    .update(transferBag)
    .set({ endedAt: now })
    .where(and(inArray(transferBag.bagId, [...bagIds]), isNull(transferBag.endedAt)))
}

/** A bag that was promised, and what has become of it. */
export type Promised = typeof transferBag.$inferSelect & {
  readonly fromId: number
  readonly toId: number
  readonly state: TransferBagState
  /** It is held, or has expired. */
  readonly isUnusable: boolean
}

/** Of transfers, or of requests. */
export async function promisesOf(
  db: Database | Transaction,
  of: { readonly transferIds: readonly string[] } | { readonly requestIds: readonly string[] },
  now: number,
): Promise<Promised[]> {
  const ids = 'transferIds' in of ? of.transferIds : of.requestIds
  if (ids.length === 0) return []
  const events = sql<readonly PromiseEvent[]>`(
    select coalesce(json_agg(json_build_object('verb', e.verb, 'at', e.at, 'data',
      json_strip_nulls(json_build_object('to', e.data->'to', 'transfer', e.data->'transfer'))) order by e.version), '[]')
    from ${bagEvent} e where e.bag_id = ${transferBag.bagId} and e.version > ${transferBag.version})`
  const isUnusable = sql<boolean>`(
    exists (select from ${bag} b where b.id = ${transferBag.bagId} and b.expires_at <= ${now}::bigint)
    or exists (select from ${bagHold} h where h.bag_id = ${transferBag.bagId} and h.lifted_at is null))`
  const rows = await db
    .select({
      promise: transferBag,
      fromId: transfer.fromId,
      toId: transfer.toId,
      until: transfer.until,
      events,
      isUnusable,
    })
    .from(transferBag)
    .innerJoin(transfer, eq(transfer.id, transferBag.transferId))
    .where(
      'transferIds' in of
        ? inArray(transferBag.transferId, [...ids])
        : inArray(transferBag.requestId, [...ids]),
    )
    .orderBy(transferBag.transferId, transferBag.bagId)
  return rows.map(({ promise, fromId, toId, until, events: told, isUnusable: unusable }) => ({
    ...promise,
    fromId,
    toId,
    isUnusable: unusable,
    state: stateOfPromise({ toId, until, events: told }, now),
  }))
}

type Said = { readonly by: string; readonly at: number; readonly reason: string | null }

export type KnownTransfer = Omit<typeof transfer.$inferSelect, 'actor'> & {
  readonly by: string
  readonly approved: Said | null
  readonly cancelled: Said | null
  readonly bags: readonly Promised[]
}

/** May it leave, as far as the donor's word goes? */
export function isApproved({
  needsApproval,
  approved,
}: Pick<KnownTransfer, 'needsApproval' | 'approved'>): boolean {
  return !needsApproval || approved !== null
}

async function known(
  db: Database | Transaction,
  where: SQL | undefined,
  now: number,
  limit: number,
): Promise<KnownTransfer[]> {
  const rows = await db
    .select()
    .from(transfer)
    .where(where)
    .orderBy(desc(transfer.at), desc(transfer.id))
    .limit(limit)
  const transferIds = rows.map(({ id }) => id)
  if (transferIds.length === 0) return []
  const said = await db.select().from(transferEvent).where(inArray(transferEvent.transferId, transferIds))
  const promises = await promisesOf(db, { transferIds }, now)
  return rows.map(({ actor, ...row }) => {
    const word = (verb: TransferVerb): Said | null => {
      const event = said.find(({ transferId, verb: told }) => transferId === row.id && told === verb)
      return event ? { by: (event.actor as Actor).id, at: event.at, reason: event.reason } : null
    }
    return {
      ...row,
      by: (actor as Actor).id,
      approved: word('approve'),
      cancelled: word('cancel'),
      bags: promises.filter(({ transferId }) => transferId === row.id),
    }
  })
}

/** @throws Refusal `not_found` */
export async function findTransfer(
  db: Database | Transaction,
  id: string,
  now: number,
): Promise<KnownTransfer> {
  const [found] = await known(db, eq(transfer.id, id), now, 1)
  if (!found) throw new Refusal('not_found', noTransfer(id))
  return found
}

/** From or to a facility within reach, the newest first. */
export function listTransfers(
  db: Database | Transaction,
  { reach, since, limit }: { readonly reach: Reach; readonly since?: number; readonly limit: number },
  now: number,
): Promise<KnownTransfer[]> {
  const within = reach === 'all' ? undefined : or(isIn(reach, transfer.fromId), isIn(reach, transfer.toId))
  const recent = since === undefined ? undefined : sql`${transfer.at} > ${since}`
  return known(db, and(within, recent), now, limit)
}

export function transfersBy(
  db: Database | Transaction,
  ids: readonly string[],
  now: number,
): Promise<KnownTransfer[]> {
  return known(db, inArray(transfer.id, [...ids]), now, ids.length)
}

/** The transfer a bag is promised to; null where it is to none. */
export async function liveTransferOf(
  tx: Transaction,
  bagId: string,
  now: number,
): Promise<KnownTransfer | null> {
  const [live] = await tx
    .select({ id: transferBag.transferId })
    .from(transferBag)
    .where(and(eq(transferBag.bagId, bagId), isNull(transferBag.endedAt)))
  return live ? findTransfer(tx, live.id, now) : null
}
