import { describe, expect } from 'vitest'
import { noticeAllExpired } from '../../../api/jobs/notice-expired.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Box } from '../../../schema/http/boxes.ts'
import { Inspections, Transfusion } from '../../../schema/http/ends.ts'
import { BagEvents } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { Completeness } from '../../../schema/http/trace-completeness.ts'
import {
  aBagInStock,
  aCity,
  aMadeBag,
  aPatient,
  type City,
  done,
  refusal,
  step,
  test as tested,
} from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** A bag of the hospital's, handed out for P1. */
async function anIssuedBag(door: Door): Promise<{ city: City; bagId: string }> {
  const city = await aCity(door)
  const { bagId } = await aBagInStock(city, 1)
  await aPatient(city, 'P1')
  await step(city.lab, bagId, 'issue', { patient: 'P1', reason: 'urgent' })
  return { city, bagId }
}

const use = ({ nurse }: City, bagId: string) => done(nurse.get(`/bags/${bagId}/transfusion`), Transfusion)

async function kindsOf({ lab }: City, bagId: string): Promise<string[]> {
  const { tasks } = await done(lab.get('/tasks'), Tasks)
  return tasks.filter((task) => task.bagId === bagId).map(({ kind }) => kind)
}

async function openAlarms({ lab }: City): Promise<string[]> {
  const { alarms } = await done(lab.get('/alarms'), Alarms)
  return alarms.filter(({ endedAt }) => endedAt === null).map(({ kind }) => kind)
}

describe('a transfusion that is told in parts', () => {
  test('is under way from its start until its end, whatever comes first, and doubles are nothing new', async ({
    door,
  }) => {
    const { city, bagId } = await anIssuedBag(door)
    const { clock } = door.world
    expect(await use(city, bagId)).toMatchObject({ disposition: 'DS', isPresumed: false })
    clock.now = noon + 5 * hour
    const checked = { patient: 'P1', checkers: ['ann', 'ben'] }
    const reaction = { occurredAt: iso(noon + hour), patient: 'P1' }
    expect(await step(city.nurse, bagId, 'report-reaction', reaction)).toMatchObject({ state: 'transfused' })
    expect(await use(city, bagId)).toMatchObject({ disposition: 'TR', startedAt: null, isOver: false })
    const start = { occurredAt: iso(noon + 10 * minute), ...checked }
    for (let again = 0; again < 2; again++) await step(city.nurse, bagId, 'start-transfusion', start)
    expect(await kindsOf(city, bagId)).toEqual(['transfusion_not_ended'])
    await step(city.nurse, bagId, 'end-transfusion', {
      occurredAt: iso(noon + 4 * hour),
      patient: 'P1',
      volumeMl: 250,
    })
    expect(await kindsOf(city, bagId)).toEqual([])
    expect(await use(city, bagId)).toEqual({
      disposition: 'TR',
      isPresumed: false,
      startedAt: iso(noon + 10 * minute),
      endedAt: iso(noon + 4 * hour),
      isOver: true,
      wasInterrupted: false,
      reaction: true,
      volumeMl: 250,
      patient: 'P1',
      checkers: ['ann', 'ben'],
      discrepancies: [],
      contradictions: [],
      observations: [
        { verb: 'start_transfusion', occurredAt: iso(noon + 10 * minute) },
        { verb: 'report_reaction', occurredAt: iso(noon + hour) },
        { verb: 'end_transfusion', occurredAt: iso(noon + 4 * hour) },
      ],
    })
    const { events } = await done(city.collector.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.slice(-3).map(({ verb }) => verb)).toEqual([
      'report_reaction',
      'start_transfusion',
      'end_transfusion',
    ])
    expect(JSON.stringify(events)).not.toMatch(/P1|ann/)
  })

  test('of another patient, or checked by one alone, is written down, and somebody must look into it', async ({
    door,
  }) => {
    const { city, bagId } = await anIssuedBag(door)
    const start = { occurredAt: iso(noon), patient: 'P2', checkers: ['Ann', 'ann '] }
    expect(await step(city.nurse, bagId, 'start-transfusion', start)).toMatchObject({ state: 'transfused' })
    const { tasks } = await done(city.lab.get('/tasks?kind=transfused_against'), Tasks)
    expect(tasks).toMatchObject([{ bagId, discrepancies: ['another_patient', 'unchecked'], patient: 'P2' }])
    expect(
      await refusal(city.nurse.post(`/bags/${bagId}/end-transfusion`, { occurredAt: iso(noon + day) })),
    ).toMatchObject({ code: 'invalid_request' })
  })

  test('alarms after four hours until it has ended, not until it began', async ({ door }) => {
    const { city, bagId } = await anIssuedBag(door)
    const { clock } = door.world
    const look = () => watchAlarms(door.world.deps, { readySince: clock.now, since: 0 })
    clock.now = noon + hour
    await look()
    expect(await openAlarms(city)).toContain('bedside_missing')
    const start = { occurredAt: iso(noon + 20 * minute), patient: 'P1', checkers: ['ann', 'ben'] }
    await step(city.nurse, bagId, 'start-transfusion', start)
    clock.now = noon + 4 * hour
    await look()
    clock.now += 6 * minute
    await look()
    expect(await openAlarms(city)).toEqual(['transfusion_late'])
    await step(city.nurse, bagId, 'interrupt-transfusion', { occurredAt: iso(clock.now), remark: 'fever' })
    await look()
    clock.now += 6 * minute
    await look()
    expect(await openAlarms(city)).toEqual([])
    expect(await use(city, bagId)).toMatchObject({ disposition: 'TI', wasInterrupted: true })
  })

  test('that nobody told of is asked for after an hour, and presumed after a day, which is no fate', async ({
    door,
  }) => {
    const { city, bagId } = await anIssuedBag(door)
    const { clock } = door.world
    clock.now = noon + hour
    expect(await kindsOf(city, bagId)).toContain('bedside_missing')
    clock.now = noon + day
    expect(await kindsOf(city, bagId)).toContain('presumed_transfused')
    expect(await use(city, bagId)).toMatchObject({ disposition: 'PT', isPresumed: true, isOver: false })
    expect(await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).toMatchObject({ state: 'issued' })
    const { city: counts } = await done(city.lab.get('/trace-completeness'), Completeness)
    expect(counts).toMatchObject({ bags: 1, withFate: 0, onWorklists: { presumedTransfused: 1 }, rest: 0 })
    await step(city.nurse, bagId, 'transfuse', { patient: 'P1', startedAt: iso(noon + minute) })
    expect(await kindsOf(city, bagId)).toEqual([])
    expect((await done(city.lab.get('/trace-completeness'), Completeness)).city).toMatchObject({
      withFate: 1,
    })
  })
})

