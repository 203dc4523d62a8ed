import { type SQL, sql } from 'drizzle-orm'
import { bag, bagHold, bagPlace } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { lookBack } from '../../schema/tables/ledgers.ts'
import { recall, recallBag } from '../../schema/tables/recalls.ts'
import { type BagState, type RecallScope, type RecallWhere, recallScopes } from '../../schema/vocabulary.ts'
import { isWithin, type Reach } from '../domain/rights.ts'
import { labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { keptStatement } from './pool.ts'
import { type Sought, walk } from './recall-walk.ts'
import { isIn } from './rows.ts'
import type { About } from './tasks.ts'

/** Where a bag is, for whoever must lay hands on it; `b` is the bag and `place` where it is now. */
const whereOf = sql.raw(`case
  when b.state = 'transfused' then 'given'
  when b.state in ('processed', 'discarded') then 'ended'
  when b.state in ('issued', 'in_transit', 'arrived') or place.state is distinct from 'inside' then 'out'
  else 'inside' end`)

/** How many bags are where, of one facility; of those whose holder is not known its code is null. */
export type Tally = Readonly<Record<RecallWhere, number>> & {
  readonly facility: string | null
  readonly facilityId: number | null
  readonly held: number
}

export type ReachedBag = {
  readonly bagId: string
  readonly label: string
  readonly state: BagState
  readonly facility: string | null
  /** The device it is inside of, or was seen in last. */
  readonly device: string | null
  readonly where: RecallWhere
  /** Held by this recall still. */
  readonly isHeld: boolean
  /** The number of the case about whom it was given to; null where there is none. */
  readonly lookBack: number | null
}

export type Findings = {
  readonly tallies: readonly Tally[]
  /** Those within reach. */
  readonly bags: readonly ReachedBag[]
}

const current = sql`left join ${bagPlace} place on place.bag_id = b.id and place.known_to is null and place."to" is null`

/** What a recall would reach now, whatever it has reached. */
export async function foundBy(db: Database | Transaction, sought: Sought, reach: Reach, limit: number) {
  const { scope, subject, lotKind, from, to, facilityId } = sought
  const asked = { subject, lotKind, from, to, facilityId, limit, within: withinOf(reach) }
  return findings(db, foundStatements[scope](asked))
}

/** What a recall has reached, as it is now. */
export async function reachedBy(db: Database | Transaction, id: number, reach: Reach, limit: number) {
  return findings(db, reachedStatement({ id, limit, within: withinOf(reach) }))
}

/** Whose bags are listed one by one, of all facilities where it is null, and how many. */
type Listed = { readonly within: string | null; readonly limit: number }

function withinOf(reach: Reach): string | null {
  return reach === 'all' ? null : `{${[...reach].join()}}`
}

const foundStatements = Object.fromEntries(
  recallScopes.map((scope) => [
    scope,
    keptStatement<Omit<Sought, 'scope'> & Listed>((given) => {
      const none = sql`select id as bag_id, null::integer as hold_id, null::integer as recall_id`
      return findingsOf(sql`${none} from (${walk(scope, given)}) w`, given)
    }),
  ]),
) as Record<RecallScope, (asked: Omit<Sought, 'scope'> & Listed) => SQL>

const reachedStatement = keptStatement<Listed & { readonly id: number }>((given) =>
  findingsOf(sql`select bag_id, hold_id, recall_id from ${recallBag} where recall_id = ${given.id}`, given),
)

type Row = Omit<ReachedBag, 'label'> & Parameters<typeof labelOf>[0]

function findingsOf(reached: SQL, { within, limit }: { readonly [Name in keyof Listed]: SQL }): SQL {
  const isWithin = (id: SQL) => sql`${id} = any(${within}::integer[])`
  return sql`
    with reached as materialized (${reached}), known as materialized (
      select b.*, place.device_id, r.recall_id, ${whereOf} as "where",
        exists (select from ${bagHold} h where h.id = r.hold_id and h.lifted_at is null) as "isHeld"
      from reached r, lateral (select * from ${bag} where id = r.bag_id offset 0) b left join lateral (
        select device_id, state from ${bagPlace}
        where bag_id = b.id and known_to is null and "to" is null limit 1
      ) place on true
    )
    select (
      select coalesce(json_agg(t), '[]') from (
        select f.code as facility, holder_id as "facilityId",
          count(*) filter (where "where" = 'inside') as inside, count(*) filter (where "where" = 'out') as out,
          count(*) filter (where "where" = 'given') as given, count(*) filter (where "where" = 'ended') as ended,
          count(*) filter (where "isHeld") as held
        from known left join ${facility} f on f.id = holder_id group by f.code, holder_id order by f.code
      ) t
    ) as tallies, (
      select coalesce(json_agg(s), '[]') from (
        select b.id as "bagId", b.identifier, b.product_code as "productCode", b.collection_type as "collectionType",
          b.division, b.state, f.code as facility, d.name as device, b."where", b."isHeld",
          (select l.id from ${lookBack} l where l.recall_id = b.recall_id and l.bag_id = b.id) as "lookBack"
        from known b left join ${facility} f on f.id = b.holder_id left join ${device} d on d.id = b.device_id
        where ${within}::integer[] is null or ${isWithin(sql`b.holder_id`)} or ${isWithin(sql`b.origin_id`)}
          or ${isWithin(sql`b.destination_id`)}
        order by b.id limit ${limit}
      ) s
    ) as bags`
}

async function findings(db: Database | Transaction, statement: SQL): Promise<Findings> {
  const { rows } = await db.execute<{ tallies: Tally[]; bags: Row[] }>(statement)
  const [row] = rows
  return {
    tallies: row?.tallies ?? [],
    bags: (row?.bags ?? []).map(({ identifier, productCode, collectionType, division, ...one }) => ({
      ...one,
      label: labelOf({ identifier, productCode, collectionType, division }),
    })),
  }
}

/** How many bags all these are. */
export function bagsIn(tallies: readonly Tally[]): number {
  return tallies.reduce((sum, { inside, out, given, ended }) => sum + inside + out + given + ended, 0)
}

/** Those of facilities within reach. */
export function talliesWithin(tallies: readonly Tally[], reach: Reach): readonly Tally[] {
  return tallies.filter(({ facilityId }) => isWithin(reach, [facilityId]))
}

/** At most so many are found. */
const mostOfAKind = 200

/** The bags held within reach that an open recall holds and that are in no device, the longest known first. */
export async function recalledOut(
  db: Database,
  reach: Reach,
): Promise<(About & { readonly since: number; readonly recall: number })[]> {
  const { rows } = await db.execute<
    Omit<Row, 'bagId'> & { bagId: string; since: number; recall: number }
  >(sql`
    select b.id as "bagId", b.identifier, b.product_code as "productCode", b.collection_type as "collectionType",
      b.division, f.code as facility, d.name as device, r.found_at as since, r.recall_id as recall
    from ${recall} one join ${recallBag} r on r.recall_id = one.id
      join ${bagHold} h on h.id = r.hold_id and h.lifted_at is null
      join ${bag} b on b.id = r.bag_id join ${facility} f on f.id = b.holder_id ${current}
      left join ${device} d on d.id = place.device_id
    where one.state = 'open' and ${whereOf} = 'out' and ${isIn(reach, sql`b.holder_id`) ?? sql`true`}
    order by r.found_at, b.id limit ${mostOfAKind}`)
  return rows.map(({ bagId, device: name, facility: code, since, recall: number, ...label }) => ({
    ...{ bagId, label: labelOf(label), device: name, since, recall: number },
    facility: code as string,
  }))
}
