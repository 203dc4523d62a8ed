import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'
import { test as base, describe } from 'vitest'
import { type Database, type OpenDatabase, openDatabase } from '../../api/stores/database.ts'
import { migrate } from '../../api/stores/migrate.ts'

/** The server tests may make databases on; without one they run on PGlite in memory. */
export function serverUrl(): string | undefined {
  return process.env.TEST_DATABASE_URL || undefined
}

/**
 * One migrated database for a test file, empty at the start of each test that asks for it.
 *
 *     test('…', async ({ db }) => …)
 */
export const test = base.extend<{
  $file: { file: OpenDatabase }
  $test: { database: OpenDatabase; db: Database }
}>({
  file: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern what a fixture needs
    async ({}, use) => {
      const url = serverUrl()
      const made = url === undefined ? await openInMemory() : await openOnServer(url)
      await use(made.open)
      await made.drop()
    },
    { scope: 'file' },
  ],
  database: async ({ file }, use) => {
    await empty(file)
    await use(file)
  },
  db: async ({ database }, use) => {
    await use(database.db)
  },
})

/** A suite only a real server can run: skipped aloud without one, a failure where CI forgot it. */
export function describeOnServer(name: string, suite: (url: string) => void): void {
  const url = serverUrl()
  if (url !== undefined) {
    describe(name, () => suite(url))
    return
  }
  const aloud = `${name} (needs TEST_DATABASE_URL)`
  if (process.env.CI) base(aloud, missing)
  else base.skip(aloud, () => {})
}

/** A test only a real server can run, with the fixtures of `test`; see `describeOnServer`. */
export function testOnServer(
  name: string,
  body: (fixtures: { database: OpenDatabase; db: Database }) => Promise<void>,
): void {
  if (serverUrl() !== undefined) {
    test(name, ({ database, db }) => body({ database, db }))
    return
  }
  const aloud = `${name} (needs TEST_DATABASE_URL)`
  if (process.env.CI) base(aloud, missing)
  else base.skip(aloud, () => {})
}

function missing(): void {
  throw new Error('CI must set TEST_DATABASE_URL')
}

/** A database of its own on a server, migrated, and how to be rid of it. */
export async function createServerDatabase(url: string): Promise<{ url: string; drop(): Promise<void> }> {
  const template = await ensureTemplate(url)
  const name = freshName()
  await onServer(url, async (client) => {
    await client.query(`create database ${name} template ${template}`)
  })
  return { url: databaseUrl(url, name), drop: () => dropDatabase(url, name) }
}

/** A database of its own on a server, which nobody has migrated yet; `how` is SQL for CREATE DATABASE. */
export async function createEmptyDatabase(
  url: string,
  how = '',
): Promise<{ url: string; drop(): Promise<void> }> {
  const name = freshName()
  await onServer(url, async (client) => {
    await client.query(`create database ${name} template template0 ${how}`)
  })
  return { url: databaseUrl(url, name), drop: () => dropDatabase(url, name) }
}

type Made = { readonly open: OpenDatabase; drop(): Promise<void> }

async function openOnServer(url: string): Promise<Made> {
  const created = await createServerDatabase(url)
  const open = await openDatabase({ url: created.url })
  return {
    open,
    async drop() {
      await open.close()
      await created.drop()
    },
  }
}

async function openInMemory(): Promise<Made> {
  const open = await openDatabase({ snapshot: await ensureSnapshot() })
  return { open, drop: () => open.close() }
}

/** Forget all that was ever stored. */
export async function empty({ pool }: OpenDatabase): Promise<void> {
  const { rows } = await pool.query<{ tables: string | null }>(
    `select string_agg(format('%I.%I', schemaname, tablename), ', ') as tables
    from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'drizzle')`,
  )
  const tables = rows[0]?.tables
  if (!tables) return
  // A process remembers policies by the number of the newest, which is never used for another.
  const newest = await pool.query<{ id: string }>(`select last_value as id from policy_id_seq`)
  await pool.query(`truncate ${tables} restart identity cascade`)
  await pool.query(`select setval('policy_id_seq', $1)`, [newest.rows[0]?.id])
}

const migrationsFolder = fileURLToPath(new URL('../../schema/migrations', import.meta.url))

/** Names what depends on the migrations, so that a new one is never met by an old schema. */
function migrationsHash(): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(migrationsFolder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (file.endsWith('.sql') || file.endsWith('_journal.json')) {
      hash.update(`${file}\0`).update(readFileSync(join(migrationsFolder, file)))
    }
  }
  return hash.digest('hex').slice(0, 12)
}

/** A migrated database on the server, made by whichever test file is first, for all others to be copied from. */
async function ensureTemplate(url: string): Promise<string> {
  const name = `hemotrail_template_${migrationsHash()}`
  await onServer(url, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [name])
    const found = await client.query('select datistemplate from pg_database where datname = $1', [name])
    if (found.rows[0]?.datistemplate) return
    // One that is there and not marked was never finished.
    await client.query(`drop database if exists ${name} with (force)`)
    await client.query(`create database ${name} template template0 encoding 'UTF8' locale 'C'`)
    const open = await openDatabase({ url: databaseUrl(url, name), poolSize: 1 })
    await migrate(open)
    await open.close()
    await client.query(`alter database ${name} is_template true`)
  })
  return name
}

/** The same for PGlite: a file to begin from, kept between runs. Two that make it at once make the same. */
async function ensureSnapshot(): Promise<string> {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/hemotrail', import.meta.url))
  const snapshot = join(cache, `pglite-${migrationsHash()}.tar`)
  if (existsSync(snapshot)) return snapshot
  mkdirSync(cache, { recursive: true })
  const pglite = await PGlite.create()
  await migratePglite(drizzle(pglite, { casing: 'snake_case' }), { migrationsFolder })
  const dump = await pglite.dumpDataDir('none')
  await pglite.close()
  const draft = `${snapshot}.${randomUUID()}`
  writeFileSync(draft, Buffer.from(await dump.arrayBuffer()))
  renameSync(draft, snapshot)
  // Never this one, be it gone for an instant only: whoever made it first begins from it already.
  for (const old of readdirSync(cache)) {
    if (/^pglite-[0-9a-f]+\.tar$/.test(old) && old !== basename(snapshot))
      rmSync(join(cache, old), { force: true })
  }
  return snapshot
}

async function onServer(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function freshName(): string {
  return `hemotrail_test_${randomUUID().replaceAll('-', '')}`
}

function dropDatabase(url: string, name: string): Promise<void> {
  return onServer(url, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`)
  })
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
