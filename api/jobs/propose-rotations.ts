import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { openPlanner } from '../planner.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { proposeDailyRotation } from '../usecases/propose-rotation.ts'

/** What could not be reckoned once is not tried again at once: it may have taken very long. */
const restMs = 6 * 3_600_000

/**
 * Propose each day's rotation, in one process of all, in a thread of its own: whoever bleeds meanwhile need not wait for it.
 *
 * @returns how to stop; what is being reckoned then is broken off, for whoever is at it next
 */
export function startProposingRotations(
  { tell, ...parts }: Pick<Deps, 'database' | 'now' | 'log' | 'travel'> & { readonly tell: () => void },
  { everyMs = 300_000 } = {},
): () => Promise<void> {
  const { database, log } = parts
  const stop = new AbortController()
  const pause = (ms: number) => delay(ms, undefined, { signal: stop.signal, ref: false }).catch(() => {})

  async function propose(signal: AbortSignal): Promise<void> {
    const planner = openPlanner()
    const breakOff = () => void planner.breakOff()
    signal.addEventListener('abort', breakOff)
    const rotate: typeof planner.rotate = async (problem) => {
      signal.throwIfAborted()
      return planner.rotate(problem)
    }
    try {
      const bags = await proposeDailyRotation({ ...parts, rotate })
      if (bags === null) return
      log.info({ bags }, 'a rotation of blood near its expiry was proposed')
      tell()
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', breakOff)
      await planner.close()
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      let pauseMs = everyMs
      try {
        await leadAlone(database, 'rotate', stop.signal, propose)
      } catch (error) {
        if (failureClass(error) !== 'away') {
          log.error({ err: error }, 'no rotation could be proposed')
          pauseMs = restMs
        }
      }
      await pause(pauseMs)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
