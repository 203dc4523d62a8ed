import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dinCheckCharacter, dinCheckFlag, meaningOfFlag } from '../../../../api/domain/isbt128/din.ts'
import { parseDin } from '../../../../api/domain/isbt128/label.ts'
import { refusalOf } from '../../../support/refusals.ts'

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

const codeOf = (act: () => unknown) => refusalOf(act)?.code

describe('donation identification numbers', () => {
  test.each(published)('%s carries the check character %s and flag %s', (din, check, flag) => {
    expect(dinCheckCharacter(din)).toBe(check)
    expect(dinCheckFlag(din)).toBe(flag)
    expect(parseDin(`${din}${check}`)).toBe(din)
    expect(parseDin(`=${din}${flag}`)).toBe(din)
    expect(parseDin(`${din.slice(0, 5)} ${din.slice(5, 7)} ${din.slice(7)} ${check}`)).toBe(din)
  })

  test('a scanned flag that disagrees, is too short, or marks a tube is refused', () => {
    expect(codeOf(() => parseDin('=G12341765432171'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A999917123456'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A99991712345607'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A99991712345698'))).toBe('invalid_din')
    expect(codeOf(() => parseDin('=A9999171234560A'))).toBe('invalid_din')
    expect(parseDin('=W03659878680500')).toBe('W036598786805')
    expect(dinCheckCharacter('W036598786805')).toBe('7')
  })

  test('flags say what a number stands on', () => {
    const uses = (from: number, to: number) => {
      const flags = Array.from({ length: to - from + 1 }, (_, index) => String(from + index).padStart(2, '0'))
      return [...new Set(flags.map((flag) => meaningOfFlag(flag)?.use))]
    }
    expect(uses(0, 0)).toEqual(['none'])
    expect(uses(1, 4)).toEqual(['container'])
    expect([meaningOfFlag('05')?.use, ...uses(10, 13)]).toEqual(['label', 'label'])
    expect(uses(6, 9)).toEqual(['tube'])
    expect(uses(14, 14)).toEqual([undefined])
    expect(uses(15, 19)).toEqual(['container'])
    expect(uses(20, 59)).toEqual(['local'])
    expect(uses(60, 96)).toEqual(['check'])
    expect(uses(97, 99)).toEqual([undefined])
    expect(['0A', 'ZZ', '', '1'].map(meaningOfFlag)).toEqual([null, null, null, null])
    expect(meaningOfFlag('15')).toEqual({ use: 'container', container: 5 })
  })

  test('typed without its check character it is refused', () => {
    expect(codeOf(() => parseDin('A999917123456'))).toBe('invalid_din')
  })

  test('no number begins with O or 0', () => {
    for (const first of ['O', '0']) {
      expect(codeOf(() => parseDin(`=${first}99991712345600`))).toBe('invalid_din')
      expect(codeOf(() => parseDin(`${first}999917123456 9`))).toBe('invalid_din')
    }
  })

  test('any one changed character of a typed number, or of one scanned with its check value, is refused', () => {
    const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*'
    fc.assert(
      fc.property(
        fc.constantFrom(...published),
        fc.integer({ min: 0, max: 14 }),
        fc.constantFrom(...characters),
        ([din, check, flag], index, character) => {
          for (const [given, offset] of [
            [`${din}${check}`, 0],
            [`=${din}${flag}`, 1],
          ] as const) {
            const at = index + offset
            if (at >= given.length || given[at] === character) continue
            const changed = given.slice(0, at) + character + given.slice(at + 1)
            // A flag may be changed into one that carries no check value: that says nothing against the number.
            if (offset === 1 && index >= 13 && Number(changed.slice(14)) < 60) continue
            expect(refusalOf(() => parseDin(changed))).toBeDefined()
          }
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('every single substitution and neighbours changed places are found out', () => {
    let found = 0
    for (const [din, check] of published) {
      for (let index = 0; index < 13; index++) {
        const others = /\d/.test(din.charAt(index)) ? [...'0123456789'] : []
        const swapped =
          index < 12 ? [din.slice(0, index) + din[index + 1] + din[index] + din.slice(index + 2)] : []
        const changed = others.map((other) => din.slice(0, index) + other + din.slice(index + 1))
        for (const wrong of [...changed, ...swapped]) {
          if (wrong === din) continue
          expect(codeOf(() => parseDin(wrong + check))).toBe('invalid_din')
          found++
        }
      }
    }
    expect(found).toBeGreaterThan(1_400)
  })
})
