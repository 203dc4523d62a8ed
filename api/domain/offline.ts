import type {
  BagState,
  Component,
  Finding,
  HoldKind,
  OfflineConflict,
  PlaceState,
  UnitScheme,
} from '../../schema/vocabulary.ts'
import { type BagFacts, findingOfHold, type Kept } from './bag.ts'
import type { BarcodeProfile } from './barcode-profile.ts'
import type { BloodGroup, RecipientGroup } from './compatibility.ts'
import { type BagFit, type Crossmatch, type CrossmatchRule, nothingKnown, ruleFor } from './crossmatch.ts'
import { type EmergencyRule, isRhdPositiveAllowed, type Seen } from './emergency.ts'
import { expiryOf } from './isbt128/date.ts'
import { type KnownPatient, type PatientRecord, patientOf } from './patient-record.ts'
import type { ReadUnit } from './read-unit.ts'
import {
  type AnswerRule,
  findingsOfScan,
  mayBreakGlass,
  type Scan,
  type ScanVerdict,
  verdictOn,
} from './take-out.ts'

/** How a bag was kept when that was asked, and what that says of the time since. */
export type ListedKept = Kept & {
  /** Where it was believed to be; null where it was never seen. */
  readonly place: PlaceState | null
  /** Inside a device: until when its last reading speaks for it, ms UTC. */
  readonly spokenUntil: number | null
}

/** A bag as a list tells of it. Patients are named by a keyed hash there. */
export type ListedBag = {
  readonly id: string
  readonly scheme: UnitScheme
  readonly identifier: string
  readonly productCode: string
  readonly collectionType: string
  readonly division: string
  readonly component: Component
  readonly state: BagState
  readonly expiresAt: number
  readonly group: BloodGroup | null
  readonly lowTitre: boolean
  readonly isForAnybody: boolean
  readonly reservation: { readonly patient: string; readonly until: number } | null
  readonly holds: readonly HoldKind[]
  readonly device: string | null
  readonly kept: ListedKept | null
  readonly timeZone: string
  /** What was found in its donation and what was done to it; left out where there is nothing. */
  readonly traits?: BagFit['traits'] | undefined
  readonly treatments?: BagFit['treatments'] | undefined
}

/** What a terminal was told of its bags, and by which rules it answers. */
export type ListFacts = {
  readonly device: string
  readonly facility: string
  readonly seq: number
  readonly asOf: number
  readonly keptAt: number
  readonly validUntil: number
  readonly refuseFrom: number
  readonly rules: readonly AnswerRule[]
  readonly secondChecker: boolean
  readonly rhdPositive: EmergencyRule['rhdPositive']
  readonly handlingMs: Readonly<Partial<Record<Component, number | null>>>
  readonly stations: readonly BarcodeProfile[]
  /** What is crossmatched there, and whether for everybody. */
  readonly crossmatch: Pick<CrossmatchRule, 'components'> & { readonly isForAll: boolean }
  readonly bags: readonly ListedBag[]
}

export type ListedPatient = {
  readonly who: string
  /** What the facility says of them in a word. */
  readonly group: RecipientGroup
  readonly antiD: boolean
  readonly sampleUntil: number | null
  /** Left out where nothing more is on record. */
  readonly record?: PatientRecord | undefined
  /** Of bags that may be handed out there; left out where there are none. */
  readonly crossmatches?: readonly (Crossmatch & { readonly bag: string })[] | undefined
}

export type PatientFacts = {
  /** Whose patients they are: those of another are not known here. */
  readonly facility: string
  readonly asOf: number
  readonly validUntil: number
  readonly patients: readonly ListedPatient[]
  /** So many had no room: who is not named may be one of them. */
  readonly leftOut: number
}

/** All that a terminal knows. */
export type OfflineFacts = {
  readonly list: ListFacts | null
  readonly patients: PatientFacts | null
  /** What it has handed out itself, and no list of its knows of yet. */
  readonly handedOut: ReadonlySet<string>
  /** Whom it has given bags itself that the patients it was told of know nothing of yet, and when last. */
  readonly exposed: ReadonlyMap<string, number>
  /** By what it answers where it has no list. */
  readonly fallback: readonly AnswerRule[]
}

/** A scan at a terminal that is cut off. */
export type OfflineScan = {
  readonly unit: ReadUnit
  /** By their name in the list; null in an emergency without one. */
  readonly patient: string | null
  readonly emergency: boolean
  readonly seen: Seen
  /** A physician has given their word. */
  readonly override: boolean
  readonly isGlassBroken: boolean
  /** Another person than who scans has checked. */
  readonly isChecked: boolean
  /** By the terminal's clock, and by how much that may be wrong at most, ms. */
  readonly at: number
  readonly uncertaintyMs: number
}

export type OfflineVerdict = ScanVerdict & {
  readonly findings: readonly Finding[]
  readonly bagId: string | null
}

