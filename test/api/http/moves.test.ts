import { describe, expect } from 'vitest'
import { z } from 'zod'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { BagDetail, Trace } from '../../../schema/http/bags.ts'
import {
  Device,
  DeviceMove,
  Devices,
  Label,
  ProvisionedDevice,
  Revocation,
} from '../../../schema/http/devices.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { NewContact, Roster } from '../../../schema/http/rosters.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aWorker, done, refusal } from '../../support/hospital.ts'
import { aMessage, aReading, noon } from '../../support/world.ts'
import { aFridge, type Door, iso, test } from './door.ts'

const minute = 60_000
const day = 1_440 * minute

/** A fridge of H1 with a bag inside, and H2 beside it, in the United Kingdom. */
async function aHospital(door: Door, more: Record<string, unknown> = {}) {
  const { world } = door
  const other = { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Europe/London' }
  await door.ask(Facility, 'POST', '/facilities', { ...other, jurisdiction: 'UK' })
  const inServiceFrom = iso(noon - day)
  await door.ask(ProvisionedDevice, 'POST', '/devices', aFridge('f1', { inServiceFrom, ...more }))
  const { bagId } = await door.ask(BagDetail, 'POST', '/bags', {
    din: '=A99992600000100',
    productCode: 'E0336V00',
    component: 'red_cells',
    expiresAt: iso(noon + 30 * day),
    facility: 'H1',
  })
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 't1', from: iso(noon - 60 * minute) })
  let seq = 0
  const tell = (channel: 'bags' | 'readings', body: unknown) =>
    world.ingest.accept([aMessage({ device: 'f1', channel, seq: seq++, receivedAt: world.clock.now, body })])
  const measure = (celsius: number, at = world.clock.now) =>
    tell('readings', [aReading(at, celsius), aReading(at, celsius)])
  await tell('bags', [{ at: noon - 30 * minute, added: ['t1'], removed: [] }])
  const look = () => watchAlarms(world.deps, { readySince: 0, since: 0 })
  const audited = async (action: string) =>
    (
      await world.deps.database.pool.query(
        'select actor, before, after, reason from audit_entry where action = $1 order by id',
        [action],
      )
    ).rows
  const news = async (kind: string) =>
    (
      await world.deps.database.pool.query(
        `select subject, data, array(select code from facility where id = any(facility_ids) order by code) as told
         from news where kind = $1 order by id`,
        [kind],
      )
    ).rows
  return { bagId, measure, look, audited, news }
}

const move = (door: Door, body: Record<string, unknown>) =>
  door.ask(DeviceMove, 'POST', '/devices/f1/moves', { reason: 'the ward moved', ...body })

