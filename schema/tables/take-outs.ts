import { bigint, boolean, foreignKey, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { lateCrossmatches } from '../vocabulary.ts'
import { bagEvent } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'

/** How bags are taken out at a facility, from when on. Append-only: the newest row is in force. */
export const takeOutRule = pgTable(
  'take_out_rule',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    from: instant().notNull(),
    /** Two must look at what is handed out, but in an emergency. */
    secondChecker: boolean().notNull(),
    /** Where a nurse calls who is told to. */
    telephone: text(),
    /** What is handed out must have been crossmatched, but in an emergency, whether or not their samples are on record. */
    crossmatch: boolean().notNull().default(false),
    actor: jsonb().notNull(),
  },
  (t) => [index('take_out_rule_facility').on(t.facilityId, t.id)],
)

/** What was found when the issue of a bag was looked at afterwards. Append-only. */
export const issueReview = pgTable(
  'issue_review',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid().notNull(),
    /** The event that issued it. */
    version: integer().notNull(),
    /** The physician who answers for it, and what they say. */
    physician: text().notNull(),
    justification: text().notNull(),
    crossmatch: text({ enum: lateCrossmatches }).notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({ columns: [t.bagId, t.version], foreignColumns: [bagEvent.bagId, bagEvent.version] }),
    oneOf('issue_review_crossmatch', t.crossmatch, lateCrossmatches),
  ],
)
