import { eq, sql } from 'drizzle-orm'
import { device, devicePlacement } from '../../schema/tables/devices.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Transaction } from './database.ts'
import type { Device } from './devices.ts'
import { appendNews } from './news.ts'

/** Hold off whoever moves a device too, or judges its messages, to the end of the transaction. */
export async function lockForMove(tx: Transaction, deviceId: number): Promise<void> {
  await tx
    .update(device)
    .set({ version: sql`${device.version} + 1` })
    .where(eq(device.id, deviceId))
}

type Move = { readonly facilityId: number; readonly facility: string; readonly from: number }

/**
 * Say where a device stands from an instant on, and tell both facilities; it must be locked. @throws Refusal `conflict`
 * where it stands there already, or came where it stands no earlier than that
 */
export async function appendPlacement(
  tx: Transaction,
  actor: Actor,
  { id, name, placements }: Device,
  { facilityId, facility, from }: Move,
  { reason, now }: { readonly reason: string; readonly now: number },
): Promise<void> {
  const last = placements.at(-1)
  if (!last) throw new Error(`device ${name} stands nowhere`)
  if (last.facilityId === facilityId)
    throw new Refusal('conflict', `device ${name} stands at ${facility} already`)
  if (from <= last.from) {
    const since = new Date(last.from).toISOString()
    throw new Refusal(
      'conflict',
      `device ${name} has stood at ${last.facility} since ${since}: it moved later`,
    )
  }
  await tx.insert(devicePlacement).values({ deviceId: id, from, facilityId })
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.moved',
    subjectKind: 'device',
    subject: name,
    before: { facility: last.facility },
    after: { facility, from },
    reason,
  })
  await appendNews(tx, [
    {
      at: now,
      kind: 'device.moved',
      subject: name,
      facilityIds: [last.facilityId, facilityId],
      data: { from: last.facility, to: facility, at: new Date(from).toISOString() },
    },
  ])
}
