import type { Fridge } from './draw-fridge.ts'

export type Span = { readonly from: number; readonly to: number }

/** All that happens to a fridge; times in seconds since the beginning. */
export type Course = {
  readonly untilS: number
  /** How far the door stands open, 1 is all the way, and how many warm bags come in with it. */
  readonly doors: readonly (Span & { readonly wide: number; readonly bags?: number })[]
  /** Shares of the cooling and of the fan's draught that are left, 1 where nothing is said. */
  readonly cooling: (s: number) => number
  readonly fan: (s: number) => number
  readonly mains: (s: number) => boolean
  /** Heat that a defrost gives to the evaporator, W; while one lasts nothing cools. */
  readonly defrosts: readonly (Span & { readonly watts: number })[]
  /** Never stops cooling from here on. */
  readonly stuckOnFrom: number
}

export const uneventful: Course = {
  untilS: 0,
  doors: [],
  cooling: () => 1,
  fan: () => 1,
  mains: () => true,
  defrosts: [],
  stuckOnFrom: Number.POSITIVE_INFINITY,
}

/** Seconds between two states. */
export const stepS = 4

/** What is true at each step. `relay` is what the controller wants of the compressor, `runs` what it does. */
export type Truth = {
  readonly air: Float32Array
  readonly load: Float32Array
  readonly ambient: Float32Array
  readonly relay: Uint8Array
  readonly runs: Uint8Array
}

export const bagJPerK = 1_700

export function simulate(fridge: Fridge, course: Course): Truth {
  const steps = Math.ceil(course.untilS / stepS)
  const truth: Truth = {
    air: new Float32Array(steps),
    load: new Float32Array(steps),
    ambient: new Float32Array(steps),
    relay: new Uint8Array(steps),
    runs: new Uint8Array(steps),
  }
  const { setpoint, band, airJPerK, evaporatorJPerK, evaporatorWPerK, wallWPerK, contentsWPerK } = fridge
  let { contentsJPerK } = fridge
  let [air, contents, load, probe] = [setpoint, setpoint, setpoint, setpoint]
  let evaporator = setpoint
  const doors = [...course.doors].sort((a, b) => a.from - b.from)
  let nextDoor = 0
  let relay = false
  let share = 0
  for (let index = 0; index < steps; index++) {
    const s = index * stepS
    const ambient = fridge.ambient + fridge.ambientSwing * Math.sin((2 * Math.PI * s) / 86_400)
    while (doors[nextDoor] && (doors[nextDoor]?.to ?? 0) <= s) nextDoor++
    const door = doors[nextDoor]
    const open = door !== undefined && door.from <= s
    const doorWPerK = open ? door.wide * fridge.doorWPerK : 0
    if (open && s - door.from < stepS) {
      const bagsJPerK = (door.bags ?? 0) * bagJPerK
      contents = (contentsJPerK * contents + bagsJPerK * ambient) / (contentsJPerK + bagsJPerK)
      contentsJPerK += bagsJPerK
    }
    const defrost = course.defrosts.find(({ from, to }) => s >= from && s < to)
    const mains = course.mains(s)
    const stuck = s >= course.stuckOnFrom
    if (fridge.steady) {
      share = Math.min(1, Math.max(0, share + (0.002 * (air - setpoint) * stepS) / 10))
      relay = share > 0.02
    } else {
      relay = air > setpoint + band || (relay && air > setpoint - band)
    }
    relay = mains && !defrost && (relay || stuck)
    const left = course.cooling(s)
    const aboveFloor = Math.min(1, Math.max(0, (evaporator - fridge.evaporatorFloor) / 4))
    const wanted = fridge.steady && !stuck ? share + 0.15 * Math.max(0, air - setpoint) : 1
    const coolingW = relay ? fridge.coolingW * Math.min(1, wanted) * left * aboveFloor : 0
    const draught = evaporatorWPerK * course.fan(s) * (mains ? 1 : 0.2)
    const toEvaporator = draught * (air - evaporator)
    evaporator += ((toEvaporator - coolingW + (mains ? (defrost?.watts ?? 0) : 0)) * stepS) / evaporatorJPerK
    const toContents = contentsWPerK * (air - contents)
    air += (((wallWPerK + doorWPerK) * (ambient - air) - toContents - toEvaporator) * stepS) / airJPerK
    contents += (toContents * stepS) / contentsJPerK
    load += ((air - load) * stepS) / fridge.loadS
    probe += ((air - probe) * stepS) / fridge.probeS
    truth.air[index] = probe
    truth.load[index] = load
    truth.ambient[index] = ambient
    truth.relay[index] = relay ? 1 : 0
    truth.runs[index] = coolingW > 0 ? 1 : 0
  }
  return truth
}
