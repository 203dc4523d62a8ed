import { describe, expect } from 'vitest'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { ScanAnswer, TakeOut, TakeOutSession } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aBagInStock, aCity, aPatient, aWorker, type City, done, step } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000

/** The messages a fridge sends, one after the other. */
function aFridge({ world }: Door, device = 'fridge-or') {
  let seq = 0
  return (channel: 'readings' | 'bags' | 'replies', body: unknown) => {
    const receivedAt = world.clock.now
    return world.ingest.accept([aMessage({ device, seq: seq++, channel, receivedAt, body })])
  }
}

/** A bag of the hospital that its fridge has inside. */
async function aBagInside(door: Door) {
  const city = await aCity(door)
  const { din, bagId } = await aBagInStock(city, 1)
  await aPatient(city, 'P1')
  const { clock } = door.world
  const say = aFridge(door)
  await aDevice(door.world, 'fridge-or', {}, noon - 86_400_000)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(clock.now) })
  await say('readings', [aReading(clock.now, 4)])
  await say('bags', [{ at: clock.now, added: ['T1'], removed: [] }])
  clock.now += minute
  const remove = () => say('bags', [{ at: clock.now, added: [], removed: ['T1'] }])
  const add = () => say('bags', [{ at: clock.now, added: ['T1'], removed: [] }])
  return { city, din, bagId, clock, say, remove, add }
}

/** The same, and a scan has issued it by now. */
async function anIssue(door: Door) {
  const { city, din, bagId, clock, say, remove } = await aBagInside(door)
  const { takeOutId, unlock } = await done(
    city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }),
    TakeOut,
  )
  const label = { din, productCode: 'E0336V00' }
  const go = await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)
  expect(go).toMatchObject({ answer: 'GO' })
  const reply = (state: 'done' | 'failed') => say('replies', { command: unlock.commandId, state })
  return { city, bagId, takeOutId, clock, issuedAt: clock.now, say, reply, remove }
}

/** Tasks about bags: those about the devices they are in are not asked about here. */
const BagTasks = {
  parse: (value: unknown) => ({ tasks: Tasks.parse(value).tasks.filter(({ bagId }) => bagId !== null) }),
}

const tasksOf = async ({ nurse }: City, query = '') =>
  (await done(nurse.get(`/tasks${query}`), BagTasks)).tasks

