import { describe, expect } from 'vitest'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { aCity, aMadeBag, aWorker, type City, done, step, test as tested } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute

async function departed(city: City, number: number): Promise<string> {
  const { din, bagId } = await aMadeBag(city, number)
  await tested(city, din)
  await step(city.collector, bagId, 'test')
  await step(city.second, bagId, 'release')
  await step(city.second, bagId, 'distribute', { to: 'H1' })
  await step(city.courier, bagId, 'depart')
  return bagId
}

async function aJourney(door: Door) {
  const city = await aCity(door)
  const porter = await aWorker(door, 'porter', 'courier', 'H1')
  const { clock, deps } = door.world
  const bags: string[] = []
  for (const number of [1, 2]) bags.push(await departed(city, number))
  let since = clock.now - 24 * hour
  const look = async (afterMs = 0) => {
    clock.now += afterMs
    const told = await watchAlarms(deps, { readySince: clock.now, since })
    since = clock.now - minute
    return told
  }
  const restart = () => {
    since = clock.now - 24 * hour
  }
  const alarms = async () => (await door.ask(Alarms, 'GET', '/alarms')).alarms
  return { city, porter, clock, bags: bags as [string, string], look, restart, alarms }
}

describe('bags on their way', () => {
  test('are told of at both ends once they take longer than they may, named, until all are received', async ({
    door,
  }) => {
    const { city, porter, clock, bags, look, restart, alarms } = await aJourney(door)
    expect(await look(24 * hour)).toBe(0)
    expect(await look(1)).toBe(4)
    const found = await alarms()
    const [one, other] = bags
    expect(found.map(({ facility }) => facility).sort()).toEqual(['C1', 'H1'])
    for (const alarm of found)
      expect(alarm).toMatchObject({
        device: null,
        kind: 'transit_overdue',
        part: 'C1>H1 2020-05-06T12Z',
        class: 'action',
        bags: expect.arrayContaining([
          { bagId: one, label: expect.stringMatching(/^A999926000001/) },
          { bagId: other, label: expect.stringMatching(/^A999926000002/) },
        ]),
        zh: '血袋运输超时，仍未接收',
        from: iso(noon),
        rescue: null,
      })
    restart()
    expect(await look()).toBe(0)
    const mine = (await done(city.nurse.get('/alarms'), Alarms)).alarms
    expect(mine).toMatchObject([{ facility: 'H1' }])
    const path = `/alarms/${mine[0]?.id}`
    await done(city.nurse.post(`${path}/acknowledge`, { comment: 'the courier was called' }), AlarmDetail)
    // The other end has not said that it is at it.
    const told = await look(5 * minute)
    expect(told).toBe(1)

    await step(porter, one, 'arrive')
    await step(city.lab, one, 'receive')
    await look(10 * minute)
    expect((await alarms()).every(({ endedAt }) => endedAt === null)).toBe(true)
    await step(city.lab, other, 'refuse', { reason: 'nobody knows how it was kept' })
    await look()
    await look(5 * minute)
    expect((await alarms()).every(({ endedAt }) => endedAt === iso(clock.now))).toBe(true)
  })

  test('are told of though they arrived, and not where they were received in time or never departed', async ({
    door,
  }) => {
    const { city, porter, clock, bags, look, alarms } = await aJourney(door)
    const [one, other] = bags
    clock.now += 23 * hour
    await step(porter, one, 'arrive')
    await step(city.lab, other, 'receive')
    const { din, bagId } = await aMadeBag(city, 3)
    await tested(city, din)
    await step(city.collector, bagId, 'test')
    await step(city.second, bagId, 'release')
    await step(city.second, bagId, 'distribute', { to: 'H1' })
    await look(hour + 1)
    for (const alarm of await alarms()) expect(alarm.bags).toMatchObject([{ bagId: one }])
    expect(await alarms()).toHaveLength(2)
    await look(100 * hour)
    expect(await alarms()).toHaveLength(2)
    const far = await aWorker(door, 'engineer', 'engineer', 'H1')
    expect((await done(far.get('/alarms'), Alarms)).alarms.map(({ facility }) => facility)).toEqual(['H1'])
    expect((await door.ask(BagDetail, 'GET', `/bags/${one}`)).state).toBe('arrived')
  })
})
