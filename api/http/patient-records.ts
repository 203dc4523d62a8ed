import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { BagParams } from '../../schema/http/bags.ts'
import { PatientParams } from '../../schema/http/life.ts'
import {
  AntibodyInput,
  PatientGroupingInput,
  RequirementInput,
  SampleInput,
  SampleParams,
  SampleRejectionInput,
  ScreenInput,
  Traits,
  TraitsInput,
  TransfusionRecord,
} from '../../schema/http/patients.ts'
import type { Context } from '../context.ts'
import type { Right } from '../domain/rights.ts'
import { historyOf, traitsOf } from '../stores/patient-records.ts'
import { findPatient, noPatient } from '../stores/patients.ts'
import { reachBag } from '../usecases/demand.ts'
import {
  groupSample,
  type PatientPath,
  recordAntibody,
  registerSample,
  rejectSample,
  screenSample,
  setRequirement,
} from '../usecases/keep-patient-record.ts'
import { patientPlace } from '../usecases/set-patient.ts'
import { typeBag } from '../usecases/type-bag.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { recordView } from './views/patients.ts'

const tags = ['Patients']
const missing = problem('No such patient there, or sample')
const ofPatient = '/{code}/patients/{pseudonym}' as const

const read = createRoute({
  method: 'get',
  path: `${ofPatient}/record`,
  tags,
  summary: 'The transfusion record of a patient: samples and what was found in them, antibodies, needs',
  ...needs('patient.read'),
  request: { params: PatientParams },
  responses: { ...everywhere, 200: json(TransfusionRecord, 'The record'), 404: missing },
})

/** A route that writes to the record and answers with all of it. */
function writes<Path extends string, Params extends z.ZodObject, Body extends z.ZodType>(
  path: Path,
  params: Params,
  { right, summary, reads }: { readonly right: Right; readonly summary: string; readonly reads: Body },
) {
  return createRoute({
    method: 'post',
    path: `${ofPatient}${path}` as `${typeof ofPatient}${Path}`,
    tags,
    summary,
    ...needs(right),
    request: { params, body: body(reads) },
    responses: {
      ...everywhereWithBody,
      201: json(TransfusionRecord, 'The record as it is now'),
      404: missing,
      409: problem('Something on record speaks against it: the detail says what'),
    },
  })
}

const sample = writes('/samples', PatientParams, {
  right: 'sample.register',
  summary: 'A sample was taken; one that is of no use is on record, too',
  reads: SampleInput,
})
const reject = writes('/samples/{sampleId}/rejection', SampleParams, {
  right: 'patient.manage',
  summary: 'Rely on a sample no more, nor on anything found in it',
  reads: SampleRejectionInput,
})
const group = writes('/samples/{sampleId}/groupings', SampleParams, {
  right: 'patient.manage',
  summary: 'Which group a sample shows; two that agree, of samples taken apart, make it known',
  reads: PatientGroupingInput,
})
const screen = writes('/samples/{sampleId}/screens', SampleParams, {
  right: 'patient.manage',
  summary: 'Whether a sample holds antibodies at all',
  reads: ScreenInput,
})
const antibody = writes('/antibodies', PatientParams, {
  right: 'patient.manage',
  summary: 'An antibody was found, or is known from elsewhere; it is on record for good',
  reads: AntibodyInput,
})
const requirement = writes('/requirements', PatientParams, {
  right: 'patient.manage',
  summary: 'What a patient needs of every bag, or does not any more',
  reads: RequirementInput,
})

export const patientRecordRoutes = new OpenAPIHono<Env>()
  .openapi(read, async (c) => c.json(await readRecord(c.var.ctx, c.req.valid('param')), 200))
  .openapi(sample, async (c) => {
    const path = c.req.valid('param')
    await registerSample(c.var.ctx, path, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })
  .openapi(reject, async (c) => {
    const { sampleId, ...path } = c.req.valid('param')
    await rejectSample(c.var.ctx, path, sampleId, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })
  .openapi(group, async (c) => {
    const { sampleId, ...path } = c.req.valid('param')
    await groupSample(c.var.ctx, path, sampleId, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })
  .openapi(screen, async (c) => {
    const { sampleId, ...path } = c.req.valid('param')
    await screenSample(c.var.ctx, path, sampleId, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })
  .openapi(antibody, async (c) => {
    const path = c.req.valid('param')
    await recordAntibody(c.var.ctx, path, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })
  .openapi(requirement, async (c) => {
    const path = c.req.valid('param')
    await setRequirement(c.var.ctx, path, c.req.valid('json'))
    return c.json(await readRecord(c.var.ctx, path), 201)
  })

async function readRecord(ctx: Context, { code, pseudonym }: PatientPath) {
  const { db } = ctx.database
  const facilityId = await patientPlace(ctx, db, code, 'patient.read', noPatient(pseudonym))
  const patient = await findPatient(db, facilityId, pseudonym)
  return recordView(patient, await historyOf(db, { facilityId, pseudonym }), ctx.now())
}

const traits = createRoute({
  method: 'get',
  path: '/{bagId}/traits',
  tags: ['Bags'],
  summary: 'What is known of its blood besides its group',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(Traits, 'What was looked for'), 404: problem('No such bag') },
})

const type = createRoute({
  method: 'post',
  path: '/{bagId}/traits',
  tags: ['Bags'],
  summary: 'What was found in its blood: antigens, or antibodies against cytomegalovirus',
  ...needs('bag.type'),
  request: { params: BagParams, body: body(TraitsInput) },
  responses: { ...everywhereWithBody, 201: json(Traits, 'What is known now'), 404: problem('No such bag') },
})

export const traitRoutes = new OpenAPIHono<Env>()
  .openapi(traits, async (c) => c.json(await readTraits(c.var.ctx, c.req.valid('param').bagId), 200))
  .openapi(type, async (c) => {
    const { bagId } = c.req.valid('param')
    await typeBag(c.var.ctx, bagId, c.req.valid('json').traits)
    return c.json(await readTraits(c.var.ctx, bagId), 201)
  })

async function readTraits(ctx: Context, bagId: string) {
  const bag = await reachBag(ctx, ctx.database.db, bagId, 'bag.read')
  return { traits: await traitsOf(ctx.database.db, bag) }
}
