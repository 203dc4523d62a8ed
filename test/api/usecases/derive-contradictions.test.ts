import fc from 'fast-check'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { contradictions } from '../../../api/domain/thermal/contradictions.ts'
import { cnCauseRule } from '../../../api/policies/causes.ts'
import { findDevice, probesOf } from '../../../api/stores/devices.ts'
import { dueBags } from '../../../api/stores/ledger-due.ts'
import { probeFaultsBetween } from '../../../api/stores/probe-faults.ts'
import { createFaultWatch } from '../../../api/usecases/derive-faults.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { type Chart, tells } from '../../support/chart.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, bloodFridge, noon, type World } from '../../support/world.ts'

const minute = 60_000
const day = 1_440 * minute

/** What a probe tells every five minutes in [from, to], by minutes since noon. */
const every5 = (from: number, to: number, centi: (m: number) => number): Chart =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, index) => {
    const m = from + 5 * index
    return { at: noon + m * minute, centi: centi(m) }
  })

/** The load swings a little, so that it is not stuck. */
const load = every5(-300, 0, (m) => 400 + (m % 3) * 10)
/** The air is far from it for an hour, and for as long as one reads now. */
const air = every5(-300, 0, (m) => ((m >= -200 && m < -140) || m >= -45 ? 900 : 430))
const ambient = every5(-300, 0, () => 2_300)

const contradicted = (from: number, to: number | null) => ({
  kind: 'contradicted',
  from: noon + from * minute,
  to: to === null ? null : noon + to * minute,
})
const truth = [contradicted(-200, -140), contradicted(-45, null)]

async function look(world: World): Promise<void> {
  const watch = createFaultWatch(world.deps)
  while ((await watch.look()) > 0);
}

async function believed({ deps }: World, device: string, kind: 'load' | 'air' = 'load') {
  const { db } = deps.database
  const probe = (await probesOf(db, (await findDevice(db, device)).id)).find((one) => one.kind === kind)
  const found = await probeFaultsBetween(db, probe?.id ?? 0, 0, noon + 10 * day)
  return found.filter((one) => one.kind === 'contradicted')
}

async function aWorldTomorrow(...[database]: Parameters<typeof aWorld>): Promise<World> {
  const world = await aWorld(database)
  world.clock.now = noon + day
  return world
}

test('what air and load contradict each other in is kept with the load, and the room has no say in it', async ({
  database,
}) => {
  const world = await aWorldTomorrow(database)
  for (const name of ['three', 'no-air', 'no-load']) await aDevice(world, name)
  await tells(world, 'three', { air, load, ambient })
  await tells(world, 'no-air', { load, ambient })
  await tells(world, 'no-load', { air, ambient })
  await look(world)
  expect(contradictions(air, load, () => bloodFridge.maxSilenceMs, cnCauseRule)).toEqual(truth)
  expect(await believed(world, 'three')).toEqual(truth)
  expect(await believed(world, 'three', 'air')).toEqual([])
  expect(await believed(world, 'no-air')).toEqual([])
  expect(await believed(world, 'no-load', 'air')).toEqual([])
})

test('in whatever order and batches messages of the two come, and whenever it is looked, the same is believed', {
  timeout: 300_000,
}, async ({ database }) => {
  const world = await aWorldTomorrow(database)
  const readings = [
    ...air.map(({ at, centi }) => aReading(at, centi / 100, 'air')),
    ...load.map(({ at, centi }) => aReading(at, centi / 100, 'load')),
  ]
  let number = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 3, maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      fc.constantFrom('any order', 'in order', 'the air late'),
      async (sizes, dice, order) => {
        const device = `fridge-${++number}`
        await aDevice(world, device)
        const random = () => dice.next().value as number
        const turnOf = ({ at, probe }: (typeof readings)[number]) =>
          order === 'any order' ? random() : at + (order === 'the air late' && probe === 'air' ? day : 0)
        const shuffled = readings
          .map((reading) => ({ reading, turn: turnOf(reading) }))
          .sort((a, b) => a.turn - b.turn)
          .map(({ reading }) => reading)
        for (let from = 0, seq = 0; from < shuffled.length; seq++) {
          const size = sizes[seq % sizes.length] ?? 2
          const message = aMessage({ device, seq, body: shuffled.slice(from, from + size) })
          await world.ingest.accept(random() % 4 === 0 ? [message, message] : [message])
          if (random() % 3 === 0) await look(world)
          if (random() % 7 === 0) world.restart()
          from += size
        }
        await look(world)
        expect(await believed(world, device)).toEqual(truth)
      },
    ),
    { numRuns: 12 },
  )
})

test('what comes to light late of either is derived again, and what is not so any more is superseded', async ({
  database,
}) => {
  const world = await aWorldTomorrow(database)
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { air, load, ambient })
  await look(world)
  const late = async (boot: string, m: number, celsius: number, probe: 'air' | 'load' | 'ambient') => {
    const reading = aReading(noon + m * minute, celsius, probe)
    await world.ingest.accept([aMessage({ device: 'fridge-1', boot, seq: 0, body: [reading, reading] })])
    await look(world)
    return believed(world, 'fridge-1')
  }
  expect(await late('a', -178, 4.5, 'air')).toEqual([contradicted(-175, -140), truth[1]])
  expect(await late('b', -177.5, 23, 'ambient')).toEqual([contradicted(-175, -140), truth[1]])
  // The load was warm for some minutes, and in between it was not half an hour any more.
  expect(await late('c', -161, 8, 'load')).toEqual([truth[1]])
  // What had ended had not: it went on for two minutes.
  expect(await late('d', -139, 9, 'air')).toEqual([truth[1]])
  expect(await late('e', -44, 5.5, 'air')).toEqual([contradicted(-40, null)])
  const { rows } = await database.pool.query(
    `select "from", "to" from probe_fault where kind = 'contradicted' and known_to is not null order by id`,
  )
  expect(rows).toEqual(
    [truth[0], truth[1], contradicted(-175, -140)]
      .map((one) => ({ from: one?.from, to: one?.to }))
      .sort(
        (a, b) =>
          rows.findIndex(({ from }) => from === a.from) - rows.findIndex(({ from }) => from === b.from),
      ),
  )
})

