import { and, asc, lte, sql } from 'drizzle-orm'
import { bag, bagEvent } from '../../schema/tables/bags.ts'
import type { Actor } from '../domain/actor.ts'
import { onShelf } from '../domain/lifecycle.ts'
import { afterEvent, eventColumns, valuesOfEvent, writtenOfEvents } from './bags.ts'
import type { Transaction } from './database.ts'

/** In the words of the index `bag_living`. */
const isOnShelf = sql`${bag.state} not in ('processed', 'transfused', 'discarded') and ${bag.state} in ${sql.raw(
  `(${onShelf.map((state) => `'${state}'`).join(', ')})`,
)}`

/**
 * Write down of bags on a shelf that they have expired, each once, with news and audit entry; its state stays. What somebody
 * has in hand at this moment is left for the next time.
 *
 * @returns how many
 */
export async function noticeExpired(
  tx: Transaction,
  actor: Actor,
  now: number,
  most: number,
): Promise<number> {
  const isNoticed = sql`exists (select from ${bagEvent} e where e.bag_id = ${bag.id} and e.verb = 'expire')`
  const due = await tx
    .select()
    .from(bag)
    .where(and(isOnShelf, lte(bag.expiresAt, now), sql`not ${isNoticed}`))
    .orderBy(asc(bag.id))
    .limit(most)
    .for('no key update', { skipLocked: true })
  if (due.length === 0) return 0
  const asked = JSON.stringify(
    due.map((before) => {
      const { state, expiresAt } = before
      const event = { verb: 'expire', from: state, to: state, changes: {}, data: { expiresAt } } as const
      return valuesOfEvent(actor, before, afterEvent(before, event), event, now)
    }),
  )
  const { rowCount } = await tx.execute(sql`
    with asked as (select * from json_to_recordset(${asked}::json) as asked (${eventColumns})), ${writtenOfEvents()}
    select from moved`)
  return rowCount ?? 0
}
