import { describe, expect } from 'vitest'
import { BagDetail, Trace } from '../../../schema/http/bags.ts'
import { BagEvents, Children, Recalled, ScanAnswer, Stock, TakeOut } from '../../../schema/http/life.ts'
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
  test as tested,
} from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const day = 86_400_000
const reason = 'haemorrhage'

/** A fridge at the hospital that has the bag inside, and has been cold. */
async function putInside(door: Door, bagId: string, celsius = 4): Promise<void> {
  const { world } = door
  const { now } = world.clock
  await aDevice(world, 'fridge-or', {}, noon - 86_400_000)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `tag-${bagId}`, from: iso(now) })
  world.clock.now = now + 10 * minute
  await world.ingest.accept([
    aMessage({
      device: 'fridge-or',
      seq: 0,
      receivedAt: world.clock.now,
      body: [aReading(now, 4), aReading(now + 5 * minute, celsius), aReading(now + 10 * minute, 4)],
    }),
    aMessage({
      device: 'fridge-or',
      seq: 1,
      channel: 'bags',
      receivedAt: world.clock.now,
      body: [{ at: now + minute, added: [`tag-${bagId}`], removed: [] }],
    }),
  ])
}

function open({ nurse }: City, patient: string) {
  return done(nurse.post('/take-outs', { device: 'fridge-or', patient }), TakeOut)
}

function scan({ nurse }: City, takeOutId: string, din: string) {
  return done(nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'E0336V00' }), ScanAnswer)
}

