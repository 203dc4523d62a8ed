import { asc, isNull } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { bagPlace } from '../../../schema/tables/bags.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, faultsOf, noon, type World } from '../../support/world.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

async function aBag(world: World, tags: readonly string[]) {
  const din = 'A999926100001'
  const bag = await registerBag(world.ctx, {
    din: din + dinCheckCharacter(din),
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 30 * day,
  })
  for (const tag of tags) await tagBag(world.ctx, { bagId: bag.id, tag })
  return bag
}

function traceOf(world: World, bagId: string, asOf = noon) {
  return traceBag(world.deps, { bagId, jurisdiction: 'CN', asOf })
}

/** What a device says of bags, by a clock that is `wrongMs` ahead. */
function bags(
  seq: number,
  body: unknown,
  { boot = 'boot-a', device = 'f1', wrongMs = 0, receivedAt = noon } = {},
) {
  return aMessage({ device, boot, channel: 'bags', seq, receivedAt, sentAt: receivedAt + wrongMs, body })
}

/** One live reading of 4 °C at an instant of true time, by a clock that is `wrongMs` ahead. */
function live(seq: number, now: number, { boot = 'boot-a', device = 'f1', wrongMs = 0, uptimeMs = 0 } = {}) {
  const sentAt = now + wrongMs
  return aMessage({ device, boot, seq, sentAt, receivedAt: now, uptimeMs, body: [aReading(sentAt, 4)] })
}

describe('a device that runs for months', () => {
  test.for([
    ['30 days', 30, 8 * minute],
    ['300 days', 300, hour],
  ] as const)('%s, whose clock is set back, is in fault', async ([, days, backMs], { database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    for (let seq = 0; seq < 10; seq++) {
      const now = noon - hour + seq * 5 * minute
      const uptimeMs = days * day + seq * 5 * minute
      await world.ingest.accept([live(seq, now, { wrongMs: seq < 5 ? 0 : -backMs, uptimeMs })])
    }
    expect(await faultsOf(world, 'f1')).toMatchObject([
      { kind: 'step', fromSeq: 5, toSeq: null, measuredOffsetMs: backMs, settled: false },
    ])
  })

  test('is measured against a reference that is never old, however steady its clock', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const start = noon - 30 * day
    for (let hours = 0; hours <= 30 * 24; hours += 24)
      await world.ingest.accept([live(hours, start + hours * hour, { uptimeMs: hours * hour })])
    world.restart()
    const now = noon + 5 * minute
    await world.ingest.accept([live(1_000, now, { uptimeMs: now - start, wrongMs: -8_000 })])
    expect(await faultsOf(world, 'f1')).toMatchObject([{ kind: 'step', fromSeq: 721, toSeq: null }])
  })
})

