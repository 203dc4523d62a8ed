import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm'
import { device } from '../../schema/tables/devices.ts'
import { rejectedMessage } from '../../schema/tables/messages.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { isIn } from './rows.ts'

export type RejectionInput = Omit<typeof rejectedMessage.$inferInsert, 'id' | 'times' | 'readmittedAt'>

/** Keep what could not be taken in. The same bytes again are counted, not kept twice. */
export async function insertRejections(tx: Transaction, rows: readonly RejectionInput[]): Promise<void> {
  for (const row of rows) {
    await tx
      .insert(rejectedMessage)
      .values(row)
      .onConflictDoUpdate({
        target: [rejectedMessage.deviceId, rejectedMessage.payloadHash],
        targetWhere: isNull(rejectedMessage.readmittedAt),
        set: { times: sql`${rejectedMessage.times} + 1` },
      })
  }
}

export type Rejection = typeof rejectedMessage.$inferSelect & { readonly device: string }

export async function listRejections(
  db: Database,
  filter: {
    readonly device?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
    readonly reach: Reach
    readonly now: number
  },
): Promise<Rejection[]> {
  const rows = await db
    .select({ rejection: rejectedMessage, device: device.name })
    .from(rejectedMessage)
    .innerJoin(device, eq(device.id, rejectedMessage.deviceId))
    .where(
      and(
        isNull(rejectedMessage.readmittedAt),
        filter.device === undefined ? undefined : eq(device.name, filter.device),
        filter.before === undefined ? undefined : lt(rejectedMessage.id, filter.before),
        isIn(filter.reach, standsIn(device.id, filter.now)),
      ),
    )
    .orderBy(desc(rejectedMessage.id))
    .limit(filter.limit)
  return rows.map(({ rejection, device: name }) => ({ ...rejection, device: name }))
}

export const noRejection = (id: number) => `no rejected message has the number ${id}`

/** @throws Refusal `not_found` */
export async function findRejection(db: Database | Transaction, id: number): Promise<Rejection> {
  const [found] = await db
    .select({ rejection: rejectedMessage, device: device.name })
    .from(rejectedMessage)
    .innerJoin(device, eq(device.id, rejectedMessage.deviceId))
    .where(eq(rejectedMessage.id, id))
  if (!found) throw new Refusal('not_found', noRejection(id))
  return { ...found.rejection, device: found.device }
}

/** The outcome of running a rejected message again: what is still bad stays listed; nothing bad left closes it. */
export async function settleRejection(
  tx: Transaction,
  actor: Actor,
  rejection: Rejection,
  left: { readonly code: string; readonly reason: string; readonly elements: Rejection['elements'] } | null,
  now: number,
): Promise<void> {
  const settled = await tx
    .update(rejectedMessage)
    .set(left ?? { readmittedAt: now })
    .where(and(eq(rejectedMessage.id, rejection.id), isNull(rejectedMessage.readmittedAt)))
    .returning({ id: rejectedMessage.id })
  if (settled.length === 0)
    throw new Refusal('conflict', `rejected message ${rejection.id} has been readmitted meanwhile`)
  await appendAudit(tx, actor, {
    at: now,
    action: left ? 'rejected_message.retried' : 'rejected_message.readmitted',
    subjectKind: 'rejected_message',
    subject: String(rejection.id),
    before: { code: rejection.code, elements: rejection.elements },
    after: left,
  })
}

export async function countRejections(db: Database): Promise<number> {
  const [row] = await db
    .select({ n: sql<number>`count(*)` })
    .from(rejectedMessage)
    .where(isNull(rejectedMessage.readmittedAt))
  return row?.n ?? 0
}
