import { describe, expect } from 'vitest'
import { everywhere } from '../../../api/domain/rights.ts'
import { scanFacts } from '../../../api/stores/scans.ts'
import { readUnit } from '../../../api/usecases/read-unit.ts'
import { scanBag } from '../../../api/usecases/scan-bag.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import { aBagInFridge, aCity, aPatient, type City, done, refusal, step } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { adminKey, type Door, iso, test } from '../http/door.ts'

const day = 86_400_000
const ofP1 = '/facilities/H1/patients/P1'
const until = iso(noon + day)

/** A bag P1 may have, and a scan of it whose facts are read already. */
async function aScanUnderWay(door: Door) {
  const city = await aCity(door)
  await aPatient(city, 'P1', { abo: 'A', rhd: 'positive', sampleUntil: until })
  const { bagId, label, open } = await aBagInFridge(door, city)
  const { takeOutId } = await open()
  const { database } = door.world.deps
  const { now } = door.world.clock
  const unit = await readUnit(database.db, label, now)
  const { scheme, identifier, product } = unit
  const facts = await scanFacts(database, { takeOutId, label: { scheme, identifier, ...product }, now })
  const ctx = { ...door.world.ctx, grants: everywhere }
  const scan = () =>
    scanBag(ctx, { takeOutId, ...label, override: null, glassBroken: null }, { now, unit, facts })
  return { city, bagId, scan }
}

const aSample = async ({ nurse }: City, collectedAt = noon) => {
  const input = { label: `tube-${collectedAt}`, collectedAt: iso(collectedAt), collector: 'Ann' }
  const { samples } = await done(nurse.post(`${ofP1}/samples`, input), TransfusionRecord)
  return samples.at(-1)?.sampleId as string
}

describe('a bag is issued on what stands when it is issued, not when it was scanned', () => {
  test('and goes where nothing has changed', async ({ door }) => {
    const { scan } = await aScanUnderWay(door)
    expect(await scan()).toMatchObject({ answer: 'GO' })
  })

  const meanwhile: Record<string, [(city: City, bagId: string) => Promise<unknown>, string]> = {
    'an antibody': [
      ({ lab }) => done(lab.post(`${ofP1}/antibodies`, { specificity: 'K' }), TransfusionRecord),
      'antigen_unknown',
    ],
    'anti-D in a word': [
      ({ lab }) => lab.put(ofP1, { abo: 'A', rhd: 'positive', antiD: true, sampleUntil: until }),
      'wrong_group',
    ],
    'another group in a word': [
      ({ lab }) => lab.put(ofP1, { abo: 'B', rhd: 'positive', sampleUntil: until }),
      'wrong_group',
    ],
    'what they need': [
      ({ lab }) =>
        done(lab.post(`${ofP1}/requirements`, { requirement: 'irradiated', reason: 'x' }), TransfusionRecord),
      'requirement_unmet',
    ],
    'a sample that shows another group': [
      async (city) => {
        const sample = await aSample(city)
        const group = { abo: 'B', rhd: 'positive', method: 'gel' }
        await done(city.lab.post(`${ofP1}/samples/${sample}/groupings`, group), TransfusionRecord)
      },
      'group_discrepancy',
    ],
    'a crossmatch that is incompatible': [
      async (city, bagId) => {
        const sample = await aSample(city)
        const about = { patient: 'P1', sample, method: 'serological', result: 'incompatible' }
        expect((await city.lab.post(`/bags/${bagId}/crossmatches`, about)).status).toBe(201)
      },
      'crossmatch_incompatible',
    ],
  }
  for (const [what, [write, finding]] of Object.entries(meanwhile))
    test(`${what} comes between: nothing is issued`, async ({ door }) => {
      const { city, bagId, scan } = await aScanUnderWay(door)
      await write(city, bagId)
      const { answer, findings } = await scan()
      expect(answer).not.toBe('GO')
      expect(findings).toContain(finding)
      expect((await done(city.lab.get(`/bags/${bagId}`), BagDetail)).state).toBe('available')
    })

  test('what is found of another bag of the donation comes between, too', async ({ door }) => {
    const { city, bagId, scan } = await aScanUnderWay(door)
    const { pool } = door.world.deps.database
    const before = await pool.query('select revision from bag where id = $1', [bagId])
    const sibling = await pool.query(
      `select s.id from bag s join bag b using (scheme, identifier) where b.id = $1 and s.id <> $1`,
      [bagId],
    )
    const traits = [{ trait: 'K', present: true }]
    await door.raw(`/bags/${sibling.rows[0].id}/traits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ traits }),
    })
    const after = await pool.query('select revision from bag where id = $1', [bagId])
    expect(after.rows[0].revision).toBe(before.rows[0].revision + 1)
    expect(await scan()).toMatchObject({ answer: 'GO' })
    expect((await done(city.lab.get(`/bags/${bagId}`), BagDetail)).state).toBe('issued')
  })
})

describe('a bag that is known to harm a patient', () => {
  test('is not kept for them, and another is', async ({ door }) => {
    const city = await aCity(door)
    await aPatient(city, 'P1', { abo: 'A', rhd: 'positive', sampleUntil: until })
    const { bagId } = await aBagInFridge(door, city)
    await done(city.lab.post(`${ofP1}/antibodies`, { specificity: 'K' }), TransfusionRecord)
    const reserve = () => city.lab.post(`/bags/${bagId}/reserve`, { patient: 'P1', until })
    // Nobody has typed it yet: that is asked when it is handed out.
    await done(reserve(), BagDetail)
    await step(city.lab, bagId, 'unreserve', { reason: 'typed' })
    await city.lab.post(`/bags/${bagId}/traits`, { traits: [{ trait: 'K', present: true }] })
    expect(await refusal(reserve())).toMatchObject({
      code: 'incompatible',
      detail: expect.stringContaining('antigen_positive'),
    })
    await aPatient(city, 'P2', { abo: 'A', rhd: 'positive', sampleUntil: until })
    await done(city.lab.post(`/bags/${bagId}/reserve`, { patient: 'P2', until }), BagDetail)
  })

  test('by its crossmatch is not kept for them either', async ({ door }) => {
    const city = await aCity(door)
    await aPatient(city, 'P1', { abo: 'A', rhd: 'positive' })
    const { bagId } = await aBagInFridge(door, city)
    await aPatient(city, 'P1', { abo: 'A', rhd: 'positive', sampleUntil: undefined })
    const sample = await aSample(city)
    const about = { patient: 'P1', sample, method: 'serological', result: 'incompatible' }
    expect((await city.lab.post(`/bags/${bagId}/crossmatches`, about)).status).toBe(201)
    expect(await refusal(city.lab.post(`/bags/${bagId}/reserve`, { patient: 'P1', until }))).toMatchObject({
      code: 'incompatible',
      detail: expect.stringContaining('crossmatch_incompatible'),
    })
  })
})
