import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { phaseIn } from '../../domain/exposure.ts'
import type { Database } from '../../stores/database.ts'
import type { Device } from '../../stores/devices.ts'
import { listPolicies, type Policy } from '../../stores/policies.ts'

type Band = { readonly low: number; readonly high: number; readonly silenceMs: number }

/** Which readings may matter to a bag, though not to the device it is in. */
export type Bands = {
  /** Read the policies, unless they were read of late. */
  refresh(now: number): Promise<void>
  /** Is this outside the limits of anything that may be kept there? */
  isOutside(device: Device, centi: number): boolean
  /** No silence shorter than this leaves anything there unspoken for, ms. */
  silenceMs(device: Device): number
}

/** What was approved since is noticed so much later at most: all it speaks of is judged once it is in force, ms. */
export const bandsHoldMs = 30_000

/**
 * Bags are judged by their own policies, whose limits may be narrower than those their device goes by. What is kept in a
 * device is what its limits have something in common with.
 */
export function createBands(db: Database): Bands {
  let policies: readonly Policy[] = []
  let readAt = Number.NEGATIVE_INFINITY
  let bands = new WeakMap<Device, Band>()

  function bandOf(device: Device): Band {
    const known = bands.get(device)
    if (known) return known
    const phase = phaseIn(device.kind)
    const own = device.profiles.reduce(
      (widest, { low, high }) => ({ low: Math.min(widest.low, low), high: Math.max(widest.high, high) }),
      { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY },
    )
    const all = [
      ...policies.filter(
        (policy) => policy.phase === phase && policy.low < own.high && own.low < policy.high,
      ),
      ...device.profiles,
    ]
    const silences = [...policies, ...device.profiles].map(({ maxSilenceMs }) => maxSilenceMs)
    const band = {
      low: Math.max(...all.map(({ low }) => low)),
      high: Math.min(...all.map(({ high }) => high)),
      silenceMs: Math.min(...silences),
    }
    bands.set(device, band)
    return band
  }

  return {
    async refresh(now) {
      if (now - readAt < bandsHoldMs) return
      policies = await listPolicies(db)
      bands = new WeakMap()
      // Only now: what could not be read is read again before the next batch.
      readAt = now
    },
    isOutside(device, centi) {
      const { low, high } = bandOf(device)
      return centi < low || centi > high
    },
    silenceMs: (device) => bandOf(device).silenceMs,
  }
}

/** Does this probe speak for bags: that at their load, and that in the air where there is none? */
export function speaksForBags(kind: ProbeKind, probes: ReadonlyMap<ProbeKind, number>): boolean {
  return kind === 'load' || (kind === 'air' && !probes.has('load'))
}
