import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import { dutyDoneAt } from '../stores/duties.ts'

/** Nobody watches for alarms where nobody has looked for so long, ms. */
const blindMs = 30_000

/** What did not go out is tried again after so long at most, ms. */
const soonMs = 5_000

type Parts = Pick<Deps, 'database' | 'now' | 'log' | 'metrics'> & {
  /** Why what devices send is not stored now; null where it is. */
  readonly obstacle: () => string | null
}

/**
 * Tell an outside address that this process does its work, for as long as it does: the database answers, what devices
 * send is stored, and somebody, here or in another process, has looked for alarms lately. Whoever is there notices when
 * nothing comes. The address may be a secret, and is never logged.
 *
 * @returns how to stop
 */
export function startHeartbeat(
  parts: Parts,
  { url, everyMs }: { readonly url: string; readonly everyMs: number },
  { patienceMs = 10_000 } = {},
): () => Promise<void> {
  const { log, metrics } = parts
  const stop = new AbortController()
  let withheldFor: string | null = null

  async function beat(): Promise<boolean> {
    const reason = await troubleOf(parts, patienceMs)
    if (reason !== null) {
      metrics.heartbeats.inc({ outcome: 'withheld' })
      if (reason !== withheldFor) log.warn({ reason }, 'no heartbeat is sent')
      withheldFor = reason
      return false
    }
    withheldFor = null
    const failure = await send(url, AbortSignal.any([stop.signal, AbortSignal.timeout(patienceMs)]))
    if (stop.signal.aborted) return false
    metrics.heartbeats.inc({ outcome: failure === null ? 'sent' : 'failed' })
    if (failure !== null) log.warn({ failure }, 'a heartbeat was not taken')
    return failure === null
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const pauseMs = (await beat()) ? everyMs : Math.min(everyMs, soonMs)
      await delay(pauseMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}

/** Why this process cannot say that all is well; null where it can. */
async function troubleOf({ database, now, obstacle }: Parts, patienceMs: number): Promise<string | null> {
  const reason = obstacle()
  if (reason !== null) return reason
  const patience = new AbortController()
  try {
    const silence = delay(patienceMs, 'silent' as const, { signal: patience.signal, ref: false })
    const lookedAt = await Promise.race([dutyDoneAt(database.db, 'alarm'), silence])
    if (lookedAt === 'silent') return 'the database does not answer'
    return lookedAt !== null && now() - lookedAt <= blindMs ? null : 'nobody watches for alarms'
  } catch {
    return 'the database is away'
  } finally {
    patience.abort()
  }
}

/** One attempt: null where it was taken. No redirect is followed, and nothing of the answer is read but its status. */
async function send(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal, headers: { 'user-agent': 'hemotrail' } })
    await response.body?.cancel()
    return response.ok ? null : `it answered ${response.status}`
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: unknown } }
    return String(cause?.code ?? name)
  }
}
