import { describe, expect } from 'vitest'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { sqlTelemetry } from '../../../api/stores/sql-telemetry.ts'
import { DeadLetters, Resending } from '../../../schema/http/dead-letters.ts'
import { test } from '../../support/database.ts'
import { type FakeInflux, say, startFakeInflux } from '../../support/fake-influx.ts'
import {
  aForwardingWorld,
  counted,
  drain,
  dropAll,
  emptied,
  enqueue,
  forward,
  hour,
  quick,
  waiting,
} from '../../support/forwarding.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, aWorld, noon, type World } from '../../support/world.ts'
import { iso, openDoor } from '../http/door.ts'

describe('forwarding to an InfluxDB that', () => {
  async function given(database: OpenDatabase): Promise<{ world: World; fake: FakeInflux }> {
    const fake = await startFakeInflux()
    const place = { url: fake.url, token: 'token', org: 'org', bucket: 'bucket' }
    const world = await aForwardingWorld(database, place, 200)
    await aDevice(world, 'f1')
    return { world, fake }
  }

  const letters = async (world: World) =>
    (await openDoor(world).ask(DeadLetters, 'GET', '/telemetry/dead-letters?limit=100')).deadLetters
  const isBad = (line: string) => / celsius=0\.(13|57|58),/.test(line)
  const counts = async (world: World, fake: FakeInflux) => ({
    stored: fake.stored.size,
    dead: (await letters(world)).reduce((sum, { readings }) => sum + readings, 0),
    waiting: await waiting(world),
  })

  /** Take good lines where there is no bad one. */
  const all = (status: number, error: string) => (fake: FakeInflux) => {
    fake.answer = (response, asked) =>
      asked.lines.some(isBad) ? say(response, status, { message: error }) : fake.take(response, asked)
  }

  test.for([
    ['refuses a batch whole for one bad line (version 2)', 400, 'unable to parse'],
    ['refuses a type conflict with 422 (version 2)', 422, 'field type conflict'],
    ['finds a batch too large until it is small enough', 413, 'too large'],
    ['answers 500 where it took a part (version 3)', 500, 'partial write of line protocol occurred'],
    ['breaks down over some readings', 500, 'panic'],
  ] as const)('%s keeps the others', async ([, status, error], { database }) => {
    const { world, fake } = await given(database)
    all(status, error)(fake)
    await enqueue(world, 'f1', counted(100))
    forward(world)
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 97, dead: 3, waiting: 0 })
    expect(await letters(world)).toMatchObject([
      { device: 'f1', readings: 3, reason: error, from: iso(noon + 13) },
    ])
  })

  test('drops all of a batch is asked once, and what it dropped is one dead letter', async ({ database }) => {
    const { world, fake } = await given(database)
    fake.answer = dropAll
    await enqueue(world, 'f1', counted(100))
    forward(world)
    await emptied(world)
    expect(fake.asked).toHaveLength(1)
    expect(await letters(world)).toMatchObject([{ readings: 100, from: iso(noon), to: iso(noon + 99) }])
  })

  test('breaks down over everything loses nothing', async ({ database }) => {
    const { world, fake } = await given(database)
    fake.answer = (response) => say(response, 500, { message: 'disk on fire' })
    await enqueue(world, 'f1', counted(300))
    const forwarding = forward(world)
    await until(() => forwarding.said.length > quick.failuresBeforeParting + 2)
    expect(await counts(world, fake)).toEqual({ stored: 0, dead: 0, waiting: 300 })
    expect(forwarding.trouble()).toBe('InfluxDB breaks down over what it is sent (500)')
    expect(fake.asked.slice(0, 5).map(({ lines }) => lines.length)).toEqual([300, 300, 300, 300, 150])
    fake.answer = fake.take
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 300, dead: 0, waiting: 0 })
  })

  test.for([1, 10, 300])(
    'refuses everything is shut, be it but %i, and loses nothing',
    async (n, { database }) => {
      const { world, fake } = await given(database)
      fake.answer = (response) => say(response, 400, { message: 'Bad Request' })
      await enqueue(world, 'f1', counted(n))
      const { said } = forward(world)
      await until(() => said.length > 2)
      expect(said[0]).toMatchObject({ level: 'error', fields: { trouble: 'shut', status: 400 } })
      expect(await counts(world, fake)).toEqual({ stored: 0, dead: 0, waiting: n })
    },
  )

  test.for([
    ['refuses', 400],
    ['breaks down over', 500],
  ] as const)(
    '%s everything and recovers while it is asked sets nothing aside',
    async ([, status], { database }) => {
      const { world, fake } = await given(database)
      let asked = 0
      fake.answer = (response, one) =>
        ++asked < 40 ? say(response, status, { message: 'no' }) : fake.take(response, one)
      await enqueue(world, 'f1', counted(300))
      forward(world)
      await emptied(world)
      expect(await counts(world, fake)).toEqual({ stored: 300, dead: 0, waiting: 0 })
    },
  )

  test('refuses one reading that is alone sets it aside, for it takes again what it took before', async ({
    database,
  }) => {
    const { world, fake } = await given(database)
    all(422, 'schema violation')(fake)
    await enqueue(world, 'f1', counted(1))
    const { said } = forward(world)
    await emptied(world)
    await enqueue(world, 'f1', [{ at: noon + 1, centi: 13 }])
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 1, dead: 1, waiting: 0 })
    expect(said).toMatchObject([{ message: 'the telemetry store refused readings' }])
  })

  test('refuses all it can be sent at once takes what waits behind it', async ({ database }) => {
    const { world, fake } = await given(database)
    all(422, 'schema violation')(fake)
    const bad = Array.from({ length: 150 }, (_, i) => ({ at: noon + i, centi: 13 }))
    await enqueue(world, 'f1', bad)
    await database.pool.query('update telemetry_outbox set readings = 2500')
    await enqueue(world, 'f1', [{ at: noon + 900, centi: 1 }])
    forward(world)
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 1, dead: 150, waiting: 0 })
  })

  test('says why it refuses in bytes no database holds', async ({ database }) => {
    const { world, fake } = await given(database)
    all(400, 'cannot\u0000read\r\nthis')(fake)
    await enqueue(world, 'f1', counted(100))
    forward(world)
    await emptied(world)
    expect(await letters(world)).toMatchObject([{ readings: 3, reason: 'cannot read this' }])
  })

  test.for([200, 201, 202] as const)(
    'answers %i has not stored anything as far as we know',
    async (status, { database }) => {
      const { world, fake } = await given(database)
      fake.answer = (response) => say(response, status, { hello: 'world' })
      await enqueue(world, 'f1', counted(3))
      const { said } = forward(world)
      await until(() => said.length > 1)
      expect(said[0]?.fields).toMatchObject({ trouble: 'shut', status })
      expect(await counts(world, fake)).toEqual({ stored: 0, dead: 0, waiting: 3 })
    },
  )

  test('refuses the first three hundred of many takes the others', async ({ database }) => {
    const { world, fake } = await given(database)
    const isEarly = (line: string) => Number(line.split(' ').at(-1)) < noon + 300
    fake.answer = (response, asked) =>
      asked.lines.some(isEarly) ? say(response, 400, { message: 'no' }) : fake.take(response, asked)
    await enqueue(world, 'f1', counted(900))
    forward(world)
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 600, dead: 300, waiting: 0 })
  })

  test('breaks down now and then loses nothing and sets nothing aside', async ({ database }) => {
    const { world, fake } = await given(database)
    let asked = 0
    fake.answer = (response, one) =>
      ++asked % 4 === 0 || one.lines.length > 8
        ? say(response, 500, { message: 'hiccup' })
        : fake.take(response, one)
    await enqueue(world, 'f1', counted(100))
    forward(world)
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 100, dead: 0, waiting: 0 })
  })

  const troubles: [string, FakeInflux['answer']][] = [
    ['answers 429', (response) => say(response, 429, {})],
    ['answers 503', (response) => say(response, 503, {})],
    ['answers 401', (response) => say(response, 401, { message: 'unauthorized' })],
    ['answers 403', (response) => say(response, 403, {})],
    ['answers something nobody expects', (response) => say(response, 418, {})],
    ['never answers', () => {}],
    ['resets the connection', (response) => void response.socket?.resetAndDestroy()],
  ]
  test.for(troubles)('%s is asked again until it takes everything', async ([, answer], { database }) => {
    const { world, fake } = await given(database)
    fake.answer = answer
    await enqueue(world, 'f1', counted(10))
    const { said } = forward(world)
    await until(() => said.length >= 2)
    expect(await counts(world, fake)).toEqual({ stored: 0, dead: 0, waiting: 10 })
    fake.answer = fake.take
    await emptied(world)
    expect(await counts(world, fake)).toEqual({ stored: 10, dead: 0, waiting: 0 })
  })

  test('asks for patience is given it, and no more than an hour of it', async ({ database }) => {
    const { world, fake } = await given(database)
    const asked = ['9', '86400']
    fake.answer = (response) => say(response, 429, {}, { 'retry-after': asked.shift() ?? '' })
    await enqueue(world, 'f1', counted(1))
    const first = forward(world)
    await until(() => first.said.length === 1)
    await first.stop()
    const second = forward(world)
    await until(() => second.said.length === 1)
    expect([...first.said, ...second.said].map(({ fields }) => fields.pauseMs)).toEqual([9_000, 3_600_000])
  })

  test('is away longer and longer is asked less and less often, never quite regularly', async ({
    database,
  }) => {
    const { world, fake } = await given(database)
    fake.answer = (response) => say(response, 503, {})
    await enqueue(world, 'f1', counted(1))
    const { said } = forward(world, { firstPauseMs: 8, longestPauseMs: 64 })
    await until(() => said.length >= 6)
    const pauses = said.slice(0, 6).map(({ fields }) => Number(fields.pauseMs))
    for (const [n, most] of [8, 16, 32, 64, 64, 64].entries()) {
      expect(pauses[n]).toBeGreaterThanOrEqual(most / 2)
      expect(pauses[n]).toBeLessThanOrEqual(most)
    }
  })

  test('hangs while the service stops does not hold it up, and is asked again by the next', async ({
    database,
  }) => {
    const { world, fake } = await given(database)
    fake.answer = () => {}
    await enqueue(world, 'f1', counted(5))
    const { stop } = forward({ ...world, deps: { ...world.deps } })
    await until(() => fake.asked.length > 0)
    await stop()
    expect(await waiting(world)).toBe(5)
    fake.answer = fake.take
    forward(world)
    await emptied(world)
    expect(fake.stored.size).toBe(5)
  })

  test('gets two values of one reading in one request gets the later one alone', async ({ database }) => {
    const { world, fake } = await given(database)
    await enqueue(world, 'f1', [{ at: noon, centi: 400 }])
    await enqueue(world, 'f1', [{ at: noon, centi: 900 }])
    await drain(world)
    expect(fake.asked.filter(({ lines }) => lines.length > 0)).toMatchObject([
      { lines: [expect.stringContaining('celsius=9,')] },
    ])
  })

  test('gets a large backlog gets it in parts', async ({ database }) => {
    const { world, fake } = await given(database)
    for (let i = 0; i < 5; i++)
      await enqueue(
        world,
        'f1',
        Array.from({ length: 6_000 }, (_, k) => ({ at: noon + i * 6_000 + k, centi: 1 })),
      )
    forward(world)
    await emptied(world)
    expect(fake.stored.size).toBe(30_000)
    for (const { lines } of fake.asked) expect(lines.length).toBeLessThanOrEqual(10_000)
  })

  test('gets a backlog without a pause, be it of large batches or of many', async ({ database }) => {
    const { world, fake } = await given(database)
    for (let i = 0; i < 3; i++) await enqueue(world, 'f1', counted(5_000))
    await enqueue(world, 'f1', counted(1))
    await database.pool.query(
      `insert into telemetry_outbox (at, readings, body)
       select at, readings, body from telemetry_outbox, generate_series(1, 500) where readings = 1`,
    )
    forward(world, { lookMs: hour })
    await emptied(world)
    expect(fake.stored.size).toBe(5_000)
  })
})

