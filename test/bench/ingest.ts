import { randomBytes } from 'node:crypto'
import pg from 'pg'
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
const clients = 500

type Contender = {
  readonly name: string
  readonly module: string
  /** Messages found in the database, where the contender has one. */
  readonly stored?: (sql: pg.Client) => Promise<number>
}

/** Full path against bare aedes and against the gate with one bare INSERT, in turns, each server a process of its own. */
export async function ingest(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  const sql = new pg.Client(database.url)
  await sql.connect()
  const probes = (process.env.BENCH_PROBES ?? 'load').split(',')
  const devices = await provisionDevices(database.url, clients)
  const count = (table: string) => async (client: pg.Client) =>
    Number((await client.query(`select count(*) as n from ${table}`)).rows[0].n)
  const contenders: readonly Contender[] = [
    { name: 'bareAedes', module: './servers/bare-aedes.ts' },
    { name: 'bareInsert', module: './servers/bare-insert.ts', stored: count('bare_insert') },
    { name: 'hemotrail', module: './servers/hemotrail.ts', stored: count('message') },
  ]
  const results = new Map<string, (LoadResult & { rssMb: number; cpuPerMessageUs: number })[]>()
  let rowsEqualAcks = true
  for (let round = 0; round < rounds; round++) {
    for (const { name, module, stored } of contenders) {
      const { child, ready } = await startProcess<{ port: number }>(module, {
        DATABASE_URL: database.url,
        HEMOTRAIL_ADMIN_KEY: randomBytes(32).toString('hex'),
      })
      const before = stored ? await stored(sql).catch(() => 0) : 0
      const cpuBefore = cpuSeconds(child.pid) ?? 0
      const load: Load = {
        host: '127.0.0.1',
        port: ready.port,
        devices,
        probes,
        warmUpMs: 2_000,
        measureMs: 8_000,
      }
      const result = await runLoad(load)
      const cpu = (cpuSeconds(child.pid) ?? 0) - cpuBefore
      const rssMb = residentMb(child.pid) ?? 0
      await stopProcess(child)
      const rows = stored ? (await stored(sql)) - before : result.acknowledged
      const sound = rows === result.acknowledged && result.failed === 0
      if (!sound) rowsEqualAcks = false
      const row = { ...result, rssMb, cpuPerMessageUs: (cpu / result.acknowledged) * 1e6 }
      results.set(name, [...(results.get(name) ?? []), row])
      console.log(
        `round ${round + 1} ${name.padEnd(10)} ${Math.round(result.msgPerSecond)} msg/s, p50 ${result.p50Ms.toFixed(1)} ms, ` +
          `p99 ${result.p99Ms.toFixed(1)} ms, ${rssMb} MB, ${row.cpuPerMessageUs.toFixed(1)} us CPU/message, ` +
          `${result.acknowledged} acknowledged, ${rows} rows${sound ? '' : '  MISMATCH'}`,
      )
    }
  }
  await sql.end()
  const of = (name: string, pick: (row: LoadResult & { rssMb: number }) => number) =>
    median((results.get(name) ?? []).map(pick))
  const rate = (name: string) => of(name, ({ msgPerSecond }) => msgPerSecond)
  return {
    bench: 'ingest',
    ok: rowsEqualAcks,
    clients,
    probes,
    rounds,
    msgPerSecond: Math.round(rate('hemotrail')),
    p50Ms: of('hemotrail', ({ p50Ms }) => p50Ms),
    p99Ms: of('hemotrail', ({ p99Ms }) => p99Ms),
    rssMb: of('hemotrail', ({ rssMb }) => rssMb),
    rowsEqualAcks,
    ratioToBareAedes: rate('hemotrail') / rate('bareAedes'),
    ratioToBareInsert: rate('hemotrail') / rate('bareInsert'),
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
