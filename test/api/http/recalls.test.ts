import { describe, expect } from 'vitest'
import type { z } from 'zod'
import { catchUp } from '../../../api/usecases/recall.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { Children, ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { Lots, Recall, RecallPreview, Recalls, Recipient } from '../../../schema/http/recalls.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import {
  aBagInStock,
  aCity,
  aMadeBag,
  aPatient,
  aWorker,
  type City,
  done,
  refusal,
  step,
} from '../../support/hospital.ts'
import { aDevice, aMessage, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000

type RecallBody = Partial<z.input<typeof import('../../../schema/http/recalls.ts').RecallInput>>

const ofDonor = (number: number, changes: RecallBody = {}): RecallBody => ({
  facility: 'C1',
  scope: 'donor',
  of: `donor-${number}`,
  reason: 'found ill',
  ...changes,
})

const callBack = ({ collector }: City, asked: RecallBody) => done(collector.post('/recalls', asked), Recall)

async function holdsOf(door: Door, bagId: string) {
  return (await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).holds.map(({ kind }) => kind)
}

/** Whole blood of a donor of whom others gave before. */
async function anotherGift({ collector }: City, donor: string, number: number): Promise<string> {
  const gift = {
    din: `=A999926${String(number).padStart(6, '0')}00`,
    donor,
    facility: 'C1',
    productCode: 'E0001V00',
    expiresAt: iso(noon + 30 * 86_400_000),
    collectedAt: iso(noon - minute),
  }
  return (await done(collector.post('/donations', gift), BagDetail)).bagId
}

async function transfuse(city: City, bagId: string, patient: string): Promise<void> {
  await step(city.lab, bagId, 'issue', { patient, reason: 'no reading yet' })
  await step(city.nurse, bagId, 'transfuse', { patient, startedAt: iso(noon) })
}

async function counts({ world }: Door) {
  const { rows } = await world.deps.database.pool.query(`
    select (select count(*) from bag_hold) as holds, (select count(*) from recall_bag) as reached,
      (select count(*) from look_back) as cases, (select count(*) from news) as news`)
  return rows[0]
}

describe('a recall of a donor', () => {
  test('holds all that was made of what they gave, at once and wherever it is, and nothing else', async ({
    door,
  }) => {
    const city = await aCity(door)
    const stocked = await aBagInStock(city, 1)
    const made = await aMadeBag(city, 2)
    const again = await anotherGift(city, 'donor-1', 3)
    const recall = await callBack(city, ofDonor(1))
    expect(recall).toMatchObject({ scope: 'donor', of: 'donor-1', kind: 'recall', state: 'open' })
    expect(recall.bags.map(({ bagId }) => bagId)).toEqual(expect.arrayContaining([stocked.bagId, again]))
    expect(recall.bags).toHaveLength(3)
    // In a hospital's hands, and seen in no device of it.
    expect(recall.reached).toEqual([
      { facility: 'C1', inside: 0, out: 1, given: 0, ended: 1, held: 2 },
      { facility: 'H1', inside: 0, out: 1, given: 0, ended: 0, held: 1 },
    ])
    expect(await holdsOf(door, stocked.bagId)).toEqual(['recall'])
    expect(await holdsOf(door, made.bagId)).toEqual([])
    const { rows } = await door.world.deps.database.pool.query(
      `select action, count(*)::int from audit_entry where action in ('recall.opened', 'bag.hold_placed') group by 1 order by 1`,
    )
    expect(rows).toEqual([
      { action: 'bag.hold_placed', count: 3 },
      { action: 'recall.opened', count: 1 },
    ])
  })

  test('asked for again holds nothing twice, and tells what it reached', async ({ door }) => {
    const city = await aCity(door)
    await aBagInStock(city, 1)
    const first = await callBack(city, ofDonor(1))
    const before = await counts(door)
    expect(await callBack(city, ofDonor(1, { reason: 'said twice' }))).toEqual(first)
    expect(await counts(door)).toEqual(before)
  })

  test('stops a scan at a fridge, for good', async ({ door }) => {
    const city = await aCity(door)
    const { din } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await aDevice(door.world, 'fridge-or', {}, noon - 86_400_000)
    const { takeOutId } = await done(
      city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }),
      TakeOut,
    )
    await callBack(city, ofDonor(1))
    const answer = await done(
      city.nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'E0336V00' }),
      ScanAnswer,
    )
    expect(answer).toMatchObject({ answer: 'STOP' })
  })

  test('names the donor to their centre only, and to a hospital only its own bags', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await anotherGift(city, 'donor-1', 2)
    const { number } = await callBack(city, ofDonor(1))
    const seen = await done(city.lab.get(`/recalls/${number}`), Recall)
    expect(seen).toMatchObject({ of: null, bags: [{ bagId }] })
    expect(seen.reached.map(({ facility }) => facility)).toEqual(['H1'])
    expect(JSON.stringify(seen)).not.toContain('donor-1')
    expect((await done(city.lab.get('/recalls'), Recalls)).recalls).toMatchObject([{ number, of: null }])
    const { rows } = await door.world.deps.database.pool.query(
      `select 1 from audit_entry where action like 'recall.%' and after::text like '%donor-1%'`,
    )
    expect(rows).toEqual([])
    // Nor may a hospital call back a donor, or ask what that would reach.
    for (const asked of [ofDonor(1), ofDonor(1, { facility: 'H1' })])
      expect((await refusal(city.lab.post('/recalls', asked))).status).toBeGreaterThanOrEqual(403)
  })

  test('reaches what they give later and what is registered later, as long as it is open', async ({
    door,
  }) => {
    const city = await aCity(door)
    await aMadeBag(city, 1)
    const { number } = await callBack(city, ofDonor(1))
    const later = await anotherGift(city, 'donor-1', 2)
    expect(await holdsOf(door, later)).toEqual([])
    expect(await catchUp(door.world.deps)).toBe(1)
    expect(await holdsOf(door, later)).toEqual(['recall'])
    expect(await catchUp(door.world.deps)).toBe(0)
    await done(city.second.post(`/recalls/${number}/close`, { reason: 'all found' }), Recall)
    const last = await anotherGift(city, 'donor-1', 3)
    expect(await catchUp(door.world.deps)).toBe(0)
    expect(await holdsOf(door, last)).toEqual([])
    expect(await holdsOf(door, later)).toEqual(['recall'])
  })

  test('is lifted whole by another person, and what somebody lifted before is not held again', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const { number } = await callBack(city, ofDonor(1))
    const [hold] = (await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).holds
    await done(city.second.post(`/bags/${bagId}/holds/${hold?.holdId}/lift`, { reason: 'seen' }), BagDetail)
    expect(await catchUp(door.world.deps)).toBe(0)
    const reason = { reason: 'another donor' }
    expect(await refusal(city.collector.post(`/recalls/${number}/lift`, reason))).toMatchObject({
      code: 'second_person',
    })
    const lifted = await done(city.second.post(`/recalls/${number}/lift`, reason), Recall)
    expect(lifted).toMatchObject({ state: 'lifted', endReason: 'another donor' })
    expect(lifted.reached.map(({ held }) => held)).toEqual([0, 0])
    expect((await refusal(city.second.post(`/recalls/${number}/lift`, reason))).code).toBe('conflict')
    // Whoever is ill after all is called back anew.
    expect((await callBack(city, ofDonor(1))).number).toBeGreaterThan(number)
    expect(await holdsOf(door, bagId)).toEqual(['recall'])
  })

  test('is no hospital’s to end', async ({ door }) => {
    const city = await aCity(door)
    await aBagInStock(city, 1)
    const { number } = await callBack(city, ofDonor(1))
    expect((await refusal(city.lab.post(`/recalls/${number}/lift`, { reason: 'no' }))).status).toBe(404)
  })

  test('asks for a bag in nobody’s fridge to be found', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const { number } = await callBack(city, ofDonor(1))
    const tasks = async () => (await done(city.lab.get('/tasks?kind=recalled_out'), Tasks)).tasks
    expect(await tasks()).toMatchObject([{ bagId, facility: 'H1', en: expect.stringContaining(`${number}`) }])
    await step(city.lab, bagId, 'discard', { reason: 'called back', witness: 'nurse' })
    expect(await tasks()).toEqual([])
  })
})

