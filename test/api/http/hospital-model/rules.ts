import type { Abo, Rhd } from '../../../../schema/vocabulary.ts'
import {
  type Crossmatch,
  type Hospital,
  handlingMs,
  type Land,
  nowOf,
  type Order,
  type Patient,
  type Sample,
  silenceMs,
  type Unit,
} from './account.ts'

/*
 * What is right in the hospital of the model, for red cells: in plain words once more, and of nothing else but its account.
 */

/** Whose red cells whom: none that carry what the patient's serum fights. */
const takes: Readonly<Record<Abo, string>> = { O: 'O', A: 'O A', B: 'O B', AB: 'O A B AB' }

export const isFree = ({ state }: Unit) => state === 'available'
export const isOver = ({ state }: Unit) => state === 'transfused' || state === 'discarded'

/** Was the patient given anything here, or is anything out for them? */
function isExposed({ units }: Hospital, patient: Patient): boolean {
  return units.some(
    ({ state, issues, observed }) =>
      observed.some((one) => one.patient === patient.name) ||
      ((state === 'issued' || state === 'transfused') && issues.at(-1)?.patient === patient),
  )
}

export function untilOf(hospital: Hospital, patient: Patient, { at, exposed }: Sample): number {
  const { exposedMs, unexposedMs } = hospital.land
  return at + (exposed === false && !isExposed(hospital, patient) ? unexposedMs : exposedMs)
}

export function isValid(hospital: Hospital, patient: Patient, sample: Sample): boolean {
  return !sample.isRejected && nowOf(hospital) < untilOf(hospital, patient, sample)
}

/** Until when any sample is relied on. */
export function sampleUntilOf(hospital: Hospital, patient: Patient): number | null {
  if (patient.samples.length === 0) return patient.sampleUntil
  const standing = patient.samples.filter(({ isRejected }) => !isRejected)
  return standing.length === 0
    ? null
    : Math.max(...standing.map((sample) => untilOf(hospital, patient, sample)))
}

type Group = { readonly abo: Abo | null; readonly rhd: Rhd | null }
const nobody: Group = { abo: null, rhd: null }

export type Belief = Group & { readonly doubt: 'discrepancy' | 'unconfirmed' | null }

/** The group the patient is believed to have. */
export function beliefIn({ abo, rhd, samples }: Patient): Belief {
  const word = { abo, rhd }
  if (!samples.some(({ groupings }) => groupings.length > 0)) return { ...word, doubt: null }
  const counted = samples
    .filter(({ isRejected }) => !isRejected)
    .flatMap((sample) => sample.groupings.map((grouping) => ({ ...grouping, takenAt: sample.at })))
  const abos = new Set([...counted.map((one) => one.abo), ...(abo === null ? [] : [abo])])
  const rhds = new Set([...counted.map((one) => one.rhd), ...(rhd === null ? [] : [rhd])])
  if (counted.length > 0 && (abos.size > 1 || rhds.size > 1)) return { ...nobody, doubt: 'discrepancy' }
  const isConfirmed = counted.some((one) =>
    counted.some(
      (other) => one.takenAt !== other.takenAt && (one.by !== other.by || one.automated || other.automated),
    ),
  )
  const [first] = counted
  if (!first || !isConfirmed) return { ...nobody, doubt: 'unconfirmed' }
  return { abo: first.abo, rhd: first.rhd, doubt: null }
}

/** As what a patient counts at the fridge: of whom no sample is valid nothing is known in an emergency. */
function recipientOf(hospital: Hospital, patient: Patient | null, emergency: boolean): Group {
  if (patient === null) return nobody
  const isTrusted = !emergency || (sampleUntilOf(hospital, patient) ?? 0) > nowOf(hospital)
  const group = isTrusted ? beliefIn(patient) : nobody
  return patient.antiD ? { abo: group.abo, rhd: 'negative' } : group
}

