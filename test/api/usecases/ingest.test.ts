import { describe, expect } from 'vitest'
import { readDeviceState } from '../../../api/stores/device-states.ts'
import { findDevice, probesOf } from '../../../api/stores/devices.ts'
import { listRejections } from '../../../api/stores/rejections.ts'
import { unresolvedTags } from '../../../api/stores/sightings.ts'
import { readRaw } from '../../../api/usecases/read-series.ts'
import { readmitMessage } from '../../../api/usecases/readmit-message.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { message, reading, readingConflict } from '../../../schema/tables/messages.ts'
import { test } from '../../support/database.ts'
import {
  aDevice,
  aMessage,
  aReading,
  aWorld,
  bloodFridge,
  findingsOf,
  noon,
  type World,
} from '../../support/world.ts'

const minute = 60_000
const all = { reach: 'all', now: noon } as const

async function stored(world: World, device: string): Promise<number[]> {
  const found = await readRaw(world.deps, {
    device,
    probe: 'load',
    from: 0,
    to: noon + 3_600_000,
    limit: 10_000,
  })
  return found.map(({ centi }) => centi)
}

async function rejected(world: World) {
  const found = await listRejections(world.deps.database.db, { limit: 100, ...all })
  return found.map(({ device, code, elements, times }) => ({
    device,
    code,
    elements: elements?.map((e) => [e.index, e.code]),
    times,
  }))
}

/** Bytes as a device sent them, whatever they hold. */
function raw(device: string, payload: string | Buffer) {
  return { ...aMessage({ device, seq: 0, body: [] }), payload: Buffer.from(payload) }
}

const at = noon - minute

describe('one bad element', () => {
  test('among 499 good ones costs itself alone', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const body = Array.from({ length: 500 }, (_, i) =>
      aReading(noon - 600_000 + i * 1_000, i === 250 ? 151 : 4),
    )
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body })])
    expect(await stored(world, 'f1')).toHaveLength(499)
    expect(await rejected(world)).toEqual([
      { device: 'f1', code: 'out_of_physical_range', elements: [[250, 'out_of_physical_range']], times: 1 },
    ])
  })

  test.for([
    ['nan', `{"at":${at},"probe":"load","celsius":nan}`, 'not_finite'],
    ['NaN', `{"at":${at},"probe":"load","celsius":NaN}`, 'not_finite'],
    ['-inf', `{"at":${at},"probe":"load","celsius":-inf}`, 'not_finite'],
    ['1e400', `{"at":${at},"probe":"load","celsius":1e400}`, 'not_finite'],
    ['null', `{"at":${at},"probe":"load","celsius":null}`, 'not_finite'],
    ['a word', `{"at":${at},"probe":"load","celsius":"4.0"}`, 'bad_element'],
    ['an unknown probe', `{"at":${at},"probe":"lod","celsius":4}`, 'bad_element'],
    [
      'the year 2100',
      `{"at":${Date.parse('2100-01-01T00:00:00Z')},"probe":"load","celsius":4}`,
      'too_far_ahead',
    ],
    ['before it went into service', `{"at":1,"probe":"load","celsius":4}`, 'before_in_service'],
    ['an instant no calendar has', `{"at":1e300,"probe":"load","celsius":4}`, 'bad_element'],
    ['no object', `7`, 'bad_element'],
  ])(
    'that says %s is rejected with its reason, its neighbours stored',
    async ([, bad, code], { database }) => {
      const world = await aWorld(database)
      await aDevice(world, 'f1')
      const envelope = `{"v":1,"boot":"a","seq":0,"sentAt":${noon},"uptimeMs":1000,"body":`
      const body = `[{"at":${at - 1},"probe":"load","celsius":4},${bad},{"at":${at + 1},"probe":"load","celsius":5}]}`
      await world.ingest.accept([raw('f1', envelope + body)])
      expect(await stored(world, 'f1')).toEqual([400, 500])
      expect(await rejected(world)).toMatchObject([{ code, elements: [[1, code]] }])
    },
  )

  test('a word inside a string is not taken for a broken value', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const body = [{ at, added: ['nan'], removed: [] }]
    const message = aMessage({ device: 'f1', channel: 'bags', seq: 0, body })
    const payload = Buffer.from(
      message.payload.toString().replace('}]}', `},{"at":NaN,"added":[],"removed":[]}]}`),
    )
    await world.ingest.accept([{ ...message, payload }])
    expect(await unresolvedTags(database.db, { limit: 10, ...all })).toMatchObject([{ tag: 'nan' }])
  })

  test('a NUL in a tag is refused with that element, and no device is stuck', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const body = [
      { at, added: ['T1\u0000'], removed: [] },
      { at, added: ['T2'], removed: [] },
    ]
    await world.ingest.accept([
      aMessage({ device: 'f1', channel: 'bags', seq: 0, body }),
      aMessage({ device: 'f1', seq: 1, body: [aReading(at, 4)] }),
    ])
    expect(await rejected(world)).toMatchObject([{ code: 'bad_element', elements: [[0, 'bad_element']] }])
    expect((await unresolvedTags(database.db, { limit: 10, ...all })).map(({ tag }) => tag)).toEqual(['T2'])
    expect(await stored(world, 'f1')).toEqual([400])
  })
})

