import type { Finding } from '../../schema/vocabulary.ts'
import {
  type BagFacts,
  findingOfHold,
  isKeptFrom,
  type Kept,
  keeperOf,
  type Patient,
  recipientOf,
  trusted,
  unknownPatient,
} from './bag.ts'
import { compatibilityOf, hasRedCells } from './compatibility.ts'
import {
  antigensMet,
  type BagFit,
  type CrossmatchRule,
  lacks,
  nothingKnown,
  standingOfCrossmatches,
} from './crossmatch.ts'
import { meaningOfGroup } from './isbt128/group.ts'
import { findingsOfOrder, type OrderToFill } from './order.ts'

export type Answer = 'GO' | 'STOP' | 'CALL'

/** What is said of a finding; the one with the lowest rank is the answer. Policy data. */
export type AnswerRule = {
  readonly code: Finding
  readonly answer: Exclude<Answer, 'GO'>
  readonly rank: number
  readonly zh: string
  readonly en: string
}

/** The code that stands in the place of the group, and when the bag expires by its label, ms UTC. */
export type ScannedLabel = { readonly group: string | null; readonly expiresAt: number | null }

/** What was scanned, for whom, and what is known of it at that moment. */
export type Scan = {
  /** Null: it is no bag of ours. */
  readonly bag: BagFacts | null
  /** Null: nobody knows how it was kept. */
  readonly kept: Kept | null
  readonly patient: Patient | null
  readonly emergency: boolean
  readonly override: boolean
  readonly now: number
  /** A bag may be in hands for so long before it goes back or in, ms. */
  readonly handlingMs: number
  /** What its label says, as far as that was scanned, too; null of what was not. */
  readonly label: ScannedLabel
  /** It is believed to be inside another device than the one it is handed out of: what is believed of it is wrong. */
  readonly isElsewhere: boolean
  /** Another person was to check, and has not. */
  readonly isUnchecked: boolean
  /** What of the bag matters for this patient only; left out where nothing is known. */
  readonly fit?: BagFit
  /** The order it is taken out for; left out where there is none. */
  readonly order?: OrderToFill | null
  /** What must be crossmatched, by the policy in force there; left out where nothing need be. */
  readonly crossmatch?: Pick<CrossmatchRule, 'components'> | undefined
}

/**
 * All that speaks against handing this bag out for this patient now; nothing means GO. An emergency needs no sample and
 * no known patient, and asks for what fits everybody.
 */
export function findingsOfScan({
  bag,
  kept,
  patient,
  emergency,
  override,
  now,
  handlingMs,
  isElsewhere,
  isUnchecked,
  label,
  fit = nothingKnown,
  order = null,
  crossmatch,
}: Scan): readonly Finding[] {
  if (!bag) return ['unknown_bag']
  const found = [...findingsOfBag(bag, now), ...findingsOfLabel(bag, label, now)]

  found.push(...findingsOfGroup(bag, patient ? trusted(patient, emergency, now) : null, override))
  if (isKeptFrom(bag, patient?.pseudonym, now)) found.push('reserved_for_another')
  if (!emergency && (patient?.sampleUntil ?? 0) <= now) found.push('no_valid_sample')
  if (patient) found.push(...findingsOfFit(bag, patient, { fit, crossmatch, emergency, now }))

  if (!kept || kept.unverifiedMs > 0) found.push('unverified')
  if (kept?.wasOutOfRange) found.push('out_of_range')
  if (isElsewhere) found.push('seen_elsewhere')
  if (kept && kept.uncontrolledMs > handlingMs) found.push('uncontrolled_too_long')
  // Who bleeds to death waits for no order either.
  if (order && !emergency) found.push(...findingsOfOrder(order, bag.component))
  if (isUnchecked && !emergency) found.push('second_checker_missing')
  return [...new Set(found)]
}

/**
 * What speaks against this bag for this patient by their groups.
 *
 * @param patient null: nobody knows who it is
 * @param hasOverride a physician has given their word for RhD-positive cells, or nobody need
 */
export function findingsOfGroup(
  { component, group, lowTitre }: Pick<BagFacts, 'component' | 'group' | 'lowTitre'>,
  patient: Patient | null,
  hasOverride: boolean,
): Finding[] {
  if (!group) return ['not_grouped']
  const { verdict, needs } = compatibilityOf(component, group, recipientOf(patient ?? unknownPatient))
  if (verdict === 'incompatible' || (needs.includes('low_titre') && !lowTitre)) return [groupFinding(patient)]
  if (!needs.includes('rhd_override')) return []
  if (patient?.antiD) return ['wrong_group']
  return hasOverride ? [] : ['rhd_override_missing']
}

/** Where it fits nobody but whose group is known: that it is not known, and why. */
function groupFinding(patient: Patient | null): Finding {
  if (patient?.doubt === 'discrepancy') return 'group_discrepancy'
  return patient?.doubt === 'unconfirmed' ? 'group_unconfirmed' : 'wrong_group'
}

/**
 * What speaks against this bag for this patient besides groups. An emergency waits for no crossmatch and no typing; what was
 * found to be wrong counts in it as well.
 */
