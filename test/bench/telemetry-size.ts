import { createHash } from 'node:crypto'
import pg from 'pg'
import { type OpenDatabase, openDatabase } from '../../api/stores/database.ts'
import { findDevice, probesOf } from '../../api/stores/devices.ts'
import { hourMs, unpackHour } from '../../api/stores/packed-hour.ts'
import { readingsBetween } from '../../api/stores/readings.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import type { TelemetryReading, TelemetryStore } from '../../api/stores/telemetry.ts'
import { packHours } from '../../api/usecases/pack-hours.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { openInflux } from './influx.ts'
import { median } from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const readings = Number(process.env.BENCH_READINGS ?? 2_000_000)
const everySeconds = [10, 60] as const
const probes = ['load', 'air'] as const
const start = Date.parse('2024-01-01T00:00:00Z')
const day = 24 * hourMs
const perWrite = 5_000
const looks = 5

/** The bar. */
const barBytes = 6

/** A store of telemetry beside the service's own, and what it takes on disk. */
type OtherStore = {
  readonly name: string
  readonly store: Pick<TelemetryStore, 'write' | 'raw'>
  /** What all of it takes on disk, once the store has settled. */
  bytes(): Promise<number>
  close(): Promise<void>
}

/** Opens what is compared; null where its server is not there. */
const otherStores: ((database: OpenDatabase) => Promise<OtherStore | null>)[] = [
  async (database) => {
    const influx = await openInflux({ compactsAtOnce: true })
    if (!influx) return null
    const store = influx.store(database)
    return {
      name: 'influx',
      store,
      async bytes() {
        await influx.settle()
        return influx.bytes()
      },
      async close() {
        await store.close()
        await influx.close()
      },
    }
  },
]

/** What telemetry takes on disk: single rows, the same rows packed, and other stores that were given the same. */
export async function telemetrySize(): Promise<Record<string, unknown>> {
  await using created = await benchDatabase()
  const devices = (
    await provisionDevices(created.url, everySeconds.length, { prefix: 'fridge', inServiceFrom: start - day })
  ).map(({ name }) => name)
  const database = await openDatabase({ url: created.url })
  const sql = new pg.Client(created.url)
  await sql.connect()
  try {
    const written = performance.now()
    await writeAll(sqlTelemetry(database), devices)
    // Whoever is asked must have reported.
    await sql.query(`
      insert into probe_state (probe_id, version, first_at, last_at, last_boot, last_centi, last_received_at)
      select probe_id, 1, min(at), max(at), '', 0, 0 from reading group by probe_id`)
    const writeSeconds = (performance.now() - written) / 1_000
    const rawBytes = await sizeOf(sql, 'reading')
    console.log(
      `raw: ${readings} readings in ${writeSeconds.toFixed(0)} s, ${(rawBytes / readings).toFixed(1)} bytes each`,
    )
    const before = await look(database, devices)

    const took: number[] = []
    const begun = performance.now()
    const packed = await packHours(
      { database, now: () => start + 10_000 * day, log: console },
      new AbortController().signal,
      async (ms) => {
        took.push(ms)
      },
    )
    const packSeconds = (performance.now() - begun) / 1_000
    const packedBytes = await sizeOf(sql, 'reading_hour')
    console.log(`packed in ${packSeconds.toFixed(0)} s, ${(packedBytes / readings).toFixed(2)} bytes each`)
    const after = await look(database, devices)
    const faults = await findFaults(sql, devices, packed)
    const otherSizes = await measureOthers(database, devices, faults)
    if (after.told !== before.told) faults.push('what is told of a month has changed by packing')
    took.sort((a, b) => a - b)

    const packedBytesPerReading = packedBytes / readings
    const missed = packedBytesPerReading <= barBytes ? [] : [`${barBytes} bytes per reading`]
    return {
      bench: 'telemetry-size',
      ok: faults.length === 0 && missed.length === 0,
      missed,
      faults,
      readings,
      packedBytesPerReading,
      rawBytesPerReading: rawBytes / readings,
      ratioRawToPacked: rawBytes / packedBytes,
      ...otherSizes,
      bodyBytesPerReading: await bodies(sql, devices),
      readingsPackedPerSecond: packed / packSeconds,
      packTransactionP50Ms: median(took),
      packTransactionP99Ms: took[Math.floor(took.length * 0.99)],
      rawMs: before.ms,
      packedMs: after.ms,
    }
  } finally {
    await sql.end()
    await database.close()
  }
}

