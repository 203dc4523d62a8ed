import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { alarmFacts } from '../../../api/stores/alarms.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { aCity, aWorker, done, refusal } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const second = 1_000
const minute = 60 * second
const day = 86_400 * second

/** A fridge at the hospital whose messages are received when the world's clock says. */
async function aFridge({ world }: Door, name = 'fridge-1') {
  await aDevice(world, name, {}, noon - day)
  let seq = 0
  const say = (channel: 'readings' | 'door' | 'power', ...body: object[]) =>
    world.ingest.accept([aMessage({ device: name, seq: seq++, channel, body, receivedAt: world.clock.now })])
  return {
    reads: (celsius: number, probe: ProbeKind = 'load', at = world.clock.now) =>
      say('readings', { ...aReading(at, celsius), probe }),
    door: (open: boolean) => say('door', { at: world.clock.now, door: 'front', open }),
    power: (told: object) => say('power', { at: world.clock.now, mains: true, ...told }),
  }
}

/** Look after so long. @returns how much was told */
function look({ world }: Door, afterMs = 0, readySince = 0): Promise<number> {
  world.clock.now += afterMs
  return watchAlarms(world.deps, { readySince, since: 0 })
}

async function open(door: Door) {
  const { alarms } = await door.ask(Alarms, 'GET', '/alarms?open=true')
  return alarms.map(({ device, kind, part, class: graveness }) => [device, kind, part, graveness])
}

async function verbsOf(door: Door, id: number) {
  const { events } = await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)
  return events.map(({ verb, data }) => (verb === 'escalated' ? `to ${data.to}` : verb))
}

