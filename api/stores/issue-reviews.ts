import { and, asc, eq, sql } from 'drizzle-orm'
import { bag, bagEvent } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { issueReview } from '../../schema/tables/take-outs.ts'
import type { ReviewReason } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { isIn } from './rows.ts'
import type { About } from './tasks.ts'

/** Written out, for the index of just these to serve. */
const isToReview = sql`${bagEvent.verb} = 'issue' and ${bagEvent.data} ? 'review'`

const isReviewed = sql`exists (
  select from ${issueReview} r where r.bag_id = ${bagEvent.bagId} and r.version = ${bagEvent.version}
)`

/** The oldest issue of a bag that nobody has reviewed. */
export async function issueToReview(tx: Transaction, bagId: string) {
  const [issue] = await tx
    .select({ bagId: bagEvent.bagId, version: bagEvent.version, actor: bagEvent.actor })
    .from(bagEvent)
    .where(and(eq(bagEvent.bagId, bagId), isToReview, sql`not ${isReviewed}`))
    .orderBy(asc(bagEvent.version))
    .limit(1)
  return issue
}

export async function insertReview(
  tx: Transaction,
  actor: Actor,
  { bagId, version }: { readonly bagId: string; readonly version: number },
  found: Pick<typeof issueReview.$inferInsert, 'physician' | 'justification' | 'crossmatch'>,
  now: number,
): Promise<void> {
  await tx.insert(issueReview).values({ bagId, version, ...found, at: now, actor })
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.issue_reviewed',
    subjectKind: 'bag',
    subject: bagId,
    after: { version, ...found },
    reason: found.justification,
  })
}

/** A bag that was taken over a CALL, which nobody has reviewed yet, and who answers for it. */
export type BrokenGlass = {
  readonly bagId: string
  readonly label: string
  readonly facilityId: number
  /** When it was issued, ms UTC. */
  readonly at: number
}

/** All of them, in every facility. */
export async function glassBroken(db: Database): Promise<BrokenGlass[]> {
  const rows = await db
    .select({ bag, at: bagEvent.at })
    .from(bagEvent)
    .innerJoin(bag, eq(bag.id, bagEvent.bagId))
    .where(and(isToReview, sql`${bagEvent.data}->>'review' = 'glass_broken'`, sql`not ${isReviewed}`))
    .orderBy(bagEvent.at, bagEvent.bagId, bagEvent.version)
  return rows.flatMap(({ bag: row, at }) =>
    row.holderId === null ? [] : [{ bagId: row.id, label: labelOf(row), facilityId: row.holderId, at }],
  )
}

/** So many are found at most, the longest waiting. */
const mostReviews = 200

/** The issues that wait for a review: of bags held within reach. */
export async function issuesToReview(
  db: Database,
  reach: Reach,
  reason: ReviewReason,
): Promise<(About & { readonly at: number })[]> {
  const rows = await db
    .select({ bag, at: bagEvent.at, facility: facility.code })
    .from(bagEvent)
    .innerJoin(bag, eq(bag.id, bagEvent.bagId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .where(
      and(
        isToReview,
        sql`${bagEvent.data}->>'review' = ${reason}`,
        sql`not ${isReviewed}`,
        isIn(reach, bag.holderId),
      ),
    )
    .orderBy(bagEvent.at, bagEvent.bagId, bagEvent.version)
    .limit(mostReviews)
  return rows.map(({ bag: row, ...told }) => ({ ...told, bagId: row.id, label: labelOf(row), device: null }))
}
