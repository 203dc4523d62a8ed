import { and, asc, eq, or, sql } from 'drizzle-orm'
import { bag, bagEvent, patient } from '../../schema/tables/bags.ts'
import {
  antibodyScreen,
  crossmatch,
  patientAntibody,
  patientGrouping,
  patientRequirement,
  patientSample,
  sampleRejection,
  unitTrait,
} from '../../schema/tables/patients.ts'
import type { SampleRejection } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Bag } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { isOfHolder, noPatient } from './patients.ts'

/*
 * What is on record of a patient. Every row is written for good; the patient's own row only says that there are some, so
 * that nothing is looked for of whom there are none.
 */

/** A patient as one facility knows them. */
export type PatientKey = { readonly facilityId: number; readonly pseudonym: string }

const subjectOf = ({ facilityId, pseudonym }: PatientKey) => `${facilityId}/${pseudonym}`

/**
 * Lock a patient for the rest of the transaction: a scan that was decided before it comes to nothing.
 *
 * @throws Refusal `not_found`
 */
export async function lockPatient(
  tx: Transaction,
  { facilityId, pseudonym }: PatientKey,
  changes: Partial<Pick<typeof patient.$inferInsert, 'hasRecord' | 'antiD' | 'updatedAt'>> = {},
): Promise<void> {
  const locked = await tx
    .update(patient)
    .set({ ...changes, revision: sql`${patient.revision} + 1` })
    .where(and(eq(patient.facilityId, facilityId), eq(patient.pseudonym, pseudonym)))
    .returning({ facilityId: patient.facilityId })
  if (locked.length === 0) throw new Refusal('not_found', noPatient(pseudonym))
}

/**
 * The same to write into their record. When that is stands in their row: of whom nothing was found since nobody looks
 * whether what is out for them still fits.
 *
 * @throws Refusal `not_found`
 */
export async function lockRecord(
  tx: Transaction,
  key: PatientKey,
  now: number,
  changes: { readonly hasRecord?: true; readonly antiD?: true } = {},
): Promise<void> {
  await lockPatient(tx, key, { ...changes, updatedAt: now })
}

export type NewSample = Omit<typeof patientSample.$inferInsert, 'actor'>

/** @throws Refusal `not_found`, `already_exists` where a tube is labelled so already, be it of another patient */
export async function insertSample(tx: Transaction, actor: Actor, row: NewSample): Promise<void> {
  await lockRecord(tx, row, row.at, { hasRecord: true })
  const added = await tx
    .insert(patientSample)
    .values({ ...row, actor })
    .onConflictDoNothing()
    .returning({ id: patientSample.id })
  if (added.length === 0)
    throw new Refusal('already_exists', `a sample labelled ${row.label} is registered there already`)
  await appendAudit(tx, actor, {
    at: row.at,
    action: 'patient.sample_registered',
    subjectKind: 'patient',
    subject: subjectOf(row),
    after: row,
  })
}

export const noSample = (id: string) => `no sample of the patient has the id ${id}`

/** @throws Refusal `not_found` where it is none of this patient's */
export async function findSample(db: Database | Transaction, key: PatientKey, id: string) {
  const [found] = await db
    .select({ sample: patientSample, rejectedAt: sampleRejection.at })
    .from(patientSample)
    .leftJoin(sampleRejection, eq(sampleRejection.sampleId, patientSample.id))
    .where(
      and(
        eq(patientSample.id, id),
        eq(patientSample.facilityId, key.facilityId),
        eq(patientSample.pseudonym, key.pseudonym),
      ),
    )
  if (!found) throw new Refusal('not_found', noSample(id))
  return found
}