describe('an alarm', () => {
  test('is raised when the load leaves its limits, once, paged step by step, and latches', async ({
    door,
  }) => {
    const city = await aCity(door)
    const fridge = await aFridge(door)
    await fridge.reads(6)
    expect(await look(door)).toBe(0)
    door.world.clock.now += minute
    await fridge.reads(6.01)
    expect(await look(door)).toBe(2)
    expect(await look(door)).toBe(0)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms?facility=H1')
    const [raised] = alarms
    expect(alarms).toEqual([
      {
        id: raised?.id,
        device: 'fridge-1',
        deviceLabel: null,
        facility: 'H1',
        kind: 'load_high',
        part: 'load',
        bags: [],
        class: 'action',
        zh: '血液温度过高',
        en: 'The blood is too warm',
        from: iso(noon + minute),
        raisedAt: iso(noon + minute),
        acknowledgedAt: null,
        endedAt: null,
        retiredAt: null,
        closedAt: null,
        steps: 1,
        cause: null,
        outlook: null,
        rescue: { bags: 0, plan: `/alarms/${raised?.id}/rescue` },
      },
    ])
    const path = `/alarms/${raised?.id}`
    expect(await look(door, 5 * minute - 1)).toBe(0)
    expect(await look(door, 1)).toBe(1)
    await fridge.reads(4)
    expect(await look(door, second)).toBe(0)
    await look(door, 5 * minute)
    expect(await verbsOf(door, raised?.id as number)).toEqual([
      ...['raised', 'to ward', 'to transfusion_lab'],
      ...['ended', 'to duty_manager'],
    ])
    expect(await open(door)).toHaveLength(1)

    const comment = { comment: 'the door was ajar' }
    expect(await refusal(city.nurse.post(`${path}/close`, comment))).toMatchObject({ status: 409 })
    expect(await refusal(city.nurse.post(`${path}/acknowledge`, {}))).toMatchObject({ status: 400 })
    expect(await refusal(city.nurse.post(`${path}/acknowledge`, { comment: ' ' }))).toMatchObject({
      status: 400,
    })
    await done(city.nurse.post(`${path}/acknowledge`, comment), AlarmDetail)
    expect(await refusal(city.lab.post(`${path}/acknowledge`, comment))).toMatchObject({ status: 409 })
    // Nobody else is paged.
    expect(await look(door, 60 * minute, noon + 60 * minute)).toBe(0)
    const closed = await done(city.lab.post(`${path}/close`, comment), AlarmDetail)
    expect(closed.events.slice(-2)).toMatchObject([
      { verb: 'acknowledged', by: { kind: 'person' }, comment: 'the door was ajar' },
      { verb: 'closed', by: { kind: 'person' }, comment: 'the door was ajar' },
    ])
    expect(await open(door)).toEqual([])
    expect(await refusal(city.lab.post(`${path}/close`, comment))).toMatchObject({ status: 409 })
    expect(await door.refused('POST', `${path}/comment`, comment)).toMatchObject({ code: 'person_required' })
    // What was heard again raises nothing again.
    expect(await look(door, second, door.world.clock.now)).toBe(0)
    const far = await aWorker(door, 'far', 'nurse', 'C1')
    expect((await far.get(path)).status).toBe(404)
    expect((await far.post(`${path}/comment`, comment)).status).toBe(404)
    expect((await city.courier.get('/alarms')).status).toBe(403)
  })

  test('that begins again while its case is open is told again, whoever had acknowledged it', async ({
    door,
  }) => {
    const { nurse } = await aCity(door)
    const fridge = await aFridge(door)
    await fridge.reads(7)
    await look(door)
    const [{ id } = { id: 0 }] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    await done(nurse.post(`/alarms/${id}/acknowledge`, { comment: 'coming' }), AlarmDetail)
    const reads = async (celsius: number) => {
      door.world.clock.now += 3 * minute
      await fridge.reads(celsius)
      await look(door)
    }
    // What sways about the limit has not ended, and pages nobody again.
    for (const celsius of [5, 7, 5, 7, 5]) await reads(celsius)
    expect(await verbsOf(door, id)).toEqual(['raised', 'to ward', 'acknowledged'])
    for (const celsius of [5, 5, 7]) await reads(celsius)
    expect(await verbsOf(door, id)).toEqual([
      ...['raised', 'to ward', 'acknowledged'],
      ...['ended', 'began_again', 'to ward'],
    ])
    expect((await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)).acknowledgedAt).toBeNull()
  })

  test('of what was over before it was heard of is raised all the same, and is over', async ({ door }) => {
    const fridge = await aFridge(door)
    for (const [minutes, celsius] of [
      [-50, 4],
      [-40, 8],
      [-30, 4],
      [-20, 4],
      [-10, 4],
    ] as const)
      await fridge.reads(celsius, 'load', noon + minutes * minute)
    expect(await look(door)).toBe(3)
    const [found] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    expect(found).toMatchObject({ kind: 'load_high', from: iso(noon - 40 * minute), endedAt: iso(noon) })
    expect(await look(door)).toBe(0)
  })

  test('of the air waits ten minutes, beyond limits of its own, and asks for action after thirty', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    await fridge.reads(7.9, 'air')
    await look(door, 11 * minute)
    expect(await open(door)).toEqual([])
    await fridge.reads(8.01, 'air')
    await look(door)
    expect(await open(door)).toEqual([['fridge-1', 'air_high', 'air', 'alert']])
    for (let minutes = 11; minutes < 31; minutes += 5) {
      door.world.clock.now = noon + minutes * minute
      await fridge.reads(9, 'air')
    }
    door.world.clock.now = noon + 30 * minute
    await look(door)
    expect(await open(door)).toEqual([['fridge-1', 'air_high', 'air', 'action']])
  })

  test('of silence comes once a probe was silent for longer than it may, and the service could have heard it', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    await fridge.reads(4)
    expect(await look(door, 15 * minute)).toBe(0)
    // A service that has just come up has heard nobody yet.
    expect(await look(door, 1, noon + 10 * minute)).toBe(0)
    expect(await look(door)).toBe(2)
    expect(await open(door)).toEqual([['fridge-1', 'silent', 'load', 'fault']])
    // Started again it does not page twice, and does not think the silence over.
    expect(await look(door, second, door.world.clock.now)).toBe(0)
    await look(door, 15 * minute)
    expect(await open(door)).toEqual([['fridge-1', 'silent', 'load', 'action']])
    await fridge.reads(4)
    await look(door, second)
    await look(door, 5 * minute)
    const [found] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    expect(found).toMatchObject({ endedAt: iso(door.world.clock.now) })
  })

  test('of a missing probe comes instead where the other one is heard, and asks for action where it speaks for the bags', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    const both = async () => {
      await fridge.reads(4, 'load')
      await fridge.reads(4, 'air')
    }
    const hears = async (probe: 'load' | 'air', minutes: number) => {
      for (let passed = 0; passed < minutes; passed += 5) {
        door.world.clock.now += 5 * minute
        await fridge.reads(4, probe)
        await look(door)
      }
    }
    await both()
    await hears('air', 15)
    expect(await open(door)).toEqual([])
    expect(await look(door, 1, noon + 10 * minute)).toBe(0)
    expect(await look(door)).toBe(2)
    expect(await open(door)).toEqual([['fridge-1', 'probe_missing', 'load', 'fault']])
    expect(await look(door, second, door.world.clock.now)).toBe(0)
    await hears('air', 15)
    expect(await open(door)).toEqual([['fridge-1', 'probe_missing', 'load', 'action']])
    const [{ id, zh } = { id: 0, zh: '' }] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    expect(zh).toBe('探头无数据，但设备仍在线：请检查该探头')
    // Then the whole device falls silent: the one that was missing still is.
    await look(door, 16 * minute)
    expect((await open(door)).sort()).toEqual([
      ['fridge-1', 'probe_missing', 'load', 'action'],
      ['fridge-1', 'silent', 'air', 'fault'],
    ])
    await both()
    await look(door)
    await look(door, 5 * minute)
    const ended = (await door.ask(Alarms, 'GET', '/alarms')).alarms.map(({ endedAt }) => endedAt)
    expect(ended).toEqual([iso(door.world.clock.now), iso(door.world.clock.now)])
    expect((await verbsOf(door, id)).filter((verb) => paging.has(verb))).toEqual(['raised', 'worsened'])
    // The load speaks for the bags: that of the air only has to be mended.
    await both()
    await hears('load', 60)
    const found = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    expect(found.filter(({ kind, part }) => kind === 'probe_missing' && part === 'air')).toMatchObject([
      { class: 'fault', endedAt: null },
    ])
  })

  test('of probes that fell silent together stays one of silence, whichever of them is heard first again', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    await fridge.reads(4, 'load')
    door.world.clock.now += minute
    await fridge.reads(4, 'air')
    await look(door, 15 * minute)
    await look(door, minute)
    const silent = [
      ['fridge-1', 'silent', 'air', 'fault'],
      ['fridge-1', 'silent', 'load', 'fault'],
    ]
    expect((await open(door)).sort()).toEqual(silent)
    await fridge.reads(4, 'air')
    await look(door, second)
    await look(door, 5 * minute)
    expect((await open(door)).sort()).toEqual(silent)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    const lasting = alarms.filter(({ endedAt }) => endedAt === null)
    expect(lasting.map(({ part }) => part)).toEqual(['load'])
    await fridge.reads(4, 'load')
    await look(door, second)
    await look(door, 5 * minute)
    expect((await door.ask(Alarms, 'GET', '/alarms')).alarms.every(({ endedAt }) => endedAt !== null)).toBe(
      true,
    )
  })

  test('of a missing probe comes where a device tells of the room and of nothing inside', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    for (let minutes = 0; minutes <= 15; minutes += 5) {
      door.world.clock.now = noon + minutes * minute
      await fridge.reads(21, 'ambient')
      await look(door)
      expect(await open(door), `minute ${minutes}`).toHaveLength(minutes < 15 ? 0 : 1)
    }
    expect(await open(door)).toEqual([['fridge-1', 'probe_missing', 'load', 'fault']])
    await fridge.reads(4, 'air')
    await look(door, second)
    await look(door, 5 * minute)
    expect((await door.ask(Alarms, 'GET', '/alarms')).alarms).toMatchObject([
      { endedAt: iso(door.world.clock.now) },
    ])
  })

  test('of a door, of the mains, of a battery and of an agitator is counted from when that was first so', async ({
    door,
  }) => {
    const fridge = await aFridge(door)
    await fridge.door(true)
    await fridge.power({ agitatorOn: false, batteryPercent: 30 })
    for (let minutes = 1; minutes <= 14; minutes++) {
      door.world.clock.now = noon + minutes * minute
      await fridge.door(true)
      await fridge.power({ agitatorOn: false, batteryPercent: 30 - minutes / 14 })
      await look(door)
      const expected = [
        ...(minutes >= 3 ? [['fridge-1', 'door_open', 'front', 'alert']] : []),
        ['fridge-1', 'battery_low', '', 'alert'],
      ]
      expect((await open(door)).sort(), `minute ${minutes}`).toEqual(expected.sort())
    }
    await look(door, minute)
    expect(await open(door)).toContainEqual(['fridge-1', 'agitator_stopped', '', 'alert'])
    await fridge.power({ mains: false, agitatorOn: true, batteryPercent: 9 })
    await fridge.door(false)
    await look(door)
    expect((await open(door)).sort()).toEqual(
      [
        ['fridge-1', 'agitator_stopped', '', 'alert'],
        ['fridge-1', 'battery_low', '', 'action'],
        ['fridge-1', 'door_open', 'front', 'alert'],
        ['fridge-1', 'mains_lost', '', 'action'],
      ].sort(),
    )
    await look(door, 5 * minute)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    const ended = alarms.filter(({ endedAt }) => endedAt !== null).map(({ kind }) => kind)
    expect(ended.sort()).toEqual(['agitator_stopped', 'door_open'])
  })
})