test('what a boot sent before its first live message, by the same wrong clock, is in doubt with it', async ({
  database,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const bag = await aBag(world, ['T1'])
  const wrongMs = -2 * hour
  const backlog = Array.from({ length: 12 }, (_, i) => aReading(noon - hour + i * 5 * minute + wrongMs, 4))
  await world.ingest.accept([
    bags(0, [{ at: noon - 6 * hour, added: ['T1'], removed: [] }], { receivedAt: noon - 6 * hour }),
    aMessage({ device: 'f1', boot: 'boot-b', seq: 0, sentAt: noon + wrongMs, body: backlog }),
  ])
  await world.ingest.accept([live(1, noon, { boot: 'boot-b', wrongMs })])
  expect(await faultsOf(world, 'f1')).toMatchObject([
    { boot: 'boot-b', kind: 'offset', fromSeq: 0, toSeq: null },
  ])
  expect((await traceOf(world, bag.id)).total).toMatchObject({ inRangeMs: 0, unverifiedMs: 6 * hour })
})

test('a second step while the first is unsettled begins where the clock was last measured', async ({
  database,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const wrong = [0, -hour, -hour, -2 * hour]
  for (const [seq, wrongMs] of wrong.entries())
    await world.ingest.accept([live(seq * 10, noon + seq * minute, { wrongMs, uptimeMs: seq * minute })])
  expect(await faultsOf(world, 'f1')).toMatchObject([
    { kind: 'step', fromSeq: 1, toSeq: 20, settled: false },
    { kind: 'step', fromSeq: 21, toSeq: null, settled: false },
  ])
})

describe('a clock fact of some messages', () => {
  /** Twelve live messages, five minutes apart until noon, by a clock two hours slow. */
  async function aSlowClock(world: World) {
    await aDevice(world, 'f1')
    const bag = await aBag(world, ['T1'])
    await world.ingest.accept([
      bags(0, [{ at: noon - 6 * hour, added: ['T1'], removed: [] }], { receivedAt: noon - 6 * hour }),
    ])
    for (let seq = 0; seq < 12; seq++) {
      const uptimeMs = 1_000 + seq * 5 * minute
      const now = noon - hour + seq * 5 * minute
      await world.ingest.accept([live(seq, now, { boot: 'boot-b', wrongMs: -2 * hour, uptimeMs })])
    }
    return bag
  }
  const offset = { device: 'f1', boot: 'boot-b', offsetMs: 2 * hour, reason: 'compared with the wall clock' }

  test('settles them alone: what else the fault covers stays in doubt', async ({ database }) => {
    const world = await aWorld(database)
    const bag = await aSlowClock(world)
    await recordClockFact(world.ctx, { ...offset, fromSeq: 0, toSeq: 2 })
    world.ingest.forget('f1')
    const settled = [
      { fromSeq: 0, toSeq: 2, settled: true },
      { kind: 'offset', fromSeq: 3, toSeq: null, measuredOffsetMs: 2 * hour, settled: false },
    ]
    expect(await faultsOf(world, 'f1')).toMatchObject(settled)
    expect((await traceOf(world, bag.id)).total).toMatchObject({ inRangeMs: 10 * minute })

    const uptimeMs = 1_000 + hour
    await world.ingest.accept([live(12, noon, { boot: 'boot-b', wrongMs: -2 * hour, uptimeMs })])
    expect(await faultsOf(world, 'f1')).toMatchObject(settled)
  })

  test('in the midst of a fault leaves both ends in doubt, until they are spoken of as well', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const bag = await aSlowClock(world)
    await recordClockFact(world.ctx, { ...offset, fromSeq: 4, toSeq: 6 })
    expect(await faultsOf(world, 'f1')).toMatchObject([
      { fromSeq: 4, toSeq: 6, settled: true },
      { fromSeq: 0, toSeq: 3, settled: false },
      { fromSeq: 7, toSeq: null, settled: false },
    ])
    await recordClockFact(world.ctx, { ...offset, fromSeq: 0 })
    expect((await faultsOf(world, 'f1')).every(({ settled }) => settled)).toBe(true)
    expect((await traceOf(world, bag.id)).total).toMatchObject({ inRangeMs: hour, unverifiedMs: 5 * hour })
  })

  test('and of some still to come leaves those in doubt until one of them speaks for the clock', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const late = (seq: number, wrongMs: number) =>
      live(seq, noon + seq * minute, { boot: 'boot-b', wrongMs, uptimeMs: 1_000 + seq * minute })
    await world.ingest.accept([late(0, -2 * hour)])
    await recordClockFact(world.ctx, { ...offset, fromSeq: 0, toSeq: 5 })
    world.ingest.forget('f1')
    const left = { kind: 'offset', fromSeq: 6, toSeq: null, settled: false }
    await world.ingest.accept([late(1, -2 * hour)])
    expect(await faultsOf(world, 'f1')).toMatchObject([{ fromSeq: 0, toSeq: 5, settled: true }, left])
    await world.ingest.accept([late(7, -2 * hour)])
    expect(await faultsOf(world, 'f1')).toMatchObject([{ fromSeq: 0, toSeq: 5, settled: true }, left])
  })

  test('does not hide that the clock steps before the last of them', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const stepping = (seq: number, wrongMs: number) =>
      live(seq, noon + seq * minute, { boot: 'boot-b', wrongMs, uptimeMs: 1_000 + seq * minute })
    await world.ingest.accept([stepping(0, -2 * hour)])
    await recordClockFact(world.ctx, { ...offset, fromSeq: 0, toSeq: 5 })
    world.ingest.forget('f1')
    await world.ingest.accept([stepping(2, -3 * hour)])
    expect(await faultsOf(world, 'f1')).toMatchObject([
      { fromSeq: 0, toSeq: 5, settled: true },
      { kind: 'step', fromSeq: 1, toSeq: null, settled: false },
    ])
  })
})