describe('a message that cannot be read', () => {
  const envelope = { v: 1, boot: 'a', seq: 0, sentAt: noon, uptimeMs: 1, body: [aReading(at, 4)] }
  test.for([
    ['not JSON', '{"v":1,'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['empty', ''],
    ['of another version', JSON.stringify({ ...envelope, v: 2 })],
    ['with a NUL in its boot', JSON.stringify({ ...envelope, boot: 'a\u0000' })],
    ['with a negative number', JSON.stringify({ ...envelope, seq: -1 })],
    ['with a number beyond 31 bits', JSON.stringify({ ...envelope, seq: 2 ** 31 })],
    ['with no elements', JSON.stringify({ ...envelope, body: [] })],
    ['with 501 elements', JSON.stringify({ ...envelope, body: Array(501).fill(aReading(at, 4)) })],
    ['whose body is a number', JSON.stringify({ ...envelope, body: 3 })],
  ] as const)(
    '%s is kept with its bytes, and what came with it is stored',
    async ([, payload], { database }) => {
      const world = await aWorld(database)
      await aDevice(world, 'f1')
      await world.ingest.accept([
        raw('f1', payload as string),
        aMessage({ device: 'f1', seq: 9, body: [aReading(at, 4)] }),
      ])
      const [kept] = await listRejections(database.db, { limit: 10, ...all })
      expect(kept?.code).toBe('unreadable')
      expect(kept?.payload.equals(Buffer.from(payload))).toBe(true)
      expect(await stored(world, 'f1')).toEqual([400])
    },
  )

  test('the same bytes again are counted, not kept twice', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([raw('f1', '{'), raw('f1', '{')])
    await world.ingest.accept([raw('f1', '{')])
    expect(await rejected(world)).toMatchObject([{ code: 'unreadable', times: 3 }])
  })
})

