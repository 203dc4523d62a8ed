import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { aBagInStock, aCity, aPatient, aWorker, done, refusal, step } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const day = 1_440 * minute

/** A fridge of the hospital, heard every five minutes, with a bag inside. */
async function aBagInside(door: Door) {
  const { world } = door
  const { clock } = world
  const city = await aCity(door)
  const { din, bagId } = await aBagInStock(city, 1)
  await aPatient(city, 'P-SECRET')
  await aDevice(world, 'fridge-or', {}, noon - day)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(clock.now) })
  let seq = 0
  const say = (channel: 'readings' | 'bags', body: unknown) =>
    world.ingest.accept([aMessage({ device: 'fridge-or', seq: seq++, channel, receivedAt: clock.now, body })])
  const added = (at = clock.now) => say('bags', [{ at, added: ['T1'], removed: [] }])
  const removed = (at = clock.now) => say('bags', [{ at, added: [], removed: ['T1'] }])
  const look = (since = 0) => watchAlarms(world.deps, { readySince: clock.now, since })
  const wait = async (minutes: number) => {
    for (let passed = 0; passed < minutes; passed++) {
      clock.now += minute
      if (passed % 5 === 0) await say('readings', [aReading(clock.now, 4)])
      await look()
    }
  }
  await say('readings', [aReading(clock.now, 4)])
  await added()
  clock.now += minute
  const alarms = async () => (await done(city.nurse.get('/alarms'), Alarms)).alarms
  const open = async () =>
    (await alarms())
      .filter(({ endedAt }) => endedAt === null)
      .map(({ kind, class: graveness }) => [kind, graveness])
  const take = async () => {
    const { takeOutId } = await done(
      city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P-SECRET' }),
      TakeOut,
    )
    const go = await done(
      city.nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'E0336V00' }),
      ScanAnswer,
    )
    expect(go).toMatchObject({ answer: 'GO' })
    await removed()
  }
  return { city, bagId, clock, say, added, removed, look, wait, alarms, open, take }
}

