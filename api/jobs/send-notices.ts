import type { Deps } from '../context.ts'
import type { NoticeWords } from '../policies/notices.ts'
import {
  attemptsOfNotice,
  findWaitingNotice,
  listWaitingNotices,
  type WaitingNotice,
} from '../stores/notices.ts'
import { recordNoticeAttempt } from '../usecases/record-notice-attempt.ts'
import { postSigned } from './post-signed.ts'
import type { Mailer } from './send-mail.ts'
import { startServing } from './serve-alone.ts'
import { type Answer, type Patience, tryOnce } from './try-once.ts'

/** What is not taken by then is given up, and the next step is taken: well before its own turn. */
const usual: Patience = {
  attemptMs: 10_000,
  firstPauseMs: 1_000,
  longestPauseMs: 20_000,
  givesUpAfterMs: 90_000,
  lookMs: 1_000,
}

/** So many are under way at once, at most. */
const mostAtOnce = 1_000

type Parts = Pick<Deps, 'database' | 'now' | 'log'> & {
  /** Null where this service sends no e-mail. */
  readonly mailer: Mailer | null
  readonly tell: () => void
}

/**
 * Tell people of alarms: in one process of all, each notice by itself and at least once. What is not taken is tried again
 * for a while and then given up, which the case says.
 *
 * @returns how to stop; what is under way then is broken off, and sent again by whoever goes on
 */
export function startNotices(parts: Parts, changes: Partial<Patience> = {}): () => Promise<void> {
  const patience = { ...usual, ...changes }
  return startServing(parts, {
    duty: 'notify',
    what: 'notices',
    waiting: () => listWaitingNotices(parts.database.db, mostAtOnce),
    serve: (id, signal) => serve(parts, patience, id, signal),
    lookMs: patience.lookMs,
  })
}

async function serve(parts: Parts, patience: Patience, id: number, signal: AbortSignal): Promise<void> {
  const { database, now, log, tell } = parts
  while (!signal.aborted) {
    const notice = await findWaitingNotice(database.db, id)
    if (!notice) return
    const tried = await attemptsOfNotice(database.db, id)
    const attempt = await tryOnce(tried, patience, now, signal, (at) =>
      send(parts, patience.attemptMs, notice, at, signal),
    )
    if (!attempt) continue
    if (attempt.outcome !== 'delivered') log.warn({ notice: id, ...attempt }, 'a notice was not taken')
    await recordNoticeAttempt(parts, notice, attempt)
    if (attempt.outcome === 'given_up') tell()
  }
}

async function send(
  { mailer }: Parts,
  attemptMs: number,
  { id, channel, contact, email, url, secret, createdAt, body }: WaitingNotice,
  at: number,
  signal: AbortSignal,
): Promise<Answer> {
  const delivery = `notice-${id}`
  if (channel === 'webhook' && url !== null && secret !== null) {
    const data = { to: contact, ...(body as object) }
    const told = { at: new Date(createdAt).toISOString(), kind: 'alarm.notice', subject: delivery, data }
    return postSigned({ url, secret, delivery, body: JSON.stringify(told) }, at, attemptMs, signal)
  }
  if (!mailer || email === null)
    return { status: null, error: 'this service sends no e-mail: SMTP_URL is not set', isFinal: true }
  const { zh, en } = body as Record<'zh' | 'en', NoticeWords>
  const subject = `${zh.subject} / ${en.subject}`
  const text = `${zh.text}\n\n${en.text}\n`
  return mailer(
    { to: email, subject, text, messageId: `<${delivery}.${createdAt}@hemotrail>` },
    attemptMs,
    signal,
  )
}
