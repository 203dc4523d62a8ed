import { expect, test } from 'vitest'
import { chanceOfAtLeast } from '../../../../api/domain/transfer/risk.ts'

test('what is far beyond what is used is not asked for, and that is said at once', () => {
  for (const mean of [1e-9, 0.3, 20, 499]) {
    expect(chanceOfAtLeast(Number.MAX_SAFE_INTEGER, mean)).toBeCloseTo(0, 12)
    expect(chanceOfAtLeast(Number.POSITIVE_INFINITY, mean)).toBeCloseTo(0, 12)
  }
})

test('so many come by chance, as by the distribution of Poisson', () => {
  expect(chanceOfAtLeast(0, 3)).toBe(1)
  expect(chanceOfAtLeast(1, 3)).toBeCloseTo(1 - Math.exp(-3), 12)
  expect(chanceOfAtLeast(5, 4)).toBeCloseTo(0.371_163, 6)
  expect(chanceOfAtLeast(1, 0)).toBe(0)
})
