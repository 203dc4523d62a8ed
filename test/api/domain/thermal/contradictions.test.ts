import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contradictions } from '../../../../api/domain/thermal/contradictions.ts'
import type { Sample } from '../../../../api/domain/thermal/sample.ts'
import { cnCauseRule } from '../../../../api/policies/causes.ts'
import { noon } from '../../../support/world.ts'

const minute = 60_000
const silenceMs = 15 * minute

const foundOf = (air: readonly Sample[], load: readonly Sample[], silence = (_at: number) => silenceMs) =>
  contradictions(air, load, silence, cnCauseRule)

/** A value every so many minutes in [from, to], by minutes since noon. */
function told(from: number, to: number, centi: number | ((m: number) => number), every = 1): Sample[] {
  return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, index) => {
    const m = from + index * every
    return { at: noon + m * minute, centi: typeof centi === 'number' ? centi : centi(m) }
  })
}

const stretch = (from: number, to: number | null) => ({
  kind: 'contradicted',
  from: noon + from * minute,
  to: to === null ? null : noon + to * minute,
})

/** Air that is apart from a load of 4 °C in [from, to) and not before or after. */
const apartIn = (from: number, to: number, by: number) =>
  told(-60, 120, (m) => (m >= from && m < to ? 400 + by : 400))
const load = told(-60, 120, 400)

describe('air and load contradict each other', () => {
  test.each([
    ['half an hour to the minute', 0, 30, 301, [stretch(0, 30)]],
    ['a minute less', 0, 29, 301, []],
    ['by just three degrees, however long', -60, 121, 300, []],
    ['by three degrees and a hundredth, from the first reading on', -60, 121, 301, [stretch(-60, null)]],
    ['with the air the colder one', 0, 45, -301, [stretch(0, 45)]],
    ['while it lasts, once it has for half an hour', 90, 121, 500, [stretch(90, null)]],
    ['while it lasts, not before', 91, 121, 500, []],
  ] as const)('%s', (_, from, to, by, expected) => {
    expect(foundOf(apartIn(from, to, by), load)).toEqual(expected)
  })

  test('until the millisecond in which half an hour is over', () => {
    const back = (ms: number) => [
      ...told(-5, 20, (m) => (m < 0 ? 400 : 800)),
      { at: noon + 30 * minute + ms, centi: 400 },
    ]
    expect(foundOf(back(0), load)).toEqual([stretch(0, 30)])
    expect(foundOf(back(-1), load)).toEqual([])
  })

  test('only where both are heard, and the room counts for nothing', () => {
    expect(foundOf([], load)).toEqual([])
    expect(foundOf(told(-60, 120, 900), [])).toEqual([])
    expect(foundOf(told(-60, 120, 900), told(0, 120, 400))).toEqual([stretch(0, null)])
  })

  test('in two directions is one stretch, where none of both was no contradiction for any time', () => {
    const swings = told(-60, 120, (m) => (m < 0 ? 400 : m < 20 ? 800 : 0))
    expect(foundOf(swings, load)).toEqual([stretch(0, null)])
  })

  test('a reading nearer to it ends it, for however short a time', () => {
    const near = apartIn(0, 100, 500).map((one) =>
      one.at === noon + 29 * minute ? { ...one, centi: 700 } : one,
    )
    expect(foundOf(near, load)).toEqual([stretch(30, 100)])
  })

  test('a silence too long of either ends it at the last reading before, and it begins anew after', () => {
    const air = apartIn(0, 121, 500)
    const without = (samples: readonly Sample[], from: number, to: number) =>
      samples.filter(({ at }) => at <= noon + from * minute || at >= noon + to * minute)
    // Just as long as may be is none.
    expect(foundOf(without(air, 40, 55), load)).toEqual([stretch(0, null)])
    expect(foundOf(without(air, 40, 56), load)).toEqual([stretch(0, 40), stretch(56, null)])
    expect(foundOf(air, without(load, 40, 56))).toEqual([stretch(0, 40), stretch(56, null)])
    // Neither part is long enough by itself.
    const brief = apartIn(10, 70, 500)
    expect(foundOf(brief, load)).toEqual([stretch(10, 70)])
    expect(foundOf(without(brief, 31, 48), load)).toEqual([])
    // How long it may be is a matter of when the reading before it was taken.
    const shorter = (at: number) => (at < noon + 40 * minute ? silenceMs : 5 * minute)
    expect(foundOf(without(air, 40, 46), load, shorter)).toEqual([stretch(0, 40), stretch(46, null)])
    expect(foundOf(without(air, 39, 46), load, shorter)).toEqual([stretch(0, null)])
  })

  test('it lasts no longer than either is heard', () => {
    const air = apartIn(0, 121, 500)
    expect(foundOf(air, told(-60, 110, 400))).toEqual([stretch(0, null)])
    expect(foundOf(air, told(-60, 105, 400))).toEqual([stretch(0, null)])
    expect(foundOf(air, told(-60, 104, 400))).toEqual([stretch(0, 104)])
  })

  test('what is told of one instant twice holds by the word of the later boot', () => {
    const air = [
      ...told(-5, 0, 400),
      { at: noon, centi: 900 },
      ...told(1, 40, 900).filter(({ at }) => at % (5 * minute) === 0),
    ]
    expect(foundOf(air, told(-5, 40, 400))).toEqual([stretch(0, null)])
  })
})

