import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { compareReadings, derive, type Excursion, type Reading } from '../../../api/domain/series.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, faultsOf, findingsOf, noon } from '../../support/world.ts'

const hour = 3_600_000

describe('a device whose clock is three hours behind', () => {
  test('is in fault, its time is unverified, and a clock fact moves its readings to where they belong', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const bag = await registerBag(world.ctx, {
      din: 'A9999171234569',
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt: noon + 90 * hour,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    const late = -3 * hour
    const minutes = Array.from({ length: 11 }, (_, i) => noon - 600_000 + i * 60_000)
    await world.ingest.accept([
      aMessage({
        device: 'f1',
        channel: 'bags',
        seq: 0,
        body: [{ at: noon - 600_000 + late, added: ['T1'], removed: [] }],
      }),
      ...minutes.map((at, i) =>
        aMessage({
          device: 'f1',
          seq: i + 1,
          sentAt: at + late,
          receivedAt: at,
          uptimeMs: hour + i * 60_000,
          body: [aReading(at + late, 4)],
        }),
      ),
    ])
    expect(await faultsOf(world, 'f1')).toMatchObject([
      { kind: 'offset', fromSeq: 0, toSeq: null, measuredOffsetMs: 3 * hour, settled: false },
    ])
    const asOf = noon
    const doubted = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf })
    expect(doubted.total).toMatchObject({ inRangeMs: 0, unverifiedMs: noon - (noon - 600_000 + late) })

    const reason = 'the device was compared with a radio clock'
    await recordClockFact(world.ctx, { device: 'f1', boot: 'boot-a', fromSeq: 0, offsetMs: 3 * hour, reason })
    expect(await faultsOf(world, 'f1')).toMatchObject([{ settled: true }])
    const trace = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf })
    expect(trace.places).toMatchObject([
      { from: noon - 600_000, exposure: { inRangeMs: 600_000, unverifiedMs: 0 } },
    ])
    const { gaps } = await findingsOf(world.deps, 'f1', asOf)
    expect(gaps.map(({ to }) => to)).toEqual([noon - 600_000])

    await world.ingest.accept([
      aMessage({
        device: 'f1',
        seq: 12,
        sentAt: noon + late,
        uptimeMs: hour + 600_000,
        body: [aReading(noon + late, 4)],
      }),
    ])
    expect(await faultsOf(world, 'f1')).toHaveLength(1)
  })
})

test('a message that was only delivered late is settled by the next live one, with the evidence named', async ({
  database,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const live = (seq: number, sentAt: number, receivedAt: number) =>
    aMessage({
      device: 'f1',
      seq,
      sentAt,
      receivedAt,
      uptimeMs: hour + seq * 60_000,
      body: [aReading(sentAt, 4)],
    })
  await world.ingest.accept([live(0, noon - 600_000, noon)])
  expect(await faultsOf(world, 'f1')).toMatchObject([{ kind: 'offset', settled: false }])
  world.restart()
  await world.ingest.accept([live(10, noon, noon)])
  expect(await faultsOf(world, 'f1')).toMatchObject([{ settled: true, fromSeq: 0, toSeq: 10 }])
  const { rows } = await database.pool.query(
    `select actor, reason from audit_entry where action = 'clock.fact_recorded'`,
  )
  expect(rows).toMatchObject([
    { actor: { kind: 'job', id: 'clock-watch' }, reason: expect.stringContaining('message 10') },
  ])
})

test('a clock that jumps inside one boot is in fault since it last agreed, after a restart since that is written', async ({
  database,
}) => {
  const world = await aWorld(database)
  const live = (device: string, seq: number, wrongMs: number) => {
    const now = noon - hour + seq * 60_000
    return aMessage({
      device,
      seq,
      sentAt: now + wrongMs,
      receivedAt: now,
      uptimeMs: seq * 60_000,
      body: [aReading(now + wrongMs, 4)],
    })
  }
  await aDevice(world, 'f1')
  await world.ingest.accept([live('f1', 0, 0), live('f1', 1, 0)])
  await world.ingest.accept([live('f1', 2, -30_000), live('f1', 3, -30_000)])
  expect(await faultsOf(world, 'f1')).toMatchObject([
    { kind: 'step', fromSeq: 2, toSeq: null, settled: false },
  ])
  await aDevice(world, 'f2')
  await world.ingest.accept([live('f2', 0, 0), live('f2', 1, 0)])
  world.restart()
  await world.ingest.accept([live('f2', 2, -30_000), live('f2', 3, -30_000)])
  expect(await faultsOf(world, 'f2')).toMatchObject([
    { kind: 'step', fromSeq: 1, toSeq: null, settled: false },
  ])
})

test('a backlog never measures a clock', async ({ database }) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const body = [aReading(noon - 20_000, 4), aReading(noon - 10_000, 4)]
  await world.ingest.accept([aMessage({ device: 'f1', seq: 0, sentAt: noon - 5 * hour, body })])
  expect(await faultsOf(world, 'f1')).toEqual([])
})

