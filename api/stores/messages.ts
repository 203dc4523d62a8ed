import { sql } from 'drizzle-orm'
import { message } from '../../schema/tables/messages.ts'
import type { Transaction } from './database.ts'
import { rowSet } from './rows.ts'

export type MessageRow = typeof message.$inferInsert

/** An identity that had already been taken. The hash is null where another writer took it this very moment. */
export type TakenIdentity = {
  readonly bootId: number
  readonly seq: number
  readonly payloadHash: Buffer | null
}

/** Take the identities of new messages, and tell which of them were taken already. No two rows may share one. */
export async function insertMessages(tx: Transaction, rows: readonly MessageRow[]): Promise<TakenIdentity[]> {
  if (rows.length === 0) return []
  const { names, select } = rowSet(message, rows)
  const result = await tx.execute<{ boot_id: number; seq: number; payload_hash: Buffer | null }>(sql`
    with given as (${select}),
    added as (insert into ${message} (${names}) select * from given on conflict do nothing returning boot_id, seq)
    select given.boot_id, given.seq, old.payload_hash
    from given
    left join added using (boot_id, seq)
    left join ${message} old using (boot_id, seq)
    where added.boot_id is null`)
  return result.rows.map((row) => ({ bootId: row.boot_id, seq: row.seq, payloadHash: row.payload_hash }))
}
