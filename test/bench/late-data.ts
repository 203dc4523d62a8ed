import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { ask } from './ask.ts'
import { type Order, orders } from './backlog.ts'
import {
  cpuSeconds,
  type LoadResult,
  median,
  residentMb,
  runLoad,
  startProcess,
  stopProcess,
} from './load.ts'
import { benchProfile, provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'
import type { UploadRequest, Uploads } from './uploader.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const measureMs = Number(process.env.BENCH_SECONDS ?? 30) * 1_000
const fridges = 500
const everyMs = 10_000
/** Everybody has reported once, and the code is warm. */
const warmUpMs = 12_000
/** Enough for one phase: no machine uploads three days in 100 ms. */
const lateFridges = Math.ceil((warmUpMs + measureMs + everyMs) / 100)
const inServiceMs = 80 * 3_600_000

/** The bars: a backlog is right within this, and the others wait at most this many times as long. */
const barSeconds = 30
const barRatio = 2

type Phase = LoadResult & Uploads & { readonly serverCpuSeconds: number }
type Round = {
  readonly phases: Record<'quiet' | Order, Phase>
  readonly rssMb: number
  readonly faults: string[]
}

/** How long three days of backlog take to be right, and what it costs those who report meanwhile. */
export async function lateData(): Promise<Record<string, unknown>> {
  const results: Round[] = []
  for (let round = 1; round <= rounds; round++) {
    const result = await runRound(round)
    results.push(result)
    for (const [phase, { p50Ms, p99Ms, uploads, serverCpuSeconds }] of Object.entries(result.phases)) {
      const right = uploads.map(({ rightSeconds }) => rightSeconds)
      console.log(
        `round ${round} ${phase.padEnd(9)} p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${serverCpuSeconds.toFixed(1)} s CPU` +
          (right.length > 0
            ? `, ${right.length} uploads, right in ${median(right).toFixed(2)} s, at worst ${Math.max(...right).toFixed(2)} s`
            : ''),
      )
    }
    for (const fault of result.faults) console.log(`  ${fault}`)
  }

  const quietP50Ms = median(results.map(({ phases }) => phases.quiet.p50Ms))
  const quietP99Ms = median(results.map(({ phases }) => phases.quiet.p99Ms))
  const figuresOf = (order: Order) => {
    const phases = results.map((result) => result.phases[order])
    const uploads = phases.flatMap((phase) => phase.uploads)
    const right = uploads.map(({ rightSeconds }) => rightSeconds)
    return {
      uploads: uploads.length,
      secondsUntilAcknowledged: median(uploads.map(({ acknowledgedSeconds }) => acknowledgedSeconds)),
      secondsUntilRight: median(right),
      worstSecondsUntilRight: Math.max(...right),
      busyP50Ms: median(phases.map(({ p50Ms }) => p50Ms)),
      busyP99Ms: median(phases.map(({ p99Ms }) => p99Ms)),
      ratioP99: median(results.map(({ phases }) => phases[order].p99Ms / phases.quiet.p99Ms)),
    }
  }
  const figures = Object.fromEntries(orders.map((order) => [order, figuresOf(order)])) as Record<
    Order,
    ReturnType<typeof figuresOf>
  >
  const all = Object.values(figures)
  const worst = all.reduce((a, b) => (b.ratioP99 > a.ratioP99 ? b : a))
  const worstSecondsUntilRight = Math.max(...all.map((one) => one.worstSecondsUntilRight))
  const faults = results.flatMap((result) => result.faults)
  const missed = [
    !(worstSecondsUntilRight <= barSeconds) && `right within ${barSeconds} s`,
    !(worst.ratioP99 <= barRatio) && `p99 of the others within ${barRatio} times`,
  ].filter((bar) => bar !== false)
  return {
    bench: 'late-data',
    ok: faults.length === 0 && missed.length === 0,
    missed,
    faults,
    fridges,
    ratePerSecond: (fridges * 1_000) / everyMs,
    measuredSeconds: measureMs / 1_000,
    rounds,
    uploads: all.reduce((sum, { uploads }) => sum + uploads, 0),
    secondsUntilRight: Math.max(...all.map((one) => one.secondsUntilRight)),
    worstSecondsUntilRight,
    quietP50Ms,
    quietP99Ms,
    busyP50Ms: worst.busyP50Ms,
    busyP99Ms: worst.busyP99Ms,
    ratioP99: worst.ratioP99,
    rssMb: median(results.map(({ rssMb }) => rssMb)),
    ...figures,
  }
}

/** A quiet phase and one busy phase for each order, on a database and in a service of their own. */
async function runRound(round: number): Promise<Round> {
  await using database = await benchDatabase()
  const inServiceFrom = Date.now() - inServiceMs
  const live = await provisionDevices(database.url, fridges, { prefix: 'live' })
  const late = await provisionDevices(database.url, lateFridges * orders.length, {
    prefix: 'late',
    inServiceFrom,
  })
  const adminKey = randomBytes(32).toString('hex')
  const env = { DATABASE_URL: database.url, HEMOTRAIL_ADMIN_KEY: adminKey }
  const { child: server, ready } = await startProcess<{ port: number; url: string }>(
    './servers/hemotrail.ts',
    env,
  )
  const sql = new pg.Client(database.url)
  await sql.connect()

  async function runPhase(order: Order | null): Promise<Phase> {
    const cpuBefore = cpuSeconds(server.pid) ?? Number.NaN
    const uploader = order && (await beginUploads(order))
    const load = await runLoad({
      host: '127.0.0.1',
      port: ready.port,
      devices: live,
      probes: ['load'],
      warmUpMs,
      measureMs,
      ratePerSecond: (fridges * 1_000) / everyMs,
    })
    const serverCpuSeconds = (cpuSeconds(server.pid) ?? Number.NaN) - cpuBefore
    const { uploads, failure } = uploader ? await uploader.finish() : { uploads: [], failure: null }
    return { ...load, uploads, failure, serverCpuSeconds }
  }

  async function beginUploads(order: Order): Promise<{ finish(): Promise<Uploads> }> {
    const { child } = await startProcess('./uploader.ts')
    const first = orders.indexOf(order) * lateFridges
    const request: UploadRequest = {
      do: 'begin',
      host: '127.0.0.1',
      port: ready.port,
      url: ready.url,
      adminKey,
      devices: late.slice(first, first + lateFridges),
      limits: benchProfile,
      inServiceFrom,
      order,
      seed: `${round} ${order}`,
    }
    await ask(child, request)
    return {
      async finish() {
        const uploads = await ask<Uploads>(child, { do: 'finish' } satisfies UploadRequest)
        await stopProcess(child)
        return uploads
      },
    }
  }

  try {
    const quiet = await runPhase(null)
    const busy: [Order, Phase][] = []
    for (const order of orders) busy.push([order, await runPhase(order)])
    const phases = { quiet, ...Object.fromEntries(busy) } as Round['phases']
    const rssMb = residentMb(server.pid) ?? Number.NaN
    return { phases, rssMb, faults: await findFaults(sql, Object.entries(phases)) }
  } finally {
    await sql.end()
    await stopProcess(server)
  }
}

/** What was acknowledged is stored, all of it and nothing else, and every upload became right. */
async function findFaults(sql: pg.Client, phases: readonly [string, Phase][]): Promise<string[]> {
  const uploads = phases.flatMap(([, phase]) => phase.uploads)
  const liveAcks = phases.reduce((sum, [, { acknowledged }]) => sum + acknowledged, 0)
  const messages = liveAcks + uploads.reduce((sum, upload) => sum + upload.messages, 0)
  const readings = liveAcks + uploads.reduce((sum, upload) => sum + upload.readings, 0)
  const count = async (table: string) =>
    Number((await sql.query(`select count(*) as n from ${table}`)).rows[0].n)
  // A reading may be packed before the phase is over.
  const unpacked = `(select from reading union all select from reading_hour, generate_series(1, count)) as reading`
  const expected = { message: messages, [unpacked]: readings, rejected_message: 0, reading_conflict: 0 }
  const faults: string[] = []
  for (const [table, rows] of Object.entries(expected)) {
    const found = await count(table)
    if (found !== rows) faults.push(`${table}: ${rows} acknowledged, ${found} found`)
  }
  for (const [name, { failed, failure, uploads }] of phases) {
    if (failed > 0) faults.push(`${name}: ${failed} of the others lost their connection`)
    if (failure) faults.push(`${name}: ${failure}`)
    if (name !== 'quiet' && uploads.length === 0) faults.push(`${name}: nothing was uploaded`)
    for (const { device, wrong } of uploads) if (wrong) faults.push(`${name}: ${device} ${wrong}`)
  }
  return faults
}