/**
 * What a terminal answers to a scan without the network: what would be found online of the same facts, and what speaks
 * against going by them still. Where its clock may be wrong, whatever is found at either end of the time it may be counts.
 *
 * What the list does not tell of is not known: a bag it does not name is unknown, and a patient nobody told of has no
 * sample and no group. Where they may be on record all the same, for nobody told of all that there are, a person is called,
 * in an emergency too: they may have an antibody. Whom nobody names nobody knows anything of, here as online.
 */
export function decideOffline(facts: OfflineFacts, scan: OfflineScan): OfflineVerdict {
  const { list } = facts
  const { at, uncertaintyMs, isGlassBroken } = scan
  const [earliest, latest] = [at - uncertaintyMs, at + uncertaintyMs]
  if (!list || latest >= list.refuseFrom) {
    const rules = list?.rules ?? facts.fallback
    const findings: Finding[] = ['list_unusable']
    return { ...verdictOn(findings, rules, isGlassBroken), findings, bagId: null }
  }
  const bag = list.bags.find((one) => isSameUnit(one, scan.unit)) ?? null
  const patients = facts.patients?.facility === list.facility ? facts.patients : null
  const found = [earliest, latest].flatMap((now) =>
    findingsOfScan(asScan({ ...facts, list, patients }, bag, scan, now)),
  )
  const findings = [...new Set(found)]
  if (bag && isUntold(patients, scan)) findings.push('patient_unknown')
  if (isStale(list, patients, scan)) findings.push('list_stale')
  return { ...verdictOn(findings, list.rules, isGlassBroken), findings, bagId: bag?.id ?? null }
}

/** Before it was made no list is believed either: one of the two clocks is wrong, and nobody knows by how much. */
function isStale(list: ListFacts, patients: PatientFacts | null, scan: OfflineScan): boolean {
  const latest = scan.at + scan.uncertaintyMs
  const isOut = (of: { readonly asOf: number; readonly validUntil: number }) =>
    latest >= of.validUntil || latest < of.asOf
  return isOut(list) || (scan.patient !== null && patients !== null && isOut(patients))
}

/** May this patient be on record, and nobody have told it? */
function isUntold(patients: PatientFacts | null, { patient }: Pick<OfflineScan, 'patient'>): boolean {
  if (patient === null) return false
  return !patients || (patients.leftOut > 0 && !listedAs(patient, patients))
}

/** The same facts a scan online is decided by, as far as they are known. */
function asScan(
  { list, patients, handedOut, exposed }: OfflineFacts & { readonly list: ListFacts },
  bag: ListedBag | null,
  { unit, patient, emergency, seen, override, isChecked }: OfflineScan,
  now: number,
): Scan {
  const known = patient === null ? null : patientOf(knownAs(patient, patients, exposed))
  const isRhdAllowed = emergency && isRhdPositiveAllowed(ruleOf(list), known, seen)
  const { group, expires } = unit.label
  return {
    bag: bag && bagFactsOf(bag, handedOut),
    kept: bag && keptAt(bag, list.keptAt, now),
    patient: known,
    emergency,
    override: override || isRhdAllowed,
    now,
    handlingMs: bag ? handlingMsOf(list, bag) : 0,
    isElsewhere: bag !== null && bag.device !== null && bag.device !== list.device,
    isUnchecked: list.secondChecker && !isChecked,
    label: { group, expiresAt: expires && expiryOf(expires, bag?.timeZone ?? 'UTC') },
    fit: bag && patient !== null ? fitOf(bag, listedAs(patient, patients)) : nothingKnown,
    crossmatch: ruleFor(list.crossmatch, known, list.crossmatch.isForAll),
  }
}

const listedAs = (patient: string, told: PatientFacts | null) =>
  told?.patients.find(({ who }) => who === patient)

function fitOf({ id, traits = {}, treatments = [] }: ListedBag, listed: ListedPatient | undefined): BagFit {
  const { crossmatches = [] } = listed ?? {}
  return { crossmatches: crossmatches.filter(({ bag }) => bag === id), traits, treatments }
}

const ruleOf = ({ rhdPositive }: Pick<ListFacts, 'rhdPositive'>): EmergencyRule => ({
  rhdPositive,
  source: '',
  uncertain: [],
})

/** Who was handed a bag here has been exposed, though nobody else knows of it yet. */
function knownAs(who: string, known: PatientFacts | null, exposed: OfflineFacts['exposed']): KnownPatient {
  const {
    group = { abo: null, rhd: null },
    antiD = false,
    sampleUntil = null,
    record,
  } = listedAs(who, known) ?? {}
  const given = exposed.get(who)
  const exposedAt = Math.max(given ?? 0, record?.exposedAt ?? 0)
  return {
    ...{ pseudonym: who, word: group, antiD, sampleUntil },
    record: record && given !== undefined ? { ...record, exposedAt } : (record ?? null),
  }
}

