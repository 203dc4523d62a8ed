import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest'
import type { Log } from '../../../api/context.ts'
import {
  type Forwarding,
  type ForwardPatience,
  startForwarding,
} from '../../../api/jobs/forward-telemetry.ts'
import { ensureBoots } from '../../../api/stores/clocks.ts'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
import { ensureProbes, findDevice } from '../../../api/stores/devices.ts'
import type { InfluxPlace } from '../../../api/stores/influx-http.ts'
import { influxTelemetry } from '../../../api/stores/influx-telemetry.ts'
import { insertOutbox, outboxBacklog } from '../../../api/stores/outbox.ts'
import type { StoredReading } from '../../../api/stores/readings.ts'
import { sqlTelemetry } from '../../../api/stores/sql-telemetry.ts'
import { forwardStored } from '../../../api/usecases/forward-stored.ts'
import { createIngest } from '../../../api/usecases/ingest-batch.ts'
import { packHours } from '../../../api/usecases/pack-hours.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { DeadLetters, Resending } from '../../../schema/http/dead-letters.ts'
import { Telemetry } from '../../../schema/http/series.ts'
import { Readiness } from '../../../schema/http/service.ts'
import { compareStores } from '../../support/compare-stores.ts'
import { describeOnServer, test } from '../../support/database.ts'
import { type FakeInflux, say, startFakeInflux } from '../../support/fake-influx.ts'
import { describeOnInflux, type Influxd, influxAdmin, startInfluxd } from '../../support/influxd.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, aWorld, bloodFridge, noon, type World } from '../../support/world.ts'
import { iso, openDoor } from '../http/door.ts'

const minute = 60_000
const hour = 60 * minute

const quick: ForwardPatience = {
  lookMs: 10,
  takeOverMs: 20,
  firstPauseMs: 4,
  longestPauseMs: 16,
  failuresBeforeParting: 3,
}

