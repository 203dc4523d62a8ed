import { describe, expect } from 'vitest'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import {
  aBagInFridge,
  aBagInStock,
  aCity,
  aPatient,
  aWorker,
  type City,
  done,
  step,
} from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from '../http/door.ts'

/* What is found of a bag, or of its patient, when it is in somebody's hands already. */

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const ofP1 = '/facilities/H1/patients/P1'
const aPositive = { abo: 'A', rhd: 'positive' }

type Hospital = City & { readonly door: Door; readonly lab2: City['lab'] }

async function aHospital(door: Door, word: object = { ...aPositive, sampleUntil: iso(noon + 3 * day) }) {
  const city = await aCity(door)
  const lab2 = await aWorker(door, 'lab-2', 'transfusion_lab', 'H1')
  await aPatient(city, 'P1', word)
  return { ...city, door, lab2 }
}

let drawn = 0

async function aSample({ nurse }: City, collectedAt: number, of = ofP1) {
  const label = `tube-${++drawn}`
  const sample = { label, collectedAt: iso(collectedAt), collector: 'Ann', exposed: false }
  const { samples } = await done(nurse.post(`${of}/samples`, sample), TransfusionRecord)
  return samples.find((one) => one.label === label)?.sampleId as string
}

const group = (by: City['lab'], sample: string, abo: string, rhd = 'positive') =>
  done(by.post(`${ofP1}/samples/${sample}/groupings`, { abo, rhd, method: 'gel' }), TransfusionRecord)

const antibody = ({ lab }: City, specificity: string) =>
  done(lab.post(`${ofP1}/antibodies`, { specificity }), TransfusionRecord)

const type = ({ lab }: City, bagId: string, trait: string, present: boolean) =>
  lab.post(`/bags/${bagId}/traits`, { traits: [{ trait, present }] })

async function crossmatch({ lab }: City, bagId: string, sample: string, result: string) {
  const about = { patient: 'P1', sample, method: 'serological', result, reserve: false }
  expect((await lab.post(`/bags/${bagId}/crossmatches`, about)).status).toBe(201)
}

/** P1 is A by two samples and two pairs of hands. */
async function grouped(hospital: Hospital) {
  const [first, second] = [await aSample(hospital, noon - 2 * hour), await aSample(hospital, noon - hour)]
  await group(hospital.lab, first, 'A')
  await group(hospital.lab2, second, 'A')
  return { first, second }
}

/** A bag of A RhD-positive that a nurse was told GO for, and a minute that passes. */
async function issued(hospital: Hospital, more: object = {}) {
  const { bagId, scan } = await aBagInFridge(hospital.door, hospital, aPositive)
  expect((await scan(more))[0]).toBe('GO')
  hospital.door.world.clock.now += minute
  return bagId
}

/** What turned out, as the worklist has it: which bags, and for whom. */
async function tasks({ lab }: City) {
  const told = await done(lab.get('/tasks?kind=incompatible_out'), Tasks)
  return told.tasks.map(({ bagId, patient }) => [bagId, patient])
}

/** The alarms that stand after another look, and whether what they are about is over. */
async function alarms({ door, lab }: Hospital) {
  const { now } = door.world.clock
  await watchAlarms(door.world.deps, { readySince: now, since: now - minute })
  const { alarms: all } = await done(lab.get('/alarms'), Alarms)
  return all.filter(({ kind }) => kind === 'incompatible_out')
}

async function raises(hospital: Hospital, bagId: string): Promise<void> {
  expect(await tasks(hospital)).toEqual([[bagId, 'P1']])
  expect(await alarms(hospital)).toMatchObject([{ class: 'action', bags: [{ bagId }], endedAt: null }])
}

async function isSilent(hospital: Hospital): Promise<void> {
  expect(await tasks(hospital)).toEqual([])
  expect(await alarms(hospital)).toEqual([])
}

