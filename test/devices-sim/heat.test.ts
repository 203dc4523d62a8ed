import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  atRest,
  type HeatInputs,
  type HeatParams,
  type HeatState,
  presets,
  step,
} from '../../devices-sim/heat.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { createSensor } from '../../devices-sim/sensor.ts'

const closed: HeatInputs = { ambient: 22, mains: true, doorOpen: false, warmBags: 0 }
const minute = 60_000

/** Every state after each of `steps` steps. */
function trace(
  params: HeatParams,
  inputs: HeatInputs,
  {
    steps,
    dtMs = 10_000,
    from = atRest(params, inputs.ambient),
  }: { steps: number; dtMs?: number; from?: HeatState },
): HeatState[] {
  const states: HeatState[] = []
  for (let state = from; states.length < steps; ) {
    state = step(state, params, inputs, dtMs)
    states.push(state)
  }
  return states
}

const range = (states: readonly HeatState[], part: 'air' | 'load') => {
  const celsius = states.map((state) => state[part])
  return [Math.min(...celsius), Math.max(...celsius)] as const
}

describe('a door that stays closed', () => {
  test.each([
    ['blood fridge', presets.bloodFridge, 2, 6],
    ['plasma freezer', presets.plasmaFreezer, -35, -25],
    ['transport box', presets.transportBox, 2, 6],
  ])('holds a %s in its range for a day, in a cool room and a warm one', (_name, params, low, high) => {
    for (const ambient of [16, 22, 28]) {
      const day = trace(params, { ...closed, ambient }, { steps: 8_640 })
      for (const part of ['air', 'load'] as const) {
        const [coldest, warmest] = range(day, part)
        expect(coldest).toBeGreaterThan(low)
        expect(warmest).toBeLessThan(high)
      }
    }
  })

  test('keeps the load calmer than the air', () => {
    const day = trace(presets.bloodFridge, closed, { steps: 8_640 })
    const swing = (part: 'air' | 'load') => range(day, part)[1] - range(day, part)[0]
    expect(swing('load')).toBeLessThan(swing('air'))
  })
})

test('a door left open warms the air before the load', () => {
  const [state] = trace(presets.bloodFridge, { ...closed, doorOpen: true }, { steps: 1, dtMs: 3 * minute })
  expect(state?.air).toBeGreaterThan(6)
  expect(state?.load).toBeLessThan(6)
  const later = trace(presets.bloodFridge, { ...closed, doorOpen: true }, { steps: 30, dtMs: minute }).at(-1)
  expect(later?.load).toBeGreaterThan(6)
})

test('without mains the compressor rests and the fridge warms towards the room', () => {
  const hours = trace(presets.bloodFridge, { ...closed, mains: false }, { steps: 600, dtMs: minute })
  expect(hours.every((state) => !state.compressorOn)).toBe(true)
  for (const [index, state] of hours.slice(1).entries()) {
    expect(state.air).toBeGreaterThan(hours[index]?.air ?? Number.NaN)
  }
  expect(hours.at(-1)?.load).toBeGreaterThan(10)
  expect(hours.at(-1)?.load).toBeLessThan(22)
})

test('packs hold a box until they have melted, and no longer', () => {
  const days = trace(presets.transportBox, closed, { steps: 3 * 24 * 60, dtMs: minute })
  const melted = days.findIndex((state) => state.packJ === 0)
  expect(melted).toBeGreaterThan(24 * 60)
  expect(days[melted - 1]?.load).toBeLessThan(6)
  expect(days.at(-1)?.load).toBeGreaterThan(20)
})

test('warm bags put in lift the air a little, and more bags lift it more', () => {
  const rise = (warmBags: number) =>
    step(atRest(presets.bloodFridge, 22), presets.bloodFridge, { ...closed, warmBags }, 1_000).air - 4
  expect(rise(1)).toBeGreaterThan(rise(0))
  expect(rise(1)).toBeLessThan(0.2)
  expect(rise(10)).toBeGreaterThan(rise(1))
  expect(rise(100_000)).toBeLessThan(18)
})

test('the compressor runs longer in a warm room', () => {
  const duty = (ambient: number) => {
    const day = trace(presets.bloodFridge, { ...closed, ambient }, { steps: 8_640 })
    return day.filter((state) => state.compressorOn).length / day.length
  }
  expect(duty(18)).toBeGreaterThan(0.1)
  expect(duty(22)).toBeGreaterThan(duty(18) + 0.03)
  expect(duty(30)).toBeGreaterThan(duty(22) + 0.03)
  expect(duty(30)).toBeLessThan(0.9)
})

test('it does not matter in how many steps an hour passes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(presets)),
      fc.constantFrom(250, 1_000, 2_500, 7_500, 12_000, 60_000),
      fc.boolean(),
      fc.boolean(),
      (params, dtMs, mains, doorOpen) => {
        const inputs = { ...closed, mains, doorOpen }
        const fine = trace(params, inputs, { steps: 3_600, dtMs: 1_000 }).at(-1)
        const coarse = trace(params, inputs, { steps: 3_600_000 / dtMs, dtMs }).at(-1)
        expect(Math.abs((fine?.air ?? 0) - (coarse?.air ?? 99))).toBeLessThan(0.05)
        expect(Math.abs((fine?.load ?? 0) - (coarse?.load ?? 99))).toBeLessThan(0.05)
      },
    ),
    { numRuns: 40 },
  )
})

test('whatever happens to a container, its temperatures stay finite and below the warmest room it stood in', () => {
  const happening = fc.record({
    ambient: fc.double({ min: -20, max: 45, noNaN: true }),
    mains: fc.boolean(),
    doorOpen: fc.boolean(),
    warmBags: fc.nat(50),
    dtMs: fc.double({ min: 0, max: minute, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(presets)), fc.array(happening), (params, happenings) => {
      let state = atRest(params, 20)
      for (const { dtMs, ...inputs } of happenings) {
        state = step(state, params, inputs, dtMs)
        for (const celsius of [state.air, state.load]) {
          expect(celsius).toBeGreaterThan(-60)
          expect(celsius).toBeLessThan(46)
        }
      }
    }),
  )
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('time does not pass by %d ms', (dtMs) => {
  expect(() => step(atRest(presets.bloodFridge, 22), presets.bloodFridge, closed, dtMs)).toThrow(RangeError)
})

test('a probe tells the truth within its noise, in steps of its resolution, and the same for the same seed', () => {
  const params = { offsetCelsius: 0.5, noiseCelsius: 0.02, resolutionCelsius: 0.0625 }
  const sense = createSensor(createRandom('probe'), params)
  const again = createSensor(createRandom('probe'), params)
  for (let celsius = -31; celsius < 30; celsius += 0.37) {
    const told = sense(celsius)
    expect(told).toBe(again(celsius))
    expect(Math.abs(told - celsius - 0.5)).toBeLessThan(0.15)
    expect(Number.isInteger(told / 0.0625)).toBe(true)
    expect(Object.is(told, -0)).toBe(false)
  }
})
