import type {
  Abo,
  GroupingMethod,
  Requirement,
  Rhd,
  SampleRejection,
  Specificity,
} from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import { boundsOf } from '../domain/sample.ts'
import { harmless, sampleRules, sampleRulesVersion } from '../policies/samples.ts'
import type { Transaction } from '../stores/database.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import {
  findSample,
  groupersOf,
  insertAntibody,
  insertPatientGrouping,
  insertRequirement,
  insertSample,
  insertSampleRejection,
  insertScreen,
  lockRecord,
  type PatientKey,
} from '../stores/patient-records.ts'
import { noPatient } from '../stores/patients.ts'
import { demandSomebody } from './demand.ts'
import { uuidv7 } from './register-bag.ts'
import { patientPlace } from './set-patient.ts'

/** A patient, as a path names them. */
export type PatientPath = { readonly code: string; readonly pseudonym: string }

export type SampleInput = {
  readonly label: string
  readonly collectedAt: number
  readonly collector: string
  readonly exposed: boolean | null
  readonly rejected?: RejectionInput | undefined
}

export type RejectionInput = { readonly reason: SampleRejection; readonly remark?: string | undefined }

/** Do something to the record of a patient the caller has a right over. @throws Refusal `not_found`, `forbidden` */
async function onRecord<T>(
  ctx: Context,
  { code, pseudonym }: PatientPath,
  right: Right,
  write: (tx: Transaction, key: PatientKey) => Promise<T>,
): Promise<T> {
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await patientPlace(ctx, tx, code, right, noPatient(pseudonym))
    return write(tx, { facilityId, pseudonym })
  })
}

/**
 * Write down that a sample was taken; one that is of no use is on record, too. Until when it may be relied on is fixed by
 * the policy in force now.
 *
 * @throws Refusal `not_found`, `forbidden`, `already_exists`, `invalid_request`
 */
export function registerSample(ctx: Context, path: PatientPath, input: SampleInput): Promise<string> {
  return onRecord(ctx, path, 'sample.register', async (tx, key) => {
    const now = ctx.now()
    const { label, collectedAt, collector, exposed, rejected } = input
    if (collectedAt > now) throw new Refusal('invalid_request', 'collectedAt: is still to come')
    const jurisdiction = await jurisdictionOf(tx, key.facilityId)
    const id = uuidv7(now)
    await insertSample(tx, ctx.actor, {
      ...{ id, ...key, label, collectedAt, collector, exposed },
      ...boundsOf(sampleRules[jurisdiction], collectedAt),
      policies: { jurisdiction, samples: sampleRulesVersion },
      at: now,
    })
    if (rejected) await insertSampleRejection(tx, ctx.actor, key, { sampleId: id, ...said(rejected) }, now)
    return id
  })
}

const said = ({
  reason,
  remark = null,
}: {
  reason: SampleRejection
  remark?: string | null | undefined
}) => ({
  reason,
  remark: remark ?? null,
})

/**
 * Rely on a sample no more, nor on anything found in it. By somebody else than who grouped it: a result that stands in the
 * way is not put out of it by whose it is.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `second_person`, `conflict`
 */
export function rejectSample(
  ctx: Context,
  path: PatientPath,
  sampleId: string,
  input: RejectionInput,
): Promise<void> {
  return onRecord(ctx, path, 'patient.manage', async (tx, key) => {
    const now = ctx.now()
    await lockRecord(tx, key, now)
    await findSample(tx, key, sampleId)
    demandSomebody(ctx, 'a sample is rejected')
    if ((await groupersOf(tx, sampleId)).includes(ctx.actor.id))
      throw new Refusal('second_person', 'you grouped it: another person rejects it')
    await insertSampleRejection(tx, ctx.actor, key, { sampleId, ...said(input) }, now)
  })
}

/** Write down the group a sample shows. @throws Refusal `not_found`, `forbidden`, `conflict` where it is rejected */
export function groupSample(
  ctx: Context,
  path: PatientPath,
  sampleId: string,
  found: { readonly abo: Abo; readonly rhd: Rhd; readonly method: GroupingMethod },
): Promise<void> {
  return onRecord(ctx, path, 'patient.manage', async (tx, key) => {
    const now = ctx.now()
    await mustStand(tx, key, sampleId, now)
    await insertPatientGrouping(tx, ctx.actor, key, { sampleId, ...found }, now)
  })
}

/** Write down whether a sample holds antibodies at all. @throws Refusal `not_found`, `forbidden`, `conflict` where it is rejected */
export function screenSample(
  ctx: Context,
  path: PatientPath,
  sampleId: string,
  { positive }: { readonly positive: boolean },
): Promise<void> {
  return onRecord(ctx, path, 'patient.manage', async (tx, key) => {
    const now = ctx.now()
    await mustStand(tx, key, sampleId, now)
    await insertScreen(tx, ctx.actor, key, { sampleId, positive }, now)
  })
}

async function mustStand(tx: Transaction, key: PatientKey, sampleId: string, now: number): Promise<void> {
  // Who rejects it comes before, or after.
  await lockRecord(tx, key, now)
  const { rejectedAt } = await findSample(tx, key, sampleId)
  if (rejectedAt !== null) throw new Refusal('conflict', 'the sample is rejected: take another')
}

/**
 * Write down an antibody, found now or known from elsewhere. Nobody undoes it: what cannot be found any more comes back when
 * its antigen is met again.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export function recordAntibody(
  ctx: Context,
  path: PatientPath,
  {
    specificity,
    significant,
    sample,
    remark,
  }: {
    readonly specificity: Specificity
    readonly significant?: boolean | undefined
    readonly sample?: string | undefined
    readonly remark?: string | undefined
  },
): Promise<void> {
  return onRecord(ctx, path, 'patient.manage', async (tx, key) => {
    if (sample !== undefined) await findSample(tx, key, sample)
    const row = {
      specificity,
      significant: significant ?? !harmless.has(specificity),
      sampleId: sample ?? null,
      remark: remark ?? null,
    }
    await insertAntibody(tx, ctx.actor, key, row, ctx.now())
  })
}

/** Say what a patient needs of every bag, or does not any more. @throws Refusal `not_found`, `forbidden` */
export function setRequirement(
  ctx: Context,
  path: PatientPath,
  row: { readonly requirement: Requirement; readonly needed: boolean; readonly reason: string },
): Promise<void> {
  return onRecord(ctx, path, 'patient.manage', (tx, key) =>
    insertRequirement(tx, ctx.actor, key, row, ctx.now()),
  )
}
