import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { Patient, PatientInput, PatientParams } from '../../schema/http/life.ts'
import { findPatient, noPatient } from '../stores/patients.ts'
import { patientPlace, setPatient } from '../usecases/set-patient.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { patientView } from './views/patients.ts'

const tags = ['Patients']

const read = createRoute({
  method: 'get',
  path: '/{code}/patients/{pseudonym}',
  tags,
  summary: 'What a facility knows of a patient, by its own pseudonym',
  ...needs('patient.read'),
  request: { params: PatientParams },
  responses: { ...everywhere, 200: json(Patient, 'The patient'), 404: problem('No such patient there') },
})

const save = createRoute({
  method: 'put',
  path: '/{code}/patients/{pseudonym}',
  tags,
  summary: 'Write down a patient’s group and how long the newest sample holds',
  ...needs('patient.manage'),
  request: { params: PatientParams, body: body(PatientInput) },
  responses: {
    ...everywhereWithBody,
    200: json(Patient, 'The patient'),
    404: problem('No such facility'),
    409: problem('Groupings or samples are on record, and a word is not taken for them'),
  },
})

export const patientRoutes = new OpenAPIHono<Env>()
  .openapi(read, async (c) => {
    const { code, pseudonym } = c.req.valid('param')
    const { db } = c.var.ctx.database
    const facilityId = await patientPlace(c.var.ctx, db, code, 'patient.read', noPatient(pseudonym))
    return c.json(patientView(await findPatient(db, facilityId, pseudonym)), 200)
  })
  .openapi(save, async (c) => {
    const { code, pseudonym } = c.req.valid('param')
    const { abo, rhd, antiD, sampleUntil = null } = c.req.valid('json')
    const patient = { pseudonym, group: { abo, rhd }, antiD, sampleUntil }
    const facilityId = await setPatient(c.var.ctx, code, patient)
    return c.json(patientView(await findPatient(c.var.ctx.database.db, facilityId, pseudonym)), 200)
  })
