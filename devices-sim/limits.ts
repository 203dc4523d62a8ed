import type { ConfigureBody } from '../schema/messages.ts'
import type { ProbeKind } from '../schema/vocabulary.ts'
import type { Measurement } from './container.ts'

/** What a device watches by itself, with what it was told to keep. */
export type Watch = {
  /** What it keeps; null where it was never told. */
  limits(): ConfigureBody | null
  keep(limits: ConfigureBody): void
  /** Look at what the probes show at a moment, ms. True: it begins to sound. */
  look(measured: readonly Measurement[], at: number): boolean
  isSounding(): boolean
}

/** A device that was told nothing sounds for nothing. One that sounds goes on until every probe is well again. */
export function createWatch(): Watch {
  let limits: ConfigureBody | null = null
  let isSounding = false
  const outSince = new Map<ProbeKind, number>()
  const seenAt = new Map<ProbeKind, number>()

  function isAlarming(probe: ProbeKind, kept: ConfigureBody, at: number): boolean {
    const since = outSince.get(probe)
    const delayMs = probe === 'load' ? kept.loadMs : kept.airMs
    const isOut = since !== undefined && at - since >= delayMs
    return isOut || at - (seenAt.get(probe) ?? at) > kept.maxSilenceMs
  }

  return {
    limits: () => limits,
    keep(told) {
      limits = told
      outSince.clear()
    },
    look(measured, at) {
      if (!limits) return false
      for (const { probe, celsius } of measured) {
        if (probe === 'ambient') continue
        const [low, high] = probe === 'load' ? [limits.low, limits.high] : [limits.airLow, limits.airHigh]
        seenAt.set(probe, at)
        if (celsius >= low && celsius <= high) outSince.delete(probe)
        else if (!outSince.has(probe)) outSince.set(probe, at)
      }
      const kept = limits
      const sounded = isSounding
      isSounding = [...seenAt.keys()].some((probe) => isAlarming(probe, kept, at))
      return isSounding && !sounded
    },
    isSounding: () => isSounding,
  }
}
