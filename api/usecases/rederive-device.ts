import { offsetOf } from '../domain/clock.ts'
import { inForce } from '../domain/effective.ts'
import { type LimitsAt, type SeriesState, settle } from '../domain/series.ts'
import type { Transaction } from '../stores/database.ts'
import { lockProbeStates, saveFindings, saveProbeStates } from '../stores/derived.ts'
import { refoldDeviceState } from '../stores/device-states.ts'
import { type Device, lockProbes, type Probe } from '../stores/devices.ts'
import { dueForDevices, ever } from '../stores/ledger-due.ts'
import { insertOutbox } from '../stores/outbox.ts'
import { contradictionsOf, insertConflicts, replaceReading, type StoredReading } from '../stores/readings.ts'
import { rederive } from './ingest/rederive.ts'
import { StaleMemory } from './ingest/taken.ts'
import { tellFindings } from './ingest/tell-findings.ts'

type Range = { readonly from: number; readonly to: number }

/**
 * Derive the probes of a device again where a decision touches them, or where by it another of the values told for one
 * reading rules. Every other writer who derived from the state
 * before it finds that state moved and reads the decision.
 *
 * @param device as decided now
 * @param forward whether telemetry is kept elsewhere, and goes there by the outbox
 * @param touched the event times a probe's readings may change at, or null where none can
 */
export async function rederiveDevice(
  tx: Transaction,
  device: Device,
  touched: (probe: Probe, state: SeriesState) => Promise<Range | null>,
  now: number,
  forward: boolean,
): Promise<void> {
  const probes = await lockProbes(tx, device.id)
  const states = await lockProbeStates(
    tx,
    probes.map(({ id }) => id),
  )
  for (const probe of probes) {
    const before = states.get(probe.id)
    if (!before?.state) continue
    const limitsAt: LimitsAt = (at) => inForce(device.profiles, at)
    const moved = await touched(probe, before.state)
    const swapped = await settleAgain(tx, device, probe.id, limitsAt)
    if (forward) await insertOutbox(tx, swapped.ruling, now)
    const range = union(moved, swapped.range)
    if (!range) continue
    const derivable = { probeId: probe.id, device, limitsAt }
    const { state, change } = await rederive(tx, derivable, before.state, range, now)
    if (!state) continue
    const write = { probeId: probe.id, version: before.version, state, receivedAt: 0 }
    if (!(await saveProbeStates(tx, [write]))) throw new StaleMemory('a probe moved while it was locked')
    await saveFindings(tx, [change], now)
    await tellFindings(tx, [{ device, probe: probe.kind, change }], now)
  }
  await dueForDevices(tx, [{ deviceId: device.id, ...ever }], now)
  if (device.clockFacts.length > 0) await refoldDeviceState(tx, device.id)
}

/**
 * Settle again where a probe contradicted itself: which value rules hangs on the limits at its event time, and the
 * decision may have moved either.
 *
 * @returns the values that rule instead of others, and every event time at which those or these have stood or stand now;
 * null where none was swapped
 */
async function settleAgain(
  tx: Transaction,
  { clockFacts }: Device,
  probeId: number,
  limitsAt: LimitsAt,
): Promise<{ readonly range: Range | null; readonly ruling: readonly StoredReading[] }> {
  const offsets = [0, ...clockFacts.map(({ offsetMs }) => offsetMs)]
  let range: Range | null = null
  const rulings: StoredReading[] = []
  for (const { boot, ruling: stood, overruled } of await contradictionsOf(tx, probeId)) {
    const receivedAt = Math.max(...overruled.map((row) => row.receivedAt))
    const claims = [{ ...stood, receivedAt }, ...overruled].map((row) => ({
      at: row.at + offsetOf(clockFacts, boot, row.seq),
      seq: row.seq,
      centi: row.centi,
      row,
    }))
    const { ruling } = settle(claims, limitsAt)
    if (ruling.centi === stood.centi) continue
    await replaceReading(tx, ruling.row)
    rulings.push(ruling.row)
    await insertConflicts(tx, [{ ...stood, receivedAt }])
    range = union(range, {
      from: stood.at + Math.min(...offsets),
      to: stood.at + Math.max(...offsets),
    })
  }
  return { range, ruling: rulings }
}

function union(a: Range | null, b: Range | null): Range | null {
  if (!a || !b) return a ?? b
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }
}
