import { describe, expect } from 'vitest'
import { Device, Profile } from '../../../schema/http/devices.ts'
import { Readmission, RejectedMessage, RejectedMessages } from '../../../schema/http/rejected-messages.ts'
import { Excursions } from '../../../schema/http/series.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000

async function listed(door: Door, query = '') {
  return (await door.ask(RejectedMessages, 'GET', `/rejected-messages${query}`)).rejectedMessages
}

/** One message of three readings, two of them beyond what its probe can show. */
async function rejectTwo({ world }: Door) {
  await aDevice(world, 'fridge-7', { physicalHigh: 5_000 }, noon - 60 * minute)
  const body = [aReading(noon - 2, 4), aReading(noon - 1, 55), aReading(noon, 250)]
  const message = aMessage({ device: 'fridge-7', seq: 7, body })
  await world.ingest.accept([message])
  return message
}

describe('a message that could not be taken in', () => {
  test('is listed with its bytes and what is wrong with each element', async ({ door }) => {
    const { payload, topic } = await rejectTwo(door)
    const rejections = await listed(door)
    expect(rejections).toEqual([
      {
        id: expect.any(Number),
        device: 'fridge-7',
        topic,
        boot: 'boot-a',
        seq: 7,
        code: 'out_of_physical_range',
        reason: '2 elements are bad',
        elements: [
          { index: 1, code: 'out_of_physical_range', reason: expect.stringContaining('55 is outside') },
          { index: 2, code: 'out_of_physical_range', reason: expect.stringContaining('250 is outside') },
        ],
        receivedAt: iso(noon),
        times: 1,
        readmittedAt: null,
        payload: payload.toString('base64'),
        text: payload.toString(),
      },
    ])
    const [rejection] = rejections
    expect(await door.ask(RejectedMessage, 'GET', `/rejected-messages/${rejection?.id}`)).toEqual(rejection)
  })

  test('is shown as text only where its bytes are that', async ({ door }) => {
    await aDevice(door.world, 'fridge-7')
    const garbage = Buffer.from([0x7b, 0xff, 0x00, 0x7d])
    const message = { ...aMessage({ device: 'fridge-7', seq: 0, body: [] }), payload: garbage }
    await door.world.ingest.accept([message])
    await door.world.ingest.accept([message])
    expect(await listed(door)).toMatchObject([
      {
        code: 'unreadable',
        boot: null,
        seq: null,
        elements: null,
        payload: garbage.toString('base64'),
        text: null,
        times: 2,
      },
    ])
  })

  test('is listed newest first, page by page, for one device or all', async ({ door }) => {
    await aDevice(door.world, 'fridge-1')
    await aDevice(door.world, 'fridge-2')
    for (const [seq, device] of ['fridge-1', 'fridge-2', 'fridge-1'].entries()) {
      await door.world.ingest.accept([aMessage({ device, seq, body: [aReading(noon, 999)] })])
    }
    const first = await door.ask(RejectedMessages, 'GET', '/rejected-messages?limit=2')
    expect(first.rejectedMessages.map(({ seq }) => seq)).toEqual([2, 1])
    expect(first.next).toBe(first.rejectedMessages[1]?.id)
    const second = await door.ask(RejectedMessages, 'GET', `/rejected-messages?limit=2&before=${first.next}`)
    expect(second.rejectedMessages.map(({ seq }) => seq)).toEqual([0])
    expect(second.next).toBeNull()
    expect((await listed(door, '?device=fridge-2')).map(({ seq }) => seq)).toEqual([1])
    expect(await listed(door, '?device=fridge-9')).toEqual([])
  })

  test('that is not known is not there', async ({ door }) => {
    for (const [method, path] of [
      ['GET', '/rejected-messages/7'],
      ['POST', '/rejected-messages/7/readmission'],
    ] as const) {
      expect(await door.refused(method, path)).toMatchObject({ status: 404, code: 'not_found' })
    }
  })
})

describe('readmission', () => {
  async function widen(door: Door, physicalHigh: number): Promise<void> {
    const profile = { low: 2, high: 6, physicalHigh, from: iso(noon + minute) }
    await door.ask(Profile, 'PUT', '/devices/fridge-7/profile', profile)
  }

  test('changes nothing while the cause is not mended', async ({ door }) => {
    await rejectTwo(door)
    const [before] = await listed(door)
    const readmission = await door.ask(Readmission, 'POST', `/rejected-messages/${before?.id}/readmission`)
    expect(readmission).toEqual({ readmitted: false, left: before?.elements })
    expect(await listed(door)).toMatchObject([{ code: 'out_of_physical_range', elements: before?.elements }])
  })

  test('takes in what was right once the profile is widened, and keeps the rest listed', async ({ door }) => {
    const { world } = door
    await aDevice(world, 'fridge-7', { physicalHigh: 5_000 }, noon - 60 * minute)
    const later = noon + 2 * minute
    world.clock.now = noon
    await widen(door, 100)
    await world.ingest.accept([
      aMessage({ device: 'fridge-7', seq: 0, body: [aReading(noon, 320), aReading(later, 250)] }),
    ])
    const [rejection] = await listed(door)
    expect(rejection?.elements?.map(({ index }) => index)).toEqual([0, 1])

    world.clock.now = noon + minute / 2
    const wider = { low: 2, high: 6, physicalHigh: 300, from: iso(noon + minute + 1) }
    await door.ask(Profile, 'PUT', '/devices/fridge-7/profile', wider)
    const path = `/rejected-messages/${rejection?.id}/readmission`
    expect(await door.ask(Readmission, 'POST', path)).toMatchObject({
      readmitted: false,
      left: [{ index: 0, code: 'out_of_physical_range' }],
    })
    expect(await listed(door)).toMatchObject([{ elements: [{ index: 0 }], readmittedAt: null }])

    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({
      readings: [{ at: iso(later), celsius: 250 }],
    })
    world.clock.now = later + 1
    const { excursions } = await door.ask(Excursions, 'GET', '/devices/fridge-7/excursions')
    expect(excursions).toMatchObject([{ side: 'high', from: iso(later), warmest: 250 }])
  })

  test('of all that was wrong closes the rejection, once', async ({ door }) => {
    const { world } = door
    await aDevice(world, 'fridge-7', { physicalHigh: 5_000 }, noon - 60 * minute)
    const later = noon + 2 * minute
    await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body: [aReading(later, 55)] })])
    const [rejection] = await listed(door)
    await widen(door, 100)

    const path = `/rejected-messages/${rejection?.id}/readmission`
    expect(await door.ask(Readmission, 'POST', path)).toEqual({ readmitted: true, left: [] })
    expect(await listed(door)).toEqual([])
    expect(await door.ask(RejectedMessage, 'GET', `/rejected-messages/${rejection?.id}`)).toMatchObject({
      readmittedAt: iso(noon),
    })
    expect(await door.refused('POST', path)).toMatchObject({ status: 409, code: 'conflict' })
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({
      readings: [{ at: iso(later), celsius: 55 }],
    })

    // The same ingest goes on from there: what was readmitted is not forgotten.
    await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 1, body: [aReading(later + 1, 4)] })])
    world.clock.now = later + 1
    const { excursions } = await door.ask(Excursions, 'GET', '/devices/fridge-7/excursions')
    expect(excursions).toMatchObject([{ from: iso(later), to: iso(later + 1), ended: 'inside' }])
  })
})