describe('a bag out of controlled storage', () => {
  test('is warned of after 20 minutes, alarmed of at 30 and at four hours, until it is given', async ({
    door,
  }) => {
    const { city, bagId, clock, wait, look, alarms, open, take } = await aBagInside(door)
    await take()
    const leftAt = clock.now
    await wait(19)
    expect(await open()).toEqual([])
    await wait(1)
    expect(await open()).toEqual([['bag_out_soon', 'alert']])
    expect(await look()).toBe(0)
    const [warned] = await alarms()
    expect(warned).toMatchObject({
      device: null,
      facility: 'H1',
      part: bagId,
      bags: [{ bagId, label: expect.stringMatching(/^A999926000001\w E0336V00$/) }],
      zh: '血袋离开冷藏即将超时',
      from: iso(leftAt),
      rescue: null,
      cause: null,
    })
    await wait(10)
    // The warning is over once the limit is reached, and was told to the ward alone.
    await wait(5)
    expect(await open()).toEqual([['bag_out', 'alert']])
    const told = await done(city.nurse.get(`/alarms/${warned?.id}`), AlarmDetail)
    expect(told.events.map(({ verb }) => verb)).toEqual(['raised', 'escalated', 'ended'])
    const [limit] = await alarms()
    expect(limit).toMatchObject({ kind: 'bag_out', from: iso(leftAt), raisedAt: iso(leftAt + 30 * minute) })
    await done(
      city.nurse.post(`/alarms/${limit?.id}/acknowledge`, { comment: 'it is being given' }),
      AlarmDetail,
    )
    clock.now = leftAt + 240 * minute - 1
    await look()
    expect(await open()).toContainEqual(['bag_out', 'alert'])
    expect(await open()).not.toContainEqual(['transfusion_late', 'alert'])
    clock.now += 1
    await look()
    expect(await open()).toContainEqual(['transfusion_late', 'alert'])
    expect(JSON.stringify(await alarms())).not.toContain('P-SECRET')
    const { rows } = await door.world.deps.database.pool.query<{ data: object }>(
      `select data from news where kind like 'alarm.%'`,
    )
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain('P-SECRET')
    expect(JSON.stringify(rows)).toContain(bagId)

    const rescue = await refusal(city.nurse.get(`/alarms/${limit?.id}/rescue`))
    expect(rescue).toMatchObject({ status: 409 })
    const far = await aWorker(door, 'far', 'nurse', 'C1')
    expect((await far.get(`/alarms/${limit?.id}`)).status).toBe(404)
    const given = { patient: 'P-SECRET', startedAt: iso(leftAt + 25 * minute) }
    await step(city.nurse, bagId, 'transfuse', given)
    await look()
    clock.now += 5 * minute
    await look()
    expect((await alarms()).filter(({ part, endedAt }) => part === bagId && endedAt === null)).toEqual([])
  })

  test('is no alarm any more once it is back inside, and starts again where it leaves again, with what it spent', async ({
    door,
  }) => {
    const { clock, added, removed, wait, alarms, open } = await aBagInside(door)
    await removed()
    await wait(15)
    await added()
    await wait(30)
    expect(await alarms()).toEqual([])
    const leftAt = clock.now
    await removed()
    await wait(4)
    expect(await open()).toEqual([])
    await wait(1)
    expect(await open()).toEqual([['bag_out_soon', 'alert']])
    await wait(10)
    expect(await open()).toContainEqual(['bag_out', 'alert'])
    expect((await alarms()).find(({ kind }) => kind === 'bag_out')).toMatchObject({ from: iso(leftAt) })
    await added()
    await wait(6)
    expect(await open()).toEqual([])
  })

  test('is alarmed of by when it left, however late that is told, and once, whoever looks and is started again', async ({
    door,
  }) => {
    const { clock, added, removed, look, alarms, open } = await aBagInside(door)
    const leftAt = clock.now
    clock.now += 45 * minute
    await removed(leftAt)
    await look(clock.now - minute)
    expect((await open()).filter(([kind]) => kind?.startsWith('bag'))).toEqual([['bag_out', 'alert']])
    for (const since of [clock.now - day, clock.now, 0]) expect(await look(since)).toBe(0)
    // What comes to light later: it was back inside after ten minutes.
    await added(leftAt + 10 * minute)
    await look()
    clock.now += 5 * minute
    await look()
    const mine = (await alarms()).filter(({ kind }) => kind === 'bag_out')
    expect(mine).toMatchObject([{ from: iso(leftAt), endedAt: iso(clock.now) }])
  })

  test('is counted from its issue where nobody saw it leave', async ({ door }) => {
    const city = await aCity(door)
    const { clock, deps } = door.world
    const { bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    const look = () => watchAlarms(deps, { readySince: 0, since: 0 })
    const open = async () =>
      (await door.ask(Alarms, 'GET', '/alarms')).alarms.filter(({ endedAt }) => endedAt === null)
    await look()
    expect(await open()).toEqual([])
    await step(city.lab, bagId, 'issue', { patient: 'P1' })
    clock.now += 30 * minute - 1
    await look()
    expect(await open()).toMatchObject([{ kind: 'bag_out_soon' }])
    clock.now += 1
    await look()
    clock.now += 5 * minute
    await look()
    expect(await open()).toMatchObject([{ kind: 'bag_out', part: bagId, from: iso(noon) }])
    await step(city.lab, bagId, 'return', { reason: 'operation put off' })
    await look()
    clock.now += 5 * minute
    await look()
    expect(await open()).toEqual([])
  })
})

test('whenever a bag is taken, put back and the watch started again, what it spent in hands is what is told', async ({
  door,
}) => {
  const { bagId, clock, added, removed, alarms } = await aBagInside(door)
  const { deps } = door.world
  await removed()
  const turn = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 25 }) },
    fc.constantFrom('take' as const, 'return' as const, 'restart' as const),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 5, maxLength: 15 }), async (steps) => {
      await added()
      clock.now += day
      let since = clock.now - day
      // Somebody vouches for it: what it spent before counts no more.
      await deps.database.pool.query(
        `insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
         select $1, max(version) + 1, 'reinstate', 'returned', 'available', $2, '{}', '{}' from bag_event where bag_id = $1`,
        [bagId, clock.now],
      )
      let leftAt: number | null = null
      let spentMs = 0
      for (const one of steps) {
        if (one === 'take' && leftAt === null) {
          await removed()
          leftAt = clock.now
        } else if (one === 'return' && leftAt !== null) {
          await added()
          spentMs += clock.now - leftAt
          leftAt = null
        } else if (one === 'restart') since = clock.now - day
        else if (typeof one === 'number') clock.now += one * minute
        const begun = clock.now
        await watchAlarms(deps, { readySince: 0, since })
        since = begun - minute
        const mine = (await alarms()).filter(({ part, closedAt }) => part === bagId && closedAt === null)
        const inHandsMs = leftAt === null ? null : spentMs + clock.now - leftAt
        const lasting = (kind: string) => mine.some((alarm) => alarm.kind === kind && alarm.endedAt === null)
        const isSoon = inHandsMs !== null && inHandsMs >= 20 * minute && inHandsMs < 30 * minute
        const isOut = inHandsMs !== null && inHandsMs >= 30 * minute
        if (isSoon) expect(lasting('bag_out_soon')).toBe(true)
        if (isOut) expect(lasting('bag_out')).toBe(true)
        if (inHandsMs !== null && inHandsMs < 30 * minute && spentMs === 0)
          expect(lasting('bag_out')).toBe(false)
        expect(mine.length).toBeLessThan(3)
      }
      if (leftAt !== null) await added()
      await watchAlarms(deps, { readySince: 0, since })
      clock.now += 5 * minute
      await watchAlarms(deps, { readySince: 0, since })
      expect((await alarms()).filter(({ part, endedAt }) => part === bagId && endedAt === null)).toEqual([])
      await deps.database.pool.query('update alarm_case set closed_at = $1 where closed_at is null', [
        clock.now,
      ])
    }),
    { numRuns: 8 },
  )
})
