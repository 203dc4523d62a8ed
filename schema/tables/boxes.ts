import { sql } from 'drizzle-orm'
import {
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
  uuid,
} from 'drizzle-orm/pg-core'
import { bag } from './bags.ts'
import { instant } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'

/** A transport box that was packed for one journey: who packed it, how it was sealed, and how cold it was. */
export const boxPacking = pgTable(
  'box_packing',
  {
    id: uuid().primaryKey(),
    /** As people name it; of one name a facility has one packed at a time. */
    box: text().notNull(),
    /** The box itself, where it is a device that reports. */
    deviceId: integer().references(() => device.id),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    destinationId: integer()
      .notNull()
      .references(() => facility.id),
    seal: text(),
    /** Hundredths of a degree Celsius when it was packed. */
    centi: smallint(),
    /** The number of a logger that is no device of ours. */
    logger: text(),
    packedAt: instant().notNull(),
    packedBy: jsonb().notNull(),
    /** Nothing is in it any more. */
    emptiedAt: instant(),
    /** What came of a seal that was another, where somebody has looked into it. */
    settledAt: instant(),
    settledBy: jsonb(),
    conclusion: text(),
  },
  (t) => [
    uniqueIndex('box_packing_open').on(t.facilityId, t.box).where(sql`emptied_at is null`),
    index('box_packing_facility').on(t.facilityId, t.packedAt),
    index('box_packing_destination').on(t.destinationId, t.packedAt),
    check(
      'box_packing_settling',
      sql`(${t.settledAt} is null) = (${t.settledBy} is null) and (${t.settledAt} is null) = (${t.conclusion} is null)`,
    ),
  ],
)

/** A bag in a box, from when it was packed until it was unpacked. It is in one box at a time. */
export const boxContent = pgTable(
  'box_content',
  {
    packingId: uuid()
      .notNull()
      .references(() => boxPacking.id),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    packedAt: instant().notNull(),
    packedBy: jsonb().notNull(),
    unpackedAt: instant(),
    unpackedBy: jsonb(),
  },
  (t) => [
    primaryKey({ columns: [t.packingId, t.bagId] }),
    uniqueIndex('box_content_bag').on(t.bagId).where(sql`unpacked_at is null`),
    check('box_content_unpacking', sql`(${t.unpackedAt} is null) = (${t.unpackedBy} is null)`),
  ],
)

/** A seal as somebody read it, beside what it should be. Append-only; a seal that is another is never refused. */
export const boxSealCheck = pgTable(
  'box_seal_check',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    packingId: uuid()
      .notNull()
      .references(() => boxPacking.id),
    told: text().notNull(),
    matches: boolean().notNull(),
    actor: jsonb().notNull(),
    at: instant().notNull(),
  },
  (t) => [
    index('box_seal_check_packing').on(t.packingId),
    index('box_seal_check_differs').on(t.packingId).where(sql`not matches`),
  ],
)
