import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawCity } from '../../../devices-sim/city/draw-city.ts'
import { driveMs, greatCircleKm, travel } from '../../../devices-sim/city/geography.ts'
import { createContainer } from '../../../devices-sim/container.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import { FacilityInput } from '../../../schema/http/facilities.ts'
import { PersonInput } from '../../../schema/http/people.ts'
import { Name } from '../../../schema/topics.ts'

test('a seed draws the same city each time, another seed another', () => {
  expect(drawCity({ seed: 'x' })).toEqual(drawCity({ seed: 'x' }))
  expect(drawCity({ seed: 'y' })).not.toEqual(drawCity({ seed: 'x' }))
  expect(structuredClone(drawCity({ seed: 'x' }))).toEqual(drawCity({ seed: 'x' }))
})

test('the usual city has one centre, 43 hospitals of different names, 400 fridges and a box for each hospital', () => {
  const { hospitals, units, centre } = drawCity({ seed: 1 })
  expect(hospitals).toHaveLength(43)
  expect(new Set(hospitals.map(({ name }) => name.zh)).size).toBe(43)
  expect(new Set(hospitals.map(({ name }) => name.en)).size).toBe(43)
  expect(units.filter(({ use }) => use !== 'box')).toHaveLength(400)
  expect(units.filter(({ use }) => use === 'box')).toHaveLength(43)
  for (const use of ['centre', 'bank', 'theatre', 'icu', 'ambulance'])
    expect(units.filter((unit) => unit.use === use).length, use).toBeGreaterThan(5)
  expect(units.filter(({ facility }) => facility === centre.code)).toHaveLength(8)
})

test('however many hospitals and fridges are asked for, each has what it needs and no name comes twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(120), fc.string(), (hospitals, more, seed) => {
      const fridges = 2 * hospitals + 1 + more
      const city = drawCity({ seed, hospitals, fridges, prefix: 'p' })
      const names = city.units.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
      expect(names).toHaveLength(fridges + hospitals)
      for (const { bank, wards, box } of city.hospitals) {
        expect(names).toEqual(expect.arrayContaining([bank, ...wards, box]))
        expect(wards.length).toBeGreaterThan(0)
      }
      for (const name of names) Name.parse(name)
    }),
    { numRuns: 30 },
  )
  expect(() => drawCity({ seed: 1, hospitals: 3, fridges: 6 })).toThrow('at least 7 fridges')
})

test('whoever lives there can be let in, and every place made known', () => {
  const { people, hospitals, centre } = drawCity({ seed: 1 })
  expect(new Set(people.map(({ username }) => username)).size).toBe(people.length)
  for (const { username, name, role, facility } of people)
    PersonInput.parse({ username, name, roles: [{ role, facility }] })
  for (const { code, kind, name } of [centre, ...hospitals])
    FacilityInput.parse({ code, kind, name: `${name.zh} ${name.en}`, timeZone: 'Asia/Shanghai' })
})

test('distances are those of a globe', () => {
  const beijing = { lat: 39.9042, lon: 116.4074 }
  const shanghai = { lat: 31.2304, lon: 121.4737 }
  expect(greatCircleKm(beijing, shanghai)).toBeCloseTo(1067, -1)
  expect(greatCircleKm(beijing, beijing)).toBe(0)
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 80, noNaN: true }),
      fc.integer({ min: 0, max: 359 }),
      (km, bearing) => {
        const there = travel(beijing, km, bearing)
        expect(greatCircleKm(beijing, there)).toBeCloseTo(km, 0)
        expect(greatCircleKm(there, beijing)).toBe(greatCircleKm(beijing, there))
      },
    ),
  )
})

test('the city is as wide as a city: the farthest hospital is hours away by no van', () => {
  for (const seed of ['a', 'b', 'c']) {
    const { centre, hospitals } = drawCity({ seed })
    const km = hospitals.map(({ position }) => greatCircleKm(centre.position, position))
    expect(Math.max(...km)).toBeLessThan(75)
    expect(Math.max(...km)).toBeGreaterThan(15)
    expect(Math.min(...km)).toBeGreaterThan(0.5)
    for (const { position } of hospitals)
      expect(driveMs(centre.position, position)).toBeLessThan(4 * 3_600_000)
    const pairs = hospitals.flatMap((a, i) =>
      hospitals.slice(i + 1).map((b) => greatCircleKm(a.position, b.position)),
    )
    expect(Math.min(...pairs)).toBeGreaterThan(0.5)
  }
})

test('whatever is drawn holds blood behind a closed door, boxes too', () => {
  for (const { name, heat, sensor, ambient, use } of drawCity({ seed: 'sound', hospitals: 5, fridges: 20 })
    .units) {
    const container = createContainer({ random: createRandom(name), heat, sensor, ambient })
    for (let at = 300_000; at <= 86_400_000; at += 300_000) {
      container.advance(at, Math.round)
      for (const { celsius } of container.measure()) {
        expect(celsius, `${use} ${name}`).toBeGreaterThan(2)
        expect(celsius, `${use} ${name}`).toBeLessThan(6)
      }
    }
  }
})
