import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expiryOf, labelDateOf, readLabelDate } from '../../../../api/domain/isbt128/date.ts'
import {
  allocatableGroup,
  codeOfGroup,
  groupUses,
  meaningOfGroup,
} from '../../../../api/domain/isbt128/group.ts'
import { phenotypeOf } from '../../../../api/domain/isbt128/phenotype.ts'
import { useOfCollection } from '../../../../api/domain/isbt128/product.ts'
import { wallClockIn } from '../../../../api/domain/local-day.ts'

describe('groups', () => {
  const defaults = [
    ['O', 'negative', '95'],
    ['O', 'positive', '51'],
    ['A', 'negative', '06'],
    ['A', 'positive', '62'],
    ['B', 'negative', '17'],
    ['B', 'positive', '73'],
    ['AB', 'negative', '28'],
    ['AB', 'positive', '84'],
  ] as const

  test.each(defaults)('%s RhD %s is %s, and its neighbours are for less than everybody', (abo, rhd, code) => {
    expect(codeOfGroup({ abo, rhd })).toBe(code)
    for (const [index, use] of groupUses.entries()) {
      const near = String(Number(code) + index - 4).padStart(2, '0')
      expect(meaningOfGroup(near)).toEqual({ kind: 'group', abo, rhd, use })
      expect(allocatableGroup(near)).toEqual(use === 'anybody' ? { abo, rhd } : null)
    }
  })

  test('97 is O RhD-negative for its donor alone, no free O RhD-negative', () => {
    expect(meaningOfGroup('97')).toEqual({ kind: 'group', abo: 'O', rhd: 'negative', use: 'autologous_only' })
    expect(allocatableGroup('97')).toBeNull()
  })

  test('where RhD is not told it is not known', () => {
    for (const [code, abo] of Object.entries({ 55: 'O', 66: 'A', 77: 'B', 88: 'AB' })) {
      expect(meaningOfGroup(code)).toEqual({ kind: 'group', abo, rhd: null, use: 'anybody' })
      expect(allocatableGroup(code)).toBeNull()
    }
  })

  test('pools, the Bombay family, messages and what nobody knows are allocated to nobody', () => {
    const kinds = (codes: string) => [...new Set(codes.split(' ').map((code) => meaningOfGroup(code).kind))]
    expect(kinds('A0 B0 C0 D0 E0 F0 G0 H0')).toEqual(['pooled'])
    expect(meaningOfGroup('F0')).toEqual({ kind: 'pooled', rhd: 'negative' })
    expect(kinds('D6 E6 G6 H6 I6')).toEqual(['bombay'])
    expect(kinds('Mq Md Mx Mb Mr Mf Ma 00')).toEqual(['message'])
    expect(meaningOfGroup('Mq')).toEqual({ kind: 'message', message: 'quarantine' })
    expect(meaningOfGroup('00')).toEqual({ kind: 'message', message: 'none' })
    expect(kinds('T3 MQ mq Zz constructor')).toEqual(['unknown'])
    for (const code of 'A0 E0 D6 H6 Mq Ma 00 T3 constructor'.split(' '))
      expect(allocatableGroup(code)).toBeNull()
  })

  test('of all codes there are eight that may be allocated', () => {
    const characters = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
    const codes = characters.flatMap((a) => characters.map((b) => a + b))
    const free = codes.filter((code) => allocatableGroup(code) !== null)
    expect(free.sort()).toEqual(defaults.map(([, , code]) => code).sort())
  })
})