/** The same readings for the same number, whoever is given them: of a fridge every few seconds, each probe at once. */
function* tell(device: string, every: number, count: number): Generator<TelemetryReading> {
  const random = createRandom(device)
  let told = 0
  let seq = -1
  for (let beat = 0; told < count; beat++) {
    // A door has spoken between; the device was switched off and on again.
    seq += random.chance(0.01) ? 2 : 1
    const at = Math.round(start + beat * every * 1_000 + random.between(-250, 250) + 500)
    const boot = `boot-${Math.floor((at - start) / (30 * day))}`
    if (random.chance(0.002)) beat += random.whole(1, 200)
    for (const [index, probe] of probes.entries()) {
      const celsius = 4 + Math.sin((beat * every) / 600 + index) + random.normal() * 0.05
      told++
      yield { device, probe, boot, seq, at, centi: Math.round(celsius * 100), humidity: null }
    }
  }
}

function allOf(device: string, index: number): Generator<TelemetryReading> {
  return tell(device, everySeconds[index] as number, readings / everySeconds.length)
}

/** As fridges send it: side by side. */
async function writeAll(store: Pick<TelemetryStore, 'write'>, devices: readonly string[]): Promise<void> {
  const streams = devices.map(allOf)
  for (let isMore = true; isMore; ) {
    const batch = streams.flatMap((stream) => [...take(stream, perWrite / devices.length)])
    if (batch.length > 0) await store.write(batch)
    isMore = batch.length > 0
  }
}

function* take<T>(from: Generator<T>, count: number): Generator<T> {
  for (let taken = 0; taken < count; taken++) {
    const { value, done } = from.next()
    if (done) return
    yield value
  }
}

/** What the others take for the same readings. */
async function measureOthers(
  database: OpenDatabase,
  devices: readonly string[],
  faults: string[],
): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const open of otherStores) {
    const other = await open(database)
    if (!other) continue
    const { name, store } = other
    try {
      await writeAll(store, devices)
      const bytes = (await other.bytes()) / readings
      console.log(`${name}: ${bytes.toFixed(2)} bytes each`)
      sizes[`${name}BytesPerReading`] = bytes
      for (const [index, device] of devices.entries())
        for (const probe of probes) {
          const fault = await firstDifference(store, device, index, probe)
          if (fault) faults.push(`${name} of ${device} ${probe}: ${fault}`)
        }
    } finally {
      await other.close()
    }
  }
  return sizes
}

const perLook = 20_000

/** Is what was written told again, one by one and no more? */
async function firstDifference(
  { raw }: Pick<TelemetryStore, 'raw'>,
  device: string,
  index: number,
  probe: (typeof probes)[number],
): Promise<string | null> {
  let page: readonly { readonly at: number; readonly centi: number }[] = []
  let next = 0
  const to = start + 10_000 * day
  const look = async (from: number) => {
    page = await raw({ device, probe, from, to, limit: perLook })
    next = 0
  }
  await look(start)
  for (const { at, centi, probe: its } of allOf(device, index)) {
    if (its !== probe) continue
    if (next === perLook) await look((page[next - 1]?.at ?? to) + 1)
    const found = page[next++]
    if (found?.at !== at || found.centi !== centi) return `${JSON.stringify(found)} is not ${centi} at ${at}`
  }
  return next < page.length ? 'there is more than was written' : null
}

