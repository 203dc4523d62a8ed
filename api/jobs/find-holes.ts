import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { leadAlone } from '../stores/leader.ts'
import { devicesAfter, rememberHoles } from '../stores/sequence-holes.ts'
import { failureClass } from '../stores/sql-state.ts'

/** So many devices are looked at in one transaction; after each the others have the database for so many times as long. */
const devicesAtOnce = 100
const restsTimes = 3

/**
 * Look for numbers of messages that never came, again and again, in one process of all.
 *
 * @returns how to stop; the transaction under way then is finished
 */
export function startFindingHoles(
  { database, log }: Pick<Deps, 'database' | 'log'>,
  { everyMs = 600_000 } = {},
): () => Promise<void> {
  const stop = new AbortController()
  const pause = (ms: number, signal: AbortSignal) =>
    delay(ms, undefined, { signal, ref: false }).catch(() => {})

  async function look(signal: AbortSignal): Promise<void> {
    let after = 0
    while (!signal.aborted) {
      const ids = await devicesAfter(database.db, after, devicesAtOnce)
      if (ids.length === 0) return
      const begun = performance.now()
      // What is remembered and how far it reaches must be of one moment.
      const isMore = await database.db.transaction((tx) => rememberHoles(tx, ids), {
        isolationLevel: 'repeatable read',
      })
      if (!isMore) after = ids.at(-1) as number
      await pause((performance.now() - begun) * restsTimes, signal)
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await pause(everyMs, stop.signal)
      if (stop.signal.aborted) return
      try {
        await leadAlone(database, 'holes', stop.signal, look)
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'holes could not be looked for')
      }
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
