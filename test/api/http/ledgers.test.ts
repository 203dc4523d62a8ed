import { describe, expect } from 'vitest'
import { createFaultWatch } from '../../../api/usecases/derive-faults.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Exposed, Ledgers } from '../../../schema/http/ledgers.ts'
import { ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { type Chart, loadOf, saw, tells } from '../../support/chart.ts'
import { aBagInStock, aCity, aPatient, type City, done, refusal, step } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** What a fridge told from noon on, a value a minute; nothing where it is null. */
async function tell({ world }: Door, seq: number, from: number, celsius: readonly (number | null)[]) {
  const body = celsius.flatMap((value, index) =>
    value === null ? [] : [aReading(from + index * minute, value)],
  )
  await world.ingest.accept([aMessage({ device: 'fridge-or', seq, receivedAt: world.clock.now, body })])
}

/** A bag of the hospital's that is in its fridge since noon, or seen there first at another time. */
async function anInside(door: Door, seenFrom = noon): Promise<{ city: City; din: string; bagId: string }> {
  const { world } = door
  const city = await aCity(door)
  const { din, bagId } = await aBagInStock(city, 1)
  await aPatient(city, 'P1')
  await aDevice(world, 'fridge-or', { maxSilenceMs: 15 * minute }, noon - day)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'tag-1', from: iso(noon) })
  await world.ingest.accept([
    aMessage({
      device: 'fridge-or',
      channel: 'bags',
      seq: 0,
      receivedAt: seenFrom,
      body: [{ at: seenFrom, added: ['tag-1'], removed: [] }],
    }),
  ])
  return { city, din, bagId }
}

async function judged(door: Door, bagId: string) {
  while ((await judgeDue(door.world.deps)).judged > 0);
  const { ledgers } = await door.ask(Ledgers, 'GET', `/bags/${bagId}/ledger`)
  const { holds } = await door.ask(BagDetail, 'GET', `/bags/${bagId}`)
  // What came before the hospital vouched for it by receiving it is told, and counts no more.
  const entries = ledgers[0]?.entries.filter((entry) => entry.reason !== 'vouched_for')
  return { ...ledgers[0], entries, holds }
}

async function scan({ nurse }: City, din: string): Promise<string> {
  const { takeOutId } = await done(nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }), TakeOut)
  const asked = nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'E0336V00' })
  return (await done(asked, ScanAnswer)).answer
}

