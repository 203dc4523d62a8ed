import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import type { Context } from '../../../api/context.ts'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { ledgersOf } from '../../../api/stores/ledgers.ts'
import { policyVersions } from '../../../api/stores/policies.ts'
import { actOnBag } from '../../../api/usecases/act-on-bag.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { decideOnPolicy } from '../../../api/usecases/decide-on-policy.ts'
import { handleAlarm } from '../../../api/usecases/handle-alarm.ts'
import { judgeDue, noticeSilence } from '../../../api/usecases/judge-due.ts'
import { labelDevice } from '../../../api/usecases/label-device.ts'
import { listTasks } from '../../../api/usecases/list-tasks.ts'
import { moveDevice } from '../../../api/usecases/move-device.ts'
import { proposePolicy } from '../../../api/usecases/propose-policy.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { revokeDevice } from '../../../api/usecases/revoke-device.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { empty, test } from '../../support/database.ts'
import {
  aDevice,
  aMessage,
  aReading,
  aWorld,
  bloodFridge,
  faultsOf,
  findingsOf,
  noon,
  type World,
} from '../../support/world.ts'

const minute = 60_000
const hour = 60 * minute

/**
 * A fridge and a bag of red cells, which is registered and tagged at `begins` and is not in it yet. Both times and what is
 * found are in minutes since then.
 */
async function aFridge(
  database: OpenDatabase,
  { begins = noon, timeZone = 'Asia/Shanghai' }: { begins?: number; timeZone?: string } = {},
) {
  const world = await aWorld(database, 600_000)
  world.clock.now = begins
  await createFacility(world.ctx, { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone })
  await aDevice(world, 'f1', { maxSilenceMs: 15 * minute }, begins - 12 * hour, 'H2')
  const number = 'A999926000001'
  const bag = await registerBag(world.ctx, {
    din: number + dinCheckCharacter(number),
    productCode: 'E0336V00',
    facility: 'H2',
    component: 'red_cells',
    expiresAt: begins + 30 * 24 * hour,
  })
  await tagBag(world.ctx, { bagId: bag.id, tag: 't1', from: begins })
  let seq = 0
  let silent: ReadonlyMap<number, string> = new Map()
  const at = (minutes: number) => begins + Math.round(minutes * minute)
  const since = (instant: number | null) => (instant === null ? null : (instant - begins) / minute)

  return {
    world,
    bagId: bag.id,
    at,
    until(minutes: number) {
      world.clock.now = at(minutes)
    },
    /** Sent now, and measured at these minutes. */
    measure(celsius: number, ...minutes: number[]) {
      const readings = minutes.map((one) => aReading(at(one), celsius))
      // Two in one message, so that no clock is measured by them.
      const body = readings.length === 1 ? [...readings, ...readings] : readings
      return world.ingest.accept([aMessage({ device: 'f1', seq: seq++, body, receivedAt: world.clock.now })])
    },
    /** Measured and sent at this minute, by a clock that shows another. */
    async measureLive(celsius: number, minutes: number, shown = minutes) {
      world.clock.now = at(minutes)
      const parts = { sentAt: at(shown), receivedAt: at(minutes), uptimeMs: hour + minutes * minute }
      await world.ingest.accept([
        aMessage({ device: 'f1', seq: seq++, body: [aReading(at(shown), celsius)], ...parts }),
      ])
    },
    /** The bag is put in or taken out, and that is told now. */
    see(way: 'added' | 'removed', minutes: number) {
      const delta = { at: at(minutes), added: [] as string[], removed: [] as string[] }
      delta[way].push('t1')
      const parts = { device: 'f1', channel: 'bags', receivedAt: world.clock.now } as const
      return world.ingest.accept([aMessage({ ...parts, seq: seq++, body: [delta] })])
    },
    async judged() {
      silent = await noticeSilence(world.deps, silent)
      while ((await judgeDue(world.deps)).judged > 0);
      const [ledger] = await ledgersOf(database.db, bag.id)
      const entries = ledger?.entries.map(({ kind, from, to }) => [kind, since(from), since(to)])
      return { verdict: ledger?.verdict, entries }
    },
    async found() {
      const { gaps, excursions } = await findingsOf(world.deps, 'f1', world.clock.now)
      return {
        gaps: gaps.filter(({ open }) => !open).map(({ from, to }) => [since(from), since(to)]),
        excursions: excursions.map(({ side, from, to }) => [side, since(from), since(to)]),
      }
    },
  }
}

