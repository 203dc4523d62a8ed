import { sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { excursion } from '../../../schema/tables/derived.ts'
import { readingConflict } from '../../../schema/tables/messages.ts'
import { test } from '../../support/database.ts'
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

/** What is decided late must lead to what would have come of it had it been decided first. */

const minute = 60_000
const hour = 60 * minute

async function decide(
  world: World,
  device: string,
  fact: { fromSeq: number; toSeq?: number; offsetMs: number; boot?: string },
): Promise<void> {
  await recordClockFact(world.ctx, {
    device,
    boot: 'boot-a',
    ...fact,
    reason: 'compared with a radio clock',
  })
  world.ingest.forget(device)
}

/** Everything a device can tell twice differently, by what it is worth and what it was overruled by. */
async function outcomeOf(world: World, device: string) {
  const { db } = world.deps.database
  const values = await db.execute(sql`
    select r.at, r.centi, r.seq, r.humidity, true as rules from reading r join probe p on p.id = r.probe_id
    join device d on d.id = p.device_id where d.name = ${device}
    union all
    select c.at, c.centi, c.seq, c.humidity, false from reading_conflict c join probe p on p.id = c.probe_id
    join device d on d.id = p.device_id where d.name = ${device}
    order by at, rules, centi`)
  return { values: values.rows, findings: await findingsOf(world.deps, device, noon) }
}

function permutations<T>(all: readonly T[]): T[][] {
  if (all.length <= 1) return [[...all]]
  return all.flatMap((one, i) => permutations(all.toSpliced(i, 1)).map((rest) => [one, ...rest]))
}

describe('one raw time in two messages a clock fact sets apart', () => {
  test('is one reading with two values, and nobody else waits for it', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await aDevice(world, 'f2')
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon - 3 * hour, 4)] })])
    await decide(world, 'f1', { fromSeq: 0, toSeq: 10, offsetMs: -hour })

    const left = await world.ingest.accept([
      aMessage({ device: 'f2', seq: 0, body: [aReading(noon - minute, 4)] }),
      aMessage({ device: 'f1', seq: 10, body: [aReading(noon - minute, 4)] }),
      aMessage({ device: 'f1', seq: 11, body: [aReading(noon - minute, 5)] }),
    ])

    expect(left.size).toBe(0)
    expect((await outcomeOf(world, 'f1')).values).toMatchObject([
      { at: noon - 3 * hour, centi: 400 },
      { at: noon - minute, centi: 400, seq: 10, rules: false },
      { at: noon - minute, centi: 500, seq: 11, rules: true },
    ])
    expect((await outcomeOf(world, 'f2')).values).toHaveLength(1)
  })

  test('ends the same in any order, together or apart', async ({ database }) => {
    const world = await aWorld(database)
    const told = [
      { seq: 9, celsius: 7 },
      { seq: 10, celsius: 1 },
      { seq: 11, celsius: 7 },
      { seq: 12, celsius: 4 },
    ]
    const outcomes = []
    for (const [index, order] of permutations(told).entries()) {
      const device = `f-${index}`
      await aDevice(world, device)
      await world.ingest.accept([aMessage({ device, seq: 0, body: [aReading(noon - 3 * hour, 4)] })])
      await decide(world, device, { fromSeq: 0, toSeq: 10, offsetMs: -hour })
      const messages = order.map(({ seq, celsius }) =>
        aMessage({ device, seq, body: [{ ...aReading(noon - 10 * minute, celsius), humidity: seq }] }),
      )
      if (index % 2 === 0) await world.ingest.accept(messages)
      else for (const message of messages) await world.ingest.accept([message])
      outcomes.push(await outcomeOf(world, device))
    }
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
    expect(outcomes[0]?.values).toMatchObject([
      { centi: 400 },
      { centi: 100, seq: 10, humidity: 1_000, rules: false },
      { centi: 400, seq: 12, humidity: 1_200, rules: false },
      { centi: 700, seq: 9, humidity: 900, rules: true },
    ])
  })
})

describe('readings of one boot that clock facts bring to one instant', () => {
  test('stand in the order of their own times, whichever came first', async ({ database }) => {
    const world = await aWorld(database)
    const outcomes = []
    const orders = permutations([10, 11, 12])
    for (const [index, order] of [...orders, ...orders].entries()) {
      const device = `f-${index}`
      await aDevice(world, device)
      await world.ingest.accept([aMessage({ device, seq: 0, body: [aReading(noon - 3 * hour, 4)] })])
      await decide(world, device, { fromSeq: 0, toSeq: 10, offsetMs: -hour })
      const body: Record<number, object[]> = {
        10: [aReading(noon - minute, 9)],
        11: [aReading(noon - hour - minute, 4)],
        12: [aReading(noon - hour + 5 * minute, 4)],
      }
      const messages = order.map((seq) => aMessage({ device, seq, body: body[seq] }))
      if (index < orders.length) await world.ingest.accept(messages)
      else
        for (const message of messages) {
          await world.ingest.accept([message])
          world.restart()
        }
      outcomes.push((await outcomeOf(world, device)).findings)
    }
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
    // The device told 4 °C by the earlier of its own times, so 9 °C is what it stayed at.
    expect(outcomes[0]?.excursions).toMatchObject([
      { side: 'high', from: noon - hour - minute, to: noon - hour + 5 * minute, ended: 'inside' },
    ])
  })
})

