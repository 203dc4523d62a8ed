import { describe, expect } from 'vitest'
import { recordEquipment } from '../../../api/usecases/record-equipment.ts'
import { setDeviceCapacity } from '../../../api/usecases/set-device-capacity.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Capacity, Device, DeviceMove, Revocation } from '../../../schema/http/devices.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { AbandonedRescue, Rescue, RescuePlan } from '../../../schema/http/rescues.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { qualificationStages } from '../../../schema/vocabulary.ts'
import { aWorker, done, refusal, signedIn } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const good = { capacity: 10, qualifiedUntil: noon + day, calibratedUntil: noon + day, isOut: false }

/** Write down of a device what bags are carried to it by. */
async function writeDown({ world: { ctx } }: Door, device: string, told: typeof good) {
  const doneAt = noon - day
  const validUntil = told.qualifiedUntil
  await setDeviceCapacity(ctx, { device, capacity: told.capacity })
  for (const stage of qualificationStages)
    await recordEquipment(ctx, 'qualification', {
      device,
      record: { stage, doneAt, validUntil, result: 'passed' },
    })
  const certified = {
    certificate: 'C-1',
    offset: 0,
    doneBy: 'a laboratory',
    validUntil: told.calibratedUntil,
  }
  await recordEquipment(ctx, 'calibration', { device, record: { probe: 'load', doneAt, ...certified } })
  if (told.isOut) await recordEquipment(ctx, 'maintenance', { device, record: { what: 'a fan', doneAt } })
}

/** A fridge at the hospital that has measured 4 °C for an hour, and what it says. */
async function aFridge(door: Door, name: string, told: typeof good | null = good, facility = 'H1') {
  const { world } = door
  await aDevice(world, name, {}, noon - day, facility)
  if (told) await writeDown(door, name, told)
  let seq = 0
  const say = (channel: 'readings' | 'bags' | 'power' | 'position', ...body: object[]) => {
    const receivedAt = world.clock.now
    const uptimeMs = receivedAt - noon + day
    return world.ingest.accept([aMessage({ device: name, seq: seq++, channel, body, receivedAt, uptimeMs })])
  }
  const reads = (celsius: number, at = world.clock.now) => say('readings', aReading(at, celsius))
  for (let at = noon - hour; at <= noon; at += 5 * minute) await reads(4, at)
  return {
    reads,
    power: (mains: boolean) => say('power', { at: world.clock.now, mains }),
    stands: (lat: number, lon: number) => say('position', { at: world.clock.now, lat, lon }),
    holds: (...added: string[]) => say('bags', { at: world.clock.now, added, removed: [] }),
    gives: (...removed: string[]) => say('bags', { at: world.clock.now, added: [], removed }),
  }
}

let bags = 0

/** A bag of red cells in the hospital's stock, with a tag of its own. */
async function aBag(door: Door, more: object = {}) {
  const din = `=A999926${String(++bags).padStart(6, '0')}00`
  const label = {
    din,
    productCode: 'E0336V00',
    component: 'red_cells',
    expiresAt: iso(noon + 10 * day + bags * minute),
  }
  const { bagId } = await door.ask(BagDetail, 'POST', '/bags', { ...label, facility: 'H1', ...more })
  const tag = `tag-${bags}`
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag })
  return { bagId, tag }
}

/** The mains of a fridge with these bags inside are lost, and everybody is told. */
async function aFailure(door: Door, count: number, name = 'failing') {
  const fridge = await aFridge(door, name)
  const inside = []
  for (let i = 0; i < count; i++) inside.push(await aBag(door))
  await fridge.holds(...inside.map(({ tag }) => tag))
  door.world.clock.now += minute
  await fridge.power(false)
  await watchAlarms(door.world.deps, { readySince: 0, since: 0 })
  const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
  const id = alarms.find(({ kind, device }) => kind === 'mains_lost' && device === name)?.id as number
  const [ids, tags] = [inside.map(({ bagId }) => bagId), inside.map(({ tag }) => tag)]
  return { fridge, inside: ids, tags, id, path: `/alarms/${id}/rescue` }
}

