import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldPlaces, type Sighting, saysNothingNew } from '../../../api/domain/place.ts'

const a = 1
const b = 2

function see(
  kind: Sighting['kind'],
  deviceId: number,
  at: number,
  source: Sighting['source'] = 'rfid',
): Sighting {
  return { kind, deviceId, at, source, key: `${at}/${deviceId}/${kind}/${source}`, doubtfulUntil: null }
}

/** By a clock in doubt, told to us at `receivedAt`. */
function claim(kind: Sighting['kind'], deviceId: number, at: number, receivedAt: number): Sighting {
  return { ...see(kind, deviceId, at), doubtfulUntil: receivedAt }
}

function believedOf(...sightings: Sighting[]) {
  return foldPlaces(sightings).map(({ state, from, to, believed }) => [
    state,
    from,
    to,
    believed && [believed.from, believed.to],
  ])
}

test('a bag is inside from its adding to its removal, then in somebody’s hands', () => {
  expect(foldPlaces([see('added', a, 10), see('removed', a, 20)])).toMatchObject([
    { state: 'inside', deviceId: a, from: 10, to: 20 },
    { state: 'in_hand', deviceId: a, from: 20, to: null },
  ])
})

test('added elsewhere without a removal: where it was since it was last seen is not known', () => {
  expect(foldPlaces([see('added', a, 10), see('seen', a, 30), see('added', b, 50)])).toMatchObject([
    { state: 'inside', deviceId: a, from: 10, to: 30 },
    { state: 'unknown', deviceId: a, from: 30, to: 50 },
    { state: 'inside', deviceId: b, from: 50, to: null },
  ])
})

test('an inventory that misses it: the same', () => {
  expect(foldPlaces([see('added', a, 10), see('seen', a, 30), see('missing', a, 50)])).toMatchObject([
    { state: 'inside', deviceId: a, from: 10, to: 30 },
    { state: 'unknown', deviceId: a, from: 30, to: null },
  ])
  expect(foldPlaces([see('missing', a, 5), see('missing', b, 6)])).toEqual([])
  expect(foldPlaces([see('added', a, 10), see('missing', b, 50)])).toHaveLength(1)
})

test('once it carries no tag, nobody knows where it is until it is seen by another', () => {
  const off = { ...see('untagged', 0, 40, 'manual') }
  expect(foldPlaces([see('added', a, 10), off])).toMatchObject([
    { state: 'inside', deviceId: a, from: 10, to: 40 },
    { state: 'unknown', deviceId: a, from: 40, to: null },
  ])
  expect(foldPlaces([see('removed', a, 10), off, see('seen', b, 60)])).toMatchObject([
    { state: 'in_hand', deviceId: a, from: 10, to: 40 },
    { state: 'unknown', deviceId: a, from: 40, to: 60 },
    { state: 'inside', deviceId: b, from: 60, to: null },
  ])
  expect(foldPlaces([off])).toEqual([])
})

test('a removal elsewhere shows that it had got there unseen', () => {
  expect(foldPlaces([see('added', a, 10), see('removed', b, 50)])).toMatchObject([
    { state: 'unknown', deviceId: a, from: 10, to: 50 },
    { state: 'in_hand', deviceId: b, from: 50, to: null },
  ])
})

test('put back where it was taken out', () => {
  const places = foldPlaces([see('added', a, 10), see('removed', a, 20), see('added', a, 25)])
  expect(places.map(({ state }) => state)).toEqual(['inside', 'in_hand', 'inside'])
})

test('at one instant the stronger source has the last word', () => {
  expect(foldPlaces([see('added', a, 10, 'rfid'), see('added', b, 10, 'manual')])).toMatchObject([
    { state: 'inside', deviceId: a, from: 10, to: null },
  ])
})

const anySighting = fc
  .record({
    kind: fc.constantFrom<Sighting['kind'][]>('added', 'removed', 'seen', 'missing', 'untagged'),
    deviceId: fc.constantFrom(1, 2, 3),
    at: fc.integer({ min: 0, max: 30 }),
    source: fc.constantFrom<Sighting['source'][]>('rfid', 'scan', 'manual'),
  })
  .chain((sighting) =>
    fc.constantFrom(null, 10, 25).map((doubtfulUntil) => ({
      ...sighting,
      key: `${sighting.deviceId}/${sighting.kind}/${doubtfulUntil}`,
      doubtfulUntil,
    })),
  )

test('what no clock in doubt told is believed as it stands', () => {
  expect(
    believedOf(see('added', a, 10), see('seen', a, 30), see('added', b, 50), see('removed', b, 60)),
  ).toEqual([
    ['inside', 10, 30, [10, 30]],
    ['unknown', 30, 50, [30, 50]],
    ['inside', 50, 60, [50, 60]],
    ['in_hand', 60, null, [60, null]],
  ])
})

