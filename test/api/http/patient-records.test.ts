import { describe, expect } from 'vitest'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Crossmatch } from '../../../schema/http/crossmatches.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { TakeOut } from '../../../schema/http/life.ts'
import { Traits, TransfusionRecord } from '../../../schema/http/patients.ts'
import {
  aBagInFridge,
  aBagInStock,
  aCity,
  aPatient,
  aWorker,
  type City,
  done,
  putInFridge,
  refusal,
  step,
} from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const hour = 3_600_000
const day = 24 * hour
const ofP1 = '/facilities/H1/patients/P1'

async function aHospital(
  door: Door,
  word: object = { abo: undefined, rhd: undefined, sampleUntil: undefined },
) {
  const city = await aCity(door)
  const second = await aWorker(door, 'lab-2', 'transfusion_lab', 'H1')
  await aPatient(city, 'P1', word)
  return { ...city, lab2: second }
}

let drawn = 0

/** A sample of P1; answers its id and the record. */
async function aSample({ nurse }: City, collectedAt: number, changes: object = {}) {
  const input = { label: `tube-${++drawn}`, collectedAt: iso(collectedAt), collector: 'Ann', ...changes }
  const record = await done(nurse.post(`${ofP1}/samples`, input), TransfusionRecord)
  const id = record.samples.find(({ label }) => label === input.label)?.sampleId as string
  return { id, path: `${ofP1}/samples/${id}`, label: input.label, record }
}

const aGroup = (abo: string, rhd = 'positive') => ({ abo, rhd, method: 'gel' })

