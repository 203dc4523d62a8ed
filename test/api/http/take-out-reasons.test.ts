import { describe, expect } from 'vitest'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { ReturnClock, ScanAnswer, TakeOut, TakeOutRules, TakeOutSession } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import type { AlarmKind } from '../../../schema/vocabulary.ts'
import {
  aBagInStock,
  aCity,
  aPatient,
  aWorker,
  type City,
  done,
  refusal,
  step,
} from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

/* Why a bag is handed out although something speaks against it, and what follows from that. */

const minute = 60_000
const day = 86_400_000

async function raised({ lab }: City, kind: AlarmKind) {
  const { alarms } = await done(lab.get('/alarms'), Alarms)
  return alarms.filter((alarm) => alarm.kind === kind)
}

/** A bag in a fridge of the hospital, cold since it came. */
async function aBagInside(door: Door, city: City) {
  const { world } = door
  const { din, bagId } = await aBagInStock(city, 1)
  const { now } = world.clock
  await aDevice(world, 'fridge-or', {}, noon - day)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'tag-1', from: iso(now) })
  world.clock.now = now + 10 * minute
  const { now: receivedAt } = world.clock
  const body = [0, 5, 10].map((after) => aReading(now + after * minute, 4))
  const added = [{ at: now + minute, added: ['tag-1'], removed: [] }]
  await world.ingest.accept([
    aMessage({ device: 'fridge-or', seq: 0, receivedAt, body }),
    aMessage({ device: 'fridge-or', seq: 1, channel: 'bags', receivedAt, body: added }),
  ])
  return { din, bagId }
}

/** It is seen to leave. */
async function leaves({ world }: Door, seq = 2): Promise<void> {
  const { now } = world.clock
  const body = [{ at: now, added: [], removed: ['tag-1'] }]
  await world.ingest.accept([aMessage({ device: 'fridge-or', seq, channel: 'bags', receivedAt: now, body })])
}

const open = ({ nurse }: City, body: object) =>
  done(nurse.post('/take-outs', { device: 'fridge-or', ...body }), TakeOut)

const scan = ({ nurse }: City, takeOutId: string, din: string, more = {}) =>
  done(nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'E0336V00', ...more }), ScanAnswer)

const kindsOf = async (city: City) =>
  (await done(city.lab.get('/tasks'), Tasks)).tasks
    .filter(({ kind }) => !kind.endsWith('_due') && !kind.startsWith('manual'))
    .map(({ kind, bagId }) => [kind, bagId])

describe('where two must check', () => {
  test('a scan is a CALL until another person has, and says where to call', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    const rules = { secondChecker: true, telephone: '+86 532 8000', crossmatch: false }
    expect(await done(city.lab.put('/facilities/H1/take-out-rules', rules), TakeOutRules)).toEqual(rules)
    expect(await done(city.nurse.get('/facilities/H1/take-out-rules'), TakeOutRules)).toEqual(rules)
    const { takeOutId, checkNeeded } = await open(city, { patient: 'P1' })
    expect(checkNeeded).toBe(true)
    expect(await scan(city, takeOutId, din)).toMatchObject({
      answer: 'CALL',
      findings: ['second_checker_missing'],
      telephone: rules.telephone,
      clock: null,
    })
    const check = `/take-outs/${takeOutId}/checks`
    expect(await refusal(city.nurse.post(check))).toMatchObject({ status: 403, code: 'second_person' })
    const other = await aWorker(door, 'nurse-2', 'nurse', 'H1')
    expect((await other.post(check)).status).toBe(201)
    expect((await other.post(check)).status).toBe(201)
    expect(await done(city.nurse.get(`/take-outs/${takeOutId}`), TakeOutSession)).toMatchObject({
      checkNeeded: true,
      checkedAt: iso(door.world.clock.now),
    })
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO', bagId })
  })

  test('nobody waits for that in an emergency, nor where it is no rule any more', async ({ door }) => {
    const city = await aCity(door)
    const { din } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    await city.lab.put('/facilities/H1/take-out-rules', { secondChecker: true })
    const before = await open(city, { patient: 'P1' })
    await city.lab.put('/facilities/H1/take-out-rules', { secondChecker: false })
    // What was so when the door was opened holds for as long as it is.
    expect((await scan(city, before.takeOutId, din)).answer).toBe('CALL')
    expect((await open(city, { patient: 'P1' })).checkNeeded).toBe(false)
    await city.lab.put('/facilities/H1/take-out-rules', { secondChecker: true })
    const { takeOutId, checkNeeded } = await open(city, { emergency: true, reason: 'haemorrhage' })
    expect(checkNeeded).toBe(false)
    expect((await scan(city, takeOutId, din)).answer).toBe('GO')
  })

  test('a session that is over is not checked', async ({ door }) => {
    const city = await aCity(door)
    await aBagInside(door, city)
    await aPatient(city, 'P1')
    await city.lab.put('/facilities/H1/take-out-rules', { secondChecker: true })
    const { takeOutId } = await open(city, { patient: 'P1' })
    door.world.clock.now += 5 * minute
    const other = await aWorker(door, 'nurse-2', 'nurse', 'H1')
    expect(await refusal(other.post(`/take-outs/${takeOutId}/checks`))).toMatchObject({
      code: 'session_over',
    })
  })
})

