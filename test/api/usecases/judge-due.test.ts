import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { holdsOf } from '../../../api/stores/bags.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import type { Profile } from '../../../api/stores/devices.ts'
import { dueForBags } from '../../../api/stores/ledger-due.ts'
import { ledgersOf } from '../../../api/stores/ledgers.ts'
import { rejudgedOf } from '../../../api/stores/rejudged.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { createFaultWatch } from '../../../api/usecases/derive-faults.ts'
import { judgeDue, noticeSilence } from '../../../api/usecases/judge-due.ts'
import { moveDevice } from '../../../api/usecases/move-device.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { untagBag } from '../../../api/usecases/untag-bag.ts'
import { test } from '../../support/database.ts'
import { inForceFrom, rejudge } from '../../support/rejudging.ts'
import { aDevice, aMessage, aReading, aWorld, noon, type World } from '../../support/world.ts'

const minute = 60_000

/** Under a clock that stands still a batch that is given up is begun again, and the first may end after all. */
const patienceMs = 600_000

const Event = fc.record({
  device: fc.constantFrom('f1', 'f2', 'wide'),
  at: fc.integer({ min: 0, max: 240 }),
  kind: fc.constantFrom(
    'reading',
    'reading',
    'reading',
    'reading',
    'air',
    'added',
    'removed',
    'inventory',
    'missing',
  ),
  celsius: fc.constantFrom(1, 2, 4, 5, 6, 7, 11),
  ofChild: fc.boolean(),
})

const Plan = fc.record({
  events: fc.array(Event, { minLength: 4, maxLength: 40 }),
  order: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
  /** Messages in a batch; after each the service may judge, or be killed. */
  cuts: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 }),
  /** Devices tell of cold in time, so that some bags are well kept. */
  isHeard: fc.boolean(),
  isCold: fc.boolean(),
  /** From when on what is heard is one value, and not three in turn. */
  stuckMinute: fc.option(fc.integer({ min: 64, max: 180 }), { freq: 3 }),
  /** From when on the air is too far from what is heard of the load, and for how long. */
  apart: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 24, max: 90 })) },
  ),
  madeMinute: fc.option(fc.integer({ min: 61, max: 230 })),
  profileMinute: fc.option(fc.integer({ min: 1, max: 3 })),
  /** After so many batches the policy is said to have been another one for a while. */
  rejudged: fc.option(
    fc.record({
      step: fc.integer({ min: 0, max: 4 }),
      from: fc.integer({ min: 0, max: 120 }),
      minutes: fc.integer({ min: 1, max: 150 }),
    }),
  ),
  /** What somebody finds out of the clock of the first fridge, after so many batches. */
  clockFact: fc.option(
    fc.record({
      step: fc.integer({ min: 0, max: 4 }),
      fromSeq: fc.integer({ min: 0, max: 20 }),
      offsetMinutes: fc.integer({ min: -20, max: 5 }),
    }),
  ),
  /** When its fridge was carried to another facility, which is told with the first messages or after the last. */
  moved: fc.option(fc.record({ minute: fc.integer({ min: 1, max: 249 }), isToldFirst: fc.boolean() })),
})

/** More than these where somebody has the time. */
const runs = Number(process.env.LEDGER_RUNS ?? 40)

async function bagsOf(database: OpenDatabase): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>('select id from bag order by id')
  return rows.map(({ id }) => id)
}

/** What has not been heard by now, or is not to be believed, is noticed by looking, as the service does all the time. */
async function judgeAll({ deps }: World): Promise<void> {
  const faults = createFaultWatch(deps)
  while ((await faults.look()) > 0);
  await noticeSilence(deps, new Map())
  while ((await judgeDue(deps)).judged > 0);
}

async function ledgers({ deps }: World) {
  const { db } = deps.database
  return Promise.all(
    (await bagsOf(deps.database)).map(async (bagId) => {
      const [newest] = await ledgersOf(db, bagId)
      if (!newest) throw new Error(`bag ${bagId} was never judged`)
      const { revision, verdict, entries } = newest
      const beside = (await rejudgedOf(db, bagId)).map(({ ledger, ...told }) => ({
        ...{ revision: told.revision, verdict: told.verdict, entries: told.entries },
        ledger: ledger.revision,
      }))
      const holds = (await holdsOf(db, bagId)).map(({ kind, rejudgementId }) => [
        kind,
        rejudgementId !== null,
      ])
      return { bagId, revision, verdict, entries, beside, holds }
    }),
  )
}

type Drawn = typeof Plan extends fc.Arbitrary<infer T> ? T : never

