import { and, desc, eq, gt, lte, max } from 'drizzle-orm'
import { deviceDefrost } from '../../schema/tables/devices.ts'
import type { Actor } from '../domain/actor.ts'
import type { Defrost } from '../domain/defrost.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

/** A defrost somebody has declared. */
export type DeclaredDefrost = Defrost & {
  readonly reason: string
  readonly actor: Actor
  readonly declaredAt: number
}

/** Those of a device, the last first. */
export async function listDefrosts(
  db: Database | Transaction,
  deviceId: number,
  limit: number,
): Promise<DeclaredDefrost[]> {
  const rows = await db
    .select()
    .from(deviceDefrost)
    .where(eq(deviceDefrost.deviceId, deviceId))
    .orderBy(desc(deviceDefrost.from))
    .limit(limit)
  return rows.map(({ from, to, reason, actor, declaredAt }) => {
    return { from, to, reason, actor: actor as Actor, declaredAt }
  })
}

/** Those of a device that are not over so long ago. */
export async function defrostsSince(tx: Transaction, deviceId: number, since: number): Promise<Defrost[]> {
  return tx
    .select({ from: deviceDefrost.from, to: deviceDefrost.to })
    .from(deviceDefrost)
    .where(and(eq(deviceDefrost.deviceId, deviceId), gt(deviceDefrost.to, since)))
}

/** The devices that are being defrosted, and until when. */
export async function defrostingUntil(tx: Transaction, now: number): Promise<ReadonlyMap<number, number>> {
  const rows = await tx
    .select({ deviceId: deviceDefrost.deviceId, to: max(deviceDefrost.to) })
    .from(deviceDefrost)
    .where(and(lte(deviceDefrost.from, now), gt(deviceDefrost.to, now)))
    .groupBy(deviceDefrost.deviceId)
  return new Map(rows.map(({ deviceId, to }) => [deviceId, to as number]))
}

export async function insertDefrost(
  tx: Transaction,
  actor: Actor,
  device: { readonly id: number; readonly name: string },
  { from, to, reason }: Defrost & { readonly reason: string },
  now: number,
): Promise<void> {
  await tx.insert(deviceDefrost).values({ deviceId: device.id, from, to, reason, actor, declaredAt: now })
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.defrost_declared',
    subjectKind: 'device',
    subject: device.name,
    after: { from, to },
    reason,
  })
}
