import type { ProbeKind } from '../../schema/vocabulary.ts'
import { inForce } from '../domain/effective.ts'
import type { Facts } from '../domain/thermal/facts.ts'
import { openingsOf } from '../domain/thermal/openings.ts'
import { type Sample, thinned } from '../domain/thermal/sample.ts'
import type { Database } from '../stores/database.ts'
import { doorsBetween, powerBetween } from '../stores/device-events.ts'
import { type Device, probesOf } from '../stores/devices.ts'
import { readingsBetween } from '../stores/readings.ts'

/** No rule looks closer than this, ms. */
const slotMs = 10_000

/** What a device's probes told in so long up to `at`, by event time. */
export async function samplesOf(
  db: Database,
  device: Pick<Device, 'id' | 'clockFacts'>,
  at: number,
  lookbackMs: number,
): Promise<Readonly<Partial<Record<ProbeKind, readonly Sample[]>>>> {
  const samples: Partial<Record<ProbeKind, readonly Sample[]>> = {}
  for (const { id, kind } of await probesOf(db, device.id)) {
    const readings = await readingsBetween(db, id, device.clockFacts, at - lookbackMs, at + 1)
    samples[kind] = thinned(readings, slotMs)
  }
  return samples
}

/** All that is known of a container at `at` and so long before. A box lives without mains: of its power nothing counts. */
export async function thermalFacts(
  db: Database,
  device: Device,
  at: number,
  lookbackMs: number,
): Promise<Facts> {
  const from = at - lookbackMs
  const readings = await samplesOf(db, device, at, lookbackMs)
  const doors = await doorsBetween(db, device, from, at)
  const power = device.kind === 'box' ? [] : await powerBetween(db, device, from, at)
  return {
    at,
    readings,
    doors: doors && openingsOf(doors),
    power: power.map(({ at, mains, compressorOn, batteryPercent }) => {
      return { at, mains, compressorOn: compressorOn ?? null, batteryPercent: batteryPercent ?? null }
    }),
    profile: inForce(device.profiles, at),
  }
}