async function aStaff(door: Door) {
  return {
    lab: await aWorker(door, 'lab', 'transfusion_lab', 'H1'),
    nurse: await aWorker(door, 'nurse', 'nurse', 'H1'),
  }
}

const planOf = (door: Door, path: string) => door.ask(RescuePlan, 'GET', path)

test('how many bags a device takes is said by an engineer, and written down', async ({ door }) => {
  await aDevice(door.world, 'fridge-1')
  const [engineer, nurse] = [
    await aWorker(door, 'engineer', 'engineer', 'H1'),
    await aWorker(door, 'nurse', 'nurse', 'H1'),
  ]
  const path = '/devices/fridge-1/capacity'
  const shown = async () => (await door.ask(Device, 'GET', '/devices/fridge-1')).capacity
  expect(await shown()).toBeNull()
  expect(await refusal(nurse.put(path, { capacity: 10 }))).toMatchObject({ status: 403 })
  expect(await refusal(engineer.put(path, { capacity: -1 }))).toMatchObject({ status: 400 })
  expect(await done(engineer.put(path, { capacity: 10 }), Capacity)).toEqual({ capacity: 10 })
  expect(await shown()).toBe(10)
  await done(engineer.put(path, { capacity: null }), Capacity)
  expect(await shown()).toBeNull()
  const { rows } = await door.world.deps.database.pool.query(
    "select subject, after->'capacity' as capacity from audit_entry where action = 'device.capacity_set' order by id",
  )
  expect(rows).toEqual([
    { subject: 'fridge-1', capacity: 10 },
    { subject: 'fridge-1', capacity: null },
  ])
})