describe('identity', () => {
  test('a double is acknowledged without effect, in one batch or in two', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const one = aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4)] })
    await world.ingest.accept([one, one])
    await world.ingest.accept([one])
    expect(await database.db.$count(message)).toBe(1)
    expect(await stored(world, 'f1')).toEqual([400])
    expect(await rejected(world)).toEqual([])
  })

  test('a device of a hundred boots is remembered by the last of them, and doubles of all are known', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const sent = Array.from({ length: 100 }, (_, i) =>
      aMessage({ device: 'f1', boot: `boot-${i}`, seq: 0, body: [aReading(at + i, 4)] }),
    )
    for (const message of sent) await world.ingest.accept([message])
    expect(world.ingest.memory.recall('f1')?.boots.size).toBeLessThan(70)
    await world.ingest.accept(sent)
    expect(await stored(world, 'f1')).toHaveLength(100)
    expect(await rejected(world)).toEqual([])
  })

  test('a number used again for other bytes is rejected, in one batch or in two', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const [a, b, c] = [4, 5, 6].map((celsius) =>
      aMessage({ device: 'f1', seq: 0, body: [aReading(at + celsius, celsius)] }),
    )
    await world.ingest.accept([a, b] as never)
    await world.ingest.accept([c] as never)
    expect(await stored(world, 'f1')).toEqual([400])
    expect((await rejected(world)).map(({ code }) => code)).toEqual(['seq_reused', 'seq_reused'])
  })

  test('the same reading in two messages is one reading', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4)] }),
      aMessage({ device: 'f1', seq: 1, body: [aReading(at, 4)] }),
    ])
    await world.ingest.accept([aMessage({ device: 'f1', seq: 2, body: [aReading(at, 4.001)] })])
    expect(await database.db.$count(reading)).toBe(1)
    expect(await database.db.$count(readingConflict)).toBe(0)
  })

  test('two values at one identity are both kept, the one further from mid-limits rules', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4.5), aReading(at, 9)] }),
    ])
    await world.ingest.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(at, -3)] })])
    await world.ingest.accept([aMessage({ device: 'f1', seq: 2, body: [aReading(at, 8)] })])
    expect(await stored(world, 'f1')).toEqual([-300])
    const losers = await database.db.select({ centi: readingConflict.centi }).from(readingConflict)
    expect(losers.map(({ centi }) => centi).sort((a, b) => a - b)).toEqual([450, 800, 900])
  })
})

describe('what the database refuses for its data', () => {
  test('is found by bisection and rejected alone, and can be readmitted when the cause is mended', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await database.pool.query('alter table reading add constraint poison check (centi <> 477)')
    try {
      const messages = Array.from({ length: 60 }, (_, seq) =>
        aMessage({ device: 'f1', seq, body: [aReading(at + seq, seq === 41 ? 4.77 : 4)] }),
      )
      await world.ingest.accept(messages)
      expect(await stored(world, 'f1')).toHaveLength(59)
      const [kept] = await listRejections(database.db, { limit: 10, ...all })
      expect(kept).toMatchObject({ code: 'refused_by_database', device: 'f1' })
      expect(kept?.reason).toContain('23514')
      const id = kept?.id as number
      expect(await readmitMessage(world.ctx, world.ingest.memory, { id })).toMatchObject({
        readmitted: false,
      })
      await database.pool.query('alter table reading drop constraint poison')
      expect(await readmitMessage(world.ctx, world.ingest.memory, { id })).toEqual({
        readmitted: true,
        left: [],
      })
      expect(await stored(world, 'f1')).toHaveLength(60)
      expect(await rejected(world)).toEqual([])
    } finally {
      await database.pool.query('alter table reading drop constraint if exists poison')
    }
  })
})

describe('a message that makes the service fail', () => {
  test('is left out alone, its neighbours stored', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await aDevice(world, 'f2')
    await database.pool.query(`
      create function poison() returns trigger language plpgsql as
        'begin if new.centi = 477 then perform no_such_function(); end if; return new; end';
      create trigger poison before insert on reading for each row execute function poison()`)
    try {
      const messages = ['f1', 'f2'].flatMap((device) =>
        [0, 1, 2].map((seq) =>
          aMessage({ device, seq, body: [aReading(at + seq, device === 'f1' && seq === 1 ? 4.77 : 4)] }),
        ),
      )
      expect(await world.ingest.accept(messages)).toEqual(new Set([messages[1]]))
      expect(await stored(world, 'f1')).toEqual([400, 400])
      expect(await stored(world, 'f2')).toEqual([400, 400, 400])
      expect(await rejected(world)).toEqual([])
    } finally {
      await database.pool.query('drop function poison cascade')
    }
    expect(
      await world.ingest.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(at + 1, 4.77)] })]),
    ).toEqual(new Set())
    expect(await stored(world, 'f1')).toEqual([400, 477, 400])
  })
})