type Line = {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** A world whose telemetry is kept in this InfluxDB. */
function aForwardingWorld(database: OpenDatabase, place: InfluxPlace, writeMs = 15_000): Promise<World> {
  const factsOf = async (device: string) => (await findDevice(database.db, device)).clockFacts
  const store = influxTelemetry(place, factsOf, { writeMs })
  onTestFinished(() => store.close())
  return aWorld(database, 2_000, 'H1', store)
}

/** What forwards, until it is stopped, and what it has logged. */
function forward(
  { deps }: World,
  patience: Partial<ForwardPatience> = {},
): Forwarding & { readonly said: Line[] } {
  const said: Line[] = []
  const note = (level: Line['level']) => (fields: object, message: string) =>
    void said.push({ level, fields: fields as Line['fields'], message })
  const log: Log = { info: note('info'), warn: note('warn'), error: note('error') }
  const forwarding = startForwarding({ ...deps, log }, { ...quick, ...patience })
  onTestFinished(() => forwarding.stop())
  return { ...forwarding, said }
}

const waiting = async ({ deps }: World) => (await outboxBacklog(deps.database.db)).readings
const emptied = (world: World) => until(async () => (await waiting(world)) === 0)

/** Send everything that waits, and stop. */
async function drain(world: World): Promise<void> {
  const { stop } = forward(world)
  await emptied(world)
  await stop()
}

/** Put readings into the outbox as they are, at these times and values. */
async function enqueue(
  { deps }: World,
  device: string,
  told: readonly { at: number; centi: number }[],
): Promise<StoredReading[]> {
  const { db } = deps.database
  const { id: deviceId } = await findDevice(db, device)
  const [boot] = await ensureBoots(db, [{ deviceId, boot: 'boot-a' }])
  const [probe] = await ensureProbes(db, [{ deviceId, kind: 'load' }])
  const readings = told.map((one, seq) => ({
    ...one,
    probeId: probe?.id as number,
    bootId: boot?.id as number,
    seq,
    humidity: null,
  }))
  await db.transaction((tx) => insertOutbox(tx, readings, deps.now()))
  return readings
}

const counted = (n: number) => Array.from({ length: n }, (_, i) => ({ at: noon + i, centi: i }))

/** The times of the readings a store holds of a device. */
async function timesIn({ deps }: World, device: string): Promise<number[]> {
  const found = await deps.telemetry.raw({
    device,
    probe: 'load',
    from: 0,
    to: noon + 365 * 24 * hour,
    limit: 100_000,
  })
  return found.map(({ at }) => at)
}

describeOnInflux('forwarding to a real influxd', () => {
  let influxd: Influxd
  beforeAll(async () => {
    influxd = await startInfluxd()
  })
  afterAll(() => influxd?.remove())

  async function given(database: OpenDatabase): Promise<{ world: World; name: string }> {
    const name = `t${randomUUID().replaceAll('-', '')}`
    await influxd.run(`create database ${name}`)
    return { world: await aForwardingWorld(database, { url: influxd.url, database: name }), name }
  }

  /** Every point there is, as rows in order. */
  async function pointsOf(name: string): Promise<unknown[]> {
    const answer = (await influxd.run(
      `select "device", "probe", "boot", "seq", "celsius", "humidity" from "${name}".."reading"`,
    )) as {
      results: { series?: { values: [number, string, string, string, number, number, number | null][] }[] }[]
    }
    const values = answer.results[0]?.series?.[0]?.values ?? []
    return values
      .map(([at, device, probe, boot, seq, celsius, humidity]) =>
        [device, probe, boot, at, seq, celsius, humidity].join(' '),
      )
      .sort()
  }

  /** What rules, by the database. */
  async function rulingIn({ deps }: World): Promise<unknown[]> {
    const { rows } = await deps.database.db.execute<{ told: string }>(sql`
      select concat_ws(' ', d.name, p.kind, b.boot, r.at, r.seq, (r.centi / 100.0)::float8) || ' ' ||
        coalesce((r.humidity / 100.0)::float8::text, '') as told
      from reading r join probe p on p.id = r.probe_id join device d on d.id = p.device_id join boot b on b.id = r.boot_id`)
    return rows.map(({ told }) => told).sort()
  }

  test('everything that was stored is there, and nothing waits any more', async ({ database }) => {
    const { world, name } = await given(database)
    await aDevice(world, 'f1')
    await aDevice(world, 'f2')
    const body = [aReading(noon - 2, 4), { ...aReading(noon - 2, 20.25, 'ambient'), humidity: 44.5 }]
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body }),
      aMessage({ device: 'f2', seq: 0, body: [aReading(noon - 1, -3.5)] }),
    ])
    // In order after these, so that they are stored by one statement.
    await world.ingest.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(noon - 1, 4.5)] })])
    expect(await waiting(world)).toBe(4)
    await drain(world)
    expect(await pointsOf(name)).toEqual([
      `f1 ambient boot-a ${noon - 2} 0 20.25 44.5`,
      `f1 load boot-a ${noon - 2} 0 4 `,
      `f1 load boot-a ${noon - 1} 1 4.5 `,
      `f2 load boot-a ${noon - 1} 0 -3.5 `,
    ])
    expect(await pointsOf(name)).toEqual(await rulingIn(world))
  })

  test('what rules is what it holds, whatever is told and decided, in whatever order', async ({
    database,
  }) => {
    const { world, name } = await given(database)
    let n = 0
    const spoken = fc.record({
      seq: fc.nat(12),
      boot: fc.constantFrom('a', 'b'),
      body: fc.array(fc.record({ minute: fc.nat(6), celsius: fc.constantFrom(1, 3, 4, 5, 6.9, 9) }), {
        minLength: 1,
        maxLength: 3,
      }),
    })
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ accept: fc.array(spoken, { minLength: 1, maxLength: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ limits: fc.constantFrom([100, 500], [200, 600], [0, 900]) }) },
      {
        weight: 1,
        arbitrary: fc.record({ offsetMs: fc.constantFrom(-hour, 5 * minute, 0), fromSeq: fc.nat(8) }),
      },
      { weight: 2, arbitrary: fc.constant({ drain: true }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        const device = `f-${++n}`
        world.clock.now = noon - 3 * hour
        await aDevice(world, device, {}, noon - 24 * hour)
        world.clock.now = noon
        for (const [index, one] of steps.entries()) {
          if ('accept' in one)
            await world.ingest.accept(
              one.accept.map(({ seq, boot, body }) =>
                aMessage({
                  device,
                  seq,
                  boot,
                  body: body.map(({ minute: m, celsius }) => aReading(noon - hour + m * minute, celsius)),
                }),
              ),
            )
          else if ('limits' in one) {
            const [low = 0, high = 0] = one.limits
            // Limits are set for what is to come.
            world.clock.now = noon - 2 * hour
            const from = noon - hour + index * (minute / 2)
            await setDeviceProfile(world.ctx, { device, from, profile: { ...bloodFridge, low, high } })
            world.clock.now = noon
            world.ingest.forget(device)
          } else if ('offsetMs' in one) {
            await recordClockFact(world.ctx, { device, boot: 'a', reason: 'compared', ...one }).catch(
              () => {},
            )
            world.ingest.forget(device)
          } else await drain(world)
        }
        await drain(world)
        expect(await pointsOf(name)).toEqual(await rulingIn(world))
        const range = { device, probe: 'load', from: noon - 3 * hour, to: noon + hour } as const
        const inSql = sqlTelemetry(database)
        const [here, there] = [inSql, world.deps.telemetry].map((store) => store.raw({ ...range, limit: 5 }))
        expect((await there)?.map(({ at }) => at)).toEqual((await here)?.map(({ at }) => at))
        const buckets = await inSql.window({ ...range, everyMs: 7 * minute })
        expect(await world.deps.telemetry.window({ ...range, everyMs: 7 * minute })).toEqual(
          buckets.map((bucket) => ({ ...bucket, mean: expect.closeTo(bucket.mean, 6) })),
        )
      }),
      { numRuns: 30, endOnFailure: true },
    )
  }, 120_000)

  describeOnServer('from two services on one server', () => {
    test('what rules is what it holds, whoever of them contradicts the other first', async ({ database }) => {
      const { world, name } = await given(database)
      const other = await openDatabase({ url: database.pool.options.connectionString })
      onTestFinished(() => other.close())
      const rivals = [world.ingest, createIngest({ ...world.deps, database: other }, { holdMs: 2_000 })]
      const devices = ['f1', 'f2', 'f3']
      for (const device of devices) await aDevice(world, device)
      const { stop } = forward(world)
      let seq = 0
      for (let round = 0; round < 40; round++) {
        await Promise.all(
          rivals.map((ingest) => {
            const messages = devices.map((device) => {
              const celsius = [1, 3, 5, 6.9, 9][++seq % 5] ?? 4
              const body = [
                aReading(noon - hour + Math.floor(round / 4), celsius),
                aReading(noon - minute + seq, 4),
              ]
              return aMessage({ device, seq, body })
            })
            return ingest.accept(messages)
          }),
        )
      }
      await emptied(world)
      await stop()
      const points = await pointsOf(name)
      expect(points.length).toBeGreaterThan(240)
      expect(points).toEqual(await rulingIn(world))
    })
  })

  test('what was stored before there was an InfluxDB is there once it is put on its way, packed or not', async ({
    database,
  }) => {
    const { world, name } = await given(database)
    const alone = { ...world.deps, telemetry: sqlTelemetry(database) }
    const before = createIngest(alone, { holdMs: 2_000 })
    await aDevice(world, 'f1')
    await aDevice(world, 'f2')
    const from = noon - 40 * hour
    const beat = (n: number) => ({ ...aReading(from + n * 20 * minute, 4 + n / 100), humidity: 44 + n / 10 })
    const readings = Array.from({ length: 100 }, (_, n) => beat(n))
    await before.accept([
      aMessage({ device: 'f1', seq: 0, body: readings }),
      aMessage({
        device: 'f2',
        boot: 'b',
        seq: 0,
        body: [aReading(noon - 1, 5), aReading(noon - 1, 21, 'ambient')],
      }),
    ])
    await packHours(alone, new AbortController().signal)
    // One that is told again, otherwise, when its hour is packed.
    await before.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(from, 9)] })])
    expect(await waiting(world)).toBe(0)

    const told: string[] = []
    const range = { from: from + 20 * minute, to: noon }
    await forwardStored(world.deps, range, (device, n) => told.push(`${device} ${n}`))
    expect(told).toEqual(['f1 99', 'f2 2'])
    await forwardStored(world.deps, {})
    // Decided after it was put on its way, and sent after it.
    await world.ingest.accept([aMessage({ device: 'f1', seq: 2, body: [aReading(from + 20 * minute, 9)] })])
    await drain(world)
    expect(await compareStores(database.db, { url: influxd.url, database: name })).toEqual({
      readings: 102,
      packed: 100,
      differences: [],
    })
    expect(await pointsOf(name)).toContain(`f1 load boot-a ${from + 20 * minute} 2 9 `)
  })

  test('what a clock told that ran years ahead is put on its way with all the rest', async ({ database }) => {
    const { world, name } = await given(database)
    const before = createIngest({ ...world.deps, telemetry: sqlTelemetry(database) }, { holdMs: 2_000 })
    await aDevice(world, 'f1')
    const year = 365 * 24 * hour
    await before.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon, 4)] })])
    const fact = { boot: 'boot-a', fromSeq: 1, offsetMs: -year, reason: 'compared' }
    await recordClockFact(world.ctx, { device: 'f1', ...fact })
    before.forget('f1')
    await before.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(noon + year, 5)] })])
    await forwardStored(world.deps, {})
    await drain(world)
    expect(await pointsOf(name)).toEqual([
      `f1 load boot-a ${noon} 0 4 `,
      `f1 load boot-a ${noon + year} 1 5 `,
    ])
  })

  test('three bad ones of a thousand are found, with the reason, and the others stored', async ({
    database,
  }) => {
    const { world, name } = await given(database)
    await aDevice(world, 'f1')
    // In another shard the field has another type already; and no InfluxDB has a number for the last years we have.
    const elsewhere = noon - 60 * 24 * hour
    await fetch(`${influxd.url}/write?db=${name}&precision=ms`, {
      method: 'POST',
      body: `reading,device=other celsius="cold" ${elsewhere}`,
    })
    const told = counted(1_000)
    told[200] = { at: elsewhere, centi: 1 }
    told[201] = { at: 253_402_300_799_998, centi: 2 }
    told[900] = { at: 253_402_300_799_999, centi: 3 }
    await enqueue(world, 'f1', told)
    const { stop, said } = forward(world)
    await emptied(world)
    await stop()

    expect(await timesIn(world, 'f1')).toEqual(
      told.filter((_, i) => ![200, 201, 900].includes(i)).map(({ at }) => at),
    )
    const door = openDoor(world)
    const { deadLetters } = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')
    expect(deadLetters.map(({ from, readings, reason }) => ({ from, readings, reason }))).toEqual(
      expect.arrayContaining([
        {
          from: iso(elsewhere),
          readings: 1,
          reason: expect.stringMatching(/field type conflict: .*"?celsius"?/),
        },
        {
          from: iso(253_402_300_799_998),
          readings: 1,
          reason: expect.stringMatching(/unable to parse .*time outside range/),
        },
        {
          from: iso(253_402_300_799_999),
          readings: 1,
          reason: expect.stringMatching(/unable to parse .*time outside range/),
        },
      ]),
    )
    expect(deadLetters).toHaveLength(3)
    expect(said.filter(({ level }) => level === 'error')).toHaveLength(3)

    // Mended: the other writer's points are gone. What no InfluxDB can hold is set aside once more.
    await influxd.run(`drop database ${name}`)
    await influxd.run(`create database ${name}`)
    for (const { id } of deadLetters)
      expect(await door.ask(Resending, 'POST', `/telemetry/dead-letters/${id}/resend`)).toEqual({
        queued: 1,
        overruled: 0,
      })
    await drain(world)
    expect(await timesIn(world, 'f1')).toEqual([elsewhere])
    const left = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters?device=f1')
    expect(left.deadLetters).toHaveLength(2)
    expect(await door.refused('POST', `/telemetry/dead-letters/${deadLetters[0]?.id}/resend`)).toMatchObject({
      status: 409,
    })
  })

  test('where another writer has made text of a field, all it refuses is set aside until that is mended', async ({
    database,
  }) => {
    const { world, name } = await given(database)
    await aDevice(world, 'f1')
    await fetch(`${influxd.url}/write?db=${name}&precision=ms`, {
      method: 'POST',
      body: `reading,device=other celsius="cold" ${noon}`,
    })
    const told = counted(1_000)
    await enqueue(world, 'f1', told)
    await drain(world)
    const door = openDoor(world)
    const { deadLetters } = await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')
    expect(deadLetters).toMatchObject([
      { device: 'f1', readings: 1_000, reason: expect.stringMatching(/field type conflict: .*"?celsius"?/) },
    ])

    await influxd.run(`drop database ${name}`)
    await influxd.run(`create database ${name}`)
    await door.ask(Resending, 'POST', `/telemetry/dead-letters/${deadLetters[0]?.id}/resend`)
    await drain(world)
    expect(await timesIn(world, 'f1')).toEqual(told.map(({ at }) => at))
  })

  test('while its database is gone everything is kept, and somebody is told', async ({ database }) => {
    const { world, name } = await given(database)
    await aDevice(world, 'f1')
    await influxd.run(`drop database ${name}`)
    await enqueue(world, 'f1', counted(10))
    const forwarding = forward(world)
    await until(() => forwarding.said.filter(({ level }) => level === 'warn').length >= 3)
    expect(forwarding.trouble()).toBe(
      'InfluxDB does not let the service in, or lacks the place to write to (404)',
    )
    const alarms = forwarding.said.filter(({ level }) => level === 'error')
    expect(alarms).toMatchObject([
      { fields: { trouble: 'shut', status: 404, reason: expect.stringContaining(name) } },
    ])
    expect(await waiting(world)).toBe(10)
    const door = openDoor(world, { telemetryTrouble: forwarding.trouble })
    expect(await (await door.raw('/metrics')).text()).toContain(
      'hemotrail_telemetry_trouble{trouble="shut"} 1',
    )
    expect((await door.ask(DeadLetters, 'GET', '/telemetry/dead-letters')).deadLetters).toEqual([])

    await influxd.run(`create database ${name}`)
    await emptied(world)
    await until(() => forwarding.trouble() === null)
    expect(await timesIn(world, 'f1')).toHaveLength(10)
    expect(await (await door.raw('/metrics')).text()).not.toContain('hemotrail_telemetry_trouble{')
  })

  test('is killed again and again while it is written to, and nothing is lost', async ({ database }) => {
    const { world } = await given(database)
    await aDevice(world, 'f1')
    const forwarding = forward(world)
    let seq = 0
    for (let round = 0; round < 3; round++) {
      for (let k = 0; k < 15; k++, seq++) {
        if (k === 5) await influxd.kill9()
        const body = Array.from({ length: 100 }, (_, i) => aReading(noon - hour + seq * 100 + i, 4))
        await world.ingest.accept([aMessage({ device: 'f1', seq, body })])
      }
      await until(() => forwarding.trouble() !== null)
      await influxd.start()
    }
    await emptied(world)
    expect(await timesIn(world, 'f1')).toEqual(Array.from({ length: seq * 100 }, (_, i) => noon - hour + i))
  })

  test('while it is away the service is ready, charts say what is wrong, and its gauges tell', async ({
    database,
  }) => {
    const { world } = await given(database)
    await aDevice(world, 'f1')
    await influxd.stop()
    onTestFinished(() => influxd.start())
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon, 4)] })])
    const door = openDoor(world)
    const { telemetry } = await door.ask(Readiness, 'GET', '/ready')
    expect(telemetry).toEqual({ product: 'InfluxDB', delayed: 'InfluxDB does not answer' })
    expect(await door.refused('GET', '/devices/f1/telemetry')).toMatchObject({
      status: 503,
      code: 'unavailable',
    })
    world.clock.now += 45_000
    const text = await (await door.raw('/metrics')).text()
    expect(text).toContain('hemotrail_telemetry_waiting_readings 1')
    expect(text).toContain('hemotrail_telemetry_waiting_seconds 45')
    expect(text).toContain('hemotrail_telemetry_outbox_rows 1')
  })

  test('a chart says that what came last is on its way, until it is there', async ({ database }) => {
    const { world } = await given(database)
    await aDevice(world, 'f1')
    const door = openDoor(world)
    const chart = () => door.ask(Telemetry, 'GET', '/devices/f1/telemetry')
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon, 4)] })])
    world.clock.now += minute
    expect(await chart()).toMatchObject({ delayed: true, buckets: [] })
    const { telemetry } = await door.ask(Readiness, 'GET', '/ready')
    expect(telemetry).toMatchObject({
      version: expect.stringMatching(/^1\./),
      delayed: 'readings wait for InfluxDB',
    })
    await drain(world)
    expect(await chart()).toMatchObject({ delayed: false, buckets: [{ count: 1, mean: 4 }] })
    expect((await door.ask(Readiness, 'GET', '/ready')).telemetry).not.toHaveProperty('delayed')
  })
})

