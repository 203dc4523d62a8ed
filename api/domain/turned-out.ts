import type { Antigen, Finding } from '../../schema/vocabulary.ts'
import type { BagFacts, Patient } from './bag.ts'
import { hasRedCells } from './compatibility.ts'
import { antigensMet, type BagFit, type CrossmatchStanding, standingOfCrossmatches } from './crossmatch.ts'
import { type KnownPatient, patientOf } from './patient-record.ts'
import { findingsOfGroup } from './take-out.ts'

/*
 * What turns out of a bag after it was handed out. Nobody stands at a fridge any more who could be told STOP: it is found
 * of what is on record, again and again, for as long as it matters.
 */

/** What was known of a bag and its patient when it was handed out, as far as that may speak against it. */
export type Knew = {
  /** Antigens the patient has antibodies against: found in it, and not looked for. */
  readonly present: readonly Antigen[]
  readonly unknown: readonly Antigen[]
  readonly crossmatch: CrossmatchStanding
  /** Groupings on record agreed; what was only said of them was not relied on. */
  readonly isGrouped: boolean
}

const knewNothing: Knew = { present: [], unknown: [], crossmatch: 'none', isGrouped: false }

/** Kept with an issue; null where nothing is on record of whom it is for. */
export function knewOf(
  { component }: Pick<BagFacts, 'component'>,
  patient: Patient | null,
  fit: BagFit,
  now: number,
): Knew | null {
  const { record, doubt } = patient ?? {}
  if (!record) return null
  const met = hasRedCells(component) ? antigensMet(fit, record) : knewNothing
  return {
    present: met.present,
    unknown: met.unknown,
    crossmatch: standingOfCrossmatches(fit.crossmatches, record, Boolean(doubt), now),
    isGrouped: record.groupings.length > 0 && !doubt,
  }
}

/** A bag that was handed out for a patient, or given to one, and all that is known of the two now. */
export type HandedOutFor = {
  readonly bag: Pick<BagFacts, 'component' | 'group' | 'lowTitre'>
  readonly patient: KnownPatient
  readonly fit: BagFit
  readonly emergency: boolean
  /** A physician has given their word for RhD-positive cells. */
  readonly hasOverride: boolean
  /** Null where it was handed out for somebody else, or nothing was on record of them. */
  readonly knew: Knew | null
  /** What was waived when it was handed out, or was known when that was told. */
  readonly waived: readonly Finding[]
  /** All of it was given: nobody can stop that any more. */
  readonly isGiven: boolean
}

/** What harms whom it was given to. The rest is to be settled while there is somebody to tell. */
const harmful: readonly Finding[] = [
  ...(['wrong_group', 'group_discrepancy', 'rhd_override_missing'] as const),
  ...(['crossmatch_incompatible', 'antigen_positive'] as const),
]

/**
 * What speaks against a bag that was handed out, and was not known then: what a scan would find now of groups, crossmatches
 * and antigens. What merely grows old does not: a sample, or a crossmatch that fits, need only have lasted until it was
 * handed out. As for a scan, an emergency waits for no crossmatch, no typing and no physician's word.
 *
 * A group that was only said, and of which a first grouping has since shown the same, is no worse known than it was. A
 * crossmatch by which it was handed out is missed where it counts no more: its sample was rejected, or it was by record
 * alone and the record leaves a doubt now.
 */
export function turnedOut(
  { bag, patient: known, fit, emergency, hasOverride, knew, waived, isGiven }: HandedOutFor,
  now: number,
): readonly Finding[] {
  const patient = patientOf(known)
  const { record, doubt } = patient
  const { present, unknown, crossmatch, isGrouped } = knew ?? knewNothing
  const isOnlySaid = doubt === 'unconfirmed' && !isGrouped
  const relied = isOnlySaid ? { ...patient, group: known.word } : patient
  const found = bag.group ? findingsOfGroup(bag, relied, hasOverride || emergency) : []
  if (record) {
    const standing = standingOfCrossmatches(fit.crossmatches, record, Boolean(doubt), now)
    if (standing === 'incompatible' && crossmatch !== 'incompatible') found.push('crossmatch_incompatible')
    if (!emergency && standing === 'least_incompatible' && crossmatch !== 'least_incompatible')
      found.push('crossmatch_least_incompatible')
    const wasFound = crossmatch === 'compatible' || crossmatch === 'least_incompatible'
    if (!emergency && standing === 'none' && wasFound) found.push('crossmatch_missing')
    if (hasRedCells(bag.component)) {
      const met = antigensMet(fit, record)
      if (met.present.some((one) => !present.includes(one))) found.push('antigen_positive')
      if (!emergency && met.unknown.some((one) => !unknown.includes(one))) found.push('antigen_unknown')
    }
  }
  // What was waived of antigens and crossmatches `knew` tells to the letter.
  const isWaived = (one: Finding) => waived.includes(one) && (knew === null || one === 'rhd_override_missing')
  return found.filter((one) => !isWaived(one) && (!isGiven || harmful.includes(one)))
}
