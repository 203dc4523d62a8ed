import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accountOf, isToldAlready, type Observation } from '../../../api/domain/transfusion.ts'
import { transfusionVerbs } from '../../../schema/vocabulary.ts'

const plain = {
  endedAt: null,
  reaction: false,
  patient: 'P1',
  checkers: ['ann', 'ben'],
  volumeMl: null,
} as const

function told(verb: Observation['verb'], occurredAt: number, more: Partial<Observation> = {}): Observation {
  return { ...plain, verb, occurredAt, ...more }
}

const anObservation: fc.Arbitrary<Observation> = fc.record({
  verb: fc.constantFrom(...transfusionVerbs),
  occurredAt: fc.integer({ min: 0, max: 10 }),
  endedAt: fc.option(fc.integer({ min: 0, max: 10 })),
  reaction: fc.boolean(),
  patient: fc.option(fc.constantFrom('P1', 'P2')),
  checkers: fc.subarray(['ann', 'ben', 'eva']),
  volumeMl: fc.option(fc.constantFrom(200, 250)),
})

describe('the account of a transfusion', () => {
  test('is the same in whatever order its parts are told, and however often', () => {
    fc.assert(
      fc.property(
        fc
          .array(anObservation, { maxLength: 8 })
          .chain((parts) =>
            fc.tuple(
              fc.constant(parts),
              fc.shuffledSubarray([...parts, ...parts], { minLength: parts.length * 2 }),
            ),
          ),
        ([parts, shuffled]) => {
          expect(accountOf(shuffled)).toEqual(accountOf(parts))
        },
      ),
    )
  })

  test.each([
    ['nothing', [], null],
    ['a start', [told('start_transfusion', 5)], { disposition: 'TS', isOver: false, startedAt: 5 }],
    [
      'a start and an end',
      [told('end_transfusion', 9), told('start_transfusion', 5)],
      { disposition: 'TX', isOver: true, startedAt: 5, endedAt: 9 },
    ],
    ['an end alone', [told('end_transfusion', 9)], { disposition: 'TX', isOver: true, startedAt: null }],
    [
      'an interruption',
      [told('start_transfusion', 5), told('interrupt_transfusion', 6)],
      { disposition: 'TI', isOver: true, wasInterrupted: true },
    ],
    [
      'an interruption, and that it went on to its end',
      [told('start_transfusion', 5), told('interrupt_transfusion', 6), told('end_transfusion', 9)],
      { disposition: 'TX', wasInterrupted: false, endedAt: 9 },
    ],
    [
      'an end and an interruption at one moment',
      [told('end_transfusion', 9), told('interrupt_transfusion', 9)],
      { disposition: 'TI' },
    ],
    [
      'a reaction while it is given',
      [told('start_transfusion', 5), told('report_reaction', 6)],
      { disposition: 'TR', isOver: false, reaction: true },
    ],
    [
      'an end from before its start',
      [told('start_transfusion', 5), told('end_transfusion', 4)],
      { isOver: false, endedAt: null, contradictions: ['ended_before_start'] },
    ],
    [
      'the whole, without its end',
      [told('transfuse', 5)],
      { disposition: 'TX', isOver: true, endedAt: null },
    ],
    [
      'two patients, two starts and two volumes',
      [
        told('start_transfusion', 5, { volumeMl: 200 }),
        told('start_transfusion', 6, { patient: 'P2', volumeMl: 250 }),
      ],
      { startedAt: 5, volumeMl: 250, contradictions: ['two_starts', 'two_patients', 'two_volumes'] },
    ],
  ] as const)('of %s', (_, parts, account) => {
    if (account === null) expect(accountOf(parts)).toBeNull()
    else expect(accountOf(parts)).toMatchObject(account)
  })

  test('knows what was told already, to the letter and no further', () => {
    const start = told('start_transfusion', 5)
    expect(isToldAlready([start], told('start_transfusion', 5, { checkers: ['ben', 'ann'] }))).toBe(true)
    for (const other of [
      told('start_transfusion', 6),
      told('end_transfusion', 5),
      told('start_transfusion', 5, { patient: 'P2' }),
      told('start_transfusion', 5, { volumeMl: 200 }),
    ])
      expect(isToldAlready([start], other)).toBe(false)
  })
})
