import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { commandKinds, replyStates } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'

/**
 * What a device is told to do. Queued until it is sent, sent until it is replied to; that it has expired is a function
 * of `expiresAt` and of the moment of asking, and not stored.
 */
export const deviceCommand = pgTable(
  'device_command',
  {
    id: uuid().primaryKey(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    /** Where the device stood when it was issued: whose news it is. */
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    kind: text({ enum: commandKinds }).notNull(),
    body: jsonb().notNull(),
    actor: jsonb().notNull(),
    issuedAt: instant().notNull(),
    /** Exclusive: from then on it is not sent, and the device does not obey. */
    expiresAt: instant().notNull(),
    /** When it was sent last, and by which of the brokers' connections. */
    sentAt: instant(),
    connection: text(),
    /** When the first reply came. */
    repliedAt: instant(),
    replyState: text({ enum: replyStates }),
    replyReason: text(),
  },
  (t) => [
    oneOf('device_command_kind', t.kind, commandKinds),
    oneOf('device_command_reply_state', t.replyState, replyStates),
    check('device_command_interval', sql`${t.issuedAt} < ${t.expiresAt}`),
    check('device_command_sent', sql`(${t.sentAt} is null) = (${t.connection} is null)`),
    check('device_command_replied', sql`(${t.repliedAt} is null) = (${t.replyState} is null)`),
    index('device_command_device').on(t.deviceId, t.issuedAt),
    index('device_command_open').on(t.deviceId, t.expiresAt).where(sql`replied_at is null`),
    index('device_command_settings').on(t.deviceId, t.issuedAt).where(sql`kind = 'configure'`),
    index('device_command_unsent').on(t.expiresAt).where(sql`sent_at is null`),
  ],
)

/** The connection a device has begun to listen on last: another process may still believe in an older one. */
export const deviceListener = pgTable('device_listener', {
  deviceId: integer()
    .primaryKey()
    .references(() => device.id),
  connection: text().notNull(),
  since: instant().notNull(),
})
