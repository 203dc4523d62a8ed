import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { offsetOf } from '../../../api/domain/clock.ts'
import { ensureBoots, insertClockFact } from '../../../api/stores/clocks.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import type { TelemetryReading, TelemetryStore } from '../../../api/stores/telemetry.ts'
import { test } from '../../support/database.ts'
import { aDevice, aWorld, noon } from '../../support/world.ts'

const minute = 60_000
const everything = { from: noon - 86_400_000, to: noon + 86_400_000 }

/**
 * What every telemetry store promises. A store may be shared with others: each test has a device nobody else has.
 *
 * @param open makes a store of the service whose database this is
 */
export function telemetryContract(
  name: string,
  open: (database: OpenDatabase) => Promise<TelemetryStore>,
): void {
  async function given(database: OpenDatabase) {
    const store = await open(database)
    const world = await aWorld(database, 2_000, 'H1', store)
    const device = `fridge-${randomUUID()}`
    await aDevice(world, device)
    const reading = (parts: Partial<TelemetryReading>): TelemetryReading => ({
      device,
      probe: 'load',
      boot: 'boot-a',
      seq: 0,
      at: noon,
      centi: 400,
      humidity: null,
      ...parts,
    })
    /** Say what the time of some messages is worth. */
    async function decide(
      boot: string,
      fromSeq: number,
      toSeq: number | null,
      offsetMs: number,
    ): Promise<void> {
      const { id } = await findDevice(database.db, device)
      const [known] = await ensureBoots(database.db, [{ deviceId: id, boot }])
      const fact = {
        deviceId: id,
        device,
        bootId: known?.id as number,
        fromSeq,
        toSeq,
        offsetMs,
        reason: 'compared',
      }
      await database.db.transaction((tx) => insertClockFact(tx, { kind: 'job', id: 'test' }, fact, noon))
    }
    return {
      store,
      device,
      reading,
      decide,
      raw: (range: Partial<{ from: number; to: number; limit: number }> = {}) =>
        store.raw({ device, probe: 'load', limit: 1_000, ...everything, ...range }),
      window: (everyMs: number, range: Partial<{ from: number; to: number }> = {}) =>
        store.window({ device, probe: 'load', everyMs, ...everything, ...range }),
    }
  }

  describe(name, () => {
    test('gives back what was written to it, by time and then by boot', async ({ database }) => {
      const { store, reading, raw } = await given(database)
      await store.write([
        reading({ at: noon + 2, centi: -10_000 }),
        reading({ at: noon, boot: 'b', centi: 1 }),
        reading({ at: noon, boot: 'B', centi: 2 }),
        reading({ at: noon, boot: '_', centi: 3 }),
        reading({ at: noon, boot: '1', centi: 4 }),
        reading({ at: noon - 1, centi: 10_000, humidity: 10_000 }),
        reading({ at: noon + 1, centi: 437, humidity: 0 }),
      ])
      expect(await raw()).toEqual([
        { at: noon - 1, centi: 10_000 },
        { at: noon, centi: 4 },
        { at: noon, centi: 2 },
        { at: noon, centi: 3 },
        { at: noon, centi: 1 },
        { at: noon + 1, centi: 437 },
        { at: noon + 2, centi: -10_000 },
      ])
    })

    test('gives no more than it is asked for, even where many readings share an instant', async ({
      database,
    }) => {
      const { store, reading, raw } = await given(database)
      const boots = ['f', 'e', 'd', 'c', 'b', 'a']
      await store.write(boots.map((boot, centi) => reading({ boot, centi })))
      await store.write([reading({ at: noon - 1, centi: 9 }), reading({ at: noon + 1, centi: 9 })])
      const all = await raw()
      expect(all.map(({ centi }) => centi)).toEqual([9, 5, 4, 3, 2, 1, 0, 9])
      for (let limit = 1; limit <= all.length + 1; limit++)
        expect(await raw({ limit })).toEqual(all.slice(0, limit))
    })

    test('takes the same reading again without a trace, and another value in its place', async ({
      database,
    }) => {
      const { store, reading, raw, window } = await given(database)
      const batch = [reading({ centi: 400, humidity: 4_400 }), reading({ at: noon + 1, centi: 500 })]
      await store.write(batch)
      await store.write(batch)
      await store.write(batch.slice(1))
      expect(await raw()).toHaveLength(2)
      await store.write([reading({ centi: 900, seq: 7 }), reading({ at: noon + 2, centi: 600 })])
      expect((await raw()).map(({ centi }) => centi)).toEqual([900, 500, 600])
      expect(await window(minute)).toMatchObject([{ from: noon, count: 3, min: 500, max: 900 }])
    })

    test('tells one probe from another, and one device', async ({ database }) => {
      const { store, device, reading, raw, window } = await given(database)
      await store.write([
        reading({ centi: 1 }),
        reading({ centi: 2, probe: 'air' }),
        reading({ centi: 3, probe: 'ambient' }),
      ])
      expect(await raw()).toEqual([{ at: noon, centi: 1 }])
      expect(await store.raw({ device, probe: 'air', limit: 9, ...everything })).toEqual([
        { at: noon, centi: 2 },
      ])
      expect(await window(minute)).toMatchObject([{ count: 1, min: 1 }])
    })

    test('knows nothing of a probe that never reported', async ({ database }) => {
      const { raw, window, decide } = await given(database)
      expect(await raw()).toEqual([])
      expect(await window(minute)).toEqual([])
      await decide('boot-a', 0, null, minute)
      expect(await raw()).toEqual([])
      expect(await window(minute)).toEqual([])
    })

    test('takes nothing as well', async ({ database }) => {
      const { store, raw } = await given(database)
      await store.write([])
      expect(await raw()).toEqual([])
    })

    test('keeps to [from, to)', async ({ database }) => {
      const { store, reading, raw, window } = await given(database)
      await store.write([-1, 0, 1, 2].map((ms) => reading({ at: noon + ms, centi: 400 + ms })))
      expect(await raw({ from: noon, to: noon + 2 })).toEqual([
        { at: noon, centi: 400 },
        { at: noon + 1, centi: 401 },
      ])
      const buckets = await window(minute, { from: noon, to: noon + 2 })
      expect(buckets).toEqual([{ from: noon, count: 2, min: 400, max: 401, mean: expect.closeTo(400.5) }])
      expect(await window(1, { from: noon, to: noon + 2 })).toMatchObject([
        { from: noon, count: 1 },
        { from: noon + 1, count: 1 },
      ])
    })

    test('counts buckets from where the range begins, and leaves out empty ones', async ({ database }) => {
      const { store, reading, window } = await given(database)
      const from = noon - 12_345
      const at = (ms: number, centi: number) => reading({ at: from + ms, centi })
      await store.write([
        at(0, 401),
        at(59_999, 402),
        at(60_000, 410),
        at(180_000, 1),
        at(239_999, 3),
        at(200_000, 8),
      ])
      expect(await window(60_000, { from })).toEqual([
        { from, count: 2, min: 401, mean: expect.closeTo(401.5), max: 402 },
        { from: from + 60_000, count: 1, min: 410, mean: expect.closeTo(410), max: 410 },
        { from: from + 180_000, count: 3, min: 1, mean: expect.closeTo(4), max: 8 },
      ])
    })

    test('puts readings at the time a clock fact says theirs is worth', async ({ database }) => {
      const { store, reading, raw, window, decide } = await given(database)
      const hour = 60 * minute
      await store.write([
        reading({ at: noon - hour, seq: 1, centi: 401 }),
        reading({ at: noon, seq: 2, centi: 402 }),
        reading({ at: noon + 1, seq: 3, centi: 403 }),
        reading({ at: noon + hour, boot: 'boot-b', seq: 1, centi: 404 }),
      ])
      await decide('boot-a', 2, 2, -2 * hour)
      await decide('boot-b', 0, null, -hour)
      expect(await raw()).toEqual([
        { at: noon - 2 * hour, centi: 402 },
        { at: noon - hour, centi: 401 },
        { at: noon, centi: 404 },
        { at: noon + 1, centi: 403 },
      ])
      expect(await raw({ limit: 1 })).toEqual([{ at: noon - 2 * hour, centi: 402 }])
      expect(await raw({ from: noon, to: noon + 1 })).toEqual([{ at: noon, centi: 404 }])
      expect(await window(hour, { from: noon - 2 * hour, to: noon + 1 })).toMatchObject([
        { from: noon - 2 * hour, count: 1, min: 402 },
        { from: noon - hour, count: 1, min: 401 },
        { from: noon, count: 1, min: 404 },
      ])
    })

    test('answers any question about any readings as a list of them would', async ({ database }) => {
      const { store, device, reading, raw, window, decide } = await given(database)
      const boots = ['boot-a', 'boot-b']
      const told = fc.record({
        at: fc.integer({ min: noon, max: noon + 400 }),
        boot: fc.constantFrom(...boots),
        seq: fc.nat(20),
        centi: fc.integer({ min: -3_000, max: 3_000 }),
      })
      const bounds = fc.tuple(fc.integer({ min: -50, max: 450 }), fc.integer({ min: 1, max: 400 }))
      const known = new Map<string, TelemetryReading>()

      async function agrees(
        [start, length]: [number, number],
        everyMs: number,
        limit: number,
      ): Promise<void> {
        const [from, to] = [noon + start, noon + start + length]
        const { clockFacts } = await findDevice(database.db, device)
        const expected = [...known.values()]
          .map((one) => ({ ...one, at: one.at + offsetOf(clockFacts, one.boot, one.seq) }))
          .filter(({ at }) => at >= from && at < to)
          .sort((a, b) => a.at - b.at || (a.boot < b.boot ? -1 : 1))
        // Where clock facts bring two of one boot to one instant, either may be first.
        const inOrder = (all: readonly { at: number; centi: number }[]) =>
          all.map(({ at, centi }) => `${at} ${centi}`).sort()
        expect(inOrder(await raw({ from, to }))).toEqual(inOrder(expected))
        const some = (await raw({ from, to, limit })).map(({ at }) => at)
        expect(some).toEqual(expected.slice(0, limit).map(({ at }) => at))
        const buckets = new Map<number, number[]>()
        for (const { at, centi } of expected) {
          const start = from + Math.floor((at - from) / everyMs) * everyMs
          buckets.set(start, [...(buckets.get(start) ?? []), centi])
        }
        expect(await window(everyMs, { from, to })).toEqual(
          [...buckets].map(([from, all]) => ({
            from,
            count: all.length,
            min: Math.min(...all),
            max: Math.max(...all),
            mean: expect.closeTo(all.reduce((sum, centi) => sum + centi, 0) / all.length, 6),
          })),
        )
      }

      const questions = fc.tuple(bounds, fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 8 }))
      const round = async (
        batch: readonly Pick<TelemetryReading, 'at' | 'boot' | 'seq' | 'centi'>[],
        asked: [[number, number], number, number],
      ) => {
        const readings = new Map(batch.map((one) => [`${one.at}/${one.boot}`, reading(one)]))
        for (const [identity, one] of readings) known.set(identity, one)
        await store.write([...readings.values()])
        await agrees(...asked)
      }
      const runs = { numRuns: 15, endOnFailure: true }
      const batches = fc.array(told, { minLength: 1, maxLength: 12 })
      await fc.assert(fc.asyncProperty(batches, questions, round), runs)
      await decide('boot-a', 5, 15, 37)
      await decide('boot-b', 0, null, -112)
      await fc.assert(fc.asyncProperty(batches, questions, round), runs)
    })

    test('takes ten thousand readings at once', async ({ database }) => {
      const { store, reading, raw, window } = await given(database)
      const many = Array.from({ length: 10_000 }, (_, seq) =>
        reading({ at: noon + seq, seq, centi: seq % 1_000 }),
      )
      await store.write(many)
      expect(await window(10_000)).toMatchObject([
        { from: expect.any(Number), count: 10_000, min: 0, max: 999 },
      ])
      expect(await raw({ limit: 20_000 })).toHaveLength(10_000)
    })

    test('loses none of very many, two of an instant, whose times are worth something else', async ({
      database,
    }) => {
      const { store, reading, raw, window, decide } = await given(database)
      const many = Array.from({ length: 25_001 }, (_, n) => {
        const boot = n % 2 === 0 ? 'boot-b' : 'boot-a'
        return reading({ boot, at: noon + Math.ceil(n / 2), seq: n, centi: n % 1_000 })
      })
      for (const from of [0, 10_000, 20_000]) await store.write(many.slice(from, from + 10_000))
      await decide('boot-a', 0, null, 60 * minute)
      const told = await window(60 * minute, { from: noon, to: noon + 120 * minute })
      expect(told.map(({ count }) => count)).toEqual([12_501, 12_500])
      expect(await raw({ limit: 30_000 })).toHaveLength(25_001)
    })

    test('says what it is and that it is well', async ({ database }) => {
      const { store } = await given(database)
      expect(store.product).toMatch(/^[A-Z]\w+$/)
      const health = await store.health()
      expect(health.ok).toBe(true)
      expect(health.version ?? 'untold').toMatch(/\w/)
    })
  })
}
