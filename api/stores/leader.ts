import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { OpenDatabase } from './database.ts'
import { dutyLocks } from './locks.ts'

/** What only one process of all does at a time, by the lock of whoever does it. */
export type Duty = keyof typeof dutyLocks

/** How long a server is waited for: to say whose the lock is, and to say goodbye, ms. */
const lockMs = 10_000
const goodbyeMs = 2_000

/**
 * Do what only one process of all on this database may do at a time, if nobody else is doing it. A server knows by a
 * lock of a connection of its own: one of the pool would be missed, and a transaction that stays open holds up the news.
 * PGlite serves one process, which is the one.
 *
 * @param work is told to end by its signal, which ends with the given one, or with the connection that holds the lock
 * @returns false where another process was at it
 */
export async function leadAlone(
  { kind, pool }: OpenDatabase,
  duty: Duty,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  if (kind === 'pglite') {
    await work(signal)
    return true
  }
  const client = new pg.Client({ ...pool.options, query_timeout: lockMs })
  const lost = new AbortController()
  const lose = () => lost.abort()
  client.on('error', lose)
  client.on('end', lose)
  signal.addEventListener('abort', lose)
  try {
    await client.connect()
    const { rows } = await client.query<{ isOurs: boolean }>('select pg_try_advisory_lock($1) as "isOurs"', [
      dutyLocks[duty],
    ])
    if (!rows[0]?.isOurs) return false
    if (!signal.aborted) await work(lost.signal)
    return true
  } finally {
    signal.removeEventListener('abort', lose)
    // One whose network has vanished would never hear the other side say goodbye.
    await Promise.race([client.end().catch(() => {}), delay(goodbyeMs, undefined, { ref: false })])
  }
}
