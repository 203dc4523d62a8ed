import { sql } from 'drizzle-orm'
import { bag, bagEvent } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { Component, Jurisdiction } from '../../schema/vocabulary.ts'
import type { BagUnderWay } from '../domain/journey.ts'
import { type Bag, labelOf } from './bags.ts'
import type { Database } from './database.ts'
import { jurisdictionAt } from './facilities.ts'

/** A bag between two facilities, and whose policies are in force where it came from. */
export type TracedUnderWay = Omit<BagUnderWay, 'longestMs'> & {
  readonly label: string
  readonly component: Component
  readonly jurisdiction: Jurisdiction
  readonly fromId: number
  readonly toId: number
}

/** All bags that have departed and were neither received nor refused, by when they did. */
export async function bagsUnderWay(db: Database): Promise<TracedUnderWay[]> {
  const { rows } = await db.execute<
    Omit<TracedUnderWay, 'label'> & Pick<Bag, 'identifier' | 'productCode' | 'collectionType' | 'division'>
  >(sql`
    select b.id as "bagId", b.identifier, b.product_code as "productCode", b.collection_type as "collectionType", b.division,
      b.component, ${jurisdictionAt(sql`b.holder_id`)} as jurisdiction, b.holder_id as "fromId", b.destination_id as "toId",
      f.code as "from", t.code as "to", departed.at as "departedAt"
    from ${bag} b join ${facility} f on f.id = b.holder_id join ${facility} t on t.id = b.destination_id
    cross join lateral (
      select max(e.at) as at from ${bagEvent} e where e.bag_id = b.id and e.verb = 'depart'
    ) departed
    where b.state in ('in_transit', 'arrived') and departed.at is not null
    order by departed.at, b.id`)
  return rows.map(({ identifier, productCode, collectionType, division, ...row }) => {
    return { ...row, label: labelOf({ identifier, productCode, collectionType, division }) }
  })
}
