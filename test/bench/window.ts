import pg from 'pg'
import { ensureBoots } from '../../api/stores/clocks.ts'
import { type Database, type OpenDatabase, openDatabase } from '../../api/stores/database.ts'
import { ensureProbes, lookUpDevices } from '../../api/stores/devices.ts'
import { type HourReading, hourMs, packHour } from '../../api/stores/packed-hour.ts'
import { insertRows } from '../../api/stores/rows.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import type { Bucket, TelemetryReading, TelemetryStore } from '../../api/stores/telemetry.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { reading, readingHour } from '../../schema/tables/messages.ts'
import { noInfluxd, openInflux } from './influx.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const fridges = Number(process.env.BENCH_FRIDGES ?? 20)
const days = Number(process.env.BENCH_DAYS ?? 365)
const repetitions = Number(process.env.BENCH_REPETITIONS ?? 100)
const warmUps = 5
const everyMs = 60_000
const dayMs = 24 * hourMs
/** Nobody asks at the stroke of an hour. */
const now = Date.parse('2025-01-01T00:37:12.345Z')
const start = Math.floor((now - days * dayMs) / hourMs) * hourMs
/** As the packer leaves it: the hours that ended in the last two hours, and the one that goes on, are rows. */
const packedUntil = Math.floor((now - 2 * hourMs) / hourMs) * hourMs
const perWrite = 5_000

type Question = { readonly name: string; readonly ms: number; readonly everyMs: number }

/** The chart that is shown where nothing is asked for, a year of days, and as many buckets of a year as are allowed. */
const questions: readonly Question[] = [
  { name: 'dayBy5Minutes', ms: dayMs, everyMs: 300_000 },
  { name: 'yearByDay', ms: days * dayMs, everyMs: dayMs },
  { name: 'yearByHour', ms: days * dayMs, everyMs: hourMs },
]

type Asked = Question & { readonly device: string }
type Contender = { readonly name: string; ask(question: Asked): Promise<Bucket[]> }

/** How soon a chart is told by each store of telemetry, and whether they tell the same. */
export async function windowBench(): Promise<Record<string, unknown>> {
  await using created = await benchDatabase()
  const provisioned = await provisionDevices(created.url, fridges, {
    prefix: 'fridge',
    inServiceFrom: start - dayMs,
  })
  const devices = provisioned.map(({ name }) => name)
  const influx = await openInflux({ compactsAtOnce: true })
  if (!influx) return { bench: 'window', ok: false, faults: [], missed: [`no comparison: ${noInfluxd}`] }
  const database = await openDatabase({ url: created.url })
  const store = influx.store(database)
  const bare = new pg.Client(created.url)
  await bare.connect()
  try {
    const begun = performance.now()
    const readings = await load(database, bare, store, devices)
    await influx.settle()
    const loadSeconds = Math.round((performance.now() - begun) / 1_000)
    console.log(`${readings} readings of ${fridges} fridges were loaded and settled in ${loadSeconds} s`)
    const contenders: readonly Contender[] = [
      { name: 'sql', ask: portOf(sqlTelemetry(database)) },
      { name: 'influx', ask: portOf(store) },
      { name: 'bareSql', ask: (question) => askBare(bare, devices, question) },
    ]
    const faults: string[] = []
    const figures: Record<string, unknown> = {}
    for (const question of questions)
      figures[question.name] = await measure(question, contenders, devices, faults)
    return {
      bench: 'window',
      ok: faults.length === 0,
      missed: [],
      faults: faults.slice(0, 20),
      fridges,
      days,
      readings,
      repetitions,
      ...figures,
    }
  } finally {
    await bare.end()
    await store.close()
    await database.close()
    await influx.close()
  }
}

function portOf({ window }: TelemetryStore): Contender['ask'] {
  return ({ device, ms, everyMs }) => window({ device, probe: 'load', from: now - ms, to: now, everyMs })
}

/**
 * The least that answers it: one statement over one row a reading, of which an index holds all it needs, kept by a
 * connection of its own.
 */
