import { expect } from 'vitest'
import type { OpenDatabase } from '../../api/stores/database.ts'
import type { Influxd } from '../support/influxd.ts'
import type { ServiceProcess } from './service.ts'
import { expectSame, readingsOf, unique } from './stored.ts'

/** The database of an InfluxDB that a service is to forward to. */
export const telemetryDatabase = 'telemetry'

type Answer = {
  readonly results: readonly [
    {
      readonly series?: readonly [
        {
          readonly values: readonly (readonly [number, string, string, number, number, number | null])[]
        },
      ]
    },
  ]
}

/**
 * Hold an InfluxDB that one service had for itself against the database of the service: every reading stored is a point
 * with its values, there is no other, none waits and none was refused.
 */
export async function expectForwarded(database: OpenDatabase, influxd: Influxd): Promise<void> {
  const probes = await readingsOf(database)
  const stored = probes.flatMap(({ device, probe, readings }) =>
    readings.map(({ at, boot, seq, centi, humidity }): [string, string] => [
      [device, probe, boot, at].join('/'),
      [seq, centi / 100, humidity === null ? 'unknown' : humidity / 100].join(' '),
    ]),
  )
  const points: [string, string][] = []
  for (const device of new Set(probes.map(({ device }) => device))) {
    const answer = (await influxd.run(
      `select "probe", "boot", "seq", "celsius", "humidity" from "${telemetryDatabase}".."reading" where "device" = '${device}'`,
    )) as Answer
    for (const [at, probe, boot, seq, celsius, humidity] of answer.results[0].series?.[0].values ?? [])
      points.push([[device, probe, boot, at].join('/'), [seq, celsius, humidity ?? 'unknown'].join(' ')])
  }
  expectSame('points', unique(points), unique(stored))
  const all = await influxd.run(`select count("celsius") from "${telemetryDatabase}".."reading"`)
  expect(all, 'points of any device').toMatchObject({
    results: [{ series: [{ values: [[0, stored.length]] }] }],
  })
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