describe('an issue at a fridge', () => {
  test('is to be seen to when the bag is inside still after 60 s, until it leaves', async ({ door }) => {
    const { city, bagId, clock, issuedAt, reply, remove } = await anIssue(door)
    await reply('done')
    clock.now = issuedAt + minute - 1
    expect(await tasksOf(city)).toEqual([])
    clock.now = issuedAt + minute
    const [task, ...others] = await tasksOf(city, '?facility=H1&kind=issue_unconfirmed')
    expect(others).toEqual([])
    expect(task).toEqual({
      kind: 'issue_unconfirmed',
      bagId,
      label: expect.stringMatching(/^A999926000001\w E0336V00$/),
      device: 'fridge-or',
      deviceLabel: null,
      facility: 'H1',
      since: iso(issuedAt + minute),
      zh: expect.stringContaining('撤销发血'),
      en: expect.stringContaining('cancel the issue'),
    })
    await remove()
    expect(await tasksOf(city)).toEqual([])
  })

  test('is confirmed where the bag left in time', async ({ door }) => {
    const { city, clock, reply, remove } = await anIssue(door)
    await reply('done')
    clock.now += 5_000
    await remove()
    clock.now += 10 * minute
    expect(await tasksOf(city)).toEqual([])
  })

  test('is no task any more when it is cancelled, or the fate of the bag is known', async ({ door }) => {
    const { city, bagId, clock, reply } = await anIssue(door)
    await reply('done')
    clock.now += minute
    expect(await tasksOf(city)).toHaveLength(1)
    await step(city.nurse, bagId, 'cancel-issue', { reason: 'operation put off' })
    expect(await tasksOf(city)).toEqual([])
    await step(city.lab, bagId, 'issue', { patient: 'P1' })
    clock.now += minute
    // Handed out over the counter: no door had a say in it.
    expect(await tasksOf(city)).toEqual([])
  })

  test('through a door that did not open is to be seen to at once, unless the bag was seen to leave', async ({
    door,
  }) => {
    const { city, clock, issuedAt, reply, remove } = await anIssue(door)
    clock.now += 2_000
    await reply('failed')
    expect(await tasksOf(city)).toMatchObject([
      { since: iso(issuedAt + 2_000), en: expect.stringContaining('door did not open') },
    ])
    await remove()
    expect(await tasksOf(city)).toEqual([])
  })

  test('whose door answered nothing is to be seen to once the unlock has expired, inside or missing', async ({
    door,
  }) => {
    const { city, takeOutId, clock, issuedAt, say } = await anIssue(door)
    clock.now = issuedAt + 14_999
    expect(await tasksOf(city)).toEqual([])
    clock.now = issuedAt + 15_000
    const task = { since: iso(issuedAt + 15_000), en: expect.stringContaining('door did not open') }
    expect(await tasksOf(city)).toMatchObject([task])
    // Missed by an inventory it has left, but nobody saw when, or whether by this door.
    await say('bags', { at: clock.now, inventory: [] })
    expect(await tasksOf(city)).toMatchObject([task])
    const session = await done(city.nurse.get(`/take-outs/${takeOutId}`), TakeOutSession)
    expect(session).toMatchObject({
      patient: 'P1',
      unlock: { state: 'expired', reason: null },
      scans: [{ answer: 'GO', findings: [], at: iso(issuedAt) }],
    })
  })

  test('is told to who takes bags out there, and to nobody else', async ({ door }) => {
    const { city, clock, takeOutId } = await anIssue(door)
    clock.now += minute
    expect(await tasksOf(city, '?kind=issue_unconfirmed')).toHaveLength(1)
    const far = await aWorker(door, 'far', 'nurse', 'C1')
    expect(await done(far.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
    expect((await far.get('/tasks?facility=H1')).status).toBe(404)
    expect((await far.get(`/take-outs/${takeOutId}`)).status).toBe(404)
    expect((await city.courier.get('/tasks')).status).toBe(403)
    expect((await city.nurse.get('/tasks?facility=H9')).status).toBe(404)
    expect((await city.nurse.get('/tasks?kind=other')).status).toBe(400)
  })
})

describe('a transfusion that something speaks against', () => {
  test('is to be looked into, the newest first, and whom it was given to is its hospital’s to know', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { clock } = door.world
    const [never, wrong, right] = [
      await aBagInStock(city, 1),
      await aBagInStock(city, 2),
      await aBagInStock(city, 3),
    ]
    for (const name of ['P1', 'P2']) await aPatient(city, name)
    const hold = { kind: 'visual', reason: 'a clot' }
    await done(city.lab.post(`/bags/${never.bagId}/holds`, hold), BagDetail)
    for (const { bagId } of [wrong, right]) await step(city.lab, bagId, 'issue', { patient: 'P1' })
    const given = (patient: string) => ({ patient, startedAt: iso(clock.now) })
    await step(city.nurse, right.bagId, 'transfuse', given('P1'))
    expect(await tasksOf(city)).toEqual([])
    await step(city.nurse, never.bagId, 'transfuse', given('P1'))
    clock.now += minute
    await step(city.nurse, wrong.bagId, 'transfuse', given('P2'))

    const about = { kind: 'transfused_against', device: null, deviceLabel: null, facility: 'H1' }
    const first = {
      ...about,
      bagId: wrong.bagId,
      label: expect.stringMatching(/^A999926000002\w E0336V00$/),
      since: iso(noon + minute),
      zh: '已输注，但并非发给该患者：请调查并上报',
      en: 'Transfused although it was issued for another patient: look into it, and report it',
      discrepancies: ['another_patient'],
    }
    const second = {
      ...about,
      bagId: never.bagId,
      label: expect.stringMatching(/^A999926000001\w E0336V00$/),
      since: iso(noon),
      zh: '已输注，但未经发血、已被暂停使用：请调查并上报',
      en: 'Transfused although it was not issued, it was held: look into it, and report it',
      discrepancies: ['not_issued', 'held'],
    }
    expect(await tasksOf(city, '?facility=H1&kind=transfused_against')).toEqual([
      { ...first, patient: 'P2' },
      { ...second, patient: 'P1' },
    ])
    // Who made it hears of it, and not of the patient; who has no such right there, and who is elsewhere, do not.
    const told = [
      { ...first, patient: null },
      { ...second, patient: null },
    ]
    const { tester } = city
    expect((await done(tester.get('/tasks'), BagTasks)).tasks).toEqual(told)
    expect((await done(tester.get('/tasks?facility=C1'), BagTasks)).tasks).toEqual(told)
    expect((await tester.get('/tasks?facility=H1')).status).toBe(404)
    expect((await city.courier.get('/tasks')).status).toBe(403)
    const hospital = { code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'Asia/Shanghai' }
    await door.ask(Facility, 'POST', '/facilities', hospital)
    const other = await aWorker(door, 'other', 'nurse', 'H2')
    expect(await done(other.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
  })
})

describe('a bag whose fate is recorded', () => {
  test('is to be looked for when it is inside again after that, until it leaves', async ({ door }) => {
    const { city, bagId, clock, remove, add } = await aBagInside(door)
    await remove()
    clock.now += minute
    await step(city.lab, bagId, 'discard', { reason: 'torn', witness: 'nurse' })
    await add()
    expect(await tasksOf(city)).toEqual([])
    clock.now += 1
    await remove()
    clock.now += 1
    await add()
    expect(await tasksOf(city)).toEqual([
      {
        kind: 'seen_after_fate',
        bagId,
        label: expect.stringMatching(/^A999926000001\w E0336V00$/),
        device: 'fridge-or',
        deviceLabel: null,
        facility: 'H1',
        since: iso(clock.now),
        zh: expect.stringContaining('去向已登记'),
        en: expect.stringContaining('Its fate is recorded'),
      },
    ])
    const origin = await aWorker(door, 'far', 'nurse', 'C1')
    expect(await done(origin.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
    clock.now += 1
    await remove()
    expect(await tasksOf(city)).toEqual([])
  })

  test('may wait inside where it was until it is carried away', async ({ door }) => {
    const { city, bagId, clock, say } = await aBagInside(door)
    await step(city.lab, bagId, 'discard', { reason: 'torn', witness: 'nurse' })
    clock.now += minute
    await say('bags', { at: clock.now, inventory: ['T1'] })
    expect(await tasksOf(city)).toEqual([])
  })
})

describe('a bag in stock', () => {
  test('that is inside a device of another facility is to be fetched, until it is back or sent', async ({
    door,
  }) => {
    const { city, bagId, clock, say, add } = await aBagInside(door)
    await aDevice(door.world, 'fridge-far', {}, noon - 86_400_000, 'C1')
    const sayFar = aFridge(door, 'fridge-far')
    await sayFar('bags', [{ at: clock.now, added: ['T1'], removed: [] }])
    const since = iso(clock.now)
    clock.now += minute
    expect(await tasksOf(city)).toEqual([
      {
        kind: 'seen_elsewhere',
        bagId,
        label: expect.stringMatching(/^A999926000001\w E0336V00$/),
        device: 'fridge-far',
        deviceLabel: null,
        facility: 'H1',
        since,
        zh: expect.stringContaining('C1'),
        en: expect.stringContaining('at C1'),
      },
    ])
    const there = await aWorker(door, 'far', 'transfusion_lab', 'C1')
    expect(await done(there.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
    await add()
    expect(await tasksOf(city)).toEqual([])

    await step(city.lab, bagId, 'distribute', { to: 'C1' })
    clock.now += minute
    await say('bags', [{ at: clock.now, added: [], removed: ['T1'] }])
    await sayFar('bags', [{ at: clock.now, added: ['T1'], removed: [] }])
    expect(await tasksOf(city)).toEqual([])
    await step(city.lab, bagId, 'depart')
    await step(there, bagId, 'receive')
    expect(await tasksOf(city)).toEqual([])
    expect(await done(there.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
    // Seen where it came from, it is looked for by who holds it now.
    clock.now += minute
    await add()
    expect(await tasksOf(city)).toEqual([])
    expect((await done(there.get('/tasks'), BagTasks)).tasks).toMatchObject([
      { kind: 'seen_elsewhere', device: 'fridge-or', facility: 'C1', since: iso(clock.now) },
    ])
  })

  test('that was taken and not issued is to be looked for after half an hour, until it is back', async ({
    door,
  }) => {
    const { city, bagId, clock, remove, add } = await aBagInside(door)
    await remove()
    const takenAt = clock.now
    clock.now = takenAt + 10 * minute
    // Keeping it for somebody is no issue.
    await aPatient(city, 'P1')
    await step(city.lab, bagId, 'reserve', { patient: 'P1', until: iso(noon + 6 * 60 * minute) })
    clock.now = takenAt + 30 * minute - 1
    expect(await tasksOf(city)).toEqual([])
    clock.now = takenAt + 30 * minute
    expect(await tasksOf(city, '?kind=taken_without_issue')).toEqual([
      {
        kind: 'taken_without_issue',
        bagId,
        label: expect.stringMatching(/^A999926000001\w E0336V00$/),
        device: 'fridge-or',
        deviceLabel: null,
        facility: 'H1',
        since: iso(clock.now),
        zh: expect.stringContaining('未经发血'),
        en: expect.stringContaining('not issued'),
      },
    ])
    const origin = await aWorker(door, 'far', 'nurse', 'C1')
    expect(await done(origin.get('/tasks'), BagTasks)).toEqual({ tasks: [] })
    await add()
    expect(await tasksOf(city)).toEqual([])
  })

  test('that an inventory misses is to be looked for half an hour after it was seen last', async ({
    door,
  }) => {
    const { city, clock, say } = await aBagInside(door)
    const seenAt = clock.now - minute
    await say('bags', { at: clock.now, inventory: [] })
    clock.now = seenAt + 30 * minute - 1
    expect(await tasksOf(city)).toEqual([])
    clock.now += 1
    expect(await tasksOf(city)).toMatchObject([{ kind: 'taken_without_issue', since: iso(clock.now) }])
  })

  test('that was received out of hands may be carried to its fridge for half an hour', async ({ door }) => {
    const { city, bagId, clock, remove } = await aBagInside(door)
    await remove()
    await step(city.lab, bagId, 'distribute', { to: 'C1' })
    const there = await aWorker(door, 'far', 'transfusion_lab', 'C1')
    await step(city.lab, bagId, 'depart')
    clock.now += 120 * minute
    await step(there, bagId, 'receive')
    const tasks = async () => (await done(there.get('/tasks'), BagTasks)).tasks
    clock.now += 30 * minute - 1
    expect(await tasks()).toEqual([])
    clock.now += 1
    expect(await tasks()).toMatchObject([
      { kind: 'taken_without_issue', facility: 'C1', since: iso(clock.now) },
    ])
  })
})
