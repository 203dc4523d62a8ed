import { setTimeout as delay } from 'node:timers/promises'
import { openDatabase } from '../../api/stores/database.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import { type AtEnd, aCity, type City, limits } from '../faults/city.ts'
import type { Ending } from '../faults/fleet.ts'
import { expectForwarded, telemetryDatabase, telemetryWaits } from '../faults/forwarded.ts'
import type { Lap } from '../faults/load.ts'
import { startProxy, type Proxy as Wire } from '../faults/proxy.ts'
import { expectWhatWasSent, type Stored } from '../faults/stored.ts'
import { type Influxd, startInfluxd } from '../support/influxd.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { residentMb } from './load.ts'

const fridges = Number(process.env.BENCH_FRIDGES ?? 400)
const ratePerSecond = Number(process.env.BENCH_RATE ?? 400)
/** Messages each fridge keeps on their way. */
const window = 4
const quietSeconds = Number(process.env.BENCH_SECONDS ?? 90)
/** InfluxDB is away for the time of so many readings. */
const readingsAway = Number(process.env.BENCH_READINGS ?? 200_000)
const times = {
  service: Number(process.env.BENCH_SERVICE_KILLS ?? 10),
  influxd: Number(process.env.BENCH_INFLUXD_KILLS ?? 10),
  postgres: Number(process.env.BENCH_POSTGRES_KILLS ?? 3),
}
const seed = process.env.BENCH_SEED ?? String(Date.now())

/** InfluxDB away, or catching up, must leave ingest at least so much of its rate, and so many times the wait at most. */
const leastRate = 0.95
const mostWait = 3
const lookMs = 200
const patienceMs = 1_800_000

type Bench = City & {
  readonly postgres: PostgresServer
  readonly influxd: Influxd
  /** Between the service and InfluxDB. */
  readonly wire: Wire
}

type Waits = Awaited<ReturnType<typeof telemetryWaits>>

/** How ingest went meanwhile, and the most memory the service had. */
type Phase = Lap & { readonly rssMb: number }

/**
 * A city under load. Its InfluxDB is away for long; then the service, InfluxDB and Postgres are killed again and again,
 * each whenever it happens to be. In the end what was acknowledged is in both, each reading with its value, once.
 */
export async function chaos(): Promise<Record<string, unknown>> {
  const undoing: (() => void | Promise<void>)[] = []
  try {
    return await runChaos((undo) => void undoing.push(undo))
  } finally {
    for (const undo of undoing.reverse()) await undo()
  }
}

async function runChaos(atEnd: AtEnd): Promise<Record<string, unknown>> {
  const random = createRandom(seed)
  const bench = await startBench(random, atEnd)
  const { service, fleet, influxd } = bench

  await fleet.until(({ acknowledged }) => acknowledged > 5 * ratePerSecond)
  const quietUntil = performance.now() + quietSeconds * 1_000
  const quiet = await phase(bench, 'quiet', () => performance.now() > quietUntil)
  await influxd.kill9()
  const absence = await phase(bench, 'absence', ({ readings }) => readings >= readingsAway)
  const { drain, ...drained } = await catchUp(bench)
  const { hangUps } = await fleet.report()
  const kills = await killAll(bench, random)

  const ending = await fleet.drain()
  await waitUntil(async () => (await telemetryWaits(service)).readings === 0)
  const exitCode = await service.stop()
  const { faults, stored } = await compare(bench, ending)
  if (exitCode !== 0) faults.push(`the service ended with ${exitCode}`)
  if (hangUps > 0) faults.push(`${hangUps} devices were hung up on while only InfluxDB was away`)
  const ratio = { absence: ratioOf(absence, quiet), drain: ratioOf(drain, quiet) }
  return {
    bench: 'chaos',
    ok: faults.length === 0,
    faults,
    missed: missedBy({ absence, drain }, quiet, kills),
    ...{ seed, fridges, ratePerSecond, ...stored },
    acknowledged: ending.stats.acknowledged,
    doubles: ending.stats.doubles,
    longestWaitMs: Math.round(ending.stats.longestWaitMs),
    latestMs: ending.stats.latestMs,
    ...{ kills, quiet, absence, drain, ratio, ...drained },
  }
}

