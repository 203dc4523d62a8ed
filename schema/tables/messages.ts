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
import { upChannels } from '../vocabulary.ts'
import { bytes, instant, oneOf, sha256 } from './columns.ts'
import { boot, device, probe } from './devices.ts'

/**
 * The identity of every numbered message taken in, and its own audit entry: who sent it (the boot names the device),
 * what (the SHA-256 of its exact bytes), when it says it was sent and when we had it. Append-only.
 *
 * No foreign key here or on `reading`: boots and probes are never deleted, and a check for each of thousands of rows a
 * second would also write a lock to the boot's row each time.
 */
export const message = pgTable(
  'message',
  {
    bootId: integer().notNull(),
    seq: integer().notNull(),
    channel: text({ enum: upChannels }).notNull(),
    payloadHash: sha256().notNull(),
    sentAt: instant().notNull(),
    receivedAt: instant().notNull(),
    /** It brought a reading older than the window in which raw readings are kept for re-derivation. */
    lateBeyondWindow: boolean().notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.bootId, t.seq] }), oneOf('message_channel', t.channel, upChannels)],
)

/** The ruling value of each reading identity (device and probe, boot, raw time). `at` is the device's own time. */
export const reading = pgTable(
  'reading',
  {
    probeId: integer().notNull(),
    at: instant().notNull(),
    bootId: integer().notNull(),
    seq: integer().notNull(),
    /** Hundredths of a degree Celsius. */
    centi: smallint().notNull(),
    /** Hundredths of a percent relative humidity. */
    humidity: smallint(),
  },
  (t) => [primaryKey({ columns: [t.probeId, t.at, t.bootId] })],
)

/**
 * Readings of an hour that has closed, of one probe and one boot, packed into `body`; the hour is that of the device's
 * own time, counted from 1970. A reading stands here or in `reading`, never in both: what comes late for a packed hour
 * stands there until the hour is packed again. The other columns are for charts that need no single reading.
 */
export const readingHour = pgTable(
  'reading_hour',
  {
    probeId: integer().notNull(),
    hour: integer().notNull(),
    bootId: integer().notNull(),
    count: integer().notNull(),
    sum: integer().notNull(),
    /** Hundredths of a degree Celsius. */
    coldest: smallint().notNull(),
    warmest: smallint().notNull(),
    body: bytes().notNull(),
  },
  (t) => [primaryKey({ columns: [t.probeId, t.hour, t.bootId] })],
)

/** A device fault: a second value at one reading identity. Kept here; the one further from mid-limits rules. */
export const readingConflict = pgTable(
  'reading_conflict',
  {
    probeId: integer()
      .notNull()
      .references(() => probe.id),
    at: instant().notNull(),
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    centi: smallint().notNull(),
    seq: integer().notNull(),
    humidity: smallint(),
    receivedAt: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.probeId, t.at, t.bootId, t.centi] })],
)

/** Everything else a device reports: doors, power, positions, replies; one row per element, as it came. Append-only. */
export const deviceEvent = pgTable(
  'device_event',
  {
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    seq: integer().notNull(),
    element: smallint().notNull(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    channel: text({ enum: upChannels }).notNull(),
    at: instant().notNull(),
    body: jsonb().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.bootId, t.seq, t.element] }),
    oneOf('device_event_channel', t.channel, upChannels),
    index('device_event_device').on(t.deviceId, t.channel, t.at),
  ],
)

/**
 * A message that could not be taken in whole or in part: its exact bytes and what is wrong with it. `elements` lists
 * the bad ones; null rejects the message itself. It can be run again once the cause is mended.
 */
export const rejectedMessage = pgTable(
  'rejected_message',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    topic: text().notNull(),
    boot: text(),
    seq: integer(),
    payload: bytes().notNull(),
    payloadHash: sha256().notNull(),
    code: text().notNull(),
    reason: text().notNull(),
    elements: jsonb().$type<readonly { index: number; code: string; reason: string }[]>(),
    receivedAt: instant().notNull(),
    /** How often these very bytes came and were rejected. */
    times: integer().notNull().default(1),
    readmittedAt: instant(),
  },
  (t) => [
    uniqueIndex('rejected_message_payload').on(t.deviceId, t.payloadHash).where(sql`readmitted_at is null`),
    check('rejected_message_seq', sql`${t.seq} is null or ${t.boot} is not null`),
  ],
)

/**
 * Numbers of a boot that no message was received with, [from, to] inclusive, as far as `sequenceCheck` has looked. What
 * has come since stands in `message`: whoever asks looks there too.
 */
export const sequenceHole = pgTable(
  'sequence_hole',
  {
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    fromSeq: integer().notNull(),
    toSeq: integer().notNull(),
    /** When the message behind it was received. */
    seenAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.bootId, t.fromSeq] }),
    check('sequence_hole_length', sql`${t.fromSeq} <= ${t.toSeq}`),
    index('sequence_hole_seen').on(t.seenAt),
  ],
)

/** How far the numbers of a boot have been looked at for holes, inclusive. */
export const sequenceCheck = pgTable('sequence_check', {
  bootId: integer()
    .primaryKey()
    .references(() => boot.id),
  upTo: integer().notNull(),
})