describe('a bag in hands', () => {
  test('that fits still says nothing, whatever else is found', async ({ door }) => {
    const hospital = await aHospital(door)
    const bagId = await issued(hospital)
    await isSilent(hospital)
    const sample = await aSample(hospital, noon)
    // What was only said is said by a sample as well: nothing of it is worse known than it was.
    await group(hospital.lab, sample, 'A')
    await crossmatch(hospital, bagId, sample, 'compatible')
    await antibody(hospital, 'Lea')
    await isSilent(hospital)
    // A sample and a crossmatch grow old: that is no news.
    door.world.clock.now += 10 * day
    await isSilent(hospital)
  })

  test('pages the ward and is a task once it is crossmatched and does not fit, until it is back', async ({
    door,
  }) => {
    const hospital = await aHospital(door)
    const bagId = await issued(hospital)
    const foundAt = door.world.clock.now
    await crossmatch(hospital, bagId, await aSample(hospital, noon), 'incompatible')
    door.world.clock.now += minute
    await raises(hospital, bagId)
    const { tasks: all } = await done(hospital.lab.get('/tasks?kind=incompatible_out'), Tasks)
    expect(all).toMatchObject([{ since: iso(foundAt), en: expect.stringContaining('incompatible') }])
    // Long after that, and for who watches only now, it is so still.
    door.world.clock.now += 3 * hour
    await raises(hospital, bagId)
    await step(hospital.lab, bagId, 'return', { reason: 'incompatible' })
    expect(await tasks(hospital)).toEqual([])
    await alarms(hospital)
    door.world.clock.now += 10 * minute
    expect(await alarms(hospital)).toMatchObject([{ endedAt: expect.any(String) }])
  })

  test('pages the ward first, and the lab where nobody acknowledges it; no patient is named', async ({
    door,
  }) => {
    const hospital = await aHospital(door)
    const bagId = await issued(hospital)
    await crossmatch(hospital, bagId, await aSample(hospital, noon), 'incompatible')
    const [raised] = await alarms(hospital)
    const alarm = await done(hospital.lab.get(`/alarms/${raised?.id}`), AlarmDetail)
    const steps = alarm.events.filter(({ verb }) => verb === 'escalated').map(({ data }) => data)
    expect(steps).toMatchObject([{ to: 'ward' }])
    expect(JSON.stringify(alarm)).not.toContain('P1')
    door.world.clock.now += 5 * minute
    expect(await alarms(hospital)).toMatchObject([{ id: raised?.id, steps: 2 }])
  })

  const found: Record<string, (hospital: Hospital, bagId: string) => Promise<unknown>> = {
    'an antibody whose antigen it was found to have': async (hospital, bagId) => {
      await type(hospital, bagId, 'K', true)
      await antibody(hospital, 'K')
    },
    'an antibody whose antigen nobody looked for': (hospital) => antibody(hospital, 'E'),
    'anti-D in a word': ({ lab }) => lab.put(ofP1, { ...aPositive, antiD: true }),
    'another group in a word': ({ lab }) => lab.put(ofP1, { abo: 'B', rhd: 'positive' }),
    'a group that is unsaid': ({ lab }) => lab.put(ofP1, {}),
    'RhD-negative in a word': ({ lab }) => lab.put(ofP1, { abo: 'A', rhd: 'negative' }),
    'a sample that shows another group': async (hospital) =>
      group(hospital.lab, await aSample(hospital, noon), 'B'),
    'a crossmatch that is least incompatible': async (hospital, bagId) =>
      crossmatch(hospital, bagId, await aSample(hospital, noon), 'least_incompatible'),
  }
  for (const [what, write] of Object.entries(found))
    test(`is told of by ${what}`, async ({ door }) => {
      const hospital = await aHospital(door)
      const bagId = await issued(hospital)
      await write(hospital, bagId)
      await raises(hospital, bagId)
    })

  test('whose antigen is found only when an antibody is on record already', async ({ door }) => {
    const hospital = await aHospital(door)
    const { bagId } = await aBagInStock(hospital, 1, aPositive)
    await antibody(hospital, 'K')
    const reason = { patient: 'P1', reason: 'no time to type it' }
    await done(hospital.lab.post(`/bags/${bagId}/issue`, reason), BagDetail)
    door.world.clock.now += 10 * minute
    // That nobody had looked was known, and answered for.
    await isSilent(hospital)
    await type(hospital, bagId, 'K', true)
    await raises(hospital, bagId)
  })

  test('is told of where a sample is rejected that its patient was grouped by', async ({ door }) => {
    const hospital = await aHospital(door, { abo: undefined, rhd: undefined, sampleUntil: undefined })
    const { first } = await grouped(hospital)
    const { bagId } = await aBagInStock(hospital, 1, aPositive)
    const reason = { patient: 'P1', reason: 'no time to crossmatch' }
    await done(hospital.lab.post(`/bags/${bagId}/issue`, reason), BagDetail)
    await isSilent(hospital)
    const reject = { reason: 'wrong_patient' }
    await done(hospital.lab2.post(`${ofP1}/samples/${first}/rejection`, reject), TransfusionRecord)
    await raises(hospital, bagId)
  })

  test('is told of where the sample it was crossmatched by is rejected, and not where another is', async ({
    door,
  }) => {
    const hospital = await aHospital(door, { abo: undefined, rhd: undefined, sampleUntil: undefined })
    await grouped(hospital)
    const [third, fourth] = [await aSample(hospital, noon), await aSample(hospital, noon - minute)]
    const { bagId } = await aBagInStock(hospital, 1, aPositive)
    await crossmatch(hospital, bagId, third, 'compatible')
    await done(hospital.lab.post(`/bags/${bagId}/issue`, { patient: 'P1' }), BagDetail)
    const reject = (sample: string) =>
      done(
        hospital.lab2.post(`${ofP1}/samples/${sample}/rejection`, { reason: 'mislabelled' }),
        TransfusionRecord,
      )
    await reject(fourth)
    await isSilent(hospital)
    await reject(third)
    await raises(hospital, bagId)
  })
})

