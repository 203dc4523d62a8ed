import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm'
import type { DoorElement, PositionElement, PowerElement, Status } from '../../schema/messages.ts'
import { boot, device, devicePlacement, deviceState, probe, probeState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { deviceEvent } from '../../schema/tables/messages.ts'
import type { Reach } from '../domain/rights.ts'
import { offsetInSql } from './clocks.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { kept } from './pool.ts'
import { insertRows, isIn, isOneOf, rowSet } from './rows.ts'

/**
 * Where an element stands among all its device ever told: by event time, then boot, message and place in the message.
 * No two elements share it.
 */
export type ElementOrder = {
  readonly at: number
  readonly boot: string
  readonly seq: number
  readonly element: number
}

/** An element as it was told, `at` being the device's own time, and its order; stored without one it is the oldest. */
export type Ordered<T> = T & { readonly order?: ElementOrder }

/** What a device said last of each of its doors, of its power and of its position. */
export type Newest = {
  readonly doors: Readonly<Record<string, Ordered<DoorElement>>>
  readonly power: Ordered<PowerElement> | null
  readonly position: Ordered<PositionElement> | null
}

export type DeviceNews = {
  readonly deviceId: number
  readonly receivedAt: number
  readonly doors?: readonly Ordered<DoorElement>[]
  readonly power?: readonly Ordered<PowerElement>[]
  readonly position?: readonly Ordered<PositionElement>[]
  readonly status?: Status & { readonly will: boolean; readonly connection: string }
}

/** Bring the newest states of devices up to what they have just said; only statuses go by the order they come in. */
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
      status_connection = excluded.status_connection, status_received_at = excluded.status_received_at,
      doors = excluded.doors, power = excluded.power, position = excluded.position`)
}

type DeviceState = typeof deviceState.$inferSelect

/** More doors than any container has; a device that names more is told of with the first by name. */
const mostDoors = 32

function capped<T>(doors: Iterable<readonly [string, T]>): Record<string, T> {
  const byName = [...doors].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(byName.slice(0, mostDoors))
}

function merged(
  state: DeviceState,
  { receivedAt, doors = [], power = [], position = [], status }: DeviceNews,
): DeviceState {
  const known = newestOf(state)
  // A map, for a device may name its door `constructor`.
  const newest = new Map(Object.entries(known.doors))
  for (const door of doors) newest.set(door.door, newer(newest.get(door.door) ?? null, door))
  return {
    ...state,
    lastReceivedAt: status?.will ? state.lastReceivedAt : Math.max(state.lastReceivedAt ?? 0, receivedAt),
    doors: capped(newest),
    power: power.reduce(newer, known.power),
    position: position.reduce(newer, known.position),
    ...(status && !isOldWill(state, status)
      ? {
          status: status.state,
          statusBoot: status.boot,
          statusConnection: status.connection,
          statusReceivedAt: receivedAt,
        }
      : {}),
  }
}

/** A will of another boot or connection than the one last heard: the device has come back since, maybe elsewhere. */
function isOldWill(
  { statusBoot, statusConnection }: DeviceState,
  { will, boot, connection }: NonNullable<DeviceNews['status']>,
): boolean {
  if (!will) return false
  return (statusBoot ?? boot) !== boot || (statusConnection ?? connection) !== connection
}

/** What a stored state says of doors, power and position. */
export function newestOf({ doors, power, position }: Pick<DeviceState, keyof Newest>): Newest {
  return { doors, power, position } as Newest
}

function newer<T extends Ordered<object>>(known: T | null, told: T): T {
  if (!known?.order) return told
  return told.order && compareOrders(known.order, told.order) < 0 ? told : known
}

function compareOrders(a: ElementOrder, b: ElementOrder): number {
  const byBoot = a.boot < b.boot ? -1 : a.boot > b.boot ? 1 : 0
  return a.at - b.at || byBoot || a.seq - b.seq || a.element - b.element
}

/** Find a device's newest elements again among all it told, by the event times its clock facts give them now. */
export async function refoldDeviceState(tx: Transaction, deviceId: number): Promise<void> {
  const [locked] = await tx.select().from(deviceState).where(eq(deviceState.deviceId, deviceId)).for('update')
  if (!locked) return
  const { rows } = await tx.execute<ElementOrder & { channel: string; body: object }>(sql`
    select distinct on (channel, body ->> 'door')
           channel, body, told.at + ${offsetInSql(sql`told`)} as at, ${boot.boot}, seq, element
    from ${deviceEvent} told join ${boot} on ${boot.id} = told.boot_id
    where told.device_id = ${deviceId} and channel in ('door', 'power', 'position')
    order by channel, body ->> 'door', at desc, ${boot.boot} collate "C" desc, seq desc, element desc`)
  const told = (of: string) =>
    rows
      .filter(({ channel }) => channel === of)
      .map(({ body, at, boot, seq, element }) => ({ ...body, order: { at, boot, seq, element } }))
  const doors = told('door') as Ordered<DoorElement>[]
  await tx
    .update(deviceState)
    .set({
      doors: capped(doors.map((door) => [door.door, door])),
      power: told('power')[0] ?? null,
      position: told('position')[0] ?? null,
    })
    .where(eq(deviceState.deviceId, deviceId))
}

export async function readDeviceState(db: Database, deviceId: number) {
  const [row] = await db.select().from(deviceState).where(eq(deviceState.deviceId, deviceId))
  return row ?? null
}

/** The newest reading of each probe, by event time, and when its device last sent one. */
export async function newestReadings(db: Database | Transaction, deviceIds: readonly number[]) {
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

/** A page of the devices within reach, by name, each with its placements, its newest state and its newest readings. */
export async function listDevices(
  db: Database,
  {
    after,
    limit,
    reach,
    now,
  }: {
    readonly after?: string | undefined
    readonly limit: number
    readonly reach: Reach
    readonly now: number
  },
) {
  const devices = await db
    .select({
      id: device.id,
      name: device.name,
      label: device.label,
      kind: device.kind,
      revokedAt: device.revokedAt,
      status: deviceState.status,
      lastReceivedAt: deviceState.lastReceivedAt,
    })
    .from(device)
    .leftJoin(deviceState, eq(deviceState.deviceId, device.id))
    .where(
      and(after === undefined ? undefined : gt(device.name, after), isIn(reach, standsIn(device.id, now))),
    )
    .orderBy(asc(device.name))
    .limit(limit)
  const ids = devices.map(({ id }) => id)
  const placements = await db
    .select({
      deviceId: devicePlacement.deviceId,
      from: devicePlacement.from,
      facility: facility.code,
      facilityId: facility.id,
    })
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
