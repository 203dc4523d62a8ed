import { sql } from 'drizzle-orm'
import { probeState } from '../../schema/tables/devices.ts'
import { message, reading } from '../../schema/tables/messages.ts'
import { telemetryOutbox } from '../../schema/tables/telemetry.ts'
import type { Database, Transaction } from './database.ts'
import { movedProbeState, type ProbeStateWrite, probeStateRows } from './derived.ts'
import { outboxRows } from './outbox.ts'
import { kept } from './pool.ts'
import type { StoredReading } from './readings.ts'
import { insertRows, rowSet } from './rows.ts'
import { sqlStateOf } from './sql-state.ts'

export type MessageRow = typeof message.$inferInsert

/** An identity that had already been taken. */
export type TakenIdentity = {
  readonly bootId: number
  readonly seq: number
  /** SHA-256, hexadecimal. */
  readonly payloadHash: string
}

/**
 * Store messages that bring nothing but readings, and where the derivation of their probes stands afterwards, in one
 * statement, which is all of its transaction. Nothing is looked up: where a message or a reading is not new, or a
 * probe has been derived by another writer, the database refuses all of it.
 *
 * @param forwardedAt now, where the readings are to be forwarded as well; else null
 * @throws an error for which `isRefusedAsNotNew` is true
 */
export async function insertPlain(
  db: Database,
  messages: readonly MessageRow[],
  readings: readonly StoredReading[],
  states: readonly ProbeStateWrite[],
  forwardedAt: number | null,
): Promise<void> {
  const m = rowSet(message, messages)
  const r = rowSet(reading, readings)
  const s = probeStateRows(states)
  // A version that has moved meanwhile becomes null, which the column does not take.
  const version = sql`case when ${probeState.version} = excluded.version - 1 then excluded.version end`
  const o = forwardedAt === null ? null : outboxRows(readings, forwardedAt)
  const forward = o ? sql`, o as (insert into ${telemetryOutbox} (${o.names}) ${o.select})` : sql``
  await db.execute(sql`
    ${kept}
    with m as (insert into ${message} (${m.names}) ${m.select}),
    r as (insert into ${reading} (${r.names}) ${r.select})${forward}
    insert into ${probeState} (${s.names}) ${s.select}
    on conflict (probe_id) do update set ${movedProbeState(version)}`)
}

/** unique_violation and not_null_violation: see `insertPlain`. */
export function isRefusedAsNotNew(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === '23505' || state === '23502'
}

/**
 * Take the identities of new messages, and tell which of them were taken already. No two rows may share one.
 *
 * @returns null where another writer took one this very moment: the transaction is to be given up
 */
export async function insertMessages(
  tx: Transaction,
  rows: readonly MessageRow[],
): Promise<TakenIdentity[] | null> {
  if (rows.length === 0) return []
  const { names, select } = rowSet(message, rows)
  const { rows: taken } = await tx.execute<{ boot_id: number; seq: number; payload_hash: Buffer }>(sql`
    ${kept}
    select old.boot_id, old.seq, old.payload_hash
    from (${select}) as given (${names})
    join ${message} old using (boot_id, seq)`)
  const added = await insertRows(tx, message, rows)
  if (added + taken.length !== rows.length) return null
  return taken.map((row) => ({
    bootId: row.boot_id,
    seq: row.seq,
    payloadHash: row.payload_hash.toString('hex'),
  }))
}

/** The highest number there is of each boot beside these of it, by boot; none where there is no other. */
export async function newestBeside(
  tx: Transaction,
  numbers: ReadonlyMap<number, readonly number[]>,
): Promise<ReadonlyMap<number, number>> {
  if (numbers.size === 0) return new Map()
  const asked = JSON.stringify([...numbers].map(([id, seqs]) => ({ id, seqs })))
  const { rows } = await tx.execute<{ id: number; newest: number }>(sql`
    ${kept}
    select asked.id, m.seq as newest from json_to_recordset(${asked}::json) as asked (id integer, seqs integer[]),
    lateral (
      select seq from ${message} where boot_id = asked.id and seq <> all(asked.seqs) order by seq desc limit 1
    ) m`)
  return new Map(rows.map(({ id, newest }) => [id, newest]))
}
