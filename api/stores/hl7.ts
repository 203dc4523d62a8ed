import { and, asc, desc, eq, isNull, lt, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { hl7Message, hl7Refusal } from '../../schema/tables/hl7.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { isIn } from './rows.ts'

/** Which message, of whom. */
export type Hl7Identity = {
  readonly facilityId: number
  readonly sender: string
  readonly controlId: string
  readonly sha256: string
}

/**
 * Write down that a message is being done; who comes with the same one meanwhile waits for how that ends.
 *
 * @returns false where it was done already
 * @throws Refusal `key_reused` where another message had its number
 */
export async function claimMessage(
  tx: Transaction,
  actor: Actor,
  { sha256, ...identity }: Hl7Identity,
  type: string,
  now: number,
): Promise<boolean> {
  const added = await tx
    .insert(hl7Message)
    .values({ ...identity, sha256, type, at: now, actor })
    .onConflictDoNothing()
    .returning({ controlId: hl7Message.controlId })
  if (added.length > 0) {
    await appendAudit(tx, actor, {
      at: now,
      action: 'hl7_message.taken',
      subjectKind: 'hl7_message',
      subject: `${identity.sender}/${identity.controlId}`,
      after: { type, sha256 },
    })
    return true
  }
  const [before] = await tx
    .select({ sha256: hl7Message.sha256 })
    .from(hl7Message)
    .where(
      and(
        eq(hl7Message.facilityId, identity.facilityId),
        eq(hl7Message.sender, identity.sender),
        eq(hl7Message.controlId, identity.controlId),
      ),
    )
  if (before?.sha256 !== sha256)
    throw new Refusal('key_reused', `MSH-10: ${identity.controlId} was the number of another message`)
  return false
}

export type NewRefusal = Omit<Hl7Identity, 'controlId'> & {
  readonly controlId: string | null
  readonly type: string | null
  readonly shown: string
  readonly code: string
  readonly reason: string
}

/** Keep a message that was not done to be looked at. The same again is the same row, and says so. */
export async function keepRefusal(
  tx: Transaction,
  actor: Actor,
  row: NewRefusal,
  now: number,
): Promise<void> {
  await tx
    .insert(hl7Refusal)
    .values({ ...row, firstAt: now, lastAt: now, actor })
    .onConflictDoUpdate({
      target: [hl7Refusal.facilityId, hl7Refusal.sender, hl7Refusal.sha256],
      targetWhere: isNull(hl7Refusal.concludedAt),
      set: { code: row.code, reason: row.reason, lastAt: now, times: sql`${hl7Refusal.times} + 1` },
    })
  await appendAudit(tx, actor, {
    at: now,
    action: 'hl7_message.refused',
    subjectKind: 'hl7_message',
    subject: `${row.sender}/${row.controlId ?? '?'}`,
    after: { type: row.type, sha256: row.sha256, code: row.code },
    reason: row.reason,
  })
}

/** What was refused before and is done now is nobody's to look at any more. */
export async function concludeDone(
  tx: Transaction,
  actor: Actor,
  { facilityId, sender, sha256 }: Hl7Identity,
  now: number,
): Promise<void> {
  await tx
    .update(hl7Refusal)
    .set({ concludedAt: now, concludedBy: actor, conclusion: 'it was sent again and done' })
    .where(
      and(
        eq(hl7Refusal.facilityId, facilityId),
        eq(hl7Refusal.sender, sender),
        eq(hl7Refusal.sha256, sha256),
        isNull(hl7Refusal.concludedAt),
      ),
    )
}

export type KnownRefusal = typeof hl7Refusal.$inferSelect

export const noHl7Refusal = (id: number) => `no refused message has the number ${id}`

/** @throws Refusal `not_found` */
export async function findHl7Refusal(db: Database | Transaction, id: number): Promise<KnownRefusal> {
  const [found] = await db.select().from(hl7Refusal).where(eq(hl7Refusal.id, id))
  if (!found) throw new Refusal('not_found', noHl7Refusal(id))
  return found
}

/** Those of a facility nobody has concluded, the newest first. */
export async function listHl7Refusals(
  db: Database | Transaction,
  facilityId: number,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<KnownRefusal[]> {
  return db
    .select()
    .from(hl7Refusal)
    .where(
      and(
        eq(hl7Refusal.facilityId, facilityId),
        isNull(hl7Refusal.concludedAt),
        before === undefined ? undefined : lt(hl7Refusal.id, before),
      ),
    )
    .orderBy(desc(hl7Refusal.id))
    .limit(limit)
}

/** @throws Refusal `conflict` where somebody has already */
export async function concludeRefusal(
  tx: Transaction,
  actor: Actor,
  { id, sender, controlId }: KnownRefusal,
  conclusion: string,
  now: number,
): Promise<void> {
  const concluded = await tx
    .update(hl7Refusal)
    .set({ concludedAt: now, concludedBy: actor, conclusion })
    .where(and(eq(hl7Refusal.id, id), isNull(hl7Refusal.concludedAt)))
    .returning({ id: hl7Refusal.id })
  if (concluded.length === 0) throw new Refusal('conflict', `refused message ${id} is concluded already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'hl7_message.concluded',
    subjectKind: 'hl7_message',
    subject: `${sender}/${controlId ?? '?'}`,
    reason: conclusion,
  })
}

/** So many are found at most, the longest waiting. */
const mostRefusals = 200

export async function openHl7Refusals(db: Database, reach: Reach) {
  return db
    .select({
      id: hl7Refusal.id,
      type: hl7Refusal.type,
      sender: hl7Refusal.sender,
      reason: hl7Refusal.reason,
      since: hl7Refusal.firstAt,
      facility: facility.code,
    })
    .from(hl7Refusal)
    .innerJoin(facility, eq(facility.id, hl7Refusal.facilityId))
    .where(and(isNull(hl7Refusal.concludedAt), isIn(reach, hl7Refusal.facilityId)))
    .orderBy(asc(hl7Refusal.firstAt), asc(hl7Refusal.id))
    .limit(mostRefusals)
}
