import { describe, expect } from 'vitest'
import { BagDetail } from '../../../schema/http/bags.ts'
import { ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { Order, Orders } from '../../../schema/http/orders.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import { NewApiKey } from '../../../schema/http/people.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import {
  aBagInStock,
  aCity,
  aPatient,
  aWorker,
  type City,
  done,
  putInFridge,
  refusal,
  type Worker,
} from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const hour = 3_600_000
const day = 24 * hour
const ofP1 = '/facilities/H1/patients/P1'

async function aHospital(door: Door) {
  const city = await aCity(door)
  const [physician, senior, senior2, head, affairs] = await Promise.all([
    aWorker(door, 'dr-li', 'physician', 'H1'),
    aWorker(door, 'dr-wu', 'senior_physician', 'H1'),
    aWorker(door, 'dr-yu', 'senior_physician', 'H1'),
    aWorker(door, 'dr-he', 'department_head', 'H1'),
    aWorker(door, 'affairs', 'medical_affairs', 'H1'),
  ])
  await aPatient(city, 'P1')
  return { ...city, physician, senior, senior2, head, affairs }
}

const anOrder = (changes: object = {}) => ({
  ...{
    component: 'red_cells',
    amount: 1,
    uom: 'U',
    indication: 'surgery',
    indicationText: 'hip replacement',
  },
  ...{ urgency: 'routine', neededAt: iso(noon + day) },
  ...changes,
})

const order = (worker: Worker, changes: object = {}, of = ofP1) =>
  done(worker.post(`${of}/orders`, anOrder(changes)), Order)
const say = (worker: Worker, { orderId }: { orderId: string }, what: string, body: object = {}) =>
  worker.post(`/orders/${orderId}/${what}`, body)
const approve = (worker: Worker, one: { orderId: string }) => done(say(worker, one, 'approval'), Order)

/** Of one kind, and nothing else of what it says. */
async function tasks(worker: Worker, kind: string) {
  return (await done(worker.get(`/tasks?kind=${kind}`), Tasks)).tasks
}

/** Held by H1, of so many units. */
async function aBagOf(door: Door, city: City, number: number, amount = 2) {
  const made = await aBagInStock(city, number)
  await door.world.deps.database.pool.query(`update bag set amount = $1, uom = 'U' where id = $2`, [
    amount,
    made.bagId,
  ])
  return made
}

describe('an order', () => {
  test('takes the word of those policy names, in turn, each another person than who ordered', async ({
    door,
  }) => {
    const { physician, senior, senior2, head, affairs } = await aHospital(door)
    const placed = await order(physician, { amount: 4 })
    expect(placed).toMatchObject({
      ...{ state: 'requested', dayMl: 800, physician: 'dr-li', patient: 'P1', facility: 'H1' },
      approvals: ['senior_physician', 'department_head'],
      missing: ['senior_physician', 'department_head'],
    })
    expect(await refusal(say(head, placed, 'approval'))).toMatchObject({ code: 'conflict' })
    expect(await refusal(say(physician, placed, 'approval'))).toMatchObject({ code: 'forbidden' })
    expect(await approve(senior, placed)).toMatchObject({ state: 'requested', missing: ['department_head'] })
    expect(await refusal(say(senior, placed, 'approval'))).toMatchObject({ code: 'second_person' })
    expect(await refusal(say(affairs, placed, 'approval'))).toMatchObject({ code: 'conflict' })
    const approved = await approve(head, placed)
    expect(approved).toMatchObject({ state: 'approved', missing: [] })
    expect(approved.given.map(({ grade }) => grade)).toEqual(['senior_physician', 'department_head'])
    const own = await order(senior, { amount: 1 }, '/facilities/H1/patients/P1')
    expect(await refusal(say(senior, own, 'approval'))).toMatchObject({ code: 'second_person' })
    expect(await approve(senior2, own)).toMatchObject({ missing: ['department_head'] })
    const { rows } = await door.world.deps.database.pool.query(
      `select action from audit_entry where subject_kind = 'order' order by id`,
    )
    expect(rows.map(({ action }) => action)).toEqual([
      ...['order.placed', 'order.approved', 'order.approved', 'order.placed', 'order.approved'],
    ])
  })

  test('is told to who may not know the patients only where it takes their word', async ({ door }) => {
    const { physician, affairs, nurse } = await aHospital(door)
    const small = await order(physician, { amount: 3 })
    const large = await order(physician, { amount: 5 })
    const listed = async (worker: typeof nurse, query = '') =>
      (await done(worker.get(`/facilities/H1/orders${query}`), Orders)).orders.map(({ orderId }) => orderId)
    expect((await listed(nurse)).sort()).toEqual([small.orderId, large.orderId].sort())
    expect(await listed(affairs)).toEqual([large.orderId])
    expect(await listed(affairs, '?patient=P1')).toEqual([large.orderId])
    // Whose word it takes is to know of whom: nobody can judge what is asked for nobody.
    expect(await done(affairs.get(`/orders/${large.orderId}`), Order)).toMatchObject({ patient: 'P1' })
    expect(await refusal(affairs.get(`/orders/${small.orderId}`))).toMatchObject({ code: 'not_found' })
  })

  test('counts with what was ordered for the patient in the 24 hours before, as long as that stands', async ({
    door,
  }) => {
    const city = await aHospital(door)
    const first = await order(city.physician, { amount: 3 })
    expect(first).toMatchObject({ dayMl: 600, approvals: ['senior_physician'] })
    const second = await order(city.physician, { amount: 5 })
    expect(second).toMatchObject({ dayMl: 1_600, approvals: ['department_head', 'medical_affairs'] })
    await done(say(city.lab, second, 'cancellation', { reason: 'ordered twice' }), Order)
    expect(await order(city.physician, { component: 'plasma', amount: 100, uom: 'mL' })).toMatchObject({
      dayMl: 700,
    })
    await aPatient(city, 'P2')
    expect(await order(city.physician, {}, '/facilities/H1/patients/P2')).toMatchObject({ dayMl: 200 })
    door.world.clock.now = noon + day
    expect(await order(city.physician)).toMatchObject({ dayMl: 200 })
    const { orders } = await done(city.nurse.get('/facilities/H1/orders?patient=P1'), Orders)
    expect(orders.map(({ state }) => state).sort()).toEqual([
      'cancelled',
      'requested',
      'requested',
      'requested',
    ])
  })

  test('that was called off once part of it was handed out counts as that part', async ({ door }) => {
    const city = await aHospital(door)
    const first = await order(city.physician, { amount: 3 })
    await approve(city.senior, first)
    const { bagId } = await aBagOf(door, city, 1)
    const issue = { patient: 'P1', reason: 'x', order: first.orderId }
    await done(city.lab.post(`/bags/${bagId}/issue`, issue), BagDetail)
    await done(say(city.physician, first, 'cancellation', { reason: 'to order anew' }), Order)
    expect(await order(city.physician, { amount: 3 })).toMatchObject({
      dayMl: 1_000,
      approvals: ['senior_physician', 'department_head'],
    })
  })

  test('is refused in a unit its component is not measured in, in another’s name, or for nobody', async ({
    door,
  }) => {
    const { physician, nurse } = await aHospital(door)
    const post = (changes: object, of = ofP1) => refusal(physician.post(`${of}/orders`, anOrder(changes)))
    expect(await post({ uom: 'mL' })).toMatchObject({ code: 'invalid_request' })
    expect(await post({ physician: 'dr-wu' })).toMatchObject({ code: 'invalid_request' })
    expect(await post({ neededAt: undefined })).toMatchObject({ code: 'invalid_request' })
    expect(await post({}, '/facilities/H1/patients/P9')).toMatchObject({ code: 'not_found' })
    expect(await refusal(nurse.post(`${ofP1}/orders`, anOrder()))).toMatchObject({ code: 'forbidden' })
  })

  test('comes from another system by a key, in the name of who ordered there', async ({ door }) => {
    const { senior } = await aHospital(door)
    await door.ask(Order, 'POST', `${ofP1}/orders`, anOrder({ physician: 'dr-zhao' }))
    const { key } = await door.ask(NewApiKey, 'POST', '/api-keys', {
      ...{ name: 'his', role: 'physician', facility: 'H1' },
    })
    const ask = (body: object) =>
      door.raw(`${ofP1}/orders`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect(await refusal(ask(anOrder()))).toMatchObject({ code: 'invalid_request' })
    const own = await done(ask(anOrder({ physician: 'dr-wu' })), Order)
    expect(await refusal(say(senior, own, 'approval'))).toMatchObject({ code: 'second_person' })
  })

  test('that is rejected or cancelled is filled no more, nor approved', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId } = await aBagOf(door, city, 1)
    for (const end of ['rejection', 'cancellation'] as const) {
      const one = await order(city.physician)
      const ended = await done(
        say(end === 'rejection' ? city.senior : city.physician, one, end, { reason: 'no need' }),
        Order,
      )
      expect(ended.ended).toMatchObject({ comment: 'no need' })
      expect(await refusal(say(city.senior2, one, 'approval'))).toMatchObject({ code: 'conflict' })
      expect(
        await refusal(
          city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason: 'x', order: one.orderId }),
        ),
      ).toMatchObject({ code: 'conflict', detail: expect.stringContaining(ended.state) })
    }
  })
})