describe('two services on one database', () => {
  test('take turns with a device, and neither stores twice nor derives from what the other has moved', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const one = world.ingest
    world.restart()
    const other = world.ingest
    const hot = (seq: number) => aMessage({ device: 'f1', seq, body: [aReading(at + seq, seq < 2 ? 4 : 9)] })
    await one.accept([hot(0)])
    await other.accept([hot(1)])
    await one.accept([hot(1), hot(2)])
    await other.accept([hot(2)])
    await other.accept([hot(3)])
    await one.accept([hot(4)])
    expect(await stored(world, 'f1')).toEqual([400, 400, 900, 900, 900])
    expect(await findingsOf(world.deps, 'f1', at + 4)).toMatchObject({
      excursions: [{ side: 'high', from: at + 2, to: null, readings: 3 }],
    })
    expect(await rejected(world)).toEqual([])
  })
})

describe('a decision that one service has not heard of', () => {
  test('is found out before the first readings of a probe are judged', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4, 'air')] })])
    await setDeviceProfile(world.ctx, { device: 'f1', profile: { ...bloodFridge, high: 450 } })
    await world.ingest.accept([aMessage({ device: 'f1', seq: 1, body: [aReading(noon, 5.9)] })])
    world.clock.now += minute
    expect(await findingsOf(world.deps, 'f1', world.clock.now)).toMatchObject({
      excursions: [{ side: 'high', from: noon }],
    })
  })
})

describe('the newest state of a device', () => {
  test('says it was heard though all it sent was nonsense', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([raw('f1', 'nonsense')])
    const { id } = await findDevice(database.db, 'f1')
    expect(await readDeviceState(database.db, id)).toMatchObject({ lastReceivedAt: noon })
  })

  test('hears the will of the connection it was told by, and of no other', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const { id } = await findDevice(database.db, 'f1')
    const told = async (state: string, connection: string, { will = false, boot = 'boot-a' } = {}) => {
      const body = JSON.stringify({ boot, state })
      await world.ingest.accept([{ ...raw('f1', body), channel: 'status', connection, will }])
      return (await readDeviceState(database.db, id))?.status
    }
    expect(await told('online', 'one')).toBe('online')
    expect(await told('online', 'two')).toBe('online')
    expect(await told('offline', 'one', { will: true })).toBe('online')
    expect(await told('offline', 'two', { will: true, boot: 'boot-0' })).toBe('online')
    expect(await told('offline', 'two', { will: true })).toBe('offline')
  })

  test('names 32 doors at most, whatever a device calls them and whichever came first', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const names = Array.from({ length: 60 }, (_, i) => `door-${String(i).padStart(2, '0')}`)
    for (const [device, order] of Object.entries({ f1: names, f2: [...names].reverse() })) {
      await aDevice(world, device)
      for (const [seq, door] of order.entries())
        await world.ingest.accept([
          aMessage({ device, channel: 'door', seq, body: [{ at: at + seq, door, open: true }] }),
        ])
      const { id } = await findDevice(database.db, device)
      const state = await readDeviceState(database.db, id)
      expect(Object.keys(state?.doors as object).sort()).toEqual(names.slice(0, 32))
    }
  })
})

describe('an inventory', () => {
  test('in a list is refused, its neighbours kept', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const body = [
      { at, added: ['T1'], removed: [] },
      { at, inventory: [] },
    ]
    await world.ingest.accept([aMessage({ device: 'f1', channel: 'bags', seq: 0, body })])
    expect(await rejected(world)).toMatchObject([{ code: 'bad_element', elements: [[1, 'bad_element']] }])
    expect((await unresolvedTags(database.db, { limit: 10, ...all })).map(({ tag }) => tag)).toEqual(['T1'])
  })
})

