import type { BagState, BagVerb } from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'

/**
 * Which verb leads where, from the arm to the fate: the one table of moves. A verb missing from a state is a move that
 * must not happen. Holds, place, allocation and exposure are facts of their own and not states.
 */
export const moves: Readonly<Record<BagState, Partial<Record<BagVerb, BagState>>>> = {
  collected: { process: 'processed', test: 'quarantined', discard: 'discarded' },
  quarantined: { release: 'available', discard: 'discarded' },
  available: {
    reserve: 'available',
    unreserve: 'available',
    distribute: 'distributed',
    issue: 'issued',
    process: 'processed',
    discard: 'discarded',
  },
  distributed: { depart: 'in_transit', recall_shipment: 'available', discard: 'discarded' },
  in_transit: { arrive: 'arrived', receive: 'available', refuse: 'returned', discard: 'discarded' },
  arrived: { receive: 'available', refuse: 'returned', discard: 'discarded' },
  issued: { transfuse: 'transfused', cancel_issue: 'available', return: 'returned', discard: 'discarded' },
  returned: { reinstate: 'available', discard: 'discarded' },
  // Its children carry on.
  processed: {},
  transfused: {},
  discarded: {},
}

/** A state a bag does not leave: its fate, or its children's, is recorded. */
export function isFinal(state: BagState): boolean {
  return Object.keys(moves[state]).length === 0
}

/** @throws Refusal `illegal_move` saying what would be possible */
export function move(state: BagState, verb: BagVerb, bag: string): BagState {
  const to = moves[state][verb]
  if (to) return to
  const possible = Object.keys(moves[state])
  const way = possible.length > 0 ? `what can be done with it: ${possible.join(', ')}` : 'its life is over'
  throw new Refusal('illegal_move', `cannot ${verb} bag ${bag}: it is ${state}; ${way}`)
}
