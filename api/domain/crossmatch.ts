import type {
  Antigen,
  Component,
  CrossmatchMethod,
  CrossmatchResult,
  ElectronicObstacle,
  Process,
  Requirement,
  UnitTrait,
} from '../../schema/vocabulary.ts'
import { electronicObstacles } from '../../schema/vocabulary.ts'
import type { BagFacts, Patient } from './bag.ts'
import { recipientOf } from './bag.ts'
import { compatibilityOf } from './compatibility.ts'
import { antigensToAvoid, type PatientRecord, standingSample } from './patient-record.ts'
import { isValidSample, type Sample, untilOf } from './sample.ts'

/** What is crossmatched before it is handed out, how, and for how long that counts. */
export type CrossmatchRule = {
  readonly components: readonly Component[]
  /** ms from when it was done; never longer than its sample. */
  readonly validMs: number
  /** Is it enough that what is on record leaves no doubt? */
  readonly electronic: boolean
  readonly source: string
  readonly uncertain: readonly string[]
}

/**
 * What must be crossmatched for a patient; undefined where nothing need be: where the facility says so for all, and of
 * everybody whose samples or antibodies are on record, for then their crossmatches are as well.
 */
export function ruleFor<Rule extends Pick<CrossmatchRule, 'components'>>(
  rule: Rule,
  patient: Patient | null,
  isNeededForAll: boolean,
): Rule | undefined {
  const { samples = [], antibodies = [] } = patient?.record ?? {}
  const isKeptHere = samples.length > 0 || antibodies.length > 0
  return isNeededForAll || isKeptHere ? rule : undefined
}

/** A crossmatch of one bag for one patient. */
export type Crossmatch = {
  readonly sampleId: string
  readonly method: CrossmatchMethod
  readonly result: CrossmatchResult
  readonly at: number
  /** Exclusive. */
  readonly until: number
}

/** What is known of a bag that matters for one patient only. */
export type BagFit = {
  readonly crossmatches: readonly Crossmatch[]
  /** What was found in its donation, and what was not; what nobody looked for is left out. */
  readonly traits: Readonly<Partial<Record<UnitTrait, boolean>>>
  /** What was done to it, as far as the catalogue says. */
  readonly treatments: readonly Process[]
}

export const nothingKnown: BagFit = { crossmatches: [], traits: {}, treatments: [] }

export type CrossmatchStanding = 'none' | 'compatible' | 'expired' | 'least_incompatible' | 'incompatible'

/**
 * What the crossmatches of a bag for a patient come to now. Those by rejected samples count for nothing. What cells and
 * serum showed, only cells and serum of a newer sample undo, and of one sample the worst counts, however old; that it fits
 * counts for as long as the crossmatch and its sample do, and by record alone only while the record still leaves no doubt.
 */
export function standingOfCrossmatches(
  crossmatches: readonly Crossmatch[],
  record: PatientRecord,
  hasGroupDoubt: boolean,
  now: number,
): CrossmatchStanding {
  const counted = crossmatches.flatMap((one) => {
    const sample = standingSample(record.samples, one.sampleId)
    return sample ? [{ ...one, sample }] : []
  })
  const serological = counted.filter(({ method }) => method === 'serological')
  const newest = serological.toSorted((a, b) => b.sample.collectedAt - a.sample.collectedAt)[0]?.sample
  const shown = serological.filter(({ sample }) => sample.collectedAt === newest?.collectedAt)
  if (shown.some(({ result }) => result === 'incompatible')) return 'incompatible'
  const isInForce = ({ at, until, sample }: (typeof counted)[number]) =>
    at <= now && now < until && isValidSample(sample, record.exposedAt, now)
  const least = shown.filter(({ result }) => result === 'least_incompatible')
  if (least.length > 0) return least.some(isInForce) ? 'least_incompatible' : 'expired'
  const believed = counted.filter(
    ({ method, result }) =>
      result === 'compatible' && (method === 'serological' || (!hasGroupDoubt && isAllClear(record))),
  )
  if (believed.some(isInForce)) return 'compatible'
  return believed.length > 0 ? 'expired' : 'none'
}