describe('a sample of a patient', () => {
  test('is on record with when it was taken and until when it may be relied on', async ({ door }) => {
    const city = await aHospital(door)
    const { record, label } = await aSample(city, noon - hour, { exposed: false })
    // In China three days, whoever it is of.
    const until = iso(noon - hour + 3 * day)
    expect(record).toMatchObject({ sampleUntil: until, doubt: null, abo: null })
    expect(record.samples).toMatchObject([{ label, until, valid: true, rejected: null, collector: 'Ann' }])
    door.world.clock.now = Date.parse(until)
    const later = await done(city.nurse.get(`${ofP1}/record`), TransfusionRecord)
    expect(later.samples).toMatchObject([{ valid: false }])
  })

  test('is refused where it is still to come, or another is labelled alike, be it of another patient', async ({
    door,
  }) => {
    const city = await aHospital(door)
    const taken = { label: 'tube', collectedAt: iso(noon), collector: 'Ann' }
    const toCome = { ...taken, collectedAt: iso(noon + 1) }
    expect(await refusal(city.nurse.post(`${ofP1}/samples`, toCome))).toMatchObject({ status: 400 })
    await done(city.nurse.post(`${ofP1}/samples`, taken), TransfusionRecord)
    await aPatient(city, 'P2')
    for (const path of [ofP1, '/facilities/H1/patients/P2'])
      expect(await refusal(city.nurse.post(`${path}/samples`, taken))).toMatchObject({
        code: 'already_exists',
      })
    expect(
      await refusal(city.nurse.post('/facilities/H1/patients/P9/samples', { ...taken, label: 'x' })),
    ).toMatchObject({ code: 'not_found' })
  })

  test('that is rejected is on record, and is a CALL at the fridge as if there were none', async ({
    door,
  }) => {
    const city = await aHospital(door)
    const { scan } = await aBagInFridge(door, city, { abo: 'O', rhd: 'negative' })
    expect(await scan()).toEqual(['CALL', 'no_valid_sample'])
    const { record } = await aSample(city, noon, { rejected: { reason: 'mislabelled', remark: 'no date' } })
    expect(record).toMatchObject({
      sampleUntil: null,
      samples: [{ valid: false, rejected: { reason: 'mislabelled', remark: 'no date' } }],
    })
    expect(await scan()).toEqual(['CALL', 'no_valid_sample', 'crossmatch_missing'])
    const good = await aSample(city, noon)
    const rejected = city.lab.post(`${good.path}/rejection`, { reason: 'clotted' })
    expect((await done(rejected, TransfusionRecord)).sampleUntil).toBeNull()
    expect(await scan()).toContain('no_valid_sample')
    expect(await refusal(city.lab.post(`${good.path}/groupings`, aGroup('A')))).toMatchObject({
      code: 'conflict',
    })
    expect(await refusal(city.lab.post(`${good.path}/rejection`, { reason: 'clotted' }))).toMatchObject({
      code: 'conflict',
    })
  })

  test('lasts shorter once the patient is given blood, where policy lets it last longer otherwise', async ({
    door,
  }) => {
    const city = await aHospital(door)
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    const { record } = await aSample(city, noon, { exposed: false })
    expect(record.sampleUntil).toBe(iso(noon + 7 * day))
    const unknown = await aSample(city, noon - 1, {})
    expect(unknown.record.samples[0]).toMatchObject({ until: iso(noon - 1 + 3 * day) })
    const { bagId } = await aBagInStock(city, 1, { abo: 'O', rhd: 'negative' })
    await done(city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason: 'urgent' }), BagDetail)
    const after = await done(city.nurse.get(`${ofP1}/record`), TransfusionRecord)
    expect(after.sampleUntil).toBe(iso(noon + 3 * day))
  })

  test('does not last shorter for a bag that came back and was handed out for another patient', async ({
    door,
  }) => {
    const city = await aHospital(door)
    await aPatient(city, 'P2', { abo: undefined, rhd: undefined, sampleUntil: undefined })
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    await aSample(city, noon, { exposed: false })
    const { bagId } = await aBagInStock(city, 1, { abo: 'O', rhd: 'negative' })
    const act = (verb: string, body: object) => done(city.lab.post(`/bags/${bagId}/${verb}`, body), BagDetail)
    const lasts = async () => (await done(city.nurse.get(`${ofP1}/record`), TransfusionRecord)).sampleUntil
    await act('issue', { patient: 'P1', reason: 'urgent' })
    await act('return', { reason: 'put off' })
    await act('reinstate', { reason: 'looks well' })
    expect(await lasts()).toBe(iso(noon + 7 * day))
    await act('issue', { patient: 'P2', reason: 'urgent' })
    expect(await lasts()).toBe(iso(noon + 7 * day))
    await act('return', { reason: 'put off' })
    await act('reinstate', { reason: 'looks well' })
    await act('issue', { patient: 'P1', reason: 'urgent' })
    expect(await lasts()).toBe(iso(noon + 3 * day))
  })
})

describe('the group of a patient', () => {
  test('is confirmed by two samples, and a third that differs unmakes it until it is rejected by another', async ({
    door,
  }) => {
    const city = await aHospital(door)
    const { scan } = await aBagInFridge(door, city)
    const [first, second] = [await aSample(city, noon - 2 * hour), await aSample(city, noon - hour)]
    const once = await done(city.lab.post(`${first.path}/groupings`, aGroup('A')), TransfusionRecord)
    expect(once).toMatchObject({ abo: null, doubt: 'unconfirmed' })
    expect(await scan()).toContain('group_unconfirmed')
    const twice = await done(city.lab2.post(`${second.path}/groupings`, aGroup('A')), TransfusionRecord)
    expect(twice).toMatchObject({ abo: 'A', rhd: 'positive', doubt: null })
    const third = await aSample(city, noon)
    const differs = await done(city.lab.post(`${third.path}/groupings`, aGroup('B')), TransfusionRecord)
    expect(differs).toMatchObject({ abo: null, doubt: 'discrepancy' })
    expect((await scan())[0]).toBe('STOP')
    expect(await scan()).toContain('group_discrepancy')
    const reject = { reason: 'wrong_patient' }
    expect(await refusal(city.lab.post(`${third.path}/rejection`, reject))).toMatchObject({
      code: 'second_person',
    })
    const settled = await done(city.lab2.post(`${third.path}/rejection`, reject), TransfusionRecord)
    expect(settled).toMatchObject({ abo: 'A', doubt: null })
    expect(settled.samples[2]).toMatchObject({
      groupings: [{ abo: 'B' }],
      rejected: { by: expect.any(String) },
    })
    expect(await scan()).toEqual(['CALL', 'crossmatch_missing'])
  })

  test('said in a word is not taken for groupings or samples that are on record', async ({ door }) => {
    const city = await aHospital(door)
    const { path } = await aSample(city, noon)
    const put = (body: object) => city.lab.put(ofP1, body)
    expect(await refusal(put({ sampleUntil: iso(noon + 30 * day) }))).toMatchObject({ code: 'conflict' })
    expect((await put({ abo: 'B', rhd: 'positive' })).status).toBe(200)
    const found = await done(city.lab.post(`${path}/groupings`, aGroup('A')), TransfusionRecord)
    expect(found).toMatchObject({ abo: null, doubt: 'discrepancy' })
    expect(await refusal(put({ abo: 'A', rhd: 'positive' }))).toMatchObject({ code: 'conflict' })
  })
})

