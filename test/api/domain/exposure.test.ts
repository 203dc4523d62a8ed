import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exposureOf, speakersFor, stretchesOf, type TimedReading } from '../../../api/domain/exposure.ts'

const limits = { low: 200, high: 600, maxSilenceMs: 1_000 }
const always = () => limits

function readings(...points: [at: number, centi: number][]): TimedReading[] {
  return points.map(([at, centi]) => ({ at, boot: 'a', centi, timeVerified: true }))
}

test('each reading holds until the next one', () => {
  const exposure = exposureOf(
    readings([0, 400], [100, 700], [300, 400], [400, 100]),
    { from: 50, to: 450 },
    always,
    450,
  )
  expect(exposure).toEqual({
    inRangeMs: 150,
    belowMs: 50,
    aboveMs: 200,
    unverifiedMs: 0,
    wasOutside: true,
    coldest: 100,
    warmest: 700,
  })
})

test('a reading before too long a silence holds for no time at all, but its value is known', () => {
  const exposure = exposureOf(
    readings([0, 400], [100, 700], [1_101, 400]),
    { from: 0, to: 1_200 },
    always,
    1_200,
  )
  expect(exposure).toEqual({
    inRangeMs: 199,
    belowMs: 0,
    aboveMs: 0,
    unverifiedMs: 1_001,
    wasOutside: true,
    coldest: 400,
    warmest: 700,
  })
})

test('the last reading holds up to the moment of asking, unless that is too far away', () => {
  expect(exposureOf(readings([0, 400]), { from: 0, to: 1_000 }, always, 1_000)).toMatchObject({
    inRangeMs: 1_000,
  })
  expect(exposureOf(readings([0, 400]), { from: 0, to: 1_001 }, always, 1_001)).toMatchObject({
    unverifiedMs: 1_001,
  })
  expect(exposureOf(readings([0, 400]), { from: 0, to: 500 }, always, 1_001)).toMatchObject({
    unverifiedMs: 500,
  })
})

test('a reading whose clock is in doubt verifies nothing', () => {
  const doubted = readings([0, 400], [100, 700]).map((reading) => ({ ...reading, timeVerified: false }))
  expect(exposureOf(doubted, { from: 0, to: 200 }, always, 200)).toMatchObject({
    unverifiedMs: 200,
    warmest: null,
  })
})

test('a reading whose clock is in doubt breaks no silence', () => {
  const [first, doubted, last] = readings([0, 400], [600, 400], [1_200, 400]) as [
    TimedReading,
    TimedReading,
    TimedReading,
  ]
  const silent = [first, { ...doubted, timeVerified: false }, last]
  expect(exposureOf(silent, { from: 0, to: 1_300 }, always, 1_300)).toMatchObject({
    inRangeMs: 100,
    unverifiedMs: 1_200,
  })
  const heard = readings([900, 400])
  expect(exposureOf([...silent, ...heard], { from: 0, to: 1_300 }, always, 1_300)).toMatchObject({
    inRangeMs: 1_000,
    unverifiedMs: 300,
  })
})

test('what a probe told that is not to be believed is unverified within limits, and measured outside', () => {
  const told = readings([0, 400], [100, 700], [200, 450], [300, 100], [400, 500])
  const faults = [
    { from: 50, to: 250 },
    { from: 240, to: 420 },
  ]
  expect(exposureOf(told, { from: 0, to: 450 }, always, 450, faults)).toEqual({
    inRangeMs: 80,
    belowMs: 100,
    aboveMs: 100,
    unverifiedMs: 170,
    wasOutside: true,
    coldest: 100,
    warmest: 700,
  })
  const stretch = (kind: string, from: number, to: number, centi: number | null) => {
    return { kind, from, to, coldest: centi, warmest: centi }
  }
  expect(stretchesOf(told, { from: 0, to: 450 }, always, 450, faults)).toEqual([
    stretch('probe_fault', 50, 100, null),
    stretch('high', 100, 200, 700),
    stretch('probe_fault', 200, 300, null),
    stretch('low', 300, 400, 100),
    stretch('probe_fault', 400, 420, null),
  ])
})

test('what a probe told that is not to be believed has no share in how warm it was, and a silence is a silence', () => {
  const told = readings([0, 400], [100, 410], [200, 410], [2_000, 410])
  const faults = [{ from: 100, to: Number.POSITIVE_INFINITY }]
  expect(exposureOf(told, { from: 0, to: 2_100 }, always, 2_100, faults)).toMatchObject({
    inRangeMs: 100,
    unverifiedMs: 2_000,
    coldest: 400,
    warmest: 400,
  })
  expect(stretchesOf(told, { from: 0, to: 2_100 }, always, 2_100, faults)).toMatchObject([
    { kind: 'probe_fault', from: 100, to: 200 },
    { kind: 'unverified', from: 200, to: 2_000 },
    { kind: 'probe_fault', from: 2_000, to: 2_100 },
  ])
})

test('while the load is not to be believed the air does not speak in its place', () => {
  const [load, air] = [{ firstAt: 100 }, { firstAt: 0 }]
  expect(speakersFor(load, air, { from: 50, to: 300 })).toEqual([
    { probe: air, from: 50, to: 100 },
    { probe: load, from: 100, to: 300 },
  ])
})

test('without readings everything is unverified', () => {
  expect(exposureOf([], { from: 0, to: 200 }, always, 200)).toMatchObject({
    unverifiedMs: 200,
    coldest: null,
  })
})

test('the account agrees with a count of every millisecond', () => {
  const anyReadings = fc.uniqueArray(
    fc.tuple(fc.integer({ min: 0, max: 300 }), fc.constantFrom(100, 400, 700)),
    {
      selector: ([at]) => at,
      maxLength: 12,
    },
  )
  const small = { low: 200, high: 600, maxSilenceMs: 40 }
  fc.assert(
    fc.property(
      anyReadings,
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.record({ from: fc.nat(300), ms: fc.integer({ min: 1, max: 100 }) }), { maxLength: 3 }),
      (points, from, length, doubted) => {
        const faults = doubted.map((one) => ({ from: one.from, to: one.from + one.ms }))
        const to = from + length
        const asOf = Math.max(to, 320)
        const sorted = points.sort(([a], [b]) => a - b)
        const count = { inRangeMs: 0, belowMs: 0, aboveMs: 0, unverifiedMs: 0 }
        for (let ms = from; ms < to; ms++) {
          const held = sorted.findLast(([at]) => at <= ms)
          const next = sorted.find(([at]) => at > ms)?.[0] ?? asOf
          if (!held || next - held[0] > 40) count.unverifiedMs++
          else if (held[1] < 200) count.belowMs++
          else if (held[1] > 600) count.aboveMs++
          else if (faults.some((one) => one.from <= ms && ms < one.to)) count.unverifiedMs++
          else count.inRangeMs++
        }
        expect(exposureOf(readings(...sorted), { from, to }, () => small, asOf, faults)).toMatchObject(count)
      },
    ),
    { numRuns: 1_000 },
  )
})