describe('what was known when it was handed out', () => {
  test('is not told again: an antibody over broken glass, until there is another', async ({ door }) => {
    const hospital = await aHospital(door)
    await antibody(hospital, 'K')
    const { label, open, bagId } = await aBagInFridge(door, hospital, aPositive)
    const { takeOutId } = await open()
    const broken = { ...label, breakGlass: 'bleeding, and nobody answers' }
    const answer = await hospital.nurse.post(`/take-outs/${takeOutId}/scans`, broken)
    expect(await answer.json()).toMatchObject({ answer: 'GO' })
    await isSilent(hospital)
    await antibody(hospital, 'K')
    await isSilent(hospital)
    await antibody(hospital, 'E')
    await raises(hospital, bagId)
  })

  test('is not told again: an antigen in an emergency, nor that nobody looked for others', async ({
    door,
  }) => {
    const hospital = await aHospital(door, { abo: 'O', rhd: 'positive', sampleUntil: undefined })
    const { bagId } = await aBagInStock(hospital, 1)
    await antibody(hospital, 'K')
    await type(hospital, bagId, 'K', true)
    const emergency = { patient: 'P1', emergency: true, reason: 'haemorrhage' }
    await done(hospital.lab.post(`/bags/${bagId}/issue`, emergency), BagDetail)
    await isSilent(hospital)
    await antibody(hospital, 'c')
    await isSilent(hospital)
    await crossmatch(hospital, bagId, await aSample(hospital, noon), 'incompatible')
    await raises(hospital, bagId)
  })

  test('is not told again: RhD-positive on the word of a physician, until there is anti-D', async ({
    door,
  }) => {
    const hospital = await aHospital(door, { abo: 'O', rhd: 'negative', sampleUntil: iso(noon + day) })
    const { bagId } = await aBagInStock(hospital, 1)
    const override = { patient: 'P1', override: 'Dr Wang', reason: 'none other' }
    await done(hospital.lab.post(`/bags/${bagId}/issue`, override), BagDetail)
    await group(hospital.lab, await aSample(hospital, noon), 'O', 'negative')
    await isSilent(hospital)
    await antibody(hospital, 'D')
    await raises(hospital, bagId)
  })
})

