import type { Component, Jurisdiction, Phase } from '../../schema/vocabulary.ts'
import type { Summary } from '../domain/calm.ts'
import type { ClockFact } from '../domain/clock.ts'
import type { Span } from '../domain/exposure.ts'
import { type ClockFault, clockFaultsOf } from './clocks.ts'
import type { Database, Transaction } from './database.ts'
import { type Device, findDevice, type Probe, probesOf } from './devices.ts'
import { ever } from './ledger-due.ts'
import { type Policy, type PolicyBook, policyVersions } from './policies.ts'
import { probeFaultsBetween } from './probe-faults.ts'
import { readingJustAfter, readingsBetween, readingsJustBefore, type TracedReading } from './readings.ts'
import { type Asked, summariesOf } from './summaries.ts'

/**
 * What bags have in common that are traced together: what their devices told, and their policies. Each is read once, as
 * of when it is first asked for, and never again: who keeps these for long judges by what is over.
 */
export type DeviceReads = {
  device(db: Readable, name: string): Promise<TracedDevice>
  probes(db: Readable, deviceId: number): Promise<readonly HeardProbe[]>
  faults(db: Readable, deviceId: number): Promise<readonly ClockFault[]>
  /** When a probe is not to be believed; what lasts, lasts for ever. */
  doubts(db: Readable, probeId: number): Promise<readonly Span[]>
  around(db: Readable, probeId: number, facts: readonly ClockFact[], span: Span): Promise<Around>
  policies(
    db: Readable,
    jurisdiction: Jurisdiction,
    component: Component,
    phase: Phase,
  ): Promise<readonly Policy[]>
  /** What else is a matter of these alone. */
  once<T>(key: string, read: () => Promise<T>): Promise<T>
  /** What was read otherwise need not be read again; what is known already stays as it is. */
  know(devices: readonly KnownDevice[], policies: PolicyBook | null): void
  /**
   * What probes told in spans, in short, where that is worth asking: who reads for one bag alone need not look at most of
   * its readings. Null where many bags share them, which costs them less.
   */
  readonly summaries: ((db: Readable, asked: readonly Asked[]) => Promise<readonly Summary[]>) | null
}

/** What a trace needs to know of a device. */
export type TracedDevice = Pick<Device, 'id' | 'name' | 'kind' | 'profiles' | 'placements' | 'clockFacts'>

/** A probe that has reported. */
export type HeardProbe = Probe & { readonly firstAt: number }

/** All of it that is asked for here but what its probes told. */
export type KnownDevice = TracedDevice & {
  readonly clockFaults: readonly ClockFault[]
  readonly probes: readonly (HeardProbe & {
    readonly faults: readonly (Pick<Span, 'from'> & { readonly to: number | null })[]
  })[]
}

/** The ruling readings of a span of event time, the last before it, all that share their instant, and the first after. */
export type Around = {
  readonly before: readonly TracedReading[]
  readonly during: readonly TracedReading[]
  readonly after: TracedReading | null
}

type Readable = Database | Transaction

/** Readings of a probe with event time in [from, to), in order, and what was found beyond them, once it was looked for. */
type Window = Span & {
  readonly readings: readonly TracedReading[]
  before?: readonly TracedReading[]
  after?: TracedReading | null
}

/** For one bag that is traced by itself. */
export function createLoneReads(): DeviceReads {
  return { ...createDeviceReads(), summaries: summariesOf }
}

/** @param marginMs so much more is read on both sides of what is asked for: another bag may have been there longer */
export function createDeviceReads(marginMs = 0): DeviceReads {
  const known = new Map<string, unknown>()
  const windows = new Map<number, Window>()
  let book: PolicyBook | null = null

  async function once<T>(key: string, read: () => Promise<T>): Promise<T> {
    if (known.has(key)) return known.get(key) as T
    const told = await read()
    known.set(key, told)
    return told
  }

  async function windowOf(
    db: Readable,
    probeId: number,
    facts: readonly ClockFact[],
    { from, to }: Span,
  ): Promise<Window> {
    const standing = windows.get(probeId)
    if (standing && standing.from <= from && standing.to >= to) return standing
    const read = (start: number, end: number) =>
      start < end ? readingsBetween(db, probeId, facts, start, end) : []
    const wanted = {
      from: Math.min(from - marginMs, standing?.from ?? from),
      to: Math.max(to + marginMs, standing?.to ?? to),
    }
    const readings = standing
      ? [
          ...(await read(wanted.from, standing.from)),
          ...standing.readings,
          ...(await read(standing.to, wanted.to)),
        ]
      : await read(wanted.from, wanted.to)
    const window = { ...wanted, readings }
    windows.set(probeId, window)
    return window
  }

  return {
    once,
    device: (db, name) => once(`device ${name}`, () => findDevice(db, name)),
    probes: (db, deviceId) => once(`probes ${deviceId}`, () => probesOf(db, deviceId)),
    faults: (db, deviceId) => once(`faults ${deviceId}`, () => clockFaultsOf(db, deviceId)),
    doubts: (db, probeId) =>
      once(`doubts ${probeId}`, async () =>
        (await probeFaultsBetween(db, probeId, ever.from, ever.to)).map(lasting),
      ),
    know(devices, policies) {
      book ??= policies
      const learn = (key: string, told: unknown) => {
        if (!known.has(key)) known.set(key, told)
      }
      for (const one of devices) {
        learn(`device ${one.name}`, one)
        learn(`probes ${one.id}`, one.probes)
        learn(`faults ${one.id}`, one.clockFaults)
        for (const { id, faults } of one.probes) learn(`doubts ${id}`, faults.map(lasting))
      }
    },
    summaries: null,
    policies: (db, ...names) =>
      once(`policy ${names.join()}`, async () => book?.(...names) ?? policyVersions(db, ...names)),
    async around(db, probeId, facts, span) {
      const window = await windowOf(db, probeId, facts, span)
      const { readings } = window
      const [first, end] = [firstFrom(readings, span.from), firstFrom(readings, span.to)]
      if (first === 0) window.before ??= await readingsJustBefore(db, probeId, facts, window.from)
      if (end === readings.length && window.after === undefined)
        window.after = await readingJustAfter(db, probeId, facts, window.to)
      const at = readings[first - 1]?.at
      return {
        before: at === undefined ? (window.before ?? []) : readings.slice(firstFrom(readings, at), first),
        during: readings.slice(first, end),
        after: readings[end] ?? window.after ?? null,
      }
    },
  }
}

function lasting({ from, to }: { readonly from: number; readonly to: number | null }): Span {
  return { from, to: to ?? ever.to }
}

/** The index of the first reading at or after an instant. */
function firstFrom(readings: readonly TracedReading[], at: number): number {
  let [low, high] = [0, readings.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((readings[middle] as TracedReading).at < at) low = middle + 1
    else high = middle
  }
  return low
}
