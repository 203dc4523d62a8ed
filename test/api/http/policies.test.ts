import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { decideOnProposal, type Opinion, stateOfProposal } from '../../../api/domain/policy.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import { policyVersions } from '../../../api/stores/policies.ts'
import { Policies, PolicyProposal, PolicyProposals } from '../../../schema/http/policies.ts'
import { components, jurisdictions, phases } from '../../../schema/vocabulary.ts'
import { done, refusal, signedIn, type Worker } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const day = 86_400_000

const proposed = {
  jurisdiction: 'CN',
  component: 'red_cells',
  phase: 'storage',
  effectiveFrom: iso(noon + day),
  low: 1,
  high: 5.5,
  maxSilenceSeconds: 600,
  longestSeconds: null,
  occasions: null,
  gapGraceSeconds: 7_200,
  allowances: [{ low: -1.25, high: 10, longestSeconds: 18_000, occasions: 1 }],
  alarm: { loadSeconds: 0, airLow: 1.5, airHigh: 8, airSeconds: 600, airActionSeconds: 1_800 },
  returns: 'timed',
  source: 'a new edition',
  uncertain: ['high'],
} as const
const input = { ...proposed, reason: 'the new edition is out' }

/** Somebody at the centre, for all facilities. */
async function anExpert(door: Door, name: string): Promise<Worker> {
  const key = await signedIn(door, name, 'centre', null)
  const ask = (method: string) => (path: string, body?: unknown) =>
    door.raw(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { get: ask('GET'), put: ask('PUT'), post: (path, body = {}) => ask('POST')(path, body) }
}

async function experts(door: Door): Promise<[Worker, Worker, Worker]> {
  return [await anExpert(door, 'ann'), await anExpert(door, 'ben'), await anExpert(door, 'eva')]
}

const approve = { decision: 'approve', comment: 'read and compared' }

describe('the policies', () => {
  test('the service comes with say of every component in every phase how it is kept, and who says so', async ({
    door,
  }) => {
    const { policies } = await door.ask(Policies, 'GET', '/policies')
    const named = policies.map(
      ({ jurisdiction, component, phase }) => `${jurisdiction}/${component}/${phase}`,
    )
    const all = jurisdictions.flatMap((jurisdiction) =>
      components.flatMap((component) => phases.map((phase) => `${jurisdiction}/${component}/${phase}`)),
    )
    expect(named.sort()).toEqual(all.sort())
    const found = (jurisdiction: string, component: string, phase: string) =>
      policies.find(
        (one) => one.jurisdiction === jurisdiction && one.component === component && one.phase === phase,
      )
    expect(found('CN', 'red_cells', 'storage')).toEqual({
      jurisdiction: 'CN',
      component: 'red_cells',
      phase: 'storage',
      version: 1,
      effectiveFrom: '1970-01-01T00:00:00.000Z',
      low: 2,
      high: 6,
      maxSilenceSeconds: 900,
      longestSeconds: null,
      occasions: null,
      gapGraceSeconds: 86_400,
      allowances: [],
      alarm: { loadSeconds: 0, airLow: 2, airHigh: 8, airSeconds: 600, airActionSeconds: 1_800 },
      returns: 'none',
      source: 'WS 399-2012, WS 399-2023',
      uncertain: ['maxSilenceMs', 'gapGraceMs'],
      proposal: null,
    })
    expect(found('US', 'red_cells', 'storage')).toMatchObject({
      low: 1,
      high: 6,
      returns: 'temperature_proven',
    })
    expect(found('UK', 'red_cells', 'storage')).toMatchObject({
      allowances: [{ low: 1, high: 10, longestSeconds: 18_000, occasions: 1 }],
    })
    expect(found('CN', 'whole_blood', 'transport')).toMatchObject({ low: 2, high: 10 })
    expect(found('EU', 'platelets', 'storage')).toMatchObject({ low: 20, high: 24 })
    expect(found('CN', 'plasma', 'transport')).toMatchObject({ high: -18 })
    for (const { source, uncertain } of policies) {
      expect(source).not.toBe('')
      expect(uncertain).toContain('maxSilenceMs')
    }
  })

  test('change when two have approved what a third proposed, from then on, and what was stays', async ({
    door,
  }) => {
    const [ann, ben, eva] = await experts(door)
    const proposal = await done(ann.post('/policies/proposals', input), PolicyProposal)
    expect(proposal).toEqual({
      id: proposal.id,
      state: 'pending',
      policy: proposed,
      reason: input.reason,
      by: expect.any(String),
      at: iso(noon),
      opinions: [],
    })
    const path = `/policies/proposals/${proposal.id}/opinions`
    expect(await refusal(ann.post(path, approve))).toMatchObject({ status: 403, code: 'second_person' })
    expect(await done(ben.post(path, approve), PolicyProposal)).toMatchObject({ state: 'pending' })
    expect(await refusal(ben.post(path, approve))).toMatchObject({ status: 403, code: 'second_person' })
    const { db } = door.world.deps.database
    expect(await policyVersions(db, 'CN', 'red_cells', 'storage')).toHaveLength(1)

    expect(await done(eva.post(path, approve), PolicyProposal)).toMatchObject({ state: 'approved' })
    expect(await refusal(eva.post(path, approve))).toMatchObject({ status: 409, code: 'conflict' })
    expect(await policyVersions(db, 'CN', 'red_cells', 'storage')).toMatchObject([
      { version: 1, from: 0, low: 200, high: 600 },
      { version: 2, from: noon + day, low: 100, high: 550, proposalId: proposal.id },
    ])
    const { policies } = await done(ann.get('/policies'), Policies)
    expect(policies).toContainEqual({ ...proposed, version: 2, proposal: proposal.id })
    const { rows } = await door.world.deps.database.pool.query(
      `select action from audit_entry where subject_kind like 'policy%' and action <> 'policy.seeded' order by id`,
    )
    expect(rows.map(({ action }) => action)).toEqual([
      'policy.proposed',
      'policy.approved',
      'policy.approved',
      'policy.in_force',
    ])
  })

  test('are not changed by what one rejects, by what was to be in force before it was approved, or by a key', async ({
    door,
  }) => {
    const [ann, ben, eva] = await experts(door)
    const rejected = await done(ann.post('/policies/proposals', input), PolicyProposal)
    const late = await done(ann.post('/policies/proposals', input), PolicyProposal)
    const opinions = (id: number) => `/policies/proposals/${id}/opinions`
    await done(ben.post(opinions(rejected.id), approve), PolicyProposal)
    const no = { decision: 'reject', comment: 'the source says otherwise' }
    expect(await done(eva.post(opinions(rejected.id), no), PolicyProposal)).toMatchObject({
      state: 'rejected',
    })
    await done(ben.post(opinions(late.id), approve), PolicyProposal)
    door.world.clock.now = noon + day + 1
    expect(await refusal(eva.post(opinions(late.id), approve))).toMatchObject({
      status: 409,
      detail: expect.stringContaining('propose it anew'),
    })
    expect(await refusal(ann.post('/policies/proposals', input))).toMatchObject({
      status: 400,
      detail: expect.stringContaining('effectiveFrom'),
    })
    expect(await door.refused('POST', '/policies/proposals', input)).toMatchObject({
      code: 'person_required',
    })
    expect(await door.refused('POST', opinions(999), approve)).toMatchObject({ code: 'person_required' })
    expect(await refusal(ben.post(opinions(999), approve))).toMatchObject({ status: 404 })
    const { proposals } = await done(ann.get('/policies/proposals'), PolicyProposals)
    expect(proposals.map(({ id, state }) => [id, state])).toEqual([
      [late.id, 'pending'],
      [rejected.id, 'rejected'],
    ])
    expect((await done(ann.get('/policies'), Policies)).policies).toHaveLength(108)
  })

  test('that make no sense are not even proposed', async ({ door }) => {
    const [ann] = await experts(door)
    const later = { ...input, effectiveFrom: iso(noon + 2 * day) }
    const senseless = [
      { ...later, low: 6, high: 6 },
      { ...later, allowances: [{ ...proposed.allowances[0], high: 5 }] },
      { ...later, alarm: { ...proposed.alarm, airLow: 8 } },
      { ...later, alarm: { ...proposed.alarm, airActionSeconds: 599 } },
      { ...later, low: 1.001 },
      { ...later, component: 'milk' },
      { ...later, maxSilenceSeconds: 0 },
      { ...later, approvedBy: 'me' },
    ]
    for (const body of senseless)
      expect(await refusal(ann.post('/policies/proposals', body)), JSON.stringify(body)).toMatchObject({
        status: 400,
      })
  })
})

test('whatever is said of a proposal in whatever order, two others make it and one ends it', () => {
  const people = ['ann', 'ben', 'eva', 'kim'] as const
  const said = fc.record({ by: fc.constantFrom(...people), decision: fc.constantFrom('approve', 'reject') })
  fc.assert(
    fc.property(fc.array(said, { maxLength: 8 }), (all) => {
      const opinions: Opinion[] = []
      for (const opinion of all as Opinion[]) {
        const before = stateOfProposal(opinions)
        try {
          const state = decideOnProposal({ by: 'ann', effectiveFrom: 10, opinions }, opinion, 10)
          expect(before).toBe('pending')
          opinions.push(opinion)
          expect(stateOfProposal(opinions)).toBe(state)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
        }
      }
      const approved = opinions.filter(({ decision }) => decision === 'approve').map(({ by }) => by)
      expect(approved).not.toContain('ann')
      expect(new Set(approved).size).toBe(approved.length)
      expect(stateOfProposal(opinions) === 'approved').toBe(
        approved.length === 2 && opinions.every(({ decision }) => decision === 'approve'),
      )
    }),
  )
})
