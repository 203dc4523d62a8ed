import { and, asc, desc, eq, lt, or, sql } from 'drizzle-orm'
import { bag, tagAssignment } from '../../schema/tables/bags.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { isIn } from './rows.ts'

export type Bag = typeof bag.$inferSelect
export type NewBag = typeof bag.$inferInsert

export const noBag = (id: string) => `no bag has the id ${id}`

/** @throws Refusal `not_found` */
export async function findBag(db: Database | Transaction, id: string): Promise<Bag> {
  const [found] = await db.select().from(bag).where(eq(bag.id, id))
  if (!found) throw new Refusal('not_found', noBag(id))
  return found
}

export type BagFilter = {
  readonly din?: string | undefined
  readonly tag?: string | undefined
  /** Only bags with a smaller id: the page before. */
  readonly before?: string | undefined
  readonly limit: number
  readonly reach: Reach
}

/** Newest first: ids are made in order of time. */
export async function listBags(db: Database, { din, tag, before, limit, reach }: BagFilter): Promise<Bag[]> {
  return db
    .select()
    .from(bag)
    .where(
      and(
        din === undefined ? undefined : eq(bag.identifier, din),
        tag === undefined
          ? undefined
          : sql`exists (select from ${tagAssignment} a where a.bag_id = ${bag.id} and a.tag = ${tag})`,
        before === undefined ? undefined : lt(bag.id, before),
        or(isIn(reach, bag.holderId), isIn(reach, bag.originId)),
      ),
    )
    .orderBy(desc(bag.id))
    .limit(limit)
}

/** @throws Refusal `already_exists` naming the bag that is registered under this identity */
export async function insertBag(tx: Transaction, actor: Actor, row: NewBag): Promise<Bag> {
  const added = await tx.insert(bag).values(row).onConflictDoNothing().returning()
  const [made] = added
  if (!made) {
    throw new Refusal(
      'already_exists',
      `bag ${row.identifier} ${row.productCode}${row.collectionType}${row.division} is registered already`,
    )
  }
  await appendAudit(tx, actor, {
    at: row.registeredAt,
    action: 'bag.registered',
    subjectKind: 'bag',
    subject: row.id,
    after: row,
  })
  return made
}

/** Lock bags for the rest of the transaction, by ascending id; returns the ids in that order. */
export async function lockBags(tx: Transaction, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const rows = await tx
    .select({ id: bag.id })
    .from(bag)
    .where(sql`${bag.id} = any(${`{${ids.join(',')}}`}::uuid[])`)
    .orderBy(asc(bag.id))
    .for('update')
  return rows.map(({ id }) => id)
}

export async function tagsOf(
  db: Database,
  bagId: string,
): Promise<{ tag: string; from: number; to: number | null }[]> {
  return db
    .select({ tag: tagAssignment.tag, from: tagAssignment.from, to: tagAssignment.to })
    .from(tagAssignment)
    .where(eq(tagAssignment.bagId, bagId))
    .orderBy(asc(tagAssignment.from))
}
