import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { type Boot, ensureBoot } from '../../stores/clocks.ts'
import type { Database } from '../../stores/database.ts'
import type { ProbeState } from '../../stores/derived.ts'
import { type Device, ensureProbe, lookUpDevice } from '../../stores/devices.ts'

/**
 * What one process remembers between commits so that a reading in order costs no read. None of it is truth: probe
 * states are written under a version guard and forgotten when it fails, and a device is forgotten when it changes.
 */
export type Memory = {
  device(name: string): Promise<Device | null>
  boot(deviceId: number, name: string): Promise<Boot>
  probe(deviceId: number, kind: ProbeKind): Promise<number>
  /** Probe id to the state last written; absent where it must be read. */
  readonly states: Map<number, ProbeState>
  setBoot(deviceId: number, boot: Boot): void
  /** Forget a device and everything derived for it. */
  forget(name: string): void
  forgetAll(): void
}

export function createMemory(db: Database): Memory {
  const devices = new Map<string, Device>()
  const boots = new Map<string, Boot>()
  const probes = new Map<string, number>()
  const states = new Map<number, ProbeState>()

  return {
    states,
    async device(name) {
      const known = devices.get(name)
      if (known) return known
      const found = await lookUpDevice(db, name)
      if (found) devices.set(name, found)
      return found
    },
    async boot(deviceId, name) {
      const key = `${deviceId}/${name}`
      const known = boots.get(key)
      if (known) return known
      const found = await ensureBoot(db, deviceId, name)
      boots.set(key, found)
      return found
    },
    async probe(deviceId, kind) {
      const key = `${deviceId}/${kind}`
      const known = probes.get(key)
      if (known !== undefined) return known
      const found = await ensureProbe(db, deviceId, kind)
      probes.set(key, found)
      return found
    },
    setBoot(deviceId, boot) {
      boots.set(`${deviceId}/${boot.boot}`, boot)
    },
    forget(name) {
      const id = devices.get(name)?.id
      devices.delete(name)
      if (id === undefined) return
      const prefix = `${id}/`
      for (const key of boots.keys()) if (key.startsWith(prefix)) boots.delete(key)
      for (const [key, probeId] of probes) if (key.startsWith(prefix)) states.delete(probeId)
    },
    forgetAll() {
      devices.clear()
      boots.clear()
      states.clear()
    },
  }
}
