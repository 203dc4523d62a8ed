import { getTableColumns, type InferInsertModel, type SQL, sql } from 'drizzle-orm'
import { toSnakeCase } from 'drizzle-orm/casing'
import type { AnyPgColumn, PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { Reach } from '../domain/rights.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'

/**
 * Many rows in one statement: each column travels as one array parameter and `unnest` makes rows of them, so that a
 * thousand rows cost one parse, one plan and one round trip.
 */
export type RowSet = {
  /** `"boot_id", "seq"` */
  readonly names: SQL
  /** `select * from unnest($1::integer[], …) as given("boot_id", …)` */
  readonly select: SQL
}

export function rowSet<T extends PgTable>(table: T, rows: readonly InferInsertModel<T>[]): RowSet {
  const columns = Object.entries(getTableColumns(table) as Record<string, PgColumn>).filter(
    ([key, column]) =>
      column.generatedIdentity
        ? false
        : rows.some((row) => (row as Record<string, unknown>)[key] !== undefined),
  )
  const names = sql.raw(columns.map(([key]) => `"${toSnakeCase(key)}"`).join(', '))
  const arrays = columns.map(([key, column]) => {
    const type = column.getSQLType()
    const literal = arrayLiteral(rows, key, type)
    return sql`${literal}::${sql.raw(type)}[]`
  })
  return { names, select: sql`select * from unnest(${sql.join(arrays, sql`, `)}) as given(${names})` }
}

/** Insert all rows; where the key is taken, the row there stays and the new one is dropped. */
export async function insertRows<T extends PgTable>(
  db: Database | Transaction,
  table: T,
  rows: readonly InferInsertModel<T>[],
): Promise<number> {
  if (rows.length === 0) return 0
  const { names, select } = rowSet(table, rows)
  const result = await db.execute(
    sql`${kept}insert into ${table} (${names}) ${select} on conflict do nothing`,
  )
  return result.rowCount ?? 0
}

/** So many are asked for, or written, at a time: to spell more in one statement holds up whoever else the process serves. */
const atOnce = 1_000

export async function bySlices<T, Row>(
  all: readonly T[],
  work: (some: readonly T[]) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = []
  for (let at = 0; at < all.length; at += atOnce) rows.push(...(await work(all.slice(at, at + atOnce))))
  return rows
}

/** Is the column one of these? One parameter, however many. */
export function isOneOf(column: PgColumn, values: readonly (string | number)[]): SQL {
  return sql`${column} = any(${sql.param([...values])}::${sql.raw(column.getSQLType())}[])`
}

const plain = new Set(['integer', 'smallint', 'bigint', 'boolean'])

function arrayLiteral<T extends PgTable>(
  rows: readonly InferInsertModel<T>[],
  key: string,
  type: string,
): string {
  const encode = plain.has(type) ? String : type === 'bytea' ? hex : type === 'jsonb' ? json : quoted
  let literal = '{'
  for (const row of rows) {
    const value = (row as Record<string, unknown>)[key]
    if (literal.length > 1) literal += ','
    literal += value === null || value === undefined ? 'NULL' : encode(value)
  }
  return `${literal}}`
}

function quoted(value: unknown): string {
  return `"${String(value).replace(/["\\]/g, '\\$&')}"`
}

/** Bytes, or a hash that is hexadecimal already. */
function hex(value: unknown): string {
  return `"\\\\x${typeof value === 'string' ? value : (value as Buffer).toString('hex')}"`
}

function json(value: unknown): string {
  return quoted(JSON.stringify(value))
}

/** A condition that keeps to what is within reach; none where all is. */
export function isIn(reach: Reach, facilityId: AnyPgColumn | SQL): SQL | undefined {
  if (reach === 'all') return undefined
  return sql`${facilityId} = any(${`{${[...reach].join()}}`}::integer[])`
}

/** A row as JSON has it, by the names it has here. */
export function camel<T>(row: Record<string, unknown>): T {
  const named: Record<string, unknown> = {}
  for (const name in row) {
    let ours = ourNames.get(name)
    if (ours === undefined) {
      ours = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
      ourNames.set(name, ours)
    }
    named[ours] = row[name]
  }
  return named as T
}

/** Of columns, by their names in the database. */
const ourNames = new Map<string, string>()
