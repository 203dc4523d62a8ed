import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
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
import {
  aForwardingWorld,
  counted,
  drain,
  emptied,
  enqueue,
  forward,
  hour,
  minute,
  timesIn,
  waiting,
} from '../../support/forwarding.ts'
import { describeOnInflux, type Influxd, influxAdmin, startInfluxd } from '../../support/influxd.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, bloodFridge, noon, type World } from '../../support/world.ts'
import { iso, openDoor } from '../http/door.ts'

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
