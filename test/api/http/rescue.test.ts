import { describe, expect } from 'vitest'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Device, Fitness } from '../../../schema/http/devices.ts'
import { RescuePlan } from '../../../schema/http/rescues.ts'
import { aWorker, done, refusal } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const good = { capacity: 10, qualifiedUntil: iso(noon + day), calibratedUntil: iso(noon + day) }

/** A fridge at the hospital that has measured 4 °C for an hour, and what it says. */
async function aFridge(door: Door, name: string, fitness: object | null = good, facility = 'H1') {
  const { world } = door
  await aDevice(world, name, {}, noon - day, facility)
  if (fitness) await door.ask(Fitness, 'PUT', `/devices/${name}/fitness`, fitness)
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
  }
}

let bags = 0

/** A bag of red cells in the hospital's stock, with a tag of its own. */
async function aBag(door: Door, more: object = {}) {
  const din = `=A999926${String(++bags).padStart(6, '0')}00`
  const label = { din, productCode: 'E0336V00', component: 'red_cells', expiresAt: iso(noon + 10 * day) }
  const { bagId } = await door.ask(BagDetail, 'POST', '/bags', { ...label, facility: 'H1', ...more })
  const tag = `tag-${bags}`
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag })
  return { bagId, tag }
}

/** The mains of a fridge with these bags inside are lost, and everybody is told. */
async function aFailure(door: Door, count: number) {
  const fridge = await aFridge(door, 'failing')
  const inside = []
  for (let i = 0; i < count; i++) inside.push(await aBag(door))
  await fridge.holds(...inside.map(({ tag }) => tag))
  door.world.clock.now += minute
  await fridge.power(false)
  await watchAlarms(door.world.deps, { readySince: 0, since: 0 })
  const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
  const id = alarms.find(({ kind }) => kind === 'mains_lost')?.id as number
  return { fridge, inside: inside.map(({ bagId }) => bagId), id, path: `/alarms/${id}/rescue` }
}

const planOf = (door: Door, path: string) => door.ask(RescuePlan, 'GET', path)

describe('the fitness of a device', () => {
  test('is said by an engineer, from an instant on, and written down', async ({ door }) => {
    await aDevice(door.world, 'fridge-1')
    const [engineer, nurse] = [
      await aWorker(door, 'engineer', 'engineer', 'H1'),
      await aWorker(door, 'nurse', 'nurse', 'H1'),
    ]
    const path = '/devices/fridge-1/fitness'
    expect((await door.ask(Device, 'GET', '/devices/fridge-1')).fitness).toBeNull()
    expect(await refusal(nurse.put(path, good))).toMatchObject({ status: 403 })
    expect(await refusal(engineer.put(path, { ...good, capacity: -1 }))).toMatchObject({ status: 400 })
    const past = { ...good, from: iso(noon - 1) }
    expect(await refusal(engineer.put(path, past))).toMatchObject({ status: 400 })
    await done(engineer.put(path, good), Fitness)
    expect(await refusal(engineer.put(path, good))).toMatchObject({ status: 409 })
    const later = { capacity: null, qualifiedUntil: null, calibratedUntil: null, from: iso(noon + hour) }
    await done(engineer.put(path, later), Fitness)
    const { fitness } = await door.ask(Device, 'GET', '/devices/fridge-1')
    expect(fitness).toEqual({ ...good, from: iso(noon) })
    door.world.clock.now += hour
    expect((await door.ask(Device, 'GET', '/devices/fridge-1')).fitness).toEqual(later)
    const { rows } = await door.world.deps.database.pool.query(
      "select subject, after->'capacity' as capacity from audit_entry where action = 'device.fitness_set' order by id",
    )
    expect(rows).toEqual([
      { subject: 'fridge-1', capacity: 10 },
      { subject: 'fridge-1', capacity: null },
    ])
  })
})

describe('a rescue plan', () => {
  test('says where each bag goes, and of each other device why not', async ({ door }) => {
    await aFridge(door, 'near')
    await aFridge(door, 'unqualified', { ...good, qualifiedUntil: iso(noon) })
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
      ['unqualified', ['unqualified', 'unknown']],
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
