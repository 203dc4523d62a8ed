import type { Component } from '../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour

/**
 * By when something should have been heard of a bag. One hour after it was handed out the lab is told that the bedside has
 * said nothing: that alone brought bedside scans from 97.8 to 99.5 % elsewhere. After a day it is presumed given, which is
 * to be reconciled. Where no policy bounds a journey it is a day. Recommendations, not law: to be confirmed.
 */
export const fateRules = {
  bedsideMs: hour,
  presumedMs: day,
  /** So long a bag may wait to leave once it is sent, and a journey lasts at most where nothing bounds it. */
  departsMs: day,
  journeyMs: day,
  /** Who keeps a bag for a patient is asked so long before that ends. */
  reservationMs: 2 * hour,
  /** So long after it expired the fate of a bag counts as unknown, wherever it is said to be. */
  unknownMs: 7 * day,
} as const

/** Before a bag expires somebody is told so often; what keeps for days only, later. */
export const expirySteps: Readonly<Record<Component, readonly number[]>> = {
  red_cells: [7 * day, 3 * day, day],
  whole_blood: [7 * day, 3 * day, day],
  platelets: [day],
  plasma: [7 * day, 3 * day, day],
  cryoprecipitate: [7 * day, 3 * day, day],
  frozen_red_cells: [7 * day, 3 * day, day],
  thawed_plasma: [6 * hour],
  thawed_cryoprecipitate: [hour],
  granulocytes: [6 * hour],
}