async function startBench(random: Random, atEnd: AtEnd): Promise<Bench> {
  const postgres = await startPostgres({ fsync: 'on' })
  atEnd(() => postgres.remove())
  const influxd = await startInfluxd()
  atEnd(() => influxd.remove())
  await influxd.run(`create database ${telemetryDatabase}`)
  const wire = await startProxy(Number(new URL(influxd.url).port))
  atEnd(() => wire.close())
  const environment = {
    INFLUX_URL: `http://127.0.0.1:${wire.port}`,
    INFLUX_DATABASE: telemetryDatabase,
  }
  const database = { DATABASE_URL: postgres.url }
  const load = { devices: fridges, window, ratePerSecond, seed: random.id() }
  const city = await aCity({ database, environment, ...load }, atEnd)
  return { ...city, postgres, influxd, wire }
}

/** Look on until it is so. */
async function phase(
  { fleet, service }: Bench,
  name: string,
  isOver: (waits: Waits) => boolean,
): Promise<Phase> {
  await fleet.lap()
  let rssMb = 0
  await waitUntil(async () => {
    rssMb = Math.max(rssMb, residentMb(service.pid()) ?? Number.NaN)
    return isOver(await telemetryWaits(service))
  })
  const lap = await fleet.lap()
  const rounded = Object.fromEntries(
    Object.entries(lap).map(([key, value]) => [key, Math.round(value * 10) / 10]),
  )
  const figures = { ...(rounded as Lap), rssMb }
  console.log(name, figures)
  return figures
}

/** Bring InfluxDB back; once the service has noticed, look on until what waits has come within the last two seconds. */
async function catchUp(bench: Bench) {
  const before = await telemetryWaits(bench.service)
  await bench.influxd.start()
  const unnoticed = await phase(bench, 'unnoticed', ({ forwarded }) => forwarded > before.forwarded)
  const begun = await telemetryWaits(bench.service)
  let ended = begun
  const drain = await phase(bench, 'drain', (waits) => {
    ended = waits
    return waits.seconds < 2
  })
  const figures = {
    secondsUntilNoticed: unnoticed.seconds,
    readingsDrained: ended.forwarded - before.forwarded,
    drainReadingsPerSecond: Math.round((ended.forwarded - begun.forwarded) / drain.seconds),
  }
  console.log(figures)
  return { drain, ...figures }
}