test('whenever a probe is heard and the service restarted, each silence is paged once, and none that was not', async ({
  door,
}) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('wait'), minutes: fc.integer({ min: 1, max: 12 }) }),
    fc.constantFrom({ do: 'hear' }, { do: 'restart' }, { do: 'look' }, { do: 'look' }),
  ) as fc.Arbitrary<{ do: 'wait' | 'hear' | 'restart' | 'look'; minutes?: number }>
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const { clock } = door.world
      clock.now = noon + ++number * day
      const name = `fridge-${number}`
      const fridge = await aFridge(door, name)
      await fridge.reads(4)
      let heardAt = clock.now
      let readySince = 0
      let pages = 0
      let overSince: number | null = null
      let hasEnded = false
      for (const { do: verb, minutes = 0 } of steps) {
        if (verb === 'wait') clock.now += minutes * minute
        else if (verb === 'restart') readySince = clock.now
        else if (verb === 'hear') {
          await fridge.reads(4)
          heardAt = clock.now
        } else {
          await look(door, 0, readySince)
          const isSilent = clock.now - heardAt > 15 * minute
          const isDue = clock.now >= Math.max(heardAt, readySince) + 15 * minute
          if (isSilent && (pages === 0 ? isDue : hasEnded)) pages++
          if (pages > 0) overSince = isSilent ? null : (overSince ?? clock.now)
          hasEnded = overSince !== null && clock.now - overSince >= 5 * minute
          const { alarms } = await door.ask(Alarms, 'GET', '/alarms?open=true')
          const [mine] = alarms.filter(({ device }) => device === name)
          expect([mine !== undefined, mine?.endedAt != null]).toEqual([pages > 0, hasEnded])
          const said = mine ? (await verbsOf(door, mine.id)).filter((verb) => paging.has(verb)) : []
          // It may get worse, which is told as well.
          expect(said.filter((verb) => verb !== 'worsened')).toHaveLength(pages)
        }
      }
      await door.world.deps.database.pool.query('update device set revoked_at = 1')
      await look(door)
    }),
    { numRuns: 40 },
  )
})

