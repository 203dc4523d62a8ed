import { expect } from 'vitest'
import type { Patient } from '../../../api/domain/bag.ts'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { keptFacts } from '../../../api/stores/scans.ts'
import { actOnBag } from '../../../api/usecases/act-on-bag.ts'
import { howKept } from '../../../api/usecases/how-kept.ts'
import { openTakeOut } from '../../../api/usecases/open-take-out.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { scanBag } from '../../../api/usecases/scan-bag.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { setPatient } from '../../../api/usecases/set-patient.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { traceBag } from '../../../api/usecases/trace-bag.ts'
import { untagBag } from '../../../api/usecases/untag-bag.ts'
import type { Abo, ProbeKind, Rhd } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, bloodFridge, noon } from '../../support/world.ts'

/* Histories by which a bag that must not be handed out once looked as if it might. */

const minute = 60_000
const hour = 60 * minute
const start = noon - 10 * hour
const seen = { sex: null, ageYears: null }

/** A bag of O negative, if nothing else is said, and two fridges. */
async function aBag(
  { database }: { readonly database: Parameters<typeof aWorld>[0] },
  {
    registeredAt = start,
    product = 'E0336V00',
    profile = {},
    abo = 'O' as Abo,
    rhd = 'negative' as Rhd,
  } = {},
) {
  const world = await aWorld(database)
  await aDevice(world, 'f1', profile)
  await aDevice(world, 'f2')
  world.clock.now = registeredAt
  const number = 'A999926000001'
  const din = number + dinCheckCharacter(number)
  const bag = await registerBag(world.ctx, {
    din,
    productCode: product,
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 30 * 24 * hour,
    group: { abo, rhd },
  })
  let seq = 0
  const at = (moment: number) => {
    world.clock.now = moment
  }
  return {
    world,
    at,
    bagId: bag.id,
    tell: (device: string, rows: readonly (readonly [number, number])[], probe: ProbeKind = 'load') => {
      at(Math.max(world.clock.now, ...rows.map(([moment]) => moment)))
      const body = rows.map(([moment, celsius]) => aReading(moment, celsius, probe))
      return world.ingest.accept([aMessage({ device, seq: seq++, receivedAt: world.clock.now, body })])
    },
    see: (device: string, moment: number, change: object) => {
      const body = [{ at: moment, added: [], removed: [], ...change }]
      return world.ingest.accept([aMessage({ device, seq: seq++, channel: 'bags', body })])
    },
    async scan(device = 'f1', productCode = product, ctx = world.ctx) {
      const input = { device, patient: null, emergency: true, reason: 'haemorrhage', seen }
      const { id } = await openTakeOut(world.ctx, input)
      const scan = { takeOutId: id, din, productCode, override: null, glassBroken: null }
      const { answer, findings } = await scanBag(ctx, scan)
      return [answer, ...findings]
    },
    /** For a patient, with a physician's word: what is suggested, and what a scan is answered. */
    async scanFor(patient: Patient, emergency = false) {
      await setPatient(world.ctx, 'H1', patient)
      const reason = emergency ? 'haemorrhage' : null
      const input = { device: 'f1', patient: patient.pseudonym, emergency, reason, seen }
      const { id, bags } = await openTakeOut(world.ctx, input)
      const scan = { takeOutId: id, din, productCode: product, override: 'Dr Wang', glassBroken: null }
      const { answer, findings } = await scanBag(world.ctx, scan)
      return { suggested: bags.length, told: [answer, ...findings] }
    },
  }
}

/** A reading every five minutes in [from, to]. */
function every(from: number, to: number, celsius: number): [number, number][] {
  const rows: [number, number][] = []
  for (let at = from; at <= to; at += 5 * minute) rows.push([at, celsius])
  return rows
}

