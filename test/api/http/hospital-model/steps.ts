import fc from 'fast-check'
import { abos, crossmatchResults, rhds, sampleRejections } from '../../../../schema/vocabulary.ts'
import { hour, minute } from './account.ts'

/*
 * What a step draws; which of it counts depends on what it turns out to be. The kinds are all that is done in a hospital.
 */

const often = <T>(times: number, kind: T): T[] => Array.from({ length: times }, () => kind)

/** How often each is drawn: what a transfusion needs more often than what ends it, or few would come so far. */
const weights = {
  ...{ born: 4, wait: 5, expire: 1, unheard: 1 },
  ...{ sample: 3, group: 3, screen: 2, reject_sample: 1, antibody: 1, requirement: 1, type: 1 },
  ...{ crossmatch: 6, reserve: 2, unreserve: 1, hold: 1, lift: 2, inspect: 1 },
  ...{ order: 2, approve: 3, reject: 1, cancel: 1 },
  ...{ open: 5, unlock: 4, check: 3, scan: 9, take: 5, put: 3, cancel_issue: 2, issue: 3, review: 2 },
  ...{ start: 2, end: 2, interrupt: 1, react: 1, transfuse: 1, return: 3, reinstate: 2, discard: 1 },
  ...{ recall: 1, lift_recall: 1, close_recall: 1, identify: 1, close_look_back: 1 },
  ...{ demand: 1, rules: 1, look: 1 },
} as const
export type Kind = keyof typeof weights
export const kinds = Object.keys(weights) as readonly Kind[]

const one = <const T>(...values: readonly T[]) => fc.constantFrom(...values)
const seldom = fc.integer({ min: 0, max: 14 }).map((n) => n === 0)

export const Step = fc.record({
  kind: fc.constantFrom(...kinds.flatMap((kind) => often<Kind>(weights[kind], kind))),
  /** Which bag, patient or session, of those there are; the same is meant for a while, so that something comes of it. */
  unit: one(0, 0, 0, 1, 1, 2, 3, 4),
  patient: one(0, 0, 0, 1),
  pick: one(0, 0, 0, 1, 2, 3),
  hand: one(0, 1),
  abo: one(...abos, 'O', 'O', 'O', 'O'),
  rhd: one(...rhds, 'positive', 'positive'),
  result: one(...crossmatchResults, 'compatible', 'compatible', 'compatible'),
  rejection: fc.constantFrom(...sampleRejections),
  electronic: fc.boolean(),
  emergency: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  flag: fc.boolean(),
  other: fc.boolean(),
  exposed: one(null, false, false, true),
  amount: one(1, 2, 2, 4, 8),
  urgency: one('routine', 'urgent', 'emergency'),
  waitMs: one(minute, minute, 4 * minute, 20 * minute, 5 * hour, 25 * hour, 75 * hour),
  /** Is it signed, and by whom? */
  signing: fc.integer({ min: 0, max: 19 }).map((n) => (n === 0 ? 'theirs' : n === 1 ? 'anothers' : 'not')),
  seldom,
})
export type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never

/** A step that asks for nothing out of the way. */
export const quiet: Step = {
  ...{ kind: 'wait', unit: 0, patient: 0, pick: 0, hand: 0, abo: 'O', rhd: 'positive', result: 'compatible' },
  ...{
    rejection: 'haemolysed',
    electronic: false,
    emergency: false,
    flag: false,
    other: false,
    exposed: false,
  },
  ...{ amount: 2, urgency: 'routine', waitMs: minute, signing: 'not', seldom: false },
}
