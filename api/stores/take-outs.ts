import { and, asc, eq, isNull } from 'drizzle-orm'
import { bag, bagPlace, scanAnswer, takeOut } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Answer } from '../domain/take-out.ts'
import { appendAudit } from './audit.ts'
import type { Bag } from './bags.ts'
import type { Database, Transaction } from './database.ts'

export type TakeOut = typeof takeOut.$inferSelect & { readonly device: string }

export const noTakeOut = (id: string) => `no take-out has the id ${id}`

/** @throws Refusal `not_found` */
export async function findTakeOut(db: Database | Transaction, id: string): Promise<TakeOut> {
  const [found] = await db
    .select({ takeOut, device: device.name })
    .from(takeOut)
    .innerJoin(device, eq(device.id, takeOut.deviceId))
    .where(eq(takeOut.id, id))
  if (!found) throw new Refusal('not_found', noTakeOut(id))
  return { ...found.takeOut, device: found.device }
}

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
  await tx.insert(scanAnswer).values({ ...row, actor })
}

/** The bags now inside a device that are in stock, those that expire first in front. */
export async function bagsInside(db: Database | Transaction, deviceId: number): Promise<Bag[]> {
  const rows = await db
    .select({ bag })
    .from(bag)
    .innerJoin(bagPlace, eq(bagPlace.bagId, bag.id))
    .where(
      and(
        eq(bagPlace.deviceId, deviceId),
        eq(bagPlace.state, 'inside'),
        isNull(bagPlace.to),
        isNull(bagPlace.knownTo),
        eq(bag.state, 'available'),
      ),
    )
    .orderBy(asc(bag.expiresAt), asc(bag.id))
  return rows.map((row) => row.bag)
}
