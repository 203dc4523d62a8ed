import type pg from 'pg'
import type { Log } from '../context.ts'

/** What a server's autovacuum would take up, by the same thresholds. */
const worn = `
  select format('vacuum (analyze) %I.%I', s.schemaname, s.relname) as command
  from pg_stat_user_tables s join pg_class c on c.oid = s.relid
  where s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)
    or s.n_ins_since_vacuum > 1000 + 0.2 * greatest(c.reltuples, 0)
    or s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0)`

/**
 * PGlite is one process and has none of a server's background workers: left alone its log grows for ever, no dead row
 * is ever reclaimed and the planner never hears how big a table is. So once a minute we do their work, one statement
 * at a time between the others.
 */
export function startUpkeep(pool: pg.Pool, log: Log | undefined, everyMs = 60_000): () => void {
  let position = ''
  let busy = false

  async function tend(): Promise<void> {
    const { rows } = await pool.query<{ command: string }>(worn)
    for (const { command } of rows) await pool.query(command)
    if ((await writtenTo()) === position) return
    await pool.query('checkpoint')
    position = await writtenTo()
  }

  async function writtenTo(): Promise<string> {
    const { rows } = await pool.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
    return rows[0]?.lsn ?? ''
  }

  const timer = setInterval(() => {
    if (busy) return
    busy = true
    tend()
      .catch((error) => log?.warn({ err: error }, 'the upkeep of PGlite failed'))
      .finally(() => {
        busy = false
      })
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