describe('limits that are changed during an excursion', () => {
  test('of the device end it with the first reading inside them, and neither when they change nor before', async ({
    database,
  }) => {
    const { world, until, measure, found } = await aFridge(database)
    until(20)
    await measure(4, 0)
    await measure(7, 5, 10, 15)
    await setDeviceProfile(world.ctx, { device: 'f1', profile: { ...bloodFridge, high: 800 } })
    expect((await found()).excursions).toEqual([['high', 5, null]])
    until(30)
    await measure(7, 25)
    expect((await found()).excursions).toEqual([['high', 5, 25]])
  })

  test('of the device begin one with the first reading outside them', async ({ database }) => {
    const { world, until, measure, found } = await aFridge(database)
    until(12)
    await measure(5, 0, 5, 10)
    await setDeviceProfile(world.ctx, { device: 'f1', profile: { ...bloodFridge, high: 450 } })
    expect((await found()).excursions).toEqual([])
    until(20)
    await measure(5, 15, 20)
    expect((await found()).excursions).toEqual([['high', 15, null]])
  })

  test('of the policy end the breach of a bag with the first reading inside them, though its device is outside still', async ({
    database,
  }) => {
    const { world, at, until, measure, see, judged, found } = await aFridge(database)
    const by = (id: string): Context => ({ ...world.ctx, actor: { kind: 'person', id } })
    const [standing] = await policyVersions(database.db, 'CN', 'red_cells', 'storage')
    if (!standing) throw new Error('no policy speaks of red cells')
    const { version: _v, proposalId: _p, from: _f, ...content } = standing
    const next = { ...content, high: 800, effectiveFrom: at(12) }
    const { id } = await proposePolicy(by('ann'), { content: next, reason: 'a new edition' })
    for (const person of ['ben', 'eva'])
      await decideOnPolicy(by(person), { id, decision: 'approve', comment: 'read' })

    until(10)
    await see('added', 0)
    await measure(4, 0)
    await measure(7, 5, 10)
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 5, null]] })
    until(14)
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 5, null]] })
    until(20)
    await measure(7, 15, 20)
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 5, 15]] })
    expect((await found()).excursions).toEqual([['high', 5, null]])
  })
})

describe('a bag at the very limit', () => {
  test.for([
    [2, 'OK'],
    [6, 'OK'],
    [6.004, 'OK'],
    [6.006, 'BREACHED'],
    [6.01, 'BREACHED'],
    [1.99, 'BREACHED'],
  ] as const)(
    'of %f °C is %s: temperatures are rounded to a hundredth and limits are inside',
    async ([celsius, verdict], { database }) => {
      const { until, measure, see, judged, found } = await aFridge(database)
      until(10)
      await see('added', 0)
      await measure(4, 0)
      await measure(celsius, 5, 10)
      expect((await judged()).verdict).toBe(verdict)
      expect((await found()).excursions).toHaveLength(verdict === 'OK' ? 0 : 1)
    },
  )

  test('of a silence as long as may be is spoken for all the while, and a millisecond later for none of it', async ({
    database,
  }) => {
    const { at, until, measure, see, judged, found } = await aFridge(database)
    until(0)
    await see('added', 0)
    await measure(4, 0)
    until(15)
    expect(await judged()).toEqual({ verdict: 'OK', entries: [] })
    await measure(4, 15)
    expect(await judged()).toEqual({ verdict: 'OK', entries: [] })
    expect((await found()).gaps).toEqual([])
    const late = (at(30) + 1 - at(0)) / minute
    until(late)
    expect(await judged()).toEqual({ verdict: 'UNVERIFIED', entries: [['unverified', 15, null]] })
    await measure(4, late)
    until(31)
    const { entries } = await judged()
    expect(entries).toEqual([['unverified', 15, late]])
    expect((await found()).gaps).toEqual([[15, late]])
  })
})