describe('in an emergency', () => {
  test('O positive goes to whom nobody has grouped, in China, and the lab reviews it', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    const { takeOutId, bags } = await open(city, { emergency: true, reason: 'haemorrhage' })
    expect(bags).toMatchObject([{ bagId, group: { abo: 'O', rhd: 'positive' }, needsOverride: false }])
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO', findings: [] })
    expect(await kindsOf(city)).toContainEqual(['emergency_release', bagId])
    const review = { physician: 'Dr Wang', justification: 'ruptured spleen', crossmatch: 'compatible' }
    const path = `/bags/${bagId}/issue-reviews`
    expect(await refusal(city.nurse.post(path, review))).toMatchObject({ status: 403 })
    expect((await city.lab.post(path, review)).status).toBe(201)
    expect(await kindsOf(city)).not.toContainEqual(['emergency_release', bagId])
    expect(await refusal(city.lab.post(path, review))).toMatchObject({ status: 409, code: 'conflict' })
  })

  test('never to who is RhD-negative on record, however old the sample, without a physician', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { din } = await aBagInside(door, city)
    await city.lab.put('/facilities/H1/patients/P-', { abo: 'A', rhd: 'negative' })
    const { takeOutId, bags } = await open(city, { patient: 'P-', emergency: true, reason: 'haemorrhage' })
    expect(bags).toMatchObject([{ needsOverride: true }])
    expect(await scan(city, takeOutId, din)).toMatchObject({
      answer: 'CALL',
      findings: ['rhd_override_missing'],
    })
    expect((await scan(city, takeOutId, din, { override: 'Dr Wang' })).answer).toBe('GO')
  })

  test('elsewhere it goes by age and sex', async ({ door }) => {
    const city = await aCity(door)
    const { din } = await aBagInside(door, city)
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    const ask = { emergency: true, reason: 'haemorrhage' }
    for (const seen of [
      {},
      { sex: 'female', ageYears: 50 },
      { sex: 'male', ageYears: 18 },
      { sex: 'male' },
    ]) {
      const { takeOutId } = await open(city, { ...ask, ...seen })
      expect((await scan(city, takeOutId, din)).findings).toEqual(['rhd_override_missing'])
    }
    const { takeOutId } = await open(city, { ...ask, sex: 'female', ageYears: 51 })
    expect((await scan(city, takeOutId, din)).answer).toBe('GO')
  })

  test('who hands it out over the counter does not review it', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInside(door, city)
    await step(city.lab, bagId, 'issue', { emergency: true, reason: 'haemorrhage' })
    const review = { physician: 'Dr Wang', justification: 'spleen', crossmatch: 'not_possible' }
    const path = `/bags/${bagId}/issue-reviews`
    expect(await refusal(city.lab.post(path, review))).toMatchObject({ code: 'second_person' })
    const other = await aWorker(door, 'lab-2', 'transfusion_lab', 'H1')
    expect((await other.post(path, review)).status).toBe(201)
  })
})