describe('what is handed out for an order', () => {
  test('waits for its approval, is counted, and counts no more once it has come back', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId } = await aBagOf(door, city, 1)
    const { bagId: other } = await aBagOf(door, city, 2)
    const placed = await order(city.physician, { amount: 3 })
    const issue = (id: string, changes: object = {}) =>
      city.lab.post(`/bags/${id}/issue`, { patient: 'P1', reason: 'x', order: placed.orderId, ...changes })
    expect(await refusal(issue(bagId))).toMatchObject({ code: 'conflict' })
    await approve(city.senior, placed)
    await aPatient(city, 'P2')
    expect(await refusal(issue(bagId, { patient: 'P2' }))).toMatchObject({ code: 'invalid_request' })
    const keep = { patient: 'P1', until: iso(noon + day), order: placed.orderId }
    await done(city.lab.post(`/bags/${bagId}/reserve`, keep), BagDetail)
    const read = async () => done(city.nurse.get(`/orders/${placed.orderId}`), Order)
    expect(await read()).toMatchObject({ state: 'approved', reserved: [{ bagId }], filled: 0 })
    await done(issue(bagId), BagDetail)
    expect(await read()).toMatchObject({
      state: 'partly_filled',
      reserved: [],
      filled: 2,
      issued: [{ bagId }],
    })
    await done(issue(other), BagDetail)
    expect(await read()).toMatchObject({ state: 'filled', filled: 4 })
    const { bagId: third } = await aBagOf(door, city, 3)
    expect(await refusal(issue(third))).toMatchObject({ code: 'conflict' })
    await done(city.lab.post(`/bags/${other}/return`, { reason: 'not needed' }), BagDetail)
    expect(await read()).toMatchObject({ state: 'partly_filled', filled: 2 })
    await done(issue(third), BagDetail)
    expect(await read()).toMatchObject({ state: 'filled' })
  })

  test('must be of what was ordered, and of an order of its holder', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId } = await aBagOf(door, city, 1)
    const plasma = await order(city.physician, { component: 'plasma', amount: 200, uom: 'mL' })
    await approve(city.senior, plasma)
    const issue = (id: string) =>
      city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason: 'x', order: id })
    expect(await refusal(issue(plasma.orderId))).toMatchObject({ code: 'incompatible' })
    expect(await refusal(issue('00000000-0000-7000-8000-000000000001'))).toMatchObject({ code: 'not_found' })
  })

  test('in an emergency waits for nobody, and is approved afterwards', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId } = await aBagOf(door, city, 1)
    const emergency = await order(city.physician, { urgency: 'emergency', neededAt: undefined, amount: 2 })
    expect(emergency).toMatchObject({ neededAt: iso(noon), state: 'requested' })
    const issue = { patient: 'P1', reason: 'bleeds', order: emergency.orderId }
    await done(city.lab.post(`/bags/${bagId}/issue`, issue), BagDetail)
    const [task] = await tasks(city.affairs, 'order_unapproved')
    expect(task).toMatchObject({ order: emergency.orderId, patient: null, since: iso(noon) })
    expect(task?.en).toContain('afterwards')
    expect(await approve(city.senior, emergency)).toMatchObject({ state: 'filled', missing: [] })
    expect(await tasks(city.lab, 'order_unapproved')).toEqual([])
  })

  test('at a fridge fills the order its door was opened for', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId, din } = await aBagOf(door, city, 1)
    await putInFridge(door, 'fridge-or', [bagId])
    const placed = await order(city.physician, { amount: 2 })
    const open = { device: 'fridge-or', patient: 'P1', order: placed.orderId }
    expect(await refusal(city.nurse.post('/take-outs', open))).toMatchObject({ code: 'conflict' })
    await approve(city.senior, placed)
    const { takeOutId } = await done(city.nurse.post('/take-outs', open), TakeOut)
    const label = { din, productCode: 'E0336V00' }
    const { answer } = await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)
    expect(answer).toBe('GO')
    expect(await done(city.nurse.get(`/orders/${placed.orderId}`), Order)).toMatchObject({ state: 'filled' })
  })
})

