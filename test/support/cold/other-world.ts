import type { Facts, PowerFact } from '../../../api/domain/thermal/facts.ts'
import type { Sample } from '../../../api/domain/thermal/sample.ts'
import { atRest, type HeatParams, presets, step } from '../../../devices-sim/heat.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import { createSensor } from '../../../devices-sim/sensor.ts'
import type { Cause } from '../../../schema/vocabulary.ts'

export const otherKinds = ['door', 'cooling', 'power', 'unknown'] as const
export type OtherKind = (typeof otherKinds)[number]

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/**
 * A blood fridge of the devices' own simulator, its preset varied by half and double, asked when it is first too warm;
 * one to which nothing happens is asked after eight hours. Null where what happened raised no alarm.
 */
export function askOther(name: string, kind: OtherKind): { facts: Facts; right: Cause } | null {
  const random = createRandom(name)
  const vary = (value: number) => value * 2 ** random.between(-1, 1)
  const base = presets.bloodFridge
  const heat: HeatParams = {
    ...base,
    airJPerK: vary(base.airJPerK),
    loadJPerK: vary(base.loadJPerK),
    wallWPerK: vary(base.wallWPerK),
    doorWPerK: vary(base.doorWPerK),
    compressor: { ...base.compressor, hysteresis: random.between(0.3, 1) },
  }
  const ambient = random.between(17, 28)
  const everyMs = random.whole(10, 120) * 1_000
  const sensor = { offsetCelsius: 0, noiseCelsius: 0.03, resolutionCelsius: 0.0625 }
  const sense = {
    air: createSensor(random.fork('air'), sensor),
    load: createSensor(random.fork('load'), sensor),
  }
  const air: Sample[] = []
  const load: Sample[] = []
  const power: PowerFact[] = [{ at: 0, mains: true, compressorOn: null, batteryPercent: null }]
  const eventAt = random.between(5, 7) * hourMs
  const door = { from: eventAt, to: eventAt + random.between(1, 10) * minuteMs }
  const doors = random.chance(0.5) ? (kind === 'door' ? [door] : []) : null
  if (kind === 'power') power.push({ at: eventAt, mains: false, compressorOn: null, batteryPercent: null })
  const facts = (at: number): Facts => ({
    at,
    readings: { air, load },
    doors,
    power,
    profile: { low: 200, high: 600, physicalLow: -5_000, physicalHigh: 6_000, maxSilenceMs: 6 * minuteMs },
  })
  let state = atRest(heat, ambient)
  for (let at = 0; at < 16 * hourMs; at += everyMs) {
    const happens = at >= eventAt
    const doorOpen = kind === 'door' && happens && at < door.to
    const cools = !(happens && (kind === 'cooling' || kind === 'power'))
    state = step(state, heat, { ambient, mains: cools, doorOpen, warmBags: 0 }, everyMs)
    air.push({ at: at + everyMs, centi: Math.round(100 * sense.air(state.air)) })
    load.push({ at: at + everyMs, centi: Math.round(100 * sense.load(state.load)) })
    const outside = [air, load].some((samples) => (samples.at(-1)?.centi ?? 0) > 600)
    if (kind === 'unknown' ? at > 8 * hourMs : happens && outside)
      return { facts: facts(at + everyMs), right: kind }
  }
  return null
}
