import type { Deps } from '../context.ts'
import { appendAlarmEvents } from '../stores/alarms.ts'
import {
  casesOfNotice,
  insertNoticeAttempt,
  type NoticeAttempt,
  type WaitingNotice,
} from '../stores/notices.ts'

const notifier = { kind: 'job', id: 'notices' } as const

/** Write down an attempt to tell somebody; where it was the last, and in vain, say so on the cases it was about. */
export async function recordNoticeAttempt(
  { database }: Pick<Deps, 'database'>,
  { id, contact, channel }: Pick<WaitingNotice, 'id' | 'contact' | 'channel'>,
  attempt: NoticeAttempt,
): Promise<void> {
  await database.db.transaction(async (tx) => {
    const isLogged = await insertNoticeAttempt(tx, id, attempt)
    if (!isLogged || attempt.outcome !== 'given_up') return
    const cases = await casesOfNotice(tx, id)
    const data = { contact, channel, error: attempt.error ?? null }
    await appendAlarmEvents(
      tx,
      notifier,
      cases.map((of) => ({ of, verb: 'undelivered', data })),
      attempt.at,
    )
  })
}
