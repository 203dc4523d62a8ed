import { type SQL, sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, check, customType } from 'drizzle-orm/pg-core'

/** An instant: whole milliseconds UTC since 1970. A plain number, so that no driver or zone can shift it. */
export const instant = () => bigint({ mode: 'number' })

/** Exact bytes. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** A CHECK that holds a text column to a closed word list of the vocabulary. */
export function oneOf(name: string, column: AnyPgColumn, words: readonly string[]) {
  const list: SQL = sql.raw(words.map((word) => `'${word}'`).join(', '))
  return check(name, sql`${column} in (${list})`)
}
