import { sql } from 'drizzle-orm'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { bag, bagEvent, bagPlace } from '../../schema/tables/bags.ts'
import { transfusion } from '../../schema/tables/ends.ts'
import { policy } from '../../schema/tables/policies.ts'
import type { Component, Jurisdiction, PlaceState } from '../../schema/vocabulary.ts'
import type { BagOut } from '../domain/bag-timer.ts'
import { type Bag, happenedAt, labelOf, vouchingVerbs } from './bags.ts'
import type { Database } from './database.ts'
import { standsIn } from './devices.ts'
import { jurisdictionAt } from './facilities.ts'
import { lineOf } from './ledgers.ts'

/** A bag that may be out of controlled storage, who answers for it, and whose policies are in force there. */
export type HeldBagOut = BagOut & {
  readonly label: string
  readonly component: Component
  readonly facilityId: number
  readonly jurisdiction: Jurisdiction
}

type Labelled = Pick<Bag, 'identifier' | 'productCode' | 'collectionType' | 'division'>

/**
 * The bags that may be out of controlled storage: all that are issued or are being given, those in stock or packed that are known since then to
 * have left a container, and may reach their limit since then, and those of which a case is open. `outSince` says whether
 * one is.
 *
 * @param since what became known before then and could be due by then was looked at already, ms UTC
 */
export async function bagsOut(db: Database, now: number, since: number): Promise<HeldBagOut[]> {
  const holder = sql`coalesce(b.holder_id, ${standsIn(sql`p.device_id`, now)})`
  const { rows } = await db.execute<
    Omit<HeldBagOut, 'place' | 'label'> &
      Labelled & { readonly place: PlaceState | null; readonly placedAt: number | null }
  >(sql`
    with asked (id) as (
      select id from ${bag} where state = 'issued'
      union
      select bag_id from ${bagPlace} where known_to is null and "to" is null and state = 'in_hand'
        and known_from >= ${since}::bigint - (select coalesce(max(longest_ms), 0) from ${policy} where phase = 'in_hand')
      union
      select bag_id from ${transfusion} where not is_over
      union
      select part::uuid from ${alarmCase} where closed_at is null and kind in ('bag_out_soon', 'bag_out')
    )
    select b.id as "bagId", b.identifier, b.product_code as "productCode", b.collection_type as "collectionType", b.division,
      b.component, b.state,
      ${holder} as "facilityId", ${jurisdictionAt(holder)} as jurisdiction, p.state as place, p."from" as "placedAt",
      coalesce(told."issuedAt", begun.started_at) as "issuedAt", told."vouchedAt", spent.ms as "spentMs"
    from asked join ${bag} b on b.id = asked.id
    left join ${bagPlace} p on p.bag_id = b.id and p.known_to is null and p."to" is null
    left join ${transfusion} begun on begun.bag_id = b.id and not begun.is_over
    cross join lateral (
      select max(${happenedAt}) filter (where e.verb = 'issue' and e.bag_id = b.id) as "issuedAt",
        max(e.at) filter (where e.verb in ${vouchingVerbs} and not (e.verb = 'register' and e.data ? 'parent')) as "vouchedAt"
      from ${bagEvent} e where e.bag_id in ${lineOf(sql`b.id`)}
    ) told
    cross join lateral (
      select coalesce(sum(greatest(0, o."to" - greatest(o."from", coalesce(told."vouchedAt", 0)))), 0)::float8 as ms
      from ${bagPlace} o where o.bag_id in ${lineOf(sql`b.id`)} and o.known_to is null and o.state = 'in_hand' and o."to" is not null
    ) spent
    where (b.state = 'transfused' and begun.bag_id is not null or b.state = 'issued' and p.state is distinct from 'inside' or b.state in ('available', 'distributed') and p.state = 'in_hand')
      and ${holder} is not null
    order by b.id`)
  return rows.map(({ place, placedAt, identifier, productCode, collectionType, division, ...row }) => ({
    ...row,
    label: labelOf({ identifier, productCode, collectionType, division }),
    place: place === null || placedAt === null ? null : { state: place, from: placedAt },
  }))
}

/** When a bag was issued last, ms UTC; null where it never was. */
export async function lastIssueOf(db: Database, bagId: string): Promise<number | null> {
  const { rows } = await db.execute<{ at: number | null }>(sql`
    select ${happenedAt} as at from ${bagEvent} e where e.bag_id = ${bagId} and e.verb = 'issue'
    order by e.version desc limit 1`)
  return rows[0]?.at ?? null
}
