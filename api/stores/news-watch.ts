import type { Log } from '../context.ts'
import type { OpenDatabase } from './database.ts'
import { cursorText, newestNews } from './news.ts'
import { onNews, signalNews } from './signals.ts'
import { failureClass } from './sql-state.ts'

/** Wakes the readers of news in this process. It only wakes: the rows are the truth. */
export type NewsWatch = {
  /** How long a reader waits at most, ms. */
  readonly pulseMs: number
  /** Aborted when it is closed: readers must end. */
  readonly stopped: AbortSignal
  /** The newest news seen here, to wait from: read it before reading news. */
  newest(): string
  /** Wait for something newer, for `pulseMs` or `withinMs` at most; the end of either signal ends it too. */
  newer(seen: string, options?: { readonly signal?: AbortSignal; readonly withinMs?: number }): Promise<void>
  /** Something was committed here that may be news: readers look, those of other processes a moment later. */
  nudge(): void
  close(): Promise<void>
}

/** How long a notification waits for others to speak for, ms. */
const nudgeMs = 20

export type NewsWatchOptions = {
  readonly log: Log
  readonly pollMs?: number
  readonly pulseMs?: number
}

/**
 * One look for all who wait, at every NOTIFY and every second: news may be committed long before it can be read, while
 * an older transaction is open, and the end of that one notifies nobody. Nothing is asked while nobody waits.
 */
export function createNewsWatch(
  database: OpenDatabase,
  { log, pollMs = 1_000, pulseMs = 15_000 }: NewsWatchOptions,
): NewsWatch {
  const stopping = new AbortController()
  const waiting = new Set<() => void>()
  let newest = ''
  let isStale = true
  let isLooking = false
  let nudging: NodeJS.Timeout | undefined
  let listening: Promise<() => Promise<void>> | undefined

  async function look(): Promise<void> {
    isStale = true
    if (isLooking) return
    isLooking = true
    try {
      while (isStale && waiting.size > 0) {
        isStale = false
        const found = await newestNews(database.db)
        const text = found ? cursorText(found) : ''
        if (text === newest) continue
        newest = text
        for (const wake of [...waiting]) wake()
      }
    } catch (error) {
      isStale = true
      if (failureClass(error) !== 'away') log.error({ err: error }, 'looking for news failed')
    } finally {
      isLooking = false
    }
  }

  function listen(): void {
    listening ??= onNews(database, () => void look())
    // Without it the look of every second is all there is; whoever waits next tries again.
    listening.catch(() => {
      listening = undefined
    })
  }

  function nudge(): void {
    if (waiting.size > 0) void look()
    // One notification speaks for all that is committed meanwhile.
    nudging ??= setTimeout(() => {
      nudging = undefined
      signalNews(database.db).catch((error) => {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'telling of news failed')
      })
    }, nudgeMs)
  }

  const poll = setInterval(() => void look(), pollMs)
  poll.unref()

  return {
    pulseMs,
    stopped: stopping.signal,
    newest: () => newest,
    nudge,
    async newer(seen, { signal, withinMs = pulseMs } = {}) {
      if (newest !== seen || signal?.aborted || stopping.signal.aborted) return
      listen()
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', done)
          waiting.delete(done)
          resolve()
        }
        const timer = setTimeout(done, withinMs)
        signal?.addEventListener('abort', done)
        waiting.add(done)
        if (isStale) void look()
      })
    },
    async close() {
      stopping.abort()
      clearInterval(poll)
      clearTimeout(nudging)
      for (const wake of [...waiting]) wake()
      const stop = await listening?.catch(() => undefined)
      await stop?.()
    },
  }
}
