import type { Antigen, GroupingMethod, Requirement, Specificity } from '../../schema/vocabulary.ts'
import { antigens } from '../../schema/vocabulary.ts'
import type { Patient } from './bag.ts'
import type { BloodGroup, RecipientGroup } from './compatibility.ts'
import { type Sample, untilOf } from './sample.ts'

/** A group as one sample showed it, and who says so. */
export type Grouping = BloodGroup & {
  readonly sampleId: string
  readonly method: GroupingMethod
  readonly by: string
}

/** All that is on record of a patient besides what a facility says of them in one word. */
export type PatientRecord = {
  readonly samples: readonly Sample[]
  readonly groupings: readonly Grouping[]
  readonly screens: readonly { readonly sampleId: string; readonly positive: boolean }[]
  /** Those that matter, found now or ever. */
  readonly antibodies: readonly Specificity[]
  /** What they need now. */
  readonly requirements: readonly Requirement[]
  /** When they were last given a bag, or one was handed out for them of which nothing was told; null where never. */
  readonly exposedAt: number | null
}

/** A patient as one facility knows them: what it says in a word, and what is on record. */
export type KnownPatient = {
  readonly pseudonym: string
  readonly word: RecipientGroup
  readonly antiD: boolean
  /** In a word, too. */
  readonly sampleUntil: number | null
  /** Null where nothing more is on record. */
  readonly record: PatientRecord | null
}

/** Why a group is not relied on. */
export type GroupDoubt = 'discrepancy' | 'unconfirmed'

const unknown: RecipientGroup = { abo: null, rhd: null }

/** What a bag is handed out for: what is said of them in a word counts as far as nothing better is on record. */
export function patientOf({ pseudonym, word, antiD, sampleUntil, record }: KnownPatient): Patient {
  if (!record) return { pseudonym, group: word, antiD, sampleUntil, doubt: null, record }
  const until = record.samples.length > 0 ? sampleUntilOf(record) : sampleUntil
  return { pseudonym, ...groupOf(record, word), antiD, sampleUntil: until, record }
}

/**
 * The group that may be relied on. Two groupings that agree and are independent make it, those of rejected samples not
 * counted; one that differs unmakes it, whatever the others say, and so does a group the facility has said in a word. Where
 * anything was ever grouped here the word alone is not enough.
 *
 * @param word what the facility says without a grouping of its own on record
 */
export function groupOf(
  { samples, groupings }: Pick<PatientRecord, 'samples' | 'groupings'>,
  word: RecipientGroup,
): { readonly group: RecipientGroup; readonly doubt: GroupDoubt | null } {
  if (groupings.length === 0) return { group: word, doubt: null }
  const standing = groupings.filter(({ sampleId }) => standingSample(samples, sampleId) !== null)
  const [first] = standing
  const differs = ({ abo, rhd }: RecipientGroup) =>
    (abo !== null && abo !== first?.abo) || (rhd !== null && rhd !== first?.rhd)
  if (first && (standing.some(differs) || differs(word))) return { group: unknown, doubt: 'discrepancy' }
  const isConfirmed = standing.some((one) => standing.some((other) => areIndependent(samples, one, other)))
  if (!first || !isConfirmed) return { group: unknown, doubt: 'unconfirmed' }
  return { group: { abo: first.abo, rhd: first.rhd }, doubt: null }
}

/**
 * Of two samples that were not taken at once, so that no one mix-up at a bedside makes both; and not by the same hand, which
 * may write down what it expects, but an instrument's.
 */
function areIndependent(samples: readonly Sample[], one: Grouping, other: Grouping): boolean {
  const takenAt = (id: string) => standingSample(samples, id)?.collectedAt
  if (one.sampleId === other.sampleId || takenAt(one.sampleId) === takenAt(other.sampleId)) return false
  return one.by !== other.by || one.method === 'automated' || other.method === 'automated'
}

/** A sample that was not rejected; null where it was, or is not on record. */
export function standingSample(samples: readonly Sample[], id: string): Sample | null {
  return samples.find((sample) => sample.id === id && !sample.isRejected) ?? null
}

/** Until when any sample may be relied on, exclusive; null where none ever might. */
export function sampleUntilOf({
  samples,
  exposedAt,
}: Pick<PatientRecord, 'samples' | 'exposedAt'>): number | null {
  const untils = samples.filter(({ isRejected }) => !isRejected).map((sample) => untilOf(sample, exposedAt))
  return untils.length > 0 ? Math.max(...untils) : null
}

/** Antigens a bag must not have. D is a matter of its group. */
export function antigensToAvoid({ antibodies }: Pick<PatientRecord, 'antibodies'>): readonly Antigen[] {
  return antigens.filter((antigen) => antibodies.includes(antigen))
}
