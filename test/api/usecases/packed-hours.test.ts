import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import type { Transaction } from '../../../api/stores/database.ts'
import { findDevice, probesOf } from '../../../api/stores/devices.ts'
import { hourMs, mostInHour } from '../../../api/stores/packed-hour.ts'
import { packDevice } from '../../../api/stores/packing.ts'
import {
  type Contradiction,
  contradictionsOf,
  countReadings,
  rawTimesOf,
  readingJustAfter,
  readingsBetween,
  readingsJustBefore,
} from '../../../api/stores/readings.ts'
import { keptBy } from '../../../api/stores/scans.ts'
import { packHours } from '../../../api/usecases/pack-hours.ts'
import { readPage } from '../../../api/usecases/read-series.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { test } from '../../support/database.ts'
import { storedReadings } from '../../support/stored-readings.ts'
import {
  aDevice,
  aMessage,
  aReading,
  aWorld,
  bloodFridge,
  findingsOf,
  noon,
  type World,
} from '../../support/world.ts'

const start = noon - 6 * hourMs
const boots = ['boot-a', 'boot-b'] as const

/** Instants that meet often, at the edges of hours above all. */
const Instant = fc
  .tuple(
    fc.integer({ min: 0, max: 5 }),
    fc.constantFrom(0, 1, 60_000, 1_800_000, hourMs - 60_000, hourMs - 1),
  )
  .map(([hour, ms]) => start + hour * hourMs + ms)

const Told = fc.record({
  at: Instant,
  celsius: fc.constantFrom(1, 3, 4, 4, 4, 5, 7),
  humidity: fc.option(fc.constantFrom(40, 41.5)),
})

const Step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('message' as const),
      boot: fc.constantFrom(...boots),
      told: fc.array(Told, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('pack' as const), hours: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fact' as const),
      boot: fc.constantFrom(...boots),
      fromSeq: fc.integer({ min: 0, max: 8 }),
      length: fc.option(fc.integer({ min: 0, max: 4 })),
      offsetMs: fc.constantFrom(-hourMs, -60_000, 60_000, 2 * hourMs),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('profile' as const),
      from: fc.integer({ min: 0, max: 5 }),
      low: fc.constantFrom(100, 350),
    }),
  },
)
type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never

/** One device lives through the steps, but for what is packed. */
async function live(world: World, device: string, steps: readonly Step[], isPacked: boolean): Promise<void> {
  const { db } = world.deps.database
  await aDevice(world, device, { maxSilenceMs: 1_200_000 })
  const next = new Map<string, number>()
  for (const step of steps) {
    if (step.kind === 'message') {
      const seq = next.get(step.boot) ?? 0
      next.set(step.boot, seq + 1)
      const body = step.told.map(({ at, celsius, humidity }) => ({
        ...aReading(at, celsius),
        ...(humidity === null ? {} : { humidity }),
      }))
      await world.ingest.accept([aMessage({ device, boot: step.boot, seq, body })])
    } else if (step.kind === 'pack') {
      if (!isPacked) continue
      const { id } = await findDevice(db, device)
      const before = start + step.hours * hourMs
      while ((await db.transaction((tx) => packDevice(tx, id, before))) > 0);
    } else if (step.kind === 'restart') world.restart()
    else if (step.kind === 'fact') {
      if (!next.has(step.boot)) continue
      const { boot, fromSeq, length, offsetMs } = step
      const toSeq = length === null ? {} : { toSeq: fromSeq + length }
      await recordClockFact(world.ctx, { device, boot, fromSeq, ...toSeq, offsetMs, reason: 'compared' })
      world.ingest.forget(device)
    } else {
      world.clock.now = start + step.from * hourMs
      // Two changes at one instant are refused, for both devices alike.
      await setDeviceProfile(world.ctx, { device, profile: { ...bloodFridge, low: step.low } }).catch(
        () => {},
      )
      world.clock.now = noon
      world.ingest.forget(device)
    }
  }
}

const instants = [-1, 0, 60_000, hourMs, 2.5 * hourMs, 5 * hourMs, 6 * hourMs, 9 * hourMs].map(
  (ms) => start + ms,
)
const ranges = [
  [-hourMs, 9 * hourMs],
  [0, 1],
  [0, hourMs],
  [1, 6 * hourMs],
  [hourMs - 1, 2 * hourMs + 1],
  [2.5 * hourMs, 4.5 * hourMs],
  [60_000, 60_001],
  [5 * hourMs, 6 * hourMs],
].map(([from = 0, to = 0]) => ({ from: start + from, to: start + to }))
const longBefore = Date.parse('2020-01-01T00:00:00Z')

