import { eq } from 'drizzle-orm'
import type { DoorElement, PositionElement, PowerElement, Status } from '../../schema/messages.ts'
import { deviceState } from '../../schema/tables/devices.ts'
import type { Database, Transaction } from './database.ts'

export type DeviceNews = {
  readonly deviceId: number
  readonly receivedAt: number
  readonly doors?: readonly DoorElement[]
  readonly power?: PowerElement
  readonly position?: PositionElement
  readonly status?: Status & { readonly will: boolean }
}

/**
 * Bring the newest state of a device up to what it has just said. Doors, power and position are ordered by their own
 * time, whatever came last. A will of another boot than the one last seen online is old news.
 */
export async function mergeDeviceState(tx: Transaction, news: DeviceNews): Promise<void> {
  await tx.insert(deviceState).values({ deviceId: news.deviceId }).onConflictDoNothing()
  const [row] = await tx
    .select()
    .from(deviceState)
    .where(eq(deviceState.deviceId, news.deviceId))
    .for('update')
  if (!row) throw new Error(`state of device ${news.deviceId} vanished while it was being stored`)
  const doors = { ...(row.doors as Record<string, DoorElement>) }
  for (const door of news.doors ?? []) if (isNewer(door, doors[door.door])) doors[door.door] = door
  const { status } = news
  const isOldWill = status?.will === true && row.statusBoot !== null && row.statusBoot !== status.boot
  await tx
    .update(deviceState)
    .set({
      lastReceivedAt: status?.will ? row.lastReceivedAt : Math.max(row.lastReceivedAt ?? 0, news.receivedAt),
      doors,
      ...(news.power && isNewer(news.power, row.power as PowerElement | null) ? { power: news.power } : {}),
      ...(news.position && isNewer(news.position, row.position as PositionElement | null)
        ? { position: news.position }
        : {}),
      ...(status && !isOldWill
        ? { status: status.state, statusBoot: status.boot, statusReceivedAt: news.receivedAt }
        : {}),
    })
    .where(eq(deviceState.deviceId, news.deviceId))
}

function isNewer(a: { readonly at: number }, b: { readonly at: number } | null | undefined): boolean {
  return !b || a.at >= b.at
}

export async function readDeviceState(db: Database, deviceId: number) {
  const [row] = await db.select().from(deviceState).where(eq(deviceState.deviceId, deviceId))
  return row ?? null
}
