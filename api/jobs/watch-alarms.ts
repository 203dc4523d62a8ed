import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { recordDuty } from '../stores/duties.ts'
import { leadAlone } from '../stores/leader.ts'
import { failureClass } from '../stores/sql-state.ts'
import { createFaultWatch } from '../usecases/derive-faults.ts'
import { explainAlarms } from '../usecases/explain-alarms.ts'
import { createForesight } from '../usecases/foresee.ts'
import { watchAlarms } from '../usecases/watch-alarms.ts'

/** Whoever begins to watch looks at what became known in so long, ms; and then again only at what may have come since. */
const lateMs = 86_400_000
const overlapMs = 60_000

/** A process that could not look for so long is as new to what it sees as one that has just started, ms. */
const blindMs = 30_000

/** The other processes are told so often that it looks, ms. */
const tellsMs = 5_000

/**
 * Watch for alarms in one process of all, every second. What could not be heard is no silence: it is counted from when
 * this process began, or could look again.
 *
 * @returns how to stop; the look under way then is finished
 */
export function startAlarmWatch(
  deps: Pick<Deps, 'database' | 'now' | 'log'> & { readonly tell: () => void },
  { everyMs = 1_000, takeOverMs = 2_000 } = {},
): () => Promise<void> {
  const { database, log, now, tell } = deps
  const stop = new AbortController()
  const pause = (ms: number, signal: AbortSignal) =>
    delay(ms, undefined, { signal, ref: false }).catch(() => {})
  let readySince = now()
  let lookedAt = now()
  let since = now() - lateMs
  let isExplained = false
  const lookedAtEnded = new Map<number, number>()
  let foresight = createForesight(deps)
  let faults = createFaultWatch(deps)
  let toldAt = Number.NEGATIVE_INFINITY

  async function look(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (now() - lookedAt > blindMs) readySince = now()
      const begun = now()
      const told = await watchAlarms(deps, {
        readySince,
        since,
        foreseen: foresight.found(),
        lookedAt: lookedAtEnded,
      })
      if (told > 0) tell()
      since = begun - overlapMs
      lookedAt = now()
      // Only once all are paged is it asked what comes, and why.
      await foresight.look()
      await faults.look()
      if (told > 0 || !isExplained) {
        const explained = await explainAlarms(deps)
        if (explained > 0) tell()
        isExplained = explained === 0
      }
      if (Math.abs(lookedAt - toldAt) >= tellsMs) {
        await recordDuty(database.db, 'alarm', lookedAt)
        toldAt = lookedAt
      }
      await pause(everyMs, signal)
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const isLeader = await leadAlone(database, 'alarm', stop.signal, look)
        // Another process watches: this one could, too.
        if (!isLeader) lookedAt = now()
        since = now() - lateMs
        isExplained = false
        foresight = createForesight(deps)
        faults = createFaultWatch(deps)
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'alarms could not be watched')
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