/** All that anybody can be told of a device's readings, by every way there is to ask. */
async function answersOf(world: World, name: string) {
  const { deps } = world
  const { db } = deps.database
  const device = await findDevice(db, name)
  const { clockFacts: facts } = device
  const findings = await findingsOf(deps, name, noon)
  const [probe] = await probesOf(db, device.id)
  if (!probe) return { findings }
  const between = []
  const windows = []
  const raws = []
  for (const { from, to } of ranges) {
    between.push(await readingsBetween(db, probe.id, facts, from, to))
    for (const everyMs of [600_000, hourMs, 3 * hourMs])
      windows.push(await deps.telemetry.window({ device: name, probe: 'load', from, to, everyMs }))
    raws.push(await deps.telemetry.raw({ device: name, probe: 'load', from, to, limit: 3 }))
  }
  const neighbours = []
  for (const at of [longBefore, ...instants]) {
    neighbours.push(await readingsJustBefore(db, probe.id, facts, at))
    neighbours.push(await readingJustAfter(db, probe.id, facts, at))
  }
  const pages = []
  for (let from: number | null = longBefore; from !== null; ) {
    const page: Awaited<ReturnType<typeof readPage>> = await readPage(deps, {
      device: name,
      probe: 'load',
      from,
      to: noon + hourMs,
      limit: 2,
    })
    pages.push(page)
    from = page.next
  }
  const inTransaction = await db.transaction(async (tx) => ({
    contradictions: (await contradictionsOf(tx, probe.id)).map(withoutIds),
    rawTimes: await rawTimes(tx, device.id, probe.id),
    kept: await keptBetween(tx, device.id),
  }))
  return {
    findings,
    between,
    windows,
    raws,
    neighbours,
    pages,
    ...inTransaction,
    count: await countReadings(db, [probe.id]),
    stored: (await storedReadings(db, probe.id)).readings,
  }
}

function withoutIds({ boot, ruling, overruled }: Contradiction) {
  const told = ({ at, seq, centi, humidity }: Contradiction['ruling']) => ({ at, seq, centi, humidity })
  return { boot, ruling: told(ruling), overruled: overruled.map(told) }
}

async function rawTimes(tx: Transaction, deviceId: number, probeId: number) {
  const { rows } = await tx.execute<{ id: number }>(
    sql`select id from boot where device_id = ${deviceId} order by boot`,
  )
  const found = []
  for (const { id: bootId } of rows)
    for (const [fromSeq, toSeq] of [
      [0, null],
      [1, 3],
      [2, null],
    ] as const)
      found.push(await rawTimesOf(tx, probeId, { bootId, fromSeq, toSeq }))
  return found
}

async function keptBetween(tx: Transaction, deviceId: number) {
  const found = []
  for (const { from, to } of ranges)
    for (const kind of ['load', 'air'] as const) {
      const readings = await keptBy(tx, { deviceId, kind, from, to })
      found.push([...readings].sort((a, b) => a.at - b.at || (a.boot < b.boot ? -1 : 1)))
    }
  return found
}

