import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { CrossmatchRule } from '../domain/crossmatch.ts'
import { crossmatchRules } from '../policies/crossmatches.ts'

/** What must be crossmatched; undefined where the facility says that nothing need be here. */
export function crossmatchFor(
  jurisdiction: Jurisdiction,
  isNeededForAll: boolean,
): CrossmatchRule | undefined {
  return isNeededForAll ? crossmatchRules[jurisdiction] : undefined
}