describe('a device that is moved', () => {
  test('stands where it is said to, since then, and both facilities are told', async ({ door }) => {
    const { bagId, audited, news } = await aHospital(door)
    const at = noon - 10 * minute
    expect(await move(door, { facility: 'H2', at: iso(at) })).toEqual({
      name: 'f1',
      facility: 'H2',
      from: iso(at),
    })
    expect(await door.ask(Device, 'GET', '/devices/f1')).toMatchObject({ name: 'f1', facility: 'H2' })
    expect(await audited('device.moved')).toMatchObject([
      {
        actor: { kind: 'integration' },
        before: { facility: 'H1' },
        after: { facility: 'H2', from: at },
        reason: 'the ward moved',
      },
    ])
    expect(await news('device.moved')).toEqual([
      { subject: 'f1', data: { from: 'H1', to: 'H2', at: iso(at) }, told: ['H1', 'H2'] },
    ])
    const { places } = await door.ask(Trace, 'GET', `/bags/${bagId}/trace`)
    expect(places.map(({ facility, from, to }) => [facility, from, to])).toEqual([
      ['H1', iso(noon - 30 * minute), iso(at)],
      ['H2', iso(at), iso(noon)],
    ])
    // Nobody has sent the bag along.
    expect(await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).toMatchObject({
      holder: 'H1',
      place: { facility: 'H2' },
    })
    const { tasks } = await door.ask(Tasks, 'GET', '/tasks?kind=seen_elsewhere')
    expect(tasks).toMatchObject([{ bagId, facility: 'H1', device: 'f1' }])
  })

  test('is refused where it cannot have moved, and that changes nothing', async ({ door }) => {
    await aHospital(door)
    for (const [body, status, code, said] of [
      [{ facility: 'H1' }, 409, 'conflict', 'device f1 stands at H1 already'],
      [{ facility: 'H2', at: iso(noon + 1) }, 400, 'invalid_request', 'is still to come'],
      [{ facility: 'H2', at: iso(noon - day) }, 409, 'conflict', 'has stood at H1 since'],
      [{ facility: 'H2', at: iso(noon - 2 * day) }, 409, 'conflict', 'has stood at H1 since'],
      [{ facility: 'H9' }, 404, 'not_found', 'no facility has the code H9'],
      [{ facility: 'H2', at: 'yesterday' }, 400, 'invalid_request', ''],
      [{ facility: 'H2', reason: ' ' }, 400, 'invalid_request', ''],
    ] as const)
      expect(await door.refused('POST', '/devices/f1/moves', { reason: 'moved', ...body })).toMatchObject({
        status,
        code,
        detail: expect.stringContaining(said),
      })
    expect(await door.ask(Device, 'GET', '/devices/f1')).toMatchObject({ facility: 'H1' })
  })

  test('takes who manages devices at both, and is with its past there for who sees that only', async ({
    door,
  }) => {
    const { measure, look } = await aHospital(door)
    const here = await aWorker(door, 'here', 'engineer', 'H1')
    const there = await aWorker(door, 'there', 'engineer', 'H2')
    const body = { facility: 'H2', reason: 'the ward moved' }
    expect(await refusal(here.post('/devices/f1/moves', body))).toMatchObject({ status: 404 })
    expect(await refusal(there.post('/devices/f1/moves', body))).toMatchObject({ status: 404 })
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    expect(await refusal(nurse.post('/devices/f1/moves', body))).toMatchObject({ status: 403 })

    await measure(7, noon - 5 * minute)
    await measure(7)
    await look()
    await move(door, body)
    await look()
    expect((await done(there.get('/devices'), Devices)).devices.map(({ name }) => name)).toEqual(['f1'])
    expect((await there.get('/devices/f1/excursions')).status).toBe(200)
    expect((await done(there.get('/alarms'), Alarms)).alarms).toMatchObject([
      { kind: 'load_high', facility: 'H2' },
    ])
    expect((await done(here.get('/devices'), Devices)).devices).toEqual([])
    expect(await refusal(here.get('/devices/f1/excursions'))).toMatchObject({ status: 404 })
    expect((await done(here.get('/alarms'), Alarms)).alarms).toEqual([])
  })

  test('has its alarms told to who is on duty where it stands', async ({ door }) => {
    const { measure, look } = await aHospital(door, { label: '手术室 2 号冰箱' })
    for (const code of ['H1', 'H2']) {
      const name = `ward-${code}`
      const contacts = `/facilities/${code}/contacts`
      await door.ask(NewContact, 'POST', contacts, { name, url: 'https://sms.test/' })
      const always = { weekdays: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '00:00' }
      await door.ask(Roster, 'POST', `/facilities/${code}/roster/shifts`, {
        ...{ step: 'ward', contact: name },
        ...always,
      })
    }
    await measure(7, noon - 5 * minute)
    await measure(7)
    await look()
    await move(door, { facility: 'H2' })
    await look()
    const { rows } = await door.world.deps.database.pool.query<{ name: string; body: unknown }>(
      'select c.name, n.body from notice n join contact c on c.id = n.contact_id order by n.id',
    )
    const said = { devices: [{ device: 'f1', label: '手术室 2 号冰箱' }] }
    expect(rows).toMatchObject([
      { name: 'ward-H1', body: { facility: { code: 'H1' }, ...said } },
      {
        name: 'ward-H2',
        body: {
          facility: { code: 'H2' },
          ...said,
          zh: { subject: '血液温度过高：Second Hospital 手术室 2 号冰箱 [f1] (load)' },
          en: { subject: 'The blood is too warm: Second Hospital, 手术室 2 号冰箱 [f1] (load)' },
        },
      },
    ])
  })
})

test('a device that is moved to where other policies are in force is told its delays anew', async ({
  door,
}) => {
  await aHospital(door)
  const { pool } = door.world.deps.database
  const settings = async () =>
    (await pool.query("select body from device_command where kind = 'configure' order by issued_at, id")).rows
  await move(door, { facility: 'H2' })
  expect(await settings()).toHaveLength(1)
})

