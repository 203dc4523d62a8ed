import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { Patient } from '../domain/bag.ts'
import type { CrossmatchRule } from '../domain/crossmatch.ts'
import { crossmatchRules } from '../policies/crossmatches.ts'

/**
 * What must be crossmatched for a patient; undefined where nothing need be here: where the facility says so for all, and of
 * everybody whose samples or antibodies are on record, for then their crossmatches are as well.
 */
export function crossmatchFor(
  jurisdiction: Jurisdiction,
  patient: Patient | null,
  isNeededForAll: boolean,
): CrossmatchRule | undefined {
  const { samples = [], antibodies = [] } = patient?.record ?? {}
  const isKeptHere = samples.length > 0 || antibodies.length > 0
  return isNeededForAll || isKeptHere ? crossmatchRules[jurisdiction] : undefined
}
