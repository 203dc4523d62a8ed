import { describe, expect } from 'vitest'
import { explainAlarms } from '../../../api/usecases/explain-alarms.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { type Chart, loadOf, saw, tells } from '../../support/chart.ts'
import { aDevice, aMessage, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const day = 1_440 * minute
const leap = (m: number) => 400 + 80 * Math.min(m, 5)
const slow = (m: number) => 450 + 5 * m

/** Look, and explain all there is to explain. @returns how much was explained */
async function look({ world }: Door): Promise<number> {
  await watchAlarms(world.deps, { readySince: 0, since: 0 })
  let explained = 0
  for (let last = 1; last > 0; explained += last) last = await explainAlarms(world.deps)
  return explained
}

async function alarmsOf(door: Door, name: string) {
  const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
  return alarms.filter(({ device }) => device === name)
}

async function aFridge(door: Door, name: string, air: Chart, load: Chart = loadOf(air)) {
  await aDevice(door.world, name, {}, noon - 2 * day)
  await tells(door.world, name, { air, load })
}

function told(door: Door, device: string, seq: number, channel: 'door' | 'power', body: object) {
  return door.world.ingest.accept([aMessage({ device, boot: 'events', seq, channel, body: [body] })])
}

describe('the cause of an alarm', () => {
  test('is found once, from what was known when it was raised, kept and told in both tongues', async ({
    door,
  }) => {
    await aFridge(door, 'fridge-1', saw(360, 75, slow))
    await told(door, 'fridge-1', 0, 'door', { at: noon - 300 * minute, door: 'front', open: false })
    expect(await look(door)).toBe(2)
    const found = await alarmsOf(door, 'fridge-1')
    const cause = {
      cause: 'cooling',
      signs: ['slow_rise', 'load_follows'],
      zh: '制冷故障：请通知工程师，并准备转移血袋（升温缓慢，与关门状态相符；负载同步升温）',
      en: expect.stringContaining('Cooling has failed'),
    }
    expect(found.map(({ kind }) => kind).sort()).toEqual(['air_high', 'load_high'])
    expect(found).toMatchObject([{ cause }, { cause }])

    const path = `/alarms/${found[0]?.id}`
    const { events } = await door.ask(AlarmDetail, 'GET', path)
    expect(events.map(({ verb }) => verb)).toEqual(['raised', 'escalated', 'explained'])
    const evidence = {
      from: iso(noon - 720 * minute),
      to: iso(noon),
      readings: { air: 435, load: 435, ambient: 0 },
      openings: 0,
      power: 0,
    }
    expect(events.at(-1)?.data).toMatchObject({ ...cause, evidence })
    const { rows } = await door.world.deps.database.pool.query<{ data: object }>(
      `select data from news where kind = 'alarm.explained' order by id`,
    )
    expect(rows).toHaveLength(2)
    expect(rows[0]?.data).toMatchObject({ device: 'fridge-1', ...cause })

    // What comes to light later is of no weight: it is kept as it was found.
    await tells(door.world, 'fridge-1', { air: saw(0, 60, () => 400, noon - 30_000) }, 'late')
    expect(await look(door)).toBe(0)
    expect((await alarmsOf(door, 'fridge-1')).map((alarm) => alarm.cause)).toMatchObject([cause, cause])
  })

  test('is a door that stood open as the air leapt, since whenever, and none that was shut', async ({
    door,
  }) => {
    for (const name of ['opened', 'open-long', 'shut'])
      await aFridge(
        door,
        name,
        saw(360, 6, leap),
        saw(360, 6, () => 605),
      )
    await told(door, 'opened', 0, 'door', { at: noon - 5 * minute, door: 'front', open: true })
    await told(door, 'open-long', 0, 'door', { at: noon - 13 * 60 * minute, door: 'front', open: true })
    await told(door, 'open-long', 1, 'door', { at: noon - 14 * 60 * minute, door: 'front', open: false })
    await told(door, 'shut', 0, 'door', { at: noon - 13 * 60 * minute, door: 'front', open: false })
    await look(door)
    const signsOf = async (name: string) =>
      (await alarmsOf(door, name)).find(({ kind }) => kind === 'load_high')?.cause
    expect(await signsOf('opened')).toMatchObject({
      cause: 'door',
      signs: expect.arrayContaining(['door_open']),
    })
    expect(await signsOf('open-long')).toMatchObject({ signs: expect.arrayContaining(['door_open']) })
    expect((await signsOf('shut'))?.cause).not.toBe('door')
  })

  test('is power where the mains were off, by event time, but not of a box, which has none', async ({
    door,
  }) => {
    await aFridge(door, 'fridge-1', saw(360, 0, slow))
    await aFridge(door, 'box-1', saw(360, 0, slow))
    await door.world.deps.database.pool.query(`update device set kind = 'box' where name = 'box-1'`)
    for (const name of ['fridge-1', 'box-1'])
      await told(door, name, 0, 'power', { at: noon - minute, mains: false })
    await look(door)
    const of = async (name: string) =>
      (await alarmsOf(door, name)).map(({ kind, cause }) => [kind, cause?.cause])
    expect(await of('fridge-1')).toEqual([['mains_lost', 'power']])
    expect(await of('box-1')).toEqual([['mains_lost', 'unknown']])
  })

  test('is silence where nothing is heard, and a probe where the other one is', async ({ door }) => {
    await aFridge(door, 'all', saw(360, 0, slow))
    await aFridge(door, 'one', saw(360, 0, slow), loadOf(saw(340, 0, slow, noon - 20 * minute)))
    await look(door)
    const of = async (name: string) =>
      (await alarmsOf(door, name)).map(({ kind, part, cause }) => [kind, part, cause?.cause]).sort()
    expect(await of('one')).toEqual([['probe_missing', 'load', 'probe']])
    door.world.clock.now += 16 * minute
    await look(door)
    expect(await of('all')).toEqual([
      ['silent', 'air', 'silence'],
      ['silent', 'load', 'silence'],
    ])
  })

  test('of what was over when it was heard of is sought where it was', async ({ door }) => {
    const air = saw(360, 6, leap, noon - 60 * minute)
    const after = saw(0, 59, () => 400)
    await aFridge(
      door,
      'fridge-1',
      [...air, ...after],
      [...saw(360, 6, (m) => 596 + 2 * m, noon - 60 * minute), ...after],
    )
    await look(door)
    const [found] = (await alarmsOf(door, 'fridge-1')).filter(({ kind }) => kind === 'load_high')
    expect(found).toMatchObject({ cause: { signs: expect.arrayContaining(['fast_rise']) } })
  })

  test('is asked for of no door, and never twice by two who watch at once', async ({ door }) => {
    await aFridge(door, 'fridge-1', saw(360, 75, slow))
    await told(door, 'fridge-1', 0, 'door', { at: noon - 10 * minute, door: 'front', open: true })
    await watchAlarms(door.world.deps, { readySince: 0, since: 0 })
    await Promise.all([explainAlarms(door.world.deps), explainAlarms(door.world.deps)])
    for (const { id, kind, cause } of await alarmsOf(door, 'fridge-1')) {
      const { events } = await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)
      expect(events.filter(({ verb }) => verb === 'explained')).toHaveLength(kind === 'door_open' ? 0 : 1)
      expect(cause === null).toBe(kind === 'door_open')
    }
  })
})
