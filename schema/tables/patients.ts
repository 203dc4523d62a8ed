import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  abos,
  crossmatchMethods,
  crossmatchResults,
  groupingMethods,
  requirements,
  rhds,
  sampleRejections,
  specificities,
  unitSchemes,
  unitTraits,
} from '../vocabulary.ts'
import { bag, patient } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'

/** A sample of a patient's blood: when it was taken, and how long it may be relied on. Append-only. */
export const patientSample = pgTable(
  'patient_sample',
  {
    id: uuid().primaryKey(),
    facilityId: integer().notNull(),
    pseudonym: text().notNull(),
    /** As the tube says: one tube is of one patient. */
    label: text().notNull(),
    /** The collector's own time. */
    collectedAt: instant().notNull(),
    collector: text().notNull(),
    /** Transfused or pregnant shortly before, as who took it was told; null where nobody knows, which counts as yes. */
    exposed: boolean(),
    /** Until when it may be relied on, exclusive: by the policy then, of who was exposed since `exposureSince`, or was not. */
    exposureSince: instant().notNull(),
    shortUntil: instant().notNull(),
    longUntil: instant().notNull(),
    /** The policy it goes by. */
    policies: jsonb().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({
      name: 'patient_sample_patient',
      columns: [t.facilityId, t.pseudonym],
      foreignColumns: [patient.facilityId, patient.pseudonym],
    }),
    unique('patient_sample_label').on(t.facilityId, t.label),
    index('patient_sample_of').on(t.facilityId, t.pseudonym),
    check(
      'patient_sample_interval',
      sql`${t.collectedAt} < ${t.shortUntil} and ${t.shortUntil} <= ${t.longUntil}`,
    ),
  ],
)

/** That a sample is not relied on, nor anything found in it. Append-only. */
export const sampleRejection = pgTable(
  'sample_rejection',
  {
    sampleId: uuid()
      .primaryKey()
      .references(() => patientSample.id),
    reason: text({ enum: sampleRejections }).notNull(),
    remark: text(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [oneOf('sample_rejection_reason', t.reason, sampleRejections)],
)

/** A patient's group as it was found in one sample. Append-only: two that are independent and agree make it known. */
export const patientGrouping = pgTable(
  'patient_grouping',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    sampleId: uuid()
      .notNull()
      .references(() => patientSample.id),
    abo: text({ enum: abos }).notNull(),
    rhd: text({ enum: rhds }).notNull(),
    method: text({ enum: groupingMethods }).notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('patient_grouping_sample').on(t.sampleId),
    oneOf('patient_grouping_abo', t.abo, abos),
    oneOf('patient_grouping_rhd', t.rhd, rhds),
    oneOf('patient_grouping_method', t.method, groupingMethods),
  ],
)

/** Whether a sample was found to hold antibodies at all. Append-only. */
export const antibodyScreen = pgTable(
  'antibody_screen',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    sampleId: uuid()
      .notNull()
      .references(() => patientSample.id),
    positive: boolean().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [index('antibody_screen_sample').on(t.sampleId)],
)

/** An antibody a patient has or ever had. Append-only: what cannot be found any more comes back when it is met again. */
export const patientAntibody = pgTable(
  'patient_antibody',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer().notNull(),
    pseudonym: text().notNull(),
    specificity: text({ enum: specificities }).notNull(),
    significant: boolean().notNull(),
    /** In which it was found; null where it is known from elsewhere. */
    sampleId: uuid().references(() => patientSample.id),
    remark: text(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({
      name: 'patient_antibody_patient',
      columns: [t.facilityId, t.pseudonym],
      foreignColumns: [patient.facilityId, patient.pseudonym],
    }),
    index('patient_antibody_of').on(t.facilityId, t.pseudonym),
    oneOf('patient_antibody_specificity', t.specificity, specificities),
  ],
)

/** That a patient needs something of every bag, or does not any more. Append-only: the newest row rules. */
export const patientRequirement = pgTable(
  'patient_requirement',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer().notNull(),
    pseudonym: text().notNull(),
    requirement: text({ enum: requirements }).notNull(),
    needed: boolean().notNull(),
    reason: text().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({
      name: 'patient_requirement_patient',
      columns: [t.facilityId, t.pseudonym],
      foreignColumns: [patient.facilityId, patient.pseudonym],
    }),
    index('patient_requirement_of').on(t.facilityId, t.pseudonym),
    oneOf('patient_requirement_requirement', t.requirement, requirements),
  ],
)

/** What was found in the blood of a donation, of whichever of its bags. Append-only: found once is there. */
export const unitTrait = pgTable(
  'unit_trait',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    scheme: text().notNull(),
    identifier: text().notNull(),
    trait: text({ enum: unitTraits }).notNull(),
    present: boolean().notNull(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('unit_trait_unit').on(t.scheme, t.identifier),
    index('unit_trait_found').on(t.at).where(sql`present`),
    oneOf('unit_trait_scheme', t.scheme, unitSchemes),
    oneOf('unit_trait_trait', t.trait, unitTraits),
  ],
)

/** Whether a bag was found to fit a patient, by which sample, and until when that counts, exclusive. Append-only. */
export const crossmatch = pgTable(
  'crossmatch',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    pseudonym: text().notNull(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    sampleId: uuid()
      .notNull()
      .references(() => patientSample.id),
    method: text({ enum: crossmatchMethods }).notNull(),
    result: text({ enum: crossmatchResults }).notNull(),
    until: instant().notNull(),
    policies: jsonb().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('crossmatch_patient').on(t.facilityId, t.pseudonym, t.bagId),
    index('crossmatch_bag').on(t.bagId),
    oneOf('crossmatch_method', t.method, crossmatchMethods),
    oneOf('crossmatch_result', t.result, crossmatchResults),
  ],
)
