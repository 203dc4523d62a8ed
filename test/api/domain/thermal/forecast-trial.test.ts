import { expect, test } from 'vitest'
import { minutesUntil } from '../../../../api/domain/thermal/forecast.ts'
import { cnForecastRule } from '../../../../api/policies/forecast.ts'
import { wide } from '../../../support/cold/draw-fridge.ts'
import { foretoldKinds, foretoldOf } from '../../../support/cold/foretold.ts'

// Another seed each time; COLD_SEED=… runs one again.
const seed = process.env.COLD_SEED ?? Math.random().toString(36).slice(2, 10)

test('four out of five limits are crossed within the interval foretold', { timeout: 300_000 }, () => {
  const asked = foretoldKinds.flatMap((kind) =>
    Array.from({ length: 200 }, (_, i) => foretoldOf(`${seed}/${kind}/${i}`, kind, wide)).filter(
      (q) => q !== null,
    ),
  )
  const answered = asked.flatMap((q) => {
    const forecast = minutesUntil(q.side, q.limit, q.samples, q.room, q.at, cnForecastRule)
    return forecast ? [{ ...q, forecast }] : []
  })
  const crossed = answered.flatMap(({ minutes, forecast }) =>
    minutes === null ? [] : [{ minutes, ...forecast }],
  )
  const never = Number.POSITIVE_INFINITY
  const sooner = crossed.filter(({ minutes, p10 }) => minutes < (p10 ?? never)).length
  const later = crossed.filter(({ minutes, p90 }) => minutes > (p90 ?? never)).length
  const covered = (100 * (crossed.length - sooner - later)) / crossed.length
  const errors = crossed.map(({ minutes, p50 }) => Math.abs((p50 ?? never) - minutes)).sort((a, b) => a - b)
  const shares = crossed
    .map(({ minutes, p50 }) => Math.abs((p50 ?? never) - minutes) / minutes)
    .sort((a, b) => a - b)
  const median = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)] ?? never
  const uncrossed = answered.filter(({ minutes }) => minutes === null)
  process.stdout.write(
    `COLD_SEED=${seed}: ${asked.length} asked, ${answered.length} answered, ${crossed.length} crossed: ` +
      `${covered.toFixed(1)} % within 80 %, ${sooner} sooner, ${later} later; median error ` +
      `${median(errors).toFixed(1)} min, ${(100 * median(shares)).toFixed(0)} % of what was left; ` +
      `${uncrossed.filter(({ forecast }) => forecast.p90 === null).length} of ${uncrossed.length} that never crossed were left open\n`,
  )
  expect(crossed.length).toBeGreaterThanOrEqual(100)
  expect(covered).toBeGreaterThanOrEqual(70)
  expect(covered).toBeLessThanOrEqual(90)
  expect(median(shares)).toBeLessThanOrEqual(0.5)
})
