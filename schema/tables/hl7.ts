import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { instant, sha256 } from './columns.ts'
import { facility } from './facilities.ts'

/** A message of another system that was done, by sender and number: the same again does nothing. Append-only. */
export const hl7Message = pgTable(
  'hl7_message',
  {
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    /** Who sent it: MSH-3 and MSH-4, as configured. */
    sender: text().notNull(),
    /** MSH-10. */
    controlId: text().notNull(),
    sha256: sha256().notNull(),
    /** MSH-9, as in ADT^A01. */
    type: text().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [primaryKey({ columns: [t.facilityId, t.sender, t.controlId] })],
)

/** A message that was not done, and why, until somebody has looked at it or it is sent again and done. */
export const hl7Refusal = pgTable(
  'hl7_refusal',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    sender: text().notNull(),
    /** Null where that could not be read. */
    controlId: text(),
    type: text(),
    sha256: sha256().notNull(),
    /** Without what names a patient: no name, date of birth or number of theirs is kept. */
    shown: text().notNull(),
    code: text().notNull(),
    reason: text().notNull(),
    firstAt: instant().notNull(),
    lastAt: instant().notNull(),
    /** So often it came. */
    times: integer().notNull().default(1),
    concludedAt: instant(),
    concludedBy: jsonb(),
    conclusion: text(),
    actor: jsonb().notNull(),
  },
  (t) => [
    uniqueIndex('hl7_refusal_open').on(t.facilityId, t.sender, t.sha256).where(sql`concluded_at is null`),
    index('hl7_refusal_of').on(t.facilityId, t.id),
    check(
      'hl7_refusal_concluded',
      sql`(${t.concludedAt} is null) = (${t.conclusion} is null) and (${t.concludedAt} is null) = (${t.concludedBy} is null)`,
    ),
  ],
)