const Series = fc.array(
  fc.tuple(fc.constantFrom(1, 5, 5, 10, 14, 15, 16), fc.constantFrom(100, 400, 400, 401, 700, 701, 1_100)),
  { maxLength: 30 },
)

function walk(steps: readonly (readonly [number, number])[]): Sample[] {
  let at = noon
  return steps.map(([minutes, centi]) => {
    at += minutes * minute
    return { at, centi }
  })
}

/** By the minute, as somebody would with a ruler and two charts: every change is at a whole one. */
function byTheMinute(air: readonly Sample[], loads: readonly Sample[]) {
  const newest = Math.max(air.at(-1)?.at ?? 0, loads.at(-1)?.at ?? 0)
  const valueAt = (samples: readonly Sample[], at: number) => {
    const last = samples.findLast((one) => one.at <= at)
    const next = samples.find((one) => one.at > at)?.at ?? newest
    return last && next - last.at <= silenceMs ? last.centi : null
  }
  const found: { kind: string; from: number; to: number | null }[] = []
  let since: number | null = null
  for (let at = noon; at <= newest + minute; at += minute) {
    const [one, other] = [valueAt(air, at), valueAt(loads, at)]
    const areApart = at <= newest && one !== null && other !== null && Math.abs(one - other) > 300
    if (areApart) since ??= at
    else if (since !== null) {
      const to = at > newest ? null : at
      if ((to ?? newest) - since >= 30 * minute) found.push({ kind: 'contradicted', from: since, to })
      since = null
    }
  }
  return found
}

test('two charts compared by the minute show the same', () => {
  let found = 0
  fc.assert(
    fc.property(Series, Series, (air, loads) => {
      const expected = byTheMinute(walk(air), walk(loads))
      found += expected.length
      expect(foundOf(walk(air), walk(loads))).toEqual(expected)
    }),
    { numRuns: 1_000 },
  )
  expect(found).toBeGreaterThan(0)
})

test('which of them is which, and which way they are apart, makes no difference', () => {
  fc.assert(
    fc.property(Series, Series, (air, loads) => {
      const turned = (samples: readonly Sample[]) => samples.map(({ at, centi }) => ({ at, centi: -centi }))
      const expected = foundOf(walk(air), walk(loads))
      expect(foundOf(walk(loads), walk(air))).toEqual(expected)
      expect(foundOf(turned(walk(air)), turned(walk(loads)))).toEqual(expected)
    }),
  )
})

test('what comes later changes nothing that was over longer ago than a silence', () => {
  fc.assert(
    fc.property(Series, Series, fc.integer({ min: 0, max: 300 }), (air, loads, minutes) => {
      const until = noon + minutes * minute
      const before = (samples: readonly Sample[]) => samples.filter(({ at }) => at <= until)
      const over = (found: ReturnType<typeof foundOf>) =>
        found.filter(({ to }) => to !== null && to < until - silenceMs)
      expect(over(foundOf(before(walk(air)), before(walk(loads))))).toEqual(
        over(foundOf(walk(air), walk(loads))),
      )
    }),
  )
})