describe('a bag that was kept too warm', () => {
  test('is held, told by its fridge, and given only once another person released just that', async ({
    door,
  }) => {
    const { city, din, bagId } = await anInside(door)
    const { clock } = door.world
    clock.now = noon + 10 * minute
    await tell(door, 1, noon, [4, 4, 7.5, 8, 4, 4, 4, 4, 4, 4, 4])
    const breached = await judged(door, bagId)
    expect(breached).toMatchObject({
      verdict: 'BREACHED',
      entries: [
        {
          kind: 'high',
          from: iso(noon + 2 * minute),
          to: iso(noon + 4 * minute),
          device: 'fridge-or',
          warmest: 8,
          reason: 'outside_limits',
        },
      ],
      holds: [{ kind: 'breach' }],
    })
    expect(breached.holds[0]?.reason).toMatch(/超限.* \/ .*outside its limits/)
    const exposed = await door.ask(Exposed, 'GET', '/devices/fridge-or/exposed')
    expect(exposed.bags).toMatchObject([{ bagId, verdict: 'BREACHED', entries: [{ kind: 'high' }] }])
    expect(await scan(city, din)).toBe('STOP')

    const lift = { reason: 'seen by the physician on duty: the product licence allows it' }
    const { holdId } = breached.holds[0] as { holdId: number }
    await done(city.lab.post(`/bags/${bagId}/holds/${holdId}/lift`, lift), BagDetail)
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'OK',
      entries: [{ kind: 'high', reason: 'released' }],
      holds: [],
    })

    // What was released was just that: late news of something else is something else.
    await tell(door, 2, noon + 6 * minute + 30_000, [9])
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'BREACHED', holds: [{ kind: 'breach' }] })
    expect(await scan(city, din)).toBe('STOP')
  })

  test('for which a hold was lifted is handed out', async ({ door }) => {
    const { city, din, bagId } = await anInside(door)
    door.world.clock.now = noon + 5 * minute
    await tell(door, 1, noon, [4, 7, 4, 4, 4, 4])
    const { holds } = await judged(door, bagId)
    const { holdId } = holds[0] as { holdId: number }
    await done(city.lab.post(`/bags/${bagId}/holds/${holdId}/lift`, { reason: 'assessed' }), BagDetail)
    expect(await scan(city, din)).toBe('GO')
  })

  test('and was given before anybody heard of it is looked into, until somebody says what came of it', async ({
    door,
  }) => {
    const { city, bagId } = await anInside(door)
    const { world } = door
    world.clock.now = noon + 20 * minute
    await tell(door, 1, noon, [4, 4, 4])
    await tell(door, 3, noon + 11 * minute, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    await step(city.lab, bagId, 'issue', { patient: 'P1' })
    await step(city.nurse, bagId, 'transfuse', { patient: 'P1', startedAt: iso(world.clock.now) })
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK' })

    world.clock.now += hour
    await tell(door, 2, noon + 3 * minute, [5, 9, 9.5, 5, 4])
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'BREACHED', holds: [] })
    const tasks = async () => (await done(city.lab.get('/tasks?kind=look_back'), Tasks)).tasks
    expect(await tasks()).toMatchObject([{ kind: 'look_back', bagId, facility: 'H1' }])
    const concluded = { conclusion: 'the patient was observed: no reaction' }
    await done(city.lab.post(`/bags/${bagId}/look-back`, concluded), BagDetail)
    expect(await tasks()).toEqual([])
    expect(await refusal(city.lab.post(`/bags/${bagId}/look-back`, concluded))).toMatchObject({ status: 409 })
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'BREACHED' })
    expect(await tasks()).toEqual([])
  })
})

describe('a bag nobody heard of for a while', () => {
  test('is unverified, held once that was waited for long enough, and free when the backlog comes', async ({
    door,
  }) => {
    const { city, din, bagId } = await anInside(door)
    const { clock } = door.world
    clock.now = noon + hour
    await tell(door, 1, noon, [4, 4])
    await tell(door, 9, noon + 50 * minute, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'UNVERIFIED',
      entries: [
        { kind: 'unverified', reason: 'unheard', from: iso(noon + minute), to: iso(noon + 50 * minute) },
      ],
      holds: [],
    })
    expect(await scan(city, din)).toBe('CALL')

    clock.now = noon + 25 * hour
    const steady = Array.from({ length: 24 * 6 + 1 }, (_, index) =>
      aReading(noon + hour + index * 10 * minute, 4),
    )
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-or', seq: 10, receivedAt: clock.now, body: steady }),
    ])
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'HOLD',
      entries: [{ reason: 'unheard_too_long' }],
      holds: [{ kind: 'unverified_gap' }],
    })
    expect(await scan(city, din)).toBe('CALL')

    await tell(
      door,
      2,
      noon + 2 * minute,
      Array.from({ length: 48 }, () => 4),
    )
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK', entries: [], holds: [] })
    expect(await scan(city, din)).toBe('GO')
  })

  test('on its way stays held when it is received, until somebody lifts that', async ({ door }) => {
    const { city, bagId } = await anInside(door)
    await step(city.lab, bagId, 'distribute', { to: 'C1' })
    await step(city.lab, bagId, 'depart')
    door.world.clock.now = noon + hour
    await tell(door, 1, noon, [4, 4])
    await tell(door, 2, noon + 50 * minute, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    const held = await judged(door, bagId)
    expect(held).toMatchObject({ verdict: 'HOLD', holds: [{ kind: 'unverified_gap' }] })
    await step(city.second, bagId, 'receive')
    const received = await judged(door, bagId)
    expect(received).toMatchObject({ verdict: 'OK', holds: [{ kind: 'unverified_gap' }] })
    const { holdId } = received.holds[0] as { holdId: number }
    const lift = { reason: 'its logger was read' }
    await done(city.second.post(`/bags/${bagId}/holds/${holdId}/lift`, lift), BagDetail)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK', holds: [] })
  })

  test('is held at once where the device has sent all it has', async ({ door }) => {
    const { bagId } = await anInside(door)
    door.world.clock.now = noon + hour
    await tell(door, 1, noon, [4, 4])
    await tell(door, 2, noon + 50 * minute, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'HOLD',
      entries: [{ kind: 'unverified', reason: 'nothing_will_come' }],
      holds: [{ kind: 'unverified_gap' }],
    })
  })
})