test('one that lasts for days has lasted since its first instant, until a reading or a silence ends it', async ({
  database,
}) => {
  const world = await aWorldTomorrow(database)
  world.clock.now = noon + 10 * day
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { air, load })
  for (let hours = 0; hours < 48; hours += 8) {
    const [from, to] = [60 * hours + 5, 60 * (hours + 8)]
    const boot = `after-${hours}`
    // Now the air is heard first, and now the load; whichever is ahead says nothing of the other.
    const parts = { air: every5(from, to, () => 900), load: every5(from, to, (m) => 400 + (m % 3) * 10) }
    for (const probe of hours % 16 === 0 ? (['air', 'load'] as const) : (['load', 'air'] as const)) {
      await tells(world, 'fridge-1', { [probe]: parts[probe] }, `${boot}-${probe}`)
      await look(world)
    }
    expect(await believed(world, 'fridge-1')).toEqual(truth)
  }
  const until = 48 * 60
  await tells(world, 'fridge-1', { load: every5(until + 5, until + 15, () => 420) }, 'load-alone')
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual(truth)
  await tells(world, 'fridge-1', { load: every5(until + 20, until + 25, () => 430) }, 'on')
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([truth[0], contradicted(-45, until)])
})

test('what another boot tells of the newest instant counts, though nothing is heard after it', async ({
  database,
}) => {
  const world = await aWorldTomorrow(database)
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { air, load })
  await look(world)
  const reading = aReading(noon, 4.5, 'air')
  await world.ingest.accept([
    aMessage({ device: 'fridge-1', boot: 'later-by-name', seq: 0, body: [reading, reading] }),
  ])
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([truth[0], contradicted(-45, 0)])
})

test('a clock fact takes it along, and a shorter silence that is allowed ends it', async ({ database }) => {
  const world = await aWorldTomorrow(database)
  await aDevice(world, 'fridge-1')
  await tells(world, 'fridge-1', { air, load })
  await look(world)
  await recordClockFact(world.ctx, {
    device: 'fridge-1',
    boot: 'charted',
    fromSeq: 0,
    offsetMs: -7 * minute,
    reason: 'seven minutes ahead',
  })
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([contradicted(-207, -147), contradicted(-52, null)])

  world.clock.now = noon - 300 * minute
  await aDevice(world, 'fridge-2')
  const profile = { ...bloodFridge, maxSilenceMs: 4 * minute }
  await setDeviceProfile(world.ctx, { device: 'fridge-2', profile, from: noon - 40 * minute })
  world.clock.now = noon + day
  world.ingest.forget('fridge-2')
  await tells(world, 'fridge-2', { air, load })
  await look(world)
  expect(await believed(world, 'fridge-2')).toEqual([truth[0]])
})

test('bags that were there are judged again, by what either of the two told, and no others', async ({
  database,
}) => {
  const world = await aWorld(database)
  for (const name of ['fridge-1', 'fridge-2']) await aDevice(world, name)
  world.clock.now = noon - day
  const stays = {
    before: [-290, -260],
    asItBegan: [-230, -198],
    while: [-190, -180],
    asItEnded: [-142, -100],
    between: [-90, -60],
    since: [-20, -10],
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
    const [enters, leaves] = [noon + from * minute, noon + to * minute]
    seen.push({ at: enters, added: [name], removed: [] }, { at: leaves, added: [], removed: [name] })
    elsewhere.push({ at: leaves + minute, added: [name], removed: [] })
  }
  world.clock.now = noon + day
  await world.ingest.accept([
    aMessage({ device: 'fridge-1', channel: 'bags', boot: 'seen', seq: 0, body: seen }),
    aMessage({ device: 'fridge-2', channel: 'bags', boot: 'seen', seq: 0, body: elsewhere }),
  ])
  await tells(world, 'fridge-1', { load })
  const judgeAll = async () => {
    while ((await judgeDue(world.deps)).judged > 0);
  }
  const due = async () => {
    const { bagIds } = await dueBags(database.db, world.clock.now)
    return bagIds.map((id) => names.get(id)).sort()
  }
  await look(world)
  await judgeAll()
  expect(await due()).toEqual([])

  // The air is heard a day late: no bag is judged by it, but for what it says of the load.
  await tells(world, 'fridge-1', { air }, 'late')
  await judgeAll()
  await look(world)
  expect(await due()).toEqual(['asItBegan', 'asItEnded', 'since', 'while'])
  await judgeAll()
  await look(world)
  expect(await due()).toEqual([])

  // It had ended ten minutes sooner than was told.
  const sooner = [-151, -146, -141].map((m) => aReading(noon + m * minute, 4.5, 'air'))
  const body = [...sooner, ...[-150, -145].map((m) => aReading(noon + m * minute, 4.5, 'air'))]
  await world.ingest.accept([aMessage({ device: 'fridge-1', boot: 'zz', seq: 0, body })])
  await judgeAll()
  await look(world)
  expect(await believed(world, 'fridge-1')).toEqual([contradicted(-200, -151), truth[1]])
  expect(await due()).toEqual(['asItEnded'])
})