test.for([
  ['summer time begins', '2026-03-28T22:00:00Z'],
  ['summer time ends', '2026-10-24T22:00:00Z'],
  ['the leap day begins', '2028-02-28T22:00:00Z'],
] as const)(
  'a bag in Berlin through a night in which %s was outside for as long as that lasted',
  async ([_, begins], { database }) => {
    const { until, measure, see, judged, found } = await aFridge(database, {
      begins: Date.parse(begins),
      timeZone: 'Europe/Berlin',
    })
    const every10 = (from: number, to: number) =>
      Array.from({ length: (to - from) / 10 }, (_, index) => from + index * 10)
    until(30 * 60)
    await see('added', 0)
    await measure(4, ...every10(0, 120))
    // Across the hour that is left out or comes twice, and across midnight of the next day.
    await measure(7, ...every10(120, 240))
    await measure(4, ...every10(240, 25 * 60))
    await measure(1, ...every10(25 * 60, 27 * 60))
    await measure(4, ...every10(27 * 60, 30 * 60 + 10))
    const outside = [
      ['high', 120, 240],
      ['low', 25 * 60, 27 * 60],
    ]
    expect(await found()).toEqual({ gaps: [], excursions: outside })
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: outside })
  },
)

test('a clock that is set back three hours in an excursion leaves the bag in doubt, and once that is said the breach is whole', async ({
  database,
}) => {
  const { world, until, measureLive, see, judged, found } = await aFridge(database)
  await see('added', 0)
  for (const at of [0, 5]) await measureLive(4, at)
  for (const at of [10, 15, 20]) await measureLive(7, at)
  const before = await judged()
  expect(before).toEqual({ verdict: 'BREACHED', entries: [['high', 10, null]] })
  for (const at of [25, 30]) await measureLive(7, at, at - 180)
  for (const at of [35, 40]) await measureLive(4, at, at - 180)
  expect(await faultsOf(world, 'f1')).toMatchObject([{ kind: 'step', fromSeq: 6, settled: false }])
  expect(await judged()).toEqual({
    verdict: 'BREACHED',
    entries: [
      ['high', 10, 20],
      ['unverified', 20, null],
    ],
  })

  until(41)
  const fact = { device: 'f1', boot: 'boot-a', fromSeq: 6, offsetMs: 3 * hour }
  await recordClockFact(world.ctx, { ...fact, reason: 'somebody set its clock' })
  expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 10, 35]] })
  expect(await found()).toEqual({ gaps: [], excursions: [['high', 10, 35]] })
})

test('a bag that came during an excursion and left before anybody heard of it was outside for as long as it was there', async ({
  database,
}) => {
  const { until, measure, see, judged, found } = await aFridge(database)
  until(36)
  await see('added', 20)
  await see('removed', 30)
  expect((await judged()).entries).toEqual([
    ['unseen', 0, 20],
    ['unverified', 20, 30],
    ['in_hand', 30, null],
  ])
  until(50)
  await measure(4, 0, 5, 40, 45)
  await measure(7, 10, 15, 20, 25, 30, 35)
  expect((await found()).excursions).toEqual([['high', 10, 40]])
  expect(await judged()).toMatchObject({
    verdict: 'BREACHED',
    entries: [
      ['unseen', 0, 20],
      ['high', 20, 30],
      ['in_hand', 30, null],
    ],
  })
})