function isSameUnit(bag: ListedBag, { scheme, identifier, product }: ReadUnit): boolean {
  return (
    bag.scheme === scheme &&
    bag.identifier === identifier &&
    bag.productCode === product.productCode &&
    bag.collectionType === product.collectionType &&
    bag.division === product.division
  )
}

function bagFactsOf(bag: ListedBag, handedOut: ReadonlySet<string>): BagFacts {
  return {
    ...bag,
    label: bag.identifier,
    state: handedOut.has(bag.id) ? 'issued' : bag.state,
    holderId: null,
    destinationId: null,
    holds: bag.holds.map((kind, id) => ({ id, kind, reason: '' })),
  }
}

function handlingMsOf({ handlingMs }: ListFacts, { component }: ListedBag): number {
  const told = handlingMs[component]
  return told === undefined ? 0 : (told ?? Number.POSITIVE_INFINITY)
}

/**
 * How a bag was kept by now, as far as the list tells: inside a device the last reading speaks for it for a while and then
 * nothing does; outside of all the time runs on in hands; at an unknown place nothing ever spoke.
 */
function keptAt({ kept }: ListedBag, keptAt: number, now: number): Kept | null {
  if (!kept) return null
  const { wasOutOfRange, unverifiedMs, uncontrolledMs, place, spokenUntil } = kept
  const sinceMs = Math.max(0, now - keptAt)
  if (place === 'inside') {
    const silentMs = spokenUntil === null ? sinceMs : Math.max(0, now - spokenUntil)
    return { wasOutOfRange, unverifiedMs: unverifiedMs + silentMs, uncontrolledMs }
  }
  if (place === 'unknown') return { wasOutOfRange, unverifiedMs: unverifiedMs + sinceMs, uncontrolledMs }
  return { wasOutOfRange, unverifiedMs, uncontrolledMs: uncontrolledMs + sinceMs }
}

/** What was decided at a terminal, as it is told afterwards. */
export type ToldDecision = {
  readonly occurredAt: number
  readonly uncertaintyMs: number
  readonly answer: 'GO' | 'STOP' | 'CALL'
  readonly findings: readonly Finding[]
  readonly glassBroken: string | null
}

/** What is known here of a decision that was taken there. */
export type DecisionFacts = {
  /** What would have been found of the bag as it is known now, at the time of the decision; null of no bag of ours. */
  readonly found: readonly Finding[] | null
  /** Kinds of holds that stood then, or have been placed since. */
  readonly holds: readonly HoldKind[]
  readonly state: BagState | null
  /** Its facility held or awaited it. */
  readonly isTheirs: boolean
  /** The list it went by, as it was made here; null where none of ours was it. */
  readonly list: Pick<ListFacts, 'asOf' | 'validUntil'> | null
  /** What the same list answers to the same scan; null where that cannot be asked. */
  readonly replayed: ScanVerdict['answer'] | null
}

/**
 * What must be looked into of a decision: nothing of one that handed nothing out. What its terminal found, and a person took
 * upon themselves, is no news; all else that speaks against the bag, then or since, is.
 *
 * How it was kept is the ledger's to judge, once all that was measured has come.
 *
 * @param rules by which a broken glass waives what it may, and nothing else
 * @param aheadMs the terminal's clock may be ahead of ours by so much
 */
export function conflictsOf(
  told: ToldDecision,
  { found, holds, state, isTheirs, list, replayed }: DecisionFacts,
  {
    rules,
    now,
    aheadMs,
  }: { readonly rules: readonly AnswerRule[]; readonly now: number; readonly aheadMs: number },
): readonly OfflineConflict[] {
  const { occurredAt, uncertaintyMs } = told
  if (told.answer !== 'GO') return []
  const conflicts = new Set<OfflineConflict>(found ?? ['unknown_bag'])
  for (const kind of holds) conflicts.add(findingOfHold(kind))
  for (const one of keptFindings) conflicts.delete(one)
  if (conflicts.delete('not_in_stock')) {
    const isOut = state !== null && handedOutStates.has(state)
    conflicts.add(isOut ? 'issued_elsewhere' : 'not_in_stock')
  }
  if (found && !isTheirs) conflicts.add('foreign_bag')
  if (!list) conflicts.add('list_unknown')
  else {
    if (occurredAt >= list.validUntil) conflicts.add('list_stale')
    if (occurredAt + uncertaintyMs < list.asOf) conflicts.add('time_doubtful')
  }
  if (occurredAt > now + aheadMs) conflicts.add('time_doubtful')
  if (replayed !== null && replayed !== 'GO') conflicts.add('answer_differs')
  if (told.glassBroken !== null && mayBreakGlass(told.findings, rules))
    for (const waived of told.findings) conflicts.delete(waived)
  return [...conflicts]
}

/** What readings and sightings say, which may be on their way still. */
const keptFindings: readonly Finding[] = ['out_of_range', 'uncontrolled_too_long', 'seen_elsewhere']

const handedOutStates: ReadonlySet<BagState> = new Set(['issued', 'returned', 'transfused'])
