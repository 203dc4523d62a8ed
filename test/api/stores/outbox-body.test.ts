import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packReadings, unpackReadings } from '../../../api/stores/outbox-body.ts'
import { noon } from '../../support/world.ts'

const id = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const reading = fc.record(
  {
    probeId: id,
    at: fc.oneof(
      fc.integer({ min: 0, max: 253_402_300_799_999 }),
      fc.integer({ min: noon, max: noon + 1_000 }),
    ),
    bootId: id,
    seq: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    centi: fc.integer({ min: -32_768, max: 32_767 }),
    humidity: fc.option(fc.integer({ min: 0, max: 10_000 })),
  },
  { noNullPrototype: true },
)

test('readings come out of their bytes as they went in', () => {
  fc.assert(
    fc.property(fc.array(reading), (readings) => {
      expect(unpackReadings(packReadings(readings))).toEqual(readings)
    }),
  )
})

test('bytes that were cut short, or are something else, are not taken for readings', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 3 }), fc.nat(), (readings, n) => {
      const bytes = packReadings(readings)
      const cut = bytes.subarray(0, n % bytes.length)
      try {
        expect(readings.slice(0, -1)).toEqual(expect.arrayContaining(unpackReadings(cut)))
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }),
  )
  expect(() => unpackReadings(Buffer.from('reading,device=fridge-1'))).toThrow(RangeError)
})
