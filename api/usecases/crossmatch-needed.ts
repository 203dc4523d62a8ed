import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { Patient } from '../domain/bag.ts'
import { type CrossmatchRule, ruleFor } from '../domain/crossmatch.ts'
import { crossmatchRules } from '../policies/crossmatches.ts'

/** What must be crossmatched for a patient, by the policy in force there; undefined where nothing need be. */
export function crossmatchFor(
  jurisdiction: Jurisdiction,
  patient: Patient | null,
  isNeededForAll: boolean,
): CrossmatchRule | undefined {
  return ruleFor(crossmatchRules[jurisdiction], patient, isNeededForAll)
}
