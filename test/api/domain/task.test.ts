import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CommandFacts, outcomeOf, stateOf } from '../../../api/domain/command.ts'
import { type FridgeIssue, unconfirmedSince } from '../../../api/domain/task.ts'
import { replyStates } from '../../../schema/vocabulary.ts'

const at = fc.integer({ min: 0, max: 200_000 })
const command = fc.record<CommandFacts>({
  expiresAt: at,
  sentAt: fc.option(at),
  reply: fc.option(fc.constantFrom(...replyStates)),
})
const issue = fc.record<FridgeIssue>({
  issuedAt: at,
  place: fc.constantFrom('inside', 'in_hand', 'unknown', null),
  unlock: fc.option(
    fc
      .tuple(command, at)
      .map(([facts, repliedAt]) => ({ ...facts, repliedAt: facts.reply === null ? null : repliedAt })),
  ),
})

describe('a command', () => {
  test.for([
    [{ expiresAt: 10, sentAt: null, reply: null }, 9, 'queued', 'queued'],
    [{ expiresAt: 10, sentAt: 5, reply: null }, 9, 'sent', 'sent'],
    [{ expiresAt: 10, sentAt: 5, reply: null }, 10, 'expired', 'expired'],
    [{ expiresAt: 10, sentAt: null, reply: null }, 10, 'expired', 'expired'],
    [{ expiresAt: 10, sentAt: 5, reply: 'failed' }, 9, 'replied', 'failed'],
    [{ expiresAt: 10, sentAt: 5, reply: 'done' }, 99, 'replied', 'done'],
  ] as const)('%o is at %i %s: %s', ([facts, now, state, outcome]) => {
    expect(stateOf(facts, now)).toBe(state)
    expect(outcomeOf(facts, now)).toBe(outcome)
  })

  test('that has expired or was replied to is not on its way again', () => {
    fc.assert(
      fc.property(command, at, at, (facts, now, later) => {
        const ended = ['replied', 'expired']
        if (ended.includes(stateOf(facts, now))) expect(stateOf(facts, now + later)).toBe(stateOf(facts, now))
      }),
    )
  })
})

describe('an issue at a fridge', () => {
  test('is never to be seen to before it is so, and stays so while nothing is heard', () => {
    fc.assert(
      fc.property(issue, at, at, (given, ago, later) => {
        const now = given.issuedAt + ago
        const found = unconfirmedSince(given, now)
        if (!found) return
        expect(found.since).toBeGreaterThanOrEqual(given.issuedAt)
        expect(unconfirmedSince(given, now + later)).not.toBeNull()
      }),
    )
  })

  test('is confirmed by whoever saw the bag leave, and unconfirmed inside after a minute', () => {
    fc.assert(
      fc.property(issue, at, (given, ago) => {
        const now = given.issuedAt + 60_000 + ago
        expect(unconfirmedSince({ ...given, place: 'in_hand' }, now)).toBeNull()
        expect(unconfirmedSince({ ...given, place: 'inside' }, now)).not.toBeNull()
      }),
    )
  })
})
