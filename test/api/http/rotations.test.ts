import { afterAll, describe, expect, onTestFinished } from 'vitest'
import type { z } from 'zod'
import { startProposingRotations } from '../../../api/jobs/propose-rotations.ts'
import { openPlanner } from '../../../api/planner.ts'
import { dueDay, proposeDailyRotation } from '../../../api/usecases/propose-rotation.ts'
import { nextRefill } from '../../../api/usecases/read-rotation-problem.ts'
import { RotationProposals } from '../../../schema/http/rotations.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { StockLevels, Transfer, Transfers } from '../../../schema/http/transfers.ts'
import { done, refusal, step, type Worker } from '../../support/hospital.ts'
import { aTransferCity, type Cells } from '../../support/transfer-city.ts'
import { noon, silent } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const hour = 3_600_000
const day = 24 * hour

const planner = openPlanner()
afterAll(() => planner.close())

const propose = ({ world }: Door) => proposeDailyRotation({ ...world.deps, rotate: planner.rotate })

const proposals = async (worker: Worker, query = '') =>
  (await done(worker.get(`/rotation-proposals${query}`), RotationProposals)).proposals

type Proposal = z.infer<typeof RotationProposals>['proposals'][number]
const movesOf = (proposal: Proposal | undefined) =>
  proposal?.journeys.flatMap(({ from, to, moves }) => moves.map((move) => ({ ...move, from, to }))) ?? []

/** H1 uses two bags of O RhD-positive a day, H2 none of those it has; both have been here for long. */
async function aCityThatWastes(door: Door) {
  const city = await aTransferCity(door)
  const { pool } = door.world.deps.database
  const ended = async (facility: string, verb: 'issue' | 'discard', daysAgo: readonly number[]) => {
    const state = verb === 'issue' ? 'issued' : 'discarded'
    await pool.query(
      `with made as (
         insert into bag (id, scheme, identifier, product_code, collection_type, division, component, expires_at,
           registered_at, origin_id, holder_id, state, version, abo, rhd, amount, uom)
         select gen_random_uuid(), 'ISBT128', 'A999925' || lpad((f.id * 1000 + n)::text, 6, '0'), 'E0336', 'V', '00',
           'red_cells', $1::bigint, 1, f.id, f.id, $2::text, 1, 'O', 'positive', 2, 'U'
         from facility f, unnest($3::integer[]) with ordinality as told (days, n) where f.code = $4
         returning id, right(identifier, 3)::integer as n)
       insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
       select id, 1, $5, 'available', $2::text, $6::bigint - ($3::integer[])[n] * 86400000::bigint, '{}', '{}' from made`,
      [noon + day, state, daysAgo, facility, verb, noon],
    )
  }
  for (const facility of ['H2', 'H3']) await ended(facility, 'discard', [30])
  await ended(
    'H1',
    'issue',
    Array.from({ length: 57 }, (_, index) => (index === 0 ? 29 : (index % 27) + 1)),
  )
  const near = (some: Cells = {}) => city.aBag({ days: 5, ...some })
  return { ...city, near }
}

