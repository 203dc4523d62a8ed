import fc from 'fast-check'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { faultStretches } from '../../../api/domain/thermal/fault-stretches.ts'
import { cnCauseRule } from '../../../api/policies/causes.ts'
import { findDevice, probesOf } from '../../../api/stores/devices.ts'
import { dueBags } from '../../../api/stores/ledger-due.ts'
import { ledgersOf } from '../../../api/stores/ledgers.ts'
import { probeFaultsBetween } from '../../../api/stores/probe-faults.ts'
import { createFaultWatch } from '../../../api/usecases/derive-faults.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { revokeDevice } from '../../../api/usecases/revoke-device.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { type Chart, loadOf, saw, tells } from '../../support/chart.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, noon, type World } from '../../support/world.ts'

const minute = 60_000
const day = 1_440 * minute

/** Half a day as ever, two hours of one value, an hour as ever, a step no load can follow, and an hour as ever. */
const chart: Chart = [
  ...loadOf(saw(720, 0, () => 0, noon - 243 * minute)),
  ...Array.from({ length: 121 }, (_, m) => ({ at: noon - (242 - m) * minute, centi: 423 })),
  ...loadOf(saw(60, 0, () => 0, noon - 61 * minute)),
  { at: noon - 60 * minute, centi: 2_400 },
  ...loadOf(saw(60, 0, () => 0)),
]
const truth = faultStretches('load', chart, cnCauseRule)

async function look(world: World): Promise<void> {
  const watch = createFaultWatch(world.deps)
  while ((await watch.look()) > 0);
}

async function believed({ deps }: World, device: string) {
  const { db } = deps.database
  const [probe] = await probesOf(db, (await findDevice(db, device)).id)
  return probeFaultsBetween(db, probe?.id ?? 0, 0, noon + 10 * day)
}

test('a fault is derived from the readings, told where it touches, and superseded where it is not so', async ({
  database,
}) => {
  const world = await aWorld(database)
  world.clock.now = noon + day
  await aDevice(world, 'fridge-1')
  expect(truth.map(({ kind }) => kind)).toEqual(['stuck', 'implausible'])
  const [stuck, implausible] = truth
  await tells(world, 'fridge-1', { load: chart })
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual(truth)

  const { db, pool } = world.deps.database
  const [probe] = await probesOf(db, (await findDevice(db, 'fridge-1')).id)
  const between = (from: number, to: number) => probeFaultsBetween(db, probe?.id ?? 0, from, to)
  const { from = 0, to } = stuck ?? {}
  expect(await between(from - 1, from)).toEqual([])
  expect(await between(from, from + 1)).toEqual([stuck])
  expect(await between(to ?? 0, implausible?.from ?? 0)).toEqual([])

  // Looked at twice nothing changes; what comes to light late supersedes, and edits nothing.
  await look(world)
  const rows = async () =>
    (await pool.query('select kind, "from", "to", known_to from probe_fault order by id')).rows
  expect(await rows()).toHaveLength(2)
  const late = aReading(from + 30_500, 4.24)
  await world.ingest.accept([aMessage({ device: 'fridge-1', boot: 'late', seq: 0, body: [late] })])
  await look(world)
  expect((await believed(world, 'fridge-1'))[0]?.from).toBe(from + minute)
  expect(await rows()).toMatchObject([
    { kind: 'stuck', from, to, known_to: world.clock.now },
    { kind: 'implausible', known_to: null },
    { kind: 'stuck', from: from + minute, to, known_to: null },
  ])
})

test('in whatever order messages come, and whenever it is looked, the same faults are believed', {
  timeout: 300_000,
}, async ({ database }) => {
  const world = await aWorld(database)
  world.clock.now = noon + day
  let number = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 3, maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      async (sizes, dice) => {
        const device = `fridge-${++number}`
        await aDevice(world, device)
        const messages: { order: number; message: ReturnType<typeof aMessage> }[] = []
        const random = () => dice.next().value as number
        for (let from = 0, seq = 0; from < chart.length; seq++) {
          const size = sizes[seq % sizes.length] ?? 1
          const body = chart.slice(from, from + size).map(({ at, centi }) => aReading(at, centi / 100))
          messages.push({ order: random(), message: aMessage({ device, seq, body }) })
          from += size
        }
        messages.sort((a, b) => a.order - b.order)
        for (const { message } of messages) {
          await world.ingest.accept([message])
          if (random() % 3 === 0) await look(world)
          if (random() % 7 === 0) world.restart()
        }
        await look(world)
        expect(await believed(world, device)).toEqual(truth)
      },
    ),
    { numRuns: 10 },
  )
})