/** By group alone: it fits, it takes a physician's word, or it does not. */
export function fitOf(
  hospital: Hospital,
  unit: Unit,
  patient: Patient | null,
  emergency = false,
): 'fits' | 'needs_word' | 'does_not' {
  const { abo, rhd } = recipientOf(hospital, patient, emergency)
  if (abo === null ? unit.abo !== 'O' : !takes[abo].split(' ').includes(unit.abo)) return 'does_not'
  if (unit.rhd === 'negative' || rhd === 'positive') return 'fits'
  return patient?.antiD ? 'does_not' : 'needs_word'
}

/** Do RhD-positive cells go to them without a word, in an emergency? */
export function isRhdAllowed(
  { land }: { readonly land: Land },
  patient: Patient | null,
  isMan: boolean,
): boolean {
  if (patient && (patient.antiD || beliefIn(patient).rhd === 'negative')) return false
  return land.rhdInEmergency === 'all' || isMan
}

export type Standing = 'none' | 'compatible' | 'expired' | 'least_incompatible' | 'incompatible'

/** What the crossmatches of a bag for a patient come to now. */
export function standingOf(hospital: Hospital, unit: Unit, patient: Patient): Standing {
  const all = unit.crossmatches.filter((one) => one.patient === patient && !one.sample.isRejected)
  const serological = all.filter(({ method }) => method === 'serological')
  const newestAt = Math.max(...serological.map(({ sample }) => sample.at))
  const shown = serological.filter(({ sample }) => sample.at === newestAt)
  const isInForce = ({ until, sample }: Crossmatch) =>
    nowOf(hospital) < until && isValid(hospital, patient, sample)
  if (shown.some(({ result }) => result === 'incompatible')) return 'incompatible'
  const least = shown.filter(({ result }) => result === 'least_incompatible')
  if (least.length > 0) return least.some(isInForce) ? 'least_incompatible' : 'expired'
  const isBelieved = ({ method, result }: Crossmatch) =>
    result === 'compatible' && (method === 'serological' || isAllClear(patient))
  const believed = all.filter(isBelieved)
  if (believed.some(isInForce)) return 'compatible'
  return believed.length > 0 ? 'expired' : 'none'
}

function isAllClear(patient: Patient): boolean {
  const { samples, antibodies, needs } = patient
  const isPositive = samples.some(({ isRejected, screens }) => !isRejected && screens.includes(true))
  return (
    !isPositive &&
    antibodies.size === 0 &&
    !needs.has('serological_crossmatch') &&
    beliefIn(patient).doubt === null
  )
}

/** May it be crossmatched by what is on record alone? */
export function isElectronicAllowed(
  hospital: Hospital,
  unit: Unit,
  patient: Patient,
  sample: Sample,
): boolean {
  const { abo, rhd, doubt } = beliefIn(patient)
  const isGrouped = patient.samples.some(({ groupings }) => groupings.length > 0)
  return (
    hospital.land.electronic &&
    isAllClear(patient) &&
    !patient.antiD &&
    [doubt === null, isGrouped, abo !== null, rhd !== null].every(Boolean) &&
    isValid(hospital, patient, sample) &&
    sample.groupings.length > 0 &&
    sample.screens.length > 0 &&
    fitOf(hospital, unit, patient) === 'fits' &&
    !unit.crossmatches.some(
      (one) => one.patient === patient && !one.sample.isRejected && one.result !== 'compatible',
    )
  )
}

export const until = (hospital: Hospital, patient: Patient, sample: Sample, validMs: number) =>
  Math.min(nowOf(hospital) + validMs, untilOf(hospital, patient, sample))

/** What speaks against a bag for a patient besides groups, and harms them whatever is said. */
export function harmsOf(hospital: Hospital, unit: Unit, patient: Patient): readonly string[] {
  const found = standingOf(hospital, unit, patient) === 'incompatible' ? ['crossmatch_incompatible'] : []
  const isMet = (['K', 'E'] as const).some(
    (one) => patient.antibodies.has(one) && unit.traits.get(one) === true,
  )
  return isMet ? [...found, 'antigen_positive'] : found
}