describe('a bag', () => {
  test('goes from the arm to the patient, each step by whom it is for', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)

    const { takeOutId, bags } = await open(city, 'P1')
    expect(bags.map((bag) => bag.bagId)).toEqual([bagId])
    expect(await scan(city, takeOutId, din)).toMatchObject({
      answer: 'GO',
      reason: null,
      findings: [],
      bagId,
    })
    const given = await step(city.nurse, bagId, 'transfuse', {
      patient: 'P1',
      startedAt: iso(door.world.clock.now),
    })
    expect(given).toMatchObject({ state: 'transfused', holder: 'H1', place: { device: 'fridge-or' } })

    const { events } = await done(city.lab.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.map(({ verb, to }) => [verb, to])).toEqual([
      ['register', 'collected'],
      ['test', 'quarantined'],
      ['release', 'available'],
      ['distribute', 'distributed'],
      ['depart', 'in_transit'],
      ['receive', 'available'],
      ['issue', 'issued'],
      ['transfuse', 'transfused'],
    ])
    expect(events.at(-1)?.data).toMatchObject({ patient: 'P1', discrepancies: [] })
    const centres = await done(city.collector.get(`/bags/${bagId}/events`), BagEvents)
    expect(JSON.stringify(centres)).not.toContain('P1')
    const trace = await done(city.lab.get(`/bags/${bagId}/trace`), Trace)
    expect(trace.places).toMatchObject([
      { state: 'inside', device: 'fridge-or', ms: { inRange: 9 * minute } },
    ])

    const { pool } = door.world.deps.database
    const { rows: news } = await pool.query(`select kind from news where subject = $1 order by id`, [bagId])
    expect(news.map(({ kind }) => kind)).toEqual([
      'bag.registered',
      'bag.tested',
      'bag.released',
      'bag.distributed',
      'bag.departed',
      'bag.received',
      'bag.issued',
      'bag.transfused',
    ])
    const { rows: audit } = await pool.query(
      `select count(*)::int as n from audit_entry where subject = $1 and actor is not null`,
      [bagId],
    )
    expect(audit).toEqual([{ n: 8 }])
  })

  test('is released when two agree on its group, all is tested, and by another person', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aMadeBag(city, 1)
    const path = `/donations/${encodeURIComponent(din)}`
    const into = () => refusal(city.collector.post(`/bags/${bagId}/test`))
    expect(await into()).toMatchObject({ status: 409, code: 'not_tested' })
    const o = { abo: 'O', rhd: 'positive' }
    for (let i = 0; i < 2; i++) await city.collector.post(`${path}/groupings`, o)
    // Twice by one is not by two.
    expect(await into()).toMatchObject({
      code: 'not_tested',
      detail: expect.stringContaining('two who agree'),
    })
    await city.tester.post(`${path}/groupings`, o)
    expect(await into()).toMatchObject({ code: 'not_tested', detail: expect.stringContaining('hbsag') })
    const results = ['hbsag', 'anti_hcv', 'hiv', 'syphilis', 'nat'].map((marker) => ({
      marker,
      reactive: false,
    }))
    await city.tester.post(`${path}/tests`, { results })
    expect(await refusal(city.second.post(`/bags/${bagId}/release`))).toMatchObject({ code: 'illegal_move' })
    expect(await step(city.collector, bagId, 'test')).toMatchObject({ state: 'quarantined', group: o })
    for (const worker of [city.collector, city.tester])
      expect(await refusal(worker.post(`/bags/${bagId}/release`))).toMatchObject({
        status: 403,
        code: 'second_person',
      })
    expect(await step(city.second, bagId, 'release')).toMatchObject({ state: 'available' })
  })

  test('whose groupings differ, or that was reactive once, is not released', async ({ door }) => {
    const city = await aCity(door)
    const first = await aMadeBag(city, 1)
    await tested(city, first.din)
    await city.second.post(`/donations/${encodeURIComponent(first.din)}/groupings`, {
      abo: 'A',
      rhd: 'positive',
    })
    expect(await refusal(city.collector.post(`/bags/${first.bagId}/test`))).toMatchObject({
      code: 'not_tested',
      detail: expect.stringContaining('differ'),
    })

    const second = await aMadeBag(city, 2)
    const path = `/donations/${encodeURIComponent(second.din)}/tests`
    await city.tester.post(path, { results: [{ marker: 'hiv', reactive: true }] })
    await tested(city, second.din)
    expect(await step(city.collector, second.bagId, 'test')).toMatchObject({
      holds: [{ kind: 'test_reactive', reason: 'hiv reactive' }],
    })
    expect(await refusal(city.second.post(`/bags/${second.bagId}/release`))).toMatchObject({ code: 'held' })
    expect(
      await step(city.second, second.bagId, 'discard', { reason: 'reactive', witness: 'collector' }),
    ).toMatchObject({
      state: 'discarded',
    })
    expect(await refusal(city.second.post(`/bags/${second.bagId}/release`))).toMatchObject({
      code: 'illegal_move',
      detail: expect.stringContaining('its life is over'),
    })
  })

  test('that was recalled is held wherever it is, and lifted by another person only', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    const { held } = await done(
      city.second.post(`/donations/${encodeURIComponent(din)}/recall`, { reason: 'donor was ill' }),
      Recalled,
    )
    expect(held).toContain(bagId)
    expect(held).toHaveLength(2)
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1' }))).toMatchObject({
      status: 409,
      code: 'held',
    })
    const [hold] = (await done(city.lab.get(`/bags/${bagId}`), BagDetail)).holds
    const lift = `/bags/${bagId}/holds/${hold?.holdId}/lift`
    expect(await refusal(city.second.post(lift, { reason: 'it is well' }))).toMatchObject({
      code: 'second_person',
    })
    // A hospital does not lift what its centre has called back.
    expect((await city.lab.post(lift, { reason: 'it looks well' })).status).toBe(403)
    expect(await done(city.tester.post(lift, { reason: 'another donor' }), BagDetail)).toMatchObject({
      holds: [],
    })
    expect(await step(city.lab, bagId, 'issue', { patient: 'P1' })).toMatchObject({ state: 'issued' })
  })

  test('kept for one patient is for no other, until then', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    for (const name of ['P1', 'P2']) await aPatient(city, name)
    const until = iso(noon + 60 * minute)
    const kept = await step(city.lab, bagId, 'reserve', { patient: 'P1', until })
    expect(kept).toMatchObject({ reservedFor: 'P1', reservedUntil: until })
    const seen = await done(city.collector.get(`/bags/${bagId}`), BagDetail)
    expect(seen).toMatchObject({ reservedFor: null, reservedUntil: until })
    for (const [path, body] of [
      ['issue', { patient: 'P2' }],
      ['reserve', { patient: 'P2', until }],
      ['distribute', { to: 'C1' }],
    ] as const)
      expect(await refusal(city.lab.post(`/bags/${bagId}/${path}`, body))).toMatchObject({ code: 'reserved' })
    door.world.clock.now = noon + 60 * minute
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { patient: 'P2' }))).toMatchObject({
      code: 'unverified',
    })
    const issue = { patient: 'P2', reason: 'bleeding, and no other' }
    expect(await step(city.lab, bagId, 'issue', issue)).toMatchObject({ state: 'issued' })
  })

  test('of another group, or RhD positive for who lacks it, is not issued', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1, { abo: 'A', rhd: 'positive' })
    await aPatient(city, 'P-o')
    await aPatient(city, 'P-neg', { abo: 'A', rhd: 'negative' })
    await aPatient(city, 'P-anti-d', { abo: 'A', rhd: 'negative', antiD: true })
    const override = 'Dr Wang: bleeding, no RhD negative in the city'
    const issue = (patient: string, more = {}) =>
      refusal(city.lab.post(`/bags/${bagId}/issue`, { patient, ...more }))
    expect(await issue('P-o')).toMatchObject({ code: 'incompatible' })
    expect(await issue('P-o', { override })).toMatchObject({ code: 'incompatible' })
    expect(await issue('P-neg')).toMatchObject({ code: 'incompatible' })
    expect(await issue('P-anti-d', { override })).toMatchObject({ code: 'incompatible' })
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { emergency: true, reason }))).toMatchObject({
      code: 'incompatible',
    })
    expect(await step(city.lab, bagId, 'issue', { patient: 'P-neg', override })).toMatchObject({
      state: 'issued',
    })
  })

  test('that was issued and came back is not used for another; one refused on arrival may be', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await step(city.lab, bagId, 'issue', { patient: 'P1' })
    await step(city.nurse, bagId, 'return', { reason: 'operation over' })
    const reason = { reason: 'looks well' }
    expect(await refusal(city.lab.post(`/bags/${bagId}/reinstate`, reason))).toMatchObject({
      code: 'no_return',
    })
    await door.world.deps.database.pool.query("update facility set jurisdiction = 'UK'")
    // There it may be, but nothing shows how this one was kept.
    door.world.clock.now += 31 * minute
    expect(await refusal(city.lab.post(`/bags/${bagId}/reinstate`, reason))).toMatchObject({
      code: 'unverified',
    })
    await step(city.lab, bagId, 'discard', { reason: 'returned', witness: 'nurse' })

    const made = await aMadeBag(city, 2)
    await tested(city, made.din)
    await step(city.collector, made.bagId, 'test')
    await step(city.second, made.bagId, 'release')
    await step(city.second, made.bagId, 'distribute', { to: 'H1' })
    expect(await refusal(city.lab.post(`/bags/${made.bagId}/receive`))).toMatchObject({
      code: 'illegal_move',
    })
    await step(city.courier, made.bagId, 'depart')
    const refused = await step(city.lab, made.bagId, 'refuse', { reason: 'label torn' })
    expect(refused).toMatchObject({ state: 'returned', holder: 'H1', destination: null })
    expect(await step(city.lab, made.bagId, 'reinstate', reason)).toMatchObject({ state: 'available' })
  })

  test('is there for who holds, made or awaits it, and for nobody else', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aMadeBag(city, 1)
    expect((await city.lab.get(`/bags/${bagId}`)).status).toBe(404)
    expect((await city.lab.post(`/bags/${bagId}/discard`, { reason: 'x' })).status).toBe(404)
    await tested(city, (await done(city.collector.get(`/bags/${bagId}`), BagDetail)).din)
    await step(city.collector, bagId, 'test')
    await step(city.second, bagId, 'release')
    await step(city.second, bagId, 'distribute', { to: 'H1' })
    expect((await city.lab.get(`/bags/${bagId}`)).status).toBe(200)
    // Awaiting is not holding.
    expect((await city.lab.post(`/bags/${bagId}/discard`, { reason: 'x' })).status).toBe(403)
    const stranger = await aWorker(door, 'far', 'courier', 'H1')
    expect((await stranger.post(`/bags/${bagId}/depart`)).status).toBe(403)
  })
})