function findingsOfFit(
  { component }: BagFacts,
  { record, doubt }: Patient,
  {
    fit,
    crossmatch,
    emergency,
    now,
  }: Pick<Scan, 'emergency' | 'now' | 'crossmatch'> & { readonly fit: BagFit },
): Finding[] {
  const found: Finding[] = []
  const isNeeded = crossmatch?.components.includes(component) === true && !emergency
  if (!record) return isNeeded ? ['crossmatch_missing'] : []
  const standing = standingOfCrossmatches(fit.crossmatches, record, Boolean(doubt), now)
  if (standing === 'incompatible') found.push('crossmatch_incompatible')
  if (standing === 'least_incompatible' && !emergency) found.push('crossmatch_least_incompatible')
  if (standing === 'none' && isNeeded) found.push('crossmatch_missing')
  if (standing === 'expired' && isNeeded) found.push('crossmatch_expired')
  if (hasRedCells(component)) {
    const met = antigensMet(fit, record)
    if (met.present.length > 0) found.push('antigen_positive')
    if (met.unknown.length > 0 && !emergency) found.push('antigen_unknown')
  }
  const isCellular = hasRedCells(component) || component === 'platelets'
  if (isCellular && record.requirements.some((one) => lacks(fit, one))) found.push('requirement_unmet')
  return found
}

/** Is it known that this bag harms this patient, or is not as they need it? Then it is not even suggested. */
export function isRuledOut(bag: BagFacts, patient: Patient, fit: BagFit, now: number): boolean {
  const never: readonly Finding[] = [...harmful, 'requirement_unmet']
  return findingsOfFit(bag, patient, { fit, emergency: false, now }).some((one) => never.includes(one))
}

const harmful: readonly Finding[] = ['crossmatch_incompatible', 'antigen_positive']

/** By what a bag is known to harm this patient: what no word makes up for, so that it is not kept for them either. */
export function harmsOf(bag: BagFacts, patient: Patient, fit: BagFit, now: number): readonly Finding[] {
  return findingsOfFit(bag, patient, { fit, emergency: false, now }).filter((one) => harmful.includes(one))
}

/** A bag is never handed out as better than its label says, nor as what its label does not say. */
function findingsOfLabel({ group }: BagFacts, label: ScannedLabel, now: number): Finding[] {
  const found: Finding[] = []
  if (label.expiresAt !== null && label.expiresAt <= now) found.push('expired')
  if (label.group === null) return found
  const meaning = meaningOfGroup(label.group)
  if (meaning.kind !== 'group' || meaning.use !== 'anybody') return [...found, 'special_label']
  const isAnother = meaning.rhd !== null && meaning.rhd !== group?.rhd
  if (group && (meaning.abo !== group.abo || isAnother)) found.push('label_differs')
  return found
}

/** What keeps a bag from being issued to anybody, as far as the stock shows: how it was kept is asked at the scan. */
export function findingsOfStock(bag: BagFacts, now: number): readonly Finding[] {
  const found = findingsOfBag(bag, now)
  if (!bag.group) found.push('not_grouped')
  if (keeperOf(bag, now)) found.push('reserved_for_another')
  return [...new Set(found)]
}

/** What speaks against a bag whoever it is for. */
function findingsOfBag(bag: BagFacts, now: number): Finding[] {
  const found: Finding[] = []
  if (bag.state === 'collected' || bag.state === 'quarantined') found.push('not_released')
  else if (bag.state !== 'available') found.push('not_in_stock')
  for (const { kind } of bag.holds) found.push(findingOfHold(kind))
  if (now >= bag.expiresAt) found.push('expired')
  if (!bag.isForAnybody) found.push('special_label')
  return found
}

/**
 * One scan, one answer, one reason: the finding of the lowest rank.
 *
 * @param rules the closed table; a finding it lacks is a CALL, for nobody has said what it means
 */
export function answerTo(
  findings: readonly Finding[],
  rules: readonly AnswerRule[],
): { readonly answer: Answer; readonly rule: AnswerRule | null } {
  const [worst] = findings
    .map((code) => rules.find((rule) => rule.code === code) ?? unruled(code))
    .sort((a, b) => a.rank - b.rank)
  return worst ? { answer: worst.answer, rule: worst } : { answer: 'GO', rule: null }
}

/** What is said to a scan, and whether that is because the glass was broken. */
export type ScanVerdict = {
  readonly answer: Answer
  readonly rule: AnswerRule | null
  readonly isBroken: boolean
}

/** The answer to all that was found, here as at a terminal that is cut off: a broken glass waives it, or does not. */
export function verdictOn(
  findings: readonly Finding[],
  rules: readonly AnswerRule[],
  isGlassBroken: boolean,
): ScanVerdict {
  const isBroken = isGlassBroken && mayBreakGlass(findings, rules)
  return isBroken ? { answer: 'GO', rule: null, isBroken } : { ...answerTo(findings, rules), isBroken }
}

/** What policy waives in an emergency of whom the group is not known. */
export const rhdWaived: readonly Finding[] = ['rhd_override_missing']

/**
 * May the glass be broken: is a person to be called, and nothing says put it back? What was found is waived then, and the
 * issue is looked at afterwards.
 */
export function mayBreakGlass(findings: readonly Finding[], rules: readonly AnswerRule[]): boolean {
  return findings.length > 0 && findings.every((one) => answerTo([one], rules).answer === 'CALL')
}

function unruled(code: Finding): AnswerRule {
  return {
    code,
    answer: 'CALL',
    rank: 1_000,
    zh: '情况不明，请致电输血科',
    en: `${code}: call the transfusion lab`,
  }
}
