import type { RotationReason } from '../../schema/vocabulary.ts'
import type { RotationPolicy } from '../domain/transfer/rotation-problem.ts'
import type { Words } from './tasks.ts'

const day = 24 * 3_600_000

/**
 * How blood near its expiry is rotated. Small hospitals of British Columbia send red cells 7 to 10 days before they expire;
 * of what Ontario redistributed in 2012 to 2020 one in twenty was discarded for a failed transport (816 beside 15,499).
 * Its journeys cost about a hundredth of the blood they saved, by the price of a product; here a journey must save a
 * quarter of a bag, for people's time. The other figures are engineering defaults: a transfusion professional must confirm
 * all of them.
 */
export const cnRotation: RotationPolicy = {
  version: 1,
  nearMs: {
    red_cells: 7 * day,
    whole_blood: 7 * day,
    platelets: 2 * day,
    plasma: 30 * day,
    cryoprecipitate: 30 * day,
    frozen_red_cells: 30 * day,
    // Made for a patient: their life is hours, and a journey takes of it.
    granulocytes: 0,
    thawed_plasma: 0,
    thawed_cryoprecipitate: 0,
  },
  failPercent: 5,
  leastUsedPercent: 85,
  short: 50,
  knownFromDays: 28,
  journey: 0.25,
  box: 0.05,
}

/**
 * When a day's rotation is proposed, and when the centre fills the hospitals up, by the clock on the centre's wall: so that
 * what is moved is there before. Engineering defaults.
 */
export const rotationTimes = {
  proposedAtHour: 6,
  refillsAtHour: 10,
  refillEveryMs: day,
  /** What was proposed longer ago is accepted no more: another is there, or soon will be. */
  acceptedWithinMs: day,
} as const

export const cnRotationReasons: Readonly<Record<RotationReason, Words>> = {
  seldom_used_here: { zh: '该机构在其有效期内很少使用', en: 'it is seldom used here in its time' },
  others_before_it: { zh: '该机构有更早到期的血袋先用', en: 'others here are used before it' },
  makes_room: { zh: '调出后其余血袋更可能用完', en: 'others here are used in its place' },
  same_journey: { zh: '与其他血袋同车运送', en: 'it travels with others' },
}
