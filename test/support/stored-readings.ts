import { sql } from 'drizzle-orm'
import type { Database } from '../../api/stores/database.ts'
import { type HourReading, type PackedHour, packHour, unpackHour } from '../../api/stores/packed-hour.ts'

export type Stored = HourReading & { readonly boot: string }

/**
 * Every reading of a probe with all that was told with it, in order, packed or not.
 *
 * @throws Error where one stands in two places, or a packed hour does not come to what its row says
 */
export async function storedReadings(
  db: Database,
  probeId: number,
): Promise<{ readings: Stored[]; packed: number }> {
  const booted = sql`join boot on boot.id = boot_id
    and boot.device_id = (select device_id from probe where probe.id = probe_id)`
  const { rows: loose } = await db.execute<Stored>(
    sql`select at, boot, seq, centi, humidity from reading ${booted} where probe_id = ${probeId}`,
  )
  const { rows: hours } = await db.execute<PackedHour & { boot: string }>(
    sql`select hour, boot, body, count, sum, coldest, warmest from reading_hour ${booted}
      where probe_id = ${probeId}`,
  )
  const readings = [...loose]
  for (const { boot, body, ...comesTo } of hours) {
    const told = unpackHour(comesTo.hour, body)
    const { body: _body, ...should } = packHour(told)
    for (const [column, value] of Object.entries(should))
      if (comesTo[column as keyof typeof comesTo] !== value)
        throw new Error(`${column} of hour ${comesTo.hour} is not ${value}`)
    readings.push(...told.map((reading) => ({ ...reading, boot })))
  }
  readings.sort((a, b) => a.at - b.at || (a.boot < b.boot ? -1 : 1))
  const twice = readings.find(({ at, boot }, index) => {
    const next = readings[index + 1]
    return next?.at === at && next.boot === boot
  })
  if (twice) throw new Error(`the reading ${twice.at} of ${twice.boot} stands in two places`)
  return { readings, packed: readings.length - loose.length }
}
