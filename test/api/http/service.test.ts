import { describe, expect, vi } from 'vitest'
import { Health, Readiness } from '../../../schema/http/service.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { openDoor, problemOf, test } from './door.ts'

describe('health', () => {
  test('is the process alone', async ({ door }) => {
    vi.spyOn(door.world.deps.database.db, 'select').mockImplementation(() => {
      throw new Error('away')
    })
    const answer = await door.ask(Health, 'GET', '/health').finally(() => vi.restoreAllMocks())
    expect(answer).toEqual({ status: 'alive' })
  })
})

describe('readiness', () => {
  test('names the database and where telemetry is kept', async ({ door, database }) => {
    const answer = await door.ask(Readiness, 'GET', '/ready')
    const engine = database.kind === 'pglite' ? 'PGlite' : 'Postgres'
    expect(answer).toEqual({
      status: 'ready',
      database: { engine, version: database.version },
      telemetry: { product: engine, version: database.version },
    })
  })

  test('is denied while devices cannot be heard, with the reason', async ({ door }) => {
    const deaf = openDoor(door.world, { obstacle: () => 'the broker does not listen' })
    const response = await deaf.raw('/ready')
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await problemOf(response)).toMatchObject({
      status: 503,
      code: 'unavailable',
      detail: 'the broker does not listen',
    })
  })

  test('is denied while the database is away', async ({ door }) => {
    vi.spyOn(door.world.deps.database.pool, 'query').mockImplementation(() => {
      throw Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' })
    })
    const problem = await door.refused('GET', '/ready').finally(() => vi.restoreAllMocks())
    expect(problem).toMatchObject({ status: 503, detail: 'the database is away' })
    expect(JSON.stringify(problem)).not.toContain('10.0.0.7')
  })

  test('is denied after a while where the database says nothing', async ({ door }) => {
    vi.spyOn(door.world.deps.database.pool, 'query').mockImplementation(() => new Promise(() => {}))
    const problem = await door.refused('GET', '/ready').finally(() => vi.restoreAllMocks())
    expect(problem).toMatchObject({ status: 503, detail: 'the database does not answer within 3 s' })
  })

  test('is denied before the schema is there', async ({ door }) => {
    vi.spyOn(door.world.deps.database.pool, 'query').mockImplementation(() => {
      throw Object.assign(new Error('no such table'), { code: '42P01' })
    })
    const problem = await door.refused('GET', '/ready').finally(() => vi.restoreAllMocks())
    expect(problem).toMatchObject({ status: 503, detail: 'the database is not migrated to this version' })
  })

  test('is denied while the telemetry store is not well', async ({ door }) => {
    const { telemetry } = door.world.deps
    const ill = { ...telemetry, product: 'InfluxDB', health: async () => ({ ok: false }) }
    expect(await openDoor(door.world, { telemetry: ill }).refused('GET', '/ready')).toMatchObject({
      status: 503,
      detail: 'the telemetry store, InfluxDB, is not well',
    })
  })
})

describe('metrics', () => {
  test('count what waits at the moment of asking', async ({ door }) => {
    await aDevice(door.world, 'fridge-7')
    const { ingest } = door.world
    const before = await (await door.raw('/metrics')).text()
    expect(before).toContain('hemotrail_rejected_messages 0')
    expect(before).toContain('hemotrail_devices_in_clock_fault 0')

    await ingest.accept([
      aMessage({ device: 'fridge-7', seq: 0, body: [aReading(noon, 999)] }),
      aMessage({ device: 'fridge-7', seq: 1, body: [aReading(noon, 4)], sentAt: noon - 7_200_000 }),
    ])
    const response = await door.raw('/metrics')
    expect(response.headers.get('content-type')).toContain('text/plain')
    const after = await response.text()
    expect(after).toContain('hemotrail_rejected_messages 1')
    expect(after).toContain('hemotrail_devices_in_clock_fault 1')
    expect(after).toContain('hemotrail_readings_total 1')
    expect(after).toMatch(/^hemotrail_ingest_commit_seconds_count [1-9]/m)
  })

  test('are told without those the database knows, while it is away', async ({ door }) => {
    vi.spyOn(door.world.deps.database.db, 'select').mockImplementation(() => {
      throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
    })
    const response = await Promise.resolve(door.raw('/metrics')).finally(() => vi.restoreAllMocks())
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text).toMatch(/hemotrail_rejected_messages nan/i)
    expect(text).toContain('hemotrail_readings_total')
  })
})
