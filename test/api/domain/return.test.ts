import { expect, test } from 'vitest'
import { type BagFacts, decide, type Kept } from '../../../api/domain/bag.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import type { ReturnPolicy } from '../../../schema/vocabulary.ts'

const bag: BagFacts = {
  id: 'b',
  label: 'A bag',
  component: 'red_cells',
  state: 'returned',
  expiresAt: 100,
  group: { abo: 'O', rhd: 'positive' },
  lowTitre: false,
  isForAnybody: true,
  holderId: 1,
  destinationId: null,
  reservation: null,
  holds: [],
}
const minute = 60_000
const well: Kept = { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 }

function reinstated(returns: ReturnPolicy, kept: Kept | null, afterIssue = true): string {
  const command = { verb: 'reinstate', reason: 'looks well', afterIssue, returns, kept } as const
  try {
    return decide(bag, { ...command, handlingMs: 30 * minute }, 1).to
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

test.for([
  ['none', well, 'no_return'],
  ['timed', well, 'available'],
  ['timed', { ...well, uncontrolledMs: 30 * minute }, 'available'],
  ['timed', { ...well, uncontrolledMs: 30 * minute + 1 }, 'unverified'],
  ['timed', { ...well, unverifiedMs: 1 }, 'unverified'],
  ['timed', { ...well, wasOutOfRange: true }, 'breached'],
  ['timed', null, 'unverified'],
  ['temperature_proven', well, 'available'],
  ['temperature_proven', { ...well, uncontrolledMs: 1 }, 'unverified'],
  ['temperature_proven', { ...well, wasOutOfRange: true }, 'breached'],
  ['temperature_proven', null, 'unverified'],
] as const)('where returns are %s, what was issued and kept as %o is %s', ([returns, kept, becomes]) => {
  expect(reinstated(returns, kept)).toBe(becomes)
  // What never was in a ward comes under no such rule.
  expect(reinstated(returns, kept, false)).toBe('available')
})
