import type { Random } from './random.ts'

/** How far a probe is from the truth. */
export type SensorParams = {
  readonly offsetCelsius: number
  /** Standard deviation of one measurement. */
  readonly noiseCelsius: number
  /** The smallest difference it can tell. */
  readonly resolutionCelsius: number
}

export const goodSensor: SensorParams = { offsetCelsius: 0, noiseCelsius: 0.03, resolutionCelsius: 0.01 }

/** A probe: the truth goes in, what it reports comes out. */
export function createSensor(random: Random, params: SensorParams = goodSensor): (celsius: number) => number {
  const { offsetCelsius, noiseCelsius, resolutionCelsius } = params
  return (celsius) => {
    const felt = celsius + offsetCelsius + noiseCelsius * random.normal()
    // Nine decimals hide the binary tail of steps such as 0.01; adding 0 turns -0 into 0.
    return Number((Math.round(felt / resolutionCelsius) * resolutionCelsius).toFixed(9)) + 0
  }
}