test('a probe that has been stuck for days is stuck since its first day, however often it was looked at', async ({
  database,
}) => {
  const world = await aWorld(database)
  world.clock.now = noon + 10 * day
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { load: loadOf(saw(720, 0, () => 0)) })
  const from = noon + minute
  for (let hours = 0; hours < 96; hours += 8) {
    const flat = Array.from({ length: 48 }, (_, i) => ({
      at: from + (60 * hours + 10 * i) * minute,
      centi: 423,
    }))
    await tells(world, 'fridge-1', { load: flat }, `after-${hours}`)
    await look(world)
    expect(await believed(world, 'fridge-1')).toEqual([{ kind: 'stuck', from, to: null }])
  }
  const to = from + 96 * 60 * minute
  await tells(world, 'fridge-1', { load: [{ at: to, centi: 430 }] }, 'mended')
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([{ kind: 'stuck', from, to }])
  await tells(world, 'fridge-1', { load: [{ at: to + minute, centi: 430 }] }, 'on')
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([{ kind: 'stuck', from, to }])
  // What is heard at the very instant it ended, or of a moment long past, leaves it as it was.
  await tells(world, 'fridge-1', { load: [{ at: to, centi: 431 }] }, 'same-instant')
  await tells(world, 'fridge-1', { load: [{ at: to - 3 * minute, centi: 423 }] }, 'backlog')
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([{ kind: 'stuck', from, to }])
})

test('a clock fact takes the faults of its readings along', async ({ database }) => {
  const world = await aWorld(database)
  world.clock.now = noon + day
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { load: chart })
  await look(world)
  await recordClockFact(world.ctx, {
    device: 'fridge-1',
    boot: 'charted',
    fromSeq: 0,
    offsetMs: -7 * minute,
    reason: 'seven minutes ahead',
  })
  await look(world)
  const moved = truth.map(({ kind, from, to }) => ({
    kind,
    from: from - 7 * minute,
    to: to === null ? null : to - 7 * minute,
  }))
  expect(await believed(world, 'fridge-1')).toEqual(moved)
})

test('what a clock in doubt dates neither makes a fault nor hides one, until somebody vouches for it', async ({
  database,
}) => {
  const world = await aWorld(database)
  world.clock.now = noon + day
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { load: chart })
  const from = truth[0]?.from ?? 0
  const within = { device: 'fridge-1', boot: 'slow' }
  const backlog = [aReading(from + 30_500, 4.24), aReading(from + 31_000, 4.24)]
  await world.ingest.accept([aMessage({ ...within, seq: 0, body: backlog })])
  await look(world)
  const broken = (await believed(world, 'fridge-1'))[0]
  expect(broken).toMatchObject({ kind: 'stuck', from: from + minute })

  const sentAt = from + 40_500
  const live = { seq: 1, sentAt, receivedAt: noon + day, uptimeMs: 1, body: [aReading(sentAt, 4.24)] }
  await world.ingest.accept([aMessage({ ...within, ...live })])
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual(truth)

  const word = { ...within, fromSeq: 0, offsetMs: 0, reason: 'it stood by the wall clock' }
  await recordClockFact(world.ctx, word)
  await look(world)
  expect((await believed(world, 'fridge-1'))[0]).toEqual(broken)
})