describe('of a bag that a person released for what was not heard', () => {
  /** In hands for some minutes, then unheard for 19, and released for that at noon + 70 minutes. */
  async function aReleased(door: Door, minutesInHands: number) {
    const inside = await anInside(door)
    const { world } = door
    const { clock } = world
    const moved = (seq: number, at: number, what: object) =>
      world.ingest.accept([
        aMessage({
          device: 'fridge-or',
          channel: 'bags',
          boot: 'moved',
          seq,
          receivedAt: clock.now,
          body: [{ at, added: [], removed: [], ...what }],
        }),
      ])
    clock.now = noon + hour + 10 * minute
    await moved(0, noon + 5 * minute, { removed: ['tag-1'] })
    await moved(1, noon + (5 + minutesInHands) * minute, { added: ['tag-1'] })
    await tell(
      door,
      1,
      noon,
      Array.from({ length: 42 }, () => 4),
    )
    await tell(
      door,
      2,
      noon + hour,
      Array.from({ length: 11 }, () => 4),
    )
    const held = await judged(door, inside.bagId)
    expect(held).toMatchObject({ verdict: 'HOLD', holds: [{ kind: 'unverified_gap' }] })
    const { holdId } = held.holds[0] as { holdId: number }
    const lift = { reason: 'measured by hand' }
    await done(inside.city.lab.post(`/bags/${inside.bagId}/holds/${holdId}/lift`, lift), BagDetail)
    return { ...inside, moved }
  }

  test.for([
    [20, 'OK', 'GO'],
    [35, 'UNVERIFIED', 'CALL'],
  ] as const)(
    'neither what is not heard later nor %d minutes in hands before are taken for it',
    async ([minutesInHands, verdict, answer], { door }) => {
      const { city, din, bagId } = await aReleased(door, minutesInHands)
      expect(await judged(door, bagId)).toMatchObject({ verdict, holds: [] })
      door.world.clock.now = noon + hour + 26 * minute
      expect(await scan(city, din)).toBe('CALL')
      door.world.clock.now = noon + hour + 10 * minute
      expect(await scan(city, din)).toBe(answer)
    },
  )

  test('nor are more minutes before it was first seen than were not verified', async ({ door }) => {
    // Nobody saw it for an hour since it was received, and for half of that it may be in hands.
    const seenFrom = noon + hour
    const { city, din, bagId } = await anInside(door, seenFrom)
    door.world.clock.now = seenFrom + hour
    const cold = (minutes: number) => Array.from({ length: minutes + 1 }, () => 4)
    await tell(door, 1, seenFrom, cold(20))
    await tell(door, 2, seenFrom + 40 * minute, cold(20))
    const held = await judged(door, bagId)
    expect(held).toMatchObject({ verdict: 'HOLD', entries: [{ kind: 'unseen' }, { kind: 'unverified' }] })
    const { holdId } = held.holds[0] as { holdId: number }
    await done(city.lab.post(`/bags/${bagId}/holds/${holdId}/lift`, { reason: 'measured' }), BagDetail)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK' })
    door.world.clock.now += 20 * minute
    expect(await scan(city, din)).toBe('CALL')
    door.world.clock.now -= 20 * minute
    expect(await scan(city, din)).toBe('GO')
  })

  test('the minutes in hands count still: nobody was asked about them', async ({ door }) => {
    const { bagId, moved } = await aReleased(door, 20)
    door.world.clock.now = noon + 100 * minute
    await moved(2, noon + 71 * minute, { removed: ['tag-1'] })
    await moved(3, noon + 91 * minute, { added: ['tag-1'] })
    await tell(
      door,
      3,
      noon + 71 * minute,
      Array.from({ length: 30 }, () => 4),
    )
    const { verdict, entries } = await judged(door, bagId)
    expect([verdict, entries?.map(({ kind, reason }) => [kind, reason])]).toEqual([
      'UNVERIFIED',
      [
        ['in_hand', 'in_hands'],
        ['unverified', 'released'],
        ['in_hand', 'in_hands_too_long'],
      ],
    ])
  })
})

