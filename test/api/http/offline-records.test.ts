import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { afterEach, describe, expect } from 'vitest'
import { decideOffline } from '../../../api/domain/offline.ts'
import { donationOf, unitOf } from '../../../api/domain/read-unit.ts'
import { uploadDecisions } from '../../../devices-sim/terminal/upload.ts'
import { OfflineDecisions, OfflineDocuments, OfflineReceipt } from '../../../schema/http/offline.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import {
  hashOfDocument,
  OfflineList,
  OfflinePatients,
  openSigned,
  whoIs,
} from '../../../schema/offline-list.ts'
import { aBagInFridge, aBagInStock, aCity, aPatient, aWorker, done } from '../../support/hospital.ts'
import { aTerminal, bringUpToDate, type Placed } from '../../support/terminals.ts'
import { noon } from '../../support/world.ts'
import { adminKey, type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const ofP1 = '/facilities/H1/patients/P1'
const oPositive = { abo: 'O', rhd: 'positive' }

const removals: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const remove of removals.splice(0)) await remove()
})

/** P1 as a word has them, a bag that fits everybody, and a terminal at its fridge. */
async function aWard(door: Door, word: object = {}) {
  const city = await aCity(door)
  const lab2 = await aWorker(door, 'lab-2', 'transfusion_lab', 'H1')
  await aPatient(city, 'P1', word)
  const { bagId, label, fridge } = await aBagInFridge(door, city, { abo: 'O', rhd: 'negative' })
  const placed = await aTerminal(door, fridge)
  removals.push(placed.remove)
  return { city, lab2, bagId, label, placed }
}
type Ward = Awaited<ReturnType<typeof aWard>>

const scan = ({ placed, label }: Pick<Ward, 'placed' | 'label'>, more: object = {}) =>
  placed.terminal.scan({ ...label, badge: 'nurse-7', patient: 'P1', ...more })

async function aSample({ city }: Ward, collectedAt: number, exposed: boolean | null = null): Promise<string> {
  const label = `tube-${collectedAt}`
  const input = { label, collectedAt: iso(collectedAt), collector: 'Ann', exposed }
  const { samples } = await done(city.nurse.post(`${ofP1}/samples`, input), TransfusionRecord)
  return samples.find((one) => one.label === label)?.sampleId as string
}

async function aCrossmatch({ city, bagId }: Ward, sample: string, result: string): Promise<void> {
  const about = { patient: 'P1', sample, method: 'serological', result }
  expect((await city.lab.post(`/bags/${bagId}/crossmatches`, about)).status).toBe(201)
}

const conflictsOf = async ({ city }: Ward) =>
  (await done(city.lab.get('/devices/fridge-or/offline-decisions'), OfflineDecisions)).decisions.map(
    ({ conflicts }) => conflicts,
  )

const documentsOf = async (door: Door) => {
  const headers = { authorization: `Bearer ${adminKey}` }
  return OfflineDocuments.parse(await (await door.raw('/devices/fridge-or/offline-list', { headers })).json())
}

async function patientsOf(door: Door): Promise<OfflinePatients> {
  const { patients, keys } = await documentsOf(door)
  const opened = openSigned(patients, keys, OfflinePatients)
  if (opened.refused !== null) throw new Error(opened.refused)
  return opened.content
}