describe('where nobody answers the telephone', () => {
  test('the glass may be broken over a CALL, and that is reviewed', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    await city.lab.put('/facilities/H1/patients/P1', { abo: 'O', rhd: 'positive' })
    const { takeOutId } = await open(city, { patient: 'P1' })
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'CALL', findings: ['no_valid_sample'] })
    const told = await scan(city, takeOutId, din, { breakGlass: 'the lab does not answer' })
    expect(told).toMatchObject({ answer: 'GO', reason: null, findings: ['no_valid_sample'] })
    expect(await kindsOf(city)).toContainEqual(['glass_broken', bagId])
    const { clock } = door.world
    const look = () => watchAlarms(door.world.deps, { readySince: clock.now, since: 0 })
    await look()
    expect(await raised(city, 'glass_broken')).toMatchObject([
      { facility: 'H1', class: 'alert', bags: [{ bagId }], endedAt: null },
    ])
    const review = { physician: 'Dr Wang', justification: 'bleeding', crossmatch: 'compatible' }
    expect((await city.lab.post(`/bags/${bagId}/issue-reviews`, review)).status).toBe(201)
    expect(await kindsOf(city)).not.toContainEqual(['glass_broken', bagId])
    for (const minutes of [0, 6]) {
      clock.now += minutes * minute
      await look()
    }
    expect(await raised(city, 'glass_broken')).toMatchObject([{ endedAt: expect.any(String) }])
  })

  test('over a hold for what is not verified, and a reservation, but never over a STOP', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    await aPatient(city, 'P2')
    const until = iso(door.world.clock.now + day)
    await step(city.lab, bagId, 'reserve', { patient: 'P2', until })
    const breakGlass = 'nobody answers'
    const recalled = await step(city.lab, bagId, 'holds', { kind: 'recall', reason: 'a donor is ill' })
    const { takeOutId } = await open(city, { patient: 'P1' })
    expect(await scan(city, takeOutId, din, { breakGlass })).toMatchObject({ answer: 'STOP' })
    const hold = recalled.holds[0]?.holdId
    const other = await aWorker(door, 'centre-2', 'centre', 'C1')
    await done(other.post(`/bags/${bagId}/holds/${hold}/lift`, { reason: 'he is not' }), BagDetail)
    await step(city.lab, bagId, 'holds', { kind: 'unverified_gap', reason: 'nothing was heard' })
    const answered = await scan(city, takeOutId, din, { breakGlass })
    expect(answered).toMatchObject({ answer: 'GO', bagId })
    expect([...answered.findings].sort()).toEqual(['reserved_for_another', 'unverified'])
  })

  test('a word given for nothing breaks no glass', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    const { takeOutId } = await open(city, { patient: 'P1' })
    expect(await scan(city, takeOutId, din, { breakGlass: 'just in case' })).toMatchObject({ answer: 'GO' })
    expect(await kindsOf(city)).not.toContainEqual(['glass_broken', bagId])
  })
})

describe('of a fridge whose door sessions open', () => {
  async function unlockedOnce({ world }: Door): Promise<void> {
    await world.deps.database.pool.query(`update device_command set replied_at = $1, reply_state = 'done'`, [
      world.clock.now,
    ])
  }

  test('what leaves unscanned in a session, or by key without one, is told at once', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    await open(city, { patient: 'P1' })
    door.world.clock.now += minute
    await leaves(door)
    // Nobody knows yet that the door can be opened by a session: the general rule is slower.
    expect(await kindsOf(city)).toEqual([])
    await unlockedOnce(door)
    expect(await kindsOf(city)).toEqual([['taken_unscanned', bagId]])
  })

  test('a session that ended a minute before has nothing to do with it', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    await open(city, { patient: 'P1' })
    await unlockedOnce(door)
    door.world.clock.now += 6 * minute
    await leaves(door)
    expect(await kindsOf(city)).toEqual([['taken_by_key', bagId]])
    const { clock } = door.world
    const look = () => watchAlarms(door.world.deps, { readySince: clock.now, since: 0 })
    await look()
    expect(await raised(city, 'taken_by_key')).toMatchObject([{ bags: [{ bagId }], endedAt: null }])
    await step(city.lab, bagId, 'issue', { patient: 'P1', reason: 'taken by key' })
    expect(await kindsOf(city)).toEqual([])
    for (const minutes of [0, 6]) {
      clock.now += minutes * minute
      await look()
    }
    expect(await raised(city, 'taken_by_key')).toMatchObject([{ endedAt: expect.any(String) }])
  })
})

describe('the clock of what is out', () => {
  test('is told with GO, and to who asks', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInside(door, city)
    await aPatient(city, 'P1')
    expect(await refusal(city.nurse.get(`/bags/${bagId}/return-clock`))).toMatchObject({ status: 409 })
    const { takeOutId } = await open(city, { patient: 'P1' })
    const issuedAt = door.world.clock.now
    const { clock } = await scan(city, takeOutId, din)
    expect(clock).toMatchObject({ outSince: iso(issuedAt), returns: 'none', governs: 'estimate' })
    door.world.clock.now += minute
    await leaves(door)
    const asked = await done(city.nurse.get(`/bags/${bagId}/return-clock`), ReturnClock)
    // It is known now that its fridge was at 4 °C, and when it left.
    expect(asked).toMatchObject({
      outSince: iso(issuedAt + minute),
      estimateBy: iso(issuedAt + 16 * minute),
      transfuseBy: iso(issuedAt + 241 * minute),
      governs: 'estimate',
    })
  })
})