describeOnInflux('forwarding to an influxd that does not know us', () => {
  test('keeps everything until it does', async ({ database }) => {
    const influxd = await startInfluxd({ asksWho: true })
    onTestFinished(() => influxd.remove())
    await influxd.run('create database telemetry')
    const place = { url: influxd.url, database: 'telemetry', user: 'hemotrail', password: 'its own' }
    const world = await aForwardingWorld(database, place)
    await aDevice(world, 'f1')
    await enqueue(world, 'f1', counted(3))
    const { trouble } = forward(world)
    await until(() => /\(401\)$/.test(trouble() ?? ''))
    await influxd.run(`create user hemotrail with password '${influxAdmin.password}'`)
    await until(() => /\(403\)$/.test(trouble() ?? ''))
    expect(await waiting(world)).toBe(3)
    await influxd.run('grant all on telemetry to hemotrail')
    await emptied(world)
    expect(await timesIn(world, 'f1')).toHaveLength(3)
  })
})

/** Say of each reading that it was not taken. */
const dropAll: FakeInflux['answer'] = (response, { lines }) =>
  say(response, 400, { error: `partial write: no dropped=${lines.length}` })

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

/** A store that takes its time over the first thing it is sent, and what it holds at each identity. */
async function givenLate(database: OpenDatabase) {
  const fake = await startFakeInflux()
  const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
  await aDevice(world, 'f1')
  const held = new Map<string, string>()
  const late: (() => void)[] = []
  fake.answer = (response, asked) => {
    const take = () => {
      for (const line of asked.lines) held.set(line.replace(/ .* /, ' '), line)
      fake.take(response, asked)
    }
    if (late.length === 0) late.push(take)
    else take()
  }
  const tell = (seq: number, celsius: number) =>
    world.ingest.accept([aMessage({ device: 'f1', seq, body: [aReading(noon, celsius)] })])
  const celsius = () => [...held.values()].map((line) => / celsius=([^,]*)/.exec(line)?.[1])
  return { world, late, tell, celsius }
}