describe('which of two values rules', () => {
  /** Limits of 2 to 6 °C until half an hour before noon, of 1 to 5 °C from then on; told are 1 °C and 6.9 °C. */
  async function contradicting(world: World, device: string): Promise<void> {
    world.clock.now = noon - hour
    await aDevice(world, device)
    const profile = { ...bloodFridge, low: 100, high: 500 }
    await setDeviceProfile(world.ctx, { device, from: noon - 30 * minute, profile })
    world.clock.now = noon
    const first = aMessage({ device, seq: 0, body: [aReading(noon - hour - 2 * minute, 4)] })
    await world.ingest.accept([first])
  }

  test('follows a clock fact that moves them under other limits, before them or after', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const steps = ['fact', 'cold', 'warm', 'later'] as const
    const outcomes = []
    for (const [index, order] of permutations(steps).entries()) {
      const device = `f-${index}`
      await contradicting(world, device)
      const messages = {
        cold: aMessage({ device, seq: 1, body: [aReading(noon - 31 * minute, 0.5)] }),
        warm: aMessage({ device, seq: 2, body: [aReading(noon - 31 * minute, 7)] }),
        later: aMessage({ device, seq: 3, body: [aReading(noon - 25 * minute, 4)] }),
      }
      for (const step of order) {
        if (step === 'fact') await decide(world, device, { fromSeq: 0, offsetMs: 2 * minute })
        else await world.ingest.accept([messages[step]])
      }
      outcomes.push(await outcomeOf(world, device))
    }
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
    expect(outcomes[0]?.findings.excursions).toMatchObject([
      { side: 'high', from: noon - 29 * minute, to: noon - 23 * minute, warmest: 700, readings: 1 },
    ])
  })

  test('follows a clock fact that speaks only of the one that was overruled', async ({ database }) => {
    const world = await aWorld(database)
    const outcomes = []
    for (const isFirst of [true, false]) {
      const device = isFirst ? 'f-first' : 'f-last'
      await contradicting(world, device)
      const fact = () => decide(world, device, { fromSeq: 2, toSeq: 2, offsetMs: 2 * minute })
      if (isFirst) await fact()
      // Under the early limits both are equally far from the middle but for 0.1 °C; under the late ones 6.9 is further.
      await world.ingest.accept([
        aMessage({ device, seq: 1, body: [aReading(noon - 31 * minute, 1)] }),
        aMessage({ device, seq: 2, body: [aReading(noon - 31 * minute, 6.9)] }),
        aMessage({ device, seq: 3, body: [aReading(noon - 25 * minute, 4)] }),
      ])
      if (!isFirst) await fact()
      outcomes.push(await outcomeOf(world, device))
    }
    expect(outcomes[1]).toEqual(outcomes[0])
    expect(outcomes[0]?.findings.excursions).toMatchObject([
      { side: 'high', from: noon - 29 * minute, warmest: 690 },
    ])
    expect(await database.db.select().from(readingConflict)).toMatchObject([{ centi: 100 }, { centi: 100 }])
  })

  test('follows limits that are decided after readings of a clock that runs ahead', async ({ database }) => {
    const world = await aWorld(database)
    const outcomes = []
    for (const isFirst of [true, false]) {
      const device = isFirst ? 'f-first' : 'f-last'
      await aDevice(world, device)
      const profile = { ...bloodFridge, low: 100, high: 500 }
      const set = async () => {
        await setDeviceProfile(world.ctx, { device, from: noon, profile })
        world.ingest.forget(device)
      }
      if (isFirst) await set()
      await world.ingest.accept([
        aMessage({ device, seq: 1, body: [aReading(noon + minute, 1)] }),
        aMessage({ device, seq: 2, body: [aReading(noon + minute, 6.9)] }),
      ])
      if (!isFirst) await set()
      outcomes.push((await outcomeOf(world, device)).values)
    }
    expect(outcomes[1]).toEqual(outcomes[0])
    expect(outcomes[0]).toMatchObject([
      { centi: 100, rules: false },
      { centi: 690, rules: true },
    ])
  })
})