describe('a bag that was given', () => {
  test('opens a case, in which alone the centre hears who it was, and never unnoticed', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await transfuse(city, bagId, 'P1')
    const { bags } = await callBack(city, ofDonor(1))
    const lookBack = bags.find((bag) => bag.bagId === bagId)?.lookBack
    expect(lookBack).toEqual(expect.any(Number))
    expect(JSON.stringify(bags)).not.toContain('P1')
    const path = `/look-backs/${lookBack}/recipient`
    const told = await done(city.collector.post(path, { reason: 'to be tested' }), Recipient)
    expect(told).toEqual({ patient: 'P1', facility: 'H1' })
    const { rows } = await door.world.deps.database.pool.query(
      `select actor->>'name' as who, subject, reason, after::text as told from audit_entry where action = 'look_back.recipient_seen'`,
    )
    expect(rows).toMatchObject([{ subject: String(lookBack), reason: 'to be tested' }])
    expect(rows[0].told).not.toContain('P1')
    const tasks = (await done(city.lab.get('/tasks?kind=look_back'), Tasks)).tasks
    expect(tasks).toMatchObject([{ bagId }])
    await done(city.lab.post(`/bags/${bagId}/look-back`, { conclusion: 'well' }), BagDetail)
    expect(await refusal(city.collector.post(path, { reason: 'again' }))).toMatchObject({ status: 409 })
    expect(await catchUp(door.world.deps)).toBe(0)
  })

  test('although it was called back opens one too', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await step(city.lab, bagId, 'issue', { patient: 'P1', reason: 'no reading yet' })
    const { number } = await callBack(city, ofDonor(1))
    await step(city.nurse, bagId, 'transfuse', { patient: 'P1', startedAt: iso(noon) })
    expect(await catchUp(door.world.deps)).toBe(1)
    const { bags } = await done(city.collector.get(`/recalls/${number}`), Recall)
    expect(bags.find((bag) => bag.bagId === bagId)).toMatchObject({
      where: 'given',
      lookBack: expect.any(Number),
    })
  })
})