describe('a device that is revoked with bags inside', () => {
  test('leaves them with what it told, and in doubt once it has been silent for too long', async ({
    database,
  }) => {
    const { world, until, measure, see, judged } = await aFridge(database)
    until(10)
    await see('added', 0)
    await measure(4, 0, 5, 10)
    await revokeDevice(world.ctx, { device: 'f1', reason: 'it was replaced' })
    expect(await judged()).toEqual({ verdict: 'OK', entries: [] })
    until(26)
    expect(await judged()).toEqual({ verdict: 'UNVERIFIED', entries: [['unverified', 10, null]] })
    until(10 + 24 * 60 + 1)
    expect(await judged()).toEqual({ verdict: 'HOLD', entries: [['unverified', 10, null]] })
  })

  const aWatch = (database: OpenDatabase, world: World, from: number) => ({
    look: () => watchAlarms(world.deps, { readySince: from, since: from }),
    /** What each case has to tell, and whether it is over. */
    async cases() {
      const { rows } = await database.pool.query<{ kind: string; isOver: boolean; verbs: string[] }>(
        `select kind, ended_at is not null as "isOver", array(
           select verb from alarm_event e where e.case_id = c.id and verb <> 'unstaffed' order by id) as verbs
         from alarm_case c order by id`,
      )
      return rows
    },
  })
  const handled = (world: World, act: 'acknowledged' | 'closed') =>
    handleAlarm(world.ctx, { id: 1, act, comment: 'seen to' })

  test('alarms on while they are, and what it alarmed for ends with nobody hearing it but when somebody closes it', async ({
    database,
  }) => {
    const { world, bagId, at, until, measure, see, judged } = await aFridge(database)
    const { look, cases } = aWatch(database, world, at(0))
    until(10)
    await see('added', 0)
    await measure(4, 0)
    await measure(7, 5, 10)
    await look()
    await revokeDevice(world.ctx, { device: 'f1', reason: 'it was replaced' })
    for (const minutes of [11, 20, 26]) {
      until(minutes)
      await look()
    }
    const [warm, silent] = await cases()
    expect(warm).toMatchObject({ kind: 'load_high', isOver: false })
    expect(warm?.verbs.filter((verb) => /raised|retired|ended/.test(verb))).toEqual(['raised', 'retired'])
    // The next in turn are told, for somebody must see to the bag.
    expect(warm?.verbs.filter((verb) => verb === 'escalated')).toHaveLength(3)
    expect(silent).toMatchObject({ kind: 'silent', isOver: false, verbs: ['raised', 'retired', 'escalated'] })
    expect(await judged()).toMatchObject({
      verdict: 'BREACHED',
      entries: [
        ['high', 5, 10],
        ['unverified', 10, null],
      ],
    })
    const tasks = await listTasks(world.ctx, { kind: 'inside_retired' })
    expect(tasks).toMatchObject([{ bagId, device: 'f1', facility: 'H2', since: at(10) }])

    await handled(world, 'acknowledged')
    await expect(handled(world, 'closed')).rejects.toThrow('1 bag is inside the device alarm 1 is about')
    const discard = { verb: 'discard', reason: 'it was too warm' } as const
    await database.db.transaction((tx) => actOnBag(world.ctx, tx, { bagId, verb: 'discard' }, () => discard))
    until(60)
    await look()
    expect((await cases()).map(({ isOver }) => isOver)).toEqual([false, false])
    await handled(world, 'closed')
    await look()
    expect(await cases()).toHaveLength(2)
    expect(await listTasks(world.ctx, { kind: 'inside_retired' })).toEqual([])
  })

  test('has nobody told of a silence, nor of what it alarmed for, once no bag is inside', async ({
    database,
  }) => {
    const { world, at, until, measure } = await aFridge(database)
    const { look, cases } = aWatch(database, world, at(0))
    until(10)
    await measure(4, 0)
    await measure(7, 5, 10)
    await look()
    await revokeDevice(world.ctx, { device: 'f1', reason: 'it was replaced' })
    for (const minutes of [11, 20, 26, 60]) {
      until(minutes)
      await look()
    }
    expect(await cases()).toEqual([
      { kind: 'load_high', isOver: false, verbs: ['raised', 'escalated', 'retired'] },
    ])
    await handled(world, 'acknowledged')
    await handled(world, 'closed')
    await look()
    expect(await cases()).toHaveLength(1)
  })

  test('ends what was over before it was revoked', async ({ database }) => {
    const { world, at, until, measure, see } = await aFridge(database)
    const { look, cases } = aWatch(database, world, at(0))
    until(12)
    await see('added', 0)
    await measure(4, 0)
    await measure(7, 5, 10)
    await look()
    await measure(4, 11)
    await look()
    await revokeDevice(world.ctx, { device: 'f1', reason: 'it was replaced' })
    until(18)
    await look()
    const [warm] = await cases()
    expect(warm).toMatchObject({ kind: 'load_high', isOver: true })
    expect(warm?.verbs).not.toContain('retired')
  })
})

describe('a fridge that is called otherwise', () => {
  test('has its bags judged as they were, and its name on the wire stands', async ({ database }) => {
    const { world, until, measure, see, judged, found } = await aFridge(database)
    until(20)
    await see('added', 0)
    await measure(4, 0, 5)
    await measure(7, 10)
    const before = await judged()
    await labelDevice(world.ctx, { device: 'f1', label: '手术室 2 号冰箱' })
    const { rows } = await database.pool.query('select * from ledger_due')
    expect(rows).toEqual([])
    expect(await judged()).toEqual(before)
    await measure(4, 15, 20)
    expect((await found()).excursions).toEqual([['high', 10, 15]])
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 10, 15]] })
    expect((await findDevice(database.db, 'f1')).label).toBe('手术室 2 号冰箱')
  })
})