describe('a dead letter', () => {
  test('of which another value rules by now is not sent', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    await aDevice(world, 'f1')
    fake.answer = dropAll
    const body = [aReading(noon - 1, 4), aReading(noon, 4)]
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body })])
    await drain(world)
    fake.answer = fake.take
    await world.ingest.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(noon, 9)] })])
    await drain(world)
    expect([...fake.stored]).toEqual([expect.stringMatching(/celsius=9,seq=1i/)])

    const door = openDoor(world)
    const { deadLetters } = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')
    expect(deadLetters).toMatchObject([{ readings: 2, from: iso(noon - 1), to: iso(noon) }])
    const resend = `/telemetry/dead-letters/${deadLetters[0]?.id}/resend`
    expect(await door.ask(Resending, 'POST', resend)).toEqual({ queued: 1, overruled: 1 })
    await drain(world)
    expect([...fake.stored]).toEqual([
      expect.stringMatching(/celsius=9,seq=1i/),
      expect.stringMatching(new RegExp(`celsius=4,seq=0i ${noon - 1}$`)),
    ])
    const { rows } = await database.pool.query(
      "select action, actor->>'kind' as kind from audit_entry where subject_kind = 'dead_letter' order by id",
    )
    expect(rows).toEqual([
      { action: 'dead_letter.set_aside', kind: 'job' },
      { action: 'dead_letter.resent', kind: 'integration' },
    ])
  })

  test('holds readings of one device, whoever was refused beside it', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    fake.answer = (response, asked) => (asked.lines.length > 3 ? dropAll : fake.take)(response, asked)
    for (const device of ['f1', 'f2']) {
      await aDevice(world, device)
      await enqueue(world, device, counted(2))
    }
    await drain(world)
    const door = openDoor(world)
    const { deadLetters } = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')
    expect(deadLetters).toMatchObject([
      { device: 'f2', readings: 2 },
      { device: 'f1', readings: 2 },
    ])
    await door.ask(Resending, 'POST', `/telemetry/dead-letters/${deadLetters[1]?.id}/resend`)
    await drain(world)
    expect([...fake.stored]).toEqual(Array(2).fill(expect.stringContaining('device=f1,')))
  })

  test('is listed newest first, page by page, for one device or all', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    fake.answer = dropAll
    for (const device of ['f1', 'f2', 'f3']) {
      await aDevice(world, device)
      await enqueue(world, device, counted(2))
      await drain(world)
    }
    const door = openDoor(world)
    const page = (query: string) => door.ask(DeadLetters, 'GET', `/telemetry/dead-letters${query}`)
    const first = await page('?limit=2')
    expect(first.deadLetters.map(({ device }) => device)).toEqual(['f3', 'f2'])
    const second = await page(`?limit=2&before=${first.next}`)
    expect(second).toMatchObject({ deadLetters: [{ device: 'f1', readings: 2 }], next: null })
    expect((await page('?device=f2')).deadLetters).toMatchObject([{ device: 'f2' }])
    expect(await door.refused('POST', '/telemetry/dead-letters/4711/resend')).toMatchObject({ status: 404 })
  })

  test('stays where telemetry is kept in the database now', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    await aDevice(world, 'f1')
    fake.answer = dropAll
    await enqueue(world, 'f1', counted(1))
    await drain(world)
    const door = openDoor(world, { telemetry: sqlTelemetry(database) })
    const { deadLetters } = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')
    expect(await door.refused('POST', `/telemetry/dead-letters/${deadLetters[0]?.id}/resend`)).toMatchObject({
      status: 409,
      code: 'conflict',
    })
    expect((await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')).deadLetters).toEqual(deadLetters)
  })
})

test('where telemetry is kept in the database nothing is forwarded', async ({ database }) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  for (let seq = 0; seq < 3; seq++)
    await world.ingest.accept([
      aMessage({ device: 'f1', seq, body: [aReading(noon + seq, 4), aReading(noon, 4 + seq)] }),
    ])
  const { rows } = await database.pool.query('select count(*)::integer as n from telemetry_outbox')
  expect(rows).toEqual([{ n: 0 }])
})