describe('an antibody of a patient', () => {
  test('asks for bags that are typed and lack its antigen, and anti-D for bags without RhD', async ({
    door,
  }) => {
    const word = { abo: 'A', rhd: 'positive', sampleUntil: iso(noon + day) }
    const city = await aHospital(door, word)
    const { bagId, scan } = await aBagInFridge(door, city)
    const record = await done(city.lab.post(`${ofP1}/antibodies`, { specificity: 'K' }), TransfusionRecord)
    expect(record.antibodies).toMatchObject([{ specificity: 'K', significant: true, sampleId: null }])
    expect(await scan()).toEqual(['CALL', 'crossmatch_missing', 'antigen_unknown'])
    const type = (present: boolean) =>
      done(city.lab.post(`/bags/${bagId}/traits`, { traits: [{ trait: 'K', present }] }), Traits)
    await type(true)
    expect(await scan()).toEqual(['STOP', 'crossmatch_missing', 'antigen_positive'])
    const counter = city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason: 'urgent' })
    expect(await refusal(counter)).toMatchObject({ code: 'incompatible' })
    // Found once is there.
    expect(await type(false)).toEqual({ traits: [{ trait: 'K', present: true }] })
    const antiD = await done(city.lab.post(`${ofP1}/antibodies`, { specificity: 'D' }), TransfusionRecord)
    expect(antiD).toMatchObject({ antiD: true })
    expect(await scan()).toContain('wrong_group')
  })

  test('is not undone by anybody, and what a patient needs of every bag is', async ({ door }) => {
    const word = { abo: 'A', rhd: 'positive', sampleUntil: iso(noon + day) }
    const city = await aHospital(door, word)
    const { scan } = await aBagInFridge(door, city)
    const need = (needed: boolean) =>
      done(
        city.lab.post(`${ofP1}/requirements`, { requirement: 'irradiated', needed, reason: 'transplant' }),
        TransfusionRecord,
      )
    expect(await need(true)).toMatchObject({ requirements: ['irradiated'] })
    expect(await scan()).toEqual(['CALL', 'requirement_unmet'])
    expect(await need(false)).toMatchObject({ requirements: [] })
    expect(await scan()).toEqual(['GO'])
  })
})