describe('a bag beside a probe that is stuck', () => {
  /** Two hours as ever, and then one value for 70 minutes. */
  async function aBagBeside(door: Door, centi = 423) {
    const inside = await anInside(door)
    const { world } = door
    const stuckAt = noon + 120 * minute
    const usual = loadOf(saw(120, 0, () => 0, stuckAt - minute))
    const flat = Array.from({ length: 71 }, (_, m) => ({ at: stuckAt + m * minute, centi }))
    world.clock.now = stuckAt + 70 * minute
    await tells(world, 'fridge-or', { load: [...usual, ...flat] })
    await look(door)
    return { ...inside, stuckAt }
  }

  /** The probe tells other values from 71 minutes on after it was stuck. */
  async function mended({ world }: Door, stuckAt: number): Promise<number> {
    world.clock.now = stuckAt + 90 * minute
    await tells(world, 'fridge-or', { load: loadOf(saw(20, 0, () => 0, world.clock.now)) }, 'mended')
    return stuckAt + 71 * minute
  }

  async function look({ world }: Door): Promise<void> {
    const faults = createFaultWatch(world.deps)
    while ((await faults.look()) > 0);
  }

  test('is a matter of a call, is told why, and handed out once a person released it', async ({ door }) => {
    const { city, din, bagId, stuckAt } = await aBagBeside(door)
    expect(await scan(city, din)).toBe('CALL')
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'UNVERIFIED',
      entries: [
        {
          kind: 'probe_fault',
          reason: 'probe_fault',
          device: 'fridge-or',
          probe: 'load',
          from: iso(stuckAt),
          to: null,
        },
      ],
      holds: [],
    })

    const to = await mended(door, stuckAt)
    await look(door)
    const stood = await judged(door, bagId)
    expect(stood).toMatchObject({
      verdict: 'HOLD',
      entries: [
        { kind: 'probe_fault', reason: 'probe_fault_stands', from: iso(stuckAt), to: iso(to), warmest: null },
      ],
      holds: [{ kind: 'unverified_gap' }],
    })
    expect(stood.holds[0]?.reason).toMatch(/fridge-or .*不可信.* \/ .*not to be believed/)
    const exposed = await door.ask(Exposed, 'GET', '/devices/fridge-or/exposed')
    expect(exposed.bags).toMatchObject([{ bagId, verdict: 'HOLD', entries: [{ kind: 'probe_fault' }] }])
    expect(await scan(city, din)).toBe('CALL')

    const { holdId } = stood.holds[0] as { holdId: number }
    const lift = { reason: 'compared with a thermometer' }
    await done(city.lab.post(`/bags/${bagId}/holds/${holdId}/lift`, lift), BagDetail)
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'OK',
      entries: [{ kind: 'probe_fault', reason: 'released' }],
      holds: [],
    })
    expect(await scan(city, din)).toBe('GO')
  })

  test('is free when late data shows that the probe was not stuck', async ({ door }) => {
    const { city, din, bagId, stuckAt } = await aBagBeside(door)
    await mended(door, stuckAt)
    await look(door)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'HOLD', holds: [{ kind: 'unverified_gap' }] })

    const late = [20.5, 40.5, 60.5].map((m) => ({ at: stuckAt + m * minute, centi: 425 }))
    await tells(door.world, 'fridge-or', { load: late }, 'late')
    door.world.clock.now += minute
    await look(door)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK', entries: [], holds: [] })
    expect(await scan(city, din)).toBe('GO')
  })

  test('at a value outside its limits is held for a breach: it may be true', async ({ door }) => {
    const { city, din, bagId, stuckAt } = await aBagBeside(door, 700)
    const to = await mended(door, stuckAt)
    await look(door)
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'BREACHED',
      entries: [{ kind: 'high', from: iso(stuckAt), to: iso(to), warmest: 7 }],
      holds: [{ kind: 'breach' }],
    })
    expect(await scan(city, din)).toBe('STOP')
  })
})

