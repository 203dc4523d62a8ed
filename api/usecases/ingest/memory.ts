import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { type Boot, ensureBoot } from '../../stores/clocks.ts'
import type { Database } from '../../stores/database.ts'
import type { ProbeState } from '../../stores/derived.ts'
import { type Device, ensureProbe, lookUpDevice } from '../../stores/devices.ts'

/** A device and what it has been heard to speak of. */
export type Known = {
  readonly device: Device
  readonly boots: Map<string, Boot>
  readonly probes: Map<ProbeKind, number>
}

/** What a message speaks of. */
export type Spoken = { readonly boot: string; readonly readings: readonly { readonly probe: ProbeKind }[] }

/**
 * What one process remembers between commits so that a reading in order costs no read. None of it is truth: probe
 * states are written under a version guard and forgotten when it fails, and a device is forgotten when it changes.
 */
export type Memory = {
  /** What is remembered of a device, without asking the database. */
  recall(name: string): Known | undefined
  /** What is remembered of a device, or else what the database knows; null where there is no such device. */
  learn(name: string): Promise<Known | null>
  /** Make sure the boot and the probes a message speaks of are known, and written down if they are new. */
  meet(known: Known, spoken: Spoken): Promise<void>
  /** Probe id to the state last written; absent where it must be read. */
  readonly states: Map<number, ProbeState>
  /** Forget a device and everything derived for it. */
  forget(name: string): void
  forgetAll(): void
}

export function createMemory(db: Database): Memory {
  const devices = new Map<string, Known>()
  const states = new Map<number, ProbeState>()
  /** Counts what was forgotten: a look-up that was under way meanwhile may have read what no longer holds. */
  let forgotten = 0

  return {
    states,
    recall: (name) => devices.get(name),
    async learn(name) {
      for (;;) {
        const remembered = devices.get(name)
        if (remembered) return remembered
        const before = forgotten
        const device = await lookUpDevice(db, name)
        if (before !== forgotten) continue
        if (device) devices.set(name, { device, boots: new Map(), probes: new Map() })
        else return null
      }
    },
    async meet({ device, boots, probes }, { boot, readings }) {
      if (!boots.has(boot)) boots.set(boot, await ensureBoot(db, device.id, boot))
      for (const { probe } of readings)
        if (!probes.has(probe)) probes.set(probe, await ensureProbe(db, device.id, probe))
    },
    forget(name) {
      forgotten++
      const known = devices.get(name)
      devices.delete(name)
      for (const id of known?.probes.values() ?? []) states.delete(id)
    },
    forgetAll() {
      forgotten++
      devices.clear()
      states.clear()
    },
  }
}
