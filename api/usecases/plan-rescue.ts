import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { mustAskForAction } from '../domain/alarm.ts'
import { inForce } from '../domain/effective.ts'
import { type Unfit, unfitnessOf } from '../domain/equipment.ts'
import { allowanceLeftMs } from '../domain/ledger.ts'
import { planRescue, type RescueFacts, type RescuePlan } from '../domain/rescue.ts'
import { type Standing, waysBetween } from '../domain/rescue-route.ts'
import type { RescueBag, RescueDevice } from '../domain/rescue-target.ts'
import { minutesUntil } from '../domain/thermal/forecast.ts'
import { installedKinds } from '../policies/equipment.ts'
import { cnForecastRule } from '../policies/forecast.ts'
import { cnRescue, cnRescueRoutes } from '../policies/rescue.ts'
import { findCase, noAlarm, type ShownCase } from '../stores/alarms.ts'
import { type Bag, factsOfAll, labelOf } from '../stores/bags.ts'
import { type Device, findDevice } from '../stores/devices.ts'
import { fitnessOf } from '../stores/equipment.ts'
import { policyVersions } from '../stores/policies.ts'
import { bagsToRescue, type HostRow, hostRows, standings } from '../stores/rescue-facts.ts'
import { movesOf, type ShownMove, underWay } from '../stores/rescues.ts'
import { type KeptFacts, keptBy, keptByOnce, keptFacts } from '../stores/scans.ts'
import { demandRight } from './demand.ts'
import { handlingMsOf, howKept } from './how-kept.ts'
import { traceBag } from './trace-bag.ts'

/** The case of a device. */
export type RescueCase = ShownCase & { readonly deviceId: number; readonly device: string }

/** A plan, and what its bags and devices are called. */
export type PlannedRescue = {
  readonly plan: RescuePlan
  readonly bags: ReadonlyMap<string, RescueBag>
  readonly hosts: ReadonlyMap<number, HostRow>
}

/**
 * The plan for what is inside the device of an action alarm now, and what was accepted with it before. A bag that is to
 * be carried somewhere already is not planned again.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where the alarm asks for no action, or is closed
 */
export async function readRescue(
  ctx: Context,
  id: number,
): Promise<PlannedRescue & { readonly found: RescueCase; readonly moves: readonly ShownMove[] }> {
  const { db } = ctx.database
  const found = await findCase(db, id)
  demandRight(ctx, 'alarm.read', [found.facilityId], noAlarm(id))
  mustAskForAction(found, id)
  const bags = await bagsToRescue(db, found.deviceId)
  const planned = await planFor(ctx, found, bags)
  return { ...planned, found, moves: await movesOf(db, { caseId: id }, ctx.now()) }
}

/** A bag as it was found before somebody locked it, which moves its revision by one. */
type KnownBag = RescueBag & { readonly revision: number }
export type KnownBags = ReadonlyMap<string, KnownBag>

/**
 * Where these bags of the alarm's device go; those that have somewhere to go already are left out.
 *
 * @param known of bags that are locked by now: what was found just before holds of those that nobody else has locked since
 */
export async function planFor(
  ctx: Context,
  found: { readonly device: string },
  inside: readonly Bag[],
  known?: KnownBags,
): Promise<PlannedRescue> {
  const { db } = ctx.database
  const askedAt = ctx.now()
  const device = await findDevice(db, found.device)
  const carried = await underWay(
    db,
    inside.map(({ id }) => id),
  )
  const bags = await rescueBags(
    ctx,
    inside.filter(({ id }) => !carried.has(id)),
    known,
  )
  const everywhere = await standings(db, askedAt)
  const { facilityId } = inForce(device.placements, askedAt)
  const here = everywhere.find(({ id }) => id === device.id) ?? { id: device.id, facilityId, position: null }
  const candidates = candidatesFor(here, everywhere)
  const ids = candidates.map(({ id }) => id)
  const rows = await hostRows(db, ids, askedAt)
  const fitness = await fitnessOf(db, ids, installedKinds)
  const hosts = new Map(rows.map((row) => [row.id, row]))
  const facts: RescueFacts = {
    askedAt,
    failing: { id: device.id, facilityId, forecast: await forecastOf(ctx, device) },
    bags: [...bags.values()],
    devices: candidates.flatMap((standing) => {
      const row = hosts.get(standing.id)
      if (!row) return []
      const ways = waysBetween(here, standing, cnRescueRoutes)
      return [hostOf(row, unfitnessOf(fitness.get(standing.id), askedAt), ways, askedAt)]
    }),
  }
  return { plan: planRescue(facts, cnRescue), bags, hosts }
}

/** So many devices of other facilities are looked at, the nearest first. */
const mostElsewhere = 60

/** The other devices of the facility, and those elsewhere that a car may reach. */
function candidatesFor(here: Standing, everywhere: readonly Standing[]): readonly Standing[] {
  const others = everywhere.filter(({ id }) => id !== here.id)
  const byCar = others
    .map((standing) => ({ standing, ms: waysBetween(here, standing, cnRescueRoutes).car }))
    .filter(({ ms }) => ms !== null && (ms * cnRescue.wayPercent) / 100 <= cnRescue.maxWayMs.car)
    .sort((a, b) => (a.ms as number) - (b.ms as number) || a.standing.id - b.standing.id)
    .slice(0, mostElsewhere)
  return [
    ...others.filter(({ facilityId }) => facilityId === here.facilityId),
    ...byCar.map(({ standing }) => standing),
  ]
}

