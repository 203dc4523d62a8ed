import { describe, expect } from 'vitest'
import { Tasks } from '../../../schema/http/tasks.ts'
import {
  StockLevels,
  TransferPlan,
  TransferRequest,
  TransferRequests,
} from '../../../schema/http/transfers.ts'
import { aWorker, done, refusal, type Worker } from '../../support/hospital.ts'
import { accept, ask, aTransferCity, aWish, kept, lookAt, plan } from '../../support/transfer-city.ts'
import { noon } from '../../support/world.ts'
import { iso, test } from './door.ts'

const hour = 3_600_000

const tasks = async (worker: Worker, kind: string) =>
  (await done(worker.get(`/tasks?kind=${kind}`), Tasks)).tasks

describe('what a facility keeps for itself', () => {
  const level = { component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U' }

  test('is said by its lab, and the newest counts', async ({ door }) => {
    const { lab, lab2, nurse } = await aTransferCity(door)
    const set = (levels: object[], worker = lab) => worker.put('/facilities/H1/stock-levels', { levels })
    await done(set([{ ...level, target: 40, minimum: 20, critical: 10 }]), StockLevels)
    await done(set([{ ...level, rhd: 'negative', target: 8, minimum: 4, critical: 2 }]), StockLevels)
    await done(set([{ ...level, target: 30, minimum: 16, critical: 8 }]), StockLevels)
    const { levels } = await done(nurse.get('/facilities/H1/stock-levels'), StockLevels)
    expect(levels.map(({ rhd, target, minimum, critical }) => [rhd, target, minimum, critical])).toEqual([
      ['negative', 8, 4, 2],
      ['positive', 30, 16, 8],
    ])
    expect(await refusal(set([{ ...level, target: 1, minimum: 2, critical: 0 }]))).toMatchObject({
      code: 'invalid_request',
    })
    expect(await refusal(set([{ ...level, uom: 'mL', target: 3, minimum: 2, critical: 0 }]))).toMatchObject({
      code: 'invalid_request',
    })
    const fine = [{ ...level, target: 1, minimum: 1, critical: 1 }]
    expect(await refusal(set(fine, lab2))).toMatchObject({ status: 404 })
    expect(await refusal(set(fine, nurse))).toMatchObject({ status: 403 })
    const { rows } = await door.world.deps.database.pool.query(
      `select count(*)::int as n from audit_entry where action = 'facility.stock_levels_set'`,
    )
    expect(rows[0].n).toBe(3)
  })
})

describe('a request', () => {
  test('is raised by whoever sees the need, and is a task there and at the centre until it is met', async ({
    door,
  }) => {
    const { lab, lab2, nurse, physician, centre } = await aTransferCity(door)
    const byNurse = await ask(nurse)
    expect(byNurse).toMatchObject({ state: 'open', facility: 'H1' })
    expect(byNurse.lines).toEqual([
      {
        line: 1,
        component: 'red_cells',
        amount: 4,
        uom: 'U',
        missing: 4,
        promised: 0,
        underWay: 0,
        received: 0,
      },
    ])
    const pack = await ask(physician, { lines: undefined, pack: 'mtp', patient: {} })
    expect(pack.lines.map(({ component, amount, uom }) => [component, amount, uom])).toEqual([
      ['red_cells', 10, 'U'],
      ['plasma', 1_000, 'mL'],
      ['platelets', 1, 'dose'],
    ])
    for (const worker of [lab, centre]) expect(await tasks(worker, 'transfer_wanted')).toHaveLength(2)
    expect(await tasks(lab2, 'transfer_wanted')).toEqual([])
    const cancel = (worker: Worker) =>
      worker.post(`/transfer-requests/${byNurse.requestId}/cancellation`, { reason: 'the patient was moved' })
    expect(await done(cancel(lab), TransferRequest)).toMatchObject({ state: 'cancelled' })
    expect(await refusal(cancel(lab))).toMatchObject({ code: 'conflict' })
    expect(await tasks(centre, 'transfer_wanted')).toMatchObject([
      { facility: 'H1', request: pack.requestId },
    ])
    const { rows } = await door.world.deps.database.pool.query(
      `select kind, array_length(facility_ids, 1) as told from news where kind like 'transfer%' order by id`,
    )
    expect(rows).toEqual([
      { kind: 'transfer_request.raised', told: 2 },
      { kind: 'transfer_request.raised', told: 2 },
      { kind: 'transfer_request.cancelled', told: 2 },
    ])
  })

  test('that can be met still stands before those that are over, however many', async ({ door }) => {
    const { lab } = await aTransferCity(door)
    const over = await ask(lab, { deadline: iso(noon + hour) })
    const [last, first] = [
      await ask(lab, { deadline: iso(noon + 9 * hour) }),
      await ask(lab, { deadline: iso(noon + 8 * hour) }),
    ]
    door.world.clock.now = noon + 2 * hour
    const listed = async (limit: number) =>
      (await done(lab.get(`/transfer-requests?limit=${limit}`), TransferRequests)).requests
    expect((await listed(1)).map(({ requestId }) => requestId)).toEqual([first.requestId])
    expect((await listed(9)).map(({ requestId }) => requestId)).toEqual(
      [first, last, over].map(({ requestId }) => requestId),
    )
  })

  test('is refused where it cannot be meant', async ({ door }) => {
    const { lab } = await aTransferCity(door)
    const post = (changes: object) => refusal(lab.post('/facilities/H1/transfer-requests', aWish(changes)))
    const red = (amount: number, uom = 'U') => ({ lines: [{ component: 'red_cells', amount, uom }] })
    for (const changes of [
      { deadline: iso(noon) },
      { deadline: iso(noon - hour) },
      red(0),
      red(10_000),
      red(1, 'mL'),
      { lines: [...red(1).lines, ...red(2).lines] },
      { lines: undefined },
      { pack: 'mtp' },
      { patient: { abo: 'C' } },
      { patient: { rhd: '+' } },
      { patient: { antiD: true, rhdPositiveAllowed: true, physician: 'dr-li' } },
      { patient: { rhdPositiveAllowed: true } },
      { patient: { name: 'Li Lei' } },
    ])
      expect(await post(changes), JSON.stringify(changes)).toMatchObject({
        status: 400,
        code: 'invalid_request',
      })
    expect(await post({ prealert: { eta: iso(noon), device: 'nowhere' } })).toMatchObject({ status: 404 })
    expect(await post({ prealert: { eta: iso(noon), device: 'fridge-of-H2' } })).toMatchObject({
      status: 404,
    })
  })

  test('is seen where it comes from and at the centre, and nowhere else', async ({ door }) => {
    const { lab, lab2, centre, engineer } = await aTransferCity(door)
    const request = await ask(lab, { prealert: { eta: iso(noon + hour), device: 'fridge-of-H1' } })
    expect(request.prealert).toEqual({ eta: iso(noon + hour), device: 'fridge-of-H1' })
    expect(await lookAt(centre, request)).toEqual(request)
    const path = `/transfer-requests/${request.requestId}`
    expect(await refusal(lab2.get(path))).toMatchObject({ status: 404 })
    expect(await refusal(engineer.get(path))).toMatchObject({ status: 403 })
    const { requests } = await done(lab2.get('/transfer-requests'), TransferRequests)
    expect(requests).toEqual([])
    expect(await refusal(lab2.post('/transfer-plans', { requests: [request.requestId] }))).toMatchObject({
      status: 404,
    })
    expect(await refusal(lab2.post('/facilities/H1/transfer-requests', aWish()))).toMatchObject({
      status: 404,
    })
  })
})

describe('a plan', () => {
  test('says which bags, why, why no others, and what it leaves those who give', async ({ door }) => {
    const city = await aTransferCity(door)
    const { lab, lab2 } = city
    const near = [await city.aBag({ days: 10 }), await city.aBag({ days: 9 })]
    await city.aBag({ facility: 'H3' })
    const reserved = await city.aBag()
    await door.world.deps.database.pool.query(
      `update bag set reserved_for = 'P9', reserved_until = $2 where id = $1`,
      [reserved, noon + hour],
    )
    const held = await city.aBag()
    await done(lab2.post(`/bags/${held}/holds`, { kind: 'visual', reason: 'clots' }), { parse: (x) => x })
    const warm = await city.aBag()
    await kept(door.world.deps.database.pool, warm, 'UNVERIFIED')
    const unjudged = await city.aBag()
    await door.world.deps.database.pool.query('delete from bag_ledger where bag_id = $1', [unjudged])
    const nowhere = await city.aBag({ facility: 'H4' })
    const other = await city.aBag({ abo: 'A' })
    const request = await ask(lab)
    const made = await plan(lab, [request.requestId])
    expect(made.moves.map(({ bagId }) => bagId).sort()).toEqual(near.sort())
    expect(made.moves[0]).toMatchObject({ from: 'H2', to: 'H1', line: 1, amount: 2, uom: 'U' })
    expect(made.moves[0]?.reasons.map(({ reason }) => reason)).toContain('nearest')
    expect(made).toMatchObject({ isProved: true, gap: 0, policy: 1, askedAt: iso(noon) })
    const [line] = made.lines
    expect(line).toMatchObject({ asked: 4, planned: 4, missing: 0, facility: 'H1' })
    const rejected = new Map(line?.rejected.map(({ reason, bags }) => [reason, bags]))
    expect(rejected.get('reserved')).toEqual([reserved])
    expect(rejected.get('not_issuable')).toEqual([held])
    expect(rejected.get('cold_chain')?.toSorted()).toEqual([warm, unjudged].sort())
    expect(rejected.get('no_way')).toEqual([nowhere])
    expect(rejected.get('incompatible')).toEqual([other])
    expect(made.donors).toMatchObject([{ facility: 'H2', before: 4, after: 0, needsApproval: false }])
    expect(JSON.stringify(made)).not.toContain('P9')
    expect(await done(lab.get(`/transfer-plans/${made.planId}`), TransferPlan)).toEqual(made)
    expect(await refusal(lab2.get(`/transfer-plans/${made.planId}`))).toMatchObject({ status: 404 })
    expect(await refusal(city.nurse.get(`/transfer-plans/${made.planId}`))).toMatchObject({ status: 403 })
    expect(await lookAt(lab, request)).toMatchObject({ state: 'open' })
  })

  test('is the best part of it where there is not enough, and says what is missing', async ({ door }) => {
    const city = await aTransferCity(door)
    await city.aBag()
    const made = await plan(city.lab, [(await ask(city.lab)).requestId])
    expect(made.moves).toHaveLength(1)
    expect(made.lines[0]).toMatchObject({ asked: 4, planned: 2, missing: 2 })
  })

  test('of a place nobody knows sends nothing, and says that no way is known', async ({ door }) => {
    const city = await aTransferCity(door)
    await city.aBag()
    const made = await plan(city.centre, [(await ask(city.lab4, {}, 'H4')).requestId])
    expect(made.moves).toEqual([])
    expect(made.lines[0]?.rejected).toMatchObject([{ reason: 'no_way', count: 1 }])
    expect(await refusal(city.centre.post(`/transfer-plans/${made.planId}/accept`, {}))).toMatchObject({
      code: 'conflict',
    })
  })

  test('goes by where most of a hospital stands, whatever one device says of itself', async ({ door }) => {
    const { lab, aBag, standsAt } = await aTransferCity(door)
    await aBag()
    const minutes = async () => (await plan(lab, [(await ask(lab)).requestId])).moves[0]?.arrival.p80
    const near = await minutes()
    await standsAt('third-of-H2', 100)
    await standsAt('second-of-H2', 1)
    await standsAt('box-of-H2', 0, 'box')
    expect(await minutes()).toBe(near)
  })

  test('for two requests together starves neither of what only one source has', async ({ door }) => {
    const city = await aTransferCity(door)
    const negative = await city.aBag({ rhd: 'negative' })
    const positive = await city.aBag()
    const two = { lines: [{ component: 'red_cells', amount: 2, uom: 'U' }] }
    await ask(city.lab, two)
    const strict = await ask(city.lab3, { ...two, patient: { abo: 'O', rhd: 'negative' } }, 'H3')
    const made = await plan(city.centre)
    expect(made.requests).toHaveLength(2)
    expect(new Map(made.moves.map(({ bagId, to }) => [bagId, to]))).toEqual(
      new Map([
        [negative, 'H3'],
        [positive, 'H1'],
      ]),
    )
    expect(made.lines.map(({ missing }) => missing)).toEqual([0, 0])
    // A lab plans for its own alone.
    expect((await plan(city.lab3)).requests).toEqual([strict.requestId])
  })

  test('leaves a donor what it keeps, and asks for a word where an emergency draws on that', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    for (let i = 0; i < 3; i++) await city.aBag()
    const level = {
      component: 'red_cells',
      abo: 'O',
      rhd: 'positive',
      uom: 'U',
      target: 6,
      minimum: 4,
      critical: 2,
    }
    await done(city.lab2.put('/facilities/H2/stock-levels', { levels: [level] }), StockLevels)
    const urgent = await plan(city.lab, [(await ask(city.lab, { urgency: 'urgent' })).requestId])
    expect(urgent.lines[0]).toMatchObject({ planned: 2, missing: 2 })
    expect(urgent.lines[0]?.rejected).toMatchObject([{ reason: 'protected', count: 2 }])
    expect(urgent.donors).toMatchObject([{ before: 6, after: 4, minimum: 4, needsApproval: false }])
    const bleeding = await plan(city.lab, [(await ask(city.lab)).requestId])
    expect(bleeding.lines[0]).toMatchObject({ planned: 4, missing: 0 })
    expect(bleeding.donors).toMatchObject([{ before: 6, after: 2, critical: 2, needsApproval: true }])
  })

  test('counts what is used in a day, and what was accepted before', async ({ door }) => {
    const city = await aTransferCity(door)
    for (let i = 0; i < 3; i++) await city.aBag()
    const used = await city.aBag({ amount: 14 })
    await aWorker(door, 'second2', 'transfusion_lab', 'H2')
    await done(city.lab2.post(`/bags/${used}/discard`, { reason: 'burst', witness: 'second2' }), {
      parse: (x) => x,
    })
    const request = await ask(city.lab)
    const made = await plan(city.lab, [request.requestId])
    expect(made.donors[0]).toMatchObject({ before: 6, after: 2, daysBefore: 12, daysAfter: 4 })
    await accept(city.lab, made)
    expect(await lookAt(city.lab, request)).toMatchObject({
      state: 'planned',
      lines: [{ missing: 0, promised: 4 }],
    })
    const again = await plan(city.lab, [request.requestId])
    expect(again).toMatchObject({ moves: [], lines: [] })
  })
})
