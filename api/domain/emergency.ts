import type { Sex } from '../../schema/vocabulary.ts'
import type { Patient } from './bag.ts'

/** To whom RhD-positive cells go in an emergency without a physician's word, where their group is not known. */
export type EmergencyRule = {
  /** To everybody, or only to men and women older than these, in years. */
  readonly rhdPositive: 'to_everybody' | { readonly menOver: number; readonly womenOver: number }
  readonly source: string
  readonly uncertain: readonly string[]
}

/** How the patient looks to who stands before them; null where nobody says. */
export type Seen = { readonly sex: Sex | null; readonly ageYears: number | null }

/**
 * Never where RhD-negative or anti-D is on record, however old the sample: they need RhD-negative cells, or a
 * physician's word.
 */
export function isRhdPositiveAllowed(
  { rhdPositive }: EmergencyRule,
  patient: Pick<Patient, 'group' | 'antiD'> | null,
  { sex, ageYears }: Seen,
): boolean {
  if (patient?.antiD || patient?.group.rhd === 'negative') return false
  if (rhdPositive === 'to_everybody') return true
  if (sex === null || ageYears === null) return false
  return ageYears > (sex === 'male' ? rhdPositive.menOver : rhdPositive.womenOver)
}