/** A sample of the patient by the label of its tube. @throws Refusal `not_found` */
export async function sampleLabelled(tx: Transaction, key: PatientKey, label: string): Promise<string> {
  const [found] = await tx
    .select({ id: patientSample.id })
    .from(patientSample)
    .where(
      and(
        eq(patientSample.facilityId, key.facilityId),
        eq(patientSample.pseudonym, key.pseudonym),
        eq(patientSample.label, label),
      ),
    )
  if (!found)
    throw new Refusal('not_found', `no sample of the patient is labelled ${label}: register it first`)
  return found.id
}

/** Whose hands determined what was found in a sample. */
export async function groupersOf(tx: Transaction, sampleId: string): Promise<readonly string[]> {
  const rows = await tx
    .select({ actor: patientGrouping.actor })
    .from(patientGrouping)
    .where(eq(patientGrouping.sampleId, sampleId))
  return rows.map(({ actor }) => (actor as Actor).id)
}

/** @throws Refusal `conflict` where it is rejected already */
export async function insertSampleRejection(
  tx: Transaction,
  actor: Actor,
  key: PatientKey,
  row: { readonly sampleId: string; readonly reason: SampleRejection; readonly remark: string | null },
  now: number,
): Promise<void> {
  const added = await tx
    .insert(sampleRejection)
    .values({ ...row, at: now, actor })
    .onConflictDoNothing()
    .returning({ sampleId: sampleRejection.sampleId })
  if (added.length === 0) throw new Refusal('conflict', 'the sample is rejected already')
  await appendAudit(tx, actor, {
    at: now,
    action: 'patient.sample_rejected',
    subjectKind: 'patient',
    subject: subjectOf(key),
    after: row,
    reason: row.reason,
  })
}

export async function insertPatientGrouping(
  tx: Transaction,
  actor: Actor,
  key: PatientKey,
  row: Pick<typeof patientGrouping.$inferInsert, 'sampleId' | 'abo' | 'rhd' | 'method'>,
  now: number,
): Promise<void> {
  await tx.insert(patientGrouping).values({ ...row, at: now, actor })
  const entry = { at: now, action: 'patient.grouped', subjectKind: 'patient' as const }
  await appendAudit(tx, actor, { ...entry, subject: subjectOf(key), after: row })
}

export async function insertScreen(
  tx: Transaction,
  actor: Actor,
  key: PatientKey,
  row: { readonly sampleId: string; readonly positive: boolean },
  now: number,
): Promise<void> {
  await tx.insert(antibodyScreen).values({ ...row, at: now, actor })
  const entry = { at: now, action: 'patient.screened', subjectKind: 'patient' as const }
  await appendAudit(tx, actor, { ...entry, subject: subjectOf(key), after: row })
}

/** @throws Refusal `not_found` */
export async function insertAntibody(
  tx: Transaction,
  actor: Actor,
  key: PatientKey,
  row: Pick<typeof patientAntibody.$inferInsert, 'specificity' | 'significant' | 'sampleId' | 'remark'>,
  now: number,
): Promise<void> {
  await lockRecord(tx, key, now, { hasRecord: true, ...(row.specificity === 'D' ? { antiD: true } : {}) })
  await tx.insert(patientAntibody).values({ ...key, ...row, at: now, actor })
  const entry = { at: now, action: 'patient.antibody_recorded', subjectKind: 'patient' as const }
  await appendAudit(tx, actor, { ...entry, subject: subjectOf(key), after: row })
}

/** @throws Refusal `not_found` */
export async function insertRequirement(
  tx: Transaction,
  actor: Actor,
  key: PatientKey,
  row: Pick<typeof patientRequirement.$inferInsert, 'requirement' | 'needed' | 'reason'>,
  now: number,
): Promise<void> {
  await lockRecord(tx, key, now, { hasRecord: true })
  await tx.insert(patientRequirement).values({ ...key, ...row, at: now, actor })
  const entry = { at: now, action: 'patient.requirement_set', subjectKind: 'patient' as const }
  await appendAudit(tx, actor, { ...entry, subject: subjectOf(key), after: row, reason: row.reason })
}

