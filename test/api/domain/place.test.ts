import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldPlaces, type Sighting } from '../../../api/domain/place.ts'

const a = 1
const b = 2

function see(
  kind: Sighting['kind'],
  deviceId: number,
  at: number,
  source: Sighting['source'] = 'rfid',
): Sighting {
  return { kind, deviceId, at, source, key: `${at}/${deviceId}/${kind}/${source}` }
}

test('a bag is inside from its adding to its removal, then in somebody’s hands', () => {
  expect(foldPlaces([see('added', a, 10), see('removed', a, 20)])).toEqual([
    { state: 'inside', deviceId: a, from: 10, to: 20 },
    { state: 'in_hand', deviceId: a, from: 20, to: null },
  ])
})

test('added elsewhere without a removal: where it was since it was last seen is not known', () => {
  expect(foldPlaces([see('added', a, 10), see('seen', a, 30), see('added', b, 50)])).toEqual([
    { state: 'inside', deviceId: a, from: 10, to: 30 },
    { state: 'unknown', deviceId: a, from: 30, to: 50 },
    { state: 'inside', deviceId: b, from: 50, to: null },
  ])
})

test('an inventory that misses it: the same', () => {
  expect(foldPlaces([see('added', a, 10), see('seen', a, 30), see('missing', a, 50)])).toEqual([
    { state: 'inside', deviceId: a, from: 10, to: 30 },
    { state: 'unknown', deviceId: a, from: 30, to: null },
  ])
  expect(foldPlaces([see('missing', a, 5), see('missing', b, 6)])).toEqual([])
  expect(foldPlaces([see('added', a, 10), see('missing', b, 50)])).toHaveLength(1)
})

test('a removal elsewhere shows that it had got there unseen', () => {
  expect(foldPlaces([see('added', a, 10), see('removed', b, 50)])).toEqual([
    { state: 'unknown', deviceId: a, from: 10, to: 50 },
    { state: 'in_hand', deviceId: b, from: 50, to: null },
  ])
})

test('put back where it was taken out', () => {
  const places = foldPlaces([see('added', a, 10), see('removed', a, 20), see('added', a, 25)])
  expect(places.map(({ state }) => state)).toEqual(['inside', 'in_hand', 'inside'])
})

test('at one instant the stronger source has the last word', () => {
  expect(foldPlaces([see('added', a, 10, 'rfid'), see('added', b, 10, 'manual')])).toEqual([
    { state: 'inside', deviceId: a, from: 10, to: null },
  ])
})

const anySighting = fc
  .record({
    kind: fc.constantFrom<Sighting['kind'][]>('added', 'removed', 'seen', 'missing'),
    deviceId: fc.constantFrom(1, 2, 3),
    at: fc.integer({ min: 0, max: 30 }),
    source: fc.constantFrom<Sighting['source'][]>('rfid', 'scan', 'manual'),
  })
  .map((sighting) => ({ ...sighting, key: `${sighting.deviceId}/${sighting.kind}` }))

test('the order in which sightings are heard, and hearing them twice, changes nothing', () => {
  const heard = fc.array(anySighting, { maxLength: 12 }).chain((sightings) =>
    fc.record({
      sightings: fc.constant(sightings),
      shuffled: fc.shuffledSubarray(sightings, { minLength: sightings.length }),
      again: fc.subarray(sightings),
    }),
  )
  fc.assert(
    fc.property(heard, ({ sightings, shuffled, again }) => {
      expect(foldPlaces([...shuffled, ...again])).toEqual(foldPlaces(sightings))
    }),
    { numRuns: 2_000 },
  )
})

test('places follow one another without a hole, and only the last is open', () => {
  fc.assert(
    fc.property(fc.array(anySighting, { maxLength: 15 }), (sightings) => {
      const places = foldPlaces(sightings)
      places.forEach((place, index) => {
        const next = places[index + 1]
        expect(place.to).toBe(next ? next.from : null)
        if (place.to !== null) expect(place.from).toBeLessThan(place.to)
      })
    }),
    { numRuns: 1_000 },
  )
})
