import type { Random } from '../../../devices-sim/random.ts'

/**
 * A refrigerator of more parts than any rule reckons with: air, contents and walls, an evaporator behind a fan, a
 * buffered load and a probe that is slow itself. Heat in J, power in W, conductance in W/K, temperatures in °C.
 */
export type Fridge = {
  readonly kind: 'fridge' | 'freezer'
  readonly airJPerK: number
  readonly contentsJPerK: number
  readonly contentsWPerK: number
  readonly evaporatorJPerK: number
  readonly evaporatorWPerK: number
  readonly evaporatorFloor: number
  readonly wallWPerK: number
  readonly doorWPerK: number
  /** Time constants of the buffered load and of the probe in the air, s. */
  readonly loadS: number
  readonly probeS: number
  readonly coolingW: number
  readonly setpoint: number
  /** Half the width of the thermostat's band. */
  readonly band: number
  /** Cools as much as is needed, and never switches. */
  readonly steady: boolean
  readonly ambient: number
  readonly ambientSwing: number
  readonly visitsPerHour: number
}

/** How its probes are read and what else its device tells. */
export type Device = {
  readonly everyS: number
  readonly noise: number
  readonly resolution: number
  readonly offsets: { readonly air: number; readonly load: number }
  /** The chance that a measurement never comes. */
  readonly lost: number
  readonly hasLoad: boolean
  readonly hasAmbient: boolean
  readonly hasDoor: boolean
  readonly hasCompressor: boolean
  readonly hasMains: boolean
  readonly hasBattery: boolean
  readonly high: number
  readonly low: number
}

type Range = readonly [number, number]

/** What may be drawn. Shares are chances. */
export type Ranges = {
  readonly freezers: number
  readonly steady: number
  /** How long the whole container takes to warm to 63 % with no cooling and a closed door, h. */
  readonly tauH: Range
  readonly wallWPerK: Range
  /** Share of its heat capacity that follows the air at once. */
  readonly airShare: Range
  readonly contentsWPerK: Range
  readonly doorWPerK: Range
  readonly loadS: Range
  readonly band: Range
  /** Share of the time the compressor runs. */
  readonly duty: Range
  readonly ambient: Range
  readonly visitsPerHour: Range
  readonly everyS: Range
  readonly noise: Range
  readonly resolutions: readonly number[]
  readonly offset: number
}

/** What the rule's thresholds were chosen on. */
export const familiar: Ranges = {
  freezers: 0.2,
  steady: 0.1,
  tauH: [5, 14],
  wallWPerK: [0.6, 1.2],
  airShare: [0.1, 0.25],
  contentsWPerK: [12, 30],
  doorWPerK: [20, 50],
  loadS: [400, 900],
  band: [0.4, 0.9],
  duty: [0.3, 0.6],
  ambient: [18, 26],
  visitsPerHour: [0, 2],
  everyS: [15, 120],
  noise: [0.01, 0.05],
  resolutions: [0.01, 0.0625],
  offset: 0.2,
}

/** What it is tested on. */
export const wide: Ranges = {
  freezers: 0.25,
  steady: 0.2,
  tauH: [3, 30],
  wallWPerK: [0.4, 2.2],
  airShare: [0.05, 0.35],
  contentsWPerK: [6, 45],
  doorWPerK: [10, 80],
  loadS: [180, 1_800],
  band: [0.2, 1.4],
  duty: [0.2, 0.8],
  ambient: [15, 35],
  visitsPerHour: [0, 4],
  everyS: [10, 300],
  noise: [0.005, 0.08],
  resolutions: [0.01, 0.02, 0.05, 0.0625, 0.1],
  offset: 0.4,
}

export function drawFridge(random: Random, ranges: Ranges): Fridge {
  const some = (range: Range) => logBetween(random, range)
  const kind = random.chance(ranges.freezers) ? 'freezer' : 'fridge'
  const steady = random.chance(ranges.steady)
  const wallWPerK = some(ranges.wallWPerK)
  const wholeJPerK = some(ranges.tauH) * 3_600 * wallWPerK
  const airJPerK = Math.max(1_500, wholeJPerK * random.between(...ranges.airShare))
  const band = some(ranges.band) * (kind === 'freezer' ? 1.5 : 1)
  const setpoint = kind === 'freezer' ? random.between(-33, -26) : random.between(3.3, 5.2 - band)
  const ambient = random.between(...ranges.ambient)
  const neededW = wallWPerK * (ambient - setpoint)
  const coolingW = neededW / random.between(...ranges.duty)
  const evaporatorWPerK = Math.max(8, coolingW / random.between(4, 10))
  return {
    kind,
    airJPerK,
    contentsJPerK: Math.max(1_000, wholeJPerK - airJPerK),
    contentsWPerK: some(ranges.contentsWPerK),
    evaporatorJPerK: Math.max(random.between(500, 3_000), 10 * evaporatorWPerK),
    evaporatorWPerK,
    evaporatorFloor: setpoint - random.between(14, 22),
    wallWPerK,
    doorWPerK: some(ranges.doorWPerK),
    loadS: some(ranges.loadS),
    probeS: random.between(10, 50),
    coolingW,
    setpoint,
    band,
    steady,
    ambient,
    ambientSwing: random.between(0, 2),
    visitsPerHour: random.between(...ranges.visitsPerHour),
  }
}

export function drawDevice(random: Random, ranges: Ranges, { kind }: Fridge): Device {
  const offset = () => random.between(-ranges.offset, ranges.offset)
  const fridgeHigh = random.chance(0.5) ? 6 : 8
  return {
    everyS: Math.round(logBetween(random, ranges.everyS)),
    noise: logBetween(random, ranges.noise),
    resolution: ranges.resolutions[random.whole(0, ranges.resolutions.length - 1)] as number,
    offsets: { air: offset(), load: offset() },
    lost: random.between(0, 0.04),
    hasLoad: random.chance(0.8),
    hasAmbient: random.chance(0.3),
    hasDoor: random.chance(0.5),
    hasCompressor: random.chance(0.5),
    hasMains: random.chance(0.8),
    hasBattery: random.chance(0.3),
    high: kind === 'freezer' ? -18 : fridgeHigh,
    low: kind === 'freezer' ? -100 : 2,
  }
}

export function logBetween(random: Random, [low, high]: Range): number {
  return low * (high / low) ** random.next()
}
