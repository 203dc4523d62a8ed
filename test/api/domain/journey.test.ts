import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BagUnderWay, journeyOf, overdueJourneys } from '../../../api/domain/journey.ts'

const hour = 3_600_000
const noon = Date.parse('2020-05-06T12:00:00Z')

function aBag(bagId: string, changes: Partial<BagUnderWay> = {}): BagUnderWay {
  return { bagId, from: 'C1', to: 'H1', departedAt: noon, longestMs: 24 * hour, ...changes }
}

describe('a journey', () => {
  test('is what departs from one facility for another within an hour of the clock', () => {
    expect(journeyOf(aBag('a'))).toBe('C1>H1 2020-05-06T12Z')
    expect(journeyOf(aBag('a', { departedAt: noon + hour - 1 }))).toBe('C1>H1 2020-05-06T12Z')
    expect(journeyOf(aBag('a', { departedAt: noon - 1 }))).toBe('C1>H1 2020-05-06T11Z')
  })

  test('is overdue once one of its bags is, and names all that are on it', () => {
    const bags = [
      aBag('a'),
      aBag('b', { departedAt: noon + hour / 2 }),
      aBag('c', { to: 'H2', longestMs: null }),
    ]
    expect(overdueJourneys(bags, noon + 24 * hour)).toEqual([])
    const [late, ...others] = overdueJourneys(bags, noon + 24 * hour + 1)
    expect(others).toEqual([])
    expect(late?.condition).toMatchObject({ from: noon, dueAt: noon + 24 * hour, to: null, class: 'action' })
    expect(late?.bags.map(({ bagId }) => bagId)).toEqual(['a', 'b'])
    // The first is received: the other has half an hour yet.
    expect(overdueJourneys(bags.slice(1), noon + 24 * hour + 1)).toEqual([])
    expect(overdueJourneys(bags, noon + 1_000 * hour)).toHaveLength(1)
  })

  test('is found of whatever is late, in whatever order, and of nothing else', () => {
    const bag = fc.record({
      bagId: fc.uuid(),
      from: fc.constantFrom('C1', 'C2'),
      to: fc.constantFrom('H1', 'H2'),
      departedAt: fc.integer({ min: 0, max: 10 }).map((half) => noon + (half * hour) / 2),
      longestMs: fc.constantFrom(null, 2 * hour, 4 * hour),
    })
    const bags = fc.uniqueArray(bag, { selector: ({ bagId }) => bagId, maxLength: 12 })
    fc.assert(
      fc.property(bags, fc.integer({ min: 0, max: 20 }), (all, halves) => {
        const now = noon + (halves * hour) / 2
        const found = overdueJourneys(all, now)
        const late = all.filter(
          ({ departedAt, longestMs }) => longestMs !== null && now - departedAt > longestMs,
        )
        expect(new Set(found.map(({ condition }) => condition.part))).toEqual(new Set(late.map(journeyOf)))
        const named = found.flatMap((journey) => journey.bags.map(({ bagId }) => bagId))
        expect(new Set(named).size).toBe(named.length)
        for (const { bagId } of late) expect(named).toContain(bagId)
        const conditions = (some: readonly BagUnderWay[]) =>
          overdueJourneys(some, now)
            .map(({ condition }) => condition)
            .sort((a, b) => (a.part < b.part ? -1 : 1))
        expect(conditions(all.toReversed())).toEqual(conditions(all))
      }),
    )
  })
})
