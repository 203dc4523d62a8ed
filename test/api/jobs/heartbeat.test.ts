import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import { startHeartbeat } from '../../../api/jobs/heartbeat.ts'
import { startAlarmWatch } from '../../../api/jobs/watch-alarms.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { recordDuty } from '../../../api/stores/duties.ts'
import { test } from '../../support/database.ts'
import { until } from '../../support/outcomes.ts'
import { startRunning } from '../../support/running.ts'
import { aWorld, noon, type World } from '../../support/world.ts'

/** Somebody outside who counts what is asked for, and answers as told. */
async function anOutside(answer: RequestListener = (_request, response) => void response.end('thanks')) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ping/secret`, asked }
}

/** A process that does its work, as far as anybody knows, and tells of it. */
async function aHeart(database: OpenDatabase, url: string, { patienceMs = 5_000 } = {}) {
  const world = await aWorld(database)
  const warned: object[] = []
  const troubles: { obstacle: string | null } = { obstacle: null }
  const log = { info() {}, error() {}, warn: (fields: object) => void warned.push(fields) }
  await recordDuty(database.db, 'alarm', noon)
  const parts = { ...world.deps, log, obstacle: () => troubles.obstacle }
  const stop = startHeartbeat(parts, { url, everyMs: 5 }, { patienceMs })
  onTestFinished(stop)
  return { world, warned, troubles, stop }
}

async function counted({ deps }: Pick<World, 'deps'>, outcome: string): Promise<number> {
  const { values } = await deps.metrics.heartbeats.get()
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0
}

/** It has looked again since now, and found the same. */
async function nextOf(world: World, outcome: string): Promise<void> {
  const before = await counted(world, outcome)
  await until(async () => (await counted(world, outcome)) >= before + 2)
}

test('is heard outside again and again while the service works', async ({ database }) => {
  const { url, asked } = await anOutside()
  const { warned, stop, world } = await aHeart(database, url)
  await until(() => asked.length > 3)
  await stop()
  expect(new Set(asked)).toEqual(new Set(['GET /ping/secret']))
  expect(await counted(world, 'sent')).toBeGreaterThan(2)
  expect(warned).toEqual([])
})

test('is withheld while what devices send is not stored, or nobody has looked for alarms lately', async ({
  database,
}) => {
  const { url, asked } = await anOutside()
  const { world, troubles, warned } = await aHeart(database, url)
  await nextOf(world, 'sent')
  troubles.obstacle = 'held'
  await nextOf(world, 'withheld')
  const heard = asked.length
  await nextOf(world, 'withheld')
  expect(asked).toHaveLength(heard)
  troubles.obstacle = null
  await nextOf(world, 'sent')
  world.clock.now = noon + 30_001
  await nextOf(world, 'withheld')
  expect(warned).toEqual([{ reason: 'held' }, { reason: 'nobody watches for alarms' }])
  await recordDuty(database.db, 'alarm', world.clock.now)
  await nextOf(world, 'sent')
})

test('is withheld while the database is away, or says nothing', async ({ database }) => {
  const { url } = await anOutside()
  const { world, warned } = await aHeart(database, url, { patienceMs: 50 })
  await nextOf(world, 'sent')
  const away = vi.spyOn(database.db, 'select').mockImplementation(() => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  })
  await nextOf(world, 'withheld').finally(() => away.mockRestore())
  await nextOf(world, 'sent')
  const query = vi.spyOn(database.pool, 'query').mockImplementation(() => new Promise(() => {}))
  await nextOf(world, 'withheld').finally(() => query.mockRestore())
  expect(warned).toMatchObject([
    { reason: 'the database is away' },
    { reason: 'the database does not answer' },
  ])
})

test('that is sent elsewhere, refused, not answered or cut off is a failure that stops nothing', async ({
  database,
}) => {
  let turn = 0
  const { url, asked } = await anOutside((_request, response) => {
    turn += 1
    if (turn === 1) response.writeHead(302, { location: '/elsewhere' }).end()
    else if (turn === 2) response.writeHead(500).end()
    else if (turn === 3) response.socket?.destroy()
    else if (turn > 4) response.end()
  })
  const { world, warned, stop } = await aHeart(database, url, { patienceMs: 300 })
  await until(async () => (await counted(world, 'sent')) > 0)
  await stop()
  expect(await counted(world, 'failed')).toBe(4)
  expect(warned.slice(0, 2)).toEqual([{ failure: 'it answered 302' }, { failure: 'it answered 500' }])
  expect(warned[3]).toEqual({ failure: 'TimeoutError' })
  expect(asked.every((one) => one === 'GET /ping/secret')).toBe(true)
  expect(JSON.stringify(warned)).not.toContain('secret')
})

test('the process that watches for alarms leaves word that it looks', async ({ database }) => {
  const { deps, clock } = await aWorld(database)
  const doneAt = async () =>
    (await database.pool.query("select done_at from duty where name = 'alarm'")).rows[0]?.done_at
  const stop = startAlarmWatch({ ...deps, tell() {} }, { everyMs: 5 })
  onTestFinished(stop)
  await until(async () => (await doneAt()) === noon)
  clock.now = noon + 5_000
  await until(async () => (await doneAt()) === noon + 5_000)
})

test('of a whole service is heard where its configuration says', async () => {
  const { url, asked } = await anOutside()
  const running = await startRunning({ HEARTBEAT_URL: url })
  onTestFinished(() => running.stop())
  await until(() => asked.length > 0)
})
