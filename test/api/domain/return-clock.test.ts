import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ClockRules, type Out, returnClock } from '../../../api/domain/return-clock.ts'
import { returnLimit, warmings } from '../../../api/policies/warming.ts'

const minute = 60_000

const rules: ClockRules = {
  returns: 'timed',
  longestMs: 30 * minute,
  transfusionMs: 240 * minute,
  limit: returnLimit,
  warmest: 600,
  warming: warmings.red_cells ?? null,
}
const out: Out = { since: 0, spentMs: 0, left: 400, room: null }

describe('the clock of a bag that is out', () => {
  test('is that of its warmth where red cells at 4 °C come into a room of 22: ten degrees after a quarter of an hour', () => {
    expect(returnClock(rules, out)).toEqual({
      outSince: 0,
      returns: 'timed',
      ruleBy: 30 * minute,
      estimateBy: 15 * minute,
      by: 15 * minute,
      governs: 'estimate',
      transfuseBy: 240 * minute,
    })
  })

  test.each([
    ['it left as warm as it may be stored, where nobody measured it', { left: null }, (4 / 16) * 45 * minute],
    ['it left too warm', { left: 1_000 }, 0],
    ['the room is a cold one', { room: 1_000 }, null],
    ['the room is warmer', { room: 3_000 }, (6 / 26) * 45 * minute],
    ['the room is so cool that nobody has measured so long', { room: 1_250 }, null],
  ])('goes by what was measured: %s', (_, told, estimate) => {
    const { estimateBy, governs } = returnClock(rules, { ...out, ...told })
    expect(estimateBy).toBe(estimate === null ? null : Math.floor(estimate))
    expect(governs).toBe(estimate === null ? 'rule' : 'estimate')
  })

  test('counts minutes in hands before', () => {
    const clock = returnClock({ ...rules, warming: null }, { ...out, since: 1_000, spentMs: 20 * minute })
    expect(clock).toMatchObject({ by: 1_000 + 10 * minute, governs: 'rule', estimateBy: null })
    expect(returnClock({ ...rules, longestMs: null, warming: null }, out)).toMatchObject({
      by: null,
      governs: null,
    })
  })

  test('never says later than either rule, nor earlier for a colder bag or room', () => {
    const celsius = fc.integer({ min: -500, max: 4_000 })
    fc.assert(
      fc.property(celsius, celsius, celsius, fc.nat(2 * 30 * minute), (left, colder, room, spentMs) => {
        const clock = returnClock(rules, { since: 0, spentMs, left, room })
        const { by, ruleBy, estimateBy } = clock
        expect(by).toBe(Math.min(...[ruleBy, estimateBy].filter((at) => at !== null)))
        const at = (told: Partial<Out>) =>
          returnClock(rules, { since: 0, spentMs, left, room, ...told }).estimateBy ??
          Number.POSITIVE_INFINITY
        expect(at({ left: Math.min(left, colder) })).toBeGreaterThanOrEqual(at({}))
        expect(at({ room: Math.min(room, colder) })).toBeGreaterThanOrEqual(at({}))
      }),
    )
  })
})
