import { sql } from 'drizzle-orm'
import { bigint, customType, index, integer, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core'
import { attemptOutcomes } from '../vocabulary.ts'
import { instant, oneOf, sha256 } from './columns.ts'
import { facility } from './facilities.ts'

/** The number of a transaction, as Postgres counts them; it never comes round again. */
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

/**
 * What has changed, for whoever follows: written in the transaction that changed it. In the order (xid, id), of which
 * only what is below the oldest transaction still open may be read: nothing can appear before it any more. Append-only.
 */
export const news = pgTable(
  'news',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    xid: xid8().notNull().default(sql`pg_current_xact_id()`),
    at: instant().notNull(),
    /** Such as `bag.released`. */
    kind: text().notNull(),
    subject: text().notNull(),
    /** The facilities it concerns: who sees one of them may read it. */
    facilityIds: integer().array().notNull(),
    data: jsonb().notNull(),
  },
  (t) => [index('news_order').on(t.xid, t.id)],
)

/** Where news is sent on to, signed with a secret only both ends know. */
export const webhook = pgTable('webhook', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull().unique(),
  url: text().notNull(),
  /** In clear: it signs. */
  secret: text().notNull(),
  /** For the news of one facility, or of all. */
  facilityId: integer().references(() => facility.id),
  createdAt: instant().notNull(),
  endedAt: instant(),
  /** The last news that was delivered or given up, as (xid, id). */
  cursorXid: xid8().notNull(),
  cursorId: bigint({ mode: 'number' }).notNull(),
})

/** Each attempt to deliver news to a webhook. Append-only. */
export const webhookDelivery = pgTable(
  'webhook_delivery',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    webhookId: integer()
      .notNull()
      .references(() => webhook.id),
    newsId: bigint({ mode: 'number' })
      .notNull()
      .references(() => news.id),
    attempt: integer().notNull(),
    at: instant().notNull(),
    outcome: text({ enum: attemptOutcomes }).notNull(),
    /** The HTTP status it answered; null where nothing answered. */
    status: integer(),
    error: text(),
  },
  (t) => [
    unique('webhook_delivery_attempt').on(t.webhookId, t.newsId, t.attempt),
    oneOf('webhook_delivery_outcome', t.outcome, attemptOutcomes),
  ],
)

/** What was answered to a request that named an `Idempotency-Key`, to be answered again within 24 h. */
export const answeredRequest = pgTable(
  'answered_request',
  {
    /** Who asked: the kind and id of the actor. Keys of others are others' keys. */
    caller: text().notNull(),
    /** SHA-256 of the key, base64url: the key itself opens the answer. */
    key: text().notNull(),
    /** Keyed hash (HMAC-SHA-256) of method, path with query, and body. */
    requestHash: sha256().notNull(),
    at: instant().notNull(),
    /** Null only within the transaction that answers it. */
    status: integer(),
    contentType: text(),
    /** Encrypted, with the roles of its caller before it: only who shows the key again can read it. */
    body: text(),
  },
  (t) => [unique('answered_request_key').on(t.caller, t.key), index('answered_request_at').on(t.at)],
)