describe('a message that is rejected', () => {
  test('does not make a probe that bags would be judged by', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4, 'air')] }),
      aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4, 'load')] }),
    ])
    expect(await rejected(world)).toMatchObject([{ code: 'seq_reused' }])
    const { id } = await findDevice(database.db, 'f1')
    expect(await probesOf(database.db, id)).toMatchObject([{ kind: 'air' }])
  })
})

describe('readmission', () => {
  test('after a profile was widened takes the element in at its own time, once', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1', { physicalHigh: 2_000 })
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body: [aReading(at, 4), aReading(at + 1, 30)] }),
    ])
    const [kept] = await listRejections(database.db, { limit: 10, ...all })
    const id = kept?.id as number
    expect(await readmitMessage(world.ctx, world.ingest.memory, { id })).toMatchObject({
      readmitted: false,
      left: [{ index: 1, code: 'out_of_physical_range' }],
    })
    await setDeviceProfile(world.ctx, { device: 'f1', profile: bloodFridge })
    expect(await readmitMessage(world.ctx, world.ingest.memory, { id })).toEqual({
      readmitted: true,
      left: [],
    })
    expect(await stored(world, 'f1')).toEqual([400, 3_000])
    await expect(readmitMessage(world.ctx, world.ingest.memory, { id })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  test('of a reused number stays refused', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept(
      [4, 5].map((celsius) => aMessage({ device: 'f1', seq: 0, body: [aReading(at, celsius)] })),
    )
    const [kept] = await listRejections(database.db, { limit: 10, ...all })
    const again = await readmitMessage(world.ctx, world.ingest.memory, { id: kept?.id as number })
    expect(again).toMatchObject({ readmitted: false, left: [{ code: 'seq_reused' }] })
    expect(await stored(world, 'f1')).toEqual([400])
  })
})

describe('a profile that changes', () => {
  test('judges only what comes after it, in every process that remembers the old one', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const other = await aWorldBeside(world)
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon - 10, 7)] })])
    world.clock.now = noon + minute
    await setDeviceProfile(other.ctx, { device: 'f1', profile: { ...bloodFridge, high: 800 } })
    const later = { sentAt: noon + 2 * minute, receivedAt: noon + 2 * minute }
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 1, body: [aReading(noon + minute + 5, 7)], ...later }),
    ])
    const { rows } = await database.pool.query(
      'select "from", "to", ended from excursion where known_to is null',
    )
    expect(rows).toEqual([{ from: noon - 10, to: noon + minute + 5, ended: 'inside' }])
  })
})

/** Another process on the same database. */
async function aWorldBeside(world: World): Promise<World> {
  return { ...world, clock: world.clock }
}