test('a tag put on again tells nothing of the time it was off', async ({ database }) => {
  const { world, bagId, at, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  at(start + 2 * hour)
  await untagBag(world.ctx, { bagId, tag: 'A' })
  at(noon - minute)
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await tell('f1', every(start, noon, 4))
  expect(await scan()).toEqual(['CALL', 'unverified'])
})

test('nor does another tag, which lay in the fridge meanwhile', async ({ database }) => {
  const { world, bagId, at, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  await see('f1', start + 2 * hour, { removed: ['A'] })
  at(start + 2 * hour + minute)
  await untagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + 2 * hour + 2 * minute, { added: ['B'] })
  at(noon - minute)
  await tagBag(world.ctx, { bagId, tag: 'B' })
  await tell('f1', every(start, noon, 4))
  expect(await scan()).toEqual(['CALL', 'unverified'])
})

test('nor does another tag on the word of a key, which vouches for nothing', async ({ database }) => {
  const { world, bagId, at, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  at(start + 2 * hour)
  await untagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + 2 * hour, { added: ['B'] })
  at(noon - minute)
  const byKey = { ...world.ctx, actor: { kind: 'integration', id: 'configured-key' } as const }
  await tagBag(byKey, { bagId, tag: 'B', from: start + 2 * hour })
  await tell('f1', every(start, noon, 4))
  expect(await scan()).toEqual(['CALL', 'unverified'])
})

test('a fridge whose limits were narrowed twice does not vouch for what was before', async ({ database }) => {
  const profile = { low: 0, high: 1_000 }
  const { world, bagId, at, see, tell, scan } = await aBag(
    { database },
    { registeredAt: noon - 20 * minute, profile },
  )
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await tell('f1', [
    [noon - 12 * minute, 8],
    [noon - 11 * minute, 8],
  ])
  for (const minutes of [10, 9]) {
    at(noon - minutes * minute)
    await setDeviceProfile(world.ctx, { device: 'f1', profile: bloodFridge })
  }
  await tell('f1', [
    [noon - 2 * minute, 4],
    [noon - minute, 4],
  ])
  at(noon)
  await see('f1', noon - 8 * minute, { added: ['A'] })
  const facts = await keptFacts(database, { bagId, now: noon })
  const asFolded = await howKept(world.ctx, facts)
  const asTraced = await howKept(world.ctx, { ...facts, hasClockMatters: true })
  expect(asFolded).toEqual(asTraced)
  expect(await scan()).toEqual(['STOP', 'out_of_range'])
})

test('one hot reading before a silence is a breach, and nobody vouches it away', async ({ database }) => {
  const { world, bagId, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  const hot = [noon - 6 * hour, 25] as const
  await tell('f1', [...every(start, hot[0] - minute, 4), hot, ...every(noon - 5 * hour, noon, 4)])
  expect(await scan()).toEqual(['STOP', 'unverified', 'out_of_range'])
  await database.pool.query(
    `insert into bag_event (bag_id, version, verb, "to", at, actor, data)
     values ($1, 50, 'receive', 'available', $2, '{}', '{}')`,
    [bagId, noon - hour],
  )
  expect(await scan()).toEqual(['STOP', 'out_of_range'])
})

test('what was given for one patient is not made into what is for all', async ({ database }) => {
  const { world, bagId, at, scan } = await aBag({ database }, { product: 'E0336X00' })
  at(start + minute)
  expect(await scan()).toContain('special_label')
  const child = { component: 'red_cells', expiresAt: noon + hour, lowTitre: true } as const
  const make = (productCode: string) =>
    processBag(world.ctx, { bagId, children: [{ ...child, productCode }] })
  await expect(make('E0337V00')).rejects.toMatchObject({ code: 'invalid_request' })
  await make('E0337X00')
  expect(await scan('f1', 'E0337X00')).toContain('special_label')
})

test('anti-D is no bag with RhD, though the patient was typed RhD-positive', async ({ database }) => {
  const { world, bagId, at, see, scanFor } = await aBag({ database }, { rhd: 'positive' })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  at(start + minute)
  await see('f1', start + minute, { added: ['A'] })
  const group = { abo: 'O', rhd: 'positive' } as const
  const partialD = { pseudonym: 'P1', group, antiD: true, sampleUntil: noon }
  for (const emergency of [false, true])
    expect(await scanFor(partialD, emergency)).toEqual({ suggested: 0, told: ['STOP', 'wrong_group'] })
  const until = noon
  const nothingElse = { reason: null, takeOut: null, waived: [], glassBroken: null }
  for (const verb of ['reserve', 'issue'] as const)
    await expect(
      world.ctx.database.db.transaction((tx) =>
        actOnBag(world.ctx, tx, { bagId, verb }, () =>
          verb === 'reserve'
            ? { verb, patient: partialD, until }
            : { verb, patient: partialD, emergency: false, override: 'Dr Wang', ...nothingElse },
        ),
      ),
    ).rejects.toMatchObject({ code: 'incompatible' })
})

test('what is suggested in an emergency without a valid sample is what a scan says GO to', async ({
  database,
}) => {
  const { world, bagId, at, see, scanFor } = await aBag({ database }, { abo: 'A' })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  at(start + minute)
  await see('f1', start + minute, { added: ['A'] })
  const group = { abo: 'A', rhd: 'negative' } as const
  const sampled = { pseudonym: 'P1', group, antiD: false, sampleUntil: noon }
  const unsampled = { ...sampled, sampleUntil: null }
  expect(await scanFor(unsampled, true)).toEqual({ suggested: 0, told: ['STOP', 'wrong_group'] })
  expect(await scanFor(unsampled)).toEqual({ suggested: 1, told: ['CALL', 'no_valid_sample'] })
  expect(await scanFor(sampled, true)).toEqual({ suggested: 1, told: ['GO'] })
})

test('no key is told GO', async ({ database }) => {
  const { world, at, scan } = await aBag({ database })
  at(start + minute)
  const byKey = { ...world.ctx, actor: { kind: 'integration', id: 'configured-key' } as const }
  await expect(scan('f1', 'E0336V00', byKey)).rejects.toMatchObject({ code: 'person_required' })
  expect(await scan()).toEqual(['GO'])
})

test('a bag in the hand at one fridge that is believed inside another was not where its readings are', async ({
  database,
}) => {
  const { world, bagId, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f2', start + minute, { added: ['A'] })
  await tell('f2', every(start, noon, 4))
  await tell('f1', every(start, noon, 22))
  expect(await scan('f1')).toEqual(['CALL', 'seen_elsewhere'])
  expect(await scan('f2')).toEqual(['GO'])
})

test('a breach that the air told stays one when a load probe comes', async ({ database }) => {
  const { world, bagId, see, tell, scan } = await aBag({ database })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  await tell(
    'f1',
    [...every(start, noon - 5 * hour, 4), ...every(noon - 4 * hour, noon - 10 * minute, 22)],
    'air',
  )
  expect(await scan()).toContain('out_of_range')
  await tell('f1', [
    [noon - minute, 4],
    [noon, 4],
  ])
  expect(await scan()).toContain('out_of_range')
  const facts = await keptFacts(database, { bagId, now: noon })
  const asFolded = await howKept(world.ctx, facts)
  expect(asFolded).toEqual(await howKept(world.ctx, { ...facts, hasClockMatters: true }))
})

test('a bag is judged by the policies in force where it is', async ({ database }) => {
  const { world, bagId, at, see, tell, scan } = await aBag({ database }, { profile: { low: 0, high: 1_000 } })
  await tagBag(world.ctx, { bagId, tag: 'A' })
  await see('f1', start + minute, { added: ['A'] })
  // Cold enough for the US, and too cold for China.
  await tell('f1', every(start, noon, 1.5))
  at(noon)
  expect(await scan()).toEqual(['STOP', 'out_of_range'])
  await database.pool.query("update facility set jurisdiction = 'US'")
  expect(await scan()).toEqual(['GO'])
  const { rows } = await database.pool.query('select policies from scan_answer order by id desc limit 1')
  expect(rows[0]).toMatchObject({ policies: { jurisdiction: 'US', inHand: 1 } })
})

test.for([
  [8, ['GO'], 'above', 0],
  [10.01, ['STOP', 'out_of_range'], 'above', 60],
  [1.99, ['STOP', 'out_of_range'], 'below', 60],
] as const)(
  'a journey in a box at %d °C is judged as a journey: %o',
  async ([celsius, answer, side, minutes], { database }) => {
    const { world, bagId, at, see, tell, scan } = await aBag({ database })
    await database.pool.query("update device set kind = 'box' where name = 'f2'")
    await tagBag(world.ctx, { bagId, tag: 'A' })
    await see('f1', start + minute, { added: ['A'] })
    await see('f1', start + 2 * hour, { removed: ['A'] })
    await see('f2', start + 2 * hour + minute, { added: ['A'] })
    await see('f2', start + 3 * hour + minute, { removed: ['A'] })
    await see('f1', start + 3 * hour + 2 * minute, { added: ['A'] })
    for (const device of ['f1', 'f2']) await tell(device, every(start, noon, device === 'f2' ? celsius : 4))
    at(noon)
    expect(await scan()).toEqual(answer)
    const { places, total, policy } = await traceBag(world.deps, { bagId, jurisdiction: 'CN' })
    expect(places.map(({ phase }) => phase)).toEqual(['storage', null, 'transport', null, 'storage'])
    expect(total[`${side}Ms`]).toBe(minutes * minute)
    expect(policy).toEqual({ jurisdiction: 'CN', storage: [1], transport: [1] })
  },
)
