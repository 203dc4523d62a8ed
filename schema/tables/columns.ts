import { type SQL, sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, check, customType } from 'drizzle-orm/pg-core'

/** An instant: whole milliseconds UTC since 1970. A plain number, so that no driver or zone can shift it. */
export const instant = () => bigint({ mode: 'number' })

/** Exact bytes. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** A SHA-256, in hexadecimal on our side. */
export const sha256 = customType<{ data: string; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (hex) => Buffer.from(hex, 'hex'),
  fromDriver: (hash) => hash.toString('hex'),
})

/** A CHECK that holds a text column to a closed word list of the vocabulary. */
export function oneOf(name: string, column: AnyPgColumn, words: readonly string[]) {
  const list: SQL = sql.raw(words.map((word) => `'${word}'`).join(', '))
  return check(name, sql`${column} in (${list})`)
}