async function askBare(
  client: pg.Client,
  devices: readonly string[],
  { device, ms, everyMs }: Asked,
): Promise<Bucket[]> {
  const { rows } = await client.query({
    name: 'window',
    text: `
      select (at - $2) / $4 as bucket, count(*)::integer as count, min(centi)::integer as min,
        avg(centi)::float8 as mean, max(centi)::integer as max
      from bare_reading where fridge = $1 and at >= $2 and at < $3 group by 1 order by 1`,
    values: [devices.indexOf(device), now - ms, now, everyMs],
  })
  return rows.map(({ bucket, ...told }) => ({ from: now - ms + Number(bucket) * everyMs, ...told }))
}

/** Everybody is asked the same of one fridge after the other, in turns. */
async function measure(
  question: Question,
  contenders: readonly Contender[],
  devices: readonly string[],
  faults: string[],
): Promise<Record<string, unknown>> {
  const took = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  let buckets = 0
  for (let turn = -warmUps; turn < repetitions; turn++) {
    const asked = { ...question, device: devices[(turn + warmUps) % devices.length] as string }
    const told: Bucket[][] = []
    for (const { name, ask } of contenders) {
      const begun = performance.now()
      told.push(await ask(asked))
      if (turn >= 0) took.get(name)?.push(performance.now() - begun)
    }
    const [ours = [], ...others] = told
    buckets = ours.length
    for (const [index, theirs] of others.entries()) {
      const fault = firstDifference(ours, theirs)
      const name = contenders[index + 1]?.name
      if (fault) faults.push(`${question.name} of ${asked.device}: sql and ${name} differ: ${fault}`)
    }
    if (ours.length === 0) faults.push(`${question.name} of ${asked.device}: nothing is told`)
  }
  const figures = Object.fromEntries(
    [...took].map(([name, all]) => {
      all.sort((a, b) => a - b)
      const at = (q: number) => all[Math.min(all.length - 1, Math.floor(all.length * q))] as number
      console.log(
        `${question.name.padEnd(13)} ${name.padEnd(7)} p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`,
      )
      return [name, { p50Ms: at(0.5), p99Ms: at(0.99) }]
    }),
  )
  const p50 = (name: string) => figures[name]?.p50Ms ?? Number.NaN
  const ratios = {
    ratioSqlToInflux: p50('sql') / p50('influx'),
    ratioSqlToBareSql: p50('sql') / p50('bareSql'),
  }
  return { buckets, ...figures, ...ratios }
}

/** A mean is what is left of a sum of floats, to a millionth of a hundredth of a degree; all else is equal or not. */
function firstDifference(ours: readonly Bucket[], theirs: readonly Bucket[]): string | null {
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const [a, b] = [ours[i], theirs[i]]
    const isSame =
      a !== undefined &&
      b !== undefined &&
      a.from === b.from &&
      a.count === b.count &&
      a.min === b.min &&
      a.max === b.max &&
      Math.abs(a.mean - b.mean) < 1e-6
    if (!isSame) return `${JSON.stringify(a)} is not ${JSON.stringify(b)}`
  }
  return null
}

type Fridge = { readonly device: string; readonly probeId: number; readonly bootId: number }

const boot = 'boot-1'

/** The same readings for everybody, day by day and hour by hour, as they come in life. @returns how many */
async function load(
  database: OpenDatabase,
  bare: pg.Client,
  influx: TelemetryStore,
  devices: readonly string[],
): Promise<number> {
  const { db, pool } = database
  await bare.query(`
    create table bare_reading (
      fridge integer not null, at bigint not null, centi smallint not null, primary key (fridge, at) include (centi)
    )`)
  const all = await knownFridges(db, devices)
  const hoursOf = all.map(({ device }) => hours(device))
  let count = 0
  for (let day = start; day < now; day += dayMs) {
    const told: { readonly fridge: Fridge; readonly readings: readonly HourReading[] }[] = []
    for (let hour = day; hour < Math.min(day + dayMs, now); hour += hourMs)
      for (const [index, fridge] of all.entries()) {
        const { value } = (hoursOf[index] as Generator<HourReading[]>).next()
        if (value?.length > 0) told.push({ fridge, readings: value })
      }
    await Promise.all([loadSql(db, told), loadBare(bare, all, told), loadInflux(influx, told)])
    for (const { readings } of told) count += readings.length
  }
  for (const table of ['reading', 'reading_hour', 'bare_reading']) await pool.query(`vacuum analyze ${table}`)
  return count
}

