import { describe, expect } from 'vitest'
import { startFindingHoles } from '../../../api/jobs/find-holes.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { DeviceMove } from '../../../schema/http/devices.ts'
import {
  Calibration,
  Calibrations,
  Maintenance,
  ManualReading,
  Mapping,
  Mappings,
  Qualification,
} from '../../../schema/http/equipment.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { SequenceHoles } from '../../../schema/http/sequence-holes.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import type { TaskKind } from '../../../schema/vocabulary.ts'
import { aBagInStock, aCity, aWorker, done, refusal, type Worker } from '../../support/hospital.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, noon, silent } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const calibrated = (validUntil: number, changes: object = {}) => ({
  probe: 'load',
  doneAt: iso(noon - day),
  validUntil: iso(validUntil),
  certificate: 'C-2020-17',
  offset: -0.12,
  doneBy: 'Institute of Metrology',
  ...changes,
})

const mapped = (to: number, changes: object = {}) => ({
  from: iso(to - day),
  to: iso(to),
  points: ['top', 'middle', 'bottom'].map((place, index) => ({ place, coldest: 3 + index / 10, warmest: 5 })),
  result: 'passed',
  ...changes,
})

/** Of a device whose clock goes as ours does. */
const upFor = (now: number) => hour + now - noon

/** A fridge of the hospital that measures, and who looks after it. */
async function aFridge(door: Door) {
  const city = await aCity(door)
  await aDevice(door.world, 'fridge-1', {}, noon - 10 * day)
  const { clock } = door.world
  let seq = 0
  const say = (channel: 'readings' | 'bags', body: unknown) =>
    door.world.ingest.accept([
      aMessage({
        device: 'fridge-1',
        seq: seq++,
        channel,
        receivedAt: clock.now,
        uptimeMs: upFor(clock.now),
        body,
      }),
    ])
  await say('readings', [aReading(clock.now, 4)])
  const engineer = await aWorker(door, 'engineer', 'engineer', 'H1')
  return { city, engineer, say, clock }
}

/** The same, with a bag inside. */
async function aFridgeWithABag(door: Door) {
  const fridge = await aFridge(door)
  const { bagId } = await aBagInStock(fridge.city, 1)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(noon) })
  await fridge.say('bags', [{ at: noon, added: ['T1'], removed: [] }])
  return fridge
}

const tasksOf = async (worker: Worker, kind: TaskKind) =>
  (await done(worker.get(`/tasks?kind=${kind}`), Tasks)).tasks

const record = (worker: Worker, path: string, body: object) => worker.post(`/devices/fridge-1/${path}`, body)

