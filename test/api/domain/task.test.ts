import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BagFacts, decide } from '../../../api/domain/bag.ts'
import { type CommandFacts, outcomeOf, stateOf } from '../../../api/domain/command.ts'
import { isFinal } from '../../../api/domain/lifecycle.ts'
import {
  type FridgeIssue,
  faultsOf,
  seenAfterFateSince,
  seenElsewhereSince,
  takenWithoutIssueSince,
  unconfirmedSince,
} from '../../../api/domain/task.ts'
import { bagStates, holdKinds, replyStates } from '../../../schema/vocabulary.ts'

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

describe('a transfusion', () => {
  const aBag: BagFacts = {
    id: 'b',
    label: 'A bag',
    component: 'red_cells',
    state: 'issued',
    expiresAt: 100,
    group: null,
    lowTitre: false,
    isForAnybody: true,
    holderId: 1,
    destinationId: null,
    reservation: null,
    holds: [],
  }

  test('is to be looked into for each thing that spoke against it, and for nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...bagStates),
        fc.array(fc.constantFrom(...holdKinds), { maxLength: 2 }),
        fc.constantFrom('P1', 'P2', null),
        fc.constantFrom('P1', null),
        fc.subarray(['P1', 'P2']),
        fc.constantFrom(99, 100),
        (state, kinds, patient, issuedFor, givenTo, startedAt) => {
          const isAnother = patient !== null && givenTo.includes(patient === 'P1' ? 'P2' : 'P1')
          const isToldAgain = state === 'transfused' && !isAnother
          const holds = kinds.map((kind, id) => ({ id, kind, reason: 'r' }))
          const facts = { patient, issuedFor, givenTo, startedAt, endedAt: null, reaction: false }
          const { data } = decide({ ...aBag, state, holds }, { verb: 'transfuse', ...facts }, 200)
          expect(faultsOf(data.discrepancies as string[])).toEqual([
            ...(state === 'issued' || isFinal(state) ? [] : ['not_issued']),
            ...(patient === 'P2' && issuedFor === 'P1' ? ['another_patient'] : []),
            ...(kinds.length > 0 ? ['held'] : []),
            ...(startedAt === 100 ? ['expired'] : []),
            ...(isFinal(state) && !isToldAgain ? ['fate_recorded'] : []),
          ])
        },
      ),
    )
  })

  test('is to be looked into for what nobody knows the name of, too', () => {
    expect(faultsOf(['struck by lightning', 'expired', 'eaten'])).toEqual(['other', 'expired'])
    expect(faultsOf([])).toEqual([])
  })
})

describe('a bag', () => {
  const inside = { state: 'inside', from: 50 } as const
  const here = [{ from: 0, facilityId: 1 }]

  test.for([
    [{ state: 'discarded', enteredAt: 49, place: inside }, 50],
    [{ state: 'transfused', enteredAt: 49, place: inside }, 50],
    [{ state: 'discarded', enteredAt: 50, place: inside }, null],
    [{ state: 'issued', enteredAt: 49, place: inside }, null],
    // Its children carry on.
    [{ state: 'processed', enteredAt: 49, place: inside }, null],
    [{ state: 'discarded', enteredAt: 49, place: { state: 'unknown', from: 50 } }, null],
  ] as const)('%o is seen after its fate since %o', ([seen, since]) => {
    expect(seenAfterFateSince(seen)).toBe(since)
  })

  test.for([
    [{ state: 'available', holderId: 2, enteredAt: 10 }, here, 50],
    [{ state: 'returned', holderId: 2, enteredAt: 60 }, here, 60],
    [{ state: 'available', holderId: 1, enteredAt: 10 }, here, null],
    [{ state: 'available', holderId: null, enteredAt: 10 }, here, null],
    [{ state: 'in_transit', holderId: 2, enteredAt: 10 }, here, null],
    // The device was brought there with the bag in it, and is to be brought back.
    [{ state: 'available', holderId: 1, enteredAt: 10 }, [...here, { from: 70, facilityId: 2 }], 70],
    [{ state: 'available', holderId: 1, enteredAt: 10 }, [...here, { from: 101, facilityId: 2 }], null],
  ] as const)('%o is elsewhere by %o since %o', ([seen, placements, since]) => {
    expect(seenElsewhereSince({ ...seen, place: inside }, placements, 100)).toBe(since)
  })

  test.for([
    [{ state: 'available', enteredAt: 10, place: { state: 'in_hand', from: 50 } }, 79, null],
    [{ state: 'available', enteredAt: 10, place: { state: 'in_hand', from: 50 } }, 80, 80],
    [{ state: 'available', enteredAt: 60, place: { state: 'unknown', from: 50 } }, 89, null],
    [{ state: 'available', enteredAt: 60, place: { state: 'unknown', from: 50 } }, 99, 90],
    [{ state: 'available', enteredAt: 10, place: inside }, 99, null],
    [{ state: 'issued', enteredAt: 10, place: { state: 'in_hand', from: 50 } }, 99, null],
  ] as const)('%o is at %i overdue since %o', ([seen, now, since]) => {
    expect(takenWithoutIssueSince(seen, now, 30)).toBe(since)
  })
})