describe('a bag seen by a clock in doubt', () => {
  /** Two hours of readings until noon; then the fridge powers up with a clock two hours slow. */
  async function aSlowFridge(world: World) {
    await aDevice(world, 'f1')
    const bag = await aBag(world, ['T1'])
    for (let seq = 0; seq < 24; seq++) {
      const now = noon - 2 * hour + seq * 5 * minute
      await world.ingest.accept([live(seq, now, { uptimeMs: seq * 5 * minute })])
    }
    await world.ingest.accept([live(0, noon, { boot: 'boot-b', wrongMs: -2 * hour })])
    return bag
  }
  const putIn = bags(1, [{ at: noon + minute - 2 * hour, added: ['T1'], removed: [] }], {
    boot: 'boot-b',
    wrongMs: -2 * hour,
    receivedAt: noon + minute,
  })

  test('was not in the cold for the two hours that clock is slow', async ({ database }) => {
    const world = await aWorld(database)
    const bag = await aSlowFridge(world)
    await world.ingest.accept([putIn])
    const now = noon + 2 * minute
    world.clock.now = now
    expect((await traceOf(world, bag.id, now)).places).toMatchObject([
      {
        state: 'inside',
        from: noon + minute - 2 * hour,
        timeVerified: false,
        exposure: { inRangeMs: 0, unverifiedMs: 2 * hour + minute, coldest: null },
      },
    ])
    await recordClockFact(world.ctx, {
      device: 'f1',
      boot: 'boot-b',
      fromSeq: 0,
      offsetMs: 2 * hour,
      reason: 'compared with the wall clock',
    })
    const trace = await traceOf(world, bag.id, now)
    expect(trace.places).toMatchObject([{ from: noon + minute, timeVerified: true }])
    expect(trace.beforeFirstSeen).toEqual({ from: noon, to: noon + minute })
    expect(trace.total).toMatchObject({ inRangeMs: minute, unverifiedMs: minute })
  })

  test('was where it was before only up to when that was last seen', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f2')
    const bag = await aSlowFridge(world)
    for (let seq = 2; seq < 14; seq++)
      await world.ingest.accept([
        live(seq, noon - 3 * hour + seq * 10 * minute, { device: 'f2', uptimeMs: seq * 10 * minute }),
      ])
    await world.ingest.accept([
      bags(0, [{ at: noon - 160 * minute, added: ['T1'], removed: [] }], { device: 'f2' }),
      bags(1, { at: noon - 140 * minute, inventory: ['T1'] }, { device: 'f2' }),
      putIn,
    ])
    world.clock.now = noon + minute
    expect((await traceOf(world, bag.id, noon + minute)).places).toMatchObject([
      { device: 'f2', timeVerified: true, exposure: { inRangeMs: 20 * minute, unverifiedMs: 0 } },
      { state: 'unknown', device: 'f2', timeVerified: false, exposure: { inRangeMs: 0 } },
      { device: 'f1', timeVerified: false, exposure: { inRangeMs: 0, unverifiedMs: 2 * hour } },
    ])
  })

  test('in somebody’s hands is not said to have been out for as long as that clock says', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const bag = await aSlowFridge(world)
    await world.ingest.accept([
      bags(24, [{ at: noon - 2 * hour, added: ['T1'], removed: [] }]),
      bags(25, { at: noon - 90 * minute, inventory: ['T1'] }),
      bags(1, [{ at: noon - hour, added: [], removed: ['T1'] }], { boot: 'boot-b', wrongMs: -2 * hour }),
    ])
    // Half an hour until the inventory, less the five minutes a reading in doubt claims to speak for.
    expect((await traceOf(world, bag.id)).places).toMatchObject([
      {
        state: 'inside',
        timeVerified: false,
        exposure: { inRangeMs: 25 * minute, unverifiedMs: 35 * minute },
      },
      { state: 'in_hand', timeVerified: false, exposure: { unverifiedMs: hour }, uncontrolledMs: 0 },
    ])
  })
})

describe('an inventory', () => {
  test('that missed a bag moves with the clock it was told by', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await aBag(world, ['T1'])
    await world.ingest.accept([
      bags(0, [{ at: noon - 5 * hour, added: ['T1'], removed: [] }]),
      bags(1, { at: noon - 90 * minute, inventory: ['T1'] }),
      bags(0, { at: noon - 3 * hour, inventory: [] }, { boot: 'boot-b' }),
    ])
    const placed = async () =>
      (
        await database.db
          .select({ state: bagPlace.state, from: bagPlace.from })
          .from(bagPlace)
          .where(isNull(bagPlace.knownTo))
          .orderBy(asc(bagPlace.from))
      ).map(({ state, from }) => [state, (from - noon) / minute])
    expect(await placed()).toEqual([
      ['unknown', -300],
      ['inside', -90],
    ])
    const reason = 'compared with the wall clock'
    await recordClockFact(world.ctx, { device: 'f1', boot: 'boot-b', fromSeq: 0, offsetMs: 2 * hour, reason })
    expect(await placed()).toEqual([
      ['inside', -300],
      ['unknown', -90],
    ])
  })

  test('misses a bag only where it reads none of its tags', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const bag = await aBag(world, ['T1', 'T2'])
    await world.ingest.accept([
      bags(0, [{ at: noon - 3 * hour, added: ['T1', 'T2'], removed: [] }]),
      bags(1, { at: noon - 2 * hour, inventory: ['T1'] }),
    ])
    expect((await traceOf(world, bag.id)).places.map(({ state }) => state)).toEqual(['inside'])
    await world.ingest.accept([bags(2, { at: noon - hour, inventory: ['T9'] })])
    expect((await traceOf(world, bag.id)).places.map(({ state }) => state)).toEqual(['inside', 'unknown'])
  })
})
