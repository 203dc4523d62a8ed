import { setMaxListeners } from 'node:events'
import type { Deps } from '../context.ts'
import { type Duty, leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { pause } from './try-once.ts'

export type Serving = {
  readonly duty: Duty
  /** What is served, as a log calls it. */
  readonly what: string
  /** The numbers of those that wait to be served. */
  readonly waiting: () => Promise<readonly { readonly id: number }[]>
  /** Serve one, until it waits no more or the signal ends. */
  readonly serve: (id: number, signal: AbortSignal) => Promise<void>
  /** How often to look who waits, ms. */
  readonly lookMs: number
}

/**
 * Serve all that wait, each at its own pace, in one process of all.
 *
 * @returns how to stop; what is under way then is broken off, for whoever serves next
 */
export function startServing(
  { database, log }: Pick<Deps, 'database' | 'log'>,
  { duty, what, waiting, serve, lookMs }: Serving,
): () => Promise<void> {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const report = (error: unknown) => {
    if (failureClass(error) !== 'away') log.error({ err: error }, `${what} could not be served`)
  }

  /** Side by side, until none is left. */
  async function serveAll(signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal)
    const served = new Map<number, Promise<void>>()
    while (!signal.aborted) {
      try {
        const found = await waiting()
        if (found.length === 0 && served.size === 0) return
        for (const { id } of found) {
          if (served.has(id)) continue
          const service = serve(id, signal).catch(report)
          served.set(id, service)
          void service.then(() => served.delete(id))
        }
      } catch (error) {
        report(error)
      }
      await pause(lookMs, signal)
    }
    // The lock is held until the last of them has ended.
    await Promise.all(served.values())
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        if ((await waiting()).length > 0) await leadAlone(database, duty, stop.signal, serveAll)
      } catch (error) {
        report(error)
      }
      await pause(lookMs, stop.signal)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
