import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { packHours } from '../usecases/pack-hours.ts'

/** After each transaction the others have the database to themselves for this many times as long. */
const restsTimes = 3

/**
 * Pack the readings of hours that are over, again and again, in one process of all.
 *
 * @returns how to stop; the transaction under way then is finished
 */
export function startPacking(
  deps: Pick<Deps, 'database' | 'now' | 'log'>,
  { everyMs = 600_000 } = {},
): () => Promise<void> {
  const { database, log } = deps
  const stop = new AbortController()
  const pause = (ms: number, signal: AbortSignal) =>
    delay(ms, undefined, { signal, ref: false }).catch(() => {})

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await pause(everyMs, stop.signal)
      if (stop.signal.aborted) return
      try {
        await leadAlone(database, 'pack', stop.signal, async (signal) => {
          const packed = await packHours(deps, signal, (tookMs) => pause(tookMs * restsTimes, signal))
          if (packed > 0) log.info({ readings: packed }, 'readings of hours that are over were packed')
        })
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'readings could not be packed')
      }
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