describe('a scan at a door that was opened for an order', () => {
  async function atTheDoor(door: Door, amount: number, said: object = {}) {
    const city = await aHospital(door)
    const bags = [await aBagOf(door, city, 1), await aBagOf(door, city, 2)]
    await putInFridge(
      door,
      'fridge-or',
      bags.map(({ bagId }) => bagId),
    )
    const placed = await order(city.physician, { amount, ...said })
    await approve(city.senior, placed)
    const open = (more: object = {}) =>
      done(
        city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1', order: placed.orderId, ...more }),
        TakeOut,
      )
    const scan = async ({ takeOutId }: { takeOutId: string }, number: 0 | 1, more: object = {}) => {
      const label = { din: bags[number]?.din, productCode: 'E0336V00', ...more }
      const { answer, findings } = await done(
        city.nurse.post(`/take-outs/${takeOutId}/scans`, label),
        ScanAnswer,
      )
      return [answer, ...findings]
    }
    return { city, placed, open, scan }
  }

  test('is a CALL once it is called off, but in an emergency, and where the glass is broken', async ({
    door,
  }) => {
    const { city, placed, open, scan } = await atTheDoor(door, 2)
    const [session, emergency] = [await open(), await open({ emergency: true, reason: 'bleeds' })]
    await done(say(city.physician, placed, 'cancellation', { reason: 'no need' }), Order)
    expect(await scan(session, 0)).toEqual(['CALL', 'order_ended'])
    expect(await scan(session, 0, { breakGlass: 'nobody answers' })).toEqual(['GO', 'order_ended'])
    expect(await scan(emergency, 1)).toEqual(['GO'])
  })

  test('is a CALL for a bag more than was ordered', async ({ door }) => {
    const { open, scan } = await atTheDoor(door, 2)
    const session = await open()
    expect(await scan(session, 0)).toEqual(['GO'])
    expect(await scan(session, 1)).toEqual(['CALL', 'order_filled'])
  })

  test('is a CALL for another component than was ordered', async ({ door }) => {
    const { open, scan } = await atTheDoor(door, 200, { component: 'plasma', uom: 'mL' })
    expect(await scan(await open(), 0)).toEqual(['CALL', 'order_differs'])
  })
})