/** What was found in the blood of a donation, told of one of its bags. */
export async function insertTraits(
  tx: Transaction,
  actor: Actor,
  { id, scheme, identifier }: Bag,
  traits: readonly Pick<typeof unitTrait.$inferInsert, 'trait' | 'present'>[],
  now: number,
): Promise<void> {
  await tx
    .insert(unitTrait)
    .values(traits.map((trait) => ({ scheme, identifier, bagId: id, ...trait, at: now, actor })))
  const entry = { at: now, action: 'bag.traits_recorded', subjectKind: 'bag' as const, subject: id }
  await appendAudit(tx, actor, { ...entry, after: { traits } })
}

const ofPatient = (key: PatientKey) =>
  and(eq(patientSample.facilityId, key.facilityId), eq(patientSample.pseudonym, key.pseudonym))

/** All that was written down of a patient, the oldest first. */
export async function historyOf(db: Database | Transaction, key: PatientKey) {
  const samples = await db
    .select({ sample: patientSample, rejection: sampleRejection })
    .from(patientSample)
    .leftJoin(sampleRejection, eq(sampleRejection.sampleId, patientSample.id))
    .where(ofPatient(key))
    .orderBy(asc(patientSample.collectedAt), asc(patientSample.id))
  const groupings = await db
    .select({ grouping: patientGrouping })
    .from(patientGrouping)
    .innerJoin(patientSample, eq(patientSample.id, patientGrouping.sampleId))
    .where(ofPatient(key))
    .orderBy(asc(patientGrouping.id))
  const screens = await db
    .select({ screen: antibodyScreen })
    .from(antibodyScreen)
    .innerJoin(patientSample, eq(patientSample.id, antibodyScreen.sampleId))
    .where(ofPatient(key))
    .orderBy(asc(antibodyScreen.id))
  const antibodies = await db
    .select()
    .from(patientAntibody)
    .where(and(eq(patientAntibody.facilityId, key.facilityId), eq(patientAntibody.pseudonym, key.pseudonym)))
    .orderBy(asc(patientAntibody.id))
  const crossmatches = await db
    .select()
    .from(crossmatch)
    .where(and(eq(crossmatch.facilityId, key.facilityId), eq(crossmatch.pseudonym, key.pseudonym)))
    .orderBy(asc(crossmatch.id))
  return {
    samples,
    groupings: groupings.map(({ grouping }) => grouping),
    screens: screens.map(({ screen }) => screen),
    antibodies,
    crossmatches,
    bags: await bagsOf(db, key),
  }
}

/** The bags of a facility that are kept for a patient, were handed out for them, or given to them by anybody's word. */
async function bagsOf(db: Database | Transaction, { facilityId, pseudonym }: PatientKey): Promise<Bag[]> {
  const given = sql.raw(
    `e.verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')`,
  )
  return db
    .select()
    .from(bag)
    .where(
      and(
        eq(bag.holderId, facilityId),
        or(
          eq(bag.reservedFor, pseudonym),
          sql`${bag.id} in (select e.bag_id from ${bagEvent} e where e.verb = 'issue' and e.data->>'patient' = ${pseudonym} and ${isOfHolder})`,
          sql`${bag.id} in (select e.bag_id from ${bagEvent} e where ${given} and e.data->>'patient' = ${pseudonym} and ${isOfHolder})`,
        ),
      ),
    )
    .orderBy(asc(bag.id))
}

/** What was found in the blood of a donation: what was found once is there. */
export async function traitsOf(db: Database | Transaction, { scheme, identifier }: Bag) {
  return db
    .select({ trait: unitTrait.trait, present: sql<boolean>`bool_or(${unitTrait.present})` })
    .from(unitTrait)
    .where(and(eq(unitTrait.scheme, scheme), eq(unitTrait.identifier, identifier)))
    .groupBy(unitTrait.trait)
    .orderBy(asc(unitTrait.trait))
}