describe('a fridge that is moved with a bag inside', () => {
  const facility = (world: World, code: string, jurisdiction: 'CN' | 'UK') =>
    createFacility(world.ctx, { code, name: code, kind: 'hospital', timeZone: 'UTC', jurisdiction })
  const placesOf = async (world: World, bagId: string, since: (at: number) => number | null) => {
    const { places, total } = await traceBag(world.deps, { bagId, jurisdiction: 'CN' })
    return { places: places.map((one) => [one.facility, since(one.from), since(one.to)]), total }
  }
  const casesOf = async (database: OpenDatabase) => {
    const { rows } = await database.pool.query(
      `select c.kind, f.code, array(select verb from alarm_event e where e.case_id = c.id order by id) as verbs
       from alarm_case c join facility f on f.id = c.facility_id order by c.id`,
    )
    return rows
  }

  test.for(['CN', 'UK'] as const)(
    'leaves the judgement to who holds the bag, has it judged again, and is where it was then in the trace (%s)',
    async (jurisdiction, { database }) => {
      const { world, bagId, at, until, measure, see, judged } = await aFridge(database)
      const since = (instant: number) => (instant - at(0)) / minute
      await facility(world, 'H3', jurisdiction)
      until(30)
      await see('added', 0)
      await measure(4, 0, 5, 10, 20, 25, 30)
      await measure(7, 15)
      const before = await judged()
      expect(before).toEqual({ verdict: 'BREACHED', entries: [['high', 15, 20]] })
      const stood = await placesOf(world, bagId, since)
      expect(stood.places).toEqual([['H2', 0, 30]])

      await moveDevice(world.ctx, { device: 'f1', facility: 'H3', at: at(17), reason: 'the ward moved' })
      const { rows } = await database.pool.query('select "from" from ledger_due where device_id is not null')
      expect(rows).toContainEqual({ from: at(17) })
      expect(await judged()).toEqual(before)
      const [ledger] = await ledgersOf(database.db, bagId)
      expect(ledger).toMatchObject({ jurisdiction: 'CN' })
      const { places, total } = await placesOf(world, bagId, since)
      expect(places).toEqual([
        ['H2', 0, 17],
        ['H3', 17, 30],
      ])
      expect(total).toEqual(stood.total)
      const tasks = await listTasks(world.ctx, { kind: 'seen_elsewhere' })
      expect(tasks).toMatchObject([{ bagId, facility: 'H2', since: at(17) }])
    },
  )

  test('delivers the backlog of before and after, each told where the fridge stood then', async ({
    database,
  }) => {
    const { world, bagId, at, until, measure, see, judged } = await aFridge(database)
    await facility(world, 'H3', 'CN')
    until(60)
    await see('added', 0)
    await measure(4, 0)
    await moveDevice(world.ctx, { device: 'f1', facility: 'H3', at: at(20), reason: 'the ward moved' })
    expect(await judged()).toEqual({ verdict: 'UNVERIFIED', entries: [['unverified', 0, null]] })
    await measure(7, 5)
    await measure(4, 10, 20, 30)
    await measure(7, 40)
    await measure(4, 50, 60)
    expect(await judged()).toEqual({
      verdict: 'BREACHED',
      entries: [
        ['high', 5, 10],
        ['high', 40, 50],
      ],
    })
    const { rows } = await database.pool.query<{ codes: string[] }>(
      `select array(select code from facility where id = any(facility_ids)) as codes from news
       where kind = 'excursion.ended' order by data->>'from'`,
    )
    expect(rows.map(({ codes }) => codes)).toEqual([['H2'], ['H3']])
    expect((await placesOf(world, bagId, (one) => (one - at(0)) / minute)).places).toEqual([
      ['H2', 0, 20],
      ['H3', 20, 60],
    ])
  })

  test('takes the alarms that last with it, pages from the first on there, and leaves those that are over', async ({
    database,
  }) => {
    const { world, at, until, measure, see } = await aFridge(database)
    await facility(world, 'H3', 'UK')
    const look = () => watchAlarms(world.deps, { readySince: at(0), since: at(0) })
    const door = (seq: number, open: boolean, minutes: number) =>
      world.ingest.accept([
        aMessage({
          ...{ device: 'f1', channel: 'door', boot: 'boot-b', seq, receivedAt: at(minutes) },
          body: [{ at: at(minutes), door: 'main', open }],
        }),
      ])
    await see('added', 0)
    await measure(4, 0)
    await door(0, true, 0)
    until(4)
    await look()
    await door(1, false, 4)
    await look()
    until(12)
    await measure(7, 5, 10)
    await look()
    await handleAlarm(world.ctx, { id: 2, act: 'acknowledged', comment: 'on my way' })

    await moveDevice(world.ctx, { device: 'f1', facility: 'H3', reason: 'the ward moved' })
    for (let twice = 0; twice < 2; twice++) await look()
    expect(await casesOf(database)).toEqual([
      { kind: 'door_open', code: 'H2', verbs: ['raised', 'escalated', 'ended', 'escalated'] },
      { kind: 'load_high', code: 'H3', verbs: ['raised', 'escalated', 'acknowledged', 'moved', 'escalated'] },
    ])
    const { rows } = await database.pool.query(
      `select data->>'from' as "from", data->>'to' as "to", array(
         select code from facility where id = any(facility_ids) order by code) as told
       from news where kind = 'alarm.moved'`,
    )
    expect(rows).toEqual([{ from: 'H2', to: 'H3', told: ['H2', 'H3'] }])
  })

  test('moves once at a time, after it came and never before it is so', async ({ database }) => {
    const { world, at, until } = await aFridge(database)
    await facility(world, 'H3', 'CN')
    until(30)
    const move = (code: string, minutes: number) =>
      moveDevice(world.ctx, { device: 'f1', facility: code, at: at(minutes), reason: 'moved' })
    await expect(move('H3', 31)).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(move('H2', 30)).rejects.toMatchObject({ code: 'conflict' })
    await expect(move('H3', -12 * 60)).rejects.toMatchObject({ code: 'conflict' })
    await move('H3', 10)
    await expect(move('H2', 10)).rejects.toMatchObject({ code: 'conflict' })
    await move('H2', 11)
    const { placements } = await findDevice(database.db, 'f1')
    expect(placements.map(({ facility, from }) => [facility, from])).toEqual([
      ['H2', at(-12 * 60)],
      ['H3', at(10)],
      ['H2', at(11)],
    ])
  })

  test('is known alike, whenever that is told among its readings and what was seen of the bag', async ({
    database,
  }) => {
    const Told = fc.record({
      celsius: fc.array(fc.constantFrom(4, 4, 7, null), { minLength: 7, maxLength: 7 }),
      moves: fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 2 }),
      enters: fc.integer({ min: 0, max: 20 }),
      turns: fc.array(fc.nat({ max: 100 }), { minLength: 10, maxLength: 10 }),
    })
    await fc.assert(
      fc.asyncProperty(Told, async ({ celsius, moves, enters, turns }) => {
        const live = async (isShuffled: boolean) => {
          await empty(database)
          const { world, bagId, at, until, judged } = await aFridge(database)
          for (const code of ['H3', 'H4']) await facility(world, code, 'CN')
          until(60)
          const parts = { device: 'f1', receivedAt: world.clock.now } as const
          const seen = [{ at: at(enters), added: ['t1'], removed: [] }]
          const messages = [
            aMessage({ ...parts, seq: 0, channel: 'bags', body: seen }),
            ...celsius.flatMap((one, index) => {
              const reading = aReading(at(index * 10), one ?? 0)
              return one === null ? [] : [aMessage({ ...parts, seq: index + 1, body: [reading, reading] })]
            }),
          ]
          const told: (() => Promise<unknown>)[] = messages.map(
            (message) => () => world.ingest.accept([message]),
          )
          const sorted = moves.toSorted((a, b) => a - b)
          // Of one device people speak in the order it moved in.
          const next = sorted.map((one, index) => ({ at: at(one), facility: `H${3 + index}` }))
          for (const _ of sorted)
            told.push(() => {
              const move = next.shift() as { at: number; facility: string }
              return moveDevice(world.ctx, { device: 'f1', ...move, reason: 'moved' })
            })
          const order = told.map((tell, index) => ({ tell, turn: turns[index % turns.length] ?? 0 }))
          if (isShuffled) order.sort((a, b) => a.turn - b.turn)
          for (const { tell } of order) {
            await tell()
            if (isShuffled) await judged()
          }
          const { places, total, beforeFirstSeen } = await traceBag(world.deps, { bagId, jurisdiction: 'CN' })
          return { ...(await judged()), places, total, beforeFirstSeen }
        }
        expect(await live(true)).toEqual(await live(false))
      }),
      { numRuns: 8 },
    )
  }, 120_000)
})

