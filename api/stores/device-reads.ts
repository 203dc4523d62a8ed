import type { Component, Jurisdiction, Phase } from '../../schema/vocabulary.ts'
import type { ClockFact } from '../domain/clock.ts'
import type { Span } from '../domain/exposure.ts'
import { type ClockFault, clockFaultsOf } from './clocks.ts'
import type { Database, Transaction } from './database.ts'
import { type Device, findDevice, probesOf } from './devices.ts'
import { ever } from './ledger-due.ts'
import { type Policy, policyVersions } from './policies.ts'
import { probeFaultsBetween } from './probe-faults.ts'
import { readingJustAfter, readingsBetween, readingsJustBefore, type TracedReading } from './readings.ts'

/**
 * What bags have in common that are traced together: what their devices told, and their policies. Each is read once, as
 * of when it is first asked for, and never again: who keeps these for long judges by what is over.
 */
export type DeviceReads = {
  device(db: Readable, name: string): Promise<Device>
  probes(db: Readable, deviceId: number): ReturnType<typeof probesOf>
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

/** @param marginMs so much more is read on both sides of what is asked for: another bag may have been there longer */
export function createDeviceReads(marginMs = 0): DeviceReads {
  const known = new Map<string, unknown>()
  const windows = new Map<number, Window>()

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
        (await probeFaultsBetween(db, probeId, ever.from, ever.to)).map(({ from, to }) => ({
          from,
          to: to ?? ever.to,
        })),
      ),
    policies: (db, ...names) => once(`policy ${names.join()}`, () => policyVersions(db, ...names)),
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
