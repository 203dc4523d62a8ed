import { sql } from 'drizzle-orm'
import type { Database } from '../../api/stores/database.ts'
import { runInfluxQl } from '../../devices-sim/influxd.ts'
import type { ProbeKind } from '../../schema/vocabulary.ts'
import { storedReadings } from './stored-readings.ts'

export type Compared = {
  readonly readings: number
  /** So many of them stand in packed hours. */
  readonly packed: number
  /** What is in one store and not in the other, or there with another value. */
  readonly differences: readonly string[]
}

type Influx = { readonly url: string; readonly database: string }

/** Is every reading that rules in the database a point in InfluxDB, with all that was told with it, and nothing else? */
export async function compareStores(db: Database, influx: Influx): Promise<Compared> {
  const { rows: probes } = await db.execute<{ id: number; kind: ProbeKind; device: string }>(
    sql`select probe.id, probe.kind, device.name as device from probe join device on device.id = device_id`,
  )
  const names = new Map<string, Set<string>>()
  const differences: string[] = []
  let [readings, packed] = [0, 0]
  for (const { id, kind, device } of probes) {
    const stored = await storedReadings(db, id)
    readings += stored.readings.length
    packed += stored.packed
    const here = stored.readings.map(({ at, boot, seq, centi, humidity }) =>
      shown(device, kind, boot, at, seq, centi / 100, humidity === null ? null : humidity / 100),
    )
    const there = (await pointsOf(influx, device, kind)).map(({ time, boot, seq, celsius, humidity }) =>
      shown(device, kind, boot, time, seq, celsius, humidity),
    )
    const [ours, theirs] = [new Set(here), new Set(there)]
    if (ours.size < here.length) differences.push(`twice in the database: a reading of ${kind} of ${device}`)
    for (const one of ours) if (!theirs.has(one)) differences.push(`only in the database: ${one}`)
    for (const one of theirs) if (!ours.has(one)) differences.push(`only in InfluxDB: ${one}`)
    names.set(device, (names.get(device) ?? new Set()).add(kind))
  }
  for (const { device, probe } of await seriesOf(influx))
    if (!names.get(device)?.has(probe)) differences.push(`only in InfluxDB: ${probe} of ${device}`)
  return { readings, packed, differences }
}

function shown(...told: readonly (string | number | null)[]): string {
  return told.join(' ')
}

type Point = {
  readonly time: number
  readonly boot: string
  readonly seq: number
  readonly celsius: number
  readonly humidity: number | null
}

async function pointsOf(influx: Influx, device: string, probe: string): Promise<Point[]> {
  const [columns, ...points] = await valuesOf(
    influx,
    `select "boot", "seq", "celsius", "humidity" from "reading" where "device" = '${device}' and "probe" = '${probe}'`,
  )
  return points.map((values) =>
    Object.fromEntries(values.map((value, i) => [columns?.[i], value])),
  ) as Point[]
}

async function seriesOf(influx: Influx): Promise<{ device: string; probe: string }[]> {
  const [, ...series] = await valuesOf(influx, 'show series')
  return series.map(([key]) => {
    const tags = new Map(
      String(key)
        .split(',')
        .slice(1)
        .map((tag) => tag.split('=') as [string, string]),
    )
    return { device: tags.get('device') ?? String(key), probe: tags.get('probe') ?? '' }
  })
}

/** The columns of the only series an answer has, and its rows; nothing where there is none. */
async function valuesOf({ url, database }: Influx, statement: string): Promise<unknown[][]> {
  const answer = (await runInfluxQl(url, statement, database)) as {
    results: { series?: { columns: string[]; values: unknown[][] }[] }[]
  }
  const [series] = answer.results[0]?.series ?? []
  return series ? [series.columns, ...series.values] : []
}