test('whichever probe of a device is heard when, what is not heard has one alarm, and restarts change nothing', async ({
  door,
}) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('wait'), minutes: fc.integer({ min: 1, max: 12 }) }),
    fc.constantFrom({ do: 'load' }, { do: 'air' }, { do: 'both' }, { do: 'restart' }),
  ) as fc.Arbitrary<{ do: 'wait' | 'load' | 'air' | 'both' | 'restart'; minutes?: number }>
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 16 }), async (steps) => {
      const { clock } = door.world
      clock.now = noon + ++number * day
      const name = `fridge-${number}`
      const fridge = await aFridge(door, name)
      const heardAt = { load: clock.now, air: clock.now }
      let readySince = 0
      for (const probe of ['load', 'air'] as const) await fridge.reads(4, probe)
      for (const { do: verb, minutes = 0 } of steps) {
        if (verb === 'restart') readySince = clock.now
        for (const probe of ['load', 'air'] as const)
          if (verb === probe || verb === 'both') {
            await fridge.reads(4, probe)
            heardAt[probe] = clock.now
          }
        clock.now += minutes * minute
        await look(door, 0, readySince)
        const { alarms } = await door.ask(Alarms, 'GET', '/alarms?open=true')
        for (const probe of ['load', 'air'] as const) {
          const lasting = alarms.filter(
            ({ device, part, endedAt }) => device === name && part === probe && endedAt === null,
          )
          const unheardMs = clock.now - heardAt[probe]
          const isDue = clock.now >= Math.max(heardAt[probe], readySince) + 15 * minute
          if (unheardMs > 15 * minute && isDue) expect(lasting).toHaveLength(1)
          else if (unheardMs >= 5 * minute && unheardMs <= 15 * minute) expect(lasting).toEqual([])
          else expect(lasting.length).toBeLessThan(2)
        }
      }
      await door.world.deps.database.pool.query('update device set revoked_at = 1')
      await look(door)
    }),
    { numRuns: 20 },
  )
})

