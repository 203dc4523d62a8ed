import { expect } from 'vitest'
import { type Patient, unknownPatient } from '../../api/domain/bag.ts'
import type { BloodGroup, RecipientGroup } from '../../api/domain/compatibility.ts'
import { type BagFit, type Crossmatch, nothingKnown, ruleFor } from '../../api/domain/crossmatch.ts'
import { isRhdPositiveAllowed } from '../../api/domain/emergency.ts'
import { type Grouping, type PatientRecord, patientOf } from '../../api/domain/patient-record.ts'
import { boundsOf, type Sample } from '../../api/domain/sample.ts'
import { findingsOfScan } from '../../api/domain/take-out.ts'
import { crossmatchRules } from '../../api/policies/crossmatches.ts'
import { emergencyRules } from '../../api/policies/emergency.ts'
import { harmless, sampleRules } from '../../api/policies/samples.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { Crossmatch as ToldCrossmatch } from '../../schema/http/crossmatches.ts'
import type { OfflineDecisionInput } from '../../schema/http/offline.ts'
import { TransfusionRecord } from '../../schema/http/patients.ts'
import type {
  Abo,
  CrossmatchResult,
  Jurisdiction,
  OfflineConflict,
  Requirement,
  Specificity,
  UnitTrait,
} from '../../schema/vocabulary.ts'
import { iso } from '../api/http/door.ts'
import { done, type Worker } from './hospital.ts'

/*
 * What a hospital knows, in a book of its own: what is told the service is written down here by hand, and what must come of
 * it is asked of the pure rules alone, of nothing the service has stored.
 */

export type BookedBag = {
  readonly bagId: string
  readonly din: string
  readonly productCode: string
  readonly fridge: number
  readonly group: BloodGroup
  readonly expiresAt: number
  readonly traits: Partial<Record<UnitTrait, boolean>>
  readonly holds: OfflineConflict[]
  keeper: { readonly patient: string; readonly until: number } | null
  isOut: boolean
}

export type BookedPatient = {
  readonly pseudonym: string
  readonly word: RecipientGroup
  readonly sampleUntil: number | null
  antiD: boolean
  readonly samples: Sample[]
  readonly groupings: Grouping[]
  readonly screens: { readonly sampleId: string; readonly positive: boolean }[]
  readonly antibodies: Specificity[]
  readonly requirements: Set<Requirement>
  readonly exposures: number[]
  readonly crossmatches: (Crossmatch & { readonly bagId: string })[]
  hasRecord: boolean
}

/** Who may write what: groupings are by two, and samples are rejected by a third. */
type Staff = {
  readonly nurse: Worker
  readonly labs: readonly { readonly name: string; readonly worker: Worker }[]
  readonly third: Worker
}

const ofPatient = (pseudonym: string) => `/facilities/H1/patients/${pseudonym}`

