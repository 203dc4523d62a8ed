import type { Jurisdiction, PlaceState, ProbeKind } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { type Exposure, exposureOf, nothing } from '../domain/exposure.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Limits } from '../domain/series.ts'
import { type Bag, findBag } from '../stores/bags.ts'
import { clockFaultsOf, isTimeVerified } from '../stores/clocks.ts'
import { findDevice, probesOf } from '../stores/devices.ts'
import { type Policy, policyVersions } from '../stores/policies.ts'
import { readingJustAfter, readingsBetween, readingsJustBefore } from '../stores/readings.ts'
import { datedPlacesOf } from '../stores/sightings.ts'
import { momentOf } from './read-series.ts'

export type TracedPlace = {
  readonly state: PlaceState
  readonly device: string
  readonly facility: string
  readonly from: number
  readonly to: number
  /** Still so at `asOf`. */
  readonly ongoing: boolean
  /** No clock in doubt has a say in it; otherwise what hangs on that clock is UNVERIFIED. */
  readonly timeVerified: boolean
  /** Which probe speaks for the bag: the load probe, or air only where the container has no load probe. */
  readonly probe: ProbeKind | null
  readonly exposure: Exposure
  /** In somebody's hands, where no probe can speak for it, ms. */
  readonly uncontrolledMs: number
}

export type Trace = {
  readonly bag: Bag
  readonly asOf: number
  readonly policy: {
    readonly jurisdiction: Jurisdiction
    readonly phase: 'storage'
    readonly versions: readonly number[]
  }
  readonly places: readonly TracedPlace[]
  /** Registered, but in no place yet: nobody knows where it was. Null where it was seen from the first. */
  readonly beforeFirstSeen: { readonly from: number; readonly to: number } | null
  /** Of all places, and of the time before the first. */
  readonly total: Exposure & { readonly uncontrolledMs: number }
}

/**
 * Where a bag was and how cold, by its own component's policy, never by the limits of the fridge it was in. What no
 * reading speaks for is UNVERIFIED: gaps, times when nobody knew the place (from its registration on), and times told by
 * a clock in doubt, be it that of the readings or that of whoever saw the bag come and go.
 *
 * @throws Refusal `not_found`, `invalid_request` for a moment still to come
 */
export async function traceBag(
  deps: Pick<Deps, 'database' | 'now'>,
  input: {
    readonly bagId: string
    readonly jurisdiction: Jurisdiction
    readonly asOf?: number | undefined
    /** Nothing before then is told; otherwise all is. */
    readonly since?: number | undefined
  },
): Promise<Trace> {
  const { db } = deps.database
  const asOf = momentOf(input.asOf, deps.now())
  const bag = await findBag(db, input.bagId)
  const versions = await policyVersions(db, input.jurisdiction, bag.component, 'storage')
  if (versions.length === 0) {
    throw new Refusal('not_found', `no storage policy of ${input.jurisdiction} speaks of ${bag.component}`)
  }
  const { since = Number.NEGATIVE_INFINITY } = input
  const places: TracedPlace[] = []
  for (const place of await datedPlacesOf(db, bag.id)) {
    if (place.from >= asOf || (place.to !== null && place.to <= since)) continue
    const { state } = place
    const from = Math.max(place.from, since)
    const to = Math.min(place.to ?? asOf, asOf)
    const device = await findDevice(db, place.device)
    const { facility } = inForce(device.placements, from)
    const believed = {
      from: Math.min(Math.max(place.believed?.from ?? to, from), to),
      to: Math.max(from, Math.min(place.believed ? (place.believed.to ?? to) : to, to)),
    }
    const believedMs = believed.to - believed.from
    const doubtfulMs = to - from - believedMs
    const seen = {
      state,
      device: device.name,
      facility,
      from,
      to,
      ongoing: place.to === null || place.to > asOf,
      timeVerified: doubtfulMs === 0,
    }
    if (state === 'inside') {
      const { probe, exposure } = await exposureInside(deps, device.name, believed, versions, asOf)
      const unverifiedMs = exposure.unverifiedMs + doubtfulMs
      places.push({ ...seen, probe, exposure: { ...exposure, unverifiedMs }, uncontrolledMs: 0 })
    } else {
      const unverifiedMs = state === 'unknown' ? to - from : doubtfulMs
      const uncontrolledMs = to - from - unverifiedMs
      places.push({ ...seen, probe: null, exposure: { ...nothing, unverifiedMs }, uncontrolledMs })
    }
  }
  const firstSeen = places[0]?.from ?? asOf
  const known = Math.max(bag.registeredAt, since)
  const beforeFirstSeen = known < firstSeen ? { from: known, to: firstSeen } : null
  return {
    bag,
    asOf,
    policy: { jurisdiction: input.jurisdiction, phase: 'storage', versions: versionsUsed(versions, places) },
    places,
    beforeFirstSeen,
    total: sum(places, beforeFirstSeen ? beforeFirstSeen.to - beforeFirstSeen.from : 0),
  }
}