describe('a crossmatch', () => {
  /** Two samples grouped alike by two, the newer one screened. */
  async function aClearPatient(door: Door) {
    const city = await aHospital(door)
    const fridge = await aBagInFridge(door, city)
    const [old, fresh] = [await aSample(city, noon - 2 * hour), await aSample(city, noon - hour)]
    await done(city.lab.post(`${old.path}/groupings`, aGroup('A')), TransfusionRecord)
    await done(city.lab2.post(`${fresh.path}/groupings`, aGroup('A')), TransfusionRecord)
    await done(city.lab.post(`${fresh.path}/screens`, { positive: false }), TransfusionRecord)
    const about = { patient: 'P1', sample: fresh.id }
    const post = (more: object) => city.lab.post(`/bags/${fridge.bagId}/crossmatches`, { ...about, ...more })
    return { city, ...fridge, fresh, post }
  }
  const serological = (result: string, more: object = {}) => ({ method: 'serological', result, ...more })

  test('is a CALL where it is missing or over; a compatible one keeps the bag for as long as it counts', async ({
    door,
  }) => {
    const { city, bagId, scan, post } = await aClearPatient(door)
    expect(await scan()).toEqual(['CALL', 'crossmatch_missing'])
    const counter = (reason?: string) => city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason })
    expect(await refusal(counter())).toMatchObject({ code: 'unverified' })
    const until = iso(noon - hour + 3 * day)
    expect(await done(post(serological('compatible')), Crossmatch)).toMatchObject({ until })
    const bag = await done(city.lab.get(`/bags/${bagId}`), BagDetail)
    expect(bag).toMatchObject({ reservedFor: 'P1', reservedUntil: until })
    const record = await done(city.nurse.get(`${ofP1}/record`), TransfusionRecord)
    expect(record).toMatchObject({
      crossmatches: [{ result: 'compatible' }],
      bags: [{ bagId, state: 'available' }],
    })
    expect(await scan()).toEqual(['GO'])
  })

  test('that is over with its sample is a CALL', async ({ door }) => {
    const { city, scan, post } = await aClearPatient(door)
    await done(post(serological('compatible')), Crossmatch)
    const { clock } = door.world
    clock.now = noon - hour + 3 * day
    await aSample(city, clock.now)
    expect(await scan()).toContain('crossmatch_expired')
  })

  test('that is incompatible is a STOP, in an emergency and at the counter as well, and keeps the bag no more', async ({
    door,
  }) => {
    const { city, bagId, scan, post } = await aClearPatient(door)
    await done(post(serological('compatible')), Crossmatch)
    await done(post(serological('incompatible')), Crossmatch)
    expect((await done(city.lab.get(`/bags/${bagId}`), BagDetail)).reservedFor).toBeNull()
    const emergency = { emergency: true, reason: 'haemorrhage' }
    for (const more of [{}, emergency]) expect(await scan(more)).toEqual(['STOP', 'crossmatch_incompatible'])
    const issue = city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', ...emergency })
    expect(await refusal(issue)).toMatchObject({ code: 'incompatible' })
    const opened = city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' })
    expect((await done(opened, TakeOut)).bags).toEqual([])
  })

  test('electronic is refused in China; elsewhere it takes all its preconditions, and an antibody ends it', async ({
    door,
  }) => {
    const { city, scan, post } = await aClearPatient(door)
    expect(await refusal(post({ method: 'electronic' }))).toMatchObject({
      code: 'unverified',
      detail: expect.stringMatching(/: not_accepted$/),
    })
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    expect(await done(post({ method: 'electronic' }), Crossmatch)).toMatchObject({ result: 'compatible' })
    await done(city.lab.post(`${ofP1}/antibodies`, { specificity: 'unidentified' }), TransfusionRecord)
    expect(await scan()).toContain('crossmatch_missing')
    expect(await refusal(post({ method: 'electronic' }))).toMatchObject({
      detail: expect.stringMatching(/: antibody_history$/),
    })
    await done(post(serological('compatible')), Crossmatch)
    expect(await scan()).not.toContain('crossmatch_missing')
  })

  test('is refused by a sample that may not be relied on, or is another’s, and without a result', async ({
    door,
  }) => {
    const { city, bagId, fresh, post } = await aClearPatient(door)
    expect((await post({ method: 'serological' })).status).toBe(400)
    expect((await post({ method: 'electronic', result: 'compatible' })).status).toBe(400)
    await aPatient(city, 'P2', { sampleUntil: undefined })
    expect((await post(serological('compatible', { patient: 'P2' }))).status).toBe(404)
    expect((await city.nurse.post(`/bags/${bagId}/crossmatches`, {})).status).toBe(403)
    const reject = { reason: 'mislabelled' }
    await done(city.lab.post(`${fresh.path}/rejection`, reject), TransfusionRecord)
    expect(await refusal(post(serological('compatible')))).toMatchObject({ code: 'conflict' })
  })

  test('may be asked for whoever it is by the rule of the facility', async ({ door }) => {
    const word = { abo: 'A', rhd: 'positive', sampleUntil: iso(noon + day) }
    const city = await aHospital(door, word)
    const { scan } = await aBagInFridge(door, city)
    const rules = { secondChecker: false, telephone: null, crossmatch: true }
    expect((await city.lab.put('/facilities/H1/take-out-rules', rules)).status).toBe(200)
    expect(await scan()).toEqual(['CALL', 'crossmatch_missing'])
  })
})

