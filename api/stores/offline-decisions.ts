import { and, desc, eq, sql } from 'drizzle-orm'
import { bag, bagEvent } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { offlineDecision, offlineReview } from '../../schema/tables/offline.ts'
import type { OfflineConflict } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { happenedAt, labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'
import { isIn, isOneOf } from './rows.ts'

export type Decision = typeof offlineDecision.$inferSelect
export type NewDecision = Omit<Decision, 'actor' | 'conflicts'> & {
  readonly conflicts: readonly OfflineConflict[]
}

export const noDecision = (id: string) => `no decision of that device has the id ${id}`

/** Those of these decisions of a device that were told before, by id. */
export async function decisionsKnown(
  tx: Transaction,
  deviceId: number,
  ids: readonly string[],
): Promise<Map<string, Pick<Decision, 'toldHash' | 'conflicts'>>> {
  const rows = await tx
    .select({
      id: offlineDecision.id,
      toldHash: offlineDecision.toldHash,
      conflicts: offlineDecision.conflicts,
    })
    .from(offlineDecision)
    .where(and(eq(offlineDecision.deviceId, deviceId), isOneOf(offlineDecision.id, ids)))
  return new Map(rows.map(({ id, ...known }) => [id, known]))
}

/** Which of these are bags at all. */
export async function bagsAmong(tx: Transaction, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await tx.select({ id: bag.id }).from(bag).where(isOneOf(bag.id, ids))
  return rows.map(({ id }) => id)
}

/** Since when a bag is in its state, by when that happened, ms UTC. */
export async function inStateSince(tx: Transaction, bagId: string): Promise<number> {
  const { rows } = await tx.execute<{ at: number }>(sql`
    select ${happenedAt} as at from ${bagEvent} e where e.bag_id = ${bagId} and e."from" is distinct from e."to"
    order by e.version desc limit 1`)
  return rows[0]?.at ?? 0
}

/** Append what a terminal decided; where something speaks against it, whoever is concerned hears of that. */
export async function insertDecision(
  tx: Transaction,
  actor: Actor,
  row: NewDecision,
  about: { readonly device: string; readonly facilityIds: readonly number[] },
): Promise<void> {
  await tx.insert(offlineDecision).values({ ...row, actor })
  const { id, receivedAt, occurredAt, answer, findings, bagId, conflicts, badge, checker, listSeq } = row
  await appendAudit(tx, actor, {
    at: receivedAt,
    action: 'offline_decision.told',
    subjectKind: 'offline_decision',
    subject: id,
    after: {
      ...{ device: about.device, occurredAt, answer, findings, bagId, conflicts, badge, checker, listSeq },
    },
  })
  if (conflicts.length === 0) return
  const data = { device: about.device, bagId, conflicts, occurredAt: new Date(occurredAt).toISOString() }
  await appendNews(tx, [
    { at: receivedAt, kind: 'offline.conflict', subject: id, facilityIds: about.facilityIds, data },
  ])
}

/** What the terminal of a device decided, told last in front. */
export async function listDecisions(db: Database, deviceId: number, limit: number) {
  const decisions = await db
    .select()
    .from(offlineDecision)
    .where(eq(offlineDecision.deviceId, deviceId))
    .orderBy(desc(offlineDecision.receivedAt), desc(offlineDecision.occurredAt), desc(offlineDecision.id))
    .limit(limit)
  const reviews = await db
    .select()
    .from(offlineReview)
    .where(
      and(
        eq(offlineReview.deviceId, deviceId),
        isOneOf(
          offlineReview.decisionId,
          decisions.map(({ id }) => id),
        ),
      ),
    )
    .orderBy(offlineReview.id)
  return decisions.map((decision) => ({
    ...decision,
    reviews: reviews.filter(({ decisionId }) => decisionId === decision.id),
  }))
}

/** Write down what was found when a conflict was looked into. @throws Refusal `not_found`, `conflict` where there is none */
export async function insertOfflineReview(
  tx: Transaction,
  actor: Actor,
  review: { readonly deviceId: number; readonly decisionId: string; readonly conclusion: string },
  now: number,
): Promise<void> {
  const { deviceId, decisionId, conclusion } = review
  const [found] = await tx
    .select({ conflicts: offlineDecision.conflicts })
    .from(offlineDecision)
    .where(and(eq(offlineDecision.deviceId, deviceId), eq(offlineDecision.id, decisionId)))
  if (!found) throw new Refusal('not_found', noDecision(decisionId))
  if ((found.conflicts as readonly unknown[]).length === 0)
    throw new Refusal('conflict', `nothing spoke against decision ${decisionId}`)
  await tx.insert(offlineReview).values({ ...review, at: now, actor })
  await appendAudit(tx, actor, {
    at: now,
    action: 'offline_decision.reviewed',
    subjectKind: 'offline_decision',
    subject: decisionId,
    after: { conclusion },
  })
}

/** So many are found at most, the longest waiting. */
const mostConflicts = 200

export type OpenConflict = {
  readonly bagId: string | null
  readonly label: string | null
  readonly device: string
  readonly facility: string
  readonly receivedAt: number
  readonly conflicts: readonly OfflineConflict[]
}

/** What terminals within reach handed out, something speaks against, and nobody has looked into. */
export async function openConflicts(db: Database, reach: Reach): Promise<OpenConflict[]> {
  const rows = await db
    .select({ decision: offlineDecision, bag, device: device.name, facility: facility.code })
    .from(offlineDecision)
    .innerJoin(device, eq(device.id, offlineDecision.deviceId))
    .innerJoin(facility, eq(facility.id, offlineDecision.facilityId))
    .leftJoin(bag, eq(bag.id, offlineDecision.bagId))
    .where(
      and(
        // Written out, for the index of just these to serve.
        sql`${offlineDecision.conflicts} <> '[]'`,
        sql`not exists (
          select from ${offlineReview} r where r.device_id = ${offlineDecision.deviceId} and r.decision_id = ${offlineDecision.id}
        )`,
        isIn(reach, offlineDecision.facilityId),
      ),
    )
    .orderBy(offlineDecision.receivedAt, offlineDecision.id)
    .limit(mostConflicts)
  return rows.map(({ decision, bag: row, ...where }) => ({
    ...where,
    bagId: decision.bagId,
    label: row && labelOf(row),
    receivedAt: decision.receivedAt,
    conflicts: decision.conflicts as OfflineConflict[],
  }))
}
