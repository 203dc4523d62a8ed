import { asc, eq, gt, inArray, sql } from 'drizzle-orm'
import type { DoorElement, PositionElement, PowerElement, Status } from '../../schema/messages.ts'
import { device, devicePlacement, deviceState, probe, probeState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'
import { insertRows, isOneOf, rowSet } from './rows.ts'

export type DeviceNews = {
  readonly deviceId: number
  readonly receivedAt: number
  readonly doors?: readonly DoorElement[]
  readonly power?: PowerElement
  readonly position?: PositionElement
  readonly status?: Status & { readonly will: boolean }
}

/** Bring the newest states of devices up to what they have just said, in this order. */
export async function mergeDeviceStates(tx: Transaction, news: readonly DeviceNews[]): Promise<void> {
  const ids = [...new Set(news.map(({ deviceId }) => deviceId))].sort((a, b) => a - b)
  if (ids.length === 0) return
  await insertRows(
    tx,
    deviceState,
    ids.map((deviceId) => ({ deviceId })),
  )
  const rows = await tx
    .select()
    .from(deviceState)
    .where(isOneOf(deviceState.deviceId, ids))
    .orderBy(asc(deviceState.deviceId))
    .for('update')
  const states = new Map(rows.map((row) => [row.deviceId, row]))
  for (const one of news) {
    const state = states.get(one.deviceId)
    if (!state) throw new Error(`state of device ${one.deviceId} vanished while it was being stored`)
    states.set(one.deviceId, merged(state, one))
  }
  const { names, select } = rowSet(deviceState, [...states.values()])
  await tx.execute(sql`
    ${kept}
    insert into ${deviceState} (${names}) ${select} on conflict (device_id) do update set
      last_received_at = excluded.last_received_at, status = excluded.status, status_boot = excluded.status_boot,
      status_received_at = excluded.status_received_at, doors = excluded.doors, power = excluded.power,
      position = excluded.position`)
}

type DeviceState = typeof deviceState.$inferSelect

/**
 * Doors, power and position are ordered by their own time, whatever came last. A will of another boot than the one
 * last seen online is old news.
 */
function merged(
  state: DeviceState,
  { receivedAt, doors = [], power, position, status }: DeviceNews,
): DeviceState {
  // A map, for a device may name its door `constructor`.
  const newest = new Map(Object.entries(state.doors as Record<string, DoorElement>))
  for (const door of doors) if (isNewer(door, newest.get(door.door))) newest.set(door.door, door)
  const isOldWill = status?.will === true && state.statusBoot !== null && state.statusBoot !== status.boot
  return {
    ...state,
    lastReceivedAt: status?.will ? state.lastReceivedAt : Math.max(state.lastReceivedAt ?? 0, receivedAt),
    doors: Object.fromEntries(newest),
    ...(power && isNewer(power, state.power as PowerElement | null) ? { power } : {}),
    ...(position && isNewer(position, state.position as PositionElement | null) ? { position } : {}),
    ...(status && !isOldWill
      ? { status: status.state, statusBoot: status.boot, statusReceivedAt: receivedAt }
      : {}),
  }
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
