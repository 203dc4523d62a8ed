import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { hasInfluxd } from '../support/influxd.ts'
import { type Destination, destinations, drain, influxDatabase } from './forwarding.ts'
import { noInfluxd } from './influx.ts'
import {
  cpuSeconds,
  type Load,
  type LoadResult,
  median,
  residentMb,
  runLoad,
  startProcess,
  stopProcess,
} from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const measureMs = Number(process.env.BENCH_SECONDS ?? 8) * 1_000
const clients = 500
/** Where telemetry is forwarded to as well: a contender each. */
const forwardTo = (process.env.BENCH_FORWARD_TO ?? '').split(',').filter((name) => name !== '')

/** The bars of forwarding: at least this much of the rate without it, and charts are right this soon after the load. */
const barRatio = 0.9
const barSeconds = 30

type Contender = {
  readonly name: string
  readonly module: string
  /** Messages found in the database, where the contender has one. */
  readonly stored?: (sql: pg.Client) => Promise<number>
  readonly open?: () => Promise<Destination>
}

type Row = LoadResult & {
  readonly rssMb: number
  /** Of the server, of what works for it in Postgres, and of where telemetry is forwarded to; until all is there. */
  readonly cpuPerMessageUs: {
    readonly service: number
    readonly postgres: number
    readonly destination: number
  }
  readonly waiting: number
  readonly drainSeconds: number
}