describe('a calibration', () => {
  test('is on record with who wrote it down, and is to be seen to before it runs out', async ({ door }) => {
    const { engineer, clock } = await aFridge(door)
    clock.now = noon + 14 * day - 1
    expect(await tasksOf(engineer, 'calibration_due')).toEqual([])
    clock.now = noon + 14 * day
    const [missing, ...others] = await tasksOf(engineer, 'calibration_due')
    expect(others).toEqual([])
    expect(missing).toEqual({
      kind: 'calibration_due',
      bagId: null,
      label: null,
      device: 'fridge-1',
      deviceLabel: null,
      probe: 'load',
      facility: 'H1',
      since: iso(noon + 14 * day),
      zh: expect.stringContaining('无校准记录'),
      en: expect.stringContaining('No calibration'),
    })
    const added = await done(record(engineer, 'calibrations', calibrated(noon + 45 * day)), Calibration)
    expect(added).toMatchObject({ offset: -0.12, recordedBy: { kind: 'person' }, recordedAt: iso(clock.now) })
    expect(await tasksOf(engineer, 'calibration_due')).toEqual([])
    clock.now = noon + 15 * day
    expect(await tasksOf(engineer, 'calibration_due')).toMatchObject([
      { since: iso(noon + 15 * day), en: expect.stringContaining('soon') },
    ])
    clock.now = noon + 45 * day
    expect(await tasksOf(engineer, 'calibration_due')).toMatchObject([
      { since: iso(noon + 45 * day), en: expect.stringContaining('run out') },
    ])
    const { rows } = await door.world.deps.database.pool.query(
      `select action, subject, actor->>'kind' as by from audit_entry where action like 'calibration%'`,
    )
    expect(rows).toEqual([{ action: 'calibration.recorded', subject: 'fridge-1', by: 'person' }])
  })

  test('counts by when it was done, not by when it was written down', async ({ door }) => {
    const { engineer } = await aFridge(door)
    await done(record(engineer, 'calibrations', calibrated(noon + 300 * day)), Calibration)
    const older = { doneAt: iso(noon - 9 * day) }
    await done(record(engineer, 'calibrations', calibrated(noon - day, older)), Calibration)
    expect(await tasksOf(engineer, 'calibration_due')).toEqual([])
  })

  test('that is still to come, or ends before it was done, is refused; so is a key', async ({ door }) => {
    const { engineer, city } = await aFridge(door)
    const tomorrow = { doneAt: iso(noon + 1) }
    expect(
      await refusal(record(engineer, 'calibrations', calibrated(noon + 9 * day, tomorrow))),
    ).toMatchObject({
      code: 'invalid_request',
      detail: expect.stringContaining('doneAt'),
    })
    expect((await record(engineer, 'calibrations', calibrated(noon - day))).status).toBe(400)
    const path = '/devices/fridge-1/calibrations'
    expect(await door.refused('POST', path, calibrated(noon + day))).toMatchObject({
      code: 'person_required',
    })
    expect((await record(city.nurse, 'calibrations', calibrated(noon + day))).status).toBe(403)
    expect(await done(city.nurse.get(path), Calibrations)).toEqual({ calibrations: [], next: null })
  })
})

test('records are listed newest first, page by page', async ({ door }) => {
  const { engineer } = await aFridge(door)
  for (const number of [1, 2, 3])
    await record(engineer, 'calibrations', calibrated(noon + day, { certificate: `C-${number}` }))
  const path = '/devices/fridge-1/calibrations?limit=2'
  const first = await done(engineer.get(path), Calibrations)
  expect(first.calibrations.map(({ certificate }) => certificate)).toEqual(['C-3', 'C-2'])
  const second = await done(engineer.get(`${path}&before=${first.next}`), Calibrations)
  expect(second.calibrations.map(({ certificate }) => certificate)).toEqual(['C-1'])
  expect(second.next).toBeNull()
})

describe('a mapping', () => {
  test('that the device passed holds for a year, and one it failed for nothing', async ({ door }) => {
    const { engineer, clock } = await aFridge(door)
    clock.now = noon + 30 * day - 1
    expect(await tasksOf(engineer, 'mapping_due')).toEqual([])
    clock.now = noon + 30 * day
    expect(await tasksOf(engineer, 'mapping_due')).toMatchObject([
      { since: iso(noon + 30 * day), device: 'fridge-1', zh: expect.stringContaining('温度分布') },
    ])
    clock.now = noon
    await done(record(engineer, 'mappings', mapped(noon, { result: 'failed' })), Mapping)
    expect(await tasksOf(engineer, 'mapping_due')).toMatchObject([{ since: iso(noon) }])
    const added = await done(record(engineer, 'mappings', mapped(noon - day)), Mapping)
    expect(added.points[1]).toEqual({ place: 'middle', coldest: 3.1, warmest: 5 })
    expect(await tasksOf(engineer, 'mapping_due')).toEqual([])
    clock.now = noon - day + 335 * day
    expect(await tasksOf(engineer, 'mapping_due')).toMatchObject([{ since: iso(clock.now) }])
    expect((await done(engineer.get('/devices/fridge-1/mappings'), Mappings)).mappings).toHaveLength(2)
  })

  test('shorter than a day, or at two points, is none', async ({ door }) => {
    const { engineer } = await aFridge(door)
    const short = mapped(noon, { from: iso(noon - day + 1) })
    expect((await refusal(record(engineer, 'mappings', short))).detail).toContain('24 h')
    const few = mapped(noon, { points: mapped(noon).points.slice(0, 2) })
    expect((await refusal(record(engineer, 'mappings', few))).detail).toContain('3 points')
  })
})

