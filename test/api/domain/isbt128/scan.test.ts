import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dinCheckFlag, isDin } from '../../../../api/domain/isbt128/din.ts'
import { formatPart, formatScan } from '../../../../api/domain/isbt128/format.ts'
import { parseDin, readBagLabel, readLabel } from '../../../../api/domain/isbt128/label.ts'
import { parseScan } from '../../../../api/domain/isbt128/parse.ts'
import { opaqueKinds, type Part, type Scan } from '../../../../api/domain/isbt128/part.ts'
import { formatProductCode, parseProductCode } from '../../../../api/domain/isbt128/product.ts'
import { refusalOf } from '../../../support/refusals.ts'

const only = (text: string): Part | undefined => {
  const { parts } = parseScan(text)
  expect(parts).toHaveLength(1)
  return parts[0]
}
const refused = (text: string) => refusalOf(() => parseScan(text))

/* Everything a scanner may give, drawn. */

const alphanumerics = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const text = (characters: string, length: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength: length, maxLength: length })
const digits = (length: number) => text('0123456789', length)
const upper = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const facility = fc
  .tuple(
    text('ABCDEFGHIJKLMNPQRSTUVWXYZ123456789', 1),
    text('ABCDEFGHIJKLMNPQRSTUVWXYZ0123456789', 2),
    digits(2),
  )
  .map((parts) => parts.join(''))
const dins = fc.tuple(facility, digits(8)).map((parts) => parts.join(''))
const dinParts = dins.chain((din) =>
  fc
    .oneof(fc.constantFrom('00', '01', '05', '06', '15', '20', '59'), fc.constant(dinCheckFlag(din)))
    .map((flag): Part => ({ kind: 'din', din, flag })),
)
const dates = fc
  .record({
    year: fc.integer({ min: 1900, max: 2099 }),
    dayOfYear: fc.integer({ min: 1, max: 365 }),
    minute: fc.option(fc.integer({ min: 0, max: 1_439 })),
  })
  .map((on) => ({ on }))
const lengths = {
  special_testing: 5,
  container: 10,
  container_lot: 10,
  consignment: 16,
  lot_number: 18,
  supplementary_id: 18,
  single_european_code: 40,
}
const opaques = opaqueKinds
  .filter((kind) => kind !== 'patient' && kind !== 'patient_birth')
  .map((kind) => text(alphanumerics, lengths[kind]).map((content): Part => ({ kind, content })))

const fixed: fc.Arbitrary<Part> = fc.oneof(
  dinParts,
  fc
    .tuple(text(upper, 1), text(alphanumerics, 1), text(upper, 1))
    .map(([first, second, phenotype]): Part => ({ kind: 'blood_group', group: first + second, phenotype })),
  fc
    .tuple(
      text('EFTS', 1),
      digits(4),
      text(alphanumerics, 1),
      text(upper, 1),
      text(alphanumerics.slice(36), 1),
    )
    .map(
      ([first, rest, collectionType, d, s]): Part => ({
        kind: 'product',
        productCode: first + rest,
        collectionType,
        division: d + s,
      }),
    ),
  fc
    .tuple(fc.constantFrom('expires' as const, 'collected' as const, 'produced' as const), dates)
    .map(([kind, date]): Part => ({ kind, ...date })),
  text(upper, 4).map((of): Part => ({ kind: 'flexible_date', of, at: '202602112359' })),
  digits(18).map((positions): Part => ({ kind: 'red_cell_antigens', positions })),
  text(upper, 18).map((positions): Part => ({ kind: 'platelet_antigens', positions })),
  text(alphanumerics, 6).map((division): Part => ({ kind: 'divisions', division })),
  fc.tuple(facility, text(alphanumerics, 16)).map(([f, id]): Part => ({ kind: 'donor', facility: f, id })),
  fc.tuple(facility, text(alphanumerics, 6)).map(([f, id]): Part => ({ kind: 'staff', facility: f, id })),
  digits(10).map((content): Part => ({ kind: 'patient_birth', content })),
  ...opaques,
)
const patients = fc
  .string({ unit: fc.constantFrom(...`${alphanumerics}-/.`), minLength: 1, maxLength: 60 })
  .map((content): Part => ({ kind: 'patient', content }))