type Told = readonly { readonly fridge: Fridge; readonly readings: readonly HourReading[] }[]

/** Row by row where the packer would not have been yet, and elsewhere as it leaves them. */
async function loadSql(db: Database, told: Told): Promise<void> {
  const isPacked = ({ readings: [first] }: Told[number]) => first !== undefined && first.at < packedUntil
  const packed = told
    .filter(isPacked)
    .map(({ fridge: { probeId, bootId }, readings }) => ({ probeId, bootId, ...packHour(readings) }))
  const single = told
    .filter((one) => !isPacked(one))
    .flatMap(({ fridge: { probeId, bootId }, readings }) =>
      readings.map((one) => ({ probeId, bootId, ...one })),
    )
  await insertRows(db, readingHour, packed)
  await insertRows(db, reading, single)
}

async function loadBare(client: pg.Client, all: readonly Fridge[], told: Told): Promise<void> {
  const rows = told.flatMap(({ fridge, readings }) =>
    readings.map(({ at, centi }) => ({ fridge: all.indexOf(fridge), at, centi })),
  )
  const column = (name: 'fridge' | 'at' | 'centi') => `{${rows.map((row) => row[name]).join()}}`
  await client.query({
    name: 'load',
    text: 'insert into bare_reading select * from unnest($1::integer[], $2::bigint[], $3::smallint[])',
    values: [column('fridge'), column('at'), column('centi')],
  })
}

async function loadInflux({ write }: TelemetryStore, told: Told): Promise<void> {
  const all: TelemetryReading[] = told.flatMap(({ fridge: { device }, readings }) =>
    readings.map((one) => ({ device, probe: 'load' as const, boot, ...one })),
  )
  for (let from = 0; from < all.length; from += perWrite) await write(all.slice(from, from + perWrite))
}

async function knownFridges(db: Database, names: readonly string[]): Promise<Fridge[]> {
  const devices = [...(await lookUpDevices(db, [...names])).values()]
  const probes = await ensureProbes(
    db,
    devices.map(({ id }) => ({ deviceId: id, kind: 'load' as const })),
  )
  const boots = await ensureBoots(
    db,
    devices.map(({ id }) => ({ deviceId: id, boot })),
  )
  return names.map((device) => {
    const id = devices.find(({ name }) => name === device)?.id
    const [probe, itsBoot] = [probes, boots].map((rows) => rows.find(({ deviceId }) => deviceId === id)?.id)
    if (probe === undefined || itsBoot === undefined) throw new Error(`${device} is not known`)
    return { device, probeId: probe, bootId: itsBoot }
  })
}

/** What a fridge measures hour by hour: every minute with some jitter, now and then nothing for a while. */
function* hours(device: string): Generator<HourReading[]> {
  const random = createRandom(device)
  let seq = 0
  let silentUntil = 0
  for (let hour = start; ; hour += hourMs) {
    const readings: HourReading[] = []
    for (let beat = hour; beat < hour + hourMs; beat += everyMs) {
      seq += random.chance(0.01) ? 2 : 1
      if (random.chance(0.0002)) silentUntil = beat + random.between(0, 6 * hourMs)
      const at = beat + random.whole(0, 500)
      if (beat < silentUntil || at >= now) continue
      const celsius = 4 + Math.sin(beat / 600_000) + random.normal() * 0.05
      readings.push({ at, seq, centi: Math.round(celsius * 100), humidity: null })
    }
    yield readings
  }
}