describe('the daily rotation', () => {
  test('sends what would expire to where it is used, with what it saves and risks, in words', async ({
    door,
  }) => {
    const city = await aCityThatWastes(door)
    const bags = [await city.near(), await city.near(), await city.near(), await city.near()]
    const late = await city.near({ days: 20 })
    const held = await city.near()
    await done(city.lab2.post(`/bags/${held}/holds`, { kind: 'visual', reason: 'clots' }), {
      parse: (x) => x,
    })
    const unknown = await city.near({ facility: 'H4' })
    expect(await propose(door)).toBeGreaterThanOrEqual(2)
    const [proposal] = await proposals(city.centre)
    expect(proposal).toMatchObject({
      ...{ day: '2020-05-06', at: iso(noon), policies: { rotation: 1, transfer: 1 } },
      journeys: [{ from: 'H2', to: 'H1', boxes: 1 }],
    })
    const { score } = proposal as Proposal
    expect(score?.expire).toBeLessThan(score?.expireIfNothing ?? 0)
    expect(score?.net).toBeGreaterThan(0)
    const moves = movesOf(proposal)
    for (const move of moves) {
      expect(bags).toContain(move.bagId)
      expect(move).toMatchObject({ amount: 2, uom: 'U', usedHere: 0, isStillFree: true })
      expect(move.usedThere).toBeGreaterThanOrEqual(0.85)
      expect(move.saved).toBeGreaterThan(move.risk.expires + move.risk.lost)
      expect(move.reasons).toContainEqual({
        reason: 'seldom_used_here',
        zh: '该机构在其有效期内很少使用',
        en: 'it is seldom used here in its time',
      })
    }
    for (const other of [late, held, unknown]) expect(moves.map(({ bagId }) => bagId)).not.toContain(other)
    // It moves nothing; and of a bag that is gone since it says so.
    const [first] = moves
    await done(city.lab2.post(`/bags/${first?.bagId}/distribute`, { to: 'H3' }), { parse: (x) => x })
    const again = movesOf((await proposals(city.centre))[0])
    expect(again.filter(({ isStillFree }) => !isStillFree).map(({ bagId }) => bagId)).toEqual([first?.bagId])
  })

  test('leaves a donor its minimum, and whoever is not known to use any is neither end of it', async ({
    door,
  }) => {
    const city = await aCityThatWastes(door)
    const { pool } = door.world.deps.database
    for (let index = 0; index < 4; index++) await city.near()
    const levels = [
      { component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U', target: 8, minimum: 6, critical: 2 },
    ]
    await done(city.lab2.put('/facilities/H2/stock-levels', { levels }), StockLevels)
    await propose(door)
    expect(movesOf((await proposals(city.centre))[0]).length).toBeLessThanOrEqual(1)
    // Where nothing came or went four weeks ago nobody knows what is used.
    door.world.clock.now = noon + day
    const since = noon - 20 * day
    await pool.query('alter table bag_event disable trigger append_only')
    await pool.query(`update bag_event set at = $1 where at < $1`, [since])
    await pool.query('alter table bag_event enable trigger append_only')
    await propose(door)
    expect((await proposals(city.centre))[0]).toMatchObject({ day: '2020-05-07', journeys: [] })
    expect(await proposals(city.centre, '?limit=9')).toHaveLength(2)
  })

  test('is told in full to the centre, and to hospitals as far as it is about theirs', async ({ door }) => {
    const city = await aCityThatWastes(door)
    for (let index = 0; index < 4; index++) await city.near()
    await propose(door)
    for (const worker of [city.lab, city.lab2]) {
      const [proposal] = await proposals(worker)
      expect(proposal).toMatchObject({ score: null, journeys: [{ from: 'H2', to: 'H1' }] })
    }
    expect(await proposals(city.lab3)).toEqual([])
    expect(await refusal(city.nurse.get('/rotation-proposals'))).toMatchObject({ status: 403 })
    const { rows } = await door.world.deps.database.pool.query(
      `select (select array_agg(code order by code) from facility where id = any(facility_ids)) as told
       from news where kind = 'rotation.proposed'`,
    )
    expect(rows).toEqual([{ told: ['C1', 'H1', 'H2'] }])
  })

  test('becomes a transfer where the centre accepts a journey of it: all its bags, or none', async ({
    door,
  }) => {
    const city = await aCityThatWastes(door)
    for (let index = 0; index < 4; index++) await city.near()
    await propose(door)
    const [proposal] = (await proposals(city.centre)) as [Proposal]
    const path = `/rotation-proposals/${proposal.proposalId}/accept`
    for (const worker of [city.lab, city.lab2])
      expect(await refusal(worker.post(path, {}))).toMatchObject({ status: 403, code: 'forbidden' })
    const unknown = { journeys: [{ from: 'H2', to: 'H3' }] }
    expect(await refusal(city.centre.post(path, unknown))).toMatchObject({ status: 400 })
    const nobodys = '/rotation-proposals/00000000-0000-7000-8000-000000000000/accept'
    expect(await refusal(city.centre.post(nobodys, {}))).toMatchObject({ status: 404 })

    const journeys = [{ from: 'H2', to: 'H1' }]
    const { transfers } = await done(city.centre.post(path, { journeys, comment: 'by van' }), Transfers)
    const moved = movesOf(proposal).map(({ bagId }) => bagId)
    expect(transfers).toMatchObject([
      {
        ...{ plan: null, rotation: proposal.proposalId, from: 'H2', to: 'H1', state: 'accepted' },
        ...{ needsApproval: false, comment: 'by van', until: iso(noon + 2 * hour) },
      },
    ])
    const [transfer] = transfers
    expect(transfer?.bags.map(({ bagId }) => bagId).sort()).toEqual([...moved].sort())
    for (const bag of transfer?.bags ?? [])
      expect(bag).toMatchObject({ request: null, line: null, state: 'promised', unfit: null })
    expect(movesOf((await proposals(city.centre))[0]).every(({ isStillFree }) => !isStillFree)).toBe(true)
    expect(await refusal(city.centre.post(path, {}))).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('it is reserved'),
    })

    // It is on the worklist where it comes from, travels as any other, and what spoils on its way is nobody's shortage.
    const { tasks } = await done(city.lab2.get('/tasks?kind=transfer_to_send'), Tasks)
    expect(tasks).toMatchObject([{ facility: 'H2', transfer: transfer?.transferId }])
    for (const [worker, verb, body] of [
      [city.lab2, 'distribute', { to: 'H1' }],
      [city.courier2, 'depart', {}],
    ] as const)
      await step(worker, moved[0] as string, verb, body)
    await done(city.lab2.post(`/bags/${moved[0]}/holds`, { kind: 'visual', reason: 'clots' }), {
      parse: (x) => x,
    })
    expect((await done(city.lab.get('/tasks?kind=transfer_broken'), Tasks)).tasks).toEqual([])
    const cancelled = await done(
      city.centre.post(`/transfers/${transfer?.transferId}/cancel`, { reason: 'no van' }),
      Transfer,
    )
    expect(cancelled.bags.filter(({ state }) => state === 'cancelled')).toHaveLength(moved.length - 1)
  })

  test('is not accepted where a bag or what its site keeps has changed, nor a day later', async ({
    door,
  }) => {
    const city = await aCityThatWastes(door)
    for (let index = 0; index < 4; index++) await city.near()
    await propose(door)
    const [proposal] = (await proposals(city.centre)) as [Proposal]
    const accept = () => refusal(city.centre.post(`/rotation-proposals/${proposal.proposalId}/accept`, {}))
    const red = { component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U' }
    const keep = (minimum: number) => {
      const levels = [{ ...red, target: 8, minimum, critical: 0 }]
      return done(city.lab2.put('/facilities/H2/stock-levels', { levels }), StockLevels)
    }
    await keep(8)
    expect(await accept()).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('H2 keeps red_cells'),
    })
    await keep(0)
    const bagId = movesOf(proposal)[0]?.bagId
    await done(city.lab2.post(`/bags/${bagId}/holds`, { kind: 'visual', reason: 'clots' }), {
      parse: (x) => x,
    })
    expect(await accept()).toMatchObject({ code: 'conflict', detail: expect.stringContaining(`${bagId}`) })
    const { rows } = await door.world.deps.database.pool.query('select from transfer')
    expect(rows).toHaveLength(0)
    door.world.clock.now = noon + day
    expect(await accept()).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('2020-05-06 is over'),
    })
  })

  test('is one a day, however many reckon it, from six o’clock on the wall of the centre', async ({
    door,
  }) => {
    const city = await aCityThatWastes(door)
    for (let index = 0; index < 4; index++) await city.near()
    // 05:59:59 in Shanghai.
    door.world.clock.now = Date.parse('2020-05-06T21:59:59Z')
    expect(await propose(door)).toBeNull()
    door.world.clock.now += 1_000
    const found = await Promise.all([propose(door), propose(door)])
    expect(found.filter((bags) => bags !== null)).toHaveLength(1)
    expect(await propose(door)).toBeNull()
    expect((await proposals(city.centre, '?limit=9')).map((one) => one.day)).toEqual(['2020-05-07'])
  })

  test('is made by itself, and by nobody where there is no centre', async ({ door }) => {
    expect(await propose(door)).toBeNull()
    const city = await aCityThatWastes(door)
    for (let index = 0; index < 4; index++) await city.near()
    let hear: (fields: object) => void = () => {}
    const made = new Promise<object>((resolve) => {
      hear = resolve
    })
    const log = { ...silent, info: hear }
    const stop = startProposingRotations({ ...door.world.deps, log, tell() {} }, { everyMs: 5 })
    onTestFinished(stop)
    expect(await made).toMatchObject({ bags: expect.any(Number) })
    expect(await proposals(city.centre)).toHaveLength(1)
  })
})

test('a day is due from its hour, and blood is brought at the next of the hours it is brought at', () => {
  const at = (text: string) => Date.parse(text)
  expect(dueDay(at('2026-03-01T21:59:59Z'), 'Asia/Shanghai')).toBeNull()
  expect(dueDay(at('2026-03-01T22:00:00Z'), 'Asia/Shanghai')).toBe('2026-03-02')
  expect(iso(nextRefill(at('2026-03-01T22:00:00Z'), 'Asia/Shanghai'))).toBe('2026-03-02T02:00:00.000Z')
  expect(iso(nextRefill(at('2026-03-02T02:00:00Z'), 'Asia/Shanghai'))).toBe('2026-03-03T02:00:00.000Z')
  // The clock is put forward that night.
  expect(iso(nextRefill(at('2026-03-28T12:00:00Z'), 'Europe/Berlin'))).toBe('2026-03-29T08:00:00.000Z')
})