/** Of the bag of a plan that goes by: a bag in one fridge, judged once more by a policy that allows less. */
const quiet: Drawn = {
  events: [{ device: 'f1', at: 0, kind: 'added', celsius: 4, ofChild: false }],
  order: Array.from({ length: 40 }, (_, index) => (index * 17) % 40),
  cuts: [3, 5],
  isHeard: true,
  isCold: true,
  stuckMinute: null,
  apart: null,
  madeMinute: null,
  profileMinute: null,
  rejudged: { step: 1, from: 10, minutes: 100 },
  clockFact: null,
  moved: null,
}
const heardAt = (celsius: (at: number) => 4 | 5 | 7): Drawn => ({
  ...quiet,
  isHeard: false,
  isCold: false,
  events: [
    ...quiet.events,
    ...Array.from({ length: 31 }, (_, index) => index * 8).map((at) => ({
      ...({ device: 'f1', at, kind: 'reading', ofChild: false } as const),
      celsius: celsius(at),
    })),
  ],
})

/** What chance brings too seldom: every verdict, under either policy, and a probe that is not believed. */
const seldom: readonly Drawn[] = [
  quiet,
  { ...quiet, stuckMinute: 64 },
  heardAt((at) => (at >= 40 && at < 60 ? 5 : 4)),
  heardAt((at) => (at >= 40 && at < 60 ? 7 : 4)),
  { ...quiet, isHeard: false },
]

/**
 * A few hours of a bag and what was made of it. Told `at once` it is told in the order it happened in, in one batch and
 * without a word of it being judged; otherwise in any order, partly twice, in any batches, with the service killed.
 */