describe('a watch that remembers', () => {
  test('asks for no ended excursion twice, and for every one that became known late', async ({ door }) => {
    const { world } = door
    const { db } = world.deps.database
    const fridge = await aFridge(door)
    const lookedAt = new Map<number, number>()
    const since = noon - minute
    const remembering = () => watchAlarms(world.deps, { readySince: 0, since, lookedAt })
    const unseen = async () => {
      const { excursions } = await alarmFacts(db, noon, { since, lookedAt: lookedAt.keys(), batteryLow: 30 })
      return excursions.length
    }
    // Not far enough out, and too short, to be worth an alarm: it belongs to no case.
    for (const [minutes, celsius] of [
      [-50, 4],
      [-40, 7],
      [-30, 4],
    ] as const)
      await fridge.reads(celsius, 'air', noon + minutes * minute)
    expect(await unseen()).toBe(1)
    expect(await remembering()).toBe(0)
    expect(await unseen()).toBe(0)
    // The commit of what another process found half a minute ago comes only now.
    world.clock.now = noon - 30 * second
    for (const [minutes, celsius] of [
      [-20, 4],
      [-16, 7],
      [-8, 4],
    ] as const)
      await fridge.reads(celsius, 'load', noon + minutes * minute)
    world.clock.now = noon
    expect(await unseen()).toBe(1)
    expect(await remembering()).toBe(3)
    expect(await unseen()).toBe(0)
    // What is too old to be asked for is forgotten.
    expect(lookedAt.size).toBe(2)
    await watchAlarms(world.deps, { readySince: 0, since: noon, lookedAt })
    expect([...lookedAt.values()]).toEqual([noon])
  })

  test('misses nothing that was out of range, however it is heard of and whenever it is started again', async ({
    door,
  }) => {
    const { world } = door
    const heard = fc.record({
      minutesAgo: fc.integer({ min: 0, max: 120 }),
      celsius: fc.constantFrom(4, 4, 7, 1),
      committedLateMs: fc.integer({ min: 0, max: 59 * second }),
    })
    const step = fc.oneof({ weight: 5, arbitrary: heard }, fc.constantFrom('look', 'look', 'restart', 'wait'))
    let number = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        world.clock.now = noon + ++number * day
        const fridge = await aFridge(door, `fridge-${number}`)
        const asked = new Set<number>()
        let lookedAt = new Map<number, number>()
        let since = world.clock.now - day
        const remembering = async () => {
          const begun = world.clock.now
          await watchAlarms(world.deps, { readySince: begun, since, lookedAt })
          since = begun - minute
        }
        for (const one of steps) {
          if (one === 'wait') world.clock.now += 20 * second
          else if (one === 'look') await remembering()
          else if (one === 'restart') {
            lookedAt = new Map()
            since = world.clock.now - day
          } else if (typeof one === 'object') {
            const at = world.clock.now - one.minutesAgo * minute
            if (asked.has(at)) continue
            asked.add(at)
            world.clock.now -= one.committedLateMs
            await fridge.reads(one.celsius, 'load', at)
            world.clock.now += one.committedLateMs
          }
        }
        await remembering()
        const { rows } = await world.deps.database.pool.query(
          `select x."from" from excursion x where known_to is null and not exists (select from alarm_link l
             where l.probe_id = x.probe_id and l.side = x.side and l."from" = x."from")`,
        )
        expect(rows).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

const paging = new Set(['raised', 'began_again', 'worsened'])