describe('packing', () => {
  test('changes no answer, whatever comes before it, between and after', { timeout: 600_000 }, async ({
    database,
  }) => {
    const world = await aWorld(database)
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(Step, { minLength: 4, maxLength: 24 }), async (steps) => {
        const [loose, packed] = [`loose-${++run}`, `packed-${run}`]
        await live(world, loose, steps, false)
        await live(world, packed, steps, true)
        expect(await answersOf(world, packed)).toEqual(await answersOf(world, loose))
      }),
      { numRuns: Number(process.env.PACKING_RUNS ?? 25) },
    )
    const { rows } = await database.db.execute<{ hours: number }>(
      sql`select count(*) as hours from reading_hour`,
    )
    expect(rows[0]?.hours).toBeGreaterThan(0)
  })

  test('takes the hours that have been over for two hours, and no other', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const body = [-4, -2.5, -2, -1, 0].map((hours) => aReading(noon + hours * hourMs, 4))
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body })])

    expect(await packAll(world)).toBe(2)
    expect(await packAll(world)).toBe(0)

    const { readings, packed } = await stored(world, 'f1')
    expect(readings).toHaveLength(5)
    expect(packed).toBe(2)
  })

  test('leaves what comes late for a packed hour beside it until the next time', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const tell = (seq: number, ...minutes: number[]) =>
      world.ingest.accept([
        aMessage({ device: 'f1', seq, body: minutes.map((minute) => aReading(start + minute * 60_000, 4)) }),
      ])
    await tell(0, 10, 30)
    await packAll(world)

    await tell(1, 20, 10)
    expect(await stored(world, 'f1')).toMatchObject({
      readings: [{ seq: 0 }, { seq: 1 }, { seq: 0 }],
      packed: 2,
    })
    await packAll(world)
    expect(await stored(world, 'f1')).toMatchObject({
      readings: [{ seq: 0 }, { seq: 1 }, { seq: 0 }],
      packed: 3,
    })
  })

  test('lets the value rule that is further from the middle, where it comes late as well', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const tell = (seq: number, celsius: number) =>
      world.ingest.accept([aMessage({ device: 'f1', seq, body: [aReading(start, celsius)] })])
    await tell(0, 4)
    await packAll(world)
    await tell(1, 7)
    await tell(2, 5)
    await tell(3, 7)

    expect(await stored(world, 'f1')).toMatchObject({ readings: [{ seq: 1, centi: 700 }], packed: 1 })
    const { db } = database
    const [probe] = await probesOf(db, (await findDevice(db, 'f1')).id)
    const [contradiction] = await db.transaction((tx) => contradictionsOf(tx, probe?.id as number))
    expect(contradiction).toMatchObject({
      ruling: { centi: 700 },
      overruled: [
        { centi: 400, seq: 0 },
        { centi: 500, seq: 2 },
      ],
    })
    expect((await findingsOf(world.deps, 'f1', noon)).excursions).toMatchObject([
      { from: start, warmest: 700 },
    ])
  })

  test('does not let a reading be told twice by a clock fact that sets its messages apart', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1', { maxSilenceMs: 4 * hourMs })
    // Two in one message, so that no clock is measured by them.
    const tell = (seq: number, at: number, celsius: number) =>
      world.ingest.accept([
        aMessage({ device: 'f1', seq, body: [aReading(at, celsius), aReading(at + 60_000, celsius)] }),
      ])
    await tell(0, start, 4)
    await recordClockFact(world.ctx, {
      device: 'f1',
      boot: 'boot-a',
      fromSeq: 2,
      offsetMs: 2 * hourMs,
      reason: 'compared',
    })
    world.ingest.forget('f1')
    await tell(1, start + 120_000, 4)
    await packAll(world)

    await tell(2, start, 5)

    expect(await stored(world, 'f1')).toMatchObject({
      readings: [
        { at: start, seq: 2, centi: 500 },
        { at: start + 60_000, seq: 2, centi: 500 },
        { at: start + 120_000, seq: 1, centi: 400 },
        { at: start + 180_000, seq: 1, centi: 400 },
      ],
    })
  })

  test('leaves an hour that holds too much as it is, and goes on with the next', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(start + hourMs, 4)] })])
    await database.db.execute(sql`
      insert into reading select probe_id, ${start}::bigint + n, boot_id, seq, centi, humidity
      from reading, generate_series(1, ${mostInHour + 1}) n`)

    expect(await packAll(world)).toBe(1)

    const { readings, packed } = await stored(world, 'f1')
    expect(readings).toHaveLength(mostInHour + 2)
    expect(packed).toBe(1)
  })

  test('goes through all devices a little at a time, and ends when it is told to', async ({ database }) => {
    const world = await aWorld(database)
    const names = Array.from({ length: 3 }, (_, index) => `f${index}`)
    for (const device of names) {
      await aDevice(world, device)
      for (let seq = 0; seq < 5; seq++) {
        const body = Array.from({ length: 300 }, (_, index) =>
          aReading(start + seq * 1_800_000 + index * 6_000, 4),
        )
        await world.ingest.accept([aMessage({ device, seq, body })])
      }
    }
    const leave = new AbortController()
    const begun = await packHours(world.deps, leave.signal, async () => leave.abort())
    expect(begun).toBeGreaterThan(0)
    expect(begun).toBeLessThanOrEqual(1_200)

    let rests = 0
    const left = await packHours(world.deps, new AbortController().signal, async () => {
      rests++
    })
    expect(begun + left).toBe(3 * 5 * 300)
    expect(rests).toBeGreaterThan(names.length)
    for (const device of names) expect((await stored(world, device)).packed).toBe(1_500)
  })
})

function packAll({ deps }: World): Promise<number> {
  return packHours(deps, new AbortController().signal)
}

async function stored({ deps }: World, name: string) {
  const { db } = deps.database
  const [probe] = await probesOf(db, (await findDevice(db, name)).id)
  return storedReadings(db, probe?.id as number)
}
