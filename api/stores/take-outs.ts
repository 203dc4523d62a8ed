import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { bag, bagPlace, scanAnswer, takeOut } from '../../schema/tables/bags.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Answer } from '../domain/take-out.ts'
import { appendAudit } from './audit.ts'
import type { Bag } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'

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

export async function insertAnswer(
  tx: Transaction,
  actor: Actor,
  row: {
    readonly takeOutId: string
    readonly scanned: string
    readonly bagId: string | null
    readonly answer: Answer
    readonly findings: readonly Finding[]
    readonly knownAt: number
  },
): Promise<void> {
  const { takeOutId, scanned, bagId, answer, findings, knownAt } = row
  await tx.execute(sql`
    ${kept}
    insert into ${scanAnswer} (take_out_id, scanned, bag_id, answer, findings, known_at, actor)
    values (${takeOutId}, ${scanned}, ${bagId}::uuid, ${answer}, ${JSON.stringify(findings)}::jsonb,
            ${knownAt}::bigint, ${JSON.stringify(actor)}::jsonb)`)
}

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