describe('a terminal that was not told of a patient', () => {
  test('has somebody called, in an emergency too, where nobody told it of any', async ({ door }) => {
    const ward = await aWard(door)
    await bringUpToDate(door, 'H1', ward.placed)
    const alone = await aTerminal(door, { name: 'fridge-or', secret: '' })
    removals.push(alone.remove)
    const { list, keys } = await documentsOf(door)
    alone.terminal.trust(keys)
    expect(alone.terminal.takeList(list)).toBeNull()
    const at = { placed: alone, label: ward.label }
    const emergency = { emergency: true, reason: 'bleeds' }
    expect(scan(at)).toMatchObject({ answer: 'CALL', rule: { code: 'patient_unknown' } })
    expect(scan(at, emergency)).toMatchObject({ answer: 'CALL', findings: ['patient_unknown'] })
    // Those of another hospital say nothing of the patients here.
    const facts = ward.placed.terminal.facts()
    const unit = unitOf(donationOf(ward.label, []))
    const asked = { unit, patient: 'nobody', emergency: true, seen: { sex: null, ageYears: null } }
    const said = { override: false, isGlassBroken: false, isChecked: false, at: noon, uncertaintyMs: 0 }
    const there = facts.patients && { ...facts.patients, facility: 'H2' }
    const findingsBy = (patients: typeof there) =>
      decideOffline({ ...facts, patients }, { ...asked, ...said }).findings
    expect([findingsBy(facts.patients), findingsBy(there)]).toEqual([[], ['patient_unknown']])
    // Nobody is to be reached, and it fits everybody: the reason is on record.
    expect(scan(at, { ...emergency, breakGlass: 'nobody answers' }).answer).toBe('GO')
    expect(scan(ward, { ...emergency, patient: undefined }).answer).toBe('GO')
  })

  test('has somebody called where not all had room, and knows that there is nothing on record where they had', async ({
    door,
  }) => {
    const ward = await aWard(door)
    await aPatient(ward.city, 'P2')
    const { din } = await aBagInStock(ward.city, 2, { abo: 'O', rhd: 'negative' })
    await done(ward.city.lab.post(`${ofP1}/antibodies`, { specificity: 'K' }), TransfusionRecord)
    await bringUpToDate(door, 'H1', ward.placed)
    const emergency = { emergency: true, reason: 'bleeds' }
    const other = { ...ward, label: { ...ward.label, din } }
    expect(scan(other, { ...emergency, patient: 'P9' }).findings).not.toContain('patient_unknown')
    expect((await patientsOf(door)).leftOut).toBe(0)
    // As many as the town has, of whom one was in the hospital lately.
    await door.world.deps.database.pool.query(
      `insert into patient (facility_id, pseudonym, abo, rhd, sample_until, updated_at)
       select facility_id, 'crowd-' || n, abo, rhd, sample_until + 1, updated_at + n
       from patient, generate_series(1, 5000) n where pseudonym = 'P2'`,
    )
    await bringUpToDate(door, 'H1', ward.placed)
    const { patients, leftOut, salt } = await patientsOf(door)
    expect([patients.length, leftOut]).toEqual([5_000, 2])
    // Those with a record before all others.
    expect(patients[0]).toMatchObject({ who: whoIs('P1', salt), record: { antibodies: ['K'] } })
    expect(scan(ward).findings).toEqual(['crossmatch_missing', 'antigen_unknown'])
    expect(scan(ward, { ...emergency, patient: 'P2' })).toMatchObject({
      answer: 'CALL',
      findings: ['patient_unknown'],
    })
  })
})

describe('what a terminal is told of a patient', () => {
  test('names nobody, neither them nor who found it, and no sample by its label', async ({ door }) => {
    const ward = await aWard(door, { abo: undefined, rhd: undefined, sampleUntil: undefined })
    const { city, lab2 } = ward
    const [old, fresh] = [await aSample(ward, noon - 2 * hour), await aSample(ward, noon - hour)]
    const group = { ...oPositive, method: 'gel' }
    await done(city.lab.post(`${ofP1}/samples/${old}/groupings`, group), TransfusionRecord)
    await done(lab2.post(`${ofP1}/samples/${fresh}/groupings`, group), TransfusionRecord)
    await aCrossmatch(ward, fresh, 'compatible')
    await bringUpToDate(door, 'H1', ward.placed)
    const { list, patients } = await documentsOf(door)
    const told = inflateRawSync(Buffer.from(patients.payload, 'base64')).toString()
    const ids = await door.world.deps.database.pool.query('select id::text from person')
    for (const name of ['P1', 'Ann', 'tube', 'lab', old, fresh, ...ids.rows.map(({ id }) => id)])
      expect(told).not.toContain(name)
    // Nothing of patients goes over MQTT but whom a bag is kept for, by a hash.
    const carried = inflateRawSync(Buffer.from(list?.payload as string, 'base64')).toString()
    for (const name of ['P1', '"record"', '"crossmatches"', '"antibodies"', old, fresh])
      expect(carried).not.toContain(name)
    expect(scan(ward)).toMatchObject({ answer: 'GO', findings: [] })
  })

  test('that they were given a bag there itself it knows before anybody else', async ({ door }) => {
    const ward = await aWard(door, { abo: undefined, rhd: undefined, sampleUntil: undefined })
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    // Of one who was given nothing it may be relied on for a week, else for three days.
    const sample = await aSample(ward, noon - 4 * day, false)
    await aCrossmatch(ward, sample, 'compatible')
    const second = await aBagInStock(ward.city, 2, { abo: 'O', rhd: 'negative' })
    await bringUpToDate(door, 'H1', ward.placed)
    expect(scan(ward)).toMatchObject({ answer: 'GO' })
    const next = () => scan({ ...ward, label: { ...ward.label, din: second.din } }).findings
    expect(next()).toContain('no_valid_sample')
    expect(ward.placed.reopened().terminal.facts().exposed.size).toBe(1)
    door.world.clock.now += minute
    await uploadDecisions(ward.placed.terminal, ward.placed.home)
    expect(await conflictsOf(ward)).toEqual([[], []])
    await bringUpToDate(door, 'H1', ward.placed)
    expect(next()).toContain('no_valid_sample')
  })
})

