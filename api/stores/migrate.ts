import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import type { Log } from '../context.ts'
import { type OpenDatabase, serverConnection } from './database.ts'
import { migrationLock } from './locks.ts'
import { sqlStateOf } from './sql-state.ts'

const migrationsFolder = fileURLToPath(new URL('../../schema/migrations', import.meta.url))

/**
 * Bring the schema up to date. Processes that start at once take turns: one migrates, the others wait and find it done.
 *
 * With `url` it is done by that role, the owner of everything, and the role the database was opened with is granted
 * what the service needs: to read and write rows, not to change or drop tables. A schema that is up to date already is
 * left alone, so that the service's own role may ask too.
 */
export async function migrate(
  open: OpenDatabase,
  options: { readonly url?: string | undefined; readonly log?: Log | undefined } = {},
): Promise<void> {
  const { url, log } = options
  if (await isUpToDate(open.pool, log)) return
  if (url === undefined) {
    const client = await open.pool.connect()
    let done = false
    try {
      await migrateAlone(client, log)
      done = true
    } finally {
      client.release(!done)
    }
    return
  }
  const { rows } = await open.pool.query<{ role: string }>('select current_user as role')
  const client = new pg.Client(serverConnection(url))
  client.on('error', (error) => log?.warn({ err: error }, 'the connection that migrates was lost'))
  await client.connect()
  try {
    await migrateAlone(client, log, rows[0]?.role)
  } finally {
    await client.end()
  }
}

/** Does the database have every migration this version needs? */
export async function isUpToDate(pool: pg.Pool, log?: Log): Promise<boolean> {
  const ours = Math.max(...readMigrationFiles({ migrationsFolder }).map(({ folderMillis }) => folderMillis))
  let theirs: number | undefined
  try {
    const { rows } = await pool.query(
      'select max(created_at)::text as newest from drizzle.__drizzle_migrations',
    )
    theirs = Number(rows[0]?.newest ?? 0)
  } catch (error) {
    if (unknowable.has(sqlStateOf(error) ?? '')) return false
    throw error
  }
  if (theirs > ours) log?.warn({ theirs, ours }, 'the database has migrations this version does not know')
  return theirs >= ours
}

/** No such schema, no such table, not ours to read: never migrated, or not for this role. */
const unknowable = new Set(['3F000', '42P01', '42501'])

/** The lock belongs to the connection, so that it ends with whoever holds it. */
async function migrateAlone(client: pg.ClientBase, log: Log | undefined, grantee?: string): Promise<void> {
  const { rows } = await client.query<{ locked: boolean; role: string }>(
    'select pg_try_advisory_lock($1) as locked, current_user as role',
    [migrationLock],
  )
  if (!rows[0]?.locked) {
    log?.info({}, 'waiting for another process to migrate the database')
    await client.query('select pg_advisory_lock($1)', [migrationLock])
  }
  try {
    await applyMigrations(drizzle(client as pg.Client, { casing: 'snake_case' }), { migrationsFolder })
    if (grantee !== undefined && grantee !== rows[0]?.role) await client.query(grants(grantee))
  } finally {
    await client.query('select pg_advisory_unlock($1)', [migrationLock])
  }
}

function grants(role: string): string {
  const grantee = pg.escapeIdentifier(role)
  return `
    grant usage on schema public, drizzle to ${grantee};
    grant select on all tables in schema drizzle to ${grantee};
    grant select, insert, update, delete on all tables in schema public to ${grantee};
    grant usage, select on all sequences in schema public to ${grantee}`
}