describe('what a clock a little ahead of ours tells', () => {
  test('of a silence that is over is judged once it is so', async ({ database }) => {
    const { until, measure, see, judged } = await aFridge(database)
    until(20)
    await see('added', 0)
    await measure(4, 0)
    await measure(4, 20.5)
    expect(await judged()).toEqual({ verdict: 'UNVERIFIED', entries: [['unverified', 0, null]] })
    until(21)
    // All that was sent came: nothing more will be heard of it.
    expect(await judged()).toEqual({ verdict: 'HOLD', entries: [['unverified', 0, 20.5]] })
  })

  test('of an excursion that is over is judged once it is so', async ({ database }) => {
    const { until, measure, see, judged } = await aFridge(database)
    until(20)
    await see('added', 0)
    await measure(4, 0, 5)
    await measure(7, 10, 15, 20)
    await measure(4, 20.5)
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 10, null]] })
    until(21)
    expect(await judged()).toEqual({ verdict: 'BREACHED', entries: [['high', 10, 20.5]] })
  })

  test('of a bag that was put in is judged once it is so', async ({ database }) => {
    const { until, measure, see, judged } = await aFridge(database)
    until(20)
    await measure(7, 0, 5, 10, 15)
    await see('added', 20.5)
    expect((await judged()).entries).toEqual([['unseen', 0, null]])
    until(21)
    expect(await judged()).toEqual({
      verdict: 'BREACHED',
      entries: [
        ['unseen', 0, 20.5],
        ['high', 20.5, null],
      ],
    })
  })
})

