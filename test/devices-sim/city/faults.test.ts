import { expect, test } from 'vitest'
import { drawCity } from '../../../devices-sim/city/draw-city.ts'
import { faultKinds, planFaults } from '../../../devices-sim/city/faults.ts'
import { day, hour } from '../../../devices-sim/city/plan.ts'

const aDay = { fromMs: 0, untilMs: day }

test('faults come from the seed, of the kinds asked for and no other', () => {
  const city = drawCity({ seed: 'f' })
  expect(planFaults(city, faultKinds, aDay)).toEqual(planFaults(drawCity({ seed: 'f' }), faultKinds, aDay))
  expect(planFaults(drawCity({ seed: 'g' }), faultKinds, aDay)).not.toEqual(
    planFaults(city, faultKinds, aDay),
  )
  expect(planFaults(city, [], aDay)).toEqual([])
  expect(new Set(planFaults(city, ['probe', 'clock'], aDay).map(({ kind }) => kind))).toEqual(
    new Set(['probe', 'clock']),
  )
})

test('one fault more moves none of the others', () => {
  const city = drawCity({ seed: 'f' })
  const [one, both] = [planFaults(city, ['power'], aDay), planFaults(city, ['power', 'network'], aDay)]
  expect(both.filter(({ kind }) => kind === 'power')).toEqual(one)
})

test('every fault is mended while the city lives', () => {
  for (const seed of ['a', 'b', 'c']) {
    const city = drawCity({ seed, hospitals: 2, fridges: 8 })
    for (const { at, forMs, clockMs } of planFaults(city, faultKinds, {
      fromMs: 8 * hour,
      untilMs: 12 * hour,
    })) {
      expect(at).toBeGreaterThan(8 * hour)
      expect(at + forMs).toBeLessThan(12 * hour)
      expect(Math.abs(clockMs)).toBeLessThan(600_000)
    }
  }
})
