import type { Context } from '../context.ts'
import type { Patient } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { savePatient } from '../stores/patients.ts'
import { demandRight } from './demand.ts'

/** Write down what a facility knows of a patient. @throws Refusal `not_found`, `forbidden` */
export async function setPatient(ctx: Context, facility: string, patient: Patient): Promise<number> {
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await patientPlace(ctx, tx, facility, 'patient.manage', noFacility(facility))
    await savePatient(tx, ctx.actor, facilityId, patient, ctx.now())
    return facilityId
  })
}

/** The facility whose patients they are, if the caller may know them; else `missing` is all that is said. */
export async function patientPlace(
  ctx: Context,
  db: Database | Transaction,
  code: string,
  right: Right,
  missing: string,
): Promise<number> {
  const { id } = await findFacility(db, code).catch((error: unknown) => {
    throw error instanceof Refusal ? new Refusal(error.code, missing) : error
  })
  demandRight(ctx, right, [id], missing)
  return id
}
