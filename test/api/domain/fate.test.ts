import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dispositionOf, expiryStep, standingOf } from '../../../api/domain/fate.ts'
import { isFinal } from '../../../api/domain/lifecycle.ts'
import { expirySteps, fateRules } from '../../../api/policies/fates.ts'
import { bagStates } from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour
const expiresAt = 100 * day
const bag = { expiresAt, isHeld: true, since: 0, journeyMs: null } as const

describe('where a bag stands in being traced', () => {
  test.each([
    ['transfused', {}, 200 * day, 'fate'],
    ['discarded', { isHeld: false }, 0, 'fate'],
    ['processed', {}, 0, 'fate'],
    ['available', {}, expiresAt - 1, 'in_stock'],
    ['quarantined', {}, expiresAt - 1, 'in_stock'],
    ['available', {}, expiresAt, 'expired_on_shelf'],
    ['returned', {}, 0, 'return_to_inspect'],
    ['returned', {}, expiresAt, 'expired_on_shelf'],
    ['available', {}, expiresAt + 7 * day, 'fate_unknown'],
    ['issued', {}, hour - 1, 'in_use'],
    ['issued', {}, hour, 'bedside_missing'],
    ['issued', {}, day, 'presumed_transfused'],
    ['issued', {}, expiresAt + 7 * day, 'fate_unknown'],
    ['issued', { since: null }, hour, 'rest'],
    ['distributed', {}, day - 1, 'under_way'],
    ['distributed', {}, day, 'journey_overdue'],
    ['in_transit', { journeyMs: 12 * hour }, 12 * hour, 'journey_overdue'],
    ['in_transit', {}, 12 * hour, 'under_way'],
    ['arrived', {}, day, 'journey_overdue'],
    ['available', { isHeld: false }, 0, 'rest'],
  ] as const)('%s %o at %d is %s', (state, changes, now, standing) => {
    expect(standingOf({ ...bag, state, ...changes }, fateRules, now)).toBe(standing)
  })

  test('is a fate or, once it expired a week ago, a worklist, whatever its life was, while somebody answers for it', () => {
    const one = fc.record({
      state: fc.constantFrom(...bagStates),
      since: fc.option(fc.integer({ min: 0, max: expiresAt })),
      journeyMs: fc.option(fc.integer({ min: 1, max: 100 * day })),
    })
    fc.assert(
      fc.property(one, fc.integer({ min: 0, max: 100 * day }), (drawn, later) => {
        const now = expiresAt + fateRules.unknownMs + later
        const standing = standingOf({ ...bag, ...drawn }, fateRules, now)
        expect(standing).toBe(isFinal(drawn.state) ? 'fate' : 'fate_unknown')
      }),
    )
  })
})

test('what was handed out long ago is presumed given, and what came of it is told by its word', () => {
  const issued = { state: 'issued', issuedAt: 0, isReserved: false } as const
  expect(dispositionOf(issued, null, fateRules, day - 1)).toBe('DS')
  expect(dispositionOf(issued, null, fateRules, day)).toBe('PT')
  expect(dispositionOf({ ...issued, state: 'returned' }, null, fateRules, day)).toBe('RA')
  expect(dispositionOf({ ...issued, state: 'returned', isReserved: true }, null, fateRules, day)).toBe('RL')
  expect(dispositionOf({ ...issued, state: 'discarded' }, null, fateRules, day)).toBe('WA')
  expect(dispositionOf({ ...issued, state: 'available' }, null, fateRules, day)).toBeNull()
})

test('a bag is told of a week, three days and a day before it expires', () => {
  const steps = expirySteps.red_cells
  const at = (before: number) => expiryStep(expiresAt, steps, expiresAt - before)
  expect([8, 7, 4, 3, 2, 1].map((days) => at(days * day))).toEqual([
    null,
    7 * day,
    7 * day,
    3 * day,
    3 * day,
    day,
  ])
  expect(at(0)).toBeNull()
})