describe('phenotypes', () => {
  const told = (r: string) => {
    const { C, c, E, e, K } = phenotypeOf(r)
    const sign = (name: string, has: boolean | null) => (has === null ? '' : `${name}${has ? '+' : '-'}`)
    return sign('C', C) + sign('c', c) + sign('E', E) + sign('e', e) + sign('K', K)
  }

  test.each([
    ['1AJ', 'C-c+E-e+'],
    ['2BK', 'C+c+E-e+'],
    ['3CL', 'C+c+E+e+'],
    ['4DM', 'C+c+E+e-'],
    ['5EN', 'C-c+E+e+'],
    ['6FO', 'C-c+E+e-'],
    ['7GP', 'C+c-E-e+'],
    ['8HQ', 'C+c-E+e+'],
    ['9IR', 'C+c-E+e-'],
    ['0ST', ''],
    ['XYZ', 'C-E-'],
  ])('%s: K not told, negative, positive of %s', (codes, rhesus) => {
    const [unknown = '', negative = '', positive = ''] = codes
    expect([told(unknown), told(negative), told(positive)]).toEqual([rhesus, `${rhesus}K-`, `${rhesus}K+`])
  })

  test('U, V and W tell nothing of them', () => {
    expect(phenotypeOf('U')).toMatchObject({ C: null, K: null, miMur: false, isElsewhere: false })
    expect(phenotypeOf('V')).toMatchObject({ C: null, K: null, miMur: true, isElsewhere: false })
    expect(phenotypeOf('W')).toMatchObject({ C: null, K: null, miMur: null, isElsewhere: true })
  })
})

test('a collection type means what its case says', () => {
  const of = (types: string) => [...new Set([...types].map(useOfCollection))]
  expect(of('0V7')).toEqual(['anybody'])
  expect(of('1XA')).toEqual(['autologous'])
  expect(of('23Dd')).toEqual(['directed'])
  expect(of('Rr')).toEqual(['research'])
  expect(of('PG')).toEqual(['paid', 'emergency'])
  expect(of('vxaz')).toEqual(['unknown'])
})

describe('dates', () => {
  const instant = (content: string, zone: string) => {
    const read = readLabelDate(content)
    return typeof read === 'string' ? read : new Date(expiryOf(read, zone)).toISOString()
  }

  test.each([
    ['0260422359', 'Asia/Shanghai', '2026-02-11T16:00:00.000Z'],
    ['0183652359', 'Asia/Shanghai', '2018-12-31T16:00:00.000Z'],
    ['0180292359', 'UTC', '2018-01-30T00:00:00.000Z'],
    ['026042', 'Asia/Shanghai', '2026-02-11T16:00:00.000Z'],
    ['0240601230', 'UTC', '2024-02-29T12:31:00.000Z'],
    ['0243660000', 'UTC', '2024-12-31T00:01:00.000Z'],
    // Passed over, from two to three: it is over when it is passed over.
    ['0200890230', 'Europe/Berlin', '2020-03-29T01:00:00.000Z'],
    ['0200890159', 'Europe/Berlin', '2020-03-29T01:00:00.000Z'],
    ['0200890300', 'Europe/Berlin', '2020-03-29T01:01:00.000Z'],
    // Shown twice, from two to three: the first.
    ['0202990230', 'Europe/Berlin', '2020-10-25T00:31:00.000Z'],
    ['0202990259', 'Europe/Berlin', '2020-10-25T01:00:00.000Z'],
    ['0202990300', 'Europe/Berlin', '2020-10-25T02:01:00.000Z'],
    // A whole day passed over, and midnight.
    ['0113641200', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
    ['0183080030', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'],
  ])('%s in %s is over at %s', (content, zone, over) => {
    expect(instant(content, zone)).toBe(over)
  })

  test.each([
    '0253660000',
    '0000000000',
    '0260000000',
    '1260420000',
    '0260422400',
    '0260420060',
    '0263670000',
  ])('%s is none', (content) => {
    expect(typeof readLabelDate(content)).toBe('string')
  })

  test('the last minute that is usable is the one on the label', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2000, 0) / 60_000, max: Date.UTC(2060, 0) / 60_000 }),
        fc.constantFrom('UTC', 'Asia/Shanghai', 'Europe/Berlin', 'America/Sao_Paulo', 'Asia/Kathmandu'),
        (minute, zone) => {
          const last = minute * 60_000
          const on = labelDateOf(wallClockIn(zone)(last))
          const over = expiryOf(on, zone)
          // A minute shown twice is the first of the two, an hour before.
          expect([last + 60_000, last + 60_000 - 3_600_000]).toContain(over)
        },
      ),
      { numRuns: 500 },
    )
  })
})