describe('what is found out later', () => {
  test('of a donation that was released holds all its bags at once, and tells hospitals no marker', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    const path = `/donations/${encodeURIComponent(din)}`
    await city.tester.post(`${path}/tests`, { results: [{ marker: 'hiv', reactive: true }] })
    const seen = await done(city.lab.get(`/bags/${bagId}`), BagDetail)
    expect(seen.holds).toMatchObject([{ kind: 'test_reactive' }])
    expect(JSON.stringify(seen)).not.toContain('hiv')
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { emergency: true, reason }))).toMatchObject({
      code: 'held',
    })
    await city.second.post(`${path}/groupings`, { abo: 'A', rhd: 'positive' })
    const told = await done(city.collector.get(`/bags/${bagId}`), BagDetail)
    expect(told.holds.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['test_reactive', 'hiv reactive'],
      ['group_mismatch', 'its groupings differ'],
    ])
  })

  test('of a bag holds all that was made of it, and what was made of that', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    const make = async (parent: string, codes: readonly string[]) => {
      const expiresAt = iso(noon + 86_400_000)
      const children = codes.map((productCode) => ({ productCode, component: 'red_cells', expiresAt }))
      const made = await done(city.lab.post(`/bags/${parent}/process`, { children }), Children)
      return made.children.map((child) => child.bagId)
    }
    const [first = '', second = ''] = await make(bagId, ['E0336VA0', 'E0336VB0'])
    const [third = ''] = await make(first, ['E0338VA0'])
    await putInside(door, second)
    const { holds } = await done(
      city.collector.post(`/bags/${bagId}/holds`, { kind: 'recall', reason: 'donor ill' }),
      BagDetail,
    )
    expect(holds).toHaveLength(1)
    const { takeOutId } = await open(city, 'P1')
    const label = { din, productCode: 'E0336VB0' }
    expect(await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)).toMatchObject({
      answer: 'STOP',
      reason: { code: 'recalled' },
    })
    for (const id of [second, third])
      expect(await refusal(city.lab.post(`/bags/${id}/issue`, { patient: 'P1' }))).toMatchObject({
        code: 'held',
      })
  })

  test('cannot be evaded by registering another bag of the donation', async ({ door }) => {
    const city = await aCity(door)
    const { din } = await aMadeBag(city, 1)
    const label = {
      din,
      productCode: 'E9999V00',
      component: 'red_cells',
      group: { abo: 'O', rhd: 'positive' },
      expiresAt: iso(noon + 86_400_000),
    }
    expect(await refusal(city.lab.post('/bags', label))).toMatchObject({ status: 409, code: 'conflict' })
  })

  test('is not begun under the number of a bag that was registered as from elsewhere', async ({ door }) => {
    const city = await aCity(door)
    const [din, expiresAt] = ['=A99992600000100', iso(noon + 86_400_000)]
    const label = { din, productCode: 'E0336V00', component: 'red_cells', expiresAt }
    const { bagId } = await done(city.lab.post('/bags', label), BagDetail)
    const given = { din, donor: 'donor-1', facility: 'C1', productCode: 'E0001V00', expiresAt }
    const refused = {
      status: 409,
      code: 'conflict',
      detail: expect.stringContaining('a number of its own'),
    }
    expect(await refusal(city.collector.post('/donations', given))).toMatchObject(refused)
    // What is made of it carries its number on.
    const child = { productCode: 'E0337V00', component: 'red_cells', expiresAt }
    await done(city.lab.post(`/bags/${bagId}/process`, { children: [child] }), Children)
    expect(await refusal(city.collector.post('/donations', given))).toMatchObject(refused)
    const another = { ...given, din: '=A99992600000200' }
    expect(await done(city.collector.post('/donations', another), BagDetail)).toMatchObject({
      state: 'collected',
    })
    expect((await city.tester.get(`/donations/${encodeURIComponent(din)}`)).status).toBe(404)
  })

  test('of a patient is not unsaid by leaving it out: anti-D stays', async ({ door }) => {
    const city = await aCity(door)
    await aPatient(city, 'P1', { rhd: 'negative', antiD: true })
    expect(await aPatient(city, 'P1', { rhd: 'negative' })).toMatchObject({ antiD: true })
  })
})

