import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dinCheckCharacter, parseDin, parseProductCode } from '../../../api/domain/isbt128.ts'
import { Refusal } from '../../../api/domain/refusal.ts'

/** Published: ISBT 128 ST-001 text, figures, labels and appendix A; UK Red Book annex 2; a photographed bag. */
const published: [din: string, check: string, flag: string][] = [
  ['G123417654321', 'A', '70'],
  ['G123498654321', 'H', '77'],
  ['A999818123456', 'N', '83'],
  ['W000009123456', 'G', '76'],
  ['A999921123456', '3', '63'],
  ['A999917123456', '9', '69'],
  ['A999820123456', 'E', '74'],
  ['A999917123654', 'Y', '94'],
  ['A999917345628', '*', '96'],
  ['A999917345658', 'O', '84'],
  ['A999915000001', 'M', '82'],
  ['A999918000001', '8', '68'],
  ['W183326337371', '5', '65'],
]

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

describe('donation identification numbers', () => {
  test.each(published)('%s carries the check character %s and flag %s', (din, check, flag) => {
    expect(dinCheckCharacter(din)).toBe(check)
    expect(parseDin(`${din}${check}`)).toBe(din)
    expect(parseDin(`=${din}${flag}`)).toBe(din)
    expect(parseDin(`${din.slice(0, 5)} ${din.slice(5, 7)} ${din.slice(7)} ${check}`)).toBe(din)
  })

  test('a scanned flag that disagrees, is too short, or marks a tube is refused', () => {
    expect(codeOf(() => parseDin('=G12341765432171'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A999917123456'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A99991712345607'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A99991712345698'))).toBe('invalid_din')
    expect(parseDin('=W03659878680500')).toBe('W036598786805')
  })

  test('typed without its check character it is refused', () => {
    expect(codeOf(() => parseDin('A999917123456'))).toBe('invalid_din')
  })

  test('any one changed character of a typed number is refused', () => {
    const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*'
    fc.assert(
      fc.property(
        fc.constantFrom(...published),
        fc.integer({ min: 0, max: 13 }),
        fc.constantFrom(...characters),
        ([din, check], index, character) => {
          const typed = `${din}${check}`
          if (typed[index] === character) return
          const changed = typed.slice(0, index) + character + typed.slice(index + 1)
          expect(codeOf(() => parseDin(changed))).toBe('invalid_din')
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('any text gives a number or a refusal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        codeOf(() => parseDin(text))
        codeOf(() => parseProductCode(text))
      }),
      { numRuns: 5_000 },
    )
  })
})

test('a product code is read with its case kept', () => {
  const identity = { productCode: 'E0336', collectionType: 'V', division: '00' }
  expect(parseProductCode('E0336V00')).toEqual(identity)
  expect(parseProductCode('=<E0336V00')).toEqual(identity)
  expect(parseProductCode('E0336rAa')).toMatchObject({ collectionType: 'r', division: 'Aa' })
  expect(codeOf(() => parseProductCode('E0336'))).toBe('invalid_request')
})