/** The time in which nothing spoke for a bag while it was inside, and in which it was in hands, ms, as far as it counts. */
function keptOf(hospital: Hospital, { stays, vouchedAt }: Unit): { unheardMs: number; handsMs: number } {
  const now = nowOf(hospital)
  const { silences, heardAt } = hospital
  const all = now - heardAt > silenceMs ? [...silences, { from: heardAt, to: now }] : silences
  let [unheardMs, handsMs] = [0, 0]
  for (const { isInside, from, to } of stays) {
    const [start, end] = [Math.max(from, vouchedAt), to ?? now]
    if (!isInside) handsMs += Math.max(0, end - start)
    else for (const one of all) unheardMs += Math.max(0, Math.min(end, one.to) - Math.max(start, one.from))
  }
  return { unheardMs, handsMs }
}

export const isUnheard = (hospital: Hospital, unit: Unit) => keptOf(hospital, unit).unheardMs > 0
export const isTooLongInHands = (hospital: Hospital, unit: Unit) =>
  keptOf(hospital, unit).handsMs > handlingMs

/** Whom a bag is kept for now. */
export function keeperOf(hospital: Hospital, { kept }: Unit): Patient | null {
  return kept && kept.until > nowOf(hospital) ? kept.patient : null
}

export type Asked = {
  readonly patient: Patient | null
  readonly emergency: boolean
  /** A physician has given their word for RhD-positive cells, or nobody need. */
  readonly hasWord: boolean
  readonly isUnchecked: boolean
  readonly isCrossmatchNeeded: boolean
}

/** All that speaks against handing a bag out. */
export function findingsOf(hospital: Hospital, unit: Unit, asked: Asked): string[] {
  const { patient, emergency, hasWord } = asked
  const now = nowOf(hospital)
  const found = new Set<string>()
  const tell = (finding: string, isSo: boolean) => isSo && found.add(finding)
  tell('not_in_stock', !isFree(unit))
  for (const { kind } of unit.holds) found.add(kind === 'recall' ? 'recalled' : 'held')
  tell('expired', now >= unit.expiresAt)
  const fit = fitOf(hospital, unit, patient, emergency)
  const isAntiD =
    fit === 'does_not' && patient?.antiD === true && isOnlyForD(hospital, unit, patient, emergency)
  const doubt = patient === null || isAntiD ? null : beliefIn(patient).doubt
  tell(doubt === null ? 'wrong_group' : `group_${doubt}`, fit === 'does_not')
  tell('rhd_override_missing', fit === 'needs_word' && !hasWord)
  const keeper = keeperOf(hospital, unit)
  tell('reserved_for_another', keeper !== null && keeper !== patient)
  tell('no_valid_sample', !emergency && (patient === null || (sampleUntilOf(hospital, patient) ?? 0) <= now))
  if (patient) for (const one of ofRecord(hospital, unit, patient, asked)) found.add(one)
  tell('unverified', isUnheard(hospital, unit))
  tell('uncontrolled_too_long', isTooLongInHands(hospital, unit))
  tell('second_checker_missing', asked.isUnchecked && !emergency)
  return [...found].sort()
}

/** Would it fit but for the anti-D? Then that is what is told. */
function isOnlyForD(hospital: Hospital, unit: Unit, patient: Patient, emergency: boolean): boolean {
  return fitOf(hospital, { ...unit, rhd: 'negative' }, patient, emergency) === 'fits'
}

function ofRecord(hospital: Hospital, unit: Unit, patient: Patient, asked: Asked): string[] {
  const { emergency } = asked
  const isKeptHere = patient.samples.length > 0 || patient.antibodies.size > 0
  const isNeeded = !emergency && (asked.isCrossmatchNeeded || isKeptHere)
  if (!patient.hasRecord) return isNeeded ? ['crossmatch_missing'] : []
  const found = [...harmsOf(hospital, unit, patient)]
  const standing = standingOf(hospital, unit, patient)
  if (standing === 'least_incompatible' && !emergency) found.push('crossmatch_least_incompatible')
  if (standing === 'none' && isNeeded) found.push('crossmatch_missing')
  if (standing === 'expired' && isNeeded) found.push('crossmatch_expired')
  const isUntyped = (['K', 'E'] as const).some((one) => patient.antibodies.has(one) && !unit.traits.has(one))
  if (isUntyped && !emergency) found.push('antigen_unknown')
  const isUnlike =
    (patient.needs.has('irradiated') && unit.code !== 'E0337') ||
    (patient.needs.has('cmv_negative') && unit.traits.get('cmv_antibody') !== false)
  if (isUnlike) found.push('requirement_unmet')
  return found
}