describe('an issue', () => {
  test('is cancelled while the bag is seen inside, and not when it has left', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)
    const { takeOutId } = await open(city, 'P1')
    const reason = { reason: 'operation put off' }
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO' })
    expect(await step(city.nurse, bagId, 'cancel-issue', reason)).toMatchObject({ state: 'available' })
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO' })
    const at = door.world.clock.now
    const body = [{ at, added: [], removed: [`tag-${bagId}`] }]
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-or', seq: 2, channel: 'bags', receivedAt: at, body }),
    ])
    expect(await refusal(city.nurse.post(`/bags/${bagId}/cancel-issue`, reason))).toMatchObject({
      code: 'no_return',
    })
  })

  test('is not cancelled of a bag that left and came back: it is returned', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)
    const { takeOutId } = await open(city, 'P1')
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO' })
    const { clock } = door.world
    const issuedAt = clock.now
    const tag = `tag-${bagId}`
    clock.now += 20 * minute
    const body = [
      { at: issuedAt + minute, added: [], removed: [tag] },
      { at: clock.now, added: [tag], removed: [] },
    ]
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-or', seq: 2, channel: 'bags', receivedAt: clock.now, body }),
    ])
    const reason = { reason: 'operation put off' }
    expect(await refusal(city.nurse.post(`/bags/${bagId}/cancel-issue`, reason))).toMatchObject({
      status: 409,
      code: 'no_return',
    })
    expect(await step(city.nurse, bagId, 'return', reason)).toMatchObject({ state: 'returned' })
  })

  test('of what was kept too warm is refused at the counter too', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId, 9)
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1' }))).toMatchObject({
      status: 409,
      code: 'breached',
    })
  })

  test('over the counter is the transfusion lab’s: a nurse scans', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    expect((await city.nurse.post(`/bags/${bagId}/issue`, { emergency: true, reason })).status).toBe(403)
  })
})