/** Nothing was ever found in this patient that only cells and serum can answer for. */
function isAllClear({ samples, screens, antibodies, requirements }: PatientRecord): boolean {
  const isPositive = screens.some(
    ({ sampleId, positive }) => positive && standingSample(samples, sampleId) !== null,
  )
  return !isPositive && antibodies.length === 0 && !requirements.includes('serological_crossmatch')
}

/** Until when a crossmatch counts, exclusive. */
export function crossmatchUntil(
  { validMs }: CrossmatchRule,
  sample: Sample,
  exposedAt: number | null,
  now: number,
): number {
  return Math.min(now + validMs, untilOf(sample, exposedAt))
}

/**
 * All that keeps a bag from being crossmatched by what is on record alone. Nothing: it may be.
 *
 * @param sample by which it would be; null where that is none of the patient's
 */
export function obstaclesToElectronic({
  rule,
  patient,
  record,
  hasGroupDoubt,
  sample,
  bag,
  crossmatches,
  now,
}: {
  readonly rule: CrossmatchRule
  readonly patient: Patient
  readonly record: PatientRecord
  /** Its groupings contradict each other, or are too few. */
  readonly hasGroupDoubt: 'discrepancy' | 'unconfirmed' | null
  readonly sample: Sample | null
  readonly bag: Pick<BagFacts, 'component' | 'group' | 'lowTitre'>
  readonly crossmatches: readonly Crossmatch[]
  readonly now: number
}): readonly ElectronicObstacle[] {
  const { groupings, screens, antibodies, requirements, samples, exposedAt } = record
  const ofSample = <T extends { readonly sampleId: string }>(rows: readonly T[]) =>
    rows.filter(({ sampleId }) => sampleId === sample?.id)
  const standing = <T extends { readonly sampleId: string }>(rows: readonly T[]) =>
    rows.filter(({ sampleId }) => standingSample(samples, sampleId) !== null)
  const stands: Record<ElectronicObstacle, boolean> = {
    not_accepted: !rule.electronic,
    excluded: requirements.includes('serological_crossmatch'),
    group_discrepancy: hasGroupDoubt === 'discrepancy',
    // A group that was only said counts for nothing here: two groupings must be on record.
    group_unconfirmed:
      hasGroupDoubt === 'unconfirmed' ||
      groupings.length === 0 ||
      patient.group.abo === null ||
      patient.group.rhd === null,
    sample_not_valid: sample === null || !isValidSample(sample, exposedAt, now),
    sample_not_grouped: ofSample(groupings).length === 0,
    not_screened: ofSample(screens).length === 0,
    screen_positive: standing(screens).some(({ positive }) => positive),
    antibody_history: antibodies.length > 0 || patient.antiD,
    bag_does_not_fit: !doesFit(bag, patient),
    incompatible_before: standing(crossmatches).some(({ result }) => result !== 'compatible'),
  }
  return electronicObstacles.filter((obstacle) => stands[obstacle])
}

function doesFit(
  { component, group, lowTitre }: Pick<BagFacts, 'component' | 'group' | 'lowTitre'>,
  patient: Patient,
) {
  if (group === null) return false
  const { verdict, needs } = compatibilityOf(component, group, recipientOf(patient))
  if (verdict === 'incompatible' || needs.includes('rhd_override')) return false
  return lowTitre || !needs.includes('low_titre')
}

/** Does a bag lack what the patient needs? What nobody looked for is lacking. */
export function lacks({ traits, treatments }: BagFit, requirement: Requirement): boolean {
  switch (requirement) {
    case 'irradiated':
      return !treatments.includes('irradiate')
    case 'washed':
      return !treatments.includes('wash')
    case 'cmv_negative':
      return traits.cmv_antibody !== false
    case 'serological_crossmatch':
      return false
  }
}

/** What of a bag meets an antibody of the patient, and what may, for nobody looked for it. */
export function antigensMet(
  { traits }: BagFit,
  record: Pick<PatientRecord, 'antibodies'>,
): { readonly present: readonly Antigen[]; readonly unknown: readonly Antigen[] } {
  const avoided = antigensToAvoid(record)
  return {
    present: avoided.filter((antigen) => traits[antigen] === true),
    unknown: avoided.filter((antigen) => traits[antigen] === undefined),
  }
}