describe('a rescue plan', () => {
  test('says where each bag goes, and of each other device why not', async ({ door }) => {
    await aFridge(door, 'near')
    await aFridge(door, 'unqualified', { ...good, qualifiedUntil: noon })
    await aFridge(door, 'uncalibrated', { ...good, calibratedUntil: noon })
    await aFridge(door, 'mended', { ...good, isOut: true })
    await aFridge(door, 'unknown', null)
    await aFridge(door, 'full', { ...good, capacity: 0 })
    const warm = await aFridge(door, 'warm')
    await warm.reads(7)
    const { path, id, inside } = await aFailure(door, 2)
    const plan = await planOf(door, path)
    expect(plan).toMatchObject({ alarm: id, device: 'failing', carriers: 1, stays: [], accepted: [] })
    expect(plan.moves.map(({ order, bagId, to, by }) => [order, bagId, to, by])).toEqual(
      inside.map((bagId, index) => [index + 1, bagId, 'near', 'foot']),
    )
    const [first] = plan.moves
    expect(first).toMatchObject({
      facility: 'H1',
      wayMinutes: 7.5,
      placesLeft: 7,
      isHeld: false,
      reading: { celsius: 4 },
    })
    expect(first?.reasons.map(({ reason }) => reason)).toEqual(['only_choice', 'clean_record'])
    expect(first?.rejected.map(({ reason, devices }) => [reason, devices])).toEqual([
      ['retired', ['mended']],
      ['unqualified', ['unqualified', 'unknown']],
      ['calibration_overdue', ['uncalibrated']],
      ['in_alarm', ['warm']],
      ['full', ['full']],
    ])
    expect(plan.trips).toMatchObject([{ to: 'near', bags: inside }])
  })

  test('leaves out what is silent, out of range of late, or of another profile, and says so', async ({
    door,
  }) => {
    const { deps } = door.world
    await aFridge(door, 'silent')
    await aFridge(door, 'wide')
    await deps.database.pool.query(
      "update device_profile set high = 1000 where device_id = (select id from device where name = 'wide')",
    )
    const paused = await aFridge(door, 'paused')
    const { path } = await aFailure(door, 1)
    door.world.clock.now += 16 * minute
    await paused.reads(4)
    const { moves } = await planOf(door, path)
    expect(moves[0]).toMatchObject({ to: 'paused' })
    expect(moves[0]?.reasons.map(({ reason }) => reason)).toEqual(['only_choice', 'record_not_clean'])
    expect(moves[0]?.rejected.map(({ reason, devices }) => [reason, devices])).toEqual([
      ['wrong_profile', ['wide']],
      ['silent', ['silent']],
    ])
  })

  test('carries those with the least time left first, a held one last, and says of a lost one that it stays', async ({
    door,
  }) => {
    await aFridge(door, 'near', { ...good, capacity: 3 })
    const { path, inside, fridge } = await aFailure(door, 2)
    const [plain, held] = inside as [string, string]
    await door.ask(BagDetail, 'POST', `/bags/${held}/holds`, { kind: 'visual', reason: 'clots' })
    const breached = await aBag(door)
    await door.ask(BagDetail, 'POST', `/bags/${breached.bagId}/holds`, { kind: 'breach', reason: 'warm' })
    const handled = await aBag(door)
    await fridge.holds(breached.tag, handled.tag)
    const { moves, stays } = await planOf(door, path)
    // Of three places a third is a whole one: it is kept free.
    expect(moves.map(({ bagId }) => bagId).sort()).toEqual([plain, handled.bagId].sort())
    expect(stays.map(({ bagId, reason, isHeld }) => [bagId, reason, isHeld])).toEqual(
      expect.arrayContaining([
        [held, 'places_taken', true],
        [breached.bagId, 'spent', true],
      ]),
    )
    expect(moves.length + stays.length).toBe(4)
  })

  test('says of what was measured outside its limits that it is lost', async ({ door }) => {
    await aFridge(door, 'near')
    const { path, fridge } = await aFailure(door, 1)
    await fridge.reads(6.01)
    door.world.clock.now += 1_000
    const { moves, stays } = await planOf(door, path)
    expect(moves).toEqual([])
    expect(stays).toMatchObject([{ reason: 'spent' }])
  })

  test('goes by what a policy allows a bag to be outside its limits', async ({ door }) => {
    const { pool } = door.world.deps.database
    await pool.query("update facility set jurisdiction = 'UK'")
    await aFridge(door, 'near')
    const { path, fridge } = await aFailure(door, 1)
    const before = await planOf(door, path)
    // Five hours of a life, but for the way.
    expect(before.moves).toMatchObject([
      { to: 'near', leaveBy: iso(noon + 5 * hour + minute - 7.5 * minute) },
    ])
    await fridge.reads(7)
    door.world.clock.now += 5 * minute
    expect((await planOf(door, path)).moves).toMatchObject([
      { to: 'near', leaveBy: before.moves[0]?.leaveBy },
    ])
    await fridge.reads(10.01)
    door.world.clock.now += 1_000
    expect((await planOf(door, path)).stays).toMatchObject([{ reason: 'spent' }])
  })

  test('goes by the forecast where the fridge warms', async ({ door }) => {
    await aFridge(door, 'near')
    const { path, fridge } = await aFailure(door, 1)
    for (let minutes = 2; minutes <= 30; minutes++) {
      door.world.clock.now = noon + minutes * minute
      await fridge.reads(4 + minutes / 30)
    }
    const { limitAt } = await planOf(door, path)
    const p10 = Date.parse(limitAt?.p10 as string) - door.world.clock.now
    expect(p10).toBeGreaterThan(10 * minute)
    expect(p10).toBeLessThan(2 * hour)
  })

  test('carries nothing to what is to be defrosted soon, be it declared after it was shown', async ({
    door,
  }) => {
    await aFridge(door, 'near')
    const { path } = await aFailure(door, 1)
    const { lab, nurse } = await aStaff(door)
    expect((await planOf(door, path)).moves).toMatchObject([{ to: 'near' }])
    const from = door.world.clock.now + 3 * hour
    const defrost = { from: iso(from), to: iso(from + 20 * minute), reason: 'ice' }
    expect((await lab.post('/devices/near/defrosts', defrost)).status).toBeLessThan(300)
    expect(await refusal(nurse.post(path))).toMatchObject({ status: 409 })
    const { moves, stays } = await planOf(door, path)
    expect(moves).toEqual([])
    expect(stays.map(({ reason, rejected }) => [reason, rejected])).toEqual([
      [
        'no_device',
        [
          {
            reason: 'defrosting',
            zh: '设备正在除霜，或即将除霜',
            en: 'it is being defrosted, or will be soon',
            devices: ['near'],
          },
        ],
      ],
    ])
  })

  test('that is under way keeps where it goes from being defrosted until it is there or given up', async ({
    door,
  }) => {
    await aFridge(door, 'near')
    const { path } = await aFailure(door, 1)
    const { lab, nurse } = await aStaff(door)
    await done(nurse.post(path), Rescue)
    const from = (hours: number) => door.world.clock.now + hours * hour
    const defrost = (at: number) =>
      lab.post('/devices/near/defrosts', { from: iso(at), to: iso(at + 20 * minute), reason: 'ice' })
    expect(await refusal(defrost(from(4)))).toMatchObject({ status: 409, code: 'conflict' })
    expect((await defrost(from(4) + 1)).status).toBe(201)
    expect(await refusal(defrost(from(3)))).toMatchObject({ status: 409 })
    await done(nurse.post(`${path}/abandon`, { reason: 'it is to be defrosted' }), AbandonedRescue)
    expect((await defrost(from(3))).status).toBe(201)
  })

  test('looks at the devices of other facilities that tell where they are, and not at others', async ({
    door,
  }) => {
    const { pool } = door.world.deps.database
    const far = await aFridge(door, 'other')
    await aFridge(door, 'nowhere')
    const farther = await aFridge(door, 'beyond')
    const { path, fridge } = await aFailure(door, 1)
    await pool.query(`with made as (
        insert into facility (code, name, kind, time_zone, created_at) values ('H2', 'Second', 'hospital', 'UTC', 0) returning id
      ) update device_placement set facility_id = (select id from made)
        where device_id in (select id from device where name in ('other', 'nowhere', 'beyond'))`)
    expect((await planOf(door, path)).stays).toMatchObject([{ reason: 'no_device', rejected: [] }])
    await fridge.stands(36.06, 120.38)
    await far.stands(36.07, 120.4)
    await farther.stands(39.9, 116.4)
    const { moves, trips } = await planOf(door, path)
    expect(moves).toMatchObject([{ to: 'other', facility: 'H2', by: 'car', rejected: [] }])
    expect(moves[0]?.reasons.map(({ reason }) => reason)).toEqual([
      'only_choice',
      'clean_record',
      'other_facility',
      'by_car',
    ])
    expect(trips).toMatchObject([{ by: 'car' }])
  })

  test('is made for an alarm that asks for action only, and told to whoever may read that alarm', async ({
    door,
  }) => {
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    const say = aMessage({
      device: 'fridge-1',
      seq: 0,
      channel: 'power',
      body: [{ at: noon, mains: true, batteryPercent: 20 }],
    })
    await door.world.ingest.accept([say])
    await watchAlarms(door.world.deps, { readySince: 0, since: 0 })
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    const path = `/alarms/${alarms[0]?.id}/rescue`
    expect(await door.refused('GET', path)).toMatchObject({ code: 'conflict' })
    expect(await door.refused('GET', '/alarms/77/rescue')).toMatchObject({ code: 'not_found' })
    const courier = await aWorker(door, 'courier', 'courier', 'H1')
    expect((await courier.get(path)).status).toBe(403)
  })
})