describe('a bag beside a load that the air contradicts', () => {
  /** Two hours in which air and load agree, and then so many minutes of air that is five degrees off this load. */
  async function aBagBeside(door: Door, minutes: number, celsius: (m: number) => number = () => 0) {
    const inside = await anInside(door)
    const { world } = door
    const from = noon + 120 * minute
    const usual = loadOf(saw(120, 0, () => 0, from - minute))
    const later = (by: number): Chart =>
      Array.from({ length: minutes }, (_, m) => ({
        at: from + m * minute,
        centi: 400 + (m % 3) + Math.round(100 * celsius(m)) + by,
      }))
    world.clock.now = from + (minutes - 1) * minute
    await tells(world, 'fridge-or', { load: [...usual, ...later(0)], air: [...usual, ...later(500)] })
    await look(door)
    return { ...inside, from }
  }

  async function look({ world }: Door): Promise<void> {
    const faults = createFaultWatch(world.deps, { lagMs: 0 })
    while ((await faults.look()) > 0);
  }

  test('is none for half an hour but a minute, and then has been a matter of a call all the while', async ({
    door,
  }) => {
    const { city, din, bagId, from } = await aBagBeside(door, 30)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK', entries: [] })
    const next = (centi: number, m = 30): Chart => [{ at: from + m * minute, centi }]
    door.world.clock.now = from + 30 * minute
    await tells(door.world, 'fridge-or', { load: next(400), air: next(900) }, 'next')
    await look(door)
    expect(await scan(city, din)).toBe('CALL')
    const lasting = { kind: 'probe_fault', device: 'fridge-or', probe: 'load', from: iso(from) }
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'UNVERIFIED',
      entries: [{ ...lasting, reason: 'probe_fault', to: null }],
      holds: [],
    })

    door.world.clock.now = from + 32 * minute
    await tells(door.world, 'fridge-or', { load: next(400, 31), air: next(420, 31) }, 'mended')
    await look(door)
    const stood = await judged(door, bagId)
    expect(stood).toMatchObject({
      verdict: 'HOLD',
      entries: [{ ...lasting, reason: 'probe_fault_stands', to: iso(from + 31 * minute) }],
      holds: [{ kind: 'unverified_gap' }],
    })
    expect(stood.holds[0]?.reason).toMatch(/矛盾.* \/ .*contradicted by the air/)
    const exposed = await door.ask(Exposed, 'GET', '/devices/fridge-or/exposed')
    expect(exposed.bags).toMatchObject([{ bagId, verdict: 'HOLD', entries: [{ kind: 'probe_fault' }] }])

    // The air had agreed with it for a moment in between.
    await tells(door.world, 'fridge-or', { air: [{ at: from + 15.5 * minute, centi: 420 }] }, 'late')
    await look(door)
    expect(await judged(door, bagId)).toMatchObject({ verdict: 'OK', entries: [], holds: [] })
    expect(await scan(city, din)).toBe('GO')
  })

  test('is held for a breach where that load was outside limits, and the rest of it is doubted', async ({
    door,
  }) => {
    // It warms by a degree in ten minutes: the air leads, and from twenty minutes on the load is too warm.
    const { city, din, bagId, from } = await aBagBeside(door, 60, (m) => m / 10)
    expect(await judged(door, bagId)).toMatchObject({
      verdict: 'BREACHED',
      entries: [
        { kind: 'probe_fault', from: iso(from) },
        { kind: 'high', to: null },
      ],
      holds: expect.arrayContaining([expect.objectContaining({ kind: 'breach' })]),
    })
    expect(await scan(city, din)).toBe('STOP')
  })
})

