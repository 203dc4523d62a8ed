import { describe, expect } from 'vitest'
import { BagDetail } from '../../../schema/http/bags.ts'
import { BagEvents, ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { Transfer, TransferRequest, Transfers } from '../../../schema/http/transfers.ts'
import { done, refusal, signedIn, step, type Worker } from '../../support/hospital.ts'
import {
  accept,
  ask,
  aTransferCity,
  kept,
  look,
  lookAt,
  plan,
  type TransferCity,
} from '../../support/transfer-city.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const hour = 3_600_000
const day = 24 * hour

const tasks = async (worker: Worker, kind: string) =>
  (await done(worker.get(`/tasks?kind=${kind}`), Tasks)).tasks

/** Two bags of H2 are promised to H1. */
async function aTransfer(city: TransferCity) {
  const bagIds = [await city.aBag(), await city.aBag()]
  const request = await ask(city.lab)
  const planned = await plan(city.lab, [request.requestId])
  const [transfer] = await accept(city.lab, planned)
  if (!transfer) throw new Error('nothing was promised')
  return { bagIds, request, planned, transfer }
}

const send = async (city: TransferCity, bagId: string) => {
  await step(city.lab2, bagId, 'distribute', { to: 'H1' })
  await step(city.courier2, bagId, 'depart')
}

const cancel = (worker: Worker, { transferId }: { transferId: string }) =>
  worker.post(`/transfers/${transferId}/cancel`, { reason: 'found nearer' })
const approve = (worker: Worker, { transferId }: { transferId: string }) =>
  worker.post(`/transfers/${transferId}/approve`, {})

describe('bags that are promised', () => {
  test('are nobody else’s, and go where they are promised', async ({ door }) => {
    const city = await aTransferCity(door)
    const { bagIds, request, planned, transfer } = await aTransfer(city)
    const [bagId = ''] = bagIds
    expect(transfer).toMatchObject({
      ...{ state: 'accepted', from: 'H2', to: 'H1', needsApproval: false, by: expect.any(String) },
      ...{ until: iso(noon + 2 * hour), plan: planned.planId },
    })
    await door.ask({ parse: (x: unknown) => x } as never, 'PUT', '/facilities/H2/patients/P2', {
      ...{ abo: 'O', rhd: 'positive', sampleUntil: iso(noon + day) },
    })
    const until = iso(noon + hour)
    for (const [verb, body] of [
      ['issue', { patient: 'P2', reason: 'urgent' }],
      ['reserve', { patient: 'P2', until }],
      ['distribute', { to: 'H3' }],
    ] as const)
      expect(await refusal(city.lab2.post(`/bags/${bagId}/${verb}`, body)), verb).toMatchObject({
        code: 'reserved',
      })
    expect(await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).toMatchObject({
      ...{ state: 'available', reservedFor: null, reservedUntil: iso(noon + 2 * hour), promisedTo: 'H1' },
    })
    const { events } = await done(city.lab2.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.at(-1)).toMatchObject({
      ...{ verb: 'reserve', data: { to: 'H1', transfer: transfer.transferId } },
    })
    expect(await tasks(city.lab2, 'transfer_to_send')).toMatchObject([
      { facility: 'H2', transfer: transfer.transferId },
    ])
    expect(await tasks(city.lab, 'transfer_to_send')).toEqual([])

    await step(city.lab2, bagId, 'distribute', { to: 'H1' })
    expect(await look(city.lab2, transfer)).toMatchObject({ state: 'dispatched' })
    await step(city.courier2, bagId, 'depart')
    expect(await look(city.lab, transfer)).toMatchObject({ state: 'in_transit' })
    expect(await lookAt(city.lab, request)).toMatchObject({
      state: 'under_way',
      lines: [{ promised: 2, underWay: 2, missing: 0 }],
    })
    await step(city.lab, bagId, 'receive')
    expect(await look(city.centre, transfer)).toMatchObject({ state: 'partly_received' })
    await send(city, bagIds[1] as string)
    await step(city.lab, bagIds[1] as string, 'receive')
    expect(await look(city.centre, transfer)).toMatchObject({ state: 'received' })
    expect(await lookAt(city.lab, request)).toMatchObject({ state: 'received', lines: [{ received: 4 }] })
    for (const kind of ['transfer_wanted', 'transfer_to_send', 'transfer_broken'])
      expect(await tasks(city.centre, kind)).toEqual([])
  })

  test('answer a scan as reserved for another', async ({ door }) => {
    const city = await aTransferCity(door)
    const { bagIds } = await aTransfer(city)
    const { din, productCode } = await door.ask(BagDetail, 'GET', `/bags/${bagIds[0]}`)
    const open = { device: 'fridge-of-H2', emergency: true, reason: 'haemorrhage' }
    const { takeOutId } = await done(city.lab2.post('/take-outs', open), TakeOut)
    const label = { din: `=${din.slice(0, 13)}00`, productCode }
    const scan = await done(city.lab2.post(`/take-outs/${takeOutId}/scans`, label), ScanAnswer)
    expect(scan.findings).toContain('reserved_for_another')
  })

  test('are promised once, whoever asks twice: by a key the same answer, without one it is told what changed', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    await city.aBag()
    await city.aBag()
    const made = await plan(city.lab, [(await ask(city.lab)).requestId])
    const path = `/transfer-plans/${made.planId}/accept`
    const [one, other] = [await plan(city.centre), await plan(city.centre)]
    const transfers = await accept(city.lab, made)
    expect(transfers).toHaveLength(1)
    const told = await refusal(city.lab.post(path, {}))
    expect(told.code).toBe('conflict')
    expect(told.detail).toContain('the rest is promised to it')
    for (const { bagId } of transfers[0]?.bags ?? [])
      expect(told.detail).toContain(`bag ${bagId}: it is reserved`)
    for (const rival of [one, other])
      expect(await refusal(city.centre.post(`/transfer-plans/${rival.planId}/accept`, {}))).toMatchObject({
        code: 'conflict',
      })
    const { rows } = await door.world.deps.database.pool.query(
      `select count(*)::int as n, count(distinct bag_id)::int as bags from transfer_bag where ended_at is null`,
    )
    expect(rows[0]).toEqual({ n: 2, bags: 2 })
  })

  test('are accepted by a person with a name, for a time that is not over', async ({ door }) => {
    const city = await aTransferCity(door)
    await city.aBag()
    const made = await plan(city.lab, [(await ask(city.lab)).requestId])
    const path = `/transfer-plans/${made.planId}/accept`
    const post = (until: number) => refusal(city.lab.post(path, { until: iso(until) }))
    expect(await post(noon)).toMatchObject({ code: 'invalid_request' })
    expect(await post(noon + 2 * day)).toMatchObject({ code: 'invalid_request' })
    expect(await door.refused('POST', path, {})).toMatchObject({ code: 'person_required' })
    expect(await refusal(city.lab2.post(path, {}))).toMatchObject({ status: 404 })
    expect(await refusal(city.nurse.post(path, {}))).toMatchObject({ status: 403 })
    expect(
      await refusal(city.lab.post('/transfer-plans/0190a5e2-0000-7000-8000-000000000001/accept', {})),
    ).toMatchObject({
      status: 404,
    })
  })

  test('are looked at again: what was held, moved or judged since keeps all from being promised', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const { pool } = door.world.deps.database
    const bagIds = [await city.aBag(), await city.aBag()].sort()
    const [first = '', second = ''] = bagIds
    const request = await ask(city.lab)
    const refused = async () => {
      const made = await plan(city.lab, [request.requestId])
      return { path: `/transfer-plans/${made.planId}/accept`, made }
    }
    const { path, made } = await refused()
    expect(made.moves).toHaveLength(2)
    const promises = async () => {
      const { rows } = await pool.query('select count(*)::int as n from bag where reserved_to_id is not null')
      return rows[0].n
    }
    await kept(pool, first, 'BREACHED')
    expect((await refusal(city.lab.post(path, {}))).detail).toContain(
      `bag ${first}: its cold chain is not shown to be whole`,
    )
    await kept(pool, first)
    await step(city.lab2, second, 'distribute', { to: 'H3' })
    expect((await refusal(city.lab.post(path, {}))).detail).toContain(`bag ${second}: it is distributed now`)
    await step(city.lab2, second, 'recall-shipment', { reason: 'none' })
    const level = {
      component: 'red_cells',
      abo: 'O',
      rhd: 'positive',
      uom: 'U',
      target: 9,
      minimum: 2,
      critical: 0,
    }
    await done(city.lab2.put('/facilities/H2/stock-levels', { levels: [level] }), { parse: (x) => x })
    expect((await refusal(city.lab.post(path, {}))).detail).toContain(
      'H2 keeps red_cells O RhD positive for itself',
    )
    expect(await promises()).toBe(0)
    door.world.clock.now = noon + 2 * hour - 10 * 60_000
    expect((await refusal(city.lab.post(path, {}))).detail).toContain('it would come too late')
    door.world.clock.now = noon + 3 * hour
    expect(await refusal(city.lab.post(path, {}))).toMatchObject({ code: 'conflict' })
    expect(await refusal(city.lab.post('/transfer-plans', { requests: [request.requestId] }))).toMatchObject({
      code: 'conflict',
    })
    expect(await promises()).toBe(0)
  })

  test('are free again when the promise lapses, and may be promised anew', async ({ door }) => {
    const city = await aTransferCity(door)
    const { request, transfer, bagIds } = await aTransfer(city)
    door.world.clock.now = noon + 2 * hour
    expect(await look(city.lab, transfer)).toMatchObject({ state: 'lapsed' })
    expect(await lookAt(city.lab, request)).toMatchObject({ state: 'open', lines: [{ missing: 4 }] })
    expect(await tasks(city.lab, 'transfer_broken')).toMatchObject([{ transfer: transfer.transferId }])
    await ask(city.lab3, { deadline: iso(noon + 5 * hour) }, 'H3')
    const [again] = await accept(city.centre, await plan(city.centre))
    expect(again?.bags.map(({ bagId }) => bagId)).toEqual(bagIds.sort())
    expect(await look(city.lab, transfer)).toMatchObject({ state: 'lapsed' })
    expect(await refusal(city.lab2.post(`/bags/${bagIds[0]}/distribute`, { to: 'H1' }))).toMatchObject({
      code: 'reserved',
    })
  })

  test('are freed by cancelling it, as far as they have not left', async ({ door }) => {
    const city = await aTransferCity(door)
    const { request, transfer, bagIds } = await aTransfer(city)
    await send(city, bagIds[0] as string)
    expect(await refusal(cancel(city.lab3, transfer))).toMatchObject({ status: 404 })
    expect(await refusal(cancel(city.nurse, transfer))).toMatchObject({ status: 403 })
    const cancelled = await done(cancel(city.lab2, transfer), Transfer)
    expect(cancelled).toMatchObject({ state: 'in_transit', cancelled: { reason: 'found nearer' } })
    expect(new Map(cancelled.bags.map(({ bagId, state }) => [bagId, state]))).toEqual(
      new Map([
        [bagIds[0], 'in_transit'],
        [bagIds[1], 'cancelled'],
      ]),
    )
    expect(await refusal(cancel(city.lab2, transfer))).toMatchObject({ code: 'conflict' })
    expect(await lookAt(city.lab, request)).toMatchObject({ lines: [{ missing: 2, underWay: 2 }] })
    const [again] = await accept(city.lab, await plan(city.lab, [request.requestId]))
    expect(again?.bags.map(({ bagId }) => bagId)).toEqual([bagIds[1]])
    await done(
      city.lab.post(`/transfer-requests/${request.requestId}/cancellation`, { reason: 'died' }),
      TransferRequest,
    )
    expect(await look(city.lab, again as never)).toMatchObject({ state: 'cancelled' })
  })

  test('of a reserve leave once somebody there has approved it', async ({ door }) => {
    const city = await aTransferCity(door)
    const level = {
      component: 'red_cells',
      abo: 'O',
      rhd: 'positive',
      uom: 'U',
      target: 6,
      minimum: 4,
      critical: 0,
    }
    await done(city.lab2.put('/facilities/H2/stock-levels', { levels: [level] }), { parse: (x) => x })
    const { transfer, bagIds } = await aTransfer(city)
    expect(transfer).toMatchObject({ state: 'accepted', needsApproval: true })
    const [bagId] = bagIds
    const distribute = () => city.lab2.post(`/bags/${bagId}/distribute`, { to: 'H1' })
    expect(await refusal(distribute())).toMatchObject({ code: 'conflict' })
    expect(await tasks(city.lab2, 'transfer_to_approve')).toMatchObject([{ transfer: transfer.transferId }])
    expect(await tasks(city.lab2, 'transfer_to_send')).toEqual([])
    expect(await refusal(approve(city.lab, transfer))).toMatchObject({ status: 403 })
    expect(await refusal(approve(city.lab3, transfer))).toMatchObject({ status: 404 })
    expect(await done(approve(city.lab2, transfer), Transfer)).toMatchObject({ state: 'approved' })
    expect(await refusal(approve(city.lab2, transfer))).toMatchObject({ code: 'conflict' })
    await done(distribute(), BagDetail)
    expect(await look(city.lab, transfer)).toMatchObject({ state: 'dispatched' })
  })

  test('of a reserve are approved wherever they go, though more of them are of it than was planned', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const level = { component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U' }
    const levels = [{ ...level, target: 4, minimum: 4, critical: 0 }]
    await done(city.lab2.put('/facilities/H2/stock-levels', { levels }), { parse: (x) => x })
    const bagIds = [await city.aBag(), await city.aBag(), await city.aBag()]
    for (const [worker, code] of [[city.lab, 'H1'] as const, [city.lab3, 'H3'] as const])
      await ask(worker, { lines: [{ component: 'red_cells', amount: 2, uom: 'U' }] }, code)
    const planned = await plan(city.centre)
    expect(planned.donors).toMatchObject([{ before: 6, after: 2, needsApproval: true }])
    const left = bagIds.find((id) => planned.moves.every(({ bagId }) => bagId !== id)) as string
    await step(city.lab2, left, 'distribute', { to: 'C1' })
    const transfers = await accept(city.centre, planned)
    expect(transfers.map(({ to, needsApproval }) => [to, needsApproval]).sort()).toEqual([
      ['H1', true],
      ['H3', true],
    ])
  })

  test('that are recalled on their way are missing again, and others are planned in their place', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const { request, transfer, bagIds } = await aTransfer(city)
    const [first = '', second = ''] = bagIds
    for (const bagId of bagIds) await send(city, bagId)
    expect(await lookAt(city.lab, request)).toMatchObject({ lines: [{ missing: 0, underWay: 4 }] })
    await done(city.lab2.post(`/bags/${first}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    expect(await lookAt(city.lab, request)).toMatchObject({
      state: 'under_way',
      lines: [{ missing: 2, underWay: 4 }],
    })
    const other = await city.aBag({ facility: 'H3' })
    const [again] = await accept(city.lab, await plan(city.lab, [request.requestId]))
    expect(again?.bags.map(({ bagId }) => bagId)).toEqual([other])
    expect(await lookAt(city.lab, request)).toMatchObject({ lines: [{ missing: 0 }] })
    await step(city.lab, second, 'receive', {})
    expect(await look(city.lab, transfer)).toMatchObject({ state: 'in_transit' })
  })

  test('that are refused, taken back or found unfit are said to be, and planned again', async ({ door }) => {
    const city = await aTransferCity(door)
    const { transfer, request, bagIds } = await aTransfer(city)
    const [first = '', second = ''] = bagIds
    await done(city.lab2.post(`/bags/${first}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    const seen = await look(city.lab, transfer)
    expect(seen.bags.find(({ bagId }) => bagId === first)?.unfit).toMatchObject({ reason: 'not_issuable' })
    for (const worker of [city.lab, city.centre])
      expect(await tasks(worker, 'transfer_broken')).toMatchObject([{ facility: 'H1' }])
    expect(await refusal(city.lab2.post(`/bags/${first}/distribute`, { to: 'H1' }))).toMatchObject({
      code: 'held',
    })
    await step(city.lab2, first, 'unreserve', { reason: 'clots' })
    await send(city, second)
    await step(city.lab, second, 'refuse', { reason: 'warm' })
    const { bags, state } = await look(city.lab, transfer)
    expect(new Map(bags.map((bag) => [bag.bagId, bag.state]))).toEqual(
      new Map([
        [first, 'withdrawn'],
        [second, 'refused'],
      ]),
    )
    expect(state).toBe('refused')
    expect(await lookAt(city.lab, request)).toMatchObject({ state: 'open', lines: [{ missing: 4 }] })
    expect(await tasks(city.centre, 'transfer_broken')).toHaveLength(1)
    const { transfers } = await done(city.lab3.get('/transfers'), Transfers)
    expect(transfers).toEqual([])
    expect((await done(city.courier2.get('/transfers'), Transfers)).transfers).toHaveLength(1)
    expect(await refusal(city.lab3.get(`/transfers/${transfer.transferId}`))).toMatchObject({ status: 404 })
  })
})

test('accepting is asked once under a key, however often it is sent', async ({ door }: { door: Door }) => {
  const city = await aTransferCity(door)
  await city.aBag()
  const made = await plan(city.lab, [(await ask(city.lab)).requestId])
  const token = await signedIn(door, 'lab1b', 'transfusion_lab', 'H1')
  const send = () =>
    door.raw(`/transfer-plans/${made.planId}/accept`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        'idempotency-key': 'once',
      },
      body: '{}',
    })
  const [first, second] = [await done(send(), Transfers), await done(send(), Transfers)]
  expect(second).toEqual(first)
})
