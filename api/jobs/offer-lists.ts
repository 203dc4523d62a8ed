import type { Deps } from '../context.ts'
import { cnOffline } from '../policies/offline.ts'
import { leadAlone } from '../stores/leader.ts'
import { endOfNews, kindsOfNews } from '../stores/news.ts'
import type { NewsWatch } from '../stores/news-watch.ts'
import { forgetLists } from '../stores/offline-lists.ts'
import { failureClass } from '../stores/sql-state.ts'
import { type KeptBooks, offerLists } from '../usecases/offer-lists.ts'
import { pause } from './try-once.ts'

type Parts = Pick<Deps, 'database' | 'now' | 'log'> & { readonly news: NewsWatch; readonly secret: string }

/** Of these holds change: no terminal waits to be told. */
const urgentKinds: ReadonlySet<string> = new Set([
  'bag.hold_placed',
  'recall.opened',
  'recall.reached',
  'bag.discarded',
])

const forgetEveryMs = 3_600_000

/**
 * Keep the lists of all terminals that listen as they should be, in one process of all: at once where holds have changed,
 * a little later where anything else of a bag has, and every few minutes in any case. News wakes it; where it begins anew it
 * tells everybody, so that nothing it has not read is missed.
 *
 * @returns how to stop; what is under way then is finished
 */
export function startOfferingLists(
  parts: Parts,
  { takeOverMs = 2_000, lookMs = 1_000, restMs = 100 } = {},
): () => Promise<void> {
  const { database, log, news, now } = parts
  const stop = new AbortController()

  async function lead(signal: AbortSignal): Promise<void> {
    const books: KeptBooks = new Map()
    let cursor = await endOfNews(database.db)
    const changed = new Set<number>()
    let settledAt = 0
    let forgottenAt = 0
    let isEverybody = true
    while (!signal.aborted) {
      const seen = news.newest()
      const urgent = new Set<number>()
      const { told: kinds, next } = await kindsOfNews(database.db, cursor)
      cursor = next
      for (const { kind, facilityId } of kinds) {
        if (urgentKinds.has(kind)) urgent.add(facilityId)
        else if (kind.startsWith('bag.')) changed.add(facilityId)
      }
      const isSettled = now() - settledAt >= cnOffline.settleMs || now() < settledAt
      const told = { urgent, changed: isSettled ? changed : new Set<number>(), isEverybody }
      const { failed } = await offerLists(parts, told, books)
      isEverybody = false
      if (isSettled) {
        settledAt = now()
        changed.clear()
      }
      for (const [id, err] of failed) {
        log.error({ err, facilityId: id }, 'no list could be made for a facility')
        changed.add(id)
      }
      if (now() - forgottenAt >= forgetEveryMs) {
        forgottenAt = now()
        await forgetLists(database.db, forgottenAt - cnOffline.keptMs)
      }
      // To be woken by each scan of a busy hour would cost as much as the scans.
      await pause(restMs, signal)
      await news.newer(seen, { signal, withinMs: lookMs })
      if (news.stopped.aborted) return
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(database, 'offer', stop.signal, lead)
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'lists for terminals could not be made')
      }
      await pause(takeOverMs, stop.signal)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