describe('a bag that is not out for the patient', () => {
  test('is no matter: back before it was found, or another facility’s of the same name', async ({ door }) => {
    const hospital = await aHospital(door)
    await door.ask(Facility, 'POST', '/facilities', {
      ...{ code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' },
    })
    const elsewhere = await aWorker(door, 'lab-h2', 'transfusion_lab', 'H2')
    const bagId = await issued(hospital)
    await elsewhere.put('/facilities/H2/patients/P1', { abo: 'B', rhd: 'positive' })
    await done(
      elsewhere.post('/facilities/H2/patients/P1/antibodies', { specificity: 'K' }),
      TransfusionRecord,
    )
    await isSilent(hospital)
    await step(hospital.lab, bagId, 'return', { reason: 'put off' })
    await antibody(hospital, 'K')
    await isSilent(hospital)
  })

  test('is told of to its own facility alone', async ({ door }) => {
    const hospital = await aHospital(door)
    await door.ask(Facility, 'POST', '/facilities', {
      ...{ code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' },
    })
    const elsewhere = await aWorker(door, 'lab-h2', 'transfusion_lab', 'H2')
    const bagId = await issued(hospital)
    await antibody(hospital, 'K')
    await raises(hospital, bagId)
    expect(await tasks({ ...hospital, lab: elsewhere })).toEqual([])
    expect((await done(elsewhere.get('/alarms'), Alarms)).alarms).toEqual([])
    // Who looks after devices knows of no bag.
    const engineer = await aWorker(door, 'engineer', 'engineer', 'H1')
    expect(await tasks({ ...hospital, lab: engineer })).toEqual([])
  })
})

describe('a bag that is being given', () => {
  const starts = async (hospital: Hospital, bagId: string, patient: string) => {
    const { now } = hospital.door.world.clock
    const start = { patient, occurredAt: iso(now), checkers: ['Ann', 'Bob'] }
    await step(hospital.nurse, bagId, 'start-transfusion', start)
    hospital.door.world.clock.now += minute
  }

  test('pages until all of it is given, and is a task for four weeks', async ({ door }) => {
    const hospital = await aHospital(door)
    const bagId = await issued(hospital)
    await starts(hospital, bagId, 'P1')
    await isSilent(hospital)
    await type(hospital, bagId, 'K', true)
    await antibody(hospital, 'K')
    await raises(hospital, bagId)
    const end = { patient: 'P1', occurredAt: iso(door.world.clock.now), checkers: ['Ann'] }
    await step(hospital.nurse, bagId, 'end-transfusion', end)
    await alarms(hospital)
    door.world.clock.now += 10 * minute
    expect(await alarms(hospital)).toMatchObject([{ endedAt: expect.any(String) }])
    const { tasks: all } = await done(hospital.lab.get('/tasks?kind=incompatible_out'), Tasks)
    expect(all).toMatchObject([{ bagId, en: expect.stringMatching(/^Transfused/) }])
    door.world.clock.now += 28 * day
    expect(await tasks(hospital)).toEqual([])
  })

  test('is told of by what harms once it was given, and pages nobody then', async ({ door }) => {
    const hospital = await aHospital(door)
    const bagId = await issued(hospital)
    const given = { patient: 'P1', startedAt: iso(door.world.clock.now), endedAt: iso(door.world.clock.now) }
    await step(hospital.nurse, bagId, 'transfuse', given)
    door.world.clock.now += day
    // A patient makes antibodies after a transfusion: what nobody looked for is not known to have harmed.
    await antibody(hospital, 'E')
    await isSilent(hospital)
    await type(hospital, bagId, 'E', true)
    expect(await tasks(hospital)).toEqual([[bagId, 'P1']])
    expect(await alarms(hospital)).toEqual([])
  })

  test('is told of for whom the bedside has named, where nobody had', async ({ door }) => {
    const hospital = await aHospital(door)
    const { bagId } = await aBagInStock(hospital, 1)
    const emergency = { emergency: true, reason: 'haemorrhage' }
    await done(hospital.lab.post(`/bags/${bagId}/issue`, emergency), BagDetail)
    const sample = await aSample(hospital, noon)
    await crossmatch(hospital, bagId, sample, 'incompatible')
    // What was on record of them long before nobody had asked.
    door.world.clock.now += 2 * hour
    await isSilent(hospital)
    await starts(hospital, bagId, 'P1')
    await raises(hospital, bagId)
  })
})
