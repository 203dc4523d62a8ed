import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { greatCircleKm } from '../../../../api/domain/rescue-route.ts'
import { driveFault, hourAt, middleOf, minutesOfDrive } from '../../../../api/domain/transfer/travel.ts'
import { travelTable } from '../../../../api/domain/transfer/travel-table.ts'
import { cnTransferDrives, cnTransferRoads } from '../../../../api/policies/transfer.ts'

describe('a table of ways', () => {
  test('says what it was told of the hour, else of all hours, and of the way back only if it is symmetric', () => {
    const ways = [
      { from: 'A', to: 'B', minutes: 30 },
      { from: 'A', to: 'B', minutes: 55, hours: [7, 8] },
      { from: 'B', to: 'C', minutes: 20, hours: [7] },
      { from: 'C', to: 'B', minutes: 25 },
    ]
    const oneWay = travelTable(ways, false)
    expect([6, 7, 8, 9].map((hour) => oneWay('A', 'B', hour))).toEqual([30, 55, 55, 30])
    expect([oneWay('B', 'A', 7), oneWay('B', 'C', 6), oneWay('A', 'C', 7)]).toEqual([null, null, null])
    const both = travelTable(ways, true)
    expect([both('B', 'A', 7), both('B', 'A', 6)]).toEqual([55, 30])
    expect([both('B', 'C', 7), both('C', 'B', 7), both('B', 'C', 6)]).toEqual([20, 25, 25])
  })

  test('is not read where it says two things of one hour, or leads nowhere', () => {
    const way = { from: 'A', to: 'B', minutes: 30 }
    expect(() => travelTable([way, { ...way, minutes: 31 }], false)).toThrow('from A to B is told twice')
    const hours = [{ hours: [6, 7] }, { hours: [7, 8] }].map((told) => ({ ...way, ...told }))
    expect(() => travelTable(hours, false)).toThrow('told twice of hour 7')
    expect(() => travelTable([{ ...way, to: 'A' }], false)).toThrow('from A to A')
  })
})

test('a drive is longer than on empty streets in every hour, longest in the rush hours, begun minutes counted', () => {
  const minutes = (seconds: number, hour: number) =>
    minutesOfDrive(seconds, hour, cnTransferDrives, cnTransferRoads)
  // 600 s are 12 min at night, 16 by day and 22 in the rush hours; and 3 to the door.
  expect([3, 12, 8].map((hour) => minutes(600, hour))).toEqual([15, 19, 25])
  expect([minutes(0, 3), minutes(0.1, 3), minutes(601, 3)]).toEqual([3, 4, 16])
  expect(cnTransferDrives.percentAt).toHaveLength(24)
  expect(Math.min(...cnTransferDrives.percentAt)).toBeGreaterThanOrEqual(100)
  expect(() => minutes(600, 24)).toThrow('no hour of the day is 24')
})

test.for([
  [-1, 10, 'it is no time'],
  [Number.NaN, 10, 'it is no time'],
  [Number.POSITIVE_INFINITY, 10, 'it is no time'],
  [0, 0.001, 'it is faster than 150 km/h'],
  [239, 10, 'it is faster than 150 km/h'],
  [240, 10, null],
  [36_000 + 1_200, 10, null],
  [36_000 + 1_201, 10, 'it is slower than 1 km/h'],
  [1_200, 0.05, null],
] as const)('a drive of %d s over %d km is believed or not: %s', ([seconds, km, fault]) => {
  expect(driveFault(seconds, km, cnTransferDrives)).toBe(fault)
})

test('the hour is the one on the wall', () => {
  expect(hourAt('Asia/Shanghai', Date.parse('2026-05-06T22:30:00Z'))).toBe(6)
  expect(hourAt('UTC', Date.parse('2026-05-06T00:00:00Z'))).toBe(0)
  expect(() => hourAt('Asia/Nowhere', 0)).toThrow(RangeError)
})

test('one that is wrong about where it is moves no place, whatever it says', () => {
  const near = fc.record({
    lat: fc.double({ min: 30, max: 30.01, noNaN: true }),
    lon: fc.double({ min: 120, max: 120.01, noNaN: true }),
  })
  const anywhere = fc.record({
    lat: fc.double({ min: -90, max: 90, noNaN: true }),
    lon: fc.double({ min: -180, max: 180, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(near, { minLength: 3, maxLength: 8 }), anywhere, fc.nat(8), (told, wrong, place) => {
      const middle = middleOf([...told.slice(0, place), wrong, ...told.slice(place)])
      expect(middle && greatCircleKm(middle, { lat: 30.005, lon: 120.005 })).toBeLessThan(5)
    }),
  )
  expect(middleOf([])).toBeNull()
})
