import { sql } from 'drizzle-orm'
import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { rescueMoveStates, rescueWays } from '../vocabulary.ts'
import { alarmCase } from './alarms.ts'
import { bag } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'

/** A rescue plan that a person accepted, with an alarm. Append-only. */
export const rescue = pgTable(
  'rescue',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    caseId: integer()
      .notNull()
      .references(() => alarmCase.id),
    at: instant().notNull(),
    actor: jsonb().notNull(),
    /** The version of the policy it was planned by. */
    policy: integer().notNull(),
  },
  (t) => [index('rescue_case').on(t.caseId, t.id)],
)

/**
 * That a bag shall be carried from one device to another: an intention. Where the bag is only sightings say, and the
 * first that shows it there settles the move.
 */
export const rescueMove = pgTable(
  'rescue_move',
  {
    rescueId: integer()
      .notNull()
      .references(() => rescue.id),
    /** 1 is carried first. */
    order: integer().notNull(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    fromId: integer()
      .notNull()
      .references(() => device.id),
    toId: integer()
      .notNull()
      .references(() => device.id),
    /** Where that stood when it was accepted: it may be moved since. */
    toFacilityId: integer()
      .notNull()
      .references(() => facility.id),
    by: text({ enum: rescueWays }).notNull(),
    /** When it must leave; null: it is not lost by staying. */
    leaveBy: instant(),
    state: text({ enum: rescueMoveStates }).notNull().default('intended'),
    /** Event time of when it was seen there first, or when it was abandoned; null while it is intended. */
    settledAt: instant(),
  },
  (t) => [
    primaryKey({ columns: [t.rescueId, t.order] }),
    // A bag has one way to go at a time.
    uniqueIndex('rescue_move_intended').on(t.bagId).where(sql`state = 'intended'`),
    index('rescue_move_to').on(t.toId).where(sql`state = 'intended'`),
    oneOf('rescue_move_by', t.by, rescueWays),
    oneOf('rescue_move_state', t.state, rescueMoveStates),
  ],
)