describe('a scan at the fridge', () => {
  test.for([
    ['what was never seen in a container', 'CALL', 'unverified', 'never'],
    ['what was kept too warm', 'STOP', 'out_of_range', 'warm'],
    ['what is no bag of ours', 'STOP', 'unknown_bag', 'unknown'],
    ['what is held', 'STOP', 'held', 'held'],
    ['what has expired', 'STOP', 'expired', 'expired'],
    ['a wrong group', 'STOP', 'wrong_group', 'group'],
    ['a patient without a valid sample', 'CALL', 'no_valid_sample', 'sample'],
    ['what was issued already', 'STOP', 'not_in_stock', 'twice'],
  ] as const)('of %s is answered %s: %s', async ([, answer, code, how], { door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1', {
      ...(how === 'group' ? { abo: 'O', rhd: 'negative', antiD: true } : {}),
      ...(how === 'sample' ? { sampleUntil: iso(noon - minute) } : {}),
    })
    if (how === 'never') {
      await aDevice(door.world, 'fridge-or', {}, noon - 86_400_000)
      door.world.clock.now += 31 * minute
    } else await putInside(door, bagId, how === 'warm' ? 9 : 4)
    if (how === 'held')
      await done(city.lab.post(`/bags/${bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    if (how === 'expired') {
      await door.world.deps.database.pool.query('update bag set expires_at = $1', [door.world.clock.now])
    }
    const { takeOutId } = await open(city, 'P1')
    if (how === 'twice') await scan(city, takeOutId, din)
    const told = await scan(city, takeOutId, how === 'unknown' ? '=A99992699999900' : din)
    expect(told).toMatchObject({ answer, reason: { code, zh: expect.any(String), en: expect.any(String) } })
    const { state } = await done(city.lab.get(`/bags/${bagId}`), BagDetail)
    expect(state).toBe(how === 'twice' ? 'issued' : 'available')
    const { rows } = await door.world.deps.database.pool.query(
      'select answer from scan_answer order by id desc',
    )
    expect(rows[0]).toEqual({ answer })
    const audited = await door.world.deps.database.pool.query(
      `select after->>'answer' as answer from audit_entry where action = 'take_out.answered'`,
    )
    expect(audited.rows).toEqual([{ answer }])
  })

  test('in an emergency needs no patient, but what fits everybody and a reason', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await putInside(door, bagId)
    const device = 'fridge-or'
    expect(await refusal(city.nurse.post('/take-outs', { device }))).toMatchObject({ status: 400 })
    expect(await refusal(city.nurse.post('/take-outs', { device, emergency: true }))).toMatchObject({
      status: 400,
    })
    const session = { device, emergency: true, reason: 'haemorrhage' }
    const { takeOutId } = await done(city.nurse.post('/take-outs', session), TakeOut)
    const label = { din, productCode: 'E0336V00' }
    const path = `/take-outs/${takeOutId}/scans`
    expect(await done(city.nurse.post(path, label), ScanAnswer)).toMatchObject({ answer: 'GO', bagId })
  })

  test('of another bag of the donation, or of one for a special use, is no GO', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)
    const { takeOutId } = await open(city, 'P1')
    const scanned = (productCode: string) =>
      done(city.nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode }), ScanAnswer)
    expect(await scanned('E0336100')).toMatchObject({ answer: 'STOP', reason: { code: 'unknown_bag' } })
    await door.world.deps.database.pool.query(`update bag set collection_type = '1' where id = $1`, [bagId])
    expect(await scanned('E0336100')).toMatchObject({ answer: 'STOP', reason: { code: 'special_label' } })
    expect((await open(city, 'P1')).bags).toEqual([])
    const { bags } = await done(city.lab.get('/stock'), Stock)
    expect(bags).toMatchObject([{ bagId, issuable: false, whyNot: ['special_label'] }])
  })

  test('after the door session is over is refused', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)
    const { takeOutId, expiresAt } = await open(city, 'P1')
    door.world.clock.now = Date.parse(expiresAt)
    const label = { din, productCode: 'E0336V00' }
    expect(await refusal(city.nurse.post(`/take-outs/${takeOutId}/scans`, label))).toMatchObject({
      code: 'session_over',
    })
  })
})

describe('what a bag was made of', () => {
  test.for([
    ['was warm', 9, 'STOP', 'out_of_range'],
    ['was cold', 4, 'GO', null],
  ] as const)('%s, and so was the bag', async ([, celsius, answer, code], { door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId, celsius)
    const { now } = door.world.clock
    const tag = `tag-${bagId}`
    const expiresAt = iso(noon + 86_400_000)
    const child = { productCode: 'E0337V00', component: 'red_cells', expiresAt }
    const { children } = await done(city.lab.post(`/bags/${bagId}/process`, { children: [child] }), Children)
    const childId = children[0]?.bagId as string
    await door.ask(BagDetail, 'DELETE', `/bags/${bagId}/tags/${tag}`)
    await door.ask(BagDetail, 'POST', `/bags/${childId}/tags`, { tag })
    door.world.clock.now = now + minute
    const body = [{ at: now + minute, added: [tag], removed: [] }]
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-or', seq: 2, channel: 'bags', receivedAt: now + minute, body }),
    ])
    const { takeOutId } = await open(city, 'P1')
    const label = { din, productCode: 'E0337V00' }
    const told = await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)
    expect(told).toMatchObject({ answer, reason: code && { code } })

    const { inherited, total } = await door.ask(Trace, 'GET', `/bags/${childId}/trace`)
    const parent = await door.ask(Trace, 'GET', `/bags/${bagId}/trace`)
    expect(inherited).toEqual(parent.total)
    expect(total.ms.above).toBe(celsius > 6 ? 5 * minute : 0)
    expect(parent.places.at(-1)).toMatchObject({ to: iso(now), ongoing: false })
  })
})

describe('a tag', () => {
  test('that is put on late hands out nothing for what it did before', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    const { world } = door
    await aDevice(world, 'fridge-or', {}, noon - 86_400_000)
    const body = [{ at: noon + minute, added: ['spare'], removed: [] }]
    const at = noon + 2 * minute
    await world.ingest.accept([
      aMessage({ device: 'fridge-or', seq: 0, channel: 'bags', receivedAt: at, body }),
      aMessage({
        device: 'fridge-or',
        seq: 1,
        receivedAt: noon + 50 * minute,
        body: [0, 15, 30, 45].map((after) => aReading(noon + after * minute, 4)),
      }),
    ])
    world.clock.now = noon + 50 * minute
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'spare' })
    const { takeOutId } = await open(city, 'P1')
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'CALL', reason: { code: 'unverified' } })

    // Unless somebody says that it was on this bag all the while.
    await door.ask(BagDetail, 'DELETE', `/bags/${bagId}/tags/spare`)
    await world.deps.database.pool.query('delete from tag_assignment')
    await step(city.lab, bagId, 'tags', { tag: 'spare', from: iso(noon) })
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'GO' })
  })

  test('that came off leaves a bag of which nobody knows where it is', async ({ door }) => {
    const city = await aCity(door)
    const { din, bagId } = await aBagInStock(city, 1)
    await aPatient(city, 'P1')
    await putInside(door, bagId)
    await door.ask(BagDetail, 'DELETE', `/bags/${bagId}/tags/tag-${bagId}`)
    door.world.clock.now += minute
    const { takeOutId, bags } = await open(city, 'P1')
    expect(bags).toEqual([])
    expect(await scan(city, takeOutId, din)).toMatchObject({ answer: 'CALL', reason: { code: 'unverified' } })
  })
})

describe('a key', () => {
  test('says not who it is, and so releases, issues, lifts and opens nothing', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await putInside(door, bagId)
    const held = await done(city.lab.post(`/bags/${bagId}/holds`, { kind: 'visual', reason }), BagDetail)
    const made = await aMadeBag(city, 2)
    for (const [path, body] of [
      [`/bags/${made.bagId}/release`, {}],
      [`/bags/${bagId}/issue`, { emergency: true, reason }],
      [`/bags/${bagId}/holds/${held.holds[0]?.holdId}/lift`, { reason }],
      ['/take-outs', { device: 'fridge-or', emergency: true, reason }],
    ] as const)
      expect(await door.refused('POST', path, body)).toMatchObject({ status: 403, code: 'person_required' })
  })
})

describe('a transfusion', () => {
  test('is written down whatever should have come before it, with what did not', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    for (const name of ['P1', 'P2']) await aPatient(city, name)
    const given = { patient: 'P2', startedAt: iso(noon) }
    const path = `/bags/${bagId}/transfuse`
    const ended = { ...given, endedAt: iso(noon - 1) }
    expect(await refusal(city.nurse.post(path, ended))).toMatchObject({ status: 400 })
    expect(await step(city.nurse, bagId, 'transfuse', given)).toMatchObject({ state: 'transfused' })

    const second = await aBagInStock(city, 2)
    await step(city.lab, second.bagId, 'issue', { patient: 'P1' })
    await step(city.nurse, second.bagId, 'transfuse', given)
    const found = []
    for (const id of [bagId, second.bagId]) {
      const { events } = await done(city.lab.get(`/bags/${id}/events`), BagEvents)
      found.push(events.at(-1)?.data.discrepancies)
    }
    expect(found).toEqual([['not_issued'], ['another_patient']])
  })

  test('is written down of a bag whose fate was recorded, and what is made of a bag carries on', async ({
    door,
  }) => {
    const city = await aCity(door)
    for (const name of ['P1', 'P2']) await aPatient(city, name)
    const [discarded, given, split] = [
      await aBagInStock(city, 1),
      await aBagInStock(city, 2),
      await aBagInStock(city, 3),
    ]
    const parts = {
      children: [{ productCode: 'E0336VA0', component: 'red_cells', expiresAt: iso(noon + day) }],
    }
    await step(city.lab, discarded.bagId, 'discard', { reason: 'torn', witness: 'nurse' })
    await step(city.lab, given.bagId, 'issue', { patient: 'P1' })
    await done(city.lab.post(`/bags/${split.bagId}/process`, parts), Children)

    const to = (patient?: string) => ({ patient, startedAt: iso(noon) })
    const lives = [
      [discarded.bagId, [to('P1')], 'transfused', [['fate_recorded']]],
      [
        given.bagId,
        [to('P1'), to('P1'), to(), to('P2'), to('P2')],
        'transfused',
        [[], [], [], ['another_patient', 'fate_recorded'], ['another_patient', 'fate_recorded']],
      ],
      [split.bagId, [to('P1')], 'processed', [['fate_recorded']]],
    ] as const
    const account = async (bagId: string) => (await door.ask(Trace, 'GET', `/bags/${bagId}/trace`)).total
    for (const [bagId, [first, ...again], state, found] of lives) {
      if (state === 'transfused') await step(city.nurse, bagId, 'transfuse', first)
      const before = await account(bagId)
      door.world.clock.now += minute
      for (const body of state === 'transfused' ? again : [first])
        expect(await step(city.nurse, bagId, 'transfuse', body)).toMatchObject({ state })
      expect(await account(bagId)).toEqual(before)
      const { events } = await done(city.lab.get(`/bags/${bagId}/events`), BagEvents)
      const transfusions = events.filter(({ verb }) => verb === 'transfuse')
      expect(transfusions.map(({ data }) => data.discrepancies)).toEqual(found)
    }
    const { tasks } = await done(city.nurse.get('/tasks?kind=transfused_against'), Tasks)
    expect(tasks.map(({ bagId, patient }) => [bagId, patient]).sort()).toEqual(
      [
        [discarded.bagId, 'P1'],
        [given.bagId, 'P2'],
        [given.bagId, 'P2'],
        [split.bagId, 'P1'],
      ].sort(),
    )
    expect(
      await refusal(city.lab.post(`/bags/${discarded.bagId}/discard`, { reason: 'torn' })),
    ).toMatchObject({
      code: 'illegal_move',
      detail: expect.stringContaining('its life is over'),
    })
  })
})

describe('the stock', () => {
  test('tells what is where, what expires first in front, and why a bag may not be issued', async ({
    door,
  }) => {
    const city = await aCity(door)
    const bags = []
    for (let number = 1; number <= 3; number++) bags.push((await aBagInStock(city, number)).bagId)
    const [first = '', second = '', third = ''] = bags
    const sooner = 'update bag set expires_at = expires_at - $2::integer where id = $1'
    for (const [id, ms] of [
      [third, 2_000],
      [first, 1_000],
    ])
      await door.world.deps.database.pool.query(sooner, [id, ms])
    await done(city.lab.post(`/bags/${second}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    const stock = await done(city.lab.get('/stock?facility=H1&component=red_cells'), Stock)
    expect(stock.bags.map(({ bagId, issuable, whyNot }) => [bagId, issuable, whyNot])).toEqual([
      [third, true, []],
      [first, true, []],
      [second, false, ['held']],
    ])
    expect(stock.levels).toMatchObject([
      { facility: 'H1', component: 'red_cells', group: { abo: 'O', rhd: 'positive' }, bags: 3, issuable: 2 },
    ])
    expect((await done(city.lab.get('/stock?issuable=false'), Stock)).bags).toHaveLength(1)
    for (const [query, page, more] of [
      ['issuable=true&limit=1', [third], true],
      ['issuable=true&limit=2', [third, first], false],
      ['issuable=false&limit=1', [second], false],
    ] as const) {
      const asked = await done(city.lab.get(`/stock?${query}`), Stock)
      expect([asked.bags.map(({ bagId }) => bagId), asked.more], query).toEqual([page, more])
    }
    expect((await city.lab.get('/stock?facility=C1')).status).toBe(404)
    expect((await done(city.lab.get('/stock?abo=A'), Stock)).bags).toEqual([])
  })
})