describe('a discard', () => {
  test('is witnessed by somebody else who handles blood there, where policy asks for it', async ({
    door,
  }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const discard = (witness?: string) =>
      refusal(city.lab.post(`/bags/${bagId}/discard`, { reason: 'torn', ...(witness ? { witness } : {}) }))
    for (const witness of [undefined, 'lab', 'collector', 'courier', 'nobody'])
      expect(await discard(witness)).toMatchObject({ status: 403, code: 'second_person' })
    const told = { reason: 'torn', code: 'damaged', method: 'medical_waste', witness: 'nurse' }
    expect(await step(city.lab, bagId, 'discard', told)).toMatchObject({ state: 'discarded' })
    const { rows } = await door.world.deps.database.pool.query(
      `select after->>'code' as code, after->>'method' as method, p.username as witness from audit_entry
       join person p on p.id = after->>'witness' where action = 'bag.discarded'`,
    )
    expect(rows).toEqual([{ code: 'damaged', method: 'medical_waste', witness: 'nurse' }])
    expect(await use(city, bagId)).toMatchObject({ disposition: 'WA' })
  })

  test('needs no witness where no policy asks for one', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    expect(await step(city.lab, bagId, 'discard', { reason: 'torn' })).toMatchObject({ state: 'discarded' })
  })
})

describe('an inspection', () => {
  test('is on record, and what it found wrong holds the bag', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const path = `/bags/${bagId}/inspections`
    const good = await done(city.lab.post(path, { occasion: 'stock', checks: { label: true } }), BagDetail)
    expect(good.holds).toEqual([])
    const checks = { closure: true, segment: true, colour: true, leak: false, label: true }
    const bad = await done(city.lab.post(path, { occasion: 'stock', checks, remark: 'wet' }), BagDetail)
    expect(bad.holds).toMatchObject([{ kind: 'visual', reason: 'found wrong at inspection: leak' }])
    const { inspections } = await done(city.lab.get(path), Inspections)
    expect(inspections.map(({ checks }) => checks)).toEqual([{ label: true }, checks])
    expect((await city.nurse.post(path, { occasion: 'stock', checks })).status).toBe(403)
    expect((await city.lab.post(path, { occasion: 'stock', checks: {} })).status).toBe(400)
  })
})

