import type { ProbeKind } from '../../schema/vocabulary.ts'
import { calmExposure, mayBeCalm, type Summary, type Terms } from '../domain/calm.ts'
import { inForce } from '../domain/effective.ts'
import {
  accountOf,
  type Exposure,
  nothing,
  type Span,
  type Stretch,
  speakersFor,
  sumOf,
  unspoken,
} from '../domain/exposure.ts'
import type { Limits } from '../domain/series.ts'
import { isTimeVerified } from '../stores/clocks.ts'
import type { Database, Transaction } from '../stores/database.ts'
import type { DeviceReads, HeardProbe, TracedDevice } from '../stores/device-reads.ts'
import type { Policy } from '../stores/policies.ts'

/** What probes say of a part of a custody, and which of them says what. */
type Told = {
  readonly exposure: Exposure
  readonly stretches: readonly (Stretch & { readonly by: ProbeKind | null })[]
}

/** A part of a bag's custody in a device, and the policy it is judged by. */
export type Inside = {
  readonly device: string
  readonly custody: Span
  readonly versions: readonly Policy[]
}

/** What probes told in spans that are to be asked of, in short, as far as that may be enough. */
export type Summaries = ReadonlyMap<string, Summary>

type Deps = { readonly db: Database | Transaction; readonly reads: DeviceReads }

/** Read together what may be enough to know of these: a bag was calm nearly everywhere, and its readings are thousands. */
export async function summariesFor({ db, reads }: Deps, asked: readonly Inside[]): Promise<Summaries> {
  if (!reads.summaries) return new Map()
  const spans = new Map<string, Span & { readonly probeId: number }>()
  for (const { device: name, custody, versions } of asked) {
    const device = await reads.device(db, name)
    for (const { probe, ...span } of await speakersOf({ db, reads }, device, custody)) {
      const terms = probe && (await termsOf({ db, reads }, device, probe, versions))
      if (terms && mayBeCalm(span, terms)) spans.set(keyOf(probe, span), { ...span, probeId: probe.id })
    }
  }
  const told = await reads.summaries(db, [...spans.values()])
  return new Map([...spans.keys()].map((key, index) => [key, told[index] as Summary]))
}

/** The exposure of a bag inside a device, up to `asOf` at most, and the probe that spoke for it in the end. */
export async function exposureInside(
  deps: Deps & { readonly summaries: Summaries },
  { device: name, custody, versions }: Inside,
  asOf: number,
): Promise<Told & { readonly probe: ProbeKind | null }> {
  const device = await deps.reads.device(deps.db, name)
  const parts = await speakersOf(deps, device, custody)
  const told: Told[] = []
  for (const { probe, from, to } of parts)
    if (probe) told.push(await exposureBy(deps, device, probe, { from, to }, versions, asOf))
    else {
      const stretches = from < to ? [{ ...unspoken(from, to), by: null }] : []
      told.push({ exposure: { ...nothing, unverifiedMs: to - from }, stretches })
    }
  return {
    probe: parts.at(-1)?.probe?.kind ?? null,
    exposure: sumOf(told.map(({ exposure }) => exposure)),
    stretches: told.flatMap(({ stretches }) => stretches),
  }
}

async function speakersOf({ db, reads }: Deps, device: TracedDevice, custody: Span) {
  const probes = await reads.probes(db, device.id)
  const [load, air] = (['load', 'air'] as const).map((kind) => probes.find((probe) => probe.kind === kind))
  return speakersFor(load, air, custody)
}

function keyOf({ id }: HeardProbe, { from, to }: Span): string {
  return `${id}/${from}/${to}`
}

/** By what a summary may be judged; null where a clock has a say in when its readings were. */
async function termsOf(
  { db, reads }: Deps,
  { id, profiles, clockFacts }: TracedDevice,
  probe: HeardProbe,
  versions: readonly Policy[],
): Promise<Terms | null> {
  const faults = await reads.faults(db, id)
  if (clockFacts.length > 0 || faults.some(({ settled }) => !settled)) return null
  return { profiles, versions, doubts: await reads.doubts(db, probe.id) }
}

async function exposureBy(
  { db, reads, summaries }: Deps & { readonly summaries: Summaries },
  device: TracedDevice,
  probe: HeardProbe,
  custody: Span,
  versions: readonly Policy[],
  asOf: number,
): Promise<Told> {
  const summary = summaries.get(keyOf(probe, custody))
  const terms = summary && (await termsOf({ db, reads }, device, probe, versions))
  const calm = terms && calmExposure(summary, custody, terms, asOf)
  if (calm) return { exposure: calm, stretches: [] }
  const { before, during, after } = await reads.around(db, probe.id, device.clockFacts, custody)
  const readings = after && after.at <= asOf ? [...before, ...during, after] : [...before, ...during]
  const faults = await reads.faults(db, device.id)
  const doubts = await reads.doubts(db, probe.id)
  const timed = readings.map((reading) => ({
    ...reading,
    timeVerified: isTimeVerified(faults, reading.boot, reading.seq),
  }))
  const limitsAt = (at: number): Limits => {
    const { low, high, maxSilenceMs } = inForce(versions, at)
    return { low, high, maxSilenceMs: Math.min(maxSilenceMs, inForce(device.profiles, at).maxSilenceMs) }
  }
  const { exposure, stretches } = accountOf(timed, custody, limitsAt, asOf, doubts)
  return { exposure, stretches: stretches.map((stretch) => ({ ...stretch, by: probe.kind })) }
}
