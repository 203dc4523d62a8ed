import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import { device, probe } from '../../schema/tables/devices.ts'
import { reading, readingHour } from '../../schema/tables/messages.ts'
import type { Database, Transaction } from './database.ts'
import { type HourReading, hourMs, hourOf, mostInHour, packHour, unpackHour } from './packed-hour.ts'
import { kept } from './pool.ts'
import { rowSet } from './rows.ts'

/** Of one probe so many readings are packed in one transaction, or one hour where that holds more. */
const mostAtOnce = 500

/** A look at what there is to pack goes no further than this, in hours. */
const lookAhead = 24

/** The devices after `after` of which readings older than `before` are not packed yet, by ascending id. */
export async function devicesToPack(
  db: Database,
  { before, after, limit }: { readonly before: number; readonly after: number; readonly limit: number },
): Promise<number[]> {
  // By the key of each probe: nothing else finds the old among so many that are new.
  const { rows } = await db.execute<{ id: number }>(sql`
    ${kept}
    select ${device.id} from ${device}
    cross join lateral (
      select from ${probe}
      cross join lateral (
        select from ${reading} where probe_id = ${probe.id} and at < ${before}::bigint limit 1
      ) old
      where device_id = ${device.id} limit 1
    ) due
    where ${device.id} > ${after} order by ${device.id} limit ${limit}`)
  return rows.map(({ id }) => id)
}

/**
 * Pack some of the readings of a device that are older than `before`, which is the end of an hour. Nothing anybody is
 * told changes by it, so it has no actor and leaves no audit entry.
 *
 * @returns how many were packed; none where nothing is left to do, or somebody else is busy with the device
 */
export async function packDevice(tx: Transaction, deviceId: number, before: number): Promise<number> {
  const [locked] = await tx
    .select({ id: device.id })
    .from(device)
    .where(eq(device.id, deviceId))
    .for('no key update', { skipLocked: true })
  if (!locked) return 0
  const probes = await tx
    .select({ id: probe.id })
    .from(probe)
    .where(eq(probe.deviceId, deviceId))
    .orderBy(probe.id)
  let packed = 0
  for (const { id } of probes) packed += await packProbe(tx, id, before)
  return packed
}

async function packProbe(tx: Transaction, probeId: number, before: number): Promise<number> {
  const range = await nextHours(tx, probeId, before)
  if (!range) return 0
  // What is deleted is what is packed: whatever is stored meanwhile stays, beside it, until the next time.
  const { rows: loose } = await tx.execute<HourReading & { boot_id: number }>(sql`
    ${kept}
    delete from ${reading}
    where probe_id = ${probeId} and at >= ${range.from * hourMs}::bigint and at < ${range.to * hourMs}::bigint
    returning at, boot_id, seq, centi, humidity`)
  const { rows: packed } = await tx.execute<{ hour: number; boot_id: number; body: Buffer }>(sql`
    ${kept}
    select hour, boot_id, body from ${readingHour}
    where probe_id = ${probeId} and hour >= ${range.from} and hour < ${range.to}`)
  const hours = new Map<string, { bootId: number; readings: HourReading[] }>()
  const add = (bootId: number, told: HourReading) => {
    const key = `${hourOf(told.at)}/${bootId}`
    const hour = hours.get(key)
    if (hour) hour.readings.push(told)
    else hours.set(key, { bootId, readings: [told] })
  }
  for (const { boot_id, ...told } of loose) add(boot_id, told)
  for (const { hour, boot_id, body } of packed)
    if (hours.has(`${hour}/${boot_id}`)) for (const told of unpackHour(hour, body)) add(boot_id, told)
  const rows = [...hours.values()].map(({ bootId, readings }) => ({
    probeId,
    bootId,
    ...packSurely(readings),
  }))
  const { names, select } = rowSet(readingHour, rows)
  await tx.execute(sql`
    ${kept}
    insert into ${readingHour} (${names}) ${select}
    on conflict (probe_id, hour, boot_id) do update set
      count = excluded.count, sum = excluded.sum, coldest = excluded.coldest, warmest = excluded.warmest,
      body = excluded.body`)
  return loose.length
}

/** Hours [from, to) with readings to pack, none of them too full; null where there are no more. */
async function nextHours(
  tx: Transaction,
  probeId: number,
  before: number,
): Promise<{ from: number; to: number } | null> {
  for (let after = 0; ; ) {
    const { rows } = await tx.execute<{ hour: number; loose: number; packed: number }>(sql`
      ${kept}
      with first as (
        select min(at) / ${hourMs} as hour from ${reading}
        where probe_id = ${probeId} and at >= ${after * hourMs}::bigint and at < ${before}::bigint
      )
      select hour, count(*) as loose, (
        select coalesce(sum(count), 0) from ${readingHour} h where h.probe_id = ${probeId} and h.hour = told.hour
      ) as packed
      from (
        select at / ${hourMs} as hour from ${reading}, first
        where probe_id = ${probeId} and at >= first.hour * ${hourMs}::bigint
          and at < least(${before}::bigint, (first.hour + ${lookAhead}) * ${hourMs}::bigint)
      ) told
      group by hour order by hour`)
    const last = rows.at(-1)
    if (!last) return null
    const [first, ...others] = rows.slice(rows.findIndex(isFitting))
    if (first && isFitting(first)) {
      let [to, total] = [first.hour + 1, first.loose]
      for (const one of others) {
        total += one.loose
        if (total > mostAtOnce || !isFitting(one)) break
        to = one.hour + 1
      }
      return { from: first.hour, to }
    }
    after = last.hour + 1
  }
}

function isFitting({ loose, packed }: { readonly loose: number; readonly packed: number }): boolean {
  return loose + packed <= mostInHour
}

/** @throws Error where what was packed would not come out again as it went in */
function packSurely(readings: HourReading[]) {
  readings.sort((a, b) => a.at - b.at)
  const packed = packHour(readings)
  const isSame = isDeepStrictEqual(unpackHour(packed.hour, packed.body), readings)
  if (!isSame) throw new Error(`the hour ${packed.hour} does not unpack to what was packed`)
  return packed
}
