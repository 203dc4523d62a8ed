import { and, asc, desc, eq, isNull, lt, max, min, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { news, webhook, webhookDelivery } from '../../schema/tables/news.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { type Cursor, endOfNews, type News } from './news.ts'
import { newSecret } from './secrets.ts'

export type Webhook = {
  readonly id: number
  readonly name: string
  readonly url: string
  readonly facilityId: number | null
  readonly facility: string | null
  readonly createdAt: number
  readonly endedAt: number | null
}

const columns = {
  id: webhook.id,
  name: webhook.name,
  url: webhook.url,
  facilityId: webhook.facilityId,
  facility: facility.code,
  createdAt: webhook.createdAt,
  endedAt: webhook.endedAt,
}

export async function listWebhooks(db: Database): Promise<Webhook[]> {
  return db
    .select(columns)
    .from(webhook)
    .leftJoin(facility, eq(facility.id, webhook.facilityId))
    .orderBy(asc(webhook.name))
}

export const noWebhook = (name: string) => `no webhook is named ${name}`

/** @throws Refusal `not_found` */
export async function findWebhook(db: Database | Transaction, name: string): Promise<Webhook> {
  const [found] = await db
    .select(columns)
    .from(webhook)
    .leftJoin(facility, eq(facility.id, webhook.facilityId))
    .where(eq(webhook.name, name))
  if (!found) throw new Refusal('not_found', noWebhook(name))
  return found
}

/** It is told what comes from now on. @returns the secret, told this once. @throws Refusal `already_exists` */
export async function insertWebhook(
  tx: Transaction,
  actor: Actor,
  input: Pick<Webhook, 'name' | 'url' | 'facilityId'>,
  now: number,
): Promise<string> {
  const { secret } = newSecret()
  const { xid, id } = await endOfNews(tx)
  const added = await tx
    .insert(webhook)
    .values({ ...input, secret, createdAt: now, cursorXid: xid, cursorId: id })
    .onConflictDoNothing()
    .returning({ id: webhook.id })
  if (added.length === 0) throw new Refusal('already_exists', `a webhook is named ${input.name} already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'webhook.created',
    subjectKind: 'webhook',
    subject: input.name,
    after: { url: input.url, facilityId: input.facilityId },
  })
  return secret
}

/** @throws Refusal `conflict` where it has ended already */
export async function endWebhook(
  tx: Transaction,
  actor: Actor,
  name: string,
  reason: string,
  now: number,
): Promise<void> {
  const ended = await tx
    .update(webhook)
    .set({ endedAt: now })
    .where(and(eq(webhook.name, name), isNull(webhook.endedAt)))
    .returning({ id: webhook.id })
  if (ended.length === 0) throw new Refusal('conflict', `the webhook ${name} has ended already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'webhook.ended',
    subjectKind: 'webhook',
    subject: name,
    reason,
  })
}

/** Where to deliver, from where on, and what to sign with. */
export type Addressee = Pick<Webhook, 'id' | 'name' | 'url' | 'facilityId'> & {
  readonly secret: string
  readonly cursor: Cursor
}

/** The webhooks that have not ended. */
export async function listAddressees(db: Database): Promise<readonly Pick<Webhook, 'id'>[]> {
  return db.select({ id: webhook.id }).from(webhook).where(isNull(webhook.endedAt))
}

/** Null where it has ended. */
export async function findAddressee(db: Database, id: number): Promise<Addressee | null> {
  const [found] = await db
    .select({
      id: webhook.id,
      name: webhook.name,
      url: webhook.url,
      facilityId: webhook.facilityId,
      secret: webhook.secret,
      cursor: { xid: webhook.cursorXid, id: webhook.cursorId },
    })
    .from(webhook)
    .where(and(eq(webhook.id, id), isNull(webhook.endedAt)))
  return found ?? null
}

export type Attempt = Omit<typeof webhookDelivery.$inferInsert, 'id' | 'webhookId' | 'newsId'>

/** What was tried so far; null where nothing was. */
export async function attemptsOf(
  db: Database,
  { id }: Pick<Addressee, 'id'>,
  { cursor }: Pick<News, 'cursor'>,
): Promise<{ readonly count: number; readonly firstAt: number; readonly lastAt: number } | null> {
  const [found] = await db
    .select({
      count: max(webhookDelivery.attempt),
      firstAt: min(webhookDelivery.at),
      lastAt: max(webhookDelivery.at),
    })
    .from(webhookDelivery)
    .where(and(eq(webhookDelivery.webhookId, id), eq(webhookDelivery.newsId, cursor.id)))
  if (!found || found.count === null || found.firstAt === null || found.lastAt === null) return null
  return { count: found.count, firstAt: found.firstAt, lastAt: found.lastAt }
}

/**
 * Log an attempt, which is its own audit entry, and go on to the next news unless this one is to be tried again. Where
 * another process was first with the same attempt its word stands.
 */
export async function recordAttempt(
  db: Database,
  { id }: Pick<Addressee, 'id'>,
  { cursor }: Pick<News, 'cursor'>,
  attempt: Attempt,
): Promise<void> {
  await db.transaction(async (tx) => {
    const added = await tx
      .insert(webhookDelivery)
      .values({ ...attempt, webhookId: id, newsId: cursor.id })
      .onConflictDoNothing()
      .returning({ id: webhookDelivery.id })
    if (added.length === 0 || attempt.outcome === 'failed') return
    await tx
      .update(webhook)
      .set({ cursorXid: cursor.xid, cursorId: cursor.id })
      .where(
        and(
          eq(webhook.id, id),
          sql`(${webhook.cursorXid}, ${webhook.cursorId}) < (${cursor.xid}::xid8, ${cursor.id}::bigint)`,
        ),
      )
  })
}

export type Delivery = Attempt & {
  readonly number: number
  readonly cursor: Cursor
  readonly kind: string
  readonly subject: string
}

/** The log of a webhook, newest first. */
export async function listDeliveries(
  db: Database,
  { id }: Pick<Webhook, 'id'>,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<Delivery[]> {
  return db
    .select({
      number: webhookDelivery.id,
      cursor: { xid: news.xid, id: news.id },
      kind: news.kind,
      subject: news.subject,
      attempt: webhookDelivery.attempt,
      at: webhookDelivery.at,
      outcome: webhookDelivery.outcome,
      status: webhookDelivery.status,
      error: webhookDelivery.error,
    })
    .from(webhookDelivery)
    .innerJoin(news, eq(news.id, webhookDelivery.newsId))
    .where(
      and(
        eq(webhookDelivery.webhookId, id),
        before === undefined ? undefined : lt(webhookDelivery.id, before),
      ),
    )
    .orderBy(desc(webhookDelivery.id))
    .limit(limit)
}
