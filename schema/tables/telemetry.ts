import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { bytes, instant } from './columns.ts'
import { device } from './devices.ts'

/**
 * Ruling readings on their way to another telemetry store: what one commit stored or changed, written in its own
 * transaction and gone once the store has it. Of two rows about one identity the later number tells what rules.
 */
export const telemetryOutbox = pgTable('telemetry_outbox', {
  id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  at: instant().notNull(),
  readings: integer().notNull(),
  /** Made and read by `outbox-body.ts`. */
  body: bytes().notNull(),
})

/** Readings of one device that the telemetry store refused as they are, and why. They can be sent again. */
export const telemetryDeadLetter = pgTable(
  'telemetry_dead_letter',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    at: instant().notNull(),
    readings: integer().notNull(),
    /** The devices' own times of the first and the last, inclusive. */
    fromAt: instant().notNull(),
    toAt: instant().notNull(),
    /** As the outbox has them. */
    body: bytes().notNull(),
    reason: text().notNull(),
    resentAt: instant(),
  },
  (t) => [index('telemetry_dead_letter_open').on(t.id).where(sql`resent_at is null`)],
)
