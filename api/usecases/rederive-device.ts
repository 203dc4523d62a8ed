import { inForce } from '../domain/effective.ts'
import type { SeriesState } from '../domain/series.ts'
import type { Transaction } from '../stores/database.ts'
import { lockProbeStates, saveFindings, saveProbeStates } from '../stores/derived.ts'
import { type Device, lockProbes, type Probe } from '../stores/devices.ts'
import { rederive } from './ingest/rederive.ts'
import { StaleMemory } from './ingest/taken.ts'

/**
 * Derive the probes of a device again where a decision touches them. Every other writer who derived from the state
 * before it finds that state moved and reads the decision.
 *
 * @param device as decided now
 * @param touched the event times a probe's readings may change at, or null where none can
 */
export async function rederiveDevice(
  tx: Transaction,
  device: Device,
  touched: (probe: Probe, state: SeriesState) => Promise<{ from: number; to: number } | null>,
  now: number,
): Promise<void> {
  const probes = await lockProbes(tx, device.id)
  const states = await lockProbeStates(
    tx,
    probes.map(({ id }) => id),
  )
  for (const probe of probes) {
    const before = states.get(probe.id)
    if (!before?.state) continue
    const range = await touched(probe, before.state)
    if (!range) continue
    const derivable = {
      probeId: probe.id,
      facts: device.clockFacts,
      limitsAt: (at: number) => inForce(device.profiles, at),
    }
    const { state, change } = await rederive(tx, derivable, before.state, range)
    if (!state) continue
    const write = { probeId: probe.id, version: before.version, state, receivedAt: 0 }
    if (!(await saveProbeStates(tx, [write]))) throw new StaleMemory('a probe moved while it was locked')
    await saveFindings(tx, [change], now)
  }
}
