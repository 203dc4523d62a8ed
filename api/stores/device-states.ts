import { asc, eq, gt, inArray } from 'drizzle-orm'
import type { DoorElement, PositionElement, PowerElement, Status } from '../../schema/messages.ts'
import { device, devicePlacement, deviceState, probe, probeState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
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
  // A map, for a device may name its door `constructor`.
  const doors = new Map(Object.entries(row.doors as Record<string, DoorElement>))
  for (const door of news.doors ?? []) if (isNewer(door, doors.get(door.door))) doors.set(door.door, door)
  const { status } = news
  const isOldWill = status?.will === true && row.statusBoot !== null && row.statusBoot !== status.boot
  await tx
    .update(deviceState)
    .set({
      lastReceivedAt: status?.will ? row.lastReceivedAt : Math.max(row.lastReceivedAt ?? 0, news.receivedAt),
      doors: Object.fromEntries(doors),
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

/** The newest reading of each probe, by event time, and when its device last sent one. */
export async function newestReadings(db: Database, deviceIds: readonly number[]) {
  return db
    .select({
      deviceId: probe.deviceId,
      probe: probe.kind,
      at: probeState.lastAt,
      centi: probeState.lastCenti,
      receivedAt: probeState.lastReceivedAt,
    })
    .from(probe)
    .innerJoin(probeState, eq(probeState.probeId, probe.id))
    .where(inArray(probe.deviceId, [...deviceIds]))
    .orderBy(asc(probe.id))
}

/** A page of devices by name, each with its placements, its newest state and its newest readings. */
export async function listDevices(
  db: Database,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
) {
  const devices = await db
    .select({
      id: device.id,
      name: device.name,
      kind: device.kind,
      revokedAt: device.revokedAt,
      status: deviceState.status,
      lastReceivedAt: deviceState.lastReceivedAt,
    })
    .from(device)
    .leftJoin(deviceState, eq(deviceState.deviceId, device.id))
    .where(after === undefined ? undefined : gt(device.name, after))
    .orderBy(asc(device.name))
    .limit(limit)
  const ids = devices.map(({ id }) => id)
  const placements = await db
    .select({ deviceId: devicePlacement.deviceId, from: devicePlacement.from, facility: facility.code })
    .from(devicePlacement)
    .innerJoin(facility, eq(facility.id, devicePlacement.facilityId))
    .where(inArray(devicePlacement.deviceId, ids))
    .orderBy(asc(devicePlacement.from))
  const readings = await newestReadings(db, ids)
  return devices.map((row) => ({
    ...row,
    placements: placements.filter(({ deviceId }) => deviceId === row.id),
    readings: readings.filter(({ deviceId }) => deviceId === row.id),
  }))
}