describe('a recall backwards from a patient', () => {
  test('holds what else the donors gave, tells no hospital of it, and opens no case for the patient', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const sibling = await anotherGift(city, 'donor-1', 2)
    const stranger = await aMadeBag(city, 3)
    await aPatient(city, 'P1')
    await transfuse(city, bagId, 'P1')
    const asked = { facility: 'H1', scope: 'patient', of: 'P1', reason: 'fever' }
    const recall = await done(city.lab.post('/recalls', asked), Recall)
    expect(recall).toMatchObject({ kind: 'look_back', of: 'P1', bags: [] })
    expect(recall.reached).toMatchObject([{ facility: 'C1', held: 2 }])
    expect(await holdsOf(door, sibling)).toEqual(['look_back'])
    expect(await holdsOf(door, stranger.bagId)).toEqual([])
    expect((await counts(door)).cases).toBe(0)
    const centre = await done(city.collector.get(`/recalls/${recall.number}`), Recall)
    expect(centre).toMatchObject({ of: null, bags: expect.arrayContaining([]) })
    expect(centre.bags).toHaveLength(2)
    expect(JSON.stringify(centre)).not.toContain('P1')
  })
})

describe('a recall sideways', () => {
  test('by a lot holds what was made with it and its children, of the whole city', async ({ door }) => {
    const city = await aCity(door)
    const whole = await anotherGift(city, 'donor-1', 1)
    const lot = { kind: 'bag_set', number: 'LOT-7' }
    expect(await done(city.collector.post(`/bags/${whole}/lots`, lot), Lots)).toEqual({ lots: [lot] })
    await done(city.collector.post(`/bags/${whole}/lots`, lot), Lots)
    const { children } = await done(
      city.collector.post(`/bags/${whole}/process`, {
        children: [
          { productCode: 'E0336V00', component: 'red_cells', expiresAt: iso(noon + 30 * 86_400_000) },
        ],
      }),
      Children,
    )
    await door.ask(Facility, 'POST', '/facilities', {
      code: 'C2',
      name: 'Another Centre',
      kind: 'centre',
      timeZone: 'Asia/Shanghai',
    })
    const other = await aWorker(door, 'other', 'centre', 'C2')
    const recall = await done(
      other.post('/recalls', { facility: 'C2', scope: 'lot', of: 'LOT-7', reason: 'leaks' }),
      Recall,
    )
    expect(recall).toMatchObject({ bags: [], reached: [{ facility: 'C1', held: 2 }] })
    expect(await holdsOf(door, children[0]?.bagId as string)).toEqual(['recall'])
    const reagent = { facility: 'C2', scope: 'lot', of: 'LOT-7', lotKind: 'reagent', reason: 'weak' }
    expect((await done(other.post('/recalls', reagent), Recall)).reached).toEqual([])
  })

  test('by a device holds what was in it then, also what left since or is heard of late', async ({
    door,
  }) => {
    const city = await aCity(door)
    const bags = [await aBagInStock(city, 1), await aBagInStock(city, 2), await aBagInStock(city, 3)]
    const { world } = door
    await aDevice(world, 'fridge-or', {}, noon - 86_400_000)
    world.clock.now = noon + 60 * minute
    for (const [index, { bagId }] of bags.entries())
      await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `T${index}`, from: iso(noon) })
    let seq = 0
    const say = (element: object) =>
      world.ingest.accept([
        aMessage({
          device: 'fridge-or',
          seq: seq++,
          channel: 'bags',
          receivedAt: world.clock.now,
          body: [{ added: [], removed: [], ...element }],
        }),
      ])
    await say({ at: noon, added: ['T0'] })
    await say({ at: noon + 10 * minute, removed: ['T0'] })
    await say({ at: noon + 10 * minute, added: ['T1'] })
    const asked = {
      facility: 'H1',
      scope: 'device',
      of: 'fridge-or',
      from: iso(noon + 5 * minute),
      to: iso(noon + 10 * minute),
      reason: 'too warm',
    }
    const { number, bags: reached } = await done(city.lab.post('/recalls', asked), Recall)
    expect(reached.map(({ bagId }) => bagId)).toEqual([bags[0]?.bagId])
    expect(await catchUp(world.deps)).toBe(0)
    // A box without a network tells of it an hour later.
    await say({ at: noon + 6 * minute, added: ['T2'] })
    expect(await catchUp(world.deps)).toBe(1)
    expect(await holdsOf(door, bags[2]?.bagId as string)).toEqual(['recall'])
    expect((await done(city.lab.get(`/recalls/${number}`), Recall)).bags).toHaveLength(2)
    const { from: _, ...endless } = asked
    expect((await refusal(city.lab.post('/recalls', endless))).code).toBe('invalid_request')
  })

  test('by a box holds what was sent in it while it was on its way', async ({ door }) => {
    const city = await aCity(door)
    const bag = await aBagInStock(city, 1)
    await step(city.lab, bag.bagId, 'distribute', { to: 'C1', box: 'box-9' })
    const asked = { facility: 'C1', scope: 'box', of: 'box-9', from: iso(noon - 1), reason: 'lid open' }
    const { bags } = await done(city.collector.post('/recalls', asked), Recall)
    expect(bags).toMatchObject([{ bagId: bag.bagId, isHeld: true }])
    const before = { ...asked, from: iso(noon - 2 * minute), to: iso(noon - minute) }
    expect((await done(city.collector.post('/recalls', before), Recall)).bags).toEqual([])
  })
})

describe('a drill', () => {
  test('says what a recall would reach, touches nothing, and is written down as a drill', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const before = await counts(door)
    const drilled = await done(city.collector.post('/recalls/drills', ofDonor(1)), RecallPreview)
    expect(drilled.bags.find((bag) => bag.bagId === bagId)).toMatchObject({ isHeld: false, lookBack: null })
    const query = new URLSearchParams({ facility: 'C1', scope: 'donor', of: 'donor-1' })
    const previewed = await done(city.collector.get(`/recalls/preview?${query}`), RecallPreview)
    expect(previewed.bags).toEqual(drilled.bags)
    expect(await counts(door)).toEqual(before)
    expect(await holdsOf(door, bagId)).toEqual([])
    const { rows } = await door.world.deps.database.pool.query(
      `select (after->>'bags')::int as bags, reason from audit_entry where action = 'recall.drilled'`,
    )
    expect(rows).toEqual([{ bags: drilled.bags.length, reason: 'found ill' }])
    const opened = await callBack(city, ofDonor(1))
    expect(opened.bags.map((bag) => bag.bagId)).toEqual(drilled.bags.map((bag) => bag.bagId))
  })
})