export function openBook({ nurse, labs, third }: Staff, jurisdiction: Jurisdiction, now: () => number) {
  const patients: BookedPatient[] = []
  const rules: { readonly from: number; readonly isForAll: boolean }[] = []
  const lab = (labs[0] as Staff['labs'][number]).worker
  let tubes = 0

  async function patient(
    pseudonym: string,
    word: { abo?: Abo; rhd?: 'positive' | 'negative'; sampleUntil?: number } = {},
  ): Promise<BookedPatient> {
    const { sampleUntil, ...group } = word
    const until = sampleUntil === undefined ? {} : { sampleUntil: iso(sampleUntil) }
    expect((await lab.put(ofPatient(pseudonym), { ...group, ...until })).status).toBe(200)
    const booked: BookedPatient = {
      ...{ pseudonym, antiD: false, hasRecord: false },
      ...{ word: { abo: group.abo ?? null, rhd: group.rhd ?? null }, sampleUntil: sampleUntil ?? null },
      ...{ samples: [], groupings: [], screens: [], antibodies: [], exposures: [], crossmatches: [] },
      requirements: new Set(),
    }
    patients.push(booked)
    return booked
  }

  async function sample(of: BookedPatient, collectedAt: number, exposed: boolean | null): Promise<string> {
    const label = `tube-${++tubes}`
    const input = { label, collectedAt: iso(collectedAt), collector: 'Ann', exposed }
    const record = await done(nurse.post(`${ofPatient(of.pseudonym)}/samples`, input), TransfusionRecord)
    const id = record.samples.find((one) => one.label === label)?.sampleId as string
    of.samples.push({
      ...{ id, collectedAt, exposed, isRejected: false },
      ...boundsOf(sampleRules[jurisdiction], collectedAt),
    })
    of.hasRecord = true
    return id
  }

  async function grouped(of: BookedPatient, sampleId: string, group: BloodGroup, by: number): Promise<void> {
    const { name, worker } = labs[by] as Staff['labs'][number]
    const found = { ...group, method: 'gel' as const }
    const path = `${ofPatient(of.pseudonym)}/samples/${sampleId}/groupings`
    await done(worker.post(path, found), TransfusionRecord)
    of.groupings.push({ ...found, sampleId, by: name })
  }

  async function rejected(of: BookedPatient, sampleId: string): Promise<void> {
    const path = `${ofPatient(of.pseudonym)}/samples/${sampleId}/rejection`
    await done(third.post(path, { reason: 'mislabelled' }), TransfusionRecord)
    const index = of.samples.findIndex(({ id }) => id === sampleId)
    of.samples[index] = { ...(of.samples[index] as Sample), isRejected: true }
  }

  async function antibody(of: BookedPatient, specificity: Specificity): Promise<void> {
    await done(lab.post(`${ofPatient(of.pseudonym)}/antibodies`, { specificity }), TransfusionRecord)
    if (!harmless.has(specificity)) of.antibodies.push(specificity)
    if (specificity === 'D') of.antiD = true
    of.hasRecord = true
  }

  async function need(of: BookedPatient, requirement: Requirement, needed: boolean): Promise<void> {
    const input = { requirement, needed, reason: 'transplant' }
    await done(lab.post(`${ofPatient(of.pseudonym)}/requirements`, input), TransfusionRecord)
    if (needed) of.requirements.add(requirement)
    else of.requirements.delete(requirement)
    of.hasRecord = true
  }

  async function typed(bag: BookedBag, trait: UnitTrait, present: boolean): Promise<void> {
    const response = await lab.post(`/bags/${bag.bagId}/traits`, { traits: [{ trait, present }] })
    expect(response.status).toBeLessThan(300)
    bag.traits[trait] = present || bag.traits[trait] === true
  }

  /** @returns whether it was taken: what does not fit is not kept, and by an old sample nothing fits */
  async function crossmatched(
    of: BookedPatient,
    bag: BookedBag,
    sampleId: string,
    result: CrossmatchResult,
    reserve: boolean,
  ): Promise<boolean> {
    const about = { patient: of.pseudonym, sample: sampleId, method: 'serological', result, reserve }
    const response = await lab.post(`/bags/${bag.bagId}/crossmatches`, about)
    if (response.status >= 300) return false
    const { until, at } = ToldCrossmatch.parse(await response.json())
    const made = { at: Date.parse(at), until: Date.parse(until) }
    of.crossmatches.push({ bagId: bag.bagId, sampleId, method: 'serological', result, ...made })
    if (reserve && result === 'compatible') bag.keeper = { patient: of.pseudonym, until: made.until }
    const isTheirs = bag.keeper?.patient === of.pseudonym && bag.keeper.until > now()
    if (result === 'incompatible' && !bag.isOut && isTheirs) bag.keeper = null
    return true
  }

  async function kept(bag: BookedBag, pseudonym: string, until: number): Promise<boolean> {
    const { status } = await lab.post(`/bags/${bag.bagId}/reserve`, { patient: pseudonym, until: iso(until) })
    if (status < 300) bag.keeper = { patient: pseudonym, until }
    return status < 300
  }

  async function issued(bag: BookedBag, pseudonym: string): Promise<boolean> {
    const { status } = await lab.post(`/bags/${bag.bagId}/issue`, { patient: pseudonym, reason: 'asked for' })
    if (status < 300) out(bag, pseudonym, now())
    return status < 300
  }

  function out(bag: BookedBag, pseudonym: string | null, at: number): void {
    Object.assign(bag, { isOut: true, keeper: null })
    patients.find((one) => one.pseudonym === pseudonym)?.exposures.push(at)
  }

  async function held(bag: BookedBag): Promise<void> {
    await done(lab.post(`/bags/${bag.bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    bag.holds.push('held')
  }

  /** Is everybody to be crossmatched from now on? */
  async function rule(isForAll: boolean): Promise<void> {
    const input = { secondChecker: false, telephone: null, crossmatch: isForAll }
    expect((await lab.put('/facilities/H1/take-out-rules', input)).status).toBe(200)
    rules.push({ from: now(), isForAll })
  }

  function recordOf(of: BookedPatient, at: number): PatientRecord | null {
    if (!of.hasRecord) return null
    const exposures = of.exposures.filter((one) => one <= at)
    const { samples, groupings, screens, antibodies, requirements } = of
    return {
      ...{ samples, groupings, screens, antibodies },
      requirements: [...requirements],
      exposedAt: exposures.length > 0 ? Math.max(...exposures) : null,
    }
  }

  /** As all that was told until now has them at that time. */
  function patientAt(pseudonym: string, at: number): Patient {
    const of = patients.find((one) => one.pseudonym === pseudonym)
    return of ? patientOf({ ...of, record: recordOf(of, at) }) : { ...unknownPatient, pseudonym }
  }

  /** What speaks against that a bag was handed out, by all that was told until now. */
  function against(decision: OfflineDecisionInput, bag: BookedBag, validUntil: number): OfflineConflict[] {
    const at = Date.parse(decision.occurredAt as string)
    const { emergency, patient: pseudonym } = decision
    const seen = { sex: decision.sex ?? null, ageYears: decision.ageYears ?? null }
    const whom = pseudonym === undefined ? null : patientAt(pseudonym, at)
    const isAllowed = emergency && isRhdPositiveAllowed(emergencyRules[jurisdiction], whom, seen)
    const isForAll = rules.findLast(({ from }) => from <= at)?.isForAll ?? false
    const of = patients.find((one) => one.pseudonym === pseudonym)
    const fit: BagFit = of?.hasRecord
      ? {
          crossmatches: of.crossmatches.filter(({ bagId }) => bagId === bag.bagId),
          traits: bag.traits,
          treatments: bag.productCode.startsWith('E0337') ? ['irradiate'] : [],
        }
      : nothingKnown
    const found = findingsOfScan({
      bag: {
        ...{ id: bag.bagId, label: '', component: 'red_cells', state: 'available', lowTitre: false },
        ...{ isForAnybody: true, holderId: 1, destinationId: null, holds: [] },
        ...{ group: bag.group, expiresAt: bag.expiresAt, reservation: bag.keeper },
      },
      kept: { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 },
      patient: whom,
      emergency: emergency ?? false,
      override: decision.override !== undefined || isAllowed === true,
      ...{ now: at, handlingMs: 0, isElsewhere: false, isUnchecked: false },
      label: { group: null, expiresAt: null },
      fit,
      crossmatch: ruleFor(crossmatchRules[jurisdiction], whom, isForAll),
    })
    const conflicts = new Set<OfflineConflict>([...found, ...bag.holds])
    if (bag.isOut) conflicts.add('issued_elsewhere')
    if (at >= validUntil) conflicts.add('list_stale')
    if (decision.breakGlass !== undefined)
      for (const waived of decision.findings ?? []) conflicts.delete(waived)
    return [...conflicts]
  }

  return {
    patients,
    ...{ patient, sample, grouped, rejected, antibody, need, typed, crossmatched, kept, issued, held, rule },
    ...{ out, against },
  }
}

export type Book = ReturnType<typeof openBook>
