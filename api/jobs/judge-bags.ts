import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { judgeDue, noticeSilence } from '../usecases/judge-due.ts'

/** How often to look for devices that fell silent, ms. */
const silenceEveryMs = 30_000

/**
 * Judge bags again as soon as there is reason to, in one process of all.
 *
 * @returns how to stop; the bag being judged then is finished
 */
export function startJudging(
  deps: Pick<Deps, 'database' | 'now' | 'log'> & { readonly tell: () => void },
  { everyMs = 1_000, takeOverMs = 2_000 } = {},
): () => Promise<void> {
  const { database, log, tell } = deps
  const stop = new AbortController()
  const pause = (ms: number, signal: AbortSignal) =>
    delay(ms, undefined, { signal, ref: false }).catch(() => {})

  async function lead(signal: AbortSignal): Promise<void> {
    let silent: ReadonlyMap<number, string> = new Map()
    let lookedAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      if (performance.now() - lookedAt > silenceEveryMs) {
        silent = await noticeSilence(deps, silent)
        lookedAt = performance.now()
      }
      // Nurses and devices wait for the same processor and the same database: half of the time is theirs alone.
      const { judged, told } = await judgeDue(deps, signal, (tookMs) => pause(tookMs, signal))
      if (told > 0) tell()
      if (judged === 0) await pause(everyMs, signal)
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(database, 'judge', stop.signal, lead)
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'bags could not be judged')
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