describe('of what a clock in doubt told', () => {
  test('nothing of the stay it begins is believed', () => {
    expect(believedOf(claim('added', a, 10, 130))).toEqual([['inside', 10, null, null]])
    expect(believedOf(claim('removed', a, 10, 130))).toEqual([['in_hand', 10, null, null]])
  })

  test('the stay it ends is believed up to its last fact that is vouched for', () => {
    expect(believedOf(see('added', a, 10), see('seen', a, 20), claim('removed', a, 40, 41))).toEqual([
      ['inside', 10, 40, [10, 20]],
      ['in_hand', 40, null, null],
    ])
    expect(believedOf(see('added', a, 10), claim('added', b, 40, 41))).toMatchObject([
      ['unknown', 10, 40, null],
      ['inside', 40, null, null],
    ])
  })

  test('an inventory that read the bag does not prove how long it stayed', () => {
    const heard = [see('added', a, 10), see('seen', a, 20), claim('seen', a, 40, 41)]
    expect(believedOf(...heard)).toEqual([['inside', 10, null, [10, null]]])
    expect(believedOf(...heard, see('missing', a, 60))).toEqual([
      ['inside', 10, 40, [10, 20]],
      ['unknown', 40, null, null],
    ])
  })

  test('a stay that came after it, but before it was heard, may not have', () => {
    expect(believedOf(see('added', a, 10), claim('removed', a, 20, 50), see('added', a, 30))).toEqual([
      ['inside', 10, 20, null],
      ['in_hand', 20, 30, null],
      ['inside', 30, null, null],
    ])
    expect(believedOf(see('added', a, 10), claim('removed', a, 20, 50), see('added', a, 50)).at(-1)).toEqual([
      'inside',
      50,
      null,
      [50, null],
    ])
  })

  test('the bag is believed to be there since something vouched for showed it there later', () => {
    const heard = [claim('added', a, 10, 50), see('seen', a, 40), see('seen', a, 60), see('removed', a, 70)]
    expect(believedOf(...heard)).toEqual([
      ['inside', 10, 70, [60, 70]],
      ['in_hand', 70, null, [70, null]],
    ])
  })

  test('a device it was missing from casts doubt on later stays there, and on no others', () => {
    const heard = [see('added', a, 10), see('removed', a, 20), claim('missing', a, 30, 90)]
    expect(believedOf(...heard, see('added', a, 40)).at(-1)).toEqual(['inside', 40, null, null])
    expect(believedOf(...heard, see('added', b, 40)).at(-1)).toEqual(['inside', 40, null, [40, null]])
  })
})

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
        const { believed } = place
        if (!believed) return
        expect(believed.from).toBeGreaterThanOrEqual(place.from)
        expect(believed.to ?? Infinity).toBeLessThanOrEqual(place.to ?? Infinity)
        expect(believed.from).toBeLessThan(believed.to ?? Infinity)
      })
    }),
    { numRuns: 1_000 },
  )
})

test('sightings that each say nothing new leave the places as they are, also together', () => {
  const sure = fc.array(
    anySighting.map(({ deviceId, kind, ...sighting }) => ({
      ...{ ...sighting, deviceId, kind, key: `${deviceId}/${kind}` },
      doubtfulUntil: null,
    })),
    { maxLength: 12 },
  )
  const said = new Set<Sighting['kind']>()
  fc.assert(
    fc.property(sure, sure, (heard, more) => {
      const places = foldPlaces(heard)
      const again = more.filter((sighting) => saysNothingNew(places, sighting))
      for (const { kind } of again) if (places.length > 0) said.add(kind)
      expect(foldPlaces([...heard, ...again])).toEqual(places)
    }),
    { numRuns: 3_000 },
  )
  expect(said).toEqual(new Set(['added', 'removed', 'seen', 'missing']))
})

test('nobody in doubt: all is believed, and doubt never changes where a bag is said to have been', () => {
  fc.assert(
    fc.property(fc.array(anySighting, { maxLength: 15 }), (sightings) => {
      const sure = foldPlaces(sightings.map((sighting) => ({ ...sighting, doubtfulUntil: null })))
      for (const { from, to, believed } of sure) expect(believed).toEqual({ from, to })
      const places = foldPlaces(sightings).map(({ believed: _believed, ...place }) => place)
      expect(places).toEqual(sure.map(({ believed: _believed, ...place }) => place))
    }),
    { numRuns: 1_000 },
  )
})