const locals = fc
  .tuple(
    text('abcdefghijklmnopqrstuvwxyz', 1),
    fc.string({ unit: fc.constantFrom(...`${alphanumerics}=&%`), minLength: 1, maxLength: 80 }),
  )
  .map(([letter, content]): Part => ({ kind: 'local', letter, content }))
const many = fc
  .tuple(fc.array(fixed, { minLength: 1, maxLength: 12 }), fc.option(patients))
  .map(([parts, last]) => (last ? [...parts, last] : parts))

describe('what is formatted is read as it was', () => {
  test('alone', () => {
    fc.assert(
      fc.property(fc.oneof(fixed, patients, locals), (part) => {
        expect(parseScan(formatPart(part))).toEqual({ compound: null, parts: [part] })
      }),
      { numRuns: 3_000 },
    )
  })

  test('concatenated, and as a compound message', () => {
    fc.assert(
      fc.property(many, fc.option(digits(3)), (parts, compound) => {
        const scan: Scan = { compound, parts }
        expect(parseScan(formatScan(scan))).toEqual(scan)
      }),
      { numRuns: 3_000 },
    )
  })

  test('and what is read is formatted as it was, the scanner’s marks taken off', () => {
    fc.assert(
      fc.property(many, fc.constantFrom('', ']C0', ']C4', ']d1'), (parts, mark) => {
        const plain = formatScan({ compound: null, parts })
        expect(formatScan(parseScan(`${mark}${plain}\r\n`))).toBe(plain)
      }),
    )
  })
})

describe('any text gives a scan or a refusal, never anything else', () => {
  const readers = [
    (given: string) => parseProductCode(given),
    (given: string) => readBagLabel({ din: given, productCode: 'E0336V00' }),
  ]
  const isAnswered = (given: string) => {
    for (const read of readers) {
      const refusal = refusalOf(() => read(given))
      if (refusal) expect(refusal.message.length).toBeLessThan(300)
    }
  }

  test('100,000 texts of chance', () => {
    const near = fc.string({ unit: fc.constantFrom(..."=&%<>*}+){(\\;',#$abz0129AEOZ "), maxLength: 40 })
    fc.assert(fc.property(fc.oneof(near, fc.string({ unit: 'binary', maxLength: 60 })), isAnswered), {
      numRuns: 100_000,
    })
  }, 300_000)

  test('and 20,000 that were right until something of them was changed', () => {
    const mutations = fc.record({
      parts: many,
      compound: fc.option(digits(3)),
      at: fc.nat(300),
      cut: fc.nat(3),
      put: fc.string({ unit: fc.constantFrom(...`${alphanumerics}=&%<>*+`), maxLength: 3 }),
    })
    fc.assert(
      fc.property(mutations, ({ parts, compound, at, cut, put }) => {
        const whole = formatScan({ compound, parts })
        const from = at % whole.length
        const changed = whole.slice(0, from) + put + whole.slice(from + cut)
        isAnswered(changed)
        // What is read of it still says all of it.
        if (!refusalOf(() => parseScan(changed))) expect(formatScan(parseScan(changed))).toBe(changed.trim())
      }),
      { numRuns: 20_000 },
    )
  }, 300_000)
})

