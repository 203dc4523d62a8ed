import { describe, expect } from 'vitest'
import { BagDetail } from '../../../schema/http/bags.ts'
import { ScanAnswer, TakeOut, TakeOutSession } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aBagInStock, aCity, aPatient, aWorker, type City, done, step } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000

/** The messages a fridge sends, one after the other. */
function aFridge({ world }: Door) {
  let seq = 0
  return (channel: 'readings' | 'bags' | 'replies', body: unknown) => {
    const receivedAt = world.clock.now
    return world.ingest.accept([aMessage({ device: 'fridge-or', seq: seq++, channel, receivedAt, body })])
  }
}

/** A bag of the hospital that its fridge has inside, and that a scan has issued by now. */
async function anIssue(door: Door) {
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
  const { takeOutId, unlock } = await done(
    city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }),
    TakeOut,
  )
  const label = { din, productCode: 'E0336V00' }
  const go = await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)
  expect(go).toMatchObject({ answer: 'GO' })
  const reply = (state: 'done' | 'failed') => say('replies', { command: unlock.commandId, state })
  const remove = () => say('bags', [{ at: clock.now, added: [], removed: ['T1'] }])
  return { city, bagId, takeOutId, clock, issuedAt: clock.now, say, reply, remove }
}

const tasksOf = async ({ nurse }: City, query = '') => (await done(nurse.get(`/tasks${query}`), Tasks)).tasks

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
    expect(await done(far.get('/tasks'), Tasks)).toEqual({ tasks: [] })
    expect((await far.get('/tasks?facility=H1')).status).toBe(404)
    expect((await far.get(`/take-outs/${takeOutId}`)).status).toBe(404)
    expect((await city.courier.get('/tasks')).status).toBe(403)
    expect((await city.nurse.get('/tasks?facility=H9')).status).toBe(404)
    expect((await city.nurse.get('/tasks?kind=other')).status).toBe(400)
  })
})
