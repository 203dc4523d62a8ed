import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BagOut, outSince, timerConditions } from '../../../api/domain/bag-timer.ts'
import { placeStates } from '../../../schema/vocabulary.ts'

const minute = 60_000
const rules = { longestMs: 30 * minute, warnShare: 1 / 3, transfusionMs: 240 * minute }

function aBag(changes: Partial<BagOut> = {}): BagOut {
  const place = { state: 'in_hand', from: 0 } as const
  return { bagId: 'a', state: 'issued', place, issuedAt: 0, vouchedAt: null, spentMs: 0, ...changes }
}

function at(minutes: number, bag: BagOut, changed: Partial<typeof rules> = {}) {
  return timerConditions(bag, { ...rules, ...changed }, minutes * minute).map(({ kind, dueAt }) => [
    kind,
    dueAt / minute,
  ])
}

describe('the timer of a bag', () => {
  test.each([
    [19.99, aBag(), []],
    [20, aBag(), [['bag_out_soon', 20]]],
    [29.99, aBag(), [['bag_out_soon', 20]]],
    [30, aBag(), [['bag_out', 30]]],
    [239.99, aBag(), [['bag_out', 30]]],
    [
      240,
      aBag(),
      [
        ['bag_out', 30],
        ['transfusion_late', 240],
      ],
    ],
    [240, aBag({ state: 'available' }), [['bag_out', 30]]],
    [5, aBag({ spentMs: 15 * minute }), [['bag_out_soon', 5]]],
    [15, aBag({ spentMs: 15 * minute }), [['bag_out', 15]]],
    [0, aBag({ spentMs: 31 * minute }), [['bag_out', 0]]],
  ])('says after %d minutes out what is due', (minutes, bag, expected) => {
    expect(at(minutes, bag)).toEqual(expected)
  })

  test('says nothing of minutes where no policy does', () => {
    expect(timerConditions(aBag(), { ...rules, longestMs: null }, 300 * minute)).toMatchObject([
      { kind: 'transfusion_late' },
    ])
    expect(timerConditions(aBag(), { ...rules, longestMs: null, transfusionMs: null }, 300 * minute)).toEqual(
      [],
    )
  })

  test.each([
    ['inside a container', { place: { state: 'inside', from: 5 } }, null],
    ['taken out before it was issued', { place: { state: 'in_hand', from: 5 }, issuedAt: 9 }, 5],
    ['issued and never seen', { place: null, issuedAt: 9 }, 9],
    ['missing since before it was issued', { place: { state: 'unknown', from: 5 }, issuedAt: 9 }, 9],
    ['missing since it was issued', { place: { state: 'unknown', from: 12 }, issuedAt: 9 }, 12],
    ['in stock and never seen', { state: 'available', place: null, issuedAt: null }, null],
    ['in stock and missing', { state: 'available', place: { state: 'unknown', from: 5 } }, null],
    ['taken out of stock', { state: 'available', vouchedAt: 5, place: { state: 'in_hand', from: 5 } }, 5],
    [
      'taken out elsewhere, and received',
      { state: 'available', vouchedAt: 6, place: { state: 'in_hand', from: 5 } },
      null,
    ],
    ['received so, and issued', { vouchedAt: 6, issuedAt: 9, place: { state: 'in_hand', from: 5 } }, 9],
  ] as const)('begins where a bag is %s', (_, changes, expected) => {
    expect(outSince(aBag(changes as Partial<BagOut>))).toBe(expected)
  })

  test('warns before it alarms, does only one of them, and never takes back what is due while nothing is heard', () => {
    const moment = fc.integer({ min: 0, max: 300 * minute })
    const bag = fc.record({
      bagId: fc.constant('a'),
      state: fc.constantFrom('available' as const, 'distributed' as const, 'issued' as const),
      place: fc.option(fc.record({ state: fc.constantFrom(...placeStates), from: moment })),
      issuedAt: fc.option(moment),
      vouchedAt: fc.option(moment),
      spentMs: fc.integer({ min: 0, max: 40 * minute }),
    })
    const order = ['nothing', 'bag_out_soon', 'bag_out']
    fc.assert(
      fc.property(bag, moment, moment, (one, before, later) => {
        const [first, second] = [Math.min(before, later), Math.max(before, later)]
        const stage = (now: number) => {
          const kinds = timerConditions(one, rules, now).map(({ kind }) => kind as string)
          const about = kinds.filter((kind) => kind !== 'transfusion_late')
          expect(about.length).toBeLessThan(2)
          for (const { dueAt, from, to } of timerConditions(one, rules, now)) {
            expect(dueAt).toBeLessThanOrEqual(now)
            expect(dueAt).toBeGreaterThanOrEqual(from)
            expect(to).toBeNull()
          }
          return { stage: order.indexOf(about[0] ?? 'nothing'), isLate: kinds.includes('transfusion_late') }
        }
        expect(stage(second).stage).toBeGreaterThanOrEqual(stage(first).stage)
        if (stage(first).isLate) expect(stage(second).isLate).toBe(true)
        const since = outSince(one)
        if (since !== null && first >= since)
          expect(stage(first).stage === 2).toBe(first - since + one.spentMs >= rules.longestMs)
      }),
    )
  })
})
