import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { inspectionOccasions } from '../vocabulary.ts'
import { bag } from './bags.ts'
import { instant, oneOf } from './columns.ts'

/**
 * The transfusion of a bag, as its observations tell it so far: a projection of the bag's events, written with each of them,
 * for worklists that must not read all events.
 */
export const transfusion = pgTable(
  'transfusion',
  {
    bagId: uuid()
      .primaryKey()
      .references(() => bag.id),
    /** By event time, where that was told. */
    startedAt: instant(),
    /** It has ended, or was interrupted, or was told as a whole. */
    isOver: boolean().notNull(),
  },
  (t) => [index('transfusion_open').on(t.startedAt).where(sql`not is_over`)],
)

/** What somebody looked at on a bag, and what was wrong with it. Append-only. */
export const bagInspection = pgTable(
  'bag_inspection',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    occasion: text({ enum: inspectionOccasions }).notNull(),
    /** For each thing that was looked at, whether it was good. */
    checks: jsonb().notNull(),
    remark: text(),
    actor: jsonb().notNull(),
    at: instant().notNull(),
  },
  (t) => [
    index('bag_inspection_bag').on(t.bagId),
    oneOf('bag_inspection_occasion', t.occasion, inspectionOccasions),
  ],
)