async function live(world: World, run: number, plan: Drawn, isAtOnce: boolean): Promise<void> {
  const { events, order, cuts, isHeard, isCold, stuckMinute, apart } = plan
  const { madeMinute, profileMinute, clockFact, moved, rejudged } = plan
  const start = noon - 250 * minute
  const facility = `P${run}`
  const name = (device: string) => `${device}-${run}`
  for (const device of ['f1', 'f2', 'wide'])
    await aDevice(
      world,
      name(device),
      // One that alarms later than its bags spoil.
      { maxSilenceMs: 10 * minute, ...(device === 'wide' ? { low: 100, high: 1_000 } : {}) },
      start - minute,
      facility,
    )
  const number = `A999926${String(run).padStart(6, '0')}`
  world.clock.now = start
  const bag = await registerBag(world.ctx, {
    din: number + dinCheckCharacter(number),
    productCode: 'E0336V00',
    facility,
    component: 'red_cells',
    expiresAt: noon + 86_400_000,
  })
  const [tag, childTag] = [`tag-${run}`, `child-${run}`]
  await tagBag(world.ctx, { bagId: bag.id, tag, from: start })
  if (madeMinute !== null) {
    world.clock.now = start + madeMinute * minute
    const child = { productCode: 'E0337V00', component: 'red_cells', lowTitre: false } as const
    const [made] = await processBag(world.ctx, {
      bagId: bag.id,
      children: [{ ...child, expiresAt: bag.expiresAt }],
    })
    await untagBag(world.ctx, { bagId: bag.id, tag })
    if (!made) throw new Error('nothing was made')
    await tagBag(world.ctx, { bagId: made.id, tag: childTag, from: world.clock.now })
  }
  const messages = events.map((event, seq) => {
    const at = start + event.at * minute
    const seen = event.ofChild ? childTag : tag
    const parts = { device: name(event.device), boot: `b${run}`, seq }
    if (event.kind === 'reading' || event.kind === 'air') {
      const probe = event.kind === 'air' ? 'air' : 'load'
      return aMessage({
        ...parts,
        body: twice(at, isCold ? 4 : event.celsius, probe),
      })
    }
    if (event.kind === 'inventory' || event.kind === 'missing')
      return aMessage({
        ...parts,
        channel: 'bags',
        body: { at, inventory: event.kind === 'inventory' ? [seen] : [] },
      })
    const delta = { at, added: [] as string[], removed: [] as string[] }
    delta[event.kind].push(seen)
    return aMessage({ ...parts, channel: 'bags', body: [delta] })
  })
  if (isHeard) {
    const body = [{ at: start, added: [tag], removed: [] }]
    messages.push(aMessage({ device: name('f1'), channel: 'bags', boot: 'heard', seq: 1, body }))
    for (const device of ['f1', 'f2', 'wide'])
      for (let at = 0; at < 260; at += 4)
        messages.push(
          aMessage({
            device: name(device),
            boot: 'heard',
            seq: at,
            body: twice(
              start + at * minute,
              stuckMinute !== null && at >= stuckMinute ? 4 : 4 + (at % 3) / 10,
              'load',
            ),
          }),
        )
    const [from, forMinutes] = apart ?? [0, 0]
    for (let at = from; at < from + forMinutes; at += 4)
      messages.push(
        aMessage({
          device: name('f1'),
          boot: 'heard',
          seq: 1_000 + at,
          body: twice(start + at * minute, 9, 'air'),
        }),
      )
  }
  world.clock.now = noon
  const changeProfile = () =>
    setDeviceProfile(world.ctx, {
      device: name('f1'),
      profile: {
        ...{ low: 300, high: 500, maxSilenceMs: 5 * minute },
        ...{ physicalLow: -10_000, physicalHigh: 10_000 },
      },
    })
  const judgeAnew = async () => {
    if (!rejudged) return
    const from = start + rejudged.from * minute
    await rejudge(world, 2, from, Math.min(from + rejudged.minutes * minute, noon))
  }
  const findOut = async () => {
    if (!clockFact || !events.some(({ device }) => device === 'f1')) return
    const { fromSeq, offsetMinutes } = clockFact
    await recordClockFact(world.ctx, {
      ...{ device: name('f1'), boot: `b${run}`, fromSeq },
      ...{ offsetMs: offsetMinutes * minute, reason: 'compared' },
    })
  }
  const move = async () => {
    if (!moved) return
    const there = { code: `M${run}`, name: 'Another Hospital', kind: 'hospital', timeZone: 'UTC' } as const
    await createFacility(world.ctx, { ...there, jurisdiction: 'UK' })
    const at = start + moved.minute * minute
    await moveDevice(world.ctx, { device: name('f1'), facility: there.code, at, reason: 'the ward moved' })
  }
  if (isAtOnce) {
    await world.ingest.accept(messages)
    await move()
    if (profileMinute !== null) await changeProfile()
    await findOut()
    await judgeAnew()
  } else {
    const shuffled = messages
      .map((message, index) => ({ message, turn: order[index % order.length] as number }))
      .sort((a, b) => a.turn - b.turn)
      .map(({ message }) => message)
    const delivery = [...shuffled, ...shuffled.slice(0, 5)]
    let isFoundOut = false
    let isChanged = false
    let isJudgedAnew = false
    for (let from = 0, step = 0; from < delivery.length; step++) {
      const size = cuts[step % cuts.length] as number
      const batch = delivery.slice(from, from + size)
      await world.ingest.accept(batch)
      from += size
      if (step === 0 && moved?.isToldFirst) await move()
      if (size % 4 === 0) await createFaultWatch(world.deps).look()
      if (size % 2 === 0) await judgeDue(world.deps)
      if (size % 3 === 0) world.restart()
      if (profileMinute === step) {
        await changeProfile()
        isChanged = true
      }
      if (rejudged && step >= rejudged.step && !isJudgedAnew) {
        await judgeAnew()
        isJudgedAnew = true
      }
      // Of a boot nobody has heard of yet nothing can be found out.
      const isKnown = batch.some(
        ({ device, payload }) => device === name('f1') && `${payload}`.includes(`b${run}`),
      )
      if (clockFact && step >= clockFact.step && isKnown && !isFoundOut) {
        await findOut()
        isFoundOut = true
      }
    }
    if (profileMinute !== null && !isChanged) await changeProfile()
    if (!isFoundOut) await findOut()
    if (!isJudgedAnew) await judgeAnew()
    if (!moved?.isToldFirst) await move()
  }
  // So long after what was heard last its faults are derived to the end.
  world.clock.now = noon + 11 * minute
}

/** Two in one message, so that no clock is measured by them. */
function twice(at: number, celsius: number, probe: 'load' | 'air') {
  return [aReading(at, celsius, probe), aReading(at + 1_000, celsius, probe)]
}

