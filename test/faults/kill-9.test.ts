import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import { until } from '../support/outcomes.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { aCity, type City, describeWithPostgres, limits, temporaryDirectory } from './city.ts'
import type { Stats } from './load.ts'
import { expectWhatWasSent, type Stored } from './stored.ts'

/** Dozens of crashes, each recovered from under load. */
const patienceMs = 480_000

/** The service, the service at work and again while it starts, the server, or both at once. */
type Victim = 'service' | 'service twice' | 'postgres' | 'both'
type Kill = {
  readonly victim: Victim
  readonly inFlight: number
  /** Of these, how many had been committed, where the server is there to ask. */
  readonly committed?: number | undefined
}

describe('acknowledged means stored, on PGlite', () => {
  test('when the service is killed again and again under load', { timeout: patienceMs }, async () => {
    const random = createRandom(seed())
    const directory = temporaryDirectory('hemotrail-data-')
    const database = { HEMOTRAIL_DATA: directory }
    const city = await aCity({ database, devices: 24, window: 10, seed: random.id() })
    const victims = inAnyOrder(random, { service: 16, 'service twice': 3 })

    const { kills, ending } = await killUnderLoad(city, victims, { random, acknowledgements: 20_000 })

    const open = await openDatabase({ directory })
    onTestFinished(() => open.close())
    const stored = await expectWhatWasSent(open, ending.account, limits)
    expectHard(kills, ending.stats, { services: 20, acknowledgements: 20_000 })
    summarize('PGlite', kills, ending.stats, stored)
  })
})

describeWithPostgres('acknowledged means stored, on Postgres', () => {
  test('when service and server are killed again and again under load', { timeout: patienceMs }, async () => {
    const random = createRandom(seed())
    // The delay widens the moment between the order to commit and the answer to it, so that some kills fall in there.
    const settings = { fsync: 'on', commit_delay: '30000', commit_siblings: '0' }
    const postgres = await startPostgres(settings)
    onTestFinished(() => postgres.remove())
    const database = { DATABASE_URL: postgres.url }
    const city = await aCity({ database, devices: 60, window: 16, seed: random.id() })
    const victims = inAnyOrder(random, { service: 14, 'service twice': 2, postgres: 3, both: 3 })

    const { kills, ending } = await killUnderLoad(city, victims, {
      random,
      acknowledgements: 100_000,
      postgres,
    })

    await postgres.start()
    const open = await openDatabase({ url: postgres.url })
    onTestFinished(() => open.close())
    const stored = await expectWhatWasSent(open, ending.account, limits)
    expectHard(kills, ending.stats, { services: 20, servers: 5, acknowledgements: 100_000 })
    summarize('Postgres', kills, ending.stats, stored)
  })
})

/** Let the load run between one victim and the next, and at last until it has been acknowledged often enough. */
async function killUnderLoad(
  { service, fleet }: City,
  victims: readonly Victim[],
  options: {
    readonly random: Random
    readonly acknowledgements: number
    readonly postgres?: PostgresServer
  },
) {
  const { random, acknowledgements, postgres } = options
  const kills: Kill[] = []
  const share = acknowledgements / victims.length

  /** What was on its way when the service died: all that its devices had lost when they were hung up on. */
  async function killService(also?: () => Promise<void>): Promise<number> {
    const { lost } = await fleet.report()
    await Promise.all([service.kill9(), also?.()])
    const after = await fleet.until(({ connected }) => connected === 0)
    return after.lost - lost
  }

  async function countCommitted(): Promise<number | undefined> {
    if (!postgres) return undefined
    const stored = await countMessages(postgres.url)
    const { acknowledged } = await fleet.report()
    expect(stored).toBeGreaterThanOrEqual(acknowledged)
    return stored - acknowledged
  }

  const strike: Record<Victim, () => Promise<Omit<Kill, 'victim'>>> = {
    async service() {
      const inFlight = await killService()
      const committed = await countCommitted()
      await service.start()
      return { inFlight, committed }
    },
    async 'service twice'() {
      const inFlight = await killService()
      const starting = service.start().catch(() => {})
      await delay(random.between(100, 1_500))
      await service.kill9()
      await starting
      await service.start()
      return { inFlight }
    },
    async postgres() {
      await postgres?.kill9()
      const { inFlight } = await fleet.report()
      await postgres?.start()
      return { inFlight }
    },
    async both() {
      const inFlight = await killService(postgres?.kill9)
      await postgres?.start()
      const committed = await countCommitted()
      await service.start()
      return { inFlight, committed }
    },
  }

  for (const victim of victims) {
    const { acknowledged } = await fleet.report()
    await fleet.until(flowing(acknowledged + Math.ceil(random.between(0.2, 1.8) * share)))
    // An acknowledgement is the beginning of the next commit; this is anywhere in it.
    await delay(random.between(0, 300))
    kills.push({ victim, ...(await strike[victim]()) })
  }
  const { acknowledged } = await fleet.report()
  await fleet.until(flowing(Math.max(acknowledgements, acknowledged + 1)))
  kills.push({ victim: postgres ? 'both' : 'service', inFlight: await killService(postgres?.kill9) })
  return { kills, ending: await fleet.stop() }
}

/** How many there are once the server has noticed that the service is gone, and ended what that had begun. */
async function countMessages(url: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  const count = async (what: string) =>
    Number((await client.query(`select count(*) as n from ${what}`)).rows[0].n)
  try {
    await until(async () => (await count("pg_stat_activity where application_name = 'hemotrail'")) === 0)
    return await count('message')
  } finally {
    await client.end()
  }
}

function flowing(acknowledgements: number): (stats: Stats) => boolean {
  return ({ acknowledged }) => acknowledged >= acknowledgements
}

/** Was it the test it says it is? */
function expectHard(
  kills: readonly Kill[],
  stats: Stats,
  least: { readonly services: number; readonly servers?: number; readonly acknowledgements: number },
): void {
  const killed = (...victims: Victim[]) => kills.filter(({ victim }) => victims.includes(victim)).length
  expect(killed('service', 'service twice', 'both')).toBeGreaterThanOrEqual(least.services)
  expect(killed('postgres', 'both')).toBeGreaterThanOrEqual(least.servers ?? 0)
  expect(kills.filter(({ inFlight }) => inFlight > 0).length).toBeGreaterThan(kills.length / 2)
  expect(stats.acknowledged).toBeGreaterThanOrEqual(least.acknowledgements)
  expect(stats.doubles).toBeGreaterThan(0)
  expect(stats.outOfOrder).toBe(0)
}

function inAnyOrder(random: Random, counts: Partial<Record<Victim, number>>): Victim[] {
  return Object.entries(counts)
    .flatMap(([victim, count]) => Array.from({ length: count }, () => victim as Victim))
    .map((victim) => ({ victim, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ victim }) => victim)
}

/** Another one each time; what chance did is repeated, as far as processes repeat anything, by FAULTS_SEED. */
function seed(): string {
  return process.env.FAULTS_SEED ?? String(Date.now())
}

function summarize(
  engine: string,
  kills: readonly Kill[],
  { acknowledged, doubles }: Stats,
  { messages, readings, unacknowledged }: Stored,
): void {
  const list = kills.map(({ victim, inFlight, committed }) =>
    committed ? `${victim} ${inFlight} (${committed} committed)` : `${victim} ${inFlight}`,
  )
  console.log(
    `kill -9 on ${engine}: ${acknowledged} acknowledged and ${doubles} doubles; stored ${messages} messages ` +
      `(${unacknowledged} unacknowledged) and ${readings} readings; ${kills.length} kills, in flight at each: ${list.join(', ')}`,
  )
}