describe('what people call a device', () => {
  test('is given with it or later, shown wherever it is named, and taken away again', async ({ door }) => {
    const { measure, look, audited } = await aHospital(door, { label: 'Theatre 2' })
    const label = async () => (await door.ask(Device, 'GET', '/devices/f1')).label
    expect(await label()).toBe('Theatre 2')
    const [said] = ['手术室 2 号冰箱 ❄']
    expect(await door.ask(Label, 'PUT', '/devices/f1/label', { label: said })).toEqual({ label: said })
    expect(await label()).toBe(said)
    expect((await door.ask(Devices, 'GET', '/devices')).devices).toMatchObject([{ name: 'f1', label: said }])
    await measure(7, noon - 5 * minute)
    await measure(7)
    await look()
    expect((await door.ask(Alarms, 'GET', '/alarms')).alarms).toMatchObject([
      { device: 'f1', deviceLabel: said },
    ])
    const { tasks } = await door.ask(Tasks, 'GET', '/tasks?kind=device_unqualified')
    expect(tasks).toMatchObject([{ device: 'f1', deviceLabel: said }])

    await door.ask(Label, 'PUT', '/devices/f1/label', { label: null })
    expect(await label()).toBeNull()
    expect((await audited('device.labelled')).map(({ before, after }) => [before, after])).toEqual([
      [{ label: 'Theatre 2' }, { label: said }],
      [{ label: said }, { label: null }],
    ])
  })

  test('has from 1 to 80 characters, and may be what another one is called', async ({ door }) => {
    await aHospital(door, { label: 'A' })
    for (const label of ['', ' ', 'x'.repeat(81), 'a\nb', 7, undefined])
      expect(await door.refused('PUT', '/devices/f1/label', { label })).toMatchObject({ status: 400 })
    await door.ask(Label, 'PUT', '/devices/f1/label', { label: '冰'.repeat(80) })
    for (const name of ['f2', 'f3'])
      await door.ask(ProvisionedDevice, 'POST', '/devices', aFridge(name, { label: 'A' }))
  })
})

describe('a device that is revoked with a bag inside', () => {
  test('says so to who revokes it and who holds the bag, and asks for it until it is elsewhere', async ({
    door,
  }) => {
    const { bagId, measure, look, news } = await aHospital(door)
    const revoke = () => door.ask(Revocation, 'POST', '/devices/f1/revocation', { reason: 'replaced' })
    await measure(7, noon - 5 * minute)
    await measure(7)
    await look()
    expect(await revoke()).toEqual({ name: 'f1', revokedAt: iso(noon), bagsInside: 1 })
    expect(await revoke()).toMatchObject({ bagsInside: 1 })
    const { label } = (await door.ask(Tasks, 'GET', '/tasks?kind=inside_retired')).tasks[0] ?? {}
    expect(label).toBe('A9999260000018 E0336V00')
    expect(await news('device.revoked')).toEqual([
      { subject: 'f1', data: { bags: [{ bagId, label }] }, told: ['H1'] },
    ])
    await look()
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    const id = alarms[0]?.id as number
    expect(alarms).toMatchObject([{ retiredAt: iso(noon), endedAt: null, rescue: { bags: 1 } }])
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    const act = (verb: string) => nurse.post(`/alarms/${id}/${verb}`, { comment: 'seen to' })
    await done(act('acknowledge'), AlarmDetail)
    expect(await refusal(act('close'))).toMatchObject({
      status: 409,
      detail: expect.stringContaining('1 bag is inside'),
    })
    expect((await nurse.get(`/alarms/${id}/rescue`)).status).toBe(200)

    await door.ask(ProvisionedDevice, 'POST', '/devices', aFridge('f2'))
    door.world.clock.now += minute
    await door.world.ingest.accept([
      aMessage({
        ...{ device: 'f2', channel: 'bags', seq: 0, receivedAt: door.world.clock.now },
        body: [{ at: door.world.clock.now, added: ['t1'], removed: [] }],
      }),
    ])
    expect((await door.ask(Tasks, 'GET', '/tasks?kind=inside_retired')).tasks).toEqual([])
    const closed = await done(act('close'), AlarmDetail)
    expect(closed).toMatchObject({ endedAt: null, closedAt: iso(noon + minute) })
    expect(closed.events.map(({ verb }) => verb)).toContain('retired')
    expect(
      z.object({ at: z.string() }).parse(closed.events.find(({ verb }) => verb === 'retired')?.data),
    ).toEqual({
      at: iso(noon),
    })
  })
})
