import { sql } from 'drizzle-orm'
import {
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { lotKinds, recallKinds, recallScopes, recallStates } from '../vocabulary.ts'
import { bag, bagHold } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'

/** That a bag was made with something of a lot: its set, an additive, a reagent, a run. Append-only. */
export const bagLot = pgTable(
  'bag_lot',
  {
    kind: text({ enum: lotKinds }).notNull(),
    number: text().notNull(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    recordedAt: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.number, t.kind, t.bagId] }),
    index('bag_lot_bag').on(t.bagId),
    oneOf('bag_lot_kind', t.kind, lotKinds),
  ],
)

/** That bags are called back, wherever they are: by what they have in common, why, on whose word, and what came of it. */
export const recall = pgTable(
  'recall',
  {
    /** Its number. */
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    /** What its holds are. */
    kind: text({ enum: recallKinds }).notNull(),
    scope: text({ enum: recallScopes }).notNull(),
    /** The donor or patient (by pseudonym), the donation, the lot, the device or box (by name), or the bag. */
    subject: text().notNull(),
    lotKind: text({ enum: lotKinds }),
    /** [from, to) of what the scope says; null where it has no bound. */
    from: instant(),
    to: instant(),
    /** Who calls back. The pseudonyms are theirs. */
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    reason: text().notNull(),
    openedAt: instant().notNull(),
    openedBy: jsonb().notNull(),
    /** While it is open whatever comes to belong to it is held as well. */
    state: text({ enum: recallStates }).notNull().default('open'),
    endedAt: instant(),
    endedBy: jsonb(),
    endReason: text(),
  },
  (t) => [
    oneOf('recall_kind', t.kind, recallKinds),
    oneOf('recall_scope', t.scope, recallScopes),
    oneOf('recall_lot_kind', t.lotKind, lotKinds),
    oneOf('recall_state', t.state, recallStates),
    check('recall_interval', sql`${t.from} < ${t.to}`),
    check(
      'recall_ending',
      sql`(${t.state} = 'open') = (${t.endedAt} is null) and (${t.endedAt} is null) = (${t.endedBy} is null) and (${t.endedAt} is null) = (${t.endReason} is null)`,
    ),
    // The same recall is open once.
    uniqueIndex('recall_open')
      .on(
        t.facilityId,
        t.scope,
        t.kind,
        t.subject,
        sql`coalesce(lot_kind, '')`,
        sql`coalesce("from", 0)`,
        sql`coalesce("to", 0)`,
      )
      .where(sql`state = 'open'`),
  ],
)

/** What a recall reached: a bag, once, and the hold it placed. Append-only. */
export const recallBag = pgTable(
  'recall_bag',
  {
    recallId: integer()
      .notNull()
      .references(() => recall.id),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    holdId: integer()
      .notNull()
      .references(() => bagHold.id),
    foundAt: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.recallId, t.bagId] }), index('recall_bag_bag').on(t.bagId)],
)
