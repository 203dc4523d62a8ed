import { expect } from 'vitest'
import { TransfusionRecord } from '../../../../schema/http/patients.ts'
import { iso } from '../door.ts'
import { type Hospital, hour, nowOf, type Patient } from './account.ts'
import { ask, newest, one } from './hospital.ts'
import { beliefIn, isValid, sampleUntilOf, untilOf } from './rules.ts'
import type { Kind, Step } from './steps.ts'

/* What is found in patients, and written down of them. */

const labs = ['lab1', 'lab2'] as const
export const labOf = ({ hand }: Pick<Step, 'hand'>) => labs[hand] ?? 'lab1'
export const nurseOf = ({ hand }: Pick<Step, 'hand'>) => (['nurse1', 'nurse2'] as const)[hand] ?? 'nurse1'

export const patientOf = ({ patients }: Hospital, step: Step) => one(patients, step.patient) as Patient
export const pathOf = ({ code }: Hospital, { name }: Patient) => `/facilities/${code}/patients/${name}`
const sampleOf = (patient: Patient, step: Step) => newest(patient.samples, step.pick)

/** Told of a patient, as the audit trail has it. */
const tell = (patient: Patient, action: string, by: string) => patient.told.push(`patient.${action} ${by}`)

export const ofPatients = {
  async sample(hospital, step) {
    const patient = patientOf(hospital, step)
    const by = step.flag ? labOf(step) : nurseOf(step)
    const at = nowOf(hospital) - (step.other ? hour : 0)
    const label = `tube-${hospital.code}-${hospital.patients.reduce((all, { samples }) => all + samples.length, 0)}`
    const { exposed, seldom, rejection: reason } = step
    const rejected = seldom ? { rejected: { reason } } : {}
    const told = { label, collectedAt: iso(at), collector: 'Ann', exposed, ...rejected }
    const path = `${pathOf(hospital, patient)}/samples`
    const known = new Set(patient.samples.map(({ id }) => id))
    const body = await ask(hospital, { what: 'sample', by, path, body: told, refusal: null })
    const { samples } = TransfusionRecord.parse(body)
    const id = samples.find(({ sampleId }) => !known.has(sampleId))?.sampleId as string
    patient.samples.push({ id, at, exposed, isRejected: seldom, groupings: [], screens: [] })
    patient.hasRecord = true
    tell(patient, 'sample_registered', by)
    if (seldom) tell(patient, 'sample_rejected', by)
    compareRecord(hospital, patient, body)
  },
  async reject_sample(hospital, step) {
    const patient = patientOf(hospital, step)
    const sample = sampleOf(patient, step)
    if (!sample) return
    const by = labOf(step)
    const isTheirs = sample.groupings.some((grouping) => grouping.by === by)
    const refusal = isTheirs ? 'second_person' : sample.isRejected ? 'conflict' : null
    const path = `${pathOf(hospital, patient)}/samples/${sample.id}/rejection`
    const body = await ask(hospital, {
      ...{ what: 'reject_sample', by, path, body: { reason: step.rejection }, refusal },
    })
    if (!body) return
    sample.isRejected = true
    tell(patient, 'sample_rejected', by)
    compareRecord(hospital, patient, body)
  },
  async group(hospital, step) {
    const patient = patientOf(hospital, step)
    const sample = sampleOf(patient, step)
    if (!sample) return
    const by = labOf(step)
    // Seldom they find another group than the one that is believed, or few patients would keep any.
    const before = patient.samples.flatMap(({ groupings }) => groupings)[0] ?? patient
    const group = step.seldom
      ? { abo: step.abo, rhd: step.rhd }
      : { abo: before.abo ?? step.abo, rhd: before.rhd ?? step.rhd }
    const method = step.flag ? 'automated' : 'gel'
    const path = `${pathOf(hospital, patient)}/samples/${sample.id}/groupings`
    const refusal = sample.isRejected ? 'conflict' : null
    const body = await ask(hospital, { what: 'group', by, path, body: { ...group, method }, refusal })
    if (!body) return
    sample.groupings.push({ ...group, by, automated: step.flag, at: nowOf(hospital) })
    tell(patient, 'grouped', by)
    compareRecord(hospital, patient, body)
  },
  async screen(hospital, step) {
    const patient = patientOf(hospital, step)
    const sample = sampleOf(patient, step)
    if (!sample) return
    const by = labOf(step)
    const path = `${pathOf(hospital, patient)}/samples/${sample.id}/screens`
    const refusal = sample.isRejected ? 'conflict' : null
    const told = { positive: step.seldom }
    const body = await ask(hospital, { what: 'screen', by, path, body: told, refusal })
    if (!body) return
    sample.screens.push(step.seldom)
    tell(patient, 'screened', by)
    compareRecord(hospital, patient, body)
  },
  async antibody(hospital, step) {
    const patient = patientOf(hospital, step)
    const by = labOf(step)
    const specificity = step.seldom ? 'D' : step.flag ? (step.other ? 'K' : 'E') : 'Lea'
    const path = `${pathOf(hospital, patient)}/antibodies`
    const body = await ask(hospital, { what: 'antibody', by, path, body: { specificity }, refusal: null })
    // Against Lewis they seldom harm.
    if (specificity !== 'Lea') patient.antibodies.add(specificity)
    patient.antiD ||= specificity === 'D'
    patient.hasRecord = true
    tell(patient, 'antibody_recorded', by)
    compareRecord(hospital, patient, body)
  },
  async requirement(hospital, step) {
    const patient = patientOf(hospital, step)
    const by = labOf(step)
    const requirement = one(['irradiated', 'cmv_negative', 'serological_crossmatch'] as const, step.pick)
    if (!requirement) return
    const told = { requirement, needed: step.flag, reason: 'drawn' }
    const path = `${pathOf(hospital, patient)}/requirements`
    const body = await ask(hospital, { what: 'requirement', by, path, body: told, refusal: null })
    if (step.flag) patient.needs.add(requirement)
    else patient.needs.delete(requirement)
    patient.hasRecord = true
    tell(patient, 'requirement_set', by)
    compareRecord(hospital, patient, body)
  },
} as const satisfies Partial<Record<Kind, (hospital: Hospital, step: Step) => Promise<void>>>

/** The record as it is told, beside the patient as the model has them. */
export function compareRecord(hospital: Hospital, patient: Patient, body: unknown): void {
  const record = TransfusionRecord.parse(body)
  const { abo, rhd, doubt } = beliefIn(patient)
  const until = sampleUntilOf(hospital, patient)
  expect(record).toMatchObject({
    ...{ abo, rhd, doubt, antiD: patient.antiD, sampleUntil: until === null ? null : iso(until) },
    requirements: expect.arrayContaining([...patient.needs]),
  })
  const told = record.samples.map(({ sampleId, valid, until: ends, groupings, screens }) => ({
    ...{
      sampleId,
      valid,
      ends,
      groupings: groupings.length,
      screens: screens.map(({ positive }) => positive),
    },
  }))
  const known = patient.samples.map((sample) => ({
    ...{ sampleId: sample.id, valid: isValid(hospital, patient, sample) },
    ...{ ends: iso(untilOf(hospital, patient, sample)), groupings: sample.groupings.length },
    screens: sample.screens,
  }))
  const byId = (a: { sampleId: string }, b: { sampleId: string }) => (a.sampleId < b.sampleId ? -1 : 1)
  expect(told.sort(byId)).toEqual(known.sort(byId))
}