describe('what somebody must see to', () => {
  test('is an order nobody has approved, and one that is soon needed and not filled', async ({ door }) => {
    const city = await aHospital(door)
    const placed = await order(city.physician, { neededAt: iso(noon + 3 * hour) })
    const [waits] = await tasks(city.physician, 'order_unapproved')
    expect(waits).toMatchObject({ order: placed.orderId, patient: 'P1', bagId: null, facility: 'H1' })
    expect(waits?.zh).toContain('上级医师')
    expect(await tasks(city.lab, 'order_unfilled')).toEqual([])
    await approve(city.senior, placed)
    expect(await tasks(city.physician, 'order_unapproved')).toEqual([])
    door.world.clock.now = noon + hour - 1
    expect(await tasks(city.lab, 'order_unfilled')).toEqual([])
    door.world.clock.now = noon + hour
    const [unfilled] = await tasks(city.lab, 'order_unfilled')
    expect(unfilled).toMatchObject({ order: placed.orderId, since: iso(noon + hour) })
    expect(unfilled?.en).toContain('1 U of it are missing')
    const { bagId } = await aBagOf(door, city, 1)
    const issue = { patient: 'P1', reason: 'x', order: placed.orderId }
    await done(city.lab.post(`/bags/${bagId}/issue`, issue), BagDetail)
    expect(await tasks(city.lab, 'order_unfilled')).toEqual([])
    // Who orders blood is told of no bag and no device.
    const { tasks: all } = await done(city.affairs.get('/tasks'), Tasks)
    expect(all.filter(({ bagId, device }) => bagId !== null || device !== null)).toEqual([])
  })

  test('is a patient whose groupings differ, until the wrong sample is rejected', async ({ door }) => {
    const city = await aHospital(door)
    await aPatient(city, 'P1', { abo: undefined, rhd: undefined, sampleUntil: undefined })
    const sample = async (label: string, takenAt: number) => {
      const input = { label, collectedAt: iso(takenAt), collector: 'Ann' }
      const { samples } = await done(city.nurse.post(`${ofP1}/samples`, input), TransfusionRecord)
      return `${ofP1}/samples/${samples.find((one) => one.label === label)?.sampleId}`
    }
    const group = (path: string, abo: string) =>
      done(city.lab.post(`${path}/groupings`, { abo, rhd: 'positive', method: 'gel' }), TransfusionRecord)
    await group(await sample('a', noon - hour), 'A')
    expect(await tasks(city.lab, 'grouping_discrepancy')).toEqual([])
    const wrong = await sample('b', noon)
    expect(await group(wrong, 'B')).toMatchObject({ doubt: 'discrepancy' })
    const [task] = await tasks(city.lab, 'grouping_discrepancy')
    expect(task).toMatchObject({ patient: 'P1', facility: 'H1', since: iso(noon) })
    const other = await aWorker(door, 'lab-2', 'transfusion_lab', 'H1')
    await done(other.post(`${wrong}/rejection`, { reason: 'wrong_patient' }), TransfusionRecord)
    expect(await tasks(city.lab, 'grouping_discrepancy')).toEqual([])
  })

  test('is a sample that runs out while bags are kept for its patient', async ({ door }) => {
    const city = await aHospital(door)
    const { bagId } = await aBagInStock(city, 1)
    expect(await tasks(city.lab, 'sample_ending')).toEqual([])
    await done(
      city.lab.post(`/bags/${bagId}/reserve`, { patient: 'P1', until: iso(noon + 4 * day) }),
      BagDetail,
    )
    door.world.clock.now = noon + 3 * day - 12 * hour - 1
    expect(await tasks(city.lab, 'sample_ending')).toEqual([])
    door.world.clock.now++
    expect(await tasks(city.lab, 'sample_ending')).toMatchObject([
      { patient: 'P1', since: iso(noon + 3 * day - 12 * hour) },
    ])
    await done(city.lab.post(`/bags/${bagId}/unreserve`, { reason: 'let go' }), BagDetail)
    expect(await tasks(city.lab, 'sample_ending')).toEqual([])
  })
})