describe('a device that is new here', () => {
  test('is no task for its papers, but for those that have run out, and that it is not qualified', async ({
    door,
  }) => {
    const { engineer } = await aFridgeWithABag(door)
    const kinds = async () => (await done(engineer.get('/tasks'), Tasks)).tasks.map(({ kind }) => kind)
    const about = ['calibration_due', 'mapping_due', 'device_unqualified']
    const told = async () => (await kinds()).filter((kind) => about.includes(kind)).sort()
    expect(await told()).toEqual(['device_unqualified'])
    await done(record(engineer, 'calibrations', calibrated(noon)), Calibration)
    await done(record(engineer, 'mappings', mapped(noon - 366 * day)), Mapping)
    expect(await told()).toEqual(['calibration_due', 'device_unqualified', 'mapping_due'])
  })

  test('hides none that has been here for longer, however many there are', async ({ door }) => {
    const { engineer, clock } = await aFridge(door)
    const { pool } = door.world.deps.database
    clock.now = noon + 40 * day
    await pool.query(
      `with made as (
         insert into device (name, kind, secret_hash, in_service_from, created_at)
         select 'new-' || n, 'fridge', 'x', 0, $1 from generate_series(1, 250) n returning id
       ), placed as (
         insert into device_placement (device_id, "from", facility_id)
         select made.id, 0, facility.id from made, facility where code = 'H1'
       ), probes as (
         insert into probe (device_id, kind) select id, 'load' from made returning id
       ) insert into probe_state (probe_id, version, first_at, last_at, last_boot, last_centi, last_received_at)
         select id, 1, 0, 0, 'a', 400, 0 from probes`,
      [clock.now],
    )
    for (const kind of ['calibration_due', 'mapping_due'] as const)
      expect((await tasksOf(engineer, kind)).map(({ device }) => device)).toEqual(['fridge-1'])
  })
})

describe('a device that holds bags', () => {
  const qualify = async (worker: Worker, stage: string, changes: object = {}) =>
    done(
      record(worker, 'qualifications', { stage, doneAt: iso(noon - day), result: 'passed', ...changes }),
      Qualification,
    )

  test('must be qualified in all three stages, and in service', async ({ door }) => {
    const { engineer, clock } = await aFridgeWithABag(door)
    const unfit = () => tasksOf(engineer, 'device_unqualified')
    expect(await unfit()).toMatchObject([{ device: 'fridge-1', since: iso(noon) }])
    await qualify(engineer, 'IQ')
    await qualify(engineer, 'OQ')
    expect(await unfit()).toHaveLength(1)
    await qualify(engineer, 'PQ', { validUntil: iso(noon + hour) })
    expect(await unfit()).toEqual([])
    clock.now = noon + hour
    expect(await unfit()).toMatchObject([{ since: iso(noon + hour) }])
    await qualify(engineer, 'PQ', { doneAt: iso(noon) })
    expect(await unfit()).toEqual([])
    const what = 'compressor'
    await done(record(engineer, 'maintenance', { what, doneAt: iso(clock.now) }), Maintenance)
    expect(await unfit()).toMatchObject([
      { since: iso(clock.now), en: expect.stringContaining('out of service') },
    ])
    clock.now += hour
    const back = { what, doneAt: iso(clock.now - hour), backInServiceAt: iso(clock.now) }
    await done(record(engineer, 'maintenance', back), Maintenance)
    expect(await unfit()).toEqual([])
  })

  test('must be qualified again where it stands once it was moved', async ({ door }) => {
    const { engineer } = await aFridgeWithABag(door)
    const unfit = async () => (await door.ask(Tasks, 'GET', '/tasks?kind=device_unqualified')).tasks
    for (const stage of ['IQ', 'OQ', 'PQ']) await qualify(engineer, stage)
    expect(await unfit()).toEqual([])
    const ward = { code: 'H7', name: 'Ward', kind: 'hospital', timeZone: 'Asia/Shanghai' }
    await door.ask(Facility, 'POST', '/facilities', ward)
    const move = { facility: 'H7', at: iso(noon), reason: 'the theatre moved' }
    await door.ask(DeviceMove, 'POST', '/devices/fridge-1/moves', move)
    expect(await unfit()).toMatchObject([
      { device: 'fridge-1', since: iso(noon), en: expect.stringContaining('since it was moved') },
    ])
  })

  test('is read by hand twice a day where that is asked for, eight hours apart', async ({ door }) => {
    const { city, clock, engineer } = await aFridgeWithABag(door)
    const missing = () => tasksOf(city.nurse, 'manual_reading_missing')
    const read = () => done(record(city.nurse, 'manual-readings', { celsius: 4.2 }), ManualReading)
    // Noon UTC is 20:00 in Shanghai: the day began at 16:00 UTC of the day before.
    clock.now = noon + 5 * hour
    const midnight = noon + 4 * hour
    expect(await missing()).toMatchObject([{ since: iso(midnight), device: 'fridge-1', bagId: null }])
    await read()
    expect(await missing()).toEqual([])
    clock.now += 8 * hour
    expect(await missing()).toMatchObject([{ since: iso(clock.now) }])
    await read()
    expect(await missing()).toEqual([])
    clock.now = midnight + day
    expect(await missing()).toMatchObject([{ since: iso(midnight + day) }])
    expect(await tasksOf(engineer, 'manual_reading_missing')).toHaveLength(1)
  })

  test('of a hospital elsewhere is read as often as is asked for there', async ({ door }) => {
    await aFridgeWithABag(door)
    await door.world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
    const nurse = await aWorker(door, 'ward', 'nurse', 'H1')
    expect(await tasksOf(nurse, 'manual_reading_missing')).toEqual([])
  })
})