test('the record of a patient is their hospital’s alone, and every word of it is in the audit', async ({
  door,
}) => {
  const city = await aHospital(door)
  const { id, path } = await aSample(city, noon)
  await done(city.lab.post(`${path}/groupings`, aGroup('A')), TransfusionRecord)
  await done(city.lab.post(`${path}/screens`, { positive: false }), TransfusionRecord)
  const h2 = { code: 'H2', name: 'H2', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await door.ask(Facility, 'POST', '/facilities', h2)
  const other = await aWorker(door, 'lab-h2', 'transfusion_lab', 'H2')
  expect((await other.get(`${ofP1}/record`)).status).toBe(404)
  expect((await other.post(`${path}/groupings`, aGroup('B'))).status).toBe(404)
  await done(other.put('/facilities/H2/patients/P1', {}), { parse: (value) => value })
  // The same pseudonym is another patient there, and the sample none of theirs.
  const theirs = `/facilities/H2/patients/P1/samples/${id}/groupings`
  expect((await other.post(theirs, aGroup('B'))).status).toBe(404)
  expect((await city.courier.get(`${ofP1}/record`)).status).toBe(403)
  expect((await city.nurse.post(`${path}/groupings`, aGroup('B'))).status).toBe(403)
  const { rows } = await door.world.deps.database.pool.query(
    `select action from audit_entry where subject_kind = 'patient' and action <> 'patient.saved' order by id`,
  )
  expect(rows.map(({ action }) => action)).toEqual([
    'patient.sample_registered',
    'patient.grouped',
    'patient.screened',
  ])
})

test('a bag that was handed out for a patient elsewhere, and not taken, is none of who bears that name here', async ({
  door,
}) => {
  const city = await aHospital(door, { sampleUntil: iso(noon + day) })
  const h2 = { code: 'H2', name: 'H2', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await door.ask(Facility, 'POST', '/facilities', h2)
  const other = await aWorker(door, 'lab-h2', 'transfusion_lab', 'H2')
  const anybody = { parse: (value: unknown) => value }
  await done(other.put('/facilities/H2/patients/P1', {}), anybody)
  const input = { label: 'tube-of-h2', collectedAt: iso(noon), collector: 'Bob', exposed: false }
  await done(other.post('/facilities/H2/patients/P1/samples', input), TransfusionRecord)
  const { bagId } = await aBagInStock(city, 1)
  await putInFridge(door, 'fridge-or', [bagId])
  await step(city.lab, bagId, 'issue', { patient: 'P1', reason: 'x' })
  const theirs = async () => {
    const { bags, samples } = await done(other.get('/facilities/H2/patients/P1/record'), TransfusionRecord)
    return [bags.map((bag) => bag.bagId), samples.map(({ until }) => until)]
  }
  const before = await theirs()
  await step(city.lab, bagId, 'cancel-issue', { reason: 'not taken' })
  await step(city.lab, bagId, 'distribute', { to: 'H2' })
  await step(await aWorker(door, 'courier-h1', 'courier', 'H1'), bagId, 'depart')
  await step(other, bagId, 'receive')
  expect(await theirs()).toEqual(before)
  await done(other.put('/facilities/H2/patients/P2', {}), anybody)
  await step(other, bagId, 'issue', { patient: 'P2', reason: 'x', emergency: true })
  expect(await theirs()).toEqual(before)
})
