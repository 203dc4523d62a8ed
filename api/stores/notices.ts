import { and, asc, eq, inArray, isNull, max, min, sql } from 'drizzle-orm'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { device } from '../../schema/tables/devices.ts'
import { contact, notice, noticeAttempt, noticeCase } from '../../schema/tables/notices.ts'
import type { AttemptOutcome, EscalationStep, NoticeChannel } from '../../schema/vocabulary.ts'
import type { NamedCase } from './alarms.ts'
import type { Database, Transaction } from './database.ts'
import { insertRows } from './rows.ts'

/** One person to be told of cases, in one way. */
export type NewNotice = {
  readonly caseIds: readonly number[]
  readonly contactId: number
  readonly channel: NoticeChannel
  readonly step: EscalationStep
  readonly ordinal: number
  readonly pagedFrom: number
  readonly body: object
}

/** Write down who is to be told, in the transaction that takes the step. Its event is its audit entry. */
export async function insertNotices(tx: Transaction, rows: readonly NewNotice[], now: number): Promise<void> {
  if (rows.length === 0) return
  const added = await tx
    .insert(notice)
    .values(rows.map(({ caseIds: _, ...row }) => ({ ...row, createdAt: now })))
    .returning({ id: notice.id })
  // What is inserted by VALUES is returned in their order.
  const links = added.flatMap(({ id }, n) =>
    (rows[n]?.caseIds ?? []).map((caseId) => ({ noticeId: id, caseId })),
  )
  await insertRows(tx, noticeCase, links)
}

/** The open cases of which nobody could be told at the step that was taken last. */
export async function unheardCases(tx: Transaction): Promise<ReadonlySet<number>> {
  const rows = await tx
    .select({ id: alarmCase.id })
    .from(alarmCase)
    .innerJoin(noticeCase, eq(noticeCase.caseId, alarmCase.id))
    .innerJoin(
      notice,
      and(
        eq(notice.id, noticeCase.noticeId),
        eq(notice.pagedFrom, alarmCase.pagedFrom),
        eq(notice.ordinal, alarmCase.steps),
      ),
    )
    .where(and(isNull(alarmCase.closedAt), isNull(alarmCase.acknowledgedAt)))
    .groupBy(alarmCase.id)
    .having(sql`bool_and(${notice.isDelivered} is not distinct from false)`)
  return new Set(rows.map(({ id }) => id))
}

/** The notices that were neither delivered nor given up, the oldest first. */
export async function listWaitingNotices(db: Database, limit: number): Promise<{ readonly id: number }[]> {
  return db
    .select({ id: notice.id })
    .from(notice)
    .where(isNull(notice.isDelivered))
    .orderBy(asc(notice.id))
    .limit(limit)
}

/** What is to be said to whom, and where. */
export type WaitingNotice = {
  readonly id: number
  readonly channel: NoticeChannel
  readonly createdAt: number
  readonly body: unknown
  readonly contact: string
  readonly email: string | null
  readonly url: string | null
  readonly secret: string | null
}

/** Null where it waits no more. */
export async function findWaitingNotice(db: Database, id: number): Promise<WaitingNotice | null> {
  const { channel, createdAt, body } = notice
  const { name, email, url, secret } = contact
  const [found] = await db
    .select({ id: notice.id, channel, createdAt, body, contact: name, email, url, secret })
    .from(notice)
    .innerJoin(contact, eq(contact.id, notice.contactId))
    .where(and(eq(notice.id, id), isNull(notice.isDelivered)))
  return found ?? null
}

export type NoticeAttempt = Omit<typeof noticeAttempt.$inferInsert, 'noticeId'>

/** What was tried so far; null where nothing was. */
export async function attemptsOfNotice(
  db: Database,
  id: number,
): Promise<{ readonly count: number; readonly firstAt: number; readonly lastAt: number } | null> {
  const [found] = await db
    .select({
      count: max(noticeAttempt.attempt),
      firstAt: min(noticeAttempt.at),
      lastAt: max(noticeAttempt.at),
    })
    .from(noticeAttempt)
    .where(eq(noticeAttempt.noticeId, id))
  if (!found || found.count === null || found.firstAt === null || found.lastAt === null) return null
  return { count: found.count, firstAt: found.firstAt, lastAt: found.lastAt }
}

/**
 * Log an attempt, which is its own audit entry. Where another process was first with the same attempt its word stands.
 *
 * @returns whether it was logged
 */
export async function insertNoticeAttempt(
  tx: Transaction,
  id: number,
  attempt: NoticeAttempt,
): Promise<boolean> {
  const added = await tx
    .insert(noticeAttempt)
    .values({ ...attempt, noticeId: id })
    .onConflictDoNothing()
    .returning({ attempt: noticeAttempt.attempt })
  if (added.length === 0) return false
  if (attempt.outcome !== 'failed')
    await tx
      .update(notice)
      .set({ isDelivered: attempt.outcome === 'delivered' })
      .where(eq(notice.id, id))
  return true
}

/** The cases a notice is about. */
export async function casesOfNotice(tx: Transaction, id: number): Promise<NamedCase[]> {
  const rows = await tx
    .select({ case: alarmCase, device: device.name })
    .from(noticeCase)
    .innerJoin(alarmCase, eq(alarmCase.id, noticeCase.caseId))
    .leftJoin(device, eq(device.id, alarmCase.deviceId))
    .where(eq(noticeCase.noticeId, id))
    .orderBy(asc(alarmCase.id))
  return rows.map(({ case: row, device }) => ({ ...row, device }))
}

export type ShownNotice = {
  readonly id: number
  readonly contact: string
  readonly channel: NoticeChannel
  readonly step: EscalationStep
  readonly createdAt: number
  readonly isDelivered: boolean | null
  readonly attempts: readonly {
    readonly attempt: number
    readonly at: number
    readonly outcome: AttemptOutcome
    readonly status: number | null
    readonly error: string | null
  }[]
}

/** Who was told of a case, oldest first, and every attempt to. */
export async function noticesOfCase(db: Database, caseId: number, limit: number): Promise<ShownNotice[]> {
  const { id, channel, step, createdAt, isDelivered } = notice
  const notices = await db
    .select({ id, contact: contact.name, channel, step, createdAt, isDelivered })
    .from(noticeCase)
    .innerJoin(notice, eq(notice.id, noticeCase.noticeId))
    .innerJoin(contact, eq(contact.id, notice.contactId))
    .where(eq(noticeCase.caseId, caseId))
    .orderBy(asc(notice.id))
    .limit(limit)
  const ids = notices.map(({ id }) => id)
  const attempts =
    ids.length === 0
      ? []
      : await db
          .select()
          .from(noticeAttempt)
          .where(inArray(noticeAttempt.noticeId, ids))
          .orderBy(asc(noticeAttempt.noticeId), asc(noticeAttempt.attempt))
  return notices.map((row) => ({
    ...row,
    attempts: attempts
      .filter(({ noticeId }) => noticeId === row.id)
      .map(({ noticeId: _, ...attempt }) => attempt),
  }))
}
