import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BarcodeProfile, checkProfile, readByProfile } from '../../../api/domain/barcode-profile.ts'
import { shownNumber } from '../../../api/domain/unit-id.ts'
import { refusalOf } from '../../support/refusals.ts'

const donation = { part: 'donation', characters: 'digits', length: 10 } as const
const product = { part: 'product', characters: 'upper', length: 4 } as const
const check = { part: 'other', characters: 'digits', length: 1 } as const
const station = { facility: 'C1', region: 'CN-3702', profile: 'old' }

/** Number and check in one barcode of Codabar, the product in another. */
const two: BarcodeProfile = {
  ...station,
  codes: [
    { codabar: true, fields: [{ literal: '02-' }, donation, check] },
    { codabar: false, fields: [product] },
  ],
}
const one: BarcodeProfile = { ...station, codes: [{ codabar: false, fields: [donation, product] }] }

const unit = {
  scheme: 'cn_local',
  identifier: 'CN-3702/C1/old/1234567890',
  product: { productCode: 'A123', collectionType: '0', division: '00' },
}

test('a number is read by its place, and is known by region, station and profile', () => {
  expect(readByProfile(one, ['1234567890A123'])).toEqual(unit)
  expect(readByProfile(two, ['02-12345678907', 'A123'])).toEqual(unit)
  expect(shownNumber(unit.identifier)).toBe('1234567890')
})

test('the barcodes of a bag are read in any order, with what the scanner adds', () => {
  for (const number of ['A02-12345678907B', 'd02-12345678907a\r\n', ']F0A02-12345678907B'])
    expect(readByProfile(two, ['A123', number])).toEqual(unit)
})

test('what does not fit is not read, and one barcode is not read for two', () => {
  for (const texts of [
    ['02-1234567890', 'A123'],
    ['02-12345678907A', 'A123'],
    ['03-12345678907', 'A123'],
    ['02-12345678907', 'a123'],
    ['02-12345678907', 'BA123A'],
    ['02-12345678907', '02-12345678907'],
    ['A123'],
  ])
    expect(readByProfile(two, texts)).toBeNull()
  expect(readByProfile(two, ['02-12345678907'])).toMatchObject({ product: null })
})

test('what is drawn by a profile is read by it', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{10}$/), fc.stringMatching(/^[A-Z0-9]{4}$/), (number, code) => {
      expect(readByProfile(one, [number + code])).toMatchObject({
        identifier: `CN-3702/C1/old/${number}`,
        product: { productCode: code },
      })
    }),
  )
})

test('any text is read or is not, whatever the profile', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 3 }), (texts) => {
      for (const profile of [one, two])
        expect([null, 'cn_local']).toContain(readByProfile(profile, texts)?.scheme ?? null)
    }),
  )
})

test('a profile says what is donation and product, once, and tells its barcodes apart', () => {
  const why = (...codes: BarcodeProfile['codes']) => refusalOf(() => checkProfile(codes))?.message
  const code = (...fields: BarcodeProfile['codes'][number]['fields']) => ({ codabar: false, fields })
  expect(why(...two.codes)).toBeUndefined()
  expect(why(code(donation))).toContain('product')
  expect(why(code(product, check))).toContain('donation')
  expect(why(code(donation, product), code(donation))).toContain('more than one')
  const sameLength = { part: 'product', characters: 'upper', length: 10 } as const
  expect(why(code(donation), code(sameLength))).toContain('may fit another')
  expect(why(code(donation, { literal: '1' }), code(sameLength, { literal: '2' }))).toBeUndefined()
})