/** What was found of the bags of a run, without the names that tell runs apart. */
function plainly(found: Awaited<ReturnType<typeof ledgers>>, run: number) {
  const ids = found.map(({ bagId }) => bagId)
  const plain = ({ verdict, entries }: Pick<(typeof found)[number], 'verdict' | 'entries'>) => ({
    verdict,
    entries: entries
      .map(({ bagId, device, ...entry }) => ({
        ...entry,
        bag: ids.indexOf(bagId),
        device: device?.replace(`-${run}`, '') ?? null,
      }))
      .sort((a, b) => a.from - b.from || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  })
  return found.map(({ beside, ...ledger }) => ({ ...plain(ledger), beside: beside.map(plain) }))
}

/** Each run is its own city: what it left must not be judged in the next. */
async function forget({ pool }: OpenDatabase): Promise<void> {
  await pool.query('truncate ledger_due, look_back, bag_ledger cascade')
  await pool.query('truncate bag cascade')
  await pool.query('truncate rejudgement cascade')
}

describe('the ledgers of bags', () => {
  test('are right once all there is reason to judge is judged: to judge all again changes nothing', async ({
    database,
  }) => {
    const seen = new Map<string, number>()
    const besides = new Map<string, number>()
    let doubted = 0
    let run = 0
    // In force long after all this: nothing but a re-judgement goes by it.
    const other = { low: 300, high: 450, maxSilenceMs: 5 * minute, gapGraceMs: 60 * minute }
    await inForceFrom(await aWorld(database, patienceMs), other, noon + 3_650 * 86_400_000)
    await fc.assert(
      fc.asyncProperty(Plan, async (plan) => {
        const world = await aWorld(database, patienceMs, `P${++run}`)
        await live(world, run, plan, false)
        await judgeAll(world)
        const judged = await ledgers(world)
        const { db } = database
        const bagIds = await bagsOf(database)
        await db.transaction((tx) => dueForBags(tx, bagIds, 0))
        await judgeAll(world)
        expect(await ledgers(world)).toEqual(judged)
        for (const { bagId, verdict, entries, beside } of judged) {
          seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
          for (const one of beside) besides.set(one.verdict, (besides.get(one.verdict) ?? 0) + 1)
          doubted += entries.filter(({ kind }) => kind === 'probe_fault').length
          const { total, ledgers: ways } = await traceBag(world.deps, { bagId, jurisdiction: 'CN' })
          expect(ways).toHaveLength(1)
          const ms = (kinds: readonly string[]) =>
            entries
              .filter(({ kind }) => kinds.includes(kind))
              .reduce((sum, { from, to }) => sum + (to ?? world.clock.now) - from, 0)
          expect([ms(['low']), ms(['high']), ms(['in_hand'])]).toEqual([
            total.belowMs,
            total.aboveMs,
            total.uncontrolledMs,
          ])
          expect(ms(['unverified', 'probe_fault', 'unknown_place', 'unseen'])).toBe(total.unverifiedMs)
        }
        await forget(database)

        const twin = await aWorld(database, patienceMs, `P${++run}`)
        await live(twin, run, plan, true)
        await judgeAll(twin)
        expect(plainly(await ledgers(twin), run)).toEqual(plainly(judged, run - 1))
        await forget(database)
      }),
      { numRuns: runs, endOnFailure: true, examples: seldom.map((plan): [Drawn] => [plan]) },
    )
    for (const verdict of ['OK', 'UNVERIFIED', 'HOLD', 'BREACHED'])
      expect(seen.get(verdict) ?? 0).toBeGreaterThan(0)
    for (const verdict of ['OK', 'UNVERIFIED', 'HOLD', 'BREACHED'])
      expect(besides.get(verdict) ?? 0).toBeGreaterThan(0)
    expect(doubted).toBeGreaterThan(0)
  }, 3_600_000)
})

/** A bag of red cells in a fridge since noon, which tells its temperature when it is asked to. */
async function aBagInside(database: OpenDatabase, profile: Partial<Profile>) {
  const world = await aWorld(database)
  await aDevice(world, 'f1', profile, noon - minute)
  world.clock.now = noon
  const number = 'A999926000001'
  const bag = await registerBag(world.ctx, {
    din: number + dinCheckCharacter(number),
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 86_400_000,
  })
  await tagBag(world.ctx, { bagId: bag.id, tag: 't1', from: noon })
  let seq = 0
  const tell = (channel: 'readings' | 'bags', body: unknown) =>
    world.ingest.accept([
      aMessage({ device: 'f1', channel, boot: 'b1', seq: seq++, body, receivedAt: world.clock.now }),
    ])
  await tell('bags', [{ at: noon, added: ['t1'], removed: [] }])
  let silent: ReadonlyMap<number, string> = new Map()
  return {
    /** At these minutes, told together at the last of them. */
    async measure(celsius: number, ...minutes: number[]) {
      world.clock.now = noon + Math.max(...minutes) * minute + 1_000
      await tell(
        'readings',
        minutes.flatMap((at) => twice(noon + at * minute, celsius, 'load')),
      )
    },
    /** What is not within limits, in minutes, as the service has it once it has judged what there is reason to. */
    async judged(atMinute: number) {
      world.clock.now = noon + atMinute * minute
      silent = await noticeSilence(world.deps, silent)
      await judgeAll(world)
      const [ledger] = await ledgersOf(database.db, bag.id)
      const minutes = (at: number | null) => (at === null ? null : Math.floor((at - noon) / minute))
      return ledger?.entries.map(({ kind, from, to }) => [kind, minutes(from), minutes(to)])
    },
  }
}

describe('what a clock in doubt tells of a bag', () => {
  test('puts it in doubt where it was, though it is said to have been there before', async ({ database }) => {
    const world = await aWorld(database, patienceMs)
    for (const device of ['f1', 'f2']) await aDevice(world, device, {}, noon - 120 * minute)
    const at = (atMinute: number) => noon + (atMinute - 60) * minute
    world.clock.now = at(0)
    const number = 'A999926000001'
    const bag = await registerBag(world.ctx, {
      din: number + dinCheckCharacter(number),
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt: noon + 86_400_000,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: 't1', from: at(0) })
    world.clock.now = noon
    const tell = (device: string, boot: string, seq: number, channel: 'readings' | 'bags', body: unknown) =>
      world.ingest.accept([aMessage({ device, boot, seq, channel, body, receivedAt: noon })])
    const kept = [...Array(13).keys()].flatMap((step) => twice(at(5 * step), 4, 'load'))
    for (const device of ['f1', 'f2']) await tell(device, 'b1', 0, 'readings', kept)
    await tell('f1', 'b1', 1, 'bags', [
      { at: at(0), added: ['t1'], removed: [] },
      { at: at(20), added: [], removed: ['t1'] },
    ])
    await tell('f2', 'b1', 1, 'bags', [{ at: at(25), added: ['t1'], removed: [] }])
    const late = { device: 'f1', boot: 'b2', seq: 0, sentAt: at(40), receivedAt: noon }
    await world.ingest.accept([aMessage({ ...late, body: [aReading(at(40), 4)] })])
    await judgeAll(world)
    const [before] = await ledgersOf(database.db, bag.id)
    expect(before?.verdict).toBe('OK')

    // If it was in there later than it says, it was not in the other.
    await tell('f1', 'b2', 1, 'bags', { at: at(15), inventory: ['t1'] })
    await judgeAll(world)
    const [after] = await ledgersOf(database.db, bag.id)
    const { total } = await traceBag(world.deps, { bagId: bag.id, jurisdiction: 'CN' })
    const doubtful = after?.entries.filter(({ kind }) => kind === 'unverified') ?? []
    expect(total.unverifiedMs - total.unseenMs).toBeGreaterThan(30 * minute)
    expect(doubtful.reduce((sum, { from, to }) => sum + (to ?? noon) - from, 0)).toBe(
      total.unverifiedMs - total.unseenMs,
    )
  })
})

describe('what is not heard of a bag', () => {
  test('is told once it is too long for the bag, though the silence was looked at before', async ({
    database,
  }) => {
    const { measure, judged } = await aBagInside(database, { maxSilenceMs: 15 * minute })
    await measure(4, 0)
    expect(await judged(6)).toEqual([])
    expect(await judged(12)).toEqual([])
    expect(await judged(16)).toEqual([['unverified', 0, null]])
  })

  test('is judged by the policy of the bag, though its device may be silent for longer', async ({
    database,
  }) => {
    const { measure, judged } = await aBagInside(database, { maxSilenceMs: 40 * minute })
    await measure(4, 0)
    await judged(1)
    await measure(4, 20)
    expect(await judged(21)).toEqual([['unverified', 0, 20]])
    expect(await judged(34)).toEqual([['unverified', 0, 20]])
    expect(await judged(36)).toEqual([
      ['unverified', 0, 20],
      ['unverified', 20, null],
    ])
  })

  test('is forgotten once it is told in the order it was measured in', async ({ database }) => {
    const { measure, judged } = await aBagInside(database, { maxSilenceMs: 15 * minute })
    await measure(4, 0)
    expect(await judged(31)).toEqual([['unverified', 0, null]])
    await measure(4, 10, 20, 30)
    expect(await judged(32)).toEqual([])
  })

  test('is no part of a breach that ended inside the limits of the bag, though its device never was outside', async ({
    database,
  }) => {
    const { measure, judged } = await aBagInside(database, { high: 1_000, maxSilenceMs: 15 * minute })
    await measure(4, 0)
    await measure(7, 5)
    expect(await judged(6)).toEqual([['high', 5, null]])
    await measure(4, 10)
    expect(await judged(12)).toEqual([['high', 5, 10]])
  })
})