/** The gravest first: what is found first here is what a nurse is told. */
const stops = [
  ...(['recalled', 'group_discrepancy', 'wrong_group', 'group_unconfirmed'] as const),
  ...(['crossmatch_incompatible', 'antigen_positive', 'not_in_stock', 'expired', 'held'] as const),
]
const calls = [
  ...(['reserved_for_another', 'crossmatch_least_incompatible', 'rhd_override_missing'] as const),
  ...(['requirement_unmet', 'antigen_unknown', 'unverified', 'uncontrolled_too_long'] as const),
  ...(['crossmatch_missing', 'crossmatch_expired', 'no_valid_sample'] as const),
  ...(['order_ended', 'order_filled', 'second_checker_missing'] as const),
]
export const findings: readonly string[] = [...stops, ...calls]

export type Answer = { readonly answer: 'GO' | 'STOP' | 'CALL'; readonly reason: string | null }

export function answerTo(found: readonly string[], isGlassBroken: boolean): Answer {
  const stop = stops.find((one) => found.includes(one))
  if (stop) return { answer: 'STOP', reason: stop }
  const call = calls.find((one) => found.includes(one))
  return call && !isGlassBroken ? { answer: 'CALL', reason: call } : { answer: 'GO', reason: null }
}

/** What the lab answers for in words at the counter, where a nurse would be told to call. */
const answeredFor = new Set([
  ...['unverified', 'uncontrolled_too_long', 'no_valid_sample', 'crossmatch_missing', 'crossmatch_expired'],
  ...['crossmatch_least_incompatible', 'antigen_unknown', 'requirement_unmet'],
])

/** What the bag itself says against being handed out, or kept; null where nothing. */
export function ofBag(hospital: Hospital, unit: Unit, patient: Patient | null): string | null {
  if (!isFree(unit)) return 'illegal_move'
  if (unit.holds.length > 0) return 'held'
  if (nowOf(hospital) >= unit.expiresAt) return 'expired'
  const keeper = keeperOf(hospital, unit)
  return keeper !== null && keeper !== patient ? 'reserved' : null
}

/** By which word it is not handed out over the counter; null where it is. */
export function atCounter(
  hospital: Hospital,
  unit: Unit,
  asked: Asked & { readonly order: Order | null; readonly hasReason: boolean },
): string | null {
  const { patient, emergency, hasWord, order } = asked
  const said = ofBag(hospital, unit, patient)
  if (said) return said
  const fit = fitOf(hospital, unit, patient, emergency)
  if (fit === 'does_not' || (fit === 'needs_word' && !hasWord)) return 'incompatible'
  const ofOrder = order && toFill(hospital, order, patient, emergency)
  if (ofOrder) return ofOrder
  const found = findingsOf(hospital, unit, asked)
  if (found.includes('crossmatch_incompatible')) return 'incompatible'
  if (found.includes('antigen_positive') && !emergency) return 'incompatible'
  return found.some((one) => answeredFor.has(one)) && !asked.hasReason ? 'unverified' : null
}

/** What was handed out for an order and has not come back. */
export function filledBy({ units }: Hospital, order: Order): Unit[] {
  return units.filter(
    ({ state, issues }) => (state === 'issued' || state === 'transfused') && issues.at(-1)?.order === order,
  )
}

/** What has become of an order since a door was opened for it. */
export function findingsOfOrder(hospital: Hospital, order: Order): string[] {
  if (order.ended !== null) return ['order_ended']
  return isFilled(hospital, order) ? ['order_filled'] : []
}

