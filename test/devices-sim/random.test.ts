import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRandom } from '../../devices-sim/random.ts'

const draw = (seed: string | number, count = 1_000) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

test('the same seed is the same chance, another seed another', () => {
  expect(draw(7)).toEqual(draw('7'))
  expect(draw(7)).not.toEqual(draw(8))
})

test('a fork does not depend on what was drawn before it, nor on its siblings', () => {
  const early = createRandom(1).fork('b').id()
  const parent = createRandom(1)
  parent.next()
  parent.fork('a').next()
  expect(parent.fork('b').id()).toBe(early)
  expect(parent.fork('c').id()).not.toBe(early)
})

test('numbers are uniform in [0, 1) and normal ones have mean 0 and deviation 1', () => {
  const numbers = draw('uniform', 100_000)
  expect(Math.min(...numbers.slice(0, 50_000))).toBeGreaterThanOrEqual(0)
  expect(Math.max(...numbers.slice(0, 50_000))).toBeLessThan(1)
  const tenths = Array.from({ length: 10 }, () => 0)
  for (const number of numbers) tenths[Math.floor(number * 10)] = (tenths[Math.floor(number * 10)] ?? 0) + 1
  for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500)

  const random = createRandom('normal')
  const normals = Array.from({ length: 100_000 }, () => random.normal())
  const mean = normals.reduce((sum, value) => sum + value, 0) / normals.length
  const variance = normals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / normals.length
  expect(mean).toBeCloseTo(0, 1)
  expect(variance).toBeCloseTo(1, 1)
})

test('whole numbers reach both ends and waits are as long as the rate says', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: -50, max: 50 }), fc.nat(5), (seed, low, span) => {
      const random = createRandom(seed)
      const drawn = new Set(Array.from({ length: 300 }, () => random.whole(low, low + span)))
      expect([...drawn].sort((a, b) => a - b)).toEqual(Array.from({ length: span + 1 }, (_, i) => low + i))
    }),
  )
  const random = createRandom('waits')
  const waits = Array.from({ length: 20_000 }, () => random.waitMs(1 / 500))
  expect(waits.reduce((sum, wait) => sum + wait, 0) / waits.length / 500).toBeCloseTo(1, 1)
})
