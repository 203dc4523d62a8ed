import type { ProbeKind } from '../schema/vocabulary.ts'
import { atRest, type HeatParams, step } from './heat.ts'
import type { Happening } from './outbox.ts'
import type { Random } from './random.ts'
import { createSensor, type SensorParams } from './sensor.ts'

export type ContainerOptions = {
  readonly random: Random
  readonly heat: HeatParams
  readonly probes?: readonly ProbeKind[]
  readonly sensor?: SensorParams
  readonly door?: string
  /** Tags of the bags inside at the beginning. */
  readonly tags?: readonly string[]
  /** How often somebody opens the door to take or to put a bag; each time for 8 to 40 s. */
  readonly visitsPerHour?: number
  /** Whether a bag moves only by `closeDoor`, and none by the chance of a visit. */
  readonly attended?: boolean
  /** The room's mean in °C, and how far a day swings to either side of it. */
  readonly ambient?: { readonly celsius: number; readonly swing: number }
}

export type Measurement = { readonly probe: ProbeKind; readonly celsius: number }

/** Tags of bags that changed place; `warm` of those added came at the room's temperature. */
export type Moved = {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly warm: number
}

/** A container of blood and the people about it, in a time of its own: ms since it was set up. */
export type Container = {
  worldMs(): number
  /** Live on until `worldMs`; what happens is stamped by `stamp` from the world's time to the device's. */
  advance(worldMs: number, stamp: (worldMs: number) => number): Happening[]
  /** What the probes show now; a silent one is missing. */
  measure(): Measurement[]
  /** What a device tells when it is switched on: mains, door, and every tag it finds. */
  report(at: number): Happening[]
  inventory(at: number): Happening
  /** Whether those who open it are somebody's to tell: it is unlocked for them, and nobody visits of themselves. */
  readonly isAttended: boolean
  /** Somebody opens the door, in the session given, and closes it soon. */
  visit(session: string): void
  /** Somebody stands before it, opens it, and closes it when bags were taken out and put in. */
  openDoor(session: string, at: number): Happening[]
  closeDoor(session: string, at: number, moved: Moved): Happening[]
  leaveDoorOpen(forMs: number): void
  loseMains(forMs: number): void
  stopCompressor(forMs: number): void
  silence(probe: ProbeKind, forMs: number): void
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** A battery that is full lasts a day. */
const batteryMs = dayMs
const longestStepMs = 60_000

export function createContainer(options: ContainerOptions): Container {
  const { random, heat: params, probes = ['air', 'load'], sensor, door = 'main' } = options
  const { visitsPerHour = 0, attended = false, ambient = { celsius: 22, swing: 2 } } = options
  const people = random.fork('people')
  const sensors = new Map(probes.map((probe) => [probe, createSensor(random.fork(probe), sensor)]))
  const inside = new Set(options.tags ?? [])
  const outside: string[] = []
  const phase = random.fork('ambient').between(0, 2 * Math.PI)

  let now = 0
  let heat = atRest(params, room())
  let doorOpen = false
  let keptOpenUntil = 0
  let warmBags = 0
  let mainsBackAt = 0
  let compressorBackAt = 0
  let battery = 1
  let powerTold = power()
  const silentUntil = new Map<ProbeKind, number>()
  const agenda: { readonly at: number; readonly act: (stamp: (worldMs: number) => number) => Happening[] }[] =
    []

  function plan(at: number, act: (stamp: (worldMs: number) => number) => Happening[]): void {
    agenda.push({ at, act })
    agenda.sort((a, b) => a.at - b.at)
  }

  function room(): number {
    return ambient.celsius + ambient.swing * Math.sin(phase + (2 * Math.PI * now) / dayMs)
  }

  function mains(): boolean {
    return now >= mainsBackAt
  }

  function power() {
    return { mains: mains(), compressorOn: heat.compressorOn }
  }

  function open(session: string, forMs: number): void {
    plan(now, (stamp) => {
      if (doorOpen) return []
      doorOpen = true
      plan(now + forMs, close(session))
      return [{ channel: 'door', element: { at: stamp(now), door, open: true, session } }]
    })
  }

  function close(session: string): (stamp: (worldMs: number) => number) => Happening[] {
    return (stamp) => {
      if (now < keptOpenUntil) {
        plan(keptOpenUntil, close(session))
        return []
      }
      if (!doorOpen) return []
      doorOpen = false
      const at = stamp(now)
      const moved = attended ? null : moveBag()
      const shut: Happening = { channel: 'door', element: { at, door, open: false, session } }
      return moved ? [shut, { channel: 'bags', element: { at, ...moved, session } }] : [shut]
    }
  }

  /** One visit in three changes nothing. */
  function moveBag(): { added: string[]; removed: string[] } | null {
    const wish = people.whole(0, 2)
    const [taken] = inside
    if (wish === 1 && taken !== undefined) {
      inside.delete(taken)
      outside.push(taken)
      return { added: [], removed: [taken] }
    }
    const returned = wish === 2 ? outside.shift() : undefined
    if (returned === undefined) return null
    inside.add(returned)
    warmBags += 1
    return { added: [returned], removed: [] }
  }

  function planVisits(): void {
    if (visitsPerHour <= 0) return
    plan(now + people.waitMs(visitsPerHour / hourMs), () => {
      open(people.id(), people.between(8_000, 40_000))
      planVisits()
      return []
    })
  }

  function live(untilMs: number): void {
    const spanMs = untilMs - now
    const cools = mains() && now >= compressorBackAt
    heat = step(heat, params, { ambient: room(), mains: cools, doorOpen, warmBags }, spanMs)
    warmBags = 0
    battery = mains() ? 1 : Math.max(0, battery - spanMs / batteryMs)
    now = untilMs
  }

  function tellPower(at: number): Happening {
    powerTold = power()
    return {
      channel: 'power',
      element: { at, ...powerTold, batteryPercent: Math.round(100 * battery) },
    }
  }

  function inventory(at: number): Happening {
    return { channel: 'bags', element: { at, inventory: [...inside] } }
  }

  planVisits()
  return {
    worldMs: () => now,
    isAttended: attended,
    advance(untilMs, stamp) {
      const happenings: Happening[] = []
      for (;;) {
        while (agenda[0] && agenda[0].at <= now) happenings.push(...(agenda.shift()?.act(stamp) ?? []))
        const { mains, compressorOn } = power()
        if (mains !== powerTold.mains || compressorOn !== powerTold.compressorOn) {
          happenings.push(tellPower(stamp(now)))
        }
        if (now >= untilMs) return happenings
        live(Math.min(untilMs, now + longestStepMs, agenda[0]?.at ?? untilMs))
      }
    },
    measure() {
      const truth = { air: heat.air, load: heat.load, ambient: room() }
      return [...sensors]
        .filter(([probe]) => now >= (silentUntil.get(probe) ?? 0))
        .map(([probe, sense]) => ({ probe, celsius: sense(truth[probe]) }))
    },
    report: (at) => [
      tellPower(at),
      { channel: 'door', element: { at, door, open: doorOpen } },
      inventory(at),
    ],
    inventory,
    visit: (session) => open(session, people.between(8_000, 40_000)),
    openDoor(session, at) {
      if (doorOpen) return []
      doorOpen = true
      return [{ channel: 'door', element: { at, door, open: true, session } }]
    },
    closeDoor(session, at, { added, removed, warm }) {
      for (const tag of removed) inside.delete(tag)
      for (const tag of added) inside.add(tag)
      warmBags += warm
      const told: Happening[] = []
      if (doorOpen) told.push({ channel: 'door', element: { at, door, open: false, session } })
      doorOpen = false
      const delta = { at, added: [...added], removed: [...removed], session }
      if (added.length + removed.length > 0) told.push({ channel: 'bags', element: delta })
      return told
    },
    leaveDoorOpen(forMs) {
      keptOpenUntil = now + forMs
      open(people.id(), forMs)
    },
    loseMains(forMs) {
      mainsBackAt = now + forMs
      heat = { ...heat, compressorOn: false }
      plan(mainsBackAt, () => [])
    },
    stopCompressor(forMs) {
      compressorBackAt = now + forMs
      heat = { ...heat, compressorOn: false }
      plan(compressorBackAt, () => [])
    },
    silence: (probe, forMs) => void silentUntil.set(probe, now + forMs),
  }
}