test('a device that is revoked for it keeps the faults its probes had until then', async ({ database }) => {
  const world = await aWorld(database)
  await aDevice(world, 'fridge-1')
  world.clock.now = noon - day
  const { id } = await registerBag(world.ctx, {
    din: `A999926000001${dinCheckCharacter('A999926000001')}`,
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 30 * day,
  })
  await tagBag(world.ctx, { bagId: id, tag: 'bag' })
  world.clock.now = noon
  await world.ingest.accept([
    aMessage({
      ...{ device: 'fridge-1', channel: 'bags', boot: 'seen', seq: 0 },
      body: [{ at: noon - 300 * minute, added: ['bag'], removed: [] }],
    }),
  ])
  await tells(world, 'fridge-1', { load: chart })
  // Somebody sees that its probe is stuck, before what it told last was looked at.
  await revokeDevice(world.ctx, { device: 'fridge-1', reason: 'its probe is broken' })
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual(truth)
  while ((await judgeDue(world.deps)).judged > 0);
  const [ledger] = await ledgersOf(database.db, id)
  expect(ledger?.entries.map(({ kind }) => kind)).toContain('probe_fault')

  // What is found out of its clock afterwards takes them along, too.
  await recordClockFact(world.ctx, {
    ...{ device: 'fridge-1', boot: 'charted', fromSeq: 0, offsetMs: -minute },
    reason: 'a minute ahead',
  })
  await look(world)
  expect((await believed(world, 'fridge-1')).map(({ from }) => from)).toEqual(
    truth.map(({ from }) => from - minute),
  )
})

test('bags that were there when a probe is believed otherwise than before are judged again, and no others', async ({
  database,
}) => {
  const world = await aWorld(database)
  for (const name of ['fridge-1', 'fridge-2']) await aDevice(world, name)
  world.clock.now = noon - day
  const stays = {
    before: [noon - 400 * minute, noon - 260 * minute],
    asItBegan: [noon - 250 * minute, noon - 230 * minute],
    while: [noon - 200 * minute, noon - 180 * minute],
    between: [noon - 110 * minute, noon - 90 * minute],
    afterStep: [noon - 50 * minute, noon - 40 * minute],
    since: [noon - 20 * minute, noon - 10 * minute],
  } as const
  const names = new Map<string, string>()
  const seen: { at: number; added: string[]; removed: string[] }[] = []
  const elsewhere: typeof seen = []
  for (const [name, [from, to]] of Object.entries(stays)) {
    const number = `A999926${String(names.size).padStart(6, '0')}`
    const bag = await registerBag(world.ctx, {
      din: number + dinCheckCharacter(number),
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt: noon + 30 * day,
    })
    await tagBag(world.ctx, { bagId: bag.id, tag: name })
    names.set(bag.id, name)
    seen.push({ at: from, added: [name], removed: [] }, { at: to, added: [], removed: [name] })
    elsewhere.push({ at: to + minute, added: [name], removed: [] })
  }
  world.clock.now = noon + day
  await world.ingest.accept([
    aMessage({ device: 'fridge-1', channel: 'bags', boot: 'seen', seq: 0, body: seen }),
    aMessage({ device: 'fridge-2', channel: 'bags', boot: 'seen', seq: 0, body: elsewhere }),
  ])
  await tells(world, 'fridge-1', { load: chart })

  const judgeAll = async () => {
    while ((await judgeDue(world.deps)).judged > 0);
  }
  const due = async () => {
    const { bagIds } = await dueBags(database.db, world.clock.now)
    return bagIds.map((id) => names.get(id)).sort()
  }
  await judgeAll()
  expect(await due()).toEqual([])
  await look(world)
  expect(await due()).toEqual(['afterStep', 'asItBegan', 'while'])
  await judgeAll()
  await look(world)
  expect(await due()).toEqual([])

  // It was stuck from a minute later on.
  const { from = 0 } = truth[0] ?? {}
  const late = aReading(from + 30_500, 4.24)
  await world.ingest.accept([aMessage({ device: 'fridge-1', boot: 'late', seq: 0, body: [late] })])
  await judgeAll()
  await look(world)
  expect(await due()).toEqual(['asItBegan'])
})

test('bags are judged again when a fault ends whose end was known before', async ({ database }) => {
  const world = await aWorld(database)
  await aDevice(world, 'fridge-1')
  const told = chart.filter(({ at }) => at <= noon - 55 * minute)
  world.clock.now = noon - 44 * minute
  await tells(world, 'fridge-1', { load: told })
  await look(world)
  const { to = null } = (await believed(world, 'fridge-1')).find(({ kind }) => kind === 'implausible') ?? {}
  expect(to).toBe(noon - 29 * minute)
  const due = async () => {
    const { rows } = await database.pool.query(
      'select "from", "to", due_at from ledger_due where due_at > $1',
      [world.clock.now],
    )
    return rows
  }
  expect(await due()).toEqual([{ from: to, to, due_at: (to ?? 0) + 1 }])
})
