import type { Facts } from '../../../api/domain/thermal/facts.ts'
import type { Sample } from '../../../api/domain/thermal/sample.ts'
import type { Random } from '../../../devices-sim/random.ts'
import type { Device } from './draw-fridge.ts'
import { type Course, stepS, type Truth } from './simulate.ts'

/** What is wrong with a probe: its value is bent, or null where it says nothing. `s` is the time since the beginning. */
export type Bend = (celsius: number, s: number) => number | null

export type Probes = { readonly air?: Bend; readonly load?: Bend }

type Observed = Pick<Facts, 'readings' | 'doors' | 'power'>

/** Ms UTC of the beginning of every simulated course. */
export const beganAt = Date.UTC(2026, 0, 1)

export const msAt = (s: number): number => beganAt + Math.round(s * 1_000)

/** What a device tells of all that was true; `silentFrom` in s. */
export function observe(
  random: Random,
  device: Device,
  truth: Truth,
  course: Course,
  probes: Probes = {},
  silentFrom = Number.POSITIVE_INFINITY,
): Observed {
  const untilS = Math.min(course.untilS, silentFrom)
  const air: Sample[] = []
  const load: Sample[] = []
  const ambient: Sample[] = []
  const power: Facts['power'][number][] = []
  const gaugeRuns = random.chance(0.5)
  const told = (celsius: number, bend: Bend | undefined, s: number, into: Sample[], chance: Random) => {
    const felt = celsius + device.noise * chance.normal()
    const bent = bend ? bend(felt, s) : felt
    if (bent === null) return
    const stepped = Math.round(bent / device.resolution) * device.resolution
    into.push({ at: msAt(s), centi: Math.round(stepped * 100) })
  }
  const chances = { air: random.fork('air'), load: random.fork('load'), ambient: random.fork('ambient') }
  const fate = random.fork('lost')
  for (let s = random.between(0, device.everyS); s < untilS; s += device.everyS) {
    if (fate.chance(device.lost)) continue
    const index = Math.floor(s / stepS)
    told((truth.air[index] ?? 0) + device.offsets.air, probes.air, s, air, chances.air)
    if (device.hasLoad)
      told((truth.load[index] ?? 0) + device.offsets.load, probes.load, s, load, chances.load)
    if (device.hasAmbient) told(truth.ambient[index] ?? 0, undefined, s, ambient, chances.ambient)
  }
  let before = ''
  let batteryS = 0
  const signal = gaugeRuns ? truth.runs : truth.relay
  for (let index = 0; index * stepS < untilS; index++) {
    const s = index * stepS
    const mains = course.mains(s)
    const compressorOn = signal[index] === 1
    if (!mains) batteryS += stepS
    const battery = device.hasBattery ? Math.floor(100 - batteryS / 600) : null
    const state = `${device.hasMains && mains} ${device.hasCompressor && compressorOn} ${battery}`
    if (state === before) continue
    before = state
    if (!device.hasMains && !device.hasCompressor && !device.hasBattery) continue
    power.push({
      at: msAt(s),
      mains: device.hasMains ? mains : null,
      compressorOn: device.hasCompressor ? compressorOn : null,
      batteryPercent: battery,
    })
  }
  return {
    readings: { air, ...(device.hasLoad ? { load } : {}), ...(device.hasAmbient ? { ambient } : {}) },
    doors: device.hasDoor
      ? course.doors.map(({ from, to }) => ({ from: msAt(from), to: to > untilS ? null : msAt(to) }))
      : null,
    power,
  }
}
