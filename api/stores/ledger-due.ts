import { and, eq, inArray, isNotNull, isNull, lt, lte, sql } from 'drizzle-orm'
import { bag, bagLineage, bagPlace } from '../../schema/tables/bags.ts'
import { bagLedger, ledgerDue } from '../../schema/tables/ledgers.ts'
import { bagStates, type Component, type Jurisdiction } from '../../schema/vocabulary.ts'
import type { Span } from '../domain/exposure.ts'
import { isFinal } from '../domain/lifecycle.ts'
import type { Database, Transaction } from './database.ts'
import { jurisdictionAt } from './facilities.ts'
import { insertRows } from './rows.ts'

/*
 * What gives reason to judge a bag again says so in its own transaction: nothing that was acknowledged is forgotten.
 */

/** Of all time. */
export const ever: Span = { from: -8_640_000_000_000_000, to: 8_640_000_000_000_000 }

export async function dueForDevices(
  tx: Transaction,
  spans: readonly (Span & { readonly deviceId: number })[],
  now: number,
): Promise<void> {
  await insertRows(
    tx,
    ledgerDue,
    spans.map((span) => ({ ...span, dueAt: now })),
  )
}

/** @param dueAt server time, ms UTC: not before then */
export async function dueForBags(tx: Transaction, bagIds: readonly string[], dueAt: number): Promise<void> {
  await insertRows(
    tx,
    ledgerDue,
    bagIds.map((bagId) => ({ bagId, dueAt })),
  )
}

/** All bags a policy speaks of whose fate is not recorded. @param dueAt server time, ms UTC: not before then */
export async function dueUnderPolicy(
  tx: Transaction,
  jurisdiction: Jurisdiction,
  component: Component,
  dueAt: number,
): Promise<void> {
  const final = sql.raw(
    bagStates
      .filter(isFinal)
      .map((state) => `'${state}'`)
      .join(),
  )
  await tx.execute(sql`
    insert into ${ledgerDue} (bag_id, due_at) select id, ${dueAt}::bigint from ${bag}
    where component = ${component} and state not in (${final})
      and ${jurisdictionAt(sql`${bag.holderId}`)} = ${jurisdiction}`)
}

/** What could not be judged is judged again then, server time, ms UTC, and not before, though its judgement has run out. */
export async function judgeLater(tx: Transaction, bagId: string, dueAt: number): Promise<void> {
  await dueForBags(tx, [bagId], dueAt)
  await tx
    .update(bagLedger)
    .set({ dueAt })
    .where(and(eq(bagLedger.bagId, bagId), isNull(bagLedger.knownTo), lt(bagLedger.dueAt, dueAt)))
}

export type Due = {
  /** The reasons, to be deleted once all these bags are judged. */
  readonly ids: readonly number[]
  readonly bagIds: readonly string[]
}

/** At most so many reasons are taken at once. */
const reasonsAtOnce = 10_000

/** And so few of those by which a bag is only re-judged: of them there may be a million, and nobody else waits for them. */
const rejudgedAtOnce = 200

/**
 * The oldest reasons there are, and the bags they are about: those named, those that were in a device then, whatever
 * became of them since, all that was made of these, and those whose judgement has run out, by ascending id. Then some of
 * those that are to be re-judged.
 */
export async function dueBags(db: Database, now: number): Promise<Due> {
  const reasons = await db
    .select()
    .from(ledgerDue)
    .where(and(isNull(ledgerDue.rejudgementId), lte(ledgerDue.dueAt, now)))
    .orderBy(ledgerDue.dueAt, ledgerDue.id)
    .limit(reasonsAtOnce)
  const rejudged = await db
    .select({ id: ledgerDue.id, bagId: ledgerDue.bagId })
    .from(ledgerDue)
    .where(and(isNotNull(ledgerDue.rejudgementId), isNotNull(ledgerDue.bagId)))
    .orderBy(ledgerDue.id)
    .limit(rejudgedAtOnce)
  const ids = reasons.map(({ id }) => id)
  const { rows } = await db.execute<{ id: string }>(sql`
    with recursive concerned (id) as (
      select bag_id from ${ledgerDue} due where due.id = any(${`{${ids.join()}}`}::bigint[]) and bag_id is not null
      union
      select place.bag_id from ${ledgerDue} due join ${bagPlace} place on place.device_id = due.device_id
      where due.id = any(${`{${ids.join()}}`}::bigint[]) and place.known_to is null
        and place."from" <= due."to" and (place."to" is null or place."to" >= due."from")
      union
      select bag_id from ${bagLedger} where known_to is null and due_at <= ${now}
      union
      select child_id from ${bagLineage} join concerned on parent_id = concerned.id
    )
    select id from concerned order by id`)
  const bagIds = new Set(rows.map(({ id }) => id))
  // Last, and without what was made of them: that has reasons of its own.
  for (const { bagId } of rejudged) if (bagId !== null) bagIds.add(bagId)
  return { ids: [...ids, ...rejudged.map(({ id }) => id)], bagIds: [...bagIds] }
}

export async function deleteDue(db: Database, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await db.delete(ledgerDue).where(inArray(ledgerDue.id, [...ids]))
}