/** Full path against bare aedes and against the gate with one bare INSERT, in turns, each server a process of its own. */
export async function ingest(): Promise<Record<string, unknown>> {
  for (const name of forwardTo)
    if (!destinations[name])
      throw new Error(`BENCH_FORWARD_TO: ${name} is none of ${Object.keys(destinations).join(', ')}`)
  if (forwardTo.includes('influxd') && !hasInfluxd()) throw new Error(`BENCH_FORWARD_TO: ${noInfluxd}`)
  await using database = await benchDatabase()
  const sql = new pg.Client(database.url)
  await sql.connect()
  const probes = (process.env.BENCH_PROBES ?? 'load').split(',')
  const devices = await provisionDevices(database.url, clients)
  const count = (table: string) => async (client: pg.Client) =>
    Number((await client.query(`select count(*) as n from ${table}`)).rows[0].n)
  const hemotrail = { module: './servers/hemotrail.ts', stored: count('message') }
  const contenders: readonly Contender[] = [
    { name: 'bareAedes', module: './servers/bare-aedes.ts' },
    { name: 'bareInsert', module: './servers/bare-insert.ts', stored: count('bare_insert') },
    { name: 'hemotrail', ...hemotrail },
    ...forwardTo.map((name) => ({
      name: `to ${name}`,
      ...hemotrail,
      open: destinations[name] as () => Promise<Destination>,
    })),
  ]
  const results = new Map<string, Row[]>()
  const faults: string[] = []
  let rowsEqualAcks = true
  for (let round = 0; round < rounds; round++) {
    for (const { name, module, stored, open } of contenders) {
      const destination = await open?.()
      const { child, ready } = await startProcess<{ port: number }>(module, {
        DATABASE_URL: database.url,
        HEMOTRAIL_ADMIN_KEY: randomBytes(32).toString('hex'),
        ...(destination ? { INFLUX_URL: destination.url, INFLUX_DATABASE: influxDatabase } : {}),
      })
      const before = stored ? await stored(sql).catch(() => 0) : 0
      const since = Number((await sql.query('select coalesce(max(id), 0) as id from boot')).rows[0].id)
      const cpuOf = async () => ({
        service: cpuSeconds(child.pid) ?? 0,
        postgres: await postgresCpuSeconds(sql),
        destination: cpuSeconds(destination?.pid()) ?? 0,
      })
      const cpuBefore = await cpuOf()
      const load: Load = {
        host: '127.0.0.1',
        port: ready.port,
        devices,
        probes,
        warmUpMs: 2_000,
        measureMs,
      }
      const result = await runLoad(load)
      const drained = await drain(sql)
      const cpuAfter = await cpuOf()
      const rssMb = residentMb(child.pid) ?? 0
      await stopProcess(child)
      const rows = stored ? (await stored(sql)) - before : result.acknowledged
      const found = (await destination?.findFaults(sql, since)) ?? []
      await destination?.close()
      faults.push(...found.map((fault) => `round ${round + 1} ${name}: ${fault}`))
      const sound = rows === result.acknowledged && result.failed === 0
      if (!sound) rowsEqualAcks = false
      const perMessage = (part: keyof typeof cpuAfter) =>
        ((cpuAfter[part] - cpuBefore[part]) / result.acknowledged) * 1e6
      const cpuPerMessageUs = {
        service: perMessage('service'),
        postgres: perMessage('postgres'),
        destination: perMessage('destination'),
      }
      const row = {
        ...result,
        rssMb,
        cpuPerMessageUs,
        waiting: drained.waiting,
        drainSeconds: drained.seconds,
      }
      results.set(name, [...(results.get(name) ?? []), row])
      console.log(
        `round ${round + 1} ${name.padEnd(10)} ${Math.round(result.msgPerSecond)} msg/s, p50 ${result.p50Ms.toFixed(1)} ms, ` +
          `p99 ${result.p99Ms.toFixed(1)} ms, ${rssMb} MB, ${cpuPerMessageUs.service.toFixed(1)} us CPU/message ` +
          `and ${cpuPerMessageUs.postgres.toFixed(1)} in Postgres, ${result.acknowledged} acknowledged, ${rows} rows` +
          `${sound ? '' : '  MISMATCH'}` +
          (destination
            ? `; ${cpuPerMessageUs.destination.toFixed(1)} us there, ${drained.waiting} readings forwarded ${drained.seconds.toFixed(1)} s later`
            : ''),
      )
    }
  }
  await sql.end()
  const of = (name: string, pick: (row: Row) => number) => median((results.get(name) ?? []).map(pick))
  const rate = (name: string) => of(name, ({ msgPerSecond }) => msgPerSecond)
  /** Of the rates in each round, which share what else the machine did meanwhile; the median of those. */
  const ratioOf = (name: string, to: string) => {
    const rates = (of: string) => (results.get(of) ?? []).map(({ msgPerSecond }) => msgPerSecond)
    const others = rates(to)
    return median(rates(name).map((one, round) => one / (others[round] as number)))
  }
  const cpuOf = (name: string) => ({
    service: of(name, ({ cpuPerMessageUs }) => cpuPerMessageUs.service),
    postgres: of(name, ({ cpuPerMessageUs }) => cpuPerMessageUs.postgres),
    destination: of(name, ({ cpuPerMessageUs }) => cpuPerMessageUs.destination),
  })
  const missed: string[] = []
  const forwarding: Record<string, unknown> = {}
  for (const to of forwardTo) {
    const name = `to ${to}`
    const ratio = ratioOf(name, 'hemotrail')
    const drainSeconds = of(name, ({ drainSeconds }) => drainSeconds)
    if (ratio < barRatio) missed.push(`${barRatio} of the rate without forwarding, ${name}`)
    if (drainSeconds > barSeconds) missed.push(`all forwarded within ${barSeconds} s, ${name}`)
    forwarding[to] = {
      ratioToNone: ratio,
      msgPerSecond: Math.round(rate(name)),
      p50Ms: of(name, ({ p50Ms }) => p50Ms),
      p99Ms: of(name, ({ p99Ms }) => p99Ms),
      rssMb: of(name, ({ rssMb }) => rssMb),
      cpuPerMessageUs: cpuOf(name),
      waitingReadings: of(name, ({ waiting }) => waiting),
      drainSeconds,
    }
  }
  return {
    bench: 'ingest',
    ok: rowsEqualAcks && faults.length === 0 && missed.length === 0,
    missed,
    faults: faults.slice(0, 20),
    clients,
    probes,
    rounds,
    msgPerSecond: Math.round(rate('hemotrail')),
    p50Ms: of('hemotrail', ({ p50Ms }) => p50Ms),
    p99Ms: of('hemotrail', ({ p99Ms }) => p99Ms),
    rssMb: of('hemotrail', ({ rssMb }) => rssMb),
    cpuPerMessageUs: cpuOf('hemotrail'),
    rowsEqualAcks,
    ratioToBareAedes: ratioOf('hemotrail', 'bareAedes'),
    ratioToBareInsert: ratioOf('hemotrail', 'bareInsert'),
    ...(forwardTo.length > 0 ? { forwarding } : {}),
    bareAedes: {
      msgPerSecond: Math.round(rate('bareAedes')),
      p50Ms: of('bareAedes', ({ p50Ms }) => p50Ms),
      p99Ms: of('bareAedes', ({ p99Ms }) => p99Ms),
      rssMb: of('bareAedes', ({ rssMb }) => rssMb),
    },
    bareInsert: {
      msgPerSecond: Math.round(rate('bareInsert')),
      p50Ms: of('bareInsert', ({ p50Ms }) => p50Ms),
      p99Ms: of('bareInsert', ({ p99Ms }) => p99Ms),
      rssMb: of('bareInsert', ({ rssMb }) => rssMb),
    },
  }
}

/** CPU seconds of the connections to the bench's database but this one; 0 where the server is on another machine. */
async function postgresCpuSeconds(sql: pg.Client): Promise<number> {
  const { rows } = await sql.query(
    'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  return rows.reduce((sum, { pid }) => sum + (cpuSeconds(pid) ?? 0), 0)
}
