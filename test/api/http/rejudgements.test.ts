import { describe, expect } from 'vitest'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { Ledgers } from '../../../schema/http/ledgers.ts'
import { Rejudged, Rejudgement, Rejudgements } from '../../../schema/http/rejudgements.ts'
import { aWorker, done, refusal, signedIn, type Worker } from '../../support/hospital.ts'
import { inForceFrom, red } from '../../support/rejudging.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute

/** Somebody at the centre, for all facilities. */
async function anExpert(door: Door, name: string): Promise<Pick<Worker, 'get' | 'post'>> {
  const key = await signedIn(door, name, 'centre', null)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return {
    get: async (path) => door.raw(path, { headers }),
    post: async (path, body = {}) => door.raw(path, { method: 'POST', headers, body: JSON.stringify(body) }),
  }
}

/** A bag at each of two hospitals, in one fridge that was too warm while the policy said it was not. */
async function twoBags(door: Door) {
  const { world } = door
  world.clock.now = noon - hour
  await inForceFrom(world, { high: 1_000 }, noon - minute)
  await inForceFrom(world, {}, noon + hour)
  await door.ask(Facility, 'POST', '/facilities', {
    ...{ code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' },
  })
  await aDevice(world, 'f1', { high: 1_000 }, noon - hour)
  const bagIds: string[] = []
  for (const [facility, number] of [
    ['H1', 1],
    ['H2', 2],
  ] as const) {
    const { bagId } = await door.ask(BagDetail, 'POST', '/bags', {
      ...{ din: `=A99992600000${number}00`, productCode: 'E0336V00', component: 'red_cells' },
      ...{ expiresAt: iso(noon + 30 * 24 * hour), facility },
    })
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `t${number}`, from: iso(noon - hour) })
    bagIds.push(bagId)
  }
  world.clock.now = noon + 2 * hour
  const readings = Array.from({ length: 19 }, (_, step) =>
    aReading(noon - hour + step * 10 * minute, step === 9 ? 8 : 4),
  )
  const parts = { device: 'f1', receivedAt: world.clock.now }
  await world.ingest.accept([
    aMessage({
      ...parts,
      channel: 'bags',
      seq: 0,
      body: [{ at: noon - hour, added: ['t1', 't2'], removed: [] }],
    }),
    aMessage({ ...parts, seq: 1, body: readings }),
  ])
  while ((await judgeDue(world.deps)).judged > 0);
  return bagIds as [string, string]
}

const approve = { decision: 'approve', comment: 'compared with the edition' }
const asked = {
  ...{ ...red, version: 3, from: iso(noon - minute), to: iso(noon + hour) },
  reason: 'the limit was typed wrong',
}

