import { type SQL, sql } from 'drizzle-orm'
import type { DoorElement, PowerElement } from '../../schema/messages.ts'
import { boot, deviceState } from '../../schema/tables/devices.ts'
import { deviceEvent } from '../../schema/tables/messages.ts'
import { offsetOf } from '../domain/clock.ts'
import type { Database, Transaction } from './database.ts'
import type { Device } from './devices.ts'
import { offsetRange } from './readings.ts'
import { insertRows } from './rows.ts'

/** Keep doors, power, positions and replies as they were reported. */
export async function insertDeviceEvents(
  tx: Transaction,
  rows: readonly (typeof deviceEvent.$inferInsert)[],
): Promise<void> {
  await insertRows(tx, deviceEvent, rows)
}

type Asked = Pick<Device, 'id' | 'clockFacts'>

/**
 * What a device told of its doors in [from, to], by event time, and of each what it said last before; null where it never
 * told of any.
 */
export async function doorsBetween(
  db: Database,
  device: Asked,
  from: number,
  to: number,
): Promise<readonly DoorElement[] | null> {
  const doors = sql`select jsonb_object_keys(doors) as door from ${deviceState} where device_id = ${device.id}`
  const told = await toldBetween<DoorElement>(db, device, 'door', from, to, (last) => {
    return sql`select last.* from (${doors}) known, lateral (${last(sql`and e.body->>'door' = known.door`)}) last`
  })
  return told.length > 0 ? told : null
}

/** What a device told of its power in [from, to], by event time, and what it said last before. */
export function powerBetween(
  db: Database,
  device: Asked,
  from: number,
  to: number,
): Promise<readonly PowerElement[]> {
  return toldBetween(db, device, 'power', from, to, (last) => sql`select * from (${last(sql``)}) last`)
}

/** So far back what was said last is looked for, ms: who has been silent of a thing for longer says nothing of it. */
const memoryMs = 30 * 86_400_000

async function toldBetween<T extends { readonly at: number }>(
  db: Database,
  { id, clockFacts }: Asked,
  channel: 'door' | 'power',
  from: number,
  to: number,
  lastOf: (last: (about: SQL) => SQL) => SQL,
): Promise<T[]> {
  const { least, most } = offsetRange(clockFacts)
  const [rawFrom, rawTo] = [from - most, to - least]
  const told = sql`select e.body, e.at, e.seq, e.element, b.boot from ${deviceEvent} e join ${boot} b on b.id = e.boot_id
    where e.device_id = ${id} and e.channel = ${channel}`
  const last = (about: SQL) => sql`${told} ${about}
    and e.at < ${rawFrom}::bigint and e.at >= ${rawFrom - memoryMs}::bigint
    order by e.at desc, b.boot collate "C" desc, e.seq desc, e.element desc limit 1`
  const { rows } = await db.execute<{ body: T; at: number; seq: number; element: number; boot: string }>(sql`
    ${told} and e.at between ${rawFrom}::bigint and ${rawTo}::bigint union all ${lastOf(last)}`)
  return rows
    .map((row) => ({ ...row, at: row.at + offsetOf(clockFacts, row.boot, row.seq) }))
    .filter(({ at }) => at <= to)
    .sort((a, b) => a.at - b.at || compare(a.boot, b.boot) || a.seq - b.seq || a.element - b.element)
    .map(({ at, body }) => ({ ...body, at }))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
