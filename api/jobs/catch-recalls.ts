import type { Deps } from '../context.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { catchUp } from '../usecases/recall.ts'
import { pause } from './try-once.ts'

/**
 * Hold what comes to belong to a recall after it was opened, in one process of all, within seconds.
 *
 * @returns how to stop; what is under way then is finished
 */
export function startCatchingRecalls(
  deps: Pick<Deps, 'database' | 'now' | 'log'> & { readonly tell: () => void },
  { everyMs = 1_000, takeOverMs = 2_000 } = {},
): () => Promise<void> {
  const { database, log, tell } = deps
  const stop = new AbortController()

  async function lead(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now()
      if ((await catchUp(deps)) > 0) tell()
      // Nurses wait for the same database: a tenth of the time at most is spent looking.
      await pause(Math.max(everyMs, 9 * (performance.now() - began)), signal)
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(database, 'recall', stop.signal, lead)
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'recalls could not be caught up with')
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