describe('a reading by hand', () => {
  test('is compared with what the probe shows, and too far from it somebody must look', async ({ door }) => {
    const { city, say, clock } = await aFridge(door)
    const read = (celsius: number) =>
      done(record(city.nurse, 'manual-readings', { celsius, remark: 'glass thermometer' }), ManualReading)
    expect(await read(5)).toMatchObject({
      celsius: 5,
      probe: 'load',
      compared: { at: iso(noon), celsius: 4, difference: 1 },
      remark: 'glass thermometer',
    })
    expect(await tasksOf(city.lab, 'manual_reading_differs')).toEqual([])
    clock.now += minute
    expect(await read(2.99)).toMatchObject({ compared: { difference: -1.01 } })
    expect(await tasksOf(city.lab, 'manual_reading_differs')).toMatchObject([
      { device: 'fridge-1', probe: 'load', since: iso(noon + minute) },
    ])
    clock.now += minute
    await say('readings', [aReading(clock.now, 4.5)])
    await read(4.4)
    expect(await tasksOf(city.lab, 'manual_reading_differs')).toEqual([])
  })

  test('stands alone where the probe has been silent, or the clock of the device is not believed', async ({
    door,
  }) => {
    const { city, say, clock } = await aFridge(door)
    const read = () => done(record(city.nurse, 'manual-readings', { celsius: 9 }), ManualReading)
    clock.now += 15 * minute + 1
    expect((await read()).compared).toBeNull()
    await say('readings', [aReading(clock.now, 4)])
    expect((await read()).compared).not.toBeNull()
    await door.world.ingest.accept([
      aMessage({
        device: 'fridge-1',
        boot: 'boot-b',
        seq: 0,
        receivedAt: clock.now,
        uptimeMs: upFor(clock.now),
        sentAt: clock.now - 5 * minute,
        body: [aReading(clock.now - 5 * minute, 4)],
      }),
    ])
    expect((await read()).compared).toBeNull()
  })

  test('is taken by a person, and by none from elsewhere', async ({ door }) => {
    await aFridge(door)
    await door.ask(Facility, 'POST', '/facilities', {
      code: 'H2',
      name: 'Second',
      kind: 'hospital',
      timeZone: 'Asia/Shanghai',
    })
    const path = '/devices/fridge-1/manual-readings'
    expect(await door.refused('POST', path, { celsius: 4 })).toMatchObject({ code: 'person_required' })
    const far = await aWorker(door, 'far', 'nurse', 'H2')
    expect((await far.post(path, { celsius: 4 })).status).toBe(404)
    expect((await far.get(path)).status).toBe(404)
  })
})