describe('a box', () => {
  test('is packed, goes with its bags, and one whose seal was another is looked into', async ({ door }) => {
    const city = await aCity(door)
    const made = [await aMadeBag(city, 1), await aMadeBag(city, 2)]
    for (const { bagId, din } of made) {
      await tested(city, din)
      await step(city.collector, bagId, 'test')
      await step(city.second, bagId, 'release')
    }
    const [one, two] = made.map(({ bagId }) => bagId) as [string, string]
    const input = {
      box: 'B7',
      facility: 'C1',
      to: 'H1',
      seal: 'S-0042',
      celsius: 4.25,
      logger: 'L1',
      bags: [one],
    }
    const { boxId, ...packed } = await done(city.second.post('/boxes', input), Box)
    expect(packed).toMatchObject({ seal: 'S-0042', celsius: 4.25, bags: [{ bagId: one, unpackedAt: null }] })
    expect(await refusal(city.second.post('/boxes', input))).toMatchObject({ code: 'conflict' })
    for (const bagId of [one, two]) await step(city.second, bagId, 'distribute', { to: 'H1', box: 'B7' })
    for (const bagId of [one, two]) await step(city.courier, bagId, 'depart')
    expect((await done(city.lab.get(`/boxes/${boxId}`), Box)).bags).toHaveLength(2)
    const inspection = { closure: true, leak: false }
    await step(city.lab, one, 'receive', { seal: 's0042', inspection: { closure: true } })
    const second = await step(city.lab, two, 'receive', { seal: 'S-0043', inspection })
    expect(second).toMatchObject({ state: 'available', holds: [{ kind: 'visual' }] })
    const box = await done(city.lab.get(`/boxes/${boxId}`), Box)
    expect(box.emptiedAt).not.toBeNull()
    expect(box.seals.map(({ seal, matches }) => [seal, matches])).toEqual([
      ['s0042', true],
      ['S-0043', false],
    ])
    const seals = async () => (await done(city.lab.get('/tasks?kind=seal_mismatch'), Tasks)).tasks
    expect(await seals()).toMatchObject([{ boxId, box: 'B7', facility: 'H1', bagId: null }])
    await done(city.lab.post(`/boxes/${boxId}/conclusion`, { conclusion: 'misread' }), Box)
    expect(await seals()).toEqual([])
    // Empty, it may be packed again.
    await done(city.second.post('/boxes', { ...input, bags: [] }), Box)
  })
})

describe('a bag that expires', () => {
  test('is told of before, is noticed once when it has, and is to be discarded', async ({ door }) => {
    const city = await aCity(door)
    const { bagId } = await aBagInStock(city, 1)
    const { deps, clock } = door.world
    const { expiresAt } = await door.ask(BagDetail, 'GET', `/bags/${bagId}`)
    const at = Date.parse(expiresAt)
    clock.now = at - 3 * day
    expect(await kindsOf(city, bagId)).toEqual(['expires_soon'])
    expect(await noticeAllExpired(deps)).toBe(0)
    clock.now = at
    expect(await kindsOf(city, bagId)).toEqual(['expired_on_shelf'])
    expect(await noticeAllExpired(deps)).toBe(1)
    expect(await noticeAllExpired(deps)).toBe(0)
    const { events } = await done(city.lab.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.at(-1)).toMatchObject({ verb: 'expire', from: 'available', to: 'available' })
    const { rows } = await deps.database.pool.query(
      `select (select count(*)::int from news where kind = 'bag.expired') as news,
              (select count(*)::int from audit_entry where action = 'bag.expired') as audit`,
    )
    expect(rows).toEqual([{ news: 1, audit: 1 }])
    clock.now = at + 7 * day
    expect(await kindsOf(city, bagId)).toEqual(['fate_unknown'])
    const gone = { reason: 'not found', code: 'not_found', witness: 'nurse' }
    await step(city.lab, bagId, 'discard', gone)
    expect(await kindsOf(city, bagId)).toEqual([])
  })
})
