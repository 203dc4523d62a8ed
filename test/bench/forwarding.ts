import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { noInfluxd, openInflux } from './influx.ts'
import { startProcess, stopProcess } from './load.ts'

/** Where telemetry is forwarded to, running. */
export type Destination = {
  readonly url: string
  pid(): number | undefined
  /** What differs between the readings of boots after `since` in the database and what arrived. */
  findFaults(sql: pg.Client, since: number): Promise<string[]>
  close(): Promise<void>
}

/** What InfluxDB is called wherever telemetry goes. */
export const influxDatabase = 'bench'

/** A fresh one each time: what one round left to compact is not paid for by the next. */
export const destinations: Readonly<Record<string, () => Promise<Destination>>> = {
  async influxd() {
    const influx = await openInflux()
    if (!influx) throw new Error(noInfluxd)
    const { influxd } = influx
    return {
      url: influxd.url,
      pid: influxd.pid,
      findFaults: (sql, since) => compare(sql, since, influxd.run),
      close: influx.close,
    }
  },
  async sink() {
    const { child, ready } = await startProcess<{ url: string }>('./servers/sink.ts')
    return {
      url: ready.url,
      pid: () => child.pid,
      findFaults: async () => [],
      close: () => stopProcess(child),
    }
  },
}

const lookMs = 50
const patienceMs = 600_000

/** Wait until nothing waits to be forwarded. @returns what waited at first, and how long it took, s */
export async function drain(sql: pg.Client): Promise<{ waiting: number; seconds: number }> {
  const look = async () =>
    Number((await sql.query('select coalesce(sum(readings), 0) as n from telemetry_outbox')).rows[0].n)
  const begun = performance.now()
  const waiting = await look()
  for (let left = waiting; left > 0; left = await look()) {
    if (performance.now() - begun > patienceMs) throw new Error(`${left} readings are not forwarded`)
    await delay(lookMs)
  }
  return { waiting, seconds: (performance.now() - begun) / 1_000 }
}

/** Each reading once: as many of each probe, that come to the same sums. Equal identities would be one point. */
async function compare(
  sql: pg.Client,
  since: number,
  run: (statement: string) => Promise<unknown>,
): Promise<string[]> {
  const { rows } = await sql.query<{ name: string; kind: string; told: string }>(
    `select device.name, probe.kind, concat_ws('/', count(*), sum(centi), sum(seq)) as told
     from reading join probe on probe.id = probe_id join device on device.id = device_id
     where boot_id > $1 group by 1, 2`,
    [since],
  )
  const { results } = (await run(
    `select count("celsius"), sum("celsius"), sum("seq") from "${influxDatabase}".."reading" group by "device", "probe"`,
  )) as { results: [{ series?: Series[] }] }
  const arrived = new Map(
    (results[0].series ?? []).map(({ tags, values: [[, count, celsius, seq]] }) => [
      `${tags.device} ${tags.probe}`,
      `${count}/${Math.round(celsius * 100)}/${seq}`,
    ]),
  )
  const faults: string[] = []
  for (const { name, kind, told } of rows) {
    const key = `${name} ${kind}`
    if (arrived.get(key) !== told) faults.push(`${key}: ${told} is stored, ${arrived.get(key)} arrived`)
    arrived.delete(key)
  }
  for (const [key, told] of arrived) faults.push(`${key}: nothing is stored, ${told} arrived`)
  return faults
}

type Series = {
  readonly tags: { readonly device: string; readonly probe: string }
  readonly values: [[number, number, number, number]]
}
