import fc from 'fast-check'
import { expect } from 'vitest'
import type { Refusal } from '../../../api/domain/refusal.ts'
import { acceptRescue } from '../../../api/usecases/accept-rescue.ts'
import { readRescue } from '../../../api/usecases/plan-rescue.ts'
import { uuidv7 } from '../../../api/usecases/register-bag.ts'
import { alarmCase } from '../../../schema/tables/alarms.ts'
import { bag, bagEvent, bagHold, bagPlace } from '../../../schema/tables/bags.ts'
import { excursion, gap } from '../../../schema/tables/derived.ts'
import {
  device,
  deviceDefrost,
  devicePlacement,
  deviceProfile,
  deviceState,
  probe,
  probeState,
} from '../../../schema/tables/devices.ts'
import { calibration, maintenance, qualification } from '../../../schema/tables/equipment.ts'
import { facility } from '../../../schema/tables/facilities.ts'
import { rescueMove } from '../../../schema/tables/rescues.ts'
import type { BagState, Component } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon, type World } from '../../support/world.ts'

const minute = 60_000
const hour = 60 * minute
const actor = { kind: 'job', id: 'test' }

/* What must be so, said once more and in other words than the rules have it. */

const belongs: Record<string, readonly string[]> = {
  fridge: ['red_cells', 'whole_blood'],
  incubator: ['platelets'],
  freezer: ['plasma', 'cryoprecipitate'],
  box: [],
}
const storage: Record<string, readonly [number, number]> = {
  ...{ red_cells: [200, 600], whole_blood: [200, 600], platelets: [2_000, 2_400] },
  ...{ plasma: [-10_000, -1_800], cryoprecipitate: [-10_000, -1_800] },
}
const profiles = {
  fridge: { low: 200, high: 600, usual: 400 },
  incubator: { low: 2_000, high: 2_400, usual: 2_200 },
  freezer: { low: -4_000, high: -2_000, usual: -3_000 },
  box: { low: 200, high: 1_000, usual: 400 },
} as const

/** What is on record of a device, and whether it may take bags by that. */
type Papers = {
  readonly isRight: boolean
  readonly stages: readonly Partial<typeof qualification.$inferInsert>[]
  readonly repairs: readonly Partial<typeof maintenance.$inferInsert>[]
  readonly calibrations: readonly Partial<typeof calibration.$inferInsert>[]
  readonly hasAir: boolean
}
const stages = [{ stage: 'IQ' }, { stage: 'OQ' }, { stage: 'PQ' }] as const
const inOrder: Papers = { isRight: true, stages, repairs: [], calibrations: [{}], hasAir: false }
const wrong: Papers = { ...inOrder, isRight: false }
const failed = { stage: 'OQ', result: 'failed', doneAt: 2 } as const
const brief = { validUntil: noon }
const papers: Readonly<Record<string, Papers>> = {
  'in order': inOrder,
  'none at all': { ...wrong, stages: [], calibrations: [] },
  'no PQ': { ...wrong, stages: stages.slice(0, 2) },
  'PQ has run out': { ...wrong, stages: [...stages.slice(0, 2), { stage: 'PQ', ...brief }] },
  'OQ failed since': { ...wrong, stages: [...stages, failed] },
  'OQ passed again': { ...inOrder, stages: [...stages, failed, { stage: 'OQ', doneAt: 3 }] },
  'OQ failed before, and told late': { ...inOrder, stages: [...stages, { ...failed, doneAt: 0 }] },
  'out of service': { ...wrong, repairs: [{ doneAt: 2 }] },
  'back in service': { ...inOrder, repairs: [{ doneAt: 2 }, { doneAt: 3, backInServiceAt: noon }] },
  'never calibrated': { ...wrong, calibrations: [] },
  'calibration has run out': { ...wrong, calibrations: [brief] },
  'calibrated for less since': { ...wrong, calibrations: [{}, { ...brief, doneAt: 2 }] },
  'calibrated again': { ...inOrder, calibrations: [brief, { doneAt: 2 }] },
  'another probe calibrated': { ...wrong, calibrations: [{ probe: 'air' }] },
  'one of two probes calibrated': { ...wrong, hasAir: true },
  'both probes calibrated': { ...inOrder, hasAir: true, calibrations: [{}, { probe: 'air' }] },
}