test.for([1, 2])(
  'a silence is known to be empty as soon as all messages from around it came, whatever the last of them is about, to %d services',
  async (services, { database }) => {
    const { world, at, until, measure, see, judged } = await aFridge(database)
    until(40)
    await see('added', 0)
    await measure(4, 0, 5)
    const device = { device: 'f1', receivedAt: world.clock.now } as const
    const body = [{ at: at(20), door: 'upper', open: true }]
    const door = aMessage({ ...device, channel: 'door', seq: 2, sentAt: at(20), body })
    const after = [30, 35, 40].map((minutes) => aReading(at(minutes), 4))
    const here = world.ingest
    // What one hears the other does not remember.
    if (services === 2) world.restart()
    await world.ingest.accept([aMessage({ ...device, seq: 3, sentAt: at(40), body: after })])
    expect(await judged()).toEqual({ verdict: 'UNVERIFIED', entries: [['unverified', 5, 30]] })
    await here.accept([door])
    expect(await judged()).toEqual({ verdict: 'HOLD', entries: [['unverified', 5, 30]] })
  },
)

test('a bag that is judged in the very millisecond it is discarded in is at its end', async ({
  database,
}) => {
  const { world, bagId, until, judged } = await aFridge(database)
  until(10)
  const discard = { verb: 'discard', reason: 'it leaks' } as const
  await database.db.transaction((tx) => actOnBag(world.ctx, tx, { bagId, verb: 'discard' }, () => discard))
  expect((await judged()).entries).toEqual([['unseen', 0, 10]])
})

test('a fault of a probe that was known before it counted is counted once the database is brought up to date', async ({
  database,
}) => {
  const { at, until, measure, see, judged } = await aFridge(database)
  await see('added', 0)
  until(40)
  await measure(4, 0, 10, 20, 30, 40)
  expect(await judged()).toMatchObject({ verdict: 'OK' })
  await database.pool.query(
    `insert into probe_fault (probe_id, kind, "from", "to", known_from) select id, 'stuck', $1, $2, $2 from probe`,
    [at(10), at(30)],
  )
  const migration = new URL('../../../schema/migrations/0024_doubted.sql', import.meta.url)
  for (const statement of (await readFile(migration, 'utf8')).split('--> statement-breakpoint'))
    await database.pool.query(statement)
  expect(await judged()).toEqual({ verdict: 'HOLD', entries: [['probe_fault', 10, 30]] })
})