test('what one process sends late, after newer values that another has sent, does not stay', async ({
  database,
}) => {
  const { world, late, tell, celsius } = await givenLate(database)
  // Nobody has told the one that it does not lead any more.
  const deps = { ...world.deps, database: { ...database, kind: 'pglite' } as const }
  const one = forward({ ...world, deps })
  await tell(0, 4)
  await until(() => late.length > 0)
  forward({ ...world, deps })
  await emptied(world)
  await tell(1, 9)
  await emptied(world)
  expect(celsius()).toEqual(['9'])
  late[0]?.()
  expect(celsius()).toEqual(['4'])
  await until(() => celsius()[0] === '9')
  expect(one.said.map(({ fields }) => String(fields.err))).toEqual([
    'Error: another process forwards telemetry as well',
  ])
})

describeOnServer('two services on one server', () => {
  test('leave no older value where one loses its lock while it sends', async ({ database }) => {
    const { world, late, tell, celsius } = await givenLate(database)
    forward(world)
    await tell(0, 4)
    await until(() => late.length > 0)
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
    )
    forward(world)
    await emptied(world)
    await tell(1, 9)
    await emptied(world)
    expect(celsius()).toEqual(['9'])
    late[0]?.()
    expect(celsius()).toEqual(['4'])
    await until(() => celsius()[0] === '9')
  })

  test('do not send again what one of them sent before the other led', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    await aDevice(world, 'f1')
    const { said } = forward(world)
    await enqueue(world, 'f1', [{ at: noon, centi: 400 }])
    await emptied(world)
    const other = await database.pool.connect()
    const isOthers = other.query('select pg_advisory_lock(4841)')
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
    )
    await isOthers
    const before = fake.asked.length
    fake.answer = (response, asked) =>
      asked.lines.some((line) => line.includes(' celsius=4,'))
        ? fake.take(response, asked)
        : say(response, 400, { message: 'no' })
    await enqueue(world, 'f1', [{ at: noon, centi: 900 }])
    await other.query('select pg_advisory_unlock(4841)')
    other.release()
    await until(() => said.length > 0)
    expect(said[0]?.fields).toMatchObject({ trouble: 'shut' })
    expect(
      fake.asked
        .slice(before)
        .flatMap(({ lines }) => lines)
        .join(),
    ).not.toContain(' celsius=4,')
  })

  test('do not both forward, and one takes over where the other has lost its lock', async ({ database }) => {
    const fake = await startFakeInflux()
    const place = { url: fake.url, token: 't', org: 'o', bucket: 'b' }
    const world = await aForwardingWorld(database, place)
    await aDevice(world, 'f1')
    const url = new URL(database.pool.options.connectionString as string)
    const other = await openDatabase({ url: url.href })
    onTestFinished(() => other.close())
    let under = 0
    let most = 0
    fake.answer = (response, asked) => {
      most = Math.max(most, ++under)
      setTimeout(() => {
        under--
        fake.take(response, asked)
      }, 5)
    }
    forward(world)
    forward({ ...world, deps: { ...world.deps, database: other } })
    for (let round = 0; round < 6; round++) {
      await enqueue(
        world,
        'f1',
        Array.from({ length: 10 }, (_, i) => ({ at: noon + round * 10 + i, centi: i })),
      )
      await emptied(world)
      await database.pool.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
      )
    }
    expect(most).toBe(1)
    expect(fake.stored.size).toBe(60)
  })
})
