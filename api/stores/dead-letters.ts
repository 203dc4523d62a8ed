import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm'
import { device } from '../../schema/tables/devices.ts'
import { telemetryDeadLetter } from '../../schema/tables/telemetry.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { packReadings } from './outbox-body.ts'
import type { StoredReading } from './readings.ts'
import { isIn } from './rows.ts'

/** Readings of one device that the telemetry store refused. */
export type Refused = {
  readonly deviceId: number
  readonly device: string
  /** At least one. */
  readonly readings: readonly StoredReading[]
  readonly reason: string
}

export async function insertDeadLetters(
  tx: Transaction,
  actor: Actor,
  letters: readonly Refused[],
  now: number,
): Promise<void> {
  for (const { deviceId, device: name, readings, reason } of letters) {
    const times = readings.map(({ at }) => at)
    const letter = {
      deviceId,
      at: now,
      readings: readings.length,
      fromAt: Math.min(...times),
      toAt: Math.max(...times),
      body: packReadings(readings),
      reason,
    }
    const [added] = await tx
      .insert(telemetryDeadLetter)
      .values(letter)
      .returning({ id: telemetryDeadLetter.id })
    await appendAudit(tx, actor, {
      at: now,
      action: 'dead_letter.set_aside',
      subjectKind: 'dead_letter',
      subject: String(added?.id),
      after: { device: name, readings: readings.length, from: letter.fromAt, to: letter.toAt },
      reason,
    })
  }
}

export type DeadLetter = typeof telemetryDeadLetter.$inferSelect & { readonly device: string }

export async function listDeadLetters(
  db: Database,
  filter: {
    readonly device?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
    readonly reach: Reach
    readonly now: number
  },
): Promise<DeadLetter[]> {
  const rows = await db
    .select({ letter: telemetryDeadLetter, device: device.name })
    .from(telemetryDeadLetter)
    .innerJoin(device, eq(device.id, telemetryDeadLetter.deviceId))
    .where(
      and(
        isNull(telemetryDeadLetter.resentAt),
        filter.device === undefined ? undefined : eq(device.name, filter.device),
        filter.before === undefined ? undefined : lt(telemetryDeadLetter.id, filter.before),
        isIn(filter.reach, standsIn(device.id, filter.now)),
      ),
    )
    .orderBy(desc(telemetryDeadLetter.id))
    .limit(filter.limit)
  return rows.map(({ letter, device: name }) => ({ ...letter, device: name }))
}

export const noDeadLetter = (id: number) => `no dead letter has the number ${id}`

/** @throws Refusal `not_found` */
export async function findDeadLetter(db: Database | Transaction, id: number): Promise<DeadLetter> {
  const [found] = await db
    .select({ letter: telemetryDeadLetter, device: device.name })
    .from(telemetryDeadLetter)
    .innerJoin(device, eq(device.id, telemetryDeadLetter.deviceId))
    .where(eq(telemetryDeadLetter.id, id))
  if (!found) throw new Refusal('not_found', noDeadLetter(id))
  return { ...found.letter, device: found.device }
}

/** Close a letter whose readings are under way again. @throws Refusal `conflict` where that was done already */
export async function closeDeadLetter(
  tx: Transaction,
  actor: Actor,
  id: number,
  outcome: { readonly queued: number; readonly overruled: number },
  now: number,
): Promise<void> {
  const closed = await tx
    .update(telemetryDeadLetter)
    .set({ resentAt: now })
    .where(and(eq(telemetryDeadLetter.id, id), isNull(telemetryDeadLetter.resentAt)))
    .returning({ id: telemetryDeadLetter.id })
  if (closed.length === 0) throw new Refusal('conflict', `dead letter ${id} was sent again already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'dead_letter.resent',
    subjectKind: 'dead_letter',
    subject: String(id),
    after: outcome,
  })
}

/** How many readings wait in dead letters. */
export async function countDeadReadings(db: Database): Promise<number> {
  const [row] = await db
    .select({ n: sql<number>`coalesce(sum(readings), 0)::bigint` })
    .from(telemetryDeadLetter)
    .where(isNull(telemetryDeadLetter.resentAt))
  return row?.n ?? 0
}
