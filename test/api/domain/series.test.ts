import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareReadings,
  derive,
  follows,
  type Limits,
  openExcursion,
  openGaps,
  type Reading,
  rules,
  settle,
} from '../../../api/domain/series.ts'

const limits: Limits = { low: 200, high: 600, maxSilenceMs: 1_000 }
const always = () => limits

function series(...points: [at: number, centi: number][]): Reading[] {
  return points.map(([at, centi]) => ({ at, boot: 'a', centi }))
}

describe('gaps', () => {
  test('a silence of exactly maxSilence is no gap, one millisecond more is', () => {
    expect(derive(null, series([0, 400], [1_000, 400]), always).gaps).toEqual([])
    expect(derive(null, series([0, 400], [1_001, 400]), always).gaps).toEqual([{ from: 0, to: 1_001 }])
  })

  test('silence before the first and after the last reading is an open gap as of the moment of asking', () => {
    const { state } = derive(null, series([5_000, 400]), always)
    expect(openGaps(state, 1_000, 6_000, always)).toEqual([{ from: 1_000, to: 5_000, open: true }])
    expect(openGaps(state, 1_000, 6_001, always)).toEqual([
      { from: 1_000, to: 5_000, open: true },
      { from: 5_000, to: 6_001, open: true },
    ])
    expect(openGaps(null, 1_000, 6_000, always)).toEqual([{ from: 1_000, to: 6_000, open: true }])
    expect(openGaps(null, 6_000, 6_000, always)).toEqual([])
  })
})

describe('excursions', () => {
  test('the limits themselves are inside', () => {
    expect(derive(null, series([0, 200], [1, 600]), always).excursions).toEqual([])
  })

  test('an excursion lasts from the first reading outside to the first back inside, with its extremes', () => {
    const { excursions } = derive(null, series([0, 400], [10, 601], [20, 720], [30, 650], [40, 600]), always)
    expect(excursions).toEqual([
      { side: 'high', from: 10, to: 40, ended: 'inside', coldest: 601, warmest: 720, readings: 3 },
    ])
  })

  test('straight from one side to the other ends one and starts the next', () => {
    const { excursions } = derive(null, series([0, 199], [10, 601], [20, 400]), always)
    expect(excursions).toMatchObject([
      { side: 'low', from: 0, to: 10, ended: 'other_side' },
      { side: 'high', from: 10, to: 20, ended: 'inside' },
    ])
  })

  test('a gap ends an excursion at the last reading before it, even at no length', () => {
    const { excursions, state } = derive(null, series([0, 400], [10, 700], [2_000, 700]), always)
    expect(excursions).toMatchObject([
      { from: 10, to: 10, ended: 'gap', readings: 1 },
      { from: 2_000, to: null, ended: null },
    ])
    expect(openExcursion(state, 3_000, always)).toMatchObject({ from: 2_000, to: null })
    expect(openExcursion(state, 3_001, always)).toMatchObject({ from: 2_000, to: 2_000, ended: 'gap' })
  })

  test('each reading is judged by the limits in force at its own time', () => {
    const changing = (at: number) => (at < 20 ? limits : { ...limits, high: 800 })
    const { excursions } = derive(null, series([10, 700], [20, 700], [30, 700]), changing)
    expect(excursions).toMatchObject([{ from: 10, to: 20, ended: 'inside', readings: 1 }])
  })
})

