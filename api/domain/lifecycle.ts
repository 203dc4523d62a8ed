import {
  type BagState,
  type BagVerb,
  bagStates,
  type TransfusionVerb,
  transfusionVerbs,
} from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'

/** That it was given, in whichever of these words it is told. */
const given = {
  transfuse: 'transfused',
  start_transfusion: 'transfused',
  end_transfusion: 'transfused',
  interrupt_transfusion: 'transfused',
  report_reaction: 'transfused',
} as const satisfies Record<TransfusionVerb, BagState>

/**
 * Which verb leads where, from the arm to the fate: the one table of moves. A verb missing from a state is a move that
 * must not happen. Holds, place, allocation and exposure are facts of their own and not states.
 *
 * That a bag was given to a patient is an observation: it is written down wherever the bag was thought to be, and what
 * should have come before it and did not is told as a discrepancy.
 */
export const moves: Readonly<Record<BagState, Partial<Record<BagVerb, BagState>>>> = {
  collected: { process: 'processed', test: 'quarantined', ...given, discard: 'discarded' },
  quarantined: { release: 'available', ...given, discard: 'discarded' },
  available: {
    reserve: 'available',
    unreserve: 'available',
    distribute: 'distributed',
    issue: 'issued',
    process: 'processed',
    ...given,
    discard: 'discarded',
  },
  distributed: {
    depart: 'in_transit',
    recall_shipment: 'available',
    ...given,
    discard: 'discarded',
  },
  in_transit: {
    arrive: 'arrived',
    receive: 'available',
    refuse: 'returned',
    ...given,
    discard: 'discarded',
  },
  arrived: { receive: 'available', refuse: 'returned', ...given, discard: 'discarded' },
  issued: { ...given, cancel_issue: 'available', return: 'returned', discard: 'discarded' },
  returned: { reinstate: 'available', ...given, discard: 'discarded' },
  // Its children carry on, whatever is told of it.
  processed: {
    transfuse: 'processed',
    start_transfusion: 'processed',
    end_transfusion: 'processed',
    interrupt_transfusion: 'processed',
    report_reaction: 'processed',
  },
  transfused: given,
  discarded: given,
}

/**
 * Where it leads that a bag was handed out at a terminal that was cut off, told late: an observation as well. `stays` where
 * what is known came after it in any case; `by_time` where that depends on which of the two was first.
 */
export const handedOutElsewhere: Readonly<Record<BagState, 'issued' | 'stays' | 'by_time'>> = {
  collected: 'issued',
  quarantined: 'issued',
  available: 'issued',
  distributed: 'issued',
  in_transit: 'issued',
  arrived: 'issued',
  issued: 'stays',
  returned: 'by_time',
  discarded: 'by_time',
  transfused: 'stays',
  processed: 'stays',
}

/** The states of a bag that stands on somebody's shelf. */
export const onShelf: readonly BagState[] = ['collected', 'quarantined', 'available', 'returned']

/** What has become of a bag itself, not of what was made of it. */
export const fates: readonly BagState[] = ['transfused', 'discarded']

/** Nothing more is done with the bag: its fate, or its children's, is recorded. */
export function isFinal(state: BagState): boolean {
  return state === 'processed' || fates.includes(state)
}

/** What is blood still, wherever it is. */
export const living: readonly BagState[] = bagStates.filter((state) => !isFinal(state))

/** @throws Refusal `illegal_move` saying what would be possible */
export function move(state: BagState, verb: BagVerb, bag: string): BagState {
  const to = moves[state][verb]
  if (to) return to
  // That it was given is written down wherever it was; it is no next step but of what was issued.
  const possible = Object.keys(moves[state]).filter((way) => !isOfTransfusion(way) || state === 'issued')
  const way = possible.length > 0 ? `what can be done with it: ${possible.join(', ')}` : 'its life is over'
  throw new Refusal('illegal_move', `cannot ${verb} bag ${bag}: it is ${state}; ${way}`)
}

function isOfTransfusion(verb: string): boolean {
  return transfusionVerbs.some((one) => one === verb)
}
