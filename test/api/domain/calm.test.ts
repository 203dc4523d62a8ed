import fc from 'fast-check'
import { expect, test } from 'vitest'
import { calmExposure, type Summary } from '../../../api/domain/calm.ts'
import { inForce } from '../../../api/domain/effective.ts'
import { accountOf } from '../../../api/domain/exposure.ts'
import { compareReadings, derive, type Reading } from '../../../api/domain/series.ts'

const Instant = fc.integer({ min: 0, max: 60 })
const Silence = fc.constantFrom(8, 10, 12)

/** A probe that is heard every so often, and something of all that may come between. In ms, and degrees. */
const World = fc.record({
  everyMs: fc.constantFrom(5, 5, 8, 9, 11),
  firstAt: fc.constantFrom(0, 0, 0, 3, 20),
  heardUntil: fc.constantFrom(30, 45, 50, 60, 60, 60),
  usual: fc.constantFrom(4, 4, 4, 5, 7),
  more: fc.array(
    fc.record({ at: Instant, boot: fc.constantFrom('a', 'b'), centi: fc.constantFrom(1, 4, 4, 5, 7) }),
    { maxLength: 2 },
  ),
  profiles: fc.array(fc.record({ from: Instant, maxSilenceMs: Silence }), { maxLength: 2 }),
  versions: fc.array(
    fc.record({
      from: Instant,
      low: fc.constantFrom(2, 2, 3, 5),
      high: fc.constantFrom(6, 6, 5, 3),
      maxSilenceMs: fc.constantFrom(9, 12, 12, 15),
    }),
    { maxLength: 2 },
  ),
  doubts: fc.array(fc.record({ from: Instant, to: Instant }), { maxLength: 1 }),
  custody: fc.tuple(Instant, Instant),
  /** Asked so long after it ended, though more is known by now. */
  later: fc.constantFrom(0, 0, 3, 20, 60),
})
type World = typeof World extends fc.Arbitrary<infer T> ? T : never

const usually: World = {
  ...{ everyMs: 5, firstAt: 0, more: [], usual: 4, profiles: [], versions: [], doubts: [] },
  ...{ custody: [7, 33], heardUntil: 60, later: 20 },
}
/** Each of these tells one condition from its opposite. */
const calm: readonly World[] = [
  usually,
  { ...usually, custody: [10, 35] },
  { ...usually, custody: [11, 12] },
  { ...usually, later: 0 },
  { ...usually, custody: [7, 60], later: 0 },
  { ...usually, custody: [7, 60], heardUntil: 50, later: 0 },
  { ...usually, more: [{ at: 12, boot: 'b', centi: 5 }] },
  { ...usually, versions: [{ from: 20, low: 3, high: 5, maxSilenceMs: 12 }] },
  { ...usually, profiles: [{ from: 20, maxSilenceMs: 8 }] },
  { ...usually, doubts: [{ from: 33, to: 40 }] },
]
const looked: readonly World[] = [
  { ...usually, usual: 7 },
  { ...usually, firstAt: 20 },
  { ...usually, more: [{ at: 5, boot: 'b', centi: 4 }] },
  { ...usually, more: [{ at: 12, boot: 'b', centi: 7 }] },
  { ...usually, everyMs: 11 },
  { ...usually, custody: [7, 60], heardUntil: 45, later: 0 },
  { ...usually, versions: [{ from: 20, low: 5, high: 6, maxSilenceMs: 12 }] },
  { ...usually, versions: [{ from: 20, low: 2, high: 6, maxSilenceMs: 9 }] },
  // What held when it came is judged by limits that were over by then.
  {
    ...usually,
    versions: [
      { from: 5, low: 5, high: 6, maxSilenceMs: 12 },
      { from: 6, low: 2, high: 6, maxSilenceMs: 12 },
    ],
  },
  { ...usually, doubts: [{ from: 32, to: 40 }] },
]

/** What is told of a stay by its summary, and what by its readings. */
function told({ more, everyMs, firstAt, heardUntil, usual, later, ...world }: World) {
  const custody = { from: Math.min(...world.custody), to: Math.max(...world.custody) }
  const { from, to } = custody
  const asOf = to + later
  const regular = new Map<string, Reading>()
  for (let at = firstAt; at <= heardUntil; at += everyMs)
    regular.set(`${at}/a`, { at, boot: 'a', centi: usual })
  for (const one of more) regular.set(`${one.at}/${one.boot}`, one)
  const readings = [...regular.values()].sort(compareReadings)
  const dated = <T extends { readonly from: number }>(all: readonly T[]) =>
    all.toSorted((a, b) => a.from - b.from)
  const profiles = dated([{ from: -100, maxSilenceMs: 10 }, ...world.profiles])
  const versions = dated([{ from: -100, low: 2, high: 6, maxSilenceMs: 12 }, ...world.versions])
  const doubts = world.doubts.filter((doubt) => doubt.from < doubt.to)

  const { gaps, state } = derive(null, readings, (at) => ({ low: 2, high: 6, ...inForce(profiles, at) }))
  const during = readings.filter(({ at }) => at >= from && at < to)
  const lastOf = (some: readonly Reading[]) => some.filter(({ at }) => at === some.at(-1)?.at)
  const centis = during.map(({ centi }) => centi)
  const summary: Summary = {
    firstAt: readings[0]?.at as number,
    lastAt: state?.last.at as number,
    hasGap: gaps.some((gap) => gap.from < to && gap.to > from),
    held: lastOf(readings.filter(({ at }) => at <= from)),
    coldest: centis.length > 0 ? Math.min(...centis) : null,
    warmest: centis.length > 0 ? Math.max(...centis) : null,
  }
  const limitsAt = (at: number) => {
    const { low, high, maxSilenceMs } = inForce(versions, at)
    return { low, high, maxSilenceMs: Math.min(maxSilenceMs, inForce(profiles, at).maxSilenceMs) }
  }
  const after = readings.find(({ at }) => at >= to && at <= asOf)
  const around = [...lastOf(readings.filter(({ at }) => at < from)), ...during, ...(after ? [after] : [])]
  const timed = around.map((one) => ({ ...one, timeVerified: true }))
  return {
    short: calmExposure(summary, custody, { profiles, versions, doubts }, asOf),
    whole: accountOf(timed, custody, limitsAt, asOf, doubts),
  }
}

test('a stay that its summary calls calm is told as its readings tell it', () => {
  fc.assert(
    fc.property(World, (world) => {
      const { short, whole } = told(world)
      if (short) expect(whole).toEqual({ exposure: short, stretches: [] })
    }),
    { numRuns: 20_000, examples: [...calm, ...looked].map((world) => [world]) },
  )
})

test('a stay is calm by its summary up to the very edge of what makes it so, and not beyond', () => {
  expect(calm.map((world) => told(world).short === null)).toEqual(calm.map(() => false))
  expect(looked.map((world) => told(world).short === null)).toEqual(looked.map(() => true))
})