describe('laws', () => {
  const anySeries = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 })), {
      selector: ([at]) => at,
    })
    .map((points) =>
      series(...points.sort(([a], [b]) => a - b).map(([at, c]): [number, number] => [at * 300, c * 100])),
    )

  test('folding in two parts is folding in one', () => {
    fc.assert(
      fc.property(anySeries, fc.nat(), (readings, cut) => {
        const at = readings.length === 0 ? 0 : cut % readings.length
        const whole = derive(null, readings, always)
        const first = derive(null, readings.slice(0, at), always)
        const second = derive(first.state, readings.slice(at), always)
        const ended = first.excursions.filter(({ to }) => to !== null)
        expect([...first.gaps, ...second.gaps]).toEqual(whole.gaps)
        expect(readings.length === at ? first.excursions : [...ended, ...second.excursions]).toEqual(
          whole.excursions,
        )
        expect(second.state).toEqual(whole.state)
      }),
      { numRuns: 2_000 },
    )
  })

  test('gaps and excursions agree with a definition read word by word', () => {
    fc.assert(
      fc.property(anySeries, (readings) => {
        const { gaps, excursions } = derive(null, readings, always)
        const side = (c: number) => (c < 200 ? 'low' : c > 600 ? 'high' : null)
        const silent = (i: number) => (readings[i] as Reading).at - (readings[i - 1] as Reading).at > 1_000
        const expectedGaps = readings.flatMap((r, i) =>
          i > 0 && silent(i) ? [{ from: readings[i - 1]?.at, to: r.at }] : [],
        )
        expect(gaps).toEqual(expectedGaps)
        const starts = readings.filter(
          (r, i) =>
            side(r.centi) !== null &&
            (i === 0 || silent(i) || side((readings[i - 1] as Reading).centi) !== side(r.centi)),
        )
        expect(excursions.map(({ from }) => from)).toEqual(starts.map(({ at }) => at))
        for (const { from, to, side: which, coldest, warmest, readings: n } of excursions) {
          const end = to ?? Number.POSITIVE_INFINITY
          const inside = readings.filter(
            ({ at, centi }) =>
              at >= from && (at < end || at === from || (at <= end && side(centi) === which)),
          )
          const members = inside.filter(({ centi }) => side(centi) === which)
          expect(inside.filter(({ centi }) => side(centi) !== which)).toEqual([])
          expect(n).toBe(members.length)
          expect(coldest).toBe(Math.min(...members.map(({ centi }) => centi)))
          expect(warmest).toBe(Math.max(...members.map(({ centi }) => centi)))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('of two values at one identity the one further from mid-limits rules, of two equally far the higher', () => {
    expect(rules(700, 450, limits)).toBe(true)
    expect(rules(100, 650, limits)).toBe(true)
    expect(rules(300, 500, limits)).toBe(false)
    expect(rules(500, 300, limits)).toBe(true)
    fc.assert(
      fc.property(
        fc.integer({ min: -9_000, max: 9_000 }),
        fc.integer({ min: -9_000, max: 9_000 }),
        (a, b) => {
          expect(rules(a, b, limits) && rules(b, a, limits)).toBe(false)
          if (a !== b) expect(rules(a, b, limits) || rules(b, a, limits)).toBe(true)
        },
      ),
    )
  })

  test('what rules at one identity does not hang on the order in which it was told', () => {
    const changing = (at: number) => (at < 10 ? limits : { ...limits, low: 100, high: 500 })
    const claim = fc.record({
      centi: fc.integer({ min: 0, max: 9 }).map((c) => c * 100),
      seq: fc.nat({ max: 9 }),
    })
    const claims = fc
      .uniqueArray(claim, { selector: ({ seq }) => seq, minLength: 1 })
      .map((all) => all.map((one) => ({ ...one, at: one.seq < 4 ? 0 : 20 })))
    fc.assert(
      fc.property(
        claims.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        fc.nat(),
        ([all, shuffled], cut) => {
          const whole = settle(all, changing)
          const first = settle(shuffled.slice(0, 1 + (cut % shuffled.length)), changing)
          const rest = shuffled.slice(1 + (cut % shuffled.length))
          const second = settle([first.ruling, ...first.overruled, ...rest], changing)
          expect(second.ruling).toEqual(whole.ruling)
          expect(second.overruled).toEqual(whole.overruled)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

describe('readings at one instant', () => {
  const at = { at: 1_000, centi: 400 }

  test("are ordered by boot, then by the device's own time", () => {
    const inOrder: Reading[] = [
      { ...at, boot: 'a', raw: 0 },
      { ...at, boot: 'a' },
      { ...at, boot: 'a', raw: 2_000 },
      { ...at, boot: 'b', raw: 0 },
    ]
    for (const [i, a] of inOrder.entries())
      for (const [k, b] of inOrder.entries()) expect(Math.sign(compareReadings(a, b))).toBe(Math.sign(i - k))
  })

  test('and of one boot may not follow one another, for of the last one only event time and boot are remembered', () => {
    const last = { ...at, boot: 'a' }
    expect(follows(last, { ...at, boot: 'a', raw: 2_000 })).toBe(false)
    expect(follows(last, { ...at, boot: 'b' })).toBe(true)
    expect(follows(last, { ...at, at: 1_001, boot: 'a' })).toBe(true)
  })
})