describe('a rescue', () => {
  test('is what was planned, accepted by a person, once, told and written down', async ({ door }) => {
    await aFridge(door, 'near')
    const { path, id, inside } = await aFailure(door, 2)
    const { lab, nurse } = await aStaff(door)
    expect(await door.refused('POST', path, {})).toMatchObject({ code: 'person_required' })
    expect((await nurse.get(`/alarms/${id}`)).status).toBe(200)
    const shown = await door.ask(Alarms, 'GET', '/alarms?open=true')
    const raised = shown.alarms.filter((alarm) => alarm.id === id)
    expect(raised).toMatchObject([{ rescue: { bags: 2, plan: path } }])
    const { rescue, moves } = await done(nurse.post(path, { comment: 'on my way' }), Rescue)
    expect(moves).toEqual(
      inside.map((bagId, index) => ({
        ...{
          order: index + 1,
          bagId,
          label: expect.stringMatching(/ E0336V00$/),
          from: 'failing',
          to: 'near',
        },
        ...{ facility: 'H1', by: 'foot', state: 'intended', inside: 'failing', settledAt: null },
        ...{
          leaveBy: expect.any(String),
          acceptedAt: iso(noon + minute),
          isToInAlarm: false,
          isToGone: false,
        },
      })),
    )
    expect(await refusal(lab.post(path))).toMatchObject({ status: 409, code: 'conflict' })
    const plan = await planOf(door, path)
    expect([plan.moves, plan.stays, plan.accepted]).toEqual([[], [], moves])
    const { rows } = await door.world.deps.database.pool.query(
      `select n.kind, n.subject, n.data, a.action, a.reason, a.actor->>'kind' as by, n.facility_ids as told
       from news n join audit_entry a on a.action = n.kind and a.subject = n.subject where n.kind like 'rescue.%'`,
    )
    expect(rows).toEqual([
      {
        ...{ kind: 'rescue.accepted', subject: String(rescue), action: 'rescue.accepted', told: [1] },
        ...{ reason: 'on my way', by: 'person', data: { alarm: id, device: 'failing', bags: 2 } },
      },
    ])
  })

  test('is over for a bag once it is seen where it was to go; seen elsewhere that is said', async ({
    door,
  }) => {
    const near = await aFridge(door, 'near')
    const wrong = await aFridge(door, 'wrong', null)
    const { path, inside, tags, fridge } = await aFailure(door, 3)
    const { nurse } = await aStaff(door)
    await done(nurse.post(path), Rescue)
    const tasks = async () =>
      (await done(nurse.get('/tasks'), Tasks)).tasks
        .filter(({ kind }) => kind.startsWith('rescue'))
        .sort((a, b) => inside.indexOf(a.bagId ?? '') - inside.indexOf(b.bagId ?? ''))
        .map(({ kind, bagId, device, since, en, zh }) => [
          kind,
          inside.indexOf(bagId ?? ''),
          device,
          since,
          en,
          zh,
        ])
    const accepted = iso(noon + minute)
    const toCarry = ['Its device fails: carry it to near', '设备故障，请将血袋转移至 near']
    expect(await tasks()).toEqual(
      [0, 1, 2].map((bag) => ['rescue_to_carry', bag, 'failing', accepted, ...toCarry]),
    )

    door.world.clock.now += minute
    await fridge.gives(...tags)
    door.world.clock.now += minute
    await near.holds(tags[0] as string)
    await wrong.holds(tags[1] as string)
    expect((await tasks()).map(([kind, bag, device]) => [kind, bag, device])).toEqual([
      ['rescue_to_carry', 1, 'wrong'],
      ['rescue_to_carry', 2, 'failing'],
    ])
    const { accepted: moves } = await planOf(door, path)
    expect(moves.map(({ state, settledAt, inside }) => [state, settledAt, inside])).toEqual([
      ['arrived', iso(noon + 3 * minute), 'near'],
      ['intended', null, 'wrong'],
      ['intended', null, null],
    ])
    door.world.clock.now = noon + 31 * minute
    const said = (await tasks()).map(([kind, bag, , since, en]) => [kind, bag, since, en])
    const overdue = 'It was to be carried to near, and was not seen there'
    expect(said).toEqual([
      ['rescue_overdue', 1, iso(noon + 31 * minute), `${overdue}; it is inside wrong: look for it now`],
      ['rescue_overdue', 2, iso(noon + 31 * minute), `${overdue}: look for it now`],
    ])
    await done(nurse.post(`/bags/${inside[2]}/transfuse`, { startedAt: iso(noon) }), BagDetail)
    await wrong.gives(tags[1] as string)
    door.world.clock.now += minute
    await near.holds(tags[1] as string)
    expect(await tasks()).toEqual([])
    const { rows } = await door.world.deps.database.pool.query(
      "select data->>'to' as to from news where kind = 'rescue.arrived' order by id",
    )
    expect(rows).toEqual([{ to: 'near' }, { to: 'near' }])
  })

  test('takes places that no other rescue is given, until it is given up', async ({ door }) => {
    // Nine bags, with the tenth place kept free.
    await aFridge(door, 'near')
    const first = await aFailure(door, 6)
    const second = await aFailure(door, 6, 'failing-2')
    const { nurse } = await aStaff(door)
    await done(nurse.post(first.path), Rescue)
    const { moves, stays } = await planOf(door, second.path)
    expect([moves.length, stays.map(({ reason }) => reason)]).toEqual([3, Array(3).fill('places_taken')])
    await done(nurse.post(second.path), Rescue)
    expect(await refusal(nurse.post(second.path))).toMatchObject({ status: 409 })

    const abandon = `${first.path}/abandon`
    expect(await refusal(nurse.post(abandon))).toMatchObject({ status: 400 })
    expect(await done(nurse.post(abandon, { reason: 'it cools again' }), AbandonedRescue)).toEqual({
      alarm: first.id,
      abandoned: 6,
    })
    expect(await refusal(nurse.post(abandon, { reason: 'again' }))).toMatchObject({ status: 409 })
    expect((await done(nurse.post(second.path), Rescue)).moves).toHaveLength(3)
    expect((await planOf(door, first.path)).moves).toHaveLength(3)
    const { accepted } = await planOf(door, first.path)
    expect(accepted.map(({ state }) => state)).toEqual(Array(6).fill('abandoned'))
  })

  test('says so where the device it goes to fails as well', async ({ door }) => {
    const near = await aFridge(door, 'near')
    const { path } = await aFailure(door, 1)
    const { nurse } = await aStaff(door)
    await done(nurse.post(path), Rescue)
    await near.power(false)
    await watchAlarms(door.world.deps, { readySince: 0, since: 0 })
    expect((await planOf(door, path)).accepted).toMatchObject([{ to: 'near', isToInAlarm: true }])
    const { tasks } = await done(nurse.get('/tasks?kind=rescue_to_carry'), Tasks)
    expect(tasks).toMatchObject([
      { en: 'It was to be carried to near, which is in alarm now: give that up, and plan again' },
    ])
    await done(nurse.post(`${path}/abandon`, { reason: 'near fails too' }), AbandonedRescue)
    expect((await planOf(door, path)).stays).toMatchObject([{ reason: 'no_device' }])
  })

  test('says so where the device it goes to was moved away or retired since, told late or not', async ({
    door,
  }) => {
    for (const name of ['near', 'next']) await aFridge(door, name)
    const { path } = await aFailure(door, 1)
    const { nurse } = await aStaff(door)
    const planned = async () => {
      const { moves } = await done(nurse.post(path), Rescue)
      expect(moves).toMatchObject([{ isToGone: false }])
      return moves[0]?.to as string
    }
    const gone = async () => {
      const { accepted } = await planOf(door, path)
      expect(accepted.at(-1)).toMatchObject({ state: 'intended', isToGone: true })
      const { tasks } = await done(nurse.get('/tasks?kind=rescue_to_carry'), Tasks)
      expect(tasks).toMatchObject([
        { en: expect.stringMatching(/retired or moved away since: give that up, and plan again$/) },
      ])
      await done(nurse.post(`${path}/abandon`, { reason: 'it is not there' }), AbandonedRescue)
    }
    const other = { name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }
    await door.ask(Facility, 'POST', '/facilities', { code: 'H2', ...other })
    const first = await planned()
    await door.ask(DeviceMove, 'POST', `/devices/${first}/moves`, {
      ...{ facility: 'H2', at: iso(noon - minute), reason: 'it was carried over before the plan' },
    })
    await gone()
    const second = await planned()
    expect(second).not.toBe(first)
    await door.ask(Revocation, 'POST', `/devices/${second}/revocation`, { reason: 'it was replaced' })
    await gone()
  })

  test('is answered once for one key', async ({ door }) => {
    await aFridge(door, 'near')
    const { path } = await aFailure(door, 1)
    const token = await signedIn(door, 'nurse', 'nurse', 'H1')
    const ask = async () => {
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'one',
      }
      const response = await door.raw(path, { method: 'POST', headers, body: '{}' })
      return { status: response.status, text: await response.text() }
    }
    const told = await ask()
    expect(told.status, told.text).toBe(201)
    expect(await ask()).toEqual(told)
  })
})
