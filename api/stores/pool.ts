import { createHash } from 'node:crypto'
import { fillPlaceholders, type Query, type SQL, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { PgDialect } from 'drizzle-orm/pg-core'
import pg from 'pg'
import type { Log } from '../context.ts'
import { sqlStateOf } from './sql-state.ts'

type Parser = (text: string) => unknown

const stockParser = pg.types.getTypeParser as (oid: number, format?: 'text' | 'binary') => Parser

/** SQLSTATE of a write where only reading is possible. */
const readOnly = '25006'

const int8Oid = 20
const int8sOid = 1016

/** How these types arrive on our pools, whatever node-postgres does elsewhere in the process. */
const parsers = new Map<number, Parser>([
  [int8Oid, int8],
  [int8sOid, (text) => int8s(stockParser(int8sOid)(text))],
])

/** An int8 is a number here: instants and counts fit, and what does not is an error, never rounded. */
function int8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`the int8 ${text} is too big for a number`)
  return value
}

function int8s(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(int8s)
  return typeof value === 'string' ? int8(value) : value
}

/** Our parsers where we have one, then those of `types`. */
function typesOver(types: pg.CustomTypesConfig): pg.CustomTypesConfig {
  const getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) || types.getTypeParser(oid, format as 'text')
  return { getTypeParser: getTypeParser as typeof pg.types.getTypeParser }
}

export function createPool(config: pg.PoolConfig, log: Log | undefined): pg.Pool {
  const pool = new pg.Pool({ ...config, types: typesOver(pg.types) })
  // Without a listener here the death of an idle connection would end the process; of a busy one, without those below.
  pool.on('error', (error) => log?.warn({ err: error }, 'a database connection was lost'))
  pool.on('connect', (client) => {
    client.on('error', () => {})
    overrideQueries(client)
  })
  return pool
}

const keptMark = '/* kept */'

/**
 * Written into a statement whose text never varies and that is sent all day: each connection parses it once and keeps
 * it under a name.
 */
export const kept: SQL = sql.raw(`${keptMark} `)

const dialect = new PgDialect({ casing: 'snake_case' })

/**
 * A kept statement whose text is made once, the first time it is sent: made of many parts, that takes longer than to
 * send it.
 *
 * @param build of a stand-in for each value, by its name
 */
export function keptStatement<Values extends Readonly<Record<string, unknown>>>(
  build: (given: { readonly [Name in keyof Values]: SQL }) => SQL,
): (values: Values) => SQL {
  const standIns = new Proxy({} as { readonly [Name in keyof Values]: SQL }, {
    get: (_, name) => sql`${sql.placeholder(String(name))}`,
  })
  let made: Query | undefined
  return (values) => {
    made ??= dialect.sqlToQuery(sql`${kept}${build(standIns)}`)
    const query = { sql: made.sql, params: fillPlaceholders(made.params, values) }
    const filled = sql``
    filled.toQuery = () => query
    return filled
  }
}

/** Name of each kept statement by its text. As many as there are places in the code that say `kept`, and no more. */
const names = new Map<string, string>()

function nameOf(text: string): string | undefined {
  if (!text.includes(keptMark)) return undefined
  const known = names.get(text)
  if (known) return known
  // By its text: behind a pooler that hands connections on, two processes must not mean two things by one name.
  const name = `hemotrail_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
  names.set(text, name)
  return name
}

/**
 * What drizzle cannot be told: to keep a statement by name, and to read results by our types. It sends its own `types`
 * with every query, which fall back on node-postgres' global ones, past the pool's.
 */
function overrideQueries(client: pg.ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const overriding = (config: unknown, ...rest: unknown[]) => query(ours(config), ...rest)
  client.query = overriding as typeof client.query
}

function ours(config: unknown): unknown {
  if (typeof config !== 'object' || config === null || 'submit' in config) return config
  const { types, text } = config as pg.QueryConfig
  return types ? { ...config, types: typesOver(types), name: nameOf(text) } : config
}

/**
 * drizzle on a pool, with its transactions done over: drizzle loses a connection for good when BEGIN fails on it, and
 * throws the failed ROLLBACK in place of the error that caused it.
 */
export function createDrizzle<Schema extends Record<string, unknown>>(
  pool: pg.Pool,
  schema: Schema,
): NodePgDatabase<Schema> {
  const config = { schema, casing: 'snake_case' } as const
  const db = drizzle(pool, config)
  const onClient = new WeakMap<pg.PoolClient, NodePgDatabase<Schema>>()

  function on(client: pg.PoolClient): NodePgDatabase<Schema> {
    const known = onClient.get(client)
    if (known) return known
    const fresh = drizzle(client, config)
    onClient.set(client, fresh)
    return fresh
  }

  db.transaction = async (work, settings) => {
    const client = await pool.connect()
    let thrown: { readonly error: unknown } | undefined
    let demoted = false
    try {
      return await on(client).transaction(async (tx) => {
        try {
          return await work(tx)
        } catch (error) {
          thrown = { error }
          throw error
        }
      }, settings)
    } catch (error) {
      demoted = sqlStateOf(error) === readOnly
      throw thrown ? thrown.error : error
    } finally {
      // What is not back to idle is in a state nobody knows; what has become a standby leads away from the new primary.
      client.release(demoted || client.getTransactionStatus() !== 'I')
    }
  }
  return db
}
