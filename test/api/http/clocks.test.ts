import { describe, expect } from 'vitest'
import { ClockFacts, ClockFaults } from '../../../schema/http/clocks.ts'
import { Device } from '../../../schema/http/devices.ts'
import { Readings } from '../../../schema/http/series.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const hour = 3_600_000

/** A fridge whose clock is two hours slow reports once. */
async function reportSlow({ world }: Door): Promise<void> {
  await aDevice(world, 'fridge-7')
  const at = noon - 2 * hour
  await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body: [aReading(at, 4)], sentAt: at })])
}

const fact = { boot: 'boot-a', fromSeq: 0, offsetMs: 2 * hour, reason: 'compared with the wall clock' }

describe('a clock that is wrong', () => {
  test('is a fault until somebody says what its time is worth', async ({ door }) => {
    await reportSlow(door)
    const fault = {
      boot: 'boot-a',
      kind: 'offset',
      fromSeq: 0,
      toSeq: null,
      measuredOffsetMs: 2 * hour,
      raisedAt: iso(noon),
      settled: false,
    }
    expect(await door.ask(ClockFaults, 'GET', '/devices/fridge-7/clock-faults')).toEqual({
      clockFaults: [fault],
    })
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({ clockFaults: [fault] })

    expect(await door.ask(ClockFacts, 'POST', '/devices/fridge-7/clock-facts', fact)).toEqual({
      clockFacts: [
        {
          ...fact,
          toSeq: null,
          decidedBy: { kind: 'integration', id: 'configured-key' },
          decidedAt: iso(noon),
        },
      ],
    })
    expect(await door.ask(ClockFaults, 'GET', '/devices/fridge-7/clock-faults')).toEqual({
      clockFaults: [{ ...fault, settled: true }],
    })
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({
      clockFaults: [],
      readings: [{ at: iso(noon), celsius: 4 }],
    })
    const { readings } = await door.ask(Readings, 'GET', `/devices/fridge-7/readings?to=${iso(noon + 1)}`)
    expect(readings).toEqual([{ at: iso(noon), celsius: 4 }])
  })

  test('may be judged twice: both judgements are kept, oldest first', async ({ door }) => {
    await reportSlow(door)
    await door.ask(ClockFacts, 'POST', '/devices/fridge-7/clock-facts', fact)
    await door.ask(ClockFacts, 'POST', '/devices/fridge-7/clock-facts', { ...fact, toSeq: 5, offsetMs: -1 })
    const { clockFacts } = await door.ask(ClockFacts, 'GET', '/devices/fridge-7/clock-facts')
    expect(clockFacts.map(({ offsetMs, toSeq }) => [offsetMs, toSeq])).toEqual([
      [2 * hour, null],
      [-1, 5],
    ])
  })
})

describe('a clock fact', () => {
  test('speaks of a boot the device reported', async ({ door }) => {
    await reportSlow(door)
    expect(
      await door.refused('POST', '/devices/fridge-7/clock-facts', { ...fact, boot: 'boot-z' }),
    ).toMatchObject({ status: 404, code: 'not_found' })
  })

  test('does not end before it begins', async ({ door }) => {
    await reportSlow(door)
    expect(
      await door.refused('POST', '/devices/fridge-7/clock-facts', { ...fact, fromSeq: 2, toSeq: 1 }),
    ).toMatchObject({ status: 400, code: 'invalid_request' })
  })

  test('has a whole offset and a reason', async ({ door }) => {
    await reportSlow(door)
    for (const [change, path] of [
      [{ offsetMs: 0.5 }, 'offsetMs'],
      [{ offsetMs: 1e15 }, 'offsetMs'],
      [{ reason: '' }, 'reason'],
      [{ fromSeq: -1 }, 'fromSeq'],
      [{ boot: 'a b' }, 'boot'],
    ] as const) {
      expect(
        await door.refused('POST', '/devices/fridge-7/clock-facts', { ...fact, ...change }),
      ).toMatchObject({
        status: 400,
        issues: [{ path }],
      })
    }
    expect(await door.ask(ClockFacts, 'GET', '/devices/fridge-7/clock-facts')).toEqual({ clockFacts: [] })
  })
})
