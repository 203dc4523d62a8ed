import { type SQL, sql } from 'drizzle-orm'
import { bag, bagHold } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { bagLedger } from '../../schema/tables/ledgers.ts'
import { policy } from '../../schema/tables/policies.ts'
import type { Abo, Component, Rhd } from '../../schema/vocabulary.ts'
import { sharedPool } from '../domain/isbt128/product.ts'
import { onShelf } from '../domain/lifecycle.ts'
import type { Reach } from '../domain/rights.ts'
import { type StockCount, underWay } from '../domain/stock-overview.ts'
import type { Database, Transaction } from './database.ts'

type Row = Omit<StockCount, 'group'> & { readonly abo: Abo | null; readonly rhd: Rhd | null }

/**
 * What stands on the shelves within reach, and what is on its way to them, counted by one statement: by kind, by what it is
 * to whoever counts (`standingOf` in SQL) and, of what is ready, by the band it expires in. How a bag was kept is what its
 * newest ledger says; one that should have a ledger and has none is not shown to be kept. A bag nobody holds is counted
 * nowhere.
 *
 * Holds and policies are looked up once for all, ledgers by their index: of a million bags it is one pass. What is on its way
 * is asked for in the words of the partial indexes that know it, for nothing else knows where a bag is sent.
 *
 * @param ends where the bands of each component end, ms from now, rising
 */
export async function countStock(
  db: Database | Transaction,
  {
    reach,
    component,
    ends,
  }: {
    readonly reach: Reach
    readonly component?: Component | undefined
    readonly ends: Readonly<Record<Component, readonly number[]>>
  },
  at: number,
): Promise<StockCount[]> {
  const now = sql`${at}::bigint`
  const there = (column: SQL) =>
    reach === 'all'
      ? sql`${column} is not null`
      : sql`${column} = any(${`{${[...reach].join()}}`}::integer[])`
  const of = component === undefined ? sql`true` : sql`b.component = ${component}`
  const bands = JSON.stringify(Object.entries(ends).map(([name, some]) => ({ name, ends: some })))
  const { rows } = await db.execute<Row>(sql`
    with present as (
      select b.*, b.holder_id as facility_id from ${bag} b
      where b.state in ${words(onShelf)} and ${there(sql`b.holder_id`)} and ${of}
      union all
      select b.*, b.destination_id from ${bag} b
      where b.state in ('in_transit', 'arrived') and ${there(sql`b.destination_id`)} and ${of}
      union all
      select b.*, b.destination_id from ${bag} b
      where b.state = 'distributed' and ${there(sql`b.destination_id`)} and ${of}
    ), counted as (
      select b.facility_id, b.component, b.abo, b.rhd, b.uom, b.amount, b.expires_at, b.reserved_until,
        case
          when b.expires_at <= ${now} then 'expired'
          when b.id in (select h.bag_id from ${bagHold} h where h.lifted_at is null) then 'held'
          when b.state in ${words(underWay)} then 'coming'
          when b.state <> 'available' or b.abo is null then 'waiting'
          when b.collection_type not in ${words([...sharedPool])} then 'special'
          when l.verdict <> 'OK' then 'unproven'
          when l.verdict is null and (f.jurisdiction, b.component) in (
            select p.jurisdiction, p.component from ${policy} p where p.phase = 'storage') then 'unproven'
          when b.reserved_until > ${now} and b.reserved_to_id is not null then 'promised'
          when b.reserved_until > ${now} then 'reserved'
          else 'ready' end as standing,
        e.ends
      from present b
      join ${facility} f on f.id = b.facility_id
      join json_to_recordset(${bands}::json) as e (name text, ends bigint[]) on e.name = b.component
      left join ${bagLedger} l on l.bag_id = b.id and l.known_to is null
    )
    select facility_id as "facilityId", component, abo, rhd, uom, standing,
      case when standing = 'ready' then width_bucket(expires_at - ${now} - 1, ends) end as band,
      count(*)::integer as bags, coalesce(sum(amount), 0) as amount, min(expires_at) as "firstExpiry",
      min(reserved_until) filter (where standing in ('promised', 'reserved')) as "firstFree"
    from counted
    group by 1, 2, 3, 4, 5, 6, 7`)
  return rows.map(({ abo, rhd, ...count }) => ({ ...count, group: abo && rhd ? { abo, rhd } : null }))
}

/** A list of words the planner sees, so that it knows which partial indexes serve. */
function words(some: readonly string[]): SQL {
  return sql.raw(`(${some.map((word) => `'${word}'`).join(', ')})`)
}
