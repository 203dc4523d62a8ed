import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { noticeExpired } from '../stores/expiry.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'

const actor: Actor = { kind: 'job', id: 'expiry' }

/** So many bags in one transaction: a device or a nurse waits no longer for it than for another's. */
const bagsAtOnce = 200

type Parts = Pick<Deps, 'database' | 'now' | 'log'>

/** Write down of all bags on a shelf that have expired that they have. @returns of how many */
export async function noticeAllExpired(
  { database, now }: Omit<Parts, 'log'>,
  signal?: AbortSignal,
): Promise<number> {
  let noticed = 0
  while (!signal?.aborted) {
    const more = await database.db.transaction((tx) => noticeExpired(tx, actor, now(), bagsAtOnce))
    noticed += more
    if (more < bagsAtOnce) break
  }
  return noticed
}

/**
 * Notice what has expired, every minute, in one process of all. Nothing hangs on it: whether a bag has expired is asked of
 * the clock wherever it matters.
 *
 * @returns how to stop; the transaction under way then is finished
 */
export function startNoticingExpiry(
  { tell, ...parts }: Parts & { readonly tell: () => void },
  { everyMs = 60_000 } = {},
): () => Promise<void> {
  const stop = new AbortController()
  const pause = () => delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(parts.database, 'expire', stop.signal, async (signal) => {
          if ((await noticeAllExpired(parts, signal)) > 0) tell()
        })
      } catch (error) {
        if (failureClass(error) !== 'away')
          parts.log.error({ err: error }, 'expired bags could not be noticed')
      }
      await pause()
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