describe('structures are told apart by identifier, length and characters', () => {
  test('A RhD-positive is no antigens of an O RhD-negative bag', () => {
    expect(only('=%6200')).toEqual({ kind: 'blood_group', group: '62', phenotype: '0' })
    expect(only('=\\620000000000000000')).toEqual({
      kind: 'red_cell_antigens',
      positions: '620000000000000000',
    })
    expect(readLabel({ din: '=\\620000000000000000' }).group).toBeNull()
    expect(readLabel({ din: '=\\620000000000000000=%9500' }).group).toBe('95')
  })

  test('a published compound message: five structures', () => {
    const published =
      '=+05000=Z54991712345600=%T300=<T0416003&>0183652359&,4PL001499Z549917123456A00T041600320181231'
    const { compound, parts } = parseScan(published)
    expect(compound).toBe('000')
    expect(parts).toEqual([
      { kind: 'din', din: 'Z549917123456', flag: '00' },
      { kind: 'blood_group', group: 'T3', phenotype: '0' },
      { kind: 'product', productCode: 'T0416', collectionType: '0', division: '03' },
      { kind: 'expires', on: { year: 2018, dayOfYear: 365, minute: 1_439 } },
      { kind: 'single_european_code', content: 'PL001499Z549917123456A00T041600320181231' },
    ])
    expect(formatScan({ compound, parts })).toBe(published)
    expect(refusalOf(() => readLabel({ din: published }))?.message).toMatch(/no component of blood/)
  })

  test.each([
    ['', 'nothing was read'],
    ['=+04000=W03659878680500=%9500', 'says 4 structures, and 2 follow'],
    ['=+01000=W03659878680500=%9500', 'says 1 structures, and 2 follow'],
    ['=+00000', 'nothing follows it'],
    ['=+0x000=W03659878680500', '5 digits belong behind =+'],
    ['=+02000=W03659878680500&aLOCAL', 'read alone only'],
    ['=+02000=W03659878680500=+01000=%9500', 'is in no other'],
    ['=W03659878680500&aLOCAL', 'read alone only'],
    ['=%62', '4 characters belong behind =%'],
    ['=%62000', 'no data identifier'],
    ['=%6205', 'its characters are not'],
    ['=<E0336V0', '8 characters belong behind =<'],
    ['=<E0336V0A', 'its characters are not'],
    ['=<E033AV00', 'its characters are not'],
    ['&>0320422362', 'no hour has a minute 62'],
    ['&>0320422400', 'no day has an hour 24'],
    ['=>025366', '2025 has no day 366'],
    ['=>026000', '2026 has no day 000'],
    ['=>126042', 'of century 1'],
    ['=(0000202602302359', 'there is no such date'],
    ['=(0000202602112460', 'there is no such date'],
    ['&,3000000000000000000', 'no data identifier'],
    ['&#12345=W03659878680500', 'patient identification number …'],
    ['=#19800101AB', 'patient date of birth …'],
    ['A999917123456', 'no data identifier'],
    ['=O99991712345600', 'none begins with O or 0'],
  ])('%s is refused, and it is said why', (given, why) => {
    expect(refused(given)?.message).toContain(why)
  })

  test('a refusal names the structure and what stood there, but nobody’s number', () => {
    expect(refused('=%62a0')?.message).toBe(
      'blood group (002) "=%62a0": its characters are not those it is made of',
    )
    for (const personal of [
      '&#SECRET=X',
      '=;A9999SECRETSECRE-',
      "='A9999SECRE-",
      '=#SECRET1234',
      '=%6200=?SECRET',
    ])
      expect(refused(personal)?.message).not.toContain('SECRE')
  })

  test('what has no fixed length ends the text, or is all of it', () => {
    expect(parseScan('=W03659878680500&#P-123').parts).toHaveLength(2)
    expect(only('&zANYTHING=AT&ALL')).toEqual({ kind: 'local', letter: 'z', content: 'ANYTHING=AT&ALL' })
  })

  test.each([
    ['&,1ABC000000000000123', 'lot_number'],
    ['&,2ABC000000000000123', 'supplementary_id'],
    ['=,ABC001', 'divisions'],
    ['=$A999926000000012', 'consignment'],
    ['=;A9999DONOR00000000001', 'donor'],
    ["='A9999STAFF1", 'staff'],
    ['&(N0008', 'special_testing'],
    ['=)1TE1234567', 'container'],
    ['&)1234567890', 'container_lot'],
    ['=#1980010100', 'patient_birth'],
    ['&{000000000000000000', 'platelet_antigens'],
    ['=*026042', 'collected'],
    ['&}0260420800', 'produced'],
  ])('%s is a %s', (given, kind) => {
    expect(only(given)?.kind).toBe(kind)
  })
})