describe('a bag', () => {
  const din = 'A999917123456 9'
  const expiresAt = noon + 30 * 86_400_000

  test('of an unknown tag is kept as a sighting, and resolved when the tag is registered', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const readings = Array.from({ length: 31 }, (_, i) =>
      aReading(noon - 30 * minute + i * minute, i >= 20 ? 7 : 4),
    )
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 0, body: readings }),
      aMessage({
        device: 'f1',
        channel: 'bags',
        seq: 1,
        body: [{ at: noon - 30 * minute, added: ['T1'], removed: [] }],
      }),
      aMessage({
        device: 'f1',
        channel: 'bags',
        seq: 2,
        body: [{ at: noon - 5 * minute, added: [], removed: ['T1'] }],
      }),
    ])
    expect(await unresolvedTags(database.db, { limit: 10, ...all })).toMatchObject([
      { tag: 'T1', sightings: 2, lastDevice: 'f1' },
    ])
    const bag = await registerBag(world.ctx, {
      din,
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    expect(await unresolvedTags(database.db, { limit: 10, ...all })).toEqual([])
    const trace = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf: noon })
    expect(trace.places).toMatchObject([
      {
        state: 'inside',
        device: 'f1',
        facility: 'H1',
        from: noon - 30 * minute,
        to: noon - 5 * minute,
        probe: 'load',
        exposure: { inRangeMs: 20 * minute, aboveMs: 5 * minute, belowMs: 0, unverifiedMs: 0, warmest: 700 },
      },
      { state: 'in_hand', from: noon - 5 * minute, to: noon, uncontrolledMs: 5 * minute },
    ])
    expect(trace.policy.storage).toEqual([1])
  })

  test('is judged by its own component, whatever the fridge’s limits, and a late backlog fills its gap', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1', { low: -9_000, high: 9_000 })
    const bag = await registerBag(world.ctx, {
      din,
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    const minuteReading = (m: number, celsius: number) => aReading(noon - 60 * minute + m * minute, celsius)
    await world.ingest.accept([
      aMessage({
        device: 'f1',
        channel: 'bags',
        seq: 0,
        body: [{ at: noon - 60 * minute, added: ['T1'], removed: [] }],
      }),
      aMessage({ device: 'f1', seq: 1, body: [minuteReading(0, 4), minuteReading(10, 8)] }),
      aMessage({ device: 'f1', seq: 2, body: [minuteReading(50, 4)] }),
    ])
    const before = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf: noon })
    expect(before.total).toMatchObject({
      inRangeMs: 20 * minute,
      aboveMs: 0,
      unverifiedMs: 40 * minute,
      warmest: 800,
    })
    await world.ingest.accept([
      aMessage({ device: 'f1', seq: 3, body: [20, 30, 40].map((m) => minuteReading(m, m === 30 ? 4 : 8)) }),
    ])
    const after = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf: noon })
    expect(after.total).toMatchObject({ inRangeMs: 30 * minute, aboveMs: 30 * minute, unverifiedMs: 0 })
  })

  test('that appears elsewhere unseen, or that an inventory misses, is nowhere known in between', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await aDevice(world, 'f2')
    const bag = await registerBag(world.ctx, {
      din,
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    const bags = (device: string, seq: number, body: unknown) =>
      aMessage({ device, channel: 'bags', seq, body })
    const t = (m: number) => noon - 60 * minute + m * minute
    await world.ingest.accept([bags('f2', 0, [{ at: t(40), added: ['T1'], removed: [] }])])
    await world.ingest.accept([
      bags('f1', 1, { at: t(20), inventory: [] }),
      bags('f1', 0, { at: t(10), inventory: ['T1', 'T9'] }),
    ])
    await world.ingest.accept([bags('f2', 1, { at: t(50), inventory: [] })])
    const { places } = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN', asOf: noon })
    expect(
      places.map(({ state, device, from, to }) => [
        state,
        device,
        (from - t(0)) / minute,
        (to - t(0)) / minute,
      ]),
    ).toEqual([
      ['unknown', 'f1', 10, 40],
      ['unknown', 'f2', 40, 60],
    ])
    expect(places.every(({ exposure, from, to }) => exposure.unverifiedMs === to - from)).toBe(true)
  })

  test('registered twice, or with a tag that another carries, is refused', async ({ database }) => {
    const world = await aWorld(database)
    const input = { din, productCode: 'E0336V00', facility: 'H1', component: 'red_cells', expiresAt } as const
    const bag = await registerBag(world.ctx, input)
    await expect(registerBag(world.ctx, input)).rejects.toMatchObject({ code: 'already_exists' })
    const half = await registerBag(world.ctx, { ...input, productCode: 'E0336VA0' })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    await expect(tagBag(world.ctx, { bagId: half.id, tag: 'T1' })).rejects.toMatchObject({
      code: 'tag_in_use',
    })
  })
})