async function sizeOf(sql: pg.Client, table: string): Promise<number> {
  await sql.query(`vacuum analyze ${table}`)
  const { rows } = await sql.query('select pg_total_relation_size($1) as bytes', [table])
  return Number(rows[0].bytes)
}

/** What the packed values alone take, by how often they come. */
async function bodies(sql: pg.Client, devices: readonly string[]): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const [index, device] of devices.entries()) {
    const { rows } = await sql.query(
      `select sum(octet_length(body)) / sum(count)::float8 as bytes from reading_hour
       where probe_id in (select p.id from probe p join device d on d.id = p.device_id where d.name = $1)`,
      [device],
    )
    sizes[`every${everySeconds[index]}s`] = rows[0].bytes
  }
  return sizes
}

/** How long it takes to be told all of a month, and charts of it, of the fridge that tells most; and what is told. */
async function look(
  database: OpenDatabase,
  [device = '']: readonly string[],
): Promise<{ ms: Record<string, number>; told: string }> {
  const { db } = database
  const [probe] = await probesOf(db, (await findDevice(db, device)).id)
  const telemetry = sqlTelemetry(database)
  const range = { from: start, to: start + 30 * day }
  const chart = (everyMs: number) => () => telemetry.window({ device, probe: 'load', ...range, everyMs })
  const ways = {
    month: () => readingsBetween(db, probe?.id ?? 0, [], range.from, range.to),
    chartBy6Hours: chart(6 * hourMs),
    chartBy5Minutes: chart(300_000),
  }
  const ms: Record<string, number> = {}
  const told = createHash('sha256')
  for (const [name, way] of Object.entries(ways)) {
    const took: number[] = []
    for (let i = 0; i < looks; i++) {
      const begun = performance.now()
      const found = await way()
      took.push(performance.now() - begun)
      if (i === 0) told.update(JSON.stringify(found))
      if (found.length === 0) throw new Error(`nothing is told of ${device}`)
    }
    ms[name] = median(took)
  }
  return { ms, told: told.digest('hex') }
}

/** Nothing is left unpacked, and what was packed unpacks to what was written, one by one. */
async function findFaults(sql: pg.Client, devices: readonly string[], packed: number): Promise<string[]> {
  const faults: string[] = []
  if (packed !== readings) faults.push(`${packed} of ${readings} were packed`)
  const left = Number((await sql.query('select count(*) as n from reading')).rows[0].n)
  if (left > 0) faults.push(`${left} are still rows of their own`)
  for (const [index, device] of devices.entries()) {
    const unpacked = new Map<string, ReturnType<typeof unpackAll>>(
      probes.map((probe) => [probe, unpackAll(sql, device, probe)]),
    )
    for (const written of allOf(device, index)) {
      const found = (await unpacked.get(written.probe)?.next())?.value
      const { device: _device, probe: _probe, ...expected } = written
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        faults.push(`${device} ${written.probe}: ${JSON.stringify(found)} is not ${JSON.stringify(expected)}`)
        break
      }
    }
    for (const rest of unpacked.values())
      if (faults.length === 0 && !(await rest.next()).done)
        faults.push(`${device}: there is more than was written`)
  }
  return faults
}

async function* unpackAll(sql: pg.Client, device: string, probe: string) {
  for (let after = -1; ; ) {
    const { rows } = await sql.query(
      `select hour, boot.boot, body from reading_hour join boot on boot.id = boot_id
       join probe on probe.id = probe_id join device on device.id = probe.device_id
       where device.name = $1 and probe.kind = $2 and hour > $3 and hour <= $3 + 1000
       order by hour, boot.id`,
      [device, probe, after < 0 ? start / hourMs - 1 : after],
    )
    if (rows.length === 0) return
    for (const { hour, boot, body } of rows)
      for (const { at, seq, centi, humidity } of unpackHour(hour, body))
        yield { boot, seq, at, centi, humidity }
    after = rows.at(-1).hour
  }
}
