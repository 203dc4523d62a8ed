import { and, asc, eq, sql } from 'drizzle-orm'
import { patient } from '../../schema/tables/bags.ts'
import type { Actor } from '../domain/actor.ts'
import type { Patient } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

export const noPatient = (pseudonym: string) => `no patient is known there as ${pseudonym}`

/** @throws Refusal `not_found` */
export async function findPatient(
  db: Database | Transaction,
  facilityId: number,
  pseudonym: string,
): Promise<Patient> {
  const [found] = await db
    .select()
    .from(patient)
    .where(and(eq(patient.facilityId, facilityId), eq(patient.pseudonym, pseudonym)))
  if (!found) throw new Refusal('not_found', noPatient(pseudonym))
  const { abo, rhd, antiD, sampleUntil } = found
  return { pseudonym, group: { abo, rhd }, antiD, sampleUntil }
}

export async function listPatients(db: Database, facilityId: number): Promise<Patient[]> {
  const rows = await db
    .select()
    .from(patient)
    .where(eq(patient.facilityId, facilityId))
    .orderBy(asc(patient.pseudonym))
  return rows.map(({ pseudonym, abo, rhd, antiD, sampleUntil }) => ({
    pseudonym,
    group: { abo, rhd },
    antiD,
    sampleUntil,
  }))
}

export async function savePatient(
  tx: Transaction,
  actor: Actor,
  facilityId: number,
  { pseudonym, group, antiD, sampleUntil }: Patient,
  now: number,
): Promise<void> {
  const [before] = await tx
    .select()
    .from(patient)
    .where(and(eq(patient.facilityId, facilityId), eq(patient.pseudonym, pseudonym)))
    .for('update')
  const facts = { abo: group.abo, rhd: group.rhd, sampleUntil, updatedAt: now }
  const [saved] = await tx
    .insert(patient)
    .values({ facilityId, pseudonym, antiD, ...facts })
    .onConflictDoUpdate({
      target: [patient.facilityId, patient.pseudonym],
      // Once found is found: nobody unsays it by leaving it out, nor by coming at the same time.
      set: { ...facts, antiD: sql`${patient.antiD} or excluded.anti_d` },
    })
    .returning({ antiD: patient.antiD })
  await appendAudit(tx, actor, {
    at: now,
    action: 'patient.saved',
    subjectKind: 'patient',
    subject: `${facilityId}/${pseudonym}`,
    before: before ?? null,
    after: { ...facts, ...saved },
  })
}
