import { createHmac } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { leadAlone } from '../stores/leader.ts'
import { type Cursor, cursorText, type News, newsText, readNews } from '../stores/news.ts'
import type { NewsWatch } from '../stores/news-watch.ts'
import { failureClass } from '../stores/sql-state.ts'
import {
  type Addressee,
  type Attempt,
  attemptsOf,
  findAddressee,
  listAddressees,
  recordAttempt,
} from '../stores/webhooks.ts'
import { checkWebhookUrl, guardedLookup } from '../usecases/webhook-address.ts'

export type Patience = {
  /** How long one attempt may take, ms. */
  readonly attemptMs: number
  /** The pause after the first attempt; it doubles with each, up to the longest. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** Since the first attempt; the attempt that fails after it is the last. */
  readonly givesUpAfterMs: number
  /** How often to look for new webhooks, and whether the process that delivers has gone. */
  readonly lookMs: number
}

const usual: Patience = {
  attemptMs: 10_000,
  firstPauseMs: 1_000,
  longestPauseMs: 3_600_000,
  givesUpAfterMs: 86_400_000,
  lookMs: 1_000,
}

/** Nobody sleeps longer without looking whether the webhook has ended or the clock was set. */
const longestSleepMs = 60_000

type Parts = Pick<Deps, 'database' | 'now' | 'log'> & { readonly news: NewsWatch }

/**
 * Send news on to webhooks: in one process of all, each webhook at its own pace, each piece of news in order and at
 * least once. What is not taken is tried again, and holds up what follows it, until it is given up.
 *
 * @returns how to stop; what is under way then is broken off, and sent again by whoever delivers next
 */
export function startDeliveries(parts: Parts, changes: Partial<Patience> = {}): () => Promise<void> {
  const { database, log } = parts
  const patience = { ...usual, ...changes }
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const waiting = await listAddressees(database.db)
        if (waiting.length > 0)
          await leadAlone(database, 'deliver', stop.signal, (signal) => serveAll(parts, patience, signal))
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'webhooks could not be served')
      }
      await pause(patience.lookMs, stop.signal)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}

/** Serve every webhook side by side until none is left. */
async function serveAll(parts: Parts, patience: Patience, signal: AbortSignal): Promise<void> {
  const { database, log } = parts
  setMaxListeners(0, signal)
  const served = new Map<number, Promise<void>>()
  const report = (error: unknown) => {
    if (failureClass(error) !== 'away') log.error({ err: error }, 'a webhook could not be served')
  }
  while (!signal.aborted) {
    try {
      const waiting = await listAddressees(database.db)
      if (waiting.length === 0 && served.size === 0) return
      for (const { id } of waiting) {
        if (served.has(id)) continue
        const service = serve(parts, patience, id, signal).catch(report)
        served.set(id, service)
        void service.then(() => served.delete(id))
      }
    } catch (error) {
      report(error)
    }
    await pause(patience.lookMs, signal)
  }
  // The lock is held until the last of them has ended.
  await Promise.all(served.values())
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
  { attemptMs, firstPauseMs, longestPauseMs, givesUpAfterMs }: Patience,
  addressee: Addressee,
  item: News,
  signal: AbortSignal,
): Promise<void> {
  const tried = await attemptsOf(db, addressee, item)
  if (tried) {
    const pauseMs = Math.min(firstPauseMs * 2 ** (tried.count - 1), longestPauseMs)
    const leftMs = tried.lastAt + pauseMs - now()
    if (leftMs > 0) return pause(Math.min(leftMs, longestSleepMs), signal)
  }
  const at = now()
  const answer = await post(addressee, item, at, attemptMs, signal)
  if (signal.aborted) return
  const isTaken = answer.error === null
  const isLast = tried !== null && at - tried.firstAt >= givesUpAfterMs
  const outcome = isTaken ? 'delivered' : isLast ? 'given_up' : 'failed'
  const attempt = (tried?.count ?? 0) + 1
  if (!isTaken)
    log.warn(
      { webhook: addressee.name, delivery: cursorText(item.cursor), attempt, outcome, ...answer },
      'a webhook did not take its news',
    )
  await recordAttempt(db, addressee, item, { attempt, at, outcome, ...answer })
}

type Answer = Required<Pick<Attempt, 'status' | 'error'>>

/** One attempt. Of the answer only the status is wanted: the rest is not read. */
function post(
  { url: text, secret }: Addressee,
  item: News,
  at: number,
  attemptMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const body = newsText(item)
  const timestamp = new Date(at).toISOString()
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return new Promise((resolve) => {
    const fail = ({ message, name, code }: NodeJS.ErrnoException) =>
      resolve({ status: null, error: (message || code || name).slice(0, 500) })
    try {
      const url = checkWebhookUrl(text)
      const { request } = url.protocol === 'https:' ? https : http
      const asked = request(url, {
        method: 'POST',
        agent: false,
        lookup: guardedLookup(url),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'hemotrail',
          'hemotrail-delivery': cursorText(item.cursor),
          'hemotrail-timestamp': timestamp,
          'hemotrail-signature': `v1=${signature}`,
        },
      })
      const giveUp = () => asked.destroy(new Error('the service stopped'))
      const impatience = setTimeout(
        () => asked.destroy(new Error(`no answer within ${attemptMs / 1_000} s`)),
        attemptMs,
      )
      signal.addEventListener('abort', giveUp)
      asked.on('close', () => {
        clearTimeout(impatience)
        signal.removeEventListener('abort', giveUp)
      })
      asked.on('error', fail)
      asked.on('response', (response) => {
        const status = response.statusCode ?? 0
        const isTaken = status >= 200 && status < 300
        resolve({ status, error: isTaken ? null : `it answered ${status}` })
        response.destroy()
      })
      asked.end(body)
    } catch (error) {
      fail(error as Error)
    }
  })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
