import { describe, expect } from 'vitest'
import { Hl7Done, Hl7Refusal, Hl7Refusals, Pseudonym } from '../../../schema/http/hl7.ts'
import { Orders } from '../../../schema/http/orders.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aMessageOf, anOrderMessage, aParty } from '../../support/hl7.ts'
import { aCity, aPatient, done, refusal, signedIn } from '../../support/hospital.ts'
import { type Door, openDoor, test } from './door.ts'

async function aHospital({ world }: Door) {
  const door = openDoor(world, {
    hl7: [
      aParty(),
      aParty({ application: 'OTHER', at: 'C1' }),
      aParty({ application: 'HIS2', pseudonymKey: 'k' }),
    ],
  })
  const city = await aCity(door)
  const key = await signedIn(door, 'importer', 'transfusion_lab', 'H1')
  const send = (text: string, headers: Record<string, string> = {}) =>
    door.raw('/imports/hl7', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/hl7-v2', ...headers },
      body: text,
    })
  return { door, city, send }
}

describe('a message over HTTP', () => {
  test('is done once, as its own text or in JSON, and acknowledged', async ({ door: closed }) => {
    const { city, send } = await aHospital(closed)
    const order = anOrderMessage()
    const { code, acknowledgement } = await done(send(order), Hl7Done)
    expect([code, acknowledgement.includes('MSA|AA|M1')]).toEqual(['AA', true])
    await done(send(order), Hl7Done)
    await done(send(order, { 'content-type': 'application/hl7-v2; charset=utf-8' }), Hl7Done)
    await done(city.lab.post('/imports/hl7', { message: order }), Hl7Done)
    const { orders } = await done(city.lab.get('/facilities/H1/orders'), Orders)
    expect(orders).toMatchObject([{ patient: 'P1', physician: 'dr-zhao', amount: 2, state: 'requested' }])
    expect(await refusal(send(anOrderMessage({ placer: 'O-2' })))).toMatchObject({ code: 'key_reused' })
  })

  test('that is refused is kept and a task, by an Idempotency-Key as well, until somebody concludes it', async ({
    door: closed,
  }) => {
    const { door, city, send } = await aHospital(closed)
    await aPatient(city, 'P1')
    const merge = aMessageOf(['MRG|P2^^^MRN'], { type: 'ADT^A40', id: 'M4' })
    expect(await refusal(send(merge, { 'idempotency-key': 'k' }))).toMatchObject({ code: 'conflict' })
    const { tasks } = await done(city.lab.get('/tasks?kind=hl7_refused'), Tasks)
    expect(tasks).toMatchObject([{ facility: 'H1', bagId: null }])
    expect(tasks[0]?.en).toContain('ADT^A40')
    const { refusals } = await done(city.lab.get('/facilities/H1/hl7-refusals'), Hl7Refusals)
    const [kept] = refusals
    expect(kept).toMatchObject({ sender: 'HIS/HOSP', controlId: 'M4', type: 'ADT^A40', times: 1 })
    expect(kept?.shown).toContain('PID|||P1\nMRG|P2')
    const id = tasks[0]?.message
    expect(id).toBe(kept?.id)
    const conclude = () => city.lab.post(`/hl7-refusals/${id}/conclusion`, { conclusion: 'both are P1' })
    expect(await done(conclude(), Hl7Refusal)).toMatchObject({ conclusion: 'both are P1' })
    expect(await refusal(conclude())).toMatchObject({ code: 'conflict' })
    expect((await done(city.lab.get('/tasks?kind=hl7_refused'), Tasks)).tasks).toEqual([])
    // Sent once more it is looked at once more.
    expect(await refusal(send(merge))).toMatchObject({ code: 'conflict' })
    expect((await done(city.lab.get('/facilities/H1/hl7-refusals'), Hl7Refusals)).refusals).toHaveLength(1)
    expect((await door.raw('/facilities/H1/hl7-refusals')).status).toBe(401)
  })

  test('of a sender elsewhere is as little there as one of nobody', async ({ door: closed }) => {
    const { send, city } = await aHospital(closed)
    const other = await refusal(send(aMessageOf([]).replace('HIS', 'OTHER')))
    const nobody = await refusal(send(aMessageOf([]).replace('HIS', 'NOBODY')))
    expect([other.code, nobody.code]).toEqual(['not_found', 'not_found'])
    expect(other.detail).toBe(nobody.detail.replace('NOBODY', 'OTHER'))
    expect(await refusal(send('no message'))).toMatchObject({ code: 'invalid_request' })
    expect(await refusal(send('MSH'))).toMatchObject({ code: 'invalid_request' })
    expect(await refusal(city.nurse.post('/imports/hl7', { message: 'MSH' }))).toMatchObject({
      code: 'forbidden',
    })
    const text = { 'content-type': 'text/plain' }
    expect(await refusal(send(aMessageOf([]), text))).toMatchObject({ status: 415 })
  })

  test('names a patient whose pseudonym the ward may ask for', async ({ door: closed }) => {
    const { door, city, send } = await aHospital(closed)
    await done(send(aMessageOf([], { patient: '4711^^^MRN' })), Hl7Done)
    const asked = await done(city.nurse.post('/facilities/H1/pseudonyms', { number: '4711' }), Pseudonym)
    expect(asked).toEqual({ pseudonym: '4711' })
    expect(await refusal(city.nurse.post('/facilities/C1/pseudonyms', { number: '4711' }))).toMatchObject({
      code: 'not_found',
    })
    expect((await door.raw('/facilities/H1/pseudonyms', { method: 'POST' })).status).toBe(401)
  })
})
