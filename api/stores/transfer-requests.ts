import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import {
  transferRequest,
  transferRequestCancellation,
  transferRequestLine,
} from '../../schema/tables/transfers.ts'
import type {
  OrderedComponent,
  Requirement,
  TransferRequestState,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { stateOfRequest } from '../domain/transfer/promise.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'
import { isIn } from './rows.ts'
import { type Promised, promisesOf } from './transfers.ts'

export type RequestLine = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
}

export type NewRequest = Omit<typeof transferRequest.$inferInsert, 'actor' | 'requires'> & {
  readonly requires: readonly Requirement[]
  readonly lines: readonly RequestLine[]
}

export async function insertRequest(
  tx: Transaction,
  actor: Actor,
  { lines, ...row }: NewRequest,
  centres: readonly number[],
): Promise<void> {
  await tx.insert(transferRequest).values({ ...row, actor })
  await tx
    .insert(transferRequestLine)
    .values(lines.map((line, index) => ({ ...line, requestId: row.id, line: index + 1 })))
  const { id: subject, at, facilityId, urgency, deadline } = row
  await appendAudit(tx, actor, {
    at,
    action: 'transfer_request.raised',
    subjectKind: 'transfer_request',
    subject,
    after: { ...row, lines },
  })
  const data = { urgency, deadline, lines }
  const facilityIds = [...new Set([facilityId, ...centres])]
  await appendNews(tx, [{ at, kind: 'transfer_request.raised', subject, facilityIds, data }])
}

/** @throws Refusal `conflict` where it was cancelled already */
export async function insertCancellation(
  tx: Transaction,
  actor: Actor,
  { id: requestId, facilityId }: Pick<KnownRequest, 'id' | 'facilityId'>,
  { reason, at }: { readonly reason: string; readonly at: number },
  centres: readonly number[],
): Promise<void> {
  const added = await tx
    .insert(transferRequestCancellation)
    .values({ requestId, reason, at, actor })
    .onConflictDoNothing()
    .returning()
  if (added.length === 0) throw new Refusal('conflict', `request ${requestId} was cancelled already`)
  const kind = 'transfer_request.cancelled'
  await appendAudit(tx, actor, {
    ...{ at, action: kind, subjectKind: 'transfer_request', subject: requestId },
    reason,
  })
  const facilityIds = [...new Set([facilityId, ...centres])]
  await appendNews(tx, [{ at, kind, subject: requestId, facilityIds, data: {} }])
}

/** A request, what was accepted for each of its lines, and where that is. */
export type KnownRequest = Omit<typeof transferRequest.$inferSelect, 'actor' | 'requires'> & {
  readonly by: string
  readonly facility: string
  readonly device: string | null
  readonly requires: readonly Requirement[]
  readonly state: TransferRequestState
  readonly lines: readonly (RequestLine & { readonly line: number; readonly bags: readonly Promised[] })[]
  readonly cancelled: { readonly reason: string; readonly by: string; readonly at: number } | null
}

export const noRequest = (id: string) => `no transfer request has the id ${id}`

async function known(
  db: Database | Transaction,
  where: SQL | undefined,
  now: number,
  limit: number,
): Promise<KnownRequest[]> {
  // However many were not met today, they keep nobody from being seen who can be helped still.
  const isOver = sql`${transferRequest.deadline} <= ${now}::bigint`
  const rows = await db
    .select({
      request: transferRequest,
      facility: facility.code,
      device: device.name,
      cancellation: transferRequestCancellation,
    })
    .from(transferRequest)
    .innerJoin(facility, eq(facility.id, transferRequest.facilityId))
    .leftJoin(device, eq(device.id, transferRequest.deviceId))
    .leftJoin(transferRequestCancellation, eq(transferRequestCancellation.requestId, transferRequest.id))
    .where(where)
    .orderBy(isOver, transferRequest.deadline, transferRequest.id)
    .limit(limit)
  const requestIds = rows.map(({ request }) => request.id)
  if (requestIds.length === 0) return []
  const lines = await db
    .select()
    .from(transferRequestLine)
    .where(inArray(transferRequestLine.requestId, requestIds))
    .orderBy(transferRequestLine.line)
  const promises = await promisesOf(db, { requestIds }, now)
  return rows.map(({ request: { actor, requires, ...row }, cancellation, ...names }) => {
    const own = lines
      .filter(({ requestId }) => requestId === row.id)
      .map(({ requestId: _, ...line }) => ({
        ...line,
        bags: promises.filter((one) => one.requestId === row.id && one.line === line.line),
      }))
    return {
      ...row,
      ...names,
      by: (actor as Actor).id,
      requires: requires as Requirement[],
      lines: own,
      state: stateOfRequest(own, cancellation !== null),
      cancelled: cancellation && {
        reason: cancellation.reason,
        by: (cancellation.actor as Actor).id,
        at: cancellation.at,
      },
    }
  })
}

/** Those of these ids that there are, the first deadline in front, and those that are over behind. */
export function requestsBy(
  db: Database | Transaction,
  ids: readonly string[],
  now: number,
): Promise<KnownRequest[]> {
  return known(db, inArray(transferRequest.id, [...ids]), now, ids.length)
}

/** @throws Refusal `not_found` */
export async function findRequest(
  db: Database | Transaction,
  id: string,
  now: number,
): Promise<KnownRequest> {
  const [found] = await requestsBy(db, [id], now)
  if (!found) throw new Refusal('not_found', noRequest(id))
  return found
}

/** Within reach, the first deadline in front, and those that are over behind: those whose deadline comes after an instant. */
export function listRequests(
  db: Database | Transaction,
  { reach, after, limit }: { readonly reach: Reach; readonly after: number; readonly limit: number },
  now: number,
): Promise<KnownRequest[]> {
  const uncancelled = sql`not exists (
    select from ${transferRequestCancellation} c where c.request_id = ${transferRequest.id})`
  const where = and(
    isIn(reach, transferRequest.facilityId),
    sql`${transferRequest.deadline} > ${after}`,
    uncancelled,
  )
  return known(db, where, now, limit)
}