/** When a device is declared to be defrosted, and whether it may take bags by that. */
type Defrosts = { readonly isRight: boolean; readonly spans: readonly (readonly [number, number])[] }
const over = [noon - 30 * minute, noon] as const
const defrosts: Readonly<Record<string, Defrosts>> = {
  none: { isRight: true, spans: [] },
  over: { isRight: true, spans: [over] },
  'under way': { isRight: false, spans: [[noon - 1, noon + 1]] },
  'at hand': { isRight: false, spans: [[noon + 4 * hour, noon + 5 * hour]] },
  'not at hand': { isRight: true, spans: [[noon + 4 * hour + 1, noon + 5 * hour]] },
  'over, and at hand again': { isRight: false, spans: [over, [noon + hour, noon + 2 * hour]] },
  'at hand, and again after that': {
    isRight: false,
    spans: [
      [noon + 9 * hour, noon + 10 * hour],
      [noon + hour, noon + 2 * hour],
    ],
  },
}

const seldom = fc.integer({ min: 0, max: 29 }).map((roll) => roll === 0)
const components: readonly Component[] = [
  'red_cells',
  'whole_blood',
  'platelets',
  'plasma',
  'cryoprecipitate',
]
const component = fc.constantFrom<Component>('red_cells', 'red_cells', 'red_cells', ...components)
const kind = fc.constantFrom('fridge', 'fridge', 'fridge', 'incubator', 'freezer', 'box')

const aHost = fc.record({
  kind,
  isWide: seldom,
  capacity: fc.option(fc.integer({ min: 2, max: 12 }), { freq: 12, nil: null }),
  papers: fc.constantFrom(...Array<string>(80).fill('in order'), ...Object.keys(papers)),
  defrosts: fc.constantFrom(...Array<string>(60).fill('none'), ...Object.keys(defrosts)),
  isRevoked: seldom,
  alarm: fc.constantFrom(...Array<string>(12).fill('none'), 'closed', 'open', 'ended'),
  isSilent: seldom,
  isOffline: seldom,
  hasNoMains: seldom,
  isOld: seldom,
  off: fc.constantFrom(...Array<number>(14).fill(0), 500, -500),
  isUnclean: seldom,
  agitates: fc.boolean(),
  isElsewhere: seldom,
  contents: fc.array(
    fc.oneof({ weight: 30, arbitrary: fc.constant('its') }, { weight: 1, arbitrary: component }),
    {
      maxLength: 5,
    },
  ),
})
type Host = typeof aHost extends fc.Arbitrary<infer T> ? T : never

const aBag = fc.record({
  component,
  hold: fc.constantFrom(null, null, null, null, 'visual', 'recall', 'breach'),
  isExpired: seldom,
  state: fc.constantFrom<BagState>(
    'available',
    'available',
    'available',
    'quarantined',
    'issued',
    'discarded',
  ),
})
type Bag = typeof aBag extends fc.Arbitrary<infer T> ? T : never

const aFailure = fc.record({
  hosts: fc.array(aHost, { minLength: 2, maxLength: 6 }),
  failing: fc.array(fc.array(aBag, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 2 }),
})

let drawn = 0

