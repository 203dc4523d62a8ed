import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assign } from '../../../api/domain/assignment.ts'

const cost = fc.option(fc.integer({ min: 0, max: 9 }), { freq: 6 })
const world = fc.integer({ min: 2, max: 4 }).chain((hosts) =>
  fc.record({
    costs: fc.array(fc.array(cost, { minLength: hosts, maxLength: hosts }), { maxLength: 6, size: 'max' }),
    places: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: hosts, maxLength: hosts }),
  }),
)

/** Every way to give out places, tried one by one. */
function* allWays(
  costs: readonly (readonly (number | null)[])[],
  places: readonly number[],
): Generator<readonly (number | null)[]> {
  const [own, ...others] = costs
  if (!own) return yield []
  for (const rest of allWays(others, places)) yield [null, ...rest]
  for (const [host, one] of own.entries())
    if (one !== null && (places[host] as number) > 0)
      for (const rest of allWays(others, places.toSpliced(host, 1, (places[host] as number) - 1)))
        yield [host, ...rest]
}

test('as many get a place as can, the earlier before the later, at the least cost there is', () => {
  fc.assert(
    fc.property(world, ({ costs, places }) => {
      const given = assign(costs, places)
      const placed = (way: readonly (number | null)[]) => way.map((host) => (host === null ? 0 : 1))
      const count = (way: readonly (number | null)[]) =>
        placed(way).reduce<number>((sum, one) => sum + one, 0)
      const total = (way: readonly (number | null)[]) =>
        way.reduce<number>((sum, host, one) => sum + (host === null ? 0 : (costs[one]?.[host] as number)), 0)

      const ways = [...allWays(costs, places)]
      const most = Math.max(...ways.map(count))
      const largest = ways.filter((way) => count(way) === most)
      const first = largest
        .map((way) => placed(way).join(''))
        .toSorted()
        .at(-1)
      const cheapest = Math.min(...largest.filter((way) => placed(way).join('') === first).map(total))

      expect(ways).toContainEqual(given)
      expect({ placed: placed(given).join(''), total: total(given) }).toEqual({
        placed: first,
        total: cheapest,
      })
    }),
    { numRuns: 1_000 },
  )
})

test('a place is no place if it is not a whole one, or nobody knows how many there are', () => {
  expect(assign([[1], [1]], [1])).toEqual([0, null])
  expect(assign([[1]], [Number.NaN])).toEqual([null])
  expect(assign([[null]], [1])).toEqual([null])
  expect(assign([], [1])).toEqual([])
})

test('whoever moved over for another moves back where that is cheaper in the end', () => {
  const costs = [
    [2, null, 9],
    [1, 9, null],
    [4, 9, 6],
  ]
  expect(assign(costs, [1, 1, 1])).toEqual([0, 1, 2])
})
