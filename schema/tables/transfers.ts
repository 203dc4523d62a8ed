import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  abos,
  components,
  orderedComponents,
  rhds,
  sexes,
  transferPacks,
  transferVerbs,
  unitsOfMeasure,
  urgencies,
} from '../vocabulary.ts'
import { bag } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'
import { rotationProposal } from './rotations.ts'

/** What a facility keeps of one component and group for itself. Append-only: the newest of each counts. */
export const stockLevel = pgTable(
  'stock_level',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    component: text({ enum: components }).notNull(),
    abo: text({ enum: abos }).notNull(),
    rhd: text({ enum: rhds }).notNull(),
    uom: text({ enum: unitsOfMeasure }).notNull(),
    target: doublePrecision().notNull(),
    minimum: doublePrecision().notNull(),
    critical: doublePrecision().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('stock_level_newest').on(t.facilityId, t.component, t.abo, t.rhd, t.uom, t.id),
    oneOf('stock_level_component', t.component, components),
    oneOf('stock_level_abo', t.abo, abos),
    oneOf('stock_level_rhd', t.rhd, rhds),
    oneOf('stock_level_uom', t.uom, unitsOfMeasure),
    check(
      'stock_level_order',
      sql`${t.critical} >= 0 and ${t.critical} <= ${t.minimum} and ${t.minimum} <= ${t.target}`,
    ),
  ],
)

/** That a facility needs blood it has not got, for somebody of whom no name is told. Append-only: its state is derived. */
export const transferRequest = pgTable(
  'transfer_request',
  {
    id: uuid().primaryKey(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    urgency: text({ enum: urgencies }).notNull(),
    deadline: instant().notNull(),
    /** The template it was named by; null where its lines were. */
    pack: text({ enum: transferPacks }),
    abo: text({ enum: abos }),
    rhd: text({ enum: rhds }),
    antiD: boolean().notNull(),
    sex: text({ enum: sexes }),
    ageYears: integer(),
    /** A physician's word, or what the rule for emergencies says where none is told. */
    rhdPositiveAllowed: boolean().notNull(),
    /** Whose word that is; null where it is the rule's. */
    physician: text(),
    requires: jsonb().notNull(),
    /** Who is on their way brings the patient then, in this ambulance. */
    eta: instant(),
    deviceId: integer().references(() => device.id),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('transfer_request_of').on(t.facilityId, t.deadline),
    index('transfer_request_deadline').on(t.deadline),
    oneOf('transfer_request_urgency', t.urgency, urgencies),
    oneOf('transfer_request_pack', t.pack, transferPacks),
    oneOf('transfer_request_abo', t.abo, abos),
    oneOf('transfer_request_rhd', t.rhd, rhds),
    oneOf('transfer_request_sex', t.sex, sexes),
    check('transfer_request_times', sql`${t.deadline} > ${t.at}`),
  ],
)

/** What a request asks for. Append-only. */
export const transferRequestLine = pgTable(
  'transfer_request_line',
  {
    requestId: uuid()
      .notNull()
      .references(() => transferRequest.id),
    /** 1 for the first. */
    line: integer().notNull(),
    component: text({ enum: orderedComponents }).notNull(),
    amount: doublePrecision().notNull(),
    uom: text({ enum: unitsOfMeasure }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.requestId, t.line] }),
    oneOf('transfer_request_line_component', t.component, orderedComponents),
    oneOf('transfer_request_line_uom', t.uom, unitsOfMeasure),
    check('transfer_request_line_amount', sql`${t.amount} > 0`),
  ],
)

/** That a request is not wanted any more. Append-only. */
export const transferRequestCancellation = pgTable('transfer_request_cancellation', {
  requestId: uuid()
    .primaryKey()
    .references(() => transferRequest.id),
  reason: text().notNull(),
  at: instant().notNull(),
  actor: jsonb().notNull(),
})

/** A plan as it was answered, whatever has changed since. Append-only. */
export const transferPlan = pgTable('transfer_plan', {
  id: uuid().primaryKey(),
  /** Those it was made for, by id, and where they are. */
  requests: jsonb().notNull(),
  facilityIds: integer().array().notNull(),
  /** The version it was planned by. */
  policy: integer().notNull(),
  answer: jsonb().notNull(),
  at: instant().notNull(),
  actor: jsonb().notNull(),
})

/** The bags of a plan, or of a rotation, that a person accepted and that go from one facility to another. Append-only. */
export const transfer = pgTable(
  'transfer',
  {
    id: uuid().primaryKey(),
    planId: uuid().references(() => transferPlan.id),
    rotationId: uuid().references(() => rotationProposal.id),
    fromId: integer()
      .notNull()
      .references(() => facility.id),
    toId: integer()
      .notNull()
      .references(() => facility.id),
    /** The bags are promised until then, exclusive. */
    until: instant().notNull(),
    /** It draws on what the donor keeps for itself: somebody there must approve before it leaves. */
    needsApproval: boolean().notNull(),
    comment: text(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('transfer_from').on(t.fromId, t.at),
    index('transfer_to').on(t.toId, t.at),
    check('transfer_until', sql`${t.until} > ${t.at}`),
    check('transfer_source', sql`num_nonnulls(${t.planId}, ${t.rotationId}) = 1`),
  ],
)

/** A bag of a transfer, and what it is for. Where it is only its own events say. */
export const transferBag = pgTable(
  'transfer_bag',
  {
    transferId: uuid()
      .notNull()
      .references(() => transfer.id),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    /** Null of what a rotation sends: nobody has asked for it. */
    requestId: uuid().references(() => transferRequest.id),
    line: integer(),
    /** As labelled when it was promised. */
    amount: doublePrecision().notNull(),
    /** Of the event that promised it: what comes later tells what became of it. */
    version: integer().notNull(),
    /** Set where it was freed, or found free and promised again. */
    endedAt: instant(),
  },
  (t) => [
    primaryKey({ columns: [t.transferId, t.bagId] }),
    // A bag is promised once at a time.
    uniqueIndex('transfer_bag_live').on(t.bagId).where(sql`ended_at is null`),
    index('transfer_bag_request').on(t.requestId, t.line),
    check('transfer_bag_for', sql`(${t.requestId} is null) = (${t.line} is null)`),
  ],
)

/** What was said of a transfer: approved where it comes from, or cancelled. Append-only. */
export const transferEvent = pgTable(
  'transfer_event',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    transferId: uuid()
      .notNull()
      .references(() => transfer.id),
    verb: text({ enum: transferVerbs }).notNull(),
    reason: text(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('transfer_event_transfer').on(t.transferId),
    uniqueIndex('transfer_event_once').on(t.transferId, t.verb),
    oneOf('transfer_event_verb', t.verb, transferVerbs),
  ],
)