test('an engineer is told what to do about devices, and nothing of bags', async ({ door }) => {
  const { engineer, city, say, clock } = await aFridgeWithABag(door)
  clock.now += minute
  await say('bags', [{ at: clock.now, added: [], removed: ['T1'] }])
  clock.now += hour
  expect(await tasksOf(city.nurse, 'taken_without_issue')).toHaveLength(1)
  await done(record(engineer, 'calibrations', calibrated(noon)), Calibration)
  const { tasks } = await done(engineer.get('/tasks'), Tasks)
  expect(tasks.length).toBeGreaterThan(0)
  expect(tasks.filter(({ bagId }) => bagId !== null)).toEqual([])
})

describe('messages that never came', () => {
  async function aLoss(door: Door) {
    const { city, engineer, clock } = await aFridge(door)
    const send = (seq: number) =>
      door.world.ingest.accept([
        aMessage({
          device: 'fridge-1',
          seq,
          receivedAt: clock.now,
          uptimeMs: upFor(clock.now),
          body: [aReading(clock.now, 4)],
        }),
      ])
    clock.now += minute
    await send(4)
    const { pool } = door.world.deps.database
    const remembered = async () => (await pool.query('select from_seq from sequence_hole')).rowCount
    const look = async (holes: number) => {
      const stop = startFindingHoles({ database: door.world.deps.database, log: silent }, { everyMs: 5 })
      await until(async () => (await remembered()) === holes)
      await stop()
    }
    return { city, engineer, clock, send, look }
  }
  const holesOf = async (worker: Worker) =>
    done(worker.get('/devices/fridge-1/sequence-holes'), SequenceHoles)

  test('are told of at once, and no more when they come late', async ({ door }) => {
    const { engineer, send, look } = await aLoss(door)
    const all = {
      holes: [{ boot: 'boot-a', fromSeq: 1, toSeq: 3, seenAt: iso(noon + minute) }],
      complete: true,
    }
    expect(await holesOf(engineer)).toEqual(all)
    await look(1)
    expect(await holesOf(engineer)).toEqual(all)
    await send(2)
    expect((await holesOf(engineer)).holes).toMatchObject([
      { fromSeq: 3, toSeq: 3 },
      { fromSeq: 1, toSeq: 1 },
    ])
    await look(2)
    await send(1)
    await send(3)
    expect(await holesOf(engineer)).toEqual({ holes: [], complete: true })
    await look(0)
  })

  test('are to be seen to after a day, for as long as anybody can say what was in them', async ({ door }) => {
    const { engineer, clock, look } = await aLoss(door)
    await look(1)
    const seenAt = clock.now
    clock.now = seenAt + day - 1
    expect(await tasksOf(engineer, 'sequence_hole')).toEqual([])
    clock.now = seenAt + day
    expect(await tasksOf(engineer, 'sequence_hole')).toMatchObject([
      { device: 'fridge-1', facility: 'H1', bagId: null, since: iso(seenAt + day) },
    ])
    clock.now = seenAt + 35 * day + 1
    expect(await tasksOf(engineer, 'sequence_hole')).toEqual([])
  })

  test('are no task once they have come, be it that nobody has looked since', async ({ door }) => {
    const { engineer, clock, look, send } = await aLoss(door)
    await look(1)
    clock.now += day
    expect(await tasksOf(engineer, 'sequence_hole')).toHaveLength(1)
    for (const seq of [1, 2, 3]) await send(seq)
    expect(await tasksOf(engineer, 'sequence_hole')).toEqual([])
  })
})