describe('a re-judgement', () => {
  test('is proposed by one, approved by two others, and told beside the ledgers of who may read them', async ({
    door,
  }) => {
    const [one, two] = await twoBags(door)
    const [ann, ben, eva] = [
      await anExpert(door, 'ann'),
      await anExpert(door, 'ben'),
      await anExpert(door, 'eva'),
    ]
    const proposed = await done(ann.post('/policies/rejudgements', asked), Rejudgement)
    const none = { OK: 0, UNVERIFIED: 0, HOLD: 0, BREACHED: 0 }
    expect(proposed).toEqual({
      id: proposed.id,
      state: 'pending',
      policy: { ...red, version: 3 },
      ...{ from: asked.from, to: asked.to, reason: asked.reason },
      by: expect.any(String),
      at: iso(noon + 2 * hour),
      opinions: [],
      verdicts: none,
      remaining: 0,
    })
    const opinions = `/policies/rejudgements/${proposed.id}/opinions`
    expect(await refusal(ann.post(opinions, approve))).toMatchObject({ status: 403, code: 'second_person' })
    await done(ben.post(opinions, approve), Rejudgement)
    expect(await done(eva.post(opinions, approve), Rejudgement)).toMatchObject({
      ...{ state: 'approved', verdicts: none, remaining: 2 },
    })
    expect(await refusal(eva.post(opinions, approve))).toMatchObject({ status: 409 })
    while ((await judgeDue(door.world.deps)).judged > 0);

    const lab = await aWorker(door, 'lab', 'transfusion_lab', 'H1')
    const listed = async (worker: Pick<Worker, 'get'>) =>
      (await done(worker.get('/policies/rejudgements'), Rejudgements)).rejudgements
    expect(await listed(ann)).toMatchObject([{ verdicts: { ...none, BREACHED: 2 }, remaining: 0 }])
    expect(await listed(lab)).toMatchObject([{ verdicts: { ...none, BREACHED: 1 }, remaining: 0 }])
    const results = `/policies/rejudgements/${proposed.id}/results`
    const bags = async (worker: Pick<Worker, 'get'>, query = '') =>
      (await done(worker.get(results + query), Rejudged)).bags.map(({ bagId }) => bagId)
    const [first, last] = [one, two].sort() as [string, string]
    expect(await bags(ann)).toEqual([first, last])
    expect(await bags(ann, `?after=${first}&verdict=BREACHED`)).toEqual([last])
    expect(await bags(ann, '?verdict=OK')).toEqual([])
    expect(await bags(lab)).toEqual([one])
    expect(await refusal(lab.get(`/bags/${two}/ledger`))).toMatchObject({ status: 404 })

    const { ledgers, rejudged } = await done(lab.get(`/bags/${one}/ledger`), Ledgers)
    expect(ledgers.map(({ verdict }) => verdict)).not.toContain('BREACHED')
    expect(rejudged).toMatchObject([
      {
        ...{ rejudgement: proposed.id, policy: { ...red, version: 3 }, revision: 1, verdict: 'BREACHED' },
        policies: { storage: [1, 3] },
        ledger: { revision: ledgers[0]?.revision, verdict: ledgers[0]?.verdict },
      },
    ])
    expect(rejudged[0]?.entries).toContainEqual(
      expect.objectContaining({ kind: 'high', from: iso(noon + 30 * minute), reason: 'outside_limits' }),
    )
    const { holds } = await done(lab.get(`/bags/${one}`), BagDetail)
    expect(holds).toMatchObject([{ kind: 'breach' }])
    expect(holds[0]?.reason).toContain(`re-judgement ${proposed.id} (by the policy CN/red_cells/storage/v3)`)
    const lift = { reason: 'seen by the physician on duty' }
    await done(lab.post(`/bags/${one}/holds/${holds[0]?.holdId}/lift`, lift), BagDetail)
    while ((await judgeDue(door.world.deps)).judged > 0);
    expect((await done(lab.get(`/bags/${one}`), BagDetail)).holds).toEqual([])
  })

  test('is of what is over, by a version that stands, and asked for by a person for all facilities', async ({
    door,
  }) => {
    const ann = await anExpert(door, 'ann')
    const path = '/policies/rejudgements'
    const one = { ...asked, version: 1, from: iso(noon - hour), to: iso(noon) }
    for (const [changes, status] of [
      [{ to: iso(noon + minute) }, 400],
      [{ from: iso(noon) }, 400],
      [{ version: 2 }, 404],
      [{ version: 0 }, 400],
    ] as const)
      expect(await refusal(ann.post(path, { ...one, ...changes }))).toMatchObject({ status })
    expect(await door.refused('POST', path, one)).toMatchObject({ status: 403, code: 'person_required' })
    const lab = await aWorker(door, 'lab', 'transfusion_lab', 'H1')
    expect(await refusal(lab.post(path, one))).toMatchObject({ status: 403, code: 'forbidden' })
    expect(await refusal(ann.post(`${path}/1/opinions`, approve))).toMatchObject({ status: 404 })
    expect(await refusal(ann.get(`${path}/1/results`))).toMatchObject({ status: 404 })
  })
})
