import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dueSince,
  mustMap,
  type Qualified,
  readingMissingSince,
  unfitnessOf,
} from '../../../api/domain/equipment.ts'
import { dayAt, daysIn } from '../../../api/domain/local-day.ts'
import { equipmentPolicies } from '../../../api/policies/equipment.ts'
import { jurisdictions } from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour

describe('what is done again and again', () => {
  test('is missing, due soon, or overdue; the instant it runs out it has run out', () => {
    expect(dueSince(null, 100, 10, 100)).toEqual({ since: 100, how: 'missing' })
    expect(dueSince(null, 101, 10, 100)).toBeNull()
    expect(dueSince(100, 101, 10, 100)).toEqual({ since: 100, how: 'overdue' })
    expect(dueSince(111, 5, 10, 100)).toBeNull()
    expect(dueSince(110, 5, 10, 100)).toEqual({ since: 100, how: 'soon' })
    expect(dueSince(101, 5, 10, 100)).toEqual({ since: 91, how: 'soon' })
    expect(dueSince(100, 5, 10, 100)).toEqual({ since: 100, how: 'overdue' })
  })
})

describe('a device', () => {
  const passed = (stage: Qualified['stage'], changes: Partial<Qualified> = {}): Qualified => ({
    ...{ stage, doneAt: 10, validUntil: null, result: 'passed' },
    ...changes,
  })
  const all = [passed('IQ'), passed('OQ'), passed('PQ')]

  test('is fit when it has passed all three stages, none has run out, and it is in service', () => {
    expect(unfitnessOf({ stages: all, outSince: null, moves: [] }, 100)).toBeNull()
    for (const stage of all) {
      const stages = all.filter((one) => one !== stage)
      expect(unfitnessOf({ stages, outSince: null, moves: [] }, 100)).toEqual({
        since: null,
        why: 'not_qualified',
      })
    }
  })

  test('is unfit since the first of its stages failed or ran out, or since it went out of service', () => {
    const lapsed = [passed('IQ', { validUntil: 90 }), passed('OQ', { result: 'failed', doneAt: 80 }), all[2]]
    expect(unfitnessOf({ stages: lapsed as Qualified[], outSince: null, moves: [] }, 100)).toEqual({
      since: 80,
      why: 'not_qualified',
    })
    const runsOut = [passed('IQ', { validUntil: 101 }), ...all.slice(1)]
    expect(unfitnessOf({ stages: runsOut, outSince: null, moves: [] }, 100)).toBeNull()
    expect(unfitnessOf({ stages: runsOut, outSince: null, moves: [] }, 101)).toMatchObject({ since: 101 })
    expect(unfitnessOf({ stages: all, outSince: 95, moves: [] }, 100)).toEqual({
      since: 95,
      why: 'out_of_service',
    })
  })

  test('that was moved is unfit until it has passed all stages where it stands now', () => {
    const fitness = (moves: readonly number[], again: readonly Qualified['stage'][] = []) => ({
      stages: all.map((one) => ({ ...one, doneAt: again.includes(one.stage) ? 60 : one.doneAt })),
      outSince: null,
      moves,
    })
    expect(unfitnessOf(fitness([60]), 59)).toBeNull()
    expect(unfitnessOf(fitness([60]), 60)).toEqual({ since: 60, why: 'moved' })
    expect(unfitnessOf(fitness([40, 60, 200]), 100)).toEqual({ since: 60, why: 'moved' })
    expect(unfitnessOf(fitness([60], ['IQ', 'OQ']), 100)).toEqual({ since: 60, why: 'moved' })
    expect(unfitnessOf(fitness([60], ['IQ', 'OQ', 'PQ']), 100)).toBeNull()
    expect(unfitnessOf(fitness([5, 10]), 100)).toBeNull()
  })

  test('is mapped for as long and at as many points as its policy asks, no less', () => {
    const { mapping } = equipmentPolicies.UK
    expect(() => mustMap({ from: 0, to: day, points: [1, 2, 3] }, mapping)).not.toThrow()
    expect(() => mustMap({ from: 0, to: day - 1, points: [1, 2, 3] }, mapping)).toThrow(/24 h/)
    expect(() => mustMap({ from: 0, to: day, points: [1, 2] }, mapping)).toThrow(/3 points/)
  })
})

describe('readings by hand', () => {
  const today = { from: 0, to: day }
  const rule = { perDay: 2, apartMs: 8 * hour }
  const missing = (readAt: number[], now: number) => readingMissingSince(readAt, today, rule, now)

  test('are missing from midnight, and again eight hours after the first', () => {
    expect(missing([], hour)).toEqual({ since: 0, isTooLate: false })
    expect(missing([9 * hour], 17 * hour - 1)).toBeNull()
    expect(missing([9 * hour], 17 * hour)).toEqual({ since: 17 * hour, isTooLate: false })
    expect(missing([9 * hour, 17 * hour], 18 * hour)).toBeNull()
  })

  test('that are too near each other are one, and one too late for another to follow is told of at once', () => {
    expect(missing([9 * hour, 10 * hour], 17 * hour)).toEqual({ since: 17 * hour, isTooLate: false })
    expect(missing([9 * hour, 17 * hour - 1], 18 * hour)).toEqual({ since: 17 * hour, isTooLate: false })
    expect(missing([16 * hour], 16 * hour)).toEqual({ since: 16 * hour, isTooLate: true })
    expect(missing([16 * hour - 1], 16 * hour)).toBeNull()
  })

  test('are enough wherever two of the day are eight hours apart, and only there', () => {
    const readAt = fc
      .array(fc.integer({ min: 0, max: 23 }), { maxLength: 5 })
      .map((hours) => hours.map((at) => at * hour).sort((a, b) => a - b))
    fc.assert(
      fc.property(readAt, (read) => {
        const isEnough = read.some((a) => read.some((b) => b - a >= 8 * hour))
        expect(missing(read, day - 1) === null).toBe(isEnough)
      }),
    )
  })

  test('are counted by the day of the facility: an instant is in the day its clock shows', () => {
    const at = Date.parse('2020-05-06T16:30:00Z')
    expect(dayAt('Asia/Shanghai', at)).toEqual(daysIn('Asia/Shanghai')('2020-05-07'))
    expect(dayAt('UTC', at)).toEqual(daysIn('UTC')('2020-05-06'))
  })
})

test('of every jurisdiction it is told what is asked of equipment, by whom, and what is to be confirmed', () => {
  for (const jurisdiction of jurisdictions) {
    const { source, uncertain, ...policy } = equipmentPolicies[jurisdiction]
    expect(source).not.toBe('')
    for (const name of uncertain) expect(policy).toHaveProperty(name)
  }
  expect(equipmentPolicies.CN.readings).toEqual({ perDay: 2, apartMs: 8 * hour })
})