function builder({ ctx }: World, facilityId: number, elsewhereId: number) {
  const { db } = ctx.database
  const positions = [
    { at: noon, lat: 36.06, lon: 120.38 },
    { at: noon, lat: 36.07, lon: 120.39 },
  ]

  async function put(host: Host): Promise<number> {
    const name = `device-${++drawn}`
    const { low, high, usual } = profiles[host.kind as 'fridge']
    const times = { inServiceFrom: 0, createdAt: 0, ...(host.isRevoked ? { revokedAt: noon } : {}) }
    const [made] = await db
      .insert(device)
      .values({
        ...{ name, kind: host.kind as 'fridge', secretHash: Buffer.from(name), capacity: host.capacity },
        ...times,
      })
      .returning()
    const deviceId = made?.id as number
    await db.insert(devicePlacement).values({
      deviceId,
      from: 0,
      facilityId: host.isElsewhere ? elsewhereId : facilityId,
    })
    await db.insert(deviceProfile).values({
      ...{ deviceId, from: 0, low: host.isWide ? low - 300 : low, high, maxSilenceMs: 15 * minute },
      ...{ physicalLow: -10_000, physicalHigh: 10_000 },
    })
    await writeDown(deviceId, papersOf(host))
    const spans = defrostsOf(host).spans.map(([from, to]) => ({ deviceId, from, to }))
    if (spans.length > 0)
      await db
        .insert(deviceDefrost)
        .values(spans.map((span) => ({ ...span, reason: 'ice', actor, declaredAt: 1 })))
    await db.insert(deviceState).values({
      ...{ deviceId, status: host.isOffline ? ('offline' as const) : ('online' as const) },
      power: { at: noon, mains: !host.hasNoMains, agitatorOn: host.agitates },
      position: positions[host.isElsewhere ? 1 : 0],
    })
    const { hasAir } = papersOf(host)
    const kinds = hasAir ? (['load', 'air'] as const) : (['load'] as const)
    const probes = await db
      .insert(probe)
      .values(kinds.map((kind) => ({ deviceId, kind })))
      .returning()
    const probeId = probes.find(({ kind }) => kind === 'load')?.id as number
    const lastAt = host.isOld ? noon - 10 * minute - 1 : noon - minute
    await db.insert(probeState).values(
      probes.map(({ id }) => ({
        ...{ probeId: id, version: 1, firstAt: 0, lastAt, lastBoot: 'a', lastCenti: usual + host.off },
        lastReceivedAt: host.isSilent ? noon - 15 * minute - 1 : noon,
      })),
    )
    if (host.isUnclean) {
      await db.insert(gap).values({ probeId, from: noon - 2 * hour, to: noon - hour, knownFrom: 0 })
      const within = { coldest: 0, warmest: 0, readings: 1, ended: 'inside' as const, knownFrom: 0 }
      await db.insert(excursion).values({ probeId, side: 'low', from: noon - 9, to: noon - 8, ...within })
    }
    if (host.alarm !== 'none') await anAlarm(deviceId, host.alarm)
    return deviceId
  }

  async function writeDown(deviceId: number, { stages, repairs, calibrations }: Papers): Promise<void> {
    const told = { deviceId, doneAt: 1, recordedBy: actor, recordedAt: 1 }
    const until = { validUntil: noon + 1 }
    const passed = { ...told, ...until, stage: 'IQ', result: 'passed' } as const
    const compared = { ...told, ...until, probe: 'load', certificate: 'C', offset: 0, doneBy: 'L' } as const
    if (stages.length > 0)
      await db.insert(qualification).values(stages.map((stage) => ({ ...passed, ...stage })))
    if (repairs.length > 0)
      await db.insert(maintenance).values(repairs.map((repair) => ({ ...told, what: 'a fan', ...repair })))
    if (calibrations.length > 0)
      await db.insert(calibration).values(calibrations.map((one) => ({ ...compared, ...one })))
  }

  async function anAlarm(deviceId: number, how: string): Promise<number> {
    const about = { deviceId, facilityId, kind: 'air_high', part: 'air', steps: 0 } as const
    const times = { conditionFrom: noon, raisedAt: noon, pagedFrom: noon }
    const [made] = await db
      .insert(alarmCase)
      .values({
        ...{ ...about, ...times, class: how === 'action' ? ('action' as const) : ('alert' as const) },
        ...(how === 'ended' ? { endedAt: noon } : {}),
        ...(how === 'closed' ? { endedAt: noon, closedAt: noon } : {}),
      })
      .returning()
    return made?.id as number
  }

  async function inside(deviceId: number, bags: readonly Bag[]): Promise<string[]> {
    if (bags.length === 0) return []
    const since = noon - hour
    const rows = bags.map(({ component, state, isExpired }) => ({
      ...{ id: uuidv7(noon), scheme: 'ISBT128', identifier: `A999926${String(++drawn).padStart(6, '0')}` },
      ...{ productCode: 'E0336', collectionType: 'V', division: '00', component, state, registeredAt: since },
      ...{ originId: facilityId, holderId: facilityId, version: 1 },
      expiresAt: isExpired ? noon : noon + drawn * minute,
    }))
    await db.insert(bag).values(rows)
    await db.insert(bagEvent).values(
      rows.map(({ id, state }) => {
        return { bagId: id, version: 1, verb: 'register' as const, to: state, at: since, actor, data: {} }
      }),
    )
    await db.insert(bagPlace).values(
      rows.map(({ id }) => ({
        bagId: id,
        state: 'inside' as const,
        deviceId,
        from: since,
        knownFrom: since,
      })),
    )
    const holds = rows.flatMap(({ id }, index) => {
      const hold = bags[index]?.hold as 'recall' | null
      return hold ? [{ bagId: id, kind: hold, reason: 'a test', placedAt: since, placedBy: actor }] : []
    })
    if (holds.length > 0) await db.insert(bagHold).values(holds)
    return rows.map(({ id }) => id)
  }

  return { put, anAlarm, inside }
}

function papersOf(host: Host): Papers {
  return papers[host.papers] as Papers
}

function defrostsOf(host: Host): Defrosts {
  return defrosts[host.defrosts] as Defrosts
}

/** Is it known to keep this component right? */
function keeps(host: Host, component: string, contents: readonly string[]): boolean {
  const { low, high, usual } = profiles[host.kind as 'fridge']
  const [least, most] = storage[component] as readonly [number, number]
  const its = belongs[host.kind] as readonly string[]
  const bad = [
    ...[!papersOf(host).isRight, !defrostsOf(host).isRight, host.isRevoked, host.isSilent, host.isOffline],
    ...[host.hasNoMains, host.isOld, ['open', 'ended'].includes(host.alarm)],
  ]
  return (
    !bad.includes(true) &&
    [component, ...contents].every((one) => its.includes(one)) &&
    (host.isWide ? low - 300 : low) >= least &&
    high <= most &&
    usual + host.off >= least &&
    usual + host.off <= most &&
    (component !== 'platelets' || host.agitates)
  )
}

