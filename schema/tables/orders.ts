import { sql } from 'drizzle-orm'
import {
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  grades,
  indications,
  orderedComponents,
  orderVerbs,
  unitsOfMeasure,
  urgencies,
} from '../vocabulary.ts'
import { patient } from './bags.ts'
import { instant, oneOf } from './columns.ts'

/** What a physician orders for a patient, and whose word it takes. Append-only: what becomes of it its events tell. */
export const bloodOrder = pgTable(
  'blood_order',
  {
    id: uuid().primaryKey(),
    facilityId: integer().notNull(),
    pseudonym: text().notNull(),
    component: text({ enum: orderedComponents }).notNull(),
    amount: doublePrecision().notNull(),
    uom: text({ enum: unitsOfMeasure }).notNull(),
    indication: text({ enum: indications }).notNull(),
    indicationText: text().notNull(),
    urgency: text({ enum: urgencies }).notNull(),
    neededAt: instant().notNull(),
    /** Who orders: a username, or as another system names them. */
    physician: text().notNull(),
    /** So much was ordered for the patient in the day before, this included, mL as the policy counts them. */
    dayMl: doublePrecision().notNull(),
    /** Whose word that takes, in turn. */
    approvals: jsonb().notNull(),
    /** The policy both go by. */
    policies: jsonb().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({
      name: 'blood_order_patient',
      columns: [t.facilityId, t.pseudonym],
      foreignColumns: [patient.facilityId, patient.pseudonym],
    }),
    index('blood_order_of').on(t.facilityId, t.pseudonym, t.at),
    index('blood_order_needed').on(t.facilityId, t.neededAt),
    oneOf('blood_order_component', t.component, orderedComponents),
    oneOf('blood_order_uom', t.uom, unitsOfMeasure),
    oneOf('blood_order_indication', t.indication, indications),
    oneOf('blood_order_urgency', t.urgency, urgencies),
    check('blood_order_amount', sql`${t.amount} > 0 and ${t.dayMl} > 0`),
  ],
)

/** What was said of an order: approved in a grade, rejected in one, or called off. Append-only. */
export const bloodOrderEvent = pgTable(
  'blood_order_event',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    orderId: uuid()
      .notNull()
      .references(() => bloodOrder.id),
    verb: text({ enum: orderVerbs }).notNull(),
    /** In which it was said; null of one that is called off. */
    grade: text({ enum: grades }),
    comment: text(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('blood_order_event_order').on(t.orderId),
    oneOf('blood_order_event_verb', t.verb, orderVerbs),
    oneOf('blood_order_event_grade', t.grade, grades),
    check('blood_order_event_graded', sql`(${t.verb} = 'cancel') = (${t.grade} is null)`),
  ],
)