/** What is not known speaks against it. */
function hostOf(row: HostRow, unfit: Unfit | null, ways: RescueDevice['ways'], now: number): RescueDevice {
  const { id, name, kind, facilityId, low, high, capacity, power, probes, defrostsFrom } = row
  const reading = (wanted: 'load' | 'air') => {
    const found = row.hasClockFault ? undefined : probes.find((probe) => probe.kind === wanted)
    return found ? { at: found.at, centi: found.centi } : null
  }
  return {
    ...{ id, name, kind, facilityId, capacity, defrostsFrom, ways },
    limits: { low, high },
    agitates: power?.agitatorOn === true,
    contents: { bags: row.bags, components: row.components },
    isRetired: row.isRetired || unfit?.why === 'out_of_service',
    isQualified: unfit === null,
    calibratedUntil: calibratedUntil(probes),
    // On its battery it is about to be.
    isInAlarm: row.isInAlarm || power?.mains === false,
    isSilent: row.isOffline || probes.some(({ receivedAt }) => now - receivedAt > row.maxSilenceMs),
    load: reading('load'),
    air: reading('air'),
    doubtedAt: row.doubtedAt,
  }
}

/** Until when all probes are calibrated; null where one of them is not, or there are none. */
function calibratedUntil(probes: HostRow['probes']): number | null {
  const until = probes.flatMap((probe) => probe.calibratedUntil ?? [])
  return until.length > 0 && until.length === probes.length ? Math.min(...until) : null
}

/** Holds that come of what failing devices do, and that somebody may lift: no reason to carry a bag later than others. */
const ofFailures: ReadonlySet<HoldKind> = new Set(['allowance', 'unverified_gap'])

/**
 * What is to be known of bags that are rescued. How long one may yet be outside is what is left of what its policy allows
 * in its life, or of the time it may be in hands, where nothing is measured either. Once it was measured outside the
 * latter counts no more; where nothing is left then, or it is held for a breach, no scan hands it out.
 */
export async function rescueBags(
  ctx: Context,
  rows: readonly Bag[],
  known: KnownBags = new Map(),
): Promise<KnownBags> {
  const now = ctx.now()
  const read = keptByOnce()
  const facts = await factsOfAll(ctx.database.db, rows)
  const bags = new Map<string, KnownBag>()
  for (const [index, row] of rows.entries()) {
    const before = known.get(row.id)
    if (before && before.revision === row.revision - 1) {
      bags.set(row.id, before)
      continue
    }
    const { holds = [], reservation } = facts[index] ?? { reservation: null }
    const told = await keptFacts(ctx.database, { bagId: row.id, now })
    const kept = await howKept({ ...ctx, now: () => now }, told, read)
    const handlingMs = Math.max(0, handlingMsOf(told, now) - (kept?.uncontrolledMs ?? 0))
    const storage = told.policies[row.component]?.storage
    const allowedMs = await allowedMsOf(ctx, row, told, now)
    const outsideMs = kept?.wasOutOfRange ? allowedMs : Math.max(allowedMs, handlingMs)
    const isLost = (kept?.wasOutOfRange && allowedMs <= 0) || holds.some(({ kind }) => kind === 'breach')
    bags.set(row.id, {
      revision: row.revision,
      id: row.id,
      label: labelOf(row),
      component: row.component,
      // Where no policy speaks of it nobody knows where to put it.
      limits: storage ? inForce(storage, now) : { low: Number.NaN, high: Number.NaN },
      allowanceMs: isLost ? 'spent' : Number.isFinite(outsideMs) ? outsideMs : 'unlimited',
      handlingMs,
      expiresAt: row.expiresAt,
      isHeld: holds.some(({ kind }) => !ofFailures.has(kind)),
      claims: reservation && reservation.until > now ? ['reserved'] : [],
    })
  }
  return bags
}

/** What is left of what its policy allows in its life, ms; by the worst of the ways it was made of others. */
async function allowedMsOf(
  { database }: Context,
  { id, component }: Bag,
  { jurisdiction }: KeptFacts,
  now: number,
): Promise<number> {
  const versions = await policyVersions(database.db, jurisdiction, component, 'storage')
  const allowances = versions.length > 0 ? inForce(versions, now).allowances : []
  if (allowances.length === 0) return 0
  const { ledgers } = await traceBag({ database, now: () => now }, { bagId: id, jurisdiction })
  return Math.min(...ledgers.map((entries) => allowanceLeftMs(entries, allowances)))
}

/** How long until a device leaves its limits, by the probe that speaks for what is inside; null where nobody can say. */
async function forecastOf(ctx: Context, device: Device): Promise<RescueFacts['failing']['forecast']> {
  const now = ctx.now()
  const { db } = ctx.database
  const [row] = await hostRows(db, [device.id], now)
  const probe =
    row?.probes.find(({ kind }) => kind === 'load') ?? row?.probes.find(({ kind }) => kind === 'air')
  // Times that were put right, or need to be, are not looked into: nobody can say, which hurries.
  if (!row || !probe || row.hasClockFault || device.clockFacts.length > 0) return null
  const { low, high } = row
  if (probe.centi < low || probe.centi > high) return { p10Ms: 0, medianMs: 0 }
  const span = { from: now - cnForecastRule.lookbackMs, to: now + 1 }
  const samples = (await keptBy(db, { deviceId: device.id, kind: probe.kind, ...span }))
    .filter(({ at }) => at <= now)
    .sort((a, b) => a.at - b.at)
  const foretold = (['low', 'high'] as const).flatMap((side) => {
    const forecast = minutesUntil(side, row[side], samples, null, now, cnForecastRule)
    return forecast && forecast.p10 !== null ? [{ p10: forecast.p10, p50: forecast.p50 }] : []
  })
  const [first] = foretold.sort((a, b) => a.p10 - b.p10)
  if (!first) return null
  const median = first.p50 === null ? cnForecastRule.horizonMs : first.p50 * 60_000
  return { p10Ms: Math.floor(first.p10 * 60_000), medianMs: Math.floor(median) }
}
