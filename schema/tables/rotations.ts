import { integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Which blood near its expiry had best go where, as it was proposed on one day of the blood centre. Append-only. */
export const rotationProposal = pgTable('rotation_proposal', {
  id: uuid().primaryKey(),
  /** YYYY-MM-DD, by the clock on the centre's wall. One for each day. */
  day: text().notNull().unique(),
  /** The versions it was made by: of rotations, and of transfers. */
  policies: jsonb().notNull(),
  /** Whoever gives or gets something by it. */
  facilityIds: integer().array().notNull(),
  answer: jsonb().notNull(),
  at: instant().notNull(),
  actor: jsonb().notNull(),
})