async function exposureInside(
  { database: { db } }: Pick<Deps, 'database'>,
  name: string,
  custody: { readonly from: number; readonly to: number },
  versions: readonly Policy[],
  asOf: number,
): Promise<{ probe: ProbeKind | null; exposure: Exposure }> {
  const device = await findDevice(db, name)
  const probes = await probesOf(db, device.id)
  const probe = probes.find(({ kind }) => kind === 'load') ?? probes.find(({ kind }) => kind === 'air')
  if (!probe) return { probe: null, exposure: { ...nothing, unverifiedMs: custody.to - custody.from } }

  const facts = device.clockFacts
  const before = await readingsJustBefore(db, probe.id, facts, custody.from)
  const during = await readingsBetween(db, probe.id, facts, custody.from, custody.to)
  const after = await readingJustAfter(db, probe.id, facts, custody.to)
  const readings = after && after.at <= asOf ? [...before, ...during, after] : [...before, ...during]
  const faults = await clockFaultsOf(db, device.id)
  const timed = readings.map((reading) => ({
    ...reading,
    timeVerified: isTimeVerified(faults, reading.boot, reading.seq),
  }))
  const limitsAt = (at: number): Limits => {
    const { low, high, maxSilenceMs } = inForce(versions, at)
    return { low, high, maxSilenceMs: Math.min(maxSilenceMs, inForce(device.profiles, at).maxSilenceMs) }
  }
  return { probe: probe.kind, exposure: exposureOf(timed, custody, limitsAt, asOf) }
}

function versionsUsed(versions: readonly Policy[], places: readonly TracedPlace[]): number[] {
  const first = places[0]
  const last = places.at(-1)
  if (!first || !last) return []
  const oldest = inForce(versions, first.from)
  return versions
    .filter((version) => version === oldest || (version.from > first.from && version.from < last.to))
    .map(({ version }) => version)
}

function sum(places: readonly TracedPlace[], unseenMs: number): Trace['total'] {
  const least = (values: (number | null)[]) => {
    const known = values.filter((value) => value !== null)
    return known.length > 0 ? Math.min(...known) : null
  }
  const total = (pick: (place: TracedPlace) => number) => places.reduce((ms, place) => ms + pick(place), 0)
  const warmest = least(places.map(({ exposure }) => (exposure.warmest === null ? null : -exposure.warmest)))
  return {
    inRangeMs: total(({ exposure }) => exposure.inRangeMs),
    belowMs: total(({ exposure }) => exposure.belowMs),
    aboveMs: total(({ exposure }) => exposure.aboveMs),
    unverifiedMs: unseenMs + total(({ exposure }) => exposure.unverifiedMs),
    uncontrolledMs: total(({ uncontrolledMs }) => uncontrolledMs),
    coldest: least(places.map(({ exposure }) => exposure.coldest)),
    warmest: warmest === null ? null : -warmest,
  }
}