describe('what identifies a bag', () => {
  const label = {
    din: 'W036598786805',
    product: { productCode: 'E0336', collectionType: 'V', division: '00' },
    group: '95',
    expires: { year: 2026, dayOfYear: 42, minute: 1_439 },
  }

  test('is read in every mode of a scanner', () => {
    const whole = '=W03659878680500=%9500=<E0336V00&>0260422359'
    for (const given of [
      { din: '=W03659878680500=%9500', productCode: '=<E0336V00&>0260422359' },
      { din: '=<E0336V00&>0260422359', productCode: ']C4=W03659878680567=%9500\r' },
      { din: whole },
      { din: `=+04000${whole}` },
      { din: `]d1=+04000${whole}` },
    ])
      expect(readBagLabel(given)).toEqual(label)
    expect(readBagLabel({ din: 'W0365 98 786805 7', productCode: 'E0336V00' })).toMatchObject({
      din: label.din,
      product: label.product,
      group: null,
      expires: null,
    })
  })

  test('is never pieced together of two bags', () => {
    for (const given of [
      { din: '=W03659878680500=A99991712345600', productCode: 'E0336V00' },
      { din: '=W03659878680500=%9500=%5100', productCode: 'E0336V00' },
      { din: '=W03659878680500=<E0336V00', productCode: 'E0336VA0' },
      { din: '=W03659878680500', productCode: '=<E0336V00=A99991712345600' },
      { din: 'W0365987868057', productCode: '=<E0336V00=A99991712345600' },
    ])
      expect(refusalOf(() => readBagLabel(given))?.code).toBe('invalid_barcode')
  })

  test('is all of it, and of a bag', () => {
    expect(refusalOf(() => readBagLabel({ din: '=<E0336V00' }))?.code).toBe('invalid_din')
    expect(refusalOf(() => readBagLabel({ din: '=W03659878680500' }))?.code).toBe('invalid_request')
    for (const flag of ['06', '07', '08', '09'])
      expect(refusalOf(() => parseDin(`=W036598786805${flag}`))?.message).toContain('a tube or a form')
    expect(refusalOf(() => readLabel({ din: '=W03659878680500=>999365' }))?.message).toContain('last century')
  })

  test('keeps its case, and its division wherever that stands', () => {
    expect(parseProductCode('E0336rAa')).toEqual({
      productCode: 'E0336',
      collectionType: 'r',
      division: 'Aa',
    })
    expect(parseProductCode('=<E0336V00').division).toBe('00')
    expect(parseProductCode('=<E0336V99=,AB0012').division).toBe('AB0012')
    expect(refusalOf(() => parseProductCode('=<E0336V99'))?.message).toContain('another barcode')
    expect(refusalOf(() => parseProductCode('=<E0336V00=,AB0012'))?.message).toContain('does not ask for it')
    expect(refusalOf(() => parseProductCode('=<E0336V01'))?.message).toContain('not divided so')
    const divided = parseProductCode('=<E0336V99=,AB0012')
    expect(parseProductCode(formatProductCode(divided))).toEqual(divided)
    for (const typed of ['E0336', 'E0336V', 'E0336v0', 'E0336V99', 'E0336V0A', 'T0416003', 'E0336V00x'])
      expect(refusalOf(() => parseProductCode(typed))?.code).toBe('invalid_request')
  })

  test('a number drawn is a number', () => {
    fc.assert(fc.property(dins, (din) => isDin(din)))
  })
})
