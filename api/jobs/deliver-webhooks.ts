import type { Deps } from '../context.ts'
import { type Cursor, cursorText, type News, newsText, readNews } from '../stores/news.ts'
import type { NewsWatch } from '../stores/news-watch.ts'
import {
  type Addressee,
  attemptsOf,
  findAddressee,
  listAddressees,
  recordAttempt,
} from '../stores/webhooks.ts'
import { postSigned } from './post-signed.ts'
import { startServing } from './serve-alone.ts'
import { type Patience, tryOnce } from './try-once.ts'

const usual: Patience = {
  attemptMs: 10_000,
  firstPauseMs: 1_000,
  longestPauseMs: 3_600_000,
  givesUpAfterMs: 86_400_000,
  lookMs: 1_000,
}

type Parts = Pick<Deps, 'database' | 'now' | 'log'> & { readonly news: NewsWatch }

/**
 * Send news on to webhooks: in one process of all, each webhook at its own pace, each piece of news in order and at
 * least once. What is not taken is tried again, and holds up what follows it, until it is given up.
 *
 * @returns how to stop; what is under way then is broken off, and sent again by whoever delivers next
 */
export function startDeliveries(parts: Parts, changes: Partial<Patience> = {}): () => Promise<void> {
  const patience = { ...usual, ...changes }
  return startServing(parts, {
    duty: 'deliver',
    what: 'webhooks',
    waiting: () => listAddressees(parts.database.db),
    serve: (id, signal) => serve(parts, patience, id, signal),
    lookMs: patience.lookMs,
  })
}

async function serve(parts: Parts, patience: Patience, id: number, signal: AbortSignal): Promise<void> {
  const { database, news } = parts
  // Where the rest was news for others: it need not be read again.
  let read: { readonly from: string; readonly to: Cursor } | undefined
  while (!signal.aborted) {
    const seen = news.newest()
    const addressee = await findAddressee(database.db, id)
    if (!addressee) return
    const from = cursorText(addressee.cursor)
    const { items, next } = await readNews(database.db, {
      after: read?.from === from ? read.to : addressee.cursor,
      reach: addressee.facilityId === null ? 'all' : new Set([addressee.facilityId]),
      limit: 1,
    })
    const [item] = items
    if (item) await deliver(parts, patience, addressee, item, signal)
    else {
      read = { from, to: next }
      await news.newer(seen, { signal })
      if (news.stopped.aborted) return
    }
  }
}

/** Try once, if it is time; else wait. */
async function deliver(
  { database: { db }, now, log }: Parts,
  patience: Patience,
  addressee: Addressee,
  item: News,
  signal: AbortSignal,
): Promise<void> {
  const { name, url, secret } = addressee
  const delivery = cursorText(item.cursor)
  const tried = await attemptsOf(db, addressee, item)
  const attempt = await tryOnce(tried, patience, now, signal, (at) =>
    postSigned({ url, secret, delivery, body: newsText(item) }, at, patience.attemptMs, signal),
  )
  if (!attempt) return
  if (attempt.outcome !== 'delivered')
    log.warn({ webhook: name, delivery, ...attempt }, 'a webhook did not take its news')
  await recordAttempt(db, addressee, item, attempt)
}