/** Three killers at once, who know nothing of each other: so one strikes while another's victim is down or coming back. */
async function killAll({ fleet, service, influxd, postgres, wire }: Bench, random: Random) {
  const inFlight = { service: [] as number[], influxd: [] as number[], postgres: [] as number[] }

  /** Let the load run for some seconds' worth of it, and at least until nothing that was on its way still is. */
  async function more(seconds: number): Promise<void> {
    const target = (await fleet.report()).acknowledged + Math.max(seconds * ratePerSecond, fridges * window)
    await fleet.until(({ acknowledged }) => acknowledged >= target, patienceMs)
  }

  async function killService(dice: Random): Promise<void> {
    while (inFlight.service.length < times.service) {
      await more(dice.between(1, 4))
      await delay(dice.between(0, 300))
      const { lost } = await fleet.report()
      await service.kill9()
      const after = await fleet.until(({ connected }) => connected === 0)
      inFlight.service.push(after.lost - lost)
      if (inFlight.service.length < times.service && dice.chance(0.2)) {
        const starting = service.start().catch(() => {})
        await delay(dice.between(100, 1_500))
        await service.kill9()
        await starting
        inFlight.service.push(0)
      }
      // Whoever looks after it starts it again, also where its database is away just now.
      await waitUntil(() =>
        service.start().then(
          () => true,
          () => false,
        ),
      )
    }
  }

  /** In the middle of a write, where it can be hit; every other time soon after it is back, while it is caught up with. */
  async function killInfluxd(dice: Random): Promise<void> {
    for (let kill = 0; kill < times.influxd; kill++) {
      if (kill % 2 === 0) await more(dice.between(1, 4))
      await wire.asked()
      await delay(dice.between(0, 8))
      inFlight.influxd.push(wire.unanswered())
      await influxd.kill9()
      await delay(dice.between(0, 4_000))
      await influxd.start()
    }
  }

  async function killPostgres(dice: Random): Promise<void> {
    for (let kill = 0; kill < times.postgres; kill++) {
      await more(dice.between(6, 12))
      await postgres.kill9()
      inFlight.postgres.push((await fleet.report()).inFlight)
      await delay(dice.between(0, 2_000))
      await postgres.start()
    }
  }

  await Promise.all([
    killService(random.fork('service')),
    killInfluxd(random.fork('influxd')),
    killPostgres(random.fork('postgres')),
  ])
  await more(2)
  console.log('on their way at each kill', inFlight)
  return inFlight
}

async function compare(
  { postgres, influxd }: Bench,
  { account, stats }: Ending,
): Promise<{ faults: string[]; stored: Partial<Stored> }> {
  const faults: string[] = []
  const note = (error: unknown) => {
    const { message, actual } = error as Error & { actual?: unknown }
    faults.push(`${message} ${JSON.stringify(actual ?? null)}`.slice(0, 2_000))
  }
  if (account.outstanding.size > 0)
    faults.push(`${account.outstanding.size} devices wait for acknowledgements`)
  if (stats.outOfOrder > 0) faults.push(`${stats.outOfOrder} acknowledgements came out of order`)
  const database = await openDatabase({ url: postgres.url })
  try {
    const stored = await expectWhatWasSent(database, account, limits, stats.latestMs).catch(note)
    await expectForwarded(database, influxd).catch(note)
    return { faults, stored: stored ?? {} }
  } finally {
    await database.close()
  }
}

function ratioOf(phase: Phase, quiet: Phase) {
  const { messagesPerSecond, p50Ms, p99Ms, rssMb } = phase
  const hundredths = (ratio: number) => Math.round(ratio * 100) / 100
  return {
    messagesPerSecond: hundredths(messagesPerSecond / quiet.messagesPerSecond),
    p50Ms: hundredths(p50Ms / quiet.p50Ms),
    p99Ms: hundredths(p99Ms / quiet.p99Ms),
    rssMb: hundredths(rssMb / quiet.rssMb),
  }
}

function missedBy(
  phases: Record<string, Phase>,
  quiet: Phase,
  kills: Record<string, readonly number[]>,
): string[] {
  const missed: string[] = []
  if (quiet.messagesPerSecond < leastRate * ratePerSecond)
    missed.push(`quiet: ${quiet.messagesPerSecond} messages a second is all this machine does`)
  for (const [name, phase] of Object.entries(phases)) {
    // What is over within a second says nothing.
    if (phase.seconds < 1) continue
    const { messagesPerSecond, p99Ms } = ratioOf(phase, quiet)
    if (messagesPerSecond < leastRate) missed.push(`${name}: ingest fell to ${messagesPerSecond} of its rate`)
    if (p99Ms > mostWait) missed.push(`${name}: acknowledgements took ${p99Ms} times as long`)
  }
  for (const [victim, inFlight] of Object.entries(kills))
    if (inFlight.length > 0 && inFlight.every((count) => count === 0))
      missed.push(`${victim} was never killed at work`)
  return missed
}

/** @throws Error where patience ends first */
async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not within ${patienceMs / 60_000} minutes`)
    await delay(lookMs)
  }
}
