import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { bag } from './bags.ts'
import { bytes, instant, oneOf, sha256 } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'

/** A key by which lists for terminals are signed. Those before the newest are believed until they are retired. */
export const listKey = pgTable('list_key', {
  id: text().primaryKey(),
  /** SubjectPublicKeyInfo, DER. */
  publicKey: bytes().notNull(),
  /** PKCS #8, encrypted with what is derived from the configured key: another one makes it useless, and a new one is made. */
  sealed: bytes().notNull(),
  createdAt: instant().notNull(),
  /** From then on no terminal believes it. */
  retiredAt: instant(),
})

/**
 * What a device was told to decide by while it is cut off: the bytes that were signed. The newest of each device stands;
 * older ones are forgotten after a while, but for those something was decided by.
 */
export const offlineList = pgTable(
  'offline_list',
  {
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    /** 1 for the first; it only grows. */
    seq: integer().notNull(),
    /** Where the device stood, and whose bags they are. */
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    asOf: instant().notNull(),
    keyId: text()
      .notNull()
      .references(() => listKey.id),
    payload: bytes().notNull(),
    signature: bytes().notNull(),
    payloadHash: sha256().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deviceId, t.seq] }),
    index('offline_list_as_of').on(t.asOf),
    check('offline_list_seq', sql`${t.seq} > 0`),
  ],
)

/**
 * What a terminal decided while it was cut off, as it told afterwards, and what spoke against that by what is known here.
 * An observation: appended, never refused, never changed. The same identity is told once.
 */
export const offlineDecision = pgTable(
  'offline_decision',
  {
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    /** Given by the terminal. */
    id: uuid().notNull(),
    /** Where the device stood when it decided. */
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    occurredAt: instant().notNull(),
    uncertaintyMs: integer().notNull(),
    receivedAt: instant().notNull(),
    /** The list it says it went by; null where it had none. */
    listSeq: integer(),
    listHash: sha256(),
    /** As the terminal read them: nobody has asked for a PIN. */
    badge: text(),
    checker: text(),
    pseudonym: text(),
    emergency: boolean().notNull(),
    answer: text({ enum: ['GO', 'STOP', 'CALL'] }).notNull(),
    findings: jsonb().notNull(),
    scanned: text().notNull(),
    bagId: uuid().references(() => bag.id),
    /** The event by which the bag was issued; null where nothing was handed out, or it is no bag of theirs. */
    bagVersion: integer(),
    /** All that was told, and its SHA-256. */
    told: jsonb().notNull(),
    toldHash: sha256().notNull(),
    conflicts: jsonb().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deviceId, t.id] }),
    oneOf('offline_decision_answer', t.answer, ['GO', 'STOP', 'CALL']),
    check('offline_decision_list', sql`(${t.listSeq} is null) = (${t.listHash} is null)`),
    index('offline_decision_conflict').on(t.receivedAt).where(sql`conflicts <> '[]'`),
    index('offline_decision_bag').on(t.bagId),
    index('offline_decision_list_used').on(t.deviceId, t.listSeq),
  ],
)

/** What was found when a conflict was looked into. Append-only. */
export const offlineReview = pgTable(
  'offline_review',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer().notNull(),
    decisionId: uuid().notNull(),
    conclusion: text().notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    foreignKey({
      name: 'offline_review_of',
      columns: [t.deviceId, t.decisionId],
      foreignColumns: [offlineDecision.deviceId, offlineDecision.id],
    }),
    index('offline_review_decision').on(t.deviceId, t.decisionId),
  ],
)
