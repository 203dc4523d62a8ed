import fc from 'fast-check'
import { expect, test } from 'vitest'
import { minutesUntil } from '../../../../api/domain/thermal/forecast.ts'
import { cnForecastRule } from '../../../../api/policies/forecast.ts'

const minute = 60_000

/** A reading each 30 s for `minutes` up to 0, from the level at 0 back along an exponential. */
function approach(level: number, asymptote: number, tauMinutes: number, minutes: number) {
  return Array.from({ length: 2 * minutes }, (_, i) => {
    const before = minutes - i / 2
    const centi = asymptote - (asymptote - level) * Math.exp(before / tauMinutes)
    return { at: -before * minute, centi: Math.round(centi) }
  })
}

test('what goes to the room as the law of cooling has it crosses when it must', () => {
  for (const tau of [200, 600, 1_500]) {
    const samples = approach(480, 2_200, tau, 25)
    const truth = tau * Math.log((2_200 - 480) / (2_200 - 600))
    const forecast = minutesUntil('high', 600, samples, 2_200, 0, cnForecastRule)
    expect(forecast?.p10).toBeLessThan(truth)
    expect(forecast?.p90).toBeGreaterThan(truth)
    expect(Math.abs((forecast?.p50 ?? 0) - truth) / truth).toBeLessThan(0.35)
  }
})

test('what falls towards freezing is foretold too', () => {
  const samples = approach(380, -1_000, 300, 25)
  const truth = 300 * Math.log((380 + 1_000) / (200 + 1_000))
  const forecast = minutesUntil('low', 200, samples, null, 0, cnForecastRule)
  expect(Math.abs((forecast?.p50 ?? 0) - truth) / truth).toBeLessThan(0.25)
  expect(minutesUntil('high', 600, samples, null, 0, cnForecastRule)).toBeNull()
})

test('what settles short of the limit is not foretold to cross it', () => {
  const samples = approach(560, 580, 15, 25)
  expect(minutesUntil('high', 1_500, samples, 2_200, 0, cnForecastRule)).toMatchObject({
    p50: null,
    p90: null,
  })
})

test('nothing is foretold of what stands still, is beyond already, or has told too little', () => {
  const still = approach(400, 400, 100, 25)
  const rising = approach(480, 2_200, 600, 25)
  expect(minutesUntil('high', 600, still, 2_200, 0, cnForecastRule)).toBeNull()
  expect(minutesUntil('high', 470, rising, 2_200, 0, cnForecastRule)).toBeNull()
  expect(minutesUntil('high', 600, rising.slice(-4), 2_200, 0, cnForecastRule)).toBeNull()
  expect(minutesUntil('high', 600, [], 2_200, 0, cnForecastRule)).toBeNull()
})

test('whatever it is told, no quantile lies before now or before a lower one, and only the past counts', () => {
  const samples = fc
    .array(fc.tuple(fc.integer({ min: 1_000, max: 5 * minute }), fc.integer({ min: -3_000, max: 3_000 })))
    .map((steps) => {
      let at = -60 * minute
      return steps.map(([ms, centi]) => {
        at += ms
        return { at, centi }
      })
    })
  fc.assert(
    fc.property(
      samples,
      fc.constantFrom('high', 'low'),
      fc.integer({ min: -3_000, max: 3_000 }),
      (some, side, limit) => {
        const forecast = minutesUntil(side, limit, some, null, 0, cnForecastRule)
        const past = some.filter(({ at }) => at <= 0)
        expect(minutesUntil(side, limit, past, null, 0, cnForecastRule)).toEqual(forecast)
        if (!forecast) return
        const never = Number.POSITIVE_INFINITY
        const [p10, p50, p90] = [forecast.p10 ?? never, forecast.p50 ?? never, forecast.p90 ?? never]
        expect(p10).toBeGreaterThanOrEqual(0)
        expect(p50).toBeGreaterThanOrEqual(p10)
        expect(p90).toBeGreaterThanOrEqual(p50)
      },
    ),
  )
})