/** Three excursions may share one instant; in which order they are listed there is no law. */
function listed(a: Excursion, b: Excursion): number {
  const key = ({ from, to, side, ended }: Excursion) =>
    [from, to ?? Number.POSITIVE_INFINITY, side, ended].join('/')
  return a.from - b.from || (key(a) < key(b) ? -1 : 1)
}

test('whenever facts are recorded, findings are those of the event times they give', {
  timeout: 120_000,
}, async ({ database }) => {
  const world = await aWorld(database)
  const start = noon - 10 * hour
  const scenario = fc.record({
    readings: fc.uniqueArray(
      fc.record({
        n: fc.integer({ min: 0, max: 30 }),
        boot: fc.constantFrom('a', 'b'),
        celsius: fc.constantFrom(1, 4, 8),
      }),
      { selector: ({ n, boot }) => `${n}/${boot}`, minLength: 1, maxLength: 14 },
    ),
    facts: fc.array(
      fc.record({
        after: fc.integer({ min: 0, max: 14 }),
        boot: fc.constantFrom('a', 'b'),
        fromSeq: fc.integer({ min: 0, max: 5 }),
        length: fc.option(fc.integer({ min: 0, max: 5 })),
        offsetMs: fc.integer({ min: -20, max: 20 }).map((steps) => steps * 17_000),
      }),
      { maxLength: 4 },
    ),
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(scenario, async ({ readings, facts }) => {
      const device = `f-${++run}`
      await aDevice(world, device, { maxSilenceMs: 60_000 })
      const next = { a: 0, b: 0 }
      const sent: { boot: string; seq: number; at: number; centi: number }[] = []
      const ordered = [...facts].sort((x, y) => x.after - y.after)
      const recorded: ((typeof facts)[number] & { order: number })[] = []
      const record = async (upTo: number) => {
        for (const fact of ordered.filter(({ after }) => after === upTo)) {
          const { boot, fromSeq, length, offsetMs } = fact
          const toSeq = length === null ? undefined : fromSeq + length
          try {
            await recordClockFact(world.ctx, { device, boot, fromSeq, toSeq, offsetMs, reason: 'test' })
            recorded.push({ ...fact, order: recorded.length })
          } catch (error) {
            expect(error).toMatchObject({ code: 'not_found' })
          }
          world.ingest.forget(device)
        }
      }
      for (const [index, { n, boot, celsius }] of readings.entries()) {
        await record(index)
        const seq = next[boot as 'a']++
        const at = start + n * 17_000
        sent.push({ boot, seq, at, centi: celsius * 100 })
        await world.ingest.accept([
          aMessage({ device, boot, seq, body: [aReading(at, celsius), aReading(at, celsius)] }),
        ])
      }
      for (let index = readings.length; index <= 14; index++) await record(index)

      const offset = (boot: string, seq: number) =>
        recorded.findLast(
          (f) => f.boot === boot && seq >= f.fromSeq && (f.length === null || seq <= f.fromSeq + f.length),
        )?.offsetMs ?? 0
      const series: Reading[] = sent
        .map(({ boot, seq, at, centi }) => ({ at: at + offset(boot, seq), raw: at, boot, centi }))
        .sort(compareReadings)
      const expected = derive(null, series, () => ({ low: 200, high: 600, maxSilenceMs: 60_000 }))
      const found = await findingsOf(world.deps, device, (series.at(-1) as Reading).at + 1)
      expect(found.gaps.filter(({ open }) => !open).map(({ from, to }) => ({ from, to }))).toEqual(
        expected.gaps,
      )
      expect([...found.excursions].sort(listed)).toEqual([...expected.excursions].sort(listed))
    }),
    { numRuns: 300 },
  )
})
