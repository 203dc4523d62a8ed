import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { attemptOutcomes, escalationSteps, noticeChannels } from '../vocabulary.ts'
import { alarmCase } from './alarms.ts'
import { instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'

/** Somebody who can be told of alarms, and how. Never changed, only ended: a notice was for the address of its time. */
export const contact = pgTable(
  'contact',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    name: text().notNull(),
    email: text(),
    /** Of a gateway that is called, signed with the secret. */
    url: text(),
    /** In clear: it signs. */
    secret: text(),
    createdAt: instant().notNull(),
    endedAt: instant(),
  },
  (t) => [
    uniqueIndex('contact_name').on(t.facilityId, t.name).where(sql`ended_at is null`),
    check('contact_reached', sql`${t.email} is not null or ${t.url} is not null`),
    check('contact_secret', sql`(${t.url} is null) = (${t.secret} is null)`),
  ],
)

/** When somebody stands behind a step of a facility, by the clock on its wall. */
export const rosterShift = pgTable(
  'roster_shift',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    step: text({ enum: escalationSteps }).notNull(),
    contactId: integer()
      .notNull()
      .references(() => contact.id),
    /** On which it begins: 1 is Monday, 7 Sunday. */
    weekdays: smallint().array().notNull(),
    /** Minutes since midnight, [from, to); it ends the next day where `to` is not later. */
    fromMinute: smallint().notNull(),
    toMinute: smallint().notNull(),
    effectiveFrom: instant().notNull(),
    effectiveTo: instant(),
  },
  (t) => [
    oneOf('roster_shift_step', t.step, escalationSteps),
    check(
      'roster_shift_minutes',
      sql`${t.fromMinute} between 0 and 1439 and ${t.toMinute} between 0 and 1439`,
    ),
    check(
      'roster_shift_weekdays',
      sql`cardinality(${t.weekdays}) > 0 and ${t.weekdays} <@ '{1,2,3,4,5,6,7}'::smallint[]`,
    ),
    index('roster_shift_facility').on(t.facilityId),
  ],
)

/** One person to be told of a step, in one way; written in the transaction that takes the step. */
export const notice = pgTable(
  'notice',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    contactId: integer()
      .notNull()
      .references(() => contact.id),
    channel: text({ enum: noticeChannels }).notNull(),
    step: text({ enum: escalationSteps }).notNull(),
    /** Which step it is of those taken since `pagedFrom` of its cases, from 1. */
    ordinal: integer().notNull(),
    pagedFrom: instant().notNull(),
    createdAt: instant().notNull(),
    /** What it says. */
    body: jsonb().notNull(),
    /** Null until it was delivered or given up. */
    isDelivered: boolean(),
  },
  (t) => [
    oneOf('notice_channel', t.channel, noticeChannels),
    oneOf('notice_step', t.step, escalationSteps),
    index('notice_waiting').on(t.id).where(sql`is_delivered is null`),
  ],
)

/** Which cases a notice is about. Append-only. */
export const noticeCase = pgTable(
  'notice_case',
  {
    noticeId: bigint({ mode: 'number' })
      .notNull()
      .references(() => notice.id),
    caseId: integer()
      .notNull()
      .references(() => alarmCase.id),
  },
  (t) => [primaryKey({ columns: [t.noticeId, t.caseId] }), index('notice_case_case').on(t.caseId)],
)

/** Each attempt to deliver a notice. Append-only. */
export const noticeAttempt = pgTable(
  'notice_attempt',
  {
    noticeId: bigint({ mode: 'number' })
      .notNull()
      .references(() => notice.id),
    attempt: integer().notNull(),
    at: instant().notNull(),
    outcome: text({ enum: attemptOutcomes }).notNull(),
    /** The status of HTTP or SMTP it was answered; null where nothing answered. */
    status: integer(),
    error: text(),
  },
  (t) => [
    primaryKey({ columns: [t.noticeId, t.attempt] }),
    oneOf('notice_attempt_outcome', t.outcome, attemptOutcomes),
  ],
)
