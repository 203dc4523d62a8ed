import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { type Boot, ensureBoots } from '../../stores/clocks.ts'
import type { Database } from '../../stores/database.ts'
import type { ProbeState } from '../../stores/derived.ts'
import { type Device, ensureProbes, lookUpDevices } from '../../stores/devices.ts'
import { type Bands, createBands } from './bands.ts'

/** A device and what it has been heard to speak of. */
export type Known = {
  readonly device: Device
  readonly boots: Map<string, Boot>
  readonly probes: Map<ProbeKind, number>
}

/** What a message speaks of. */
export type Spoken = { readonly boot: string; readonly readings: readonly { readonly probe: ProbeKind }[] }

/** Are the boot and the probes a message speaks of known? */
export function hasMet({ boots, probes }: Known, { boot, readings }: Spoken): boolean {
  if (!boots.has(boot)) return false
  for (const { probe } of readings) if (!probes.has(probe)) return false
  return true
}

/**
 * What one process remembers between commits so that a reading in order costs no read. None of it is truth: probe
 * states are written under a version guard and forgotten when it fails, and a device is forgotten when it changes.
 */
export type Memory = {
  /** What is remembered of a device, without asking the database. */
  recall(name: string): Known | undefined
  /** What is remembered of a device, or else what the database knows; null where there is no such device. */
  learn(name: string): Promise<Known | null>
  /** Make sure the boots and the probes messages speak of are known, and written down where they are new. */
  meet(spoken: readonly { readonly by: Known; readonly of: Spoken }[]): Promise<void>
  /** Probe id to the state last written; absent where it must be read. */
  readonly states: Map<number, ProbeState>
  readonly bands: Bands
  /** Forget a device and everything derived for it. */
  forget(name: string): void
  forgetAll(): void
}

export function createMemory(db: Database): Memory {
  const devices = new Map<string, Known>()
  const lookUp = together((names: readonly string[]) => lookUpDevices(db, names))
  const states = new Map<number, ProbeState>()
  /** Counts what was forgotten: a look-up that was under way meanwhile may have read what no longer holds. */
  let forgotten = 0

  return {
    states,
    bands: createBands(db),
    recall: (name) => devices.get(name),
    async learn(name) {
      for (;;) {
        const remembered = devices.get(name)
        if (remembered) return remembered
        const before = forgotten
        const device = await lookUp(name)
        if (before !== forgotten) continue
        if (!device) return null
        // Whoever asked for it as well may have been first.
        if (!devices.has(name)) devices.set(name, { device, boots: new Map(), probes: new Map() })
      }
    },
    async meet(spoken) {
      const byId = new Map<number, Known>()
      const boots = new Map<string, { deviceId: number; boot: string }>()
      const probes = new Map<string, { deviceId: number; kind: ProbeKind }>()
      for (const { by, of } of spoken) {
        const deviceId = by.device.id
        byId.set(deviceId, by)
        if (!by.boots.has(of.boot)) boots.set(`${deviceId}/${of.boot}`, { deviceId, boot: of.boot })
        for (const { probe: kind } of of.readings)
          if (!by.probes.has(kind)) probes.set(`${deviceId}/${kind}`, { deviceId, kind })
      }
      for (const { boots: theirs } of byId.values()) letGo(theirs, spoken)
      for (const { deviceId, ...boot } of await ensureBoots(db, [...boots.values()]))
        byId.get(deviceId)?.boots.set(boot.boot, boot)
      for (const { deviceId, kind, id } of await ensureProbes(db, [...probes.values()]))
        byId.get(deviceId)?.probes.set(kind, id)
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

/** A device speaks of its boot of now and of those its backlog is from; more than these are read again. */
const mostBoots = 64

/** Let go of the boots met longest ago that nobody speaks of now. */
function letGo(boots: Map<string, Boot>, spoken: readonly { readonly of: Spoken }[]): void {
  if (boots.size <= mostBoots) return
  const needed = new Set(spoken.map(({ of }) => of.boot))
  for (const name of [...boots.keys()].slice(0, boots.size - mostBoots))
    if (!needed.has(name)) boots.delete(name)
}

/**
 * Ask for many at once: what is asked for while one question is under way is the next question. When a whole city
 * comes back at once, its fridges are not asked for one by one.
 */
function together<T>(
  find: (names: readonly string[]) => Promise<Map<string, T>>,
): (name: string) => Promise<T | undefined> {
  type Asked = { readonly name: string; resolve(found: T | undefined): void; reject(error: unknown): void }
  let waiting: Asked[] = []
  let isAsking = false

  async function ask(): Promise<void> {
    if (isAsking) return
    isAsking = true
    while (waiting.length > 0) {
      const asked = waiting
      waiting = []
      try {
        const found = await find([...new Set(asked.map(({ name }) => name))])
        for (const { name, resolve } of asked) resolve(found.get(name))
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    isAsking = false
  }

  return (name) =>
    new Promise((resolve, reject) => {
      waiting.push({ name, resolve, reject })
      void ask()
    })
}
