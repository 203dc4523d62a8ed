import { expect } from 'vitest'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { compareStores } from '../support/compare-stores.ts'
import type { Influxd } from '../support/influxd.ts'
import type { ServiceProcess } from './service.ts'

/** The database of an InfluxDB that a service is to forward to. */
export const telemetryDatabase = 'telemetry'

/**
 * Hold an InfluxDB that one service had for itself against the database of the service: every reading stored is a point
 * with its values, there is no other, none waits and none was refused.
 */
export async function expectForwarded(database: OpenDatabase, influxd: Influxd): Promise<void> {
  const { readings, differences } = await compareStores(database.db, {
    url: influxd.url,
    database: telemetryDatabase,
  })
  expect(differences.slice(0, 20), 'between the two stores').toEqual([])
  expect(readings, 'readings stored').toBeGreaterThan(0)
  for (const table of ['telemetry_outbox', 'telemetry_dead_letter'])
    expect((await database.pool.query(`select * from ${table} limit 3`)).rows, table).toEqual([])
}

/** What waits to be forwarded, and what this process of the service has forwarded, by its own account. */
export async function telemetryWaits({
  url,
}: ServiceProcess): Promise<{ readings: number; seconds: number; forwarded: number }> {
  // One connection each: the service may be gone and back since the last time.
  const text = await (await fetch(new URL('/metrics', url), { headers: { connection: 'close' } })).text()
  const metric = (name: string) => {
    const value = new RegExp(`^hemotrail_telemetry_${name} (\\S+)$`, 'm').exec(text)?.[1]
    if (value === undefined)
      throw new Error(`the service does not tell hemotrail_telemetry_${name}:\n${text}`)
    return Number(value)
  }
  return {
    readings: metric('waiting_readings'),
    seconds: metric('waiting_seconds'),
    forwarded: metric('forwarded_total'),
  }
}
