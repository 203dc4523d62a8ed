import { and, arrayOverlaps, desc, eq, sql } from 'drizzle-orm'
import { bag, bagEvent } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { rotationProposal } from '../../schema/tables/rotations.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'

export type NewRotationProposal = Omit<typeof rotationProposal.$inferInsert, 'actor'>
export type StoredRotationProposal = typeof rotationProposal.$inferSelect

/** Keep what was proposed for a day, and tell whoever has to do with it. @returns false where the day has one already */
export async function insertRotationProposal(
  tx: Transaction,
  actor: Actor,
  row: NewRotationProposal,
  centres: readonly number[],
): Promise<boolean> {
  const added = await tx
    .insert(rotationProposal)
    .values({ ...row, actor })
    .onConflictDoNothing()
    .returning({ id: rotationProposal.id })
  if (added.length === 0) return false
  const about = { at: row.at, subject: row.id }
  await appendAudit(tx, actor, {
    ...about,
    action: 'rotation.proposed',
    subjectKind: 'transfer',
    after: { day: row.day, policies: row.policies },
  })
  const facilityIds = [...new Set([...centres, ...row.facilityIds])]
  await appendNews(tx, [{ ...about, kind: 'rotation.proposed', facilityIds, data: { day: row.day } }])
  return true
}

export const noRotation = (id: string) => `no rotation proposal has the id ${id}`

/** @throws Refusal `not_found` */
export async function findRotationProposal(
  db: Database | Transaction,
  id: string,
): Promise<StoredRotationProposal> {
  const [found] = await db.select().from(rotationProposal).where(eq(rotationProposal.id, id))
  if (!found) throw new Refusal('not_found', noRotation(id))
  return found
}

/** Those that concern a facility within reach, the newest day first. */
export function listRotationProposals(
  db: Database | Transaction,
  { reach, limit }: { readonly reach: Reach; readonly limit: number },
): Promise<StoredRotationProposal[]> {
  const within = reach === 'all' ? undefined : arrayOverlaps(rotationProposal.facilityIds, [...reach])
  return db
    .select()
    .from(rotationProposal)
    .where(and(within))
    .orderBy(desc(rotationProposal.day))
    .limit(limit)
}

export async function hasRotationProposal(db: Database, day: string): Promise<boolean> {
  const of = eq(rotationProposal.day, day)
  const found = await db.select({ id: rotationProposal.id }).from(rotationProposal).where(of)
  return found.length > 0
}

/**
 * Facilities where bags came or went before that: what they used since is known, be it nothing. Of each the first such bag is
 * enough.
 */
export async function knownBefore(db: Database | Transaction, before: number): Promise<Set<number>> {
  const { rows } = await db.execute<{ id: number }>(sql`
    select f.id from ${facility} f where exists (
      select from ${bag} b join ${bagEvent} e on e.bag_id = b.id
      where b.holder_id = f.id and e.at <= ${before}::bigint and (
        e.verb in ('issue', 'transfuse', 'start_transfusion', 'discard')
        or (e.verb in ('collect', 'register') and b.origin_id = b.holder_id)
        or (e.verb = 'receive' and not exists (
          select from ${bagEvent} later
          where later.bag_id = b.id and later.verb = 'receive' and later.version > e.version))))`)
  return new Set(rows.map(({ id }) => id))
}