describe('what was decided while cut off, for a patient with a record', () => {
  const tell = async ({ city }: Ward, placed: Placed, changes: object) => {
    const [decision] = placed.terminal.outstanding()
    const decisions = [{ ...decision, ...changes }]
    const { taken } = await done(
      city.nurse.post('/devices/fridge-or/offline-decisions', { decisions }),
      OfflineReceipt,
    )
    return taken[0]?.conflicts
  }

  test('is a conflict by what was found since, and the terminal is not to blame', async ({ door }) => {
    const ward = await aWard(door)
    await bringUpToDate(door, 'H1', ward.placed)
    door.world.clock.now += minute
    await done(ward.city.lab.post(`${ofP1}/antibodies`, { specificity: 'K' }), TransfusionRecord)
    const traits = [{ trait: 'K', present: true }]
    await ward.city.lab.post(`/bags/${ward.bagId}/traits`, { traits })
    expect(scan(ward)).toMatchObject({ answer: 'GO' })
    await uploadDecisions(ward.placed.terminal, ward.placed.home)
    expect((await conflictsOf(ward))[0]?.toSorted()).toEqual(['antigen_positive', 'crossmatch_missing'])
  })

  test('is the terminal’s fault where it had been told', async ({ door }) => {
    const ward = await aWard(door, { sampleUntil: undefined })
    await aCrossmatch(ward, await aSample(ward, noon), 'incompatible')
    door.world.clock.now += minute
    await bringUpToDate(door, 'H1', ward.placed)
    expect(scan(ward)).toMatchObject({ answer: 'STOP', rule: { code: 'crossmatch_incompatible' } })
    const conflicts = await tell(ward, ward.placed, { answer: 'GO', findings: [], bagId: ward.bagId })
    expect(conflicts?.toSorted()).toEqual(['answer_differs', 'crossmatch_incompatible'])
  })

  test('is judged by what they had been given until then, whatever is told first', async ({ door }) => {
    const ward = await aWard(door, { abo: undefined, rhd: undefined, sampleUntil: undefined })
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    await aCrossmatch(ward, await aSample(ward, noon - 4 * day, false), 'compatible')
    const { din } = await aBagInStock(ward.city, 2, { abo: 'O', rhd: 'negative' })
    await bringUpToDate(door, 'H1', ward.placed)
    expect(scan(ward)).toMatchObject({ answer: 'GO', findings: [] })
    door.world.clock.now += minute
    expect(
      scan({ ...ward, label: { ...ward.label, din } }, { emergency: true, reason: 'x', breakGlass: 'x' })
        .answer,
    ).toBe('GO')
    for (const decision of ward.placed.terminal.outstanding().toReversed()) {
      const decisions = [decision]
      await done(ward.city.nurse.post('/devices/fridge-or/offline-decisions', { decisions }), OfflineReceipt)
    }
    expect(await conflictsOf(ward)).toEqual([[], []])
  })

  test('is judged by whom the facility wanted crossmatched then', async ({ door }) => {
    const ward = await aWard(door)
    await bringUpToDate(door, 'H1', ward.placed)
    door.world.clock.now += minute
    expect(scan(ward).answer).toBe('GO')
    door.world.clock.now += minute
    const rules = { secondChecker: false, telephone: null, crossmatch: true }
    expect((await ward.city.lab.put('/facilities/H1/take-out-rules', rules)).status).toBe(200)
    await uploadDecisions(ward.placed.terminal, ward.placed.home)
    expect(await conflictsOf(ward)).toEqual([[]])
    await bringUpToDate(door, 'H1', ward.placed)
    const other = await aBagInStock(ward.city, 3, { abo: 'O', rhd: 'negative' })
    await bringUpToDate(door, 'H1', ward.placed)
    expect(scan({ ...ward, label: { ...ward.label, din: other.din } }).findings).toContain(
      'crossmatch_missing',
    )
  })

  test('by a list from before records is taken, though no terminal believes such a list any more', async ({
    door,
  }) => {
    const ward = await aWard(door)
    await bringUpToDate(door, 'H1', ward.placed)
    expect(scan(ward).answer).toBe('GO')
    const { pool } = door.world.deps.database
    const { rows } = await pool.query('select payload from offline_list')
    const { crossmatch: _, ...before } = JSON.parse(inflateRawSync(rows[0].payload).toString())
    expect(OfflineList.safeParse({ ...before, v: 1 }).success).toBe(false)
    const payload = deflateRawSync(JSON.stringify({ ...before, v: 1 }))
    const sha256 = hashOfDocument({ payload: payload.toString('base64') })
    await pool.query("update offline_list set payload = $1, payload_hash = decode($2, 'hex')", [
      payload,
      sha256,
    ])
    const conflicts = await tell(ward, ward.placed, { list: { seq: 1, sha256 }, patientsAsOf: undefined })
    expect(conflicts).toEqual([])
  })
})