const failingHost: Host = {
  ...{
    kind: 'fridge',
    isWide: false,
    capacity: 10,
    papers: 'in order',
    defrosts: 'none',
    isRevoked: false,
    alarm: 'none',
    isSilent: false,
    isOffline: false,
  },
  ...{
    hasNoMains: false,
    isOld: false,
    off: 0,
    isUnclean: false,
    agitates: true,
    isElsewhere: false,
    contents: [],
  },
}

test('of 200 failures no rescue overfills a device, mixes contents, uses one that is not known to be right, or loses a bag', async ({
  database,
}) => {
  const world = await aWorld(database)
  const { ctx } = world
  const { db } = database
  const tally = { moved: 0, stayed: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(aFailure, async ({ hosts, failing }) => {
      // What failed before is no longer there.
      await db.update(device).set({ revokedAt: 1 })
      const about = { name: 'R', kind: 'hospital', timeZone: 'UTC', createdAt: 0 } as const
      const [here, there] = await db
        .insert(facility)
        .values([
          { code: `R${++drawn}`, ...about },
          { code: `R${++drawn}`, ...about },
        ])
        .returning()
      const build = builder(world, here?.id as number, there?.id as number)
      const targets = new Map<number, Host & { held: string[] }>()
      for (const host of hosts) {
        const id = await build.put(host)
        const [its] = belongs[host.kind] as readonly string[]
        const held = host.contents.flatMap((one) => (one === 'its' ? (its ?? []) : one))
        const contents = held.map((one): Bag => {
          return { component: one as Component, hold: null, isExpired: false, state: 'available' }
        })
        await build.inside(id, contents)
        targets.set(id, { ...host, held })
      }
      for (const bags of failing) {
        const id = await build.put(failingHost)
        const ids = await build.inside(id, bags)
        const alarm = await build.anAlarm(id, 'action')
        const living = ids.filter((_, index) => bags[index]?.state !== 'discarded')

        const { plan } = await readRescue(ctx, alarm)
        const planned = [...plan.moves.map((move) => move.bag), ...plan.stays.map((stay) => stay.bag)]
        expect(planned.sort()).toEqual([...living].sort())
        for (const { bag: stays, reason } of plan.stays) {
          const { hold, isExpired, component } = bags[ids.indexOf(stays)] as Bag
          expect(['spent', 'expired'].includes(reason)).toBe(hold === 'breach' || isExpired)
          const isKept = (host: Host & { held: string[] }) =>
            keeps(host, component, host.held) &&
            host.capacity !== null &&
            host.held.length + 1 <= host.capacity * 0.9
          if (reason === 'no_device') expect([...targets.values()].some(isKept)).toBe(false)
        }

        const accepted = await acceptRescue(ctx, alarm, undefined).catch((error: Refusal) => {
          expect(error).toMatchObject({ code: 'conflict' })
          return null
        })
        expect(accepted === null).toBe(plan.moves.length === 0)
        tally[accepted === null ? 'refused' : 'moved'] += Math.max(1, plan.moves.length)
        tally.stayed += plan.stays.length
        const written = await db.query.rescueMove.findMany({ where: (move, { eq }) => eq(move.fromId, id) })
        expect(written.map(({ bagId, toId }) => [bagId, toId])).toEqual(
          plan.moves.map((move) => [move.bag, move.device]),
        )
        for (const { bagId, toId } of written) {
          const { component, hold, isExpired } = bags[ids.indexOf(bagId)] as Bag
          expect([hold === 'breach', isExpired]).toEqual([false, false])
          const target = targets.get(toId)
          if (!target) throw new Error('it goes to a device that fails')
          target.held.push(component)
          expect(keeps(target, component, target.held), JSON.stringify(target)).toBe(true)
          expect(target.held.length).toBeLessThanOrEqual((target.capacity ?? 0) * 0.9)
        }
      }
    }),
    { numRuns: 200 },
  )
  // That it holds of nothing would say nothing.
  expect(tally.moved).toBeGreaterThan(150)
  expect(tally.stayed).toBeGreaterThan(200)
  expect(tally.refused).toBeGreaterThan(10)
  const rows = await db.select({ order: rescueMove.order }).from(rescueMove)
  expect(rows.length).toBeLessThanOrEqual(tally.moved)
}, 300_000)
