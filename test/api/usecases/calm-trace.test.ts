import fc from 'fast-check'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { createDeviceReads, createLoneReads, type DeviceReads } from '../../../api/stores/device-reads.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { packDevice } from '../../../api/stores/packing.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { moveDevice } from '../../../api/usecases/move-device.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { untagBag } from '../../../api/usecases/untag-bag.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, bloodFridge, noon } from '../../support/world.ts'

const minute = 60_000
const start = noon - 300 * minute

const Minute = fc.integer({ min: 0, max: 299 })
const Device = fc.constantFrom('f1', 'f2')

const Life = fc.record({
  /** Every so often the load of both devices is heard, but for a while. */
  heard: fc.record({
    every: fc.constantFrom(5, 10, 10, 11),
    celsius: fc.constantFrom(4, 4, 4, 5, 7),
    silent: fc.option(fc.record({ from: Minute, minutes: fc.constantFrom(5, 12, 30) }), { freq: 2 }),
    until: fc.constantFrom(299, 299, 295, 285, 200),
  }),
  more: fc.array(
    fc.record({
      device: Device,
      at: Minute,
      boot: fc.constantFrom('heard', 'other'),
      probe: fc.constantFrom('load', 'load', 'air'),
      celsius: fc.constantFrom(1, 3, 4, 4.4, 5, 7),
      /** Comes when all else has been packed. */
      isLate: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  seen: fc.array(
    fc.record({ device: Device, at: Minute, kind: fc.constantFrom('added', 'added', 'removed') }),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  packed: fc.integer({ min: 0, max: 6 }),
  profile: fc.option(fc.record({ at: Minute, maxSilence: fc.constantFrom(9, 12, 20) })),
  fault: fc.option(fc.record({ at: Minute, minutes: fc.option(fc.constantFrom(1, 40)) })),
  moved: fc.option(Minute),
  made: fc.option(fc.integer({ min: 1, max: 299 })),
  clock: fc.constantFrom('right', 'right', 'right', 'right', 'doubted', 'put right'),
  jurisdiction: fc.constantFrom('CN' as const, 'UK' as const),
  asked: fc.array(Minute, { maxLength: 2 }),
  since: fc.option(Minute),
})
type Life = typeof Life extends fc.Arbitrary<infer T> ? T : never

const usual: Life = {
  heard: { every: 10, celsius: 4, silent: null, until: 299 },
  more: [],
  seen: [
    { device: 'f1', at: 3, kind: 'added' },
    { device: 'f1', at: 125, kind: 'removed' },
    { device: 'f2', at: 130, kind: 'added' },
  ],
  ...{ packed: 0, profile: null, fault: null, moved: null, made: 250, clock: 'right', jurisdiction: 'CN' },
  ...{ asked: [80, 140], since: 50 },
}
/** Something of each is calm, and something of most is not: enough of both, whatever else is drawn. */
const chosen: readonly Life[] = [
  usual,
  { ...usual, packed: 5 },
  {
    ...usual,
    packed: 3,
    more: [{ device: 'f1', at: 60, boot: 'other', probe: 'load', celsius: 5, isLate: true }],
  },
  { ...usual, packed: 5, heard: { ...usual.heard, silent: { from: 100, minutes: 30 } } },
  {
    ...usual,
    packed: 5,
    more: [{ device: 'f1', at: 77, boot: 'heard', probe: 'load', celsius: 7, isLate: false }],
  },
  // Warmer in its first hour and in its last, but before it came and after it was gone.
  {
    ...usual,
    packed: 5,
    more: (
      [
        [1, 4.4],
        [2, 4],
        [127, 4.4],
      ] as const
    ).map(([at, celsius]) => ({
      ...{ device: 'f1', at, celsius, boot: 'heard', probe: 'load', isLate: false },
    })),
  },
  { ...usual, moved: 40, fault: { at: 90, minutes: 40 } },
  { ...usual, packed: 4, profile: { at: 70, maxSilence: 20 } },
  { ...usual, clock: 'put right' },
]

test('a bag is traced the same, whether its readings are looked at one by one or only where they may matter', async ({
  database,
}) => {
  let drawn = 0
  const stays = { calm: 0, looked: 0 }
  await fc.assert(
    fc.asyncProperty(Life, async (life) => {
      const { deps, bagId } = await live(database, life, ++drawn)
      for (const asOf of [...life.asked.map((at) => start + at * minute), noon])
        for (const since of life.since === null ? [undefined] : [undefined, start + life.since * minute]) {
          const asked = {
            ...{ bagId, jurisdiction: life.jurisdiction, asOf },
            since: since === undefined ? undefined : new Map([[bagId, since]]),
          }
          const { reads, found } = watched()
          const trace = await traceBag({ ...deps, reads }, asked)
          expect(trace).toEqual(await traceBag({ ...deps, reads: createDeviceReads() }, asked))
          stays.calm += found().calm
          stays.looked += found().looked
        }
    }),
    { numRuns: Number(process.env.CALM_RUNS ?? 40), examples: chosen.map((life) => [life]) },
  )
  expect(stays.calm).toBeGreaterThan(30)
  expect(stays.looked).toBeGreaterThan(30)
}, 120_000)

/** Reads as a trace does, and how many stays went which way. */
function watched() {
  const lone = createLoneReads()
  const asked = new Set<string>()
  const looked = new Set<string>()
  const reads: DeviceReads = {
    ...lone,
    async summaries(db, spans) {
      for (const { probeId, from, to } of spans) asked.add(`${probeId}/${from}/${to}`)
      return (await lone.summaries?.(db, spans)) ?? []
    },
    around(db, probeId, facts, { from, to }) {
      looked.add(`${probeId}/${from}/${to}`)
      return lone.around(db, probeId, facts, { from, to })
    },
  }
  return {
    reads,
    found: () => ({ calm: [...asked].filter((span) => !looked.has(span)).length, looked: looked.size }),
  }
}

/** What happened, in a hospital of its own, to a bag and to what was made of it. */
async function live(database: OpenDatabase, life: Life, drawn: number) {
  const { heard, more, seen, packed, profile, fault, moved, made, clock } = life
  const world = await aWorld(database, 600_000, `H${drawn}`)
  const { ctx, deps } = world
  await createFacility(ctx, {
    ...{ code: `M${drawn}`, name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' },
  })
  await twoMorePolicies(database)
  const name = (device: string) => `${device}-${drawn}`
  for (const device of ['f1', 'f2'])
    await aDevice(world, name(device), { maxSilenceMs: 10 * minute }, start - 60 * minute, `H${drawn}`)
  world.clock.now = start
  const number = `A999926${String(drawn).padStart(6, '0')}`
  let bag = await registerBag(ctx, {
    din: number + dinCheckCharacter(number),
    productCode: 'E0336V00',
    facility: `H${drawn}`,
    component: 'red_cells',
    expiresAt: noon + 86_400_000,
  })
  const [tag, childTag] = [`tag-${drawn}`, `child-${drawn}`]
  await tagBag(ctx, { bagId: bag.id, tag, from: start })
  const at = async (minutes: number | null | undefined, act: () => Promise<unknown>) => {
    if (minutes === null || minutes === undefined) return
    world.clock.now = start + minutes * minute
    await act()
  }
  await at(profile?.at, () =>
    setDeviceProfile(ctx, {
      device: name('f1'),
      profile: { ...bloodFridge, maxSilenceMs: (profile?.maxSilence ?? 0) * minute },
    }),
  )
  await at(moved, () => moveDevice(ctx, { device: name('f1'), facility: `M${drawn}`, reason: 'repairs' }))
  await at(made, async () => {
    const child = { productCode: 'E0337V00', component: 'red_cells', lowTitre: false } as const
    const [of] = await processBag(ctx, { bagId: bag.id, children: [{ ...child, expiresAt: bag.expiresAt }] })
    if (!of) throw new Error('nothing was made')
    await untagBag(ctx, { bagId: bag.id, tag })
    await tagBag(ctx, { bagId: of.id, tag: childTag, from: world.clock.now })
    bag = of
  })
  world.clock.now = noon
  let seq = 0
  const tell = (device: string, boot: string, body: unknown, channel: 'readings' | 'bags' = 'readings') =>
    aMessage({ device: name(device), boot: `${boot}-${drawn}`, seq: seq++, channel, body })
  // Two in one message, so that no clock is measured by them.
  const twice = (minutes: number, celsius: number, probe: 'load' | 'air') =>
    [0, 1].map((more) => aReading(start + minutes * minute + more, celsius, probe))
  const { silent } = heard
  const messages = []
  for (const device of ['f1', 'f2'])
    for (let minutes = 0; minutes <= heard.until; minutes += heard.every)
      if (!silent || minutes < silent.from || minutes > silent.from + silent.minutes)
        messages.push(tell(device, 'heard', twice(minutes, heard.celsius, 'load')))
  for (const one of seen) {
    const delta = { at: start + one.at * minute, added: [] as string[], removed: [] as string[] }
    delta[one.kind].push(...(made !== null && one.at >= made ? [childTag] : [tag]))
    messages.push(tell(one.device, 'heard', [delta], 'bags'))
  }
  const told = (isLate: boolean) =>
    more
      .filter((one) => one.isLate === isLate)
      .map((one) => tell(one.device, one.boot, twice(one.at, one.celsius, one.probe)))
  await world.ingest.accept([...messages, ...told(false)])
  if (packed > 0)
    for (const device of ['f1', 'f2']) {
      const { id } = await findDevice(database.db, name(device))
      while ((await database.db.transaction((tx) => packDevice(tx, id, start + packed * 60 * minute))) > 0);
    }
  await world.ingest.accept(told(true))
  if (fault)
    await database.pool.query(
      `insert into probe_fault (probe_id, kind, "from", "to", known_from)
       select p.id, 'stuck', $2, $3, $4 from probe p join device d on d.id = p.device_id where d.name = $1`,
      [
        name('f1'),
        start + fault.at * minute,
        fault.minutes && start + (fault.at + fault.minutes) * minute,
        noon,
      ],
    )
  if (clock === 'doubted')
    await database.pool.query(
      `insert into clock_fault (device_id, boot_id, kind, from_seq, measured_offset_ms, raised_at)
       select d.id, b.id, 'offset', 20, 120000, $2 from device d join boot b on b.device_id = d.id where d.name = $1`,
      [name('f1'), noon],
    )
  if (clock === 'put right')
    await recordClockFact(ctx, {
      ...{ device: name('f1'), boot: `heard-${drawn}`, fromSeq: 9, toSeq: 12 },
      ...{ offsetMs: -2 * minute, reason: 'compared' },
    })
  return { deps, bagId: bag.id }
}

/** Stricter from 100 minutes on, and once more allowing shorter silences only from 200 on. */
async function twoMorePolicies({ pool }: OpenDatabase): Promise<void> {
  const made = [
    { version: 98, from: start + 100 * minute, high: 450, maxSilenceMs: 15 * minute },
    { version: 99, from: start + 200 * minute, high: 600, maxSilenceMs: 8 * minute },
  ]
  for (const { version, from, high, maxSilenceMs } of made)
    await pool.query(
      `insert into policy (jurisdiction, component, phase, version, effective_from, low, high, max_silence_ms, source)
       select jurisdiction, component, phase, $1, $2, low, $3, $4, source from policy
       where jurisdiction = 'CN' and component = 'red_cells' and phase = 'storage' and version = 1
       on conflict do nothing`,
      [version, from, high, maxSilenceMs],
    )
}
