import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { devicesToldOtherwise } from '../stores/devices.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { configureDevices } from '../usecases/configure-devices.ts'

/** Whoever begins looks at what came into force in so long, ms: devices have connected since, or are told when they do. */
const lateMs = 86_400_000

/** So many devices are looked at together. */
const atOnce = 500

/**
 * Tell devices their limits when a profile or policy that was decided on before comes into force, in one process of all.
 *
 * @returns how to stop; what is under way then is finished
 */
export function keepConfigured(
  deps: Pick<Deps, 'database' | 'now' | 'log'>,
  { everyMs = 30_000 } = {},
): () => Promise<void> {
  const { database, log, now } = deps
  const stop = new AbortController()
  const pause = (ms: number, signal: AbortSignal) =>
    delay(ms, undefined, { signal, ref: false }).catch(() => {})

  async function look(signal: AbortSignal): Promise<void> {
    let after = now() - lateMs
    while (!signal.aborted) {
      const until = now()
      const names = await devicesToldOtherwise(database.db, { after, until })
      for (let from = 0; from < names.length && !signal.aborted; from += atOnce)
        await configureDevices(deps, names.slice(from, from + atOnce))
      after = until
      await pause(everyMs, signal)
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(database, 'configure', stop.signal, look)
      } catch (error) {
        if (failureClass(error) !== 'away')
          log.error({ err: error }, 'devices could not be told their limits')
      }
      await pause(everyMs, stop.signal)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