test('a decision that touches no reading yet rules the next one, also where nobody was told of it', async ({
  database,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  for (const [seq, ago] of [10, 5].entries())
    await world.ingest.accept([aMessage({ device: 'f1', seq, body: [aReading(noon - ago * minute, 4)] })])
  const reason = 'compared with a radio clock'
  await recordClockFact(world.ctx, { device: 'f1', boot: 'boot-a', fromSeq: 2, offsetMs: -hour, reason })

  await world.ingest.accept([aMessage({ device: 'f1', seq: 2, body: [aReading(noon, 4)] })])

  expect((await findingsOf(world.deps, 'f1', noon)).gaps.filter(({ open }) => !open)).toEqual([
    { from: noon - hour, to: noon - 10 * minute, open: false },
  ])
})

describe('what is believed and does not fit the readings', () => {
  test.for(['lost', 'of the other side', 'ended too early'])(
    'an excursion that is %s is derived again from the readings, and told of',
    async (what, { database }) => {
      const world = await aWorld(database)
      await aDevice(world, 'f1')
      const told = [4, 7, 8, 7, 4, 1, 4]
      const at = (index: number) => noon - hour + index * 5 * minute
      const late = 3
      const messages = told.map((celsius, seq) =>
        aMessage({ device: 'f1', seq, body: [aReading(at(seq), celsius)] }),
      )
      await world.ingest.accept(messages.filter((_, seq) => seq !== late))
      const wrong = {
        lost: { knownTo: noon },
        'of the other side': { side: 'low' as const },
        'ended too early': { to: at(1), ended: 'inside' as const },
      }[what]
      await database.db
        .update(excursion)
        .set(wrong as object)
        .where(sql`side = 'high'`)
      world.restart()

      const left = await world.ingest.accept(messages.slice(late, late + 1))

      expect(left.size).toBe(0)
      expect((await findingsOf(world.deps, 'f1', noon)).excursions).toEqual([
        { side: 'high', from: at(1), to: at(4), ended: 'inside', coldest: 700, warmest: 800, readings: 3 },
        { side: 'low', from: at(5), to: at(6), ended: 'inside', coldest: 100, warmest: 100, readings: 1 },
      ])
      const { rows } = await database.pool.query(
        `select subject, actor from audit_entry where action = 'device.findings_mended'`,
      )
      expect(rows).toEqual([{ subject: 'f1', actor: { kind: 'job', id: 'rederivation' } }])
    },
  )
})

describe('the newest door, power and position', () => {
  const power = (device: string, boot: string, seq: number, at: number, mains: boolean) =>
    aMessage({ device, channel: 'power', boot, seq, body: [{ at, mains }], receivedAt: noon + hour })

  async function stateOf(world: World, device: string) {
    const { rows } = await world.deps.database.db.execute<{ doors: object; power: object; position: object }>(
      sql`select doors, power, position from device_state join device on device.id = device_id where name = ${device}`,
    )
    return rows[0]
  }

  test('are the newest by event time, whenever the clock fact and the messages come', async ({
    database,
  }) => {
    const world = await aWorld(database)
    world.clock.now = noon + hour
    const states = []
    for (const [index, order] of permutations(['wrong', 'right', 'fact'] as const).entries()) {
      const device = `f-${index}`
      await aDevice(world, device)
      await world.ingest.accept([
        aMessage({ device, boot: 'a', seq: 0, body: [aReading(noon - 20 * hour, 4)] }),
      ])
      for (const step of order) {
        // The clock of boot a is eight hours fast.
        if (step === 'fact') await decide(world, device, { boot: 'a', fromSeq: 0, offsetMs: -8 * hour })
        if (step === 'wrong') await world.ingest.accept([power(device, 'a', 1, noon + hour, true)])
        if (step === 'right') await world.ingest.accept([power(device, 'b', 0, noon + 30 * minute, false)])
      }
      states.push(await stateOf(world, device))
    }
    for (const state of states) expect(state).toEqual(states[0])
    expect(states[0]?.power).toMatchObject({ mains: false, at: noon + 30 * minute })
  })

  test('of one instant are those of the later message, whichever came first', async ({ database }) => {
    const world = await aWorld(database)
    const states = []
    for (const [index, order] of permutations([0, 1, 2]).entries()) {
      const device = `f-${index}`
      await aDevice(world, device)
      for (const seq of order) {
        const body = [
          { at: noon, door: 'd', open: seq !== 2 },
          { at: noon, door: 'd', open: seq === 1 },
        ]
        await world.ingest.accept([aMessage({ device, channel: 'door', seq, body })])
        const here = [{ at: noon, lat: seq, lon: 0 }]
        await world.ingest.accept([aMessage({ device, channel: 'position', seq: seq + 10, body: here })])
      }
      states.push(await stateOf(world, device))
    }
    for (const state of states) expect(state).toEqual(states[0])
    expect(states[0]).toMatchObject({ doors: { d: { open: false } }, position: { lat: 2 } })
  })

  test('stored without an order are the oldest', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([power('f1', 'a', 0, noon, true)])
    await database.db.execute(sql`update device_state set power = power - 'order'`)
    await world.ingest.accept([power('f1', 'a', 1, noon - minute, false)])
    expect((await stateOf(world, 'f1'))?.power).toMatchObject({ mains: false })
  })
})