/** Of bags of two units each. */
export const isFilled = (hospital: Hospital, order: Order) =>
  2 * filledBy(hospital, order).length >= order.amount

export const missingOf = ({ approvals, given }: Order) =>
  approvals.filter((grade) => !given.some((one) => one.grade === grade))

/** By which word blood is not kept or handed out for an order; null where it is. */
export function toFill(
  hospital: Hospital,
  order: Order,
  patient: Patient | null,
  emergency: boolean,
): string | null {
  if (order.patient !== patient) return 'invalid_request'
  if (order.ended !== null || isFilled(hospital, order)) return 'conflict'
  return missingOf(order).length > 0 && order.urgency !== 'emergency' && !emergency ? 'conflict' : null
}

/** What harms, or may harm, a patient a bag is out for: each antigen by its name. */
function againstOf(hospital: Hospital, unit: Unit, patient: Patient): string[] {
  const standing = standingOf(hospital, unit, patient)
  const ofAntigens = (['K', 'E'] as const)
    .filter((one) => patient.antibodies.has(one) && unit.traits.get(one) !== false)
    .map((one) => (unit.traits.get(one) ? `antigen_positive ${one}` : `antigen_unknown ${one}`))
  return [
    ...(standing === 'incompatible' || standing === 'least_incompatible' ? [`crossmatch_${standing}`] : []),
    ...ofAntigens,
  ]
}

type Stood = Pick<Unit['issues'][number], 'against' | 'isCrossmatched' | 'isGrouped'>
const nothingStood: Stood = { against: [], isCrossmatched: false, isGrouped: false }

/** What stood of a bag and its patient when it was handed out. */
export function standingThen(hospital: Hospital, unit: Unit, patient: Patient | null): Stood {
  if (patient === null || !patient.hasRecord) return nothingStood
  const standing = standingOf(hospital, unit, patient)
  return {
    against: againstOf(hospital, unit, patient),
    isCrossmatched: standing === 'compatible' || standing === 'least_incompatible',
    isGrouped: beliefIn(patient).doubt === null && patient.samples.some((one) => one.groupings.length > 0),
  }
}

const harmful = /^(wrong_group|group_discrepancy|needs_word|crossmatch_incompatible|antigen_positive)/

/** What speaks against a bag that is out for a patient, and was not known when it was handed out. */
export function turnedOutOf(hospital: Hospital, unit: Unit, isGiven: boolean): string[] {
  const issue = unit.issues.at(-1)
  const namedSince = unit.observed.slice(issue?.observedBefore ?? 0).map((one) => one.patient)
  const name = namedSince.findLast((one) => one !== null) ?? issue?.patient?.name
  const patient = hospital.patients.find((one) => one.name === name)
  if (!patient) return []
  const { against, isCrossmatched, isGrouped } = issue?.patient === patient ? issue : nothingStood
  const { emergency, hasWord } = issue ?? { emergency: false, hasWord: false }
  const belief = beliefIn(patient)
  const isOnlySaid = belief.doubt === 'unconfirmed' && !isGrouped
  const { abo, rhd } = isOnlySaid ? patient : belief
  const found = [...againstOf(hospital, unit, patient)]
  const isAbo = abo === null ? unit.abo === 'O' : takes[abo].split(' ').includes(unit.abo)
  const isRhd = unit.rhd === 'negative' || (rhd === 'positive' && !patient.antiD)
  if (!isAbo) found.push(belief.doubt ? `group_${belief.doubt}` : 'wrong_group')
  else if (!isRhd && patient.antiD) found.push('wrong_group')
  else if (!isRhd && !hasWord && !emergency) found.push('needs_word')
  if (isCrossmatched && standingOf(hospital, unit, patient) === 'none') found.push('crossmatch_missing')
  const waitsFor = ['crossmatch_missing', 'crossmatch_least_incompatible', 'antigen_unknown']
  return found.filter(
    (one) =>
      !against.includes(one) &&
      !(emergency && waitsFor.some((word) => one.startsWith(word))) &&
      (!isGiven || harmful.test(one)),
  )
}
