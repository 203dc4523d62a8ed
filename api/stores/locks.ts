import { sql } from 'drizzle-orm'
import type { Transaction } from './database.ts'

/*
 * Every advisory lock that stands for one thing alone is here, by its number, because two that shared one would wait for
 * each other, and a duty is held for as long as a process lives. What is locked by its name or its id besides (tags,
 * donation numbers, inventories) is 64 bits of a hash, or in the space of two numbers.
 */

/** What only one process of all does at a time. */
export const dutyLocks = {
  deliver: 4840,
  forward: 4841,
  pack: 4842,
  alarm: 4843,
  judge: 4844,
  notify: 4845,
  configure: 4846,
  holes: 4847,
  expire: 4848,
  recall: 4860,
  offer: 4871,
  rotate: 4877,
} as const

/** What only one transaction does at a time. */
export const transactionLocks = {
  administrators: 4839,
  recalls: 4861,
  identifiers: 4872,
  policies: 4873,
  products: 4874,
  rescues: 4875,
  transfers: 4876,
} as const
type TransactionLock = keyof typeof transactionLocks

/** Whoever holds it is migrating. */
export const migrationLock = 4_711_330_921

/** Nobody else has it, alone or shared, until the transaction ends. */
export async function lockAlone(tx: Transaction, lock: TransactionLock): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${transactionLocks[lock]}::bigint)`)
}

/** Nobody has it alone until the transaction ends. */
export async function lockShared(tx: Transaction, lock: TransactionLock): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock_shared(${transactionLocks[lock]}::bigint)`)
}