describe('a bag on a journey', () => {
  test('is not OK once that has lasted longer than it may, however cold, and may be again from another box on', async ({
    door,
  }) => {
    const { world } = door
    const { clock } = world
    const { bagId } = await anInside(door)
    for (const box of ['box-1', 'box-2']) {
      await aDevice(world, box, { low: 200, high: 1_000, maxSilenceMs: 15 * minute }, noon - day)
      await world.deps.database.pool.query(`update device set kind = 'box' where name = $1`, [box])
    }
    let seq = 0
    const moves = (device: string, what: object) =>
      world.ingest.accept([
        aMessage({
          device,
          boot: 'journeys',
          channel: 'bags',
          seq: seq++,
          receivedAt: clock.now,
          body: [{ at: clock.now, added: [], removed: [], ...what }],
        }),
      ])
    const cold = async (device: string, from: number, hours: number) => {
      const readings = Array.from({ length: hours * 6 + 1 }, (_, index) =>
        aReading(from + index * 10 * minute, 4),
      )
      await world.ingest.accept([
        aMessage({ device, boot: 'journeys', seq: seq++, receivedAt: clock.now, body: readings }),
      ])
    }
    const journeys = async () => {
      const { verdict, entries = [] } = await judged(door, bagId)
      return [verdict, entries.filter(({ kind }) => kind === 'journey').map(({ reason }) => reason)]
    }
    const carried = async (from: string, to: string) => {
      await moves(from, { removed: ['tag-1'] })
      clock.now += minute
      await moves(to, { added: ['tag-1'] })
    }
    await carried('fridge-or', 'box-1')
    const begun = clock.now
    clock.now = begun + 20 * hour
    await cold('box-1', begun, 20)
    expect(await journeys()).toEqual(['OK', ['on_journey']])
    // From one box into another it is still the same journey.
    await carried('box-1', 'box-2')
    clock.now = begun + 24 * hour
    await cold('box-2', begun + 20 * hour, 4)
    expect(await journeys()).toEqual(['OK', ['on_journey']])
    // Nothing more has to be heard for it to be too long.
    clock.now += 1
    expect(await journeys()).toEqual(['UNVERIFIED', ['journey_too_long']])
    // What comes to light later: in between it was in storage, and those are two journeys.
    clock.now = begun + 22 * hour
    await carried('box-2', 'fridge-or')
    clock.now += hour
    await carried('fridge-or', 'box-2')
    clock.now = begun + 24 * hour + 1
    expect((await journeys())[1]).toEqual(['on_journey', 'on_journey'])
    const seen = await door.ask(
      Exposed,
      'GET',
      `/devices/box-1/exposed?from=${iso(noon)}&to=${iso(clock.now)}`,
    )
    // It was in that box, and measured there all the while.
    expect(seen.bags.flatMap(({ entries }) => entries.map(({ kind }) => kind))).toEqual(['in_hand'])
  })
})
