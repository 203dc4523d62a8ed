import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagPlace } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { transfusion } from '../../schema/tables/ends.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { policy } from '../../schema/tables/policies.ts'
import {
  type BagState,
  type BagVerb,
  type Component,
  type Standing,
  standings,
} from '../../schema/vocabulary.ts'
import type { FateRules } from '../domain/fate.ts'
import { onShelf } from '../domain/lifecycle.ts'
import type { Reach } from '../domain/rights.ts'
import { happenedAt, labelOf } from './bags.ts'
import type { Database } from './database.ts'
import { jurisdictionAt } from './facilities.ts'
import { isIn } from './rows.ts'
import type { About } from './tasks.ts'

/** So many of a kind are found at most. */
const mostOfAKind = 200

/** A closed list of states as SQL, spelt out for a partial index to serve. */
function among(states: readonly BagState[]): SQL {
  return sql.raw(`(${states.map((state) => `'${state}'`).join(', ')})`)
}

/** Whoever's life is not over: in the words of the index `bag_living`. */
const isLiving = sql`${bag.state} not in ${sql.raw(`('processed', 'transfused', 'discarded')`)}`

/** A bag a worklist has, and what says since when. */
export type Waiting = About & {
  readonly state: BagState
  readonly component: Component
  readonly expiresAt: number
  readonly reservedUntil: number | null
  /** By what the worklist goes. */
  readonly at: number
}

/** What is chosen, by what it goes, and what stands first. */
type Choice = {
  readonly where: SQL | undefined
  readonly at: SQL<number>
}

async function choose(db: Database, reach: Reach, { where, at }: Choice): Promise<Waiting[]> {
  const rows = await db
    .select({ bag, at, device: device.name, facility: facility.code })
    .from(bag)
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .leftJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .leftJoin(device, eq(device.id, bagPlace.deviceId))
    .where(and(isIn(reach, bag.holderId), where))
    .orderBy(at, bag.id)
    .limit(mostOfAKind)
  return rows.map(({ bag: row, at, ...where }) => ({
    ...where,
    bagId: row.id,
    label: labelOf(row),
    state: row.state,
    component: row.component,
    expiresAt: row.expiresAt,
    reservedUntil: row.reservedUntil,
    at,
  }))
}

/** When a bag was last done to what brought it where it is. */
const last = (...verbs: readonly BagVerb[]) =>
  sql<number>`(
  select max(${happenedAt}) from ${bagEvent} e
  where e.bag_id = ${bag.id} and e.verb in ${sql.raw(`(${verbs.map((verb) => `'${verb}'`).join(', ')})`)}
)`.mapWith(Number)

/** Transfusions that began before then, and whose end nobody has told. */
export function transfusionsUnderWay(db: Database, reach: Reach, before: number): Promise<Waiting[]> {
  const at = sql<number>`(select t.started_at from ${transfusion} t where t.bag_id = ${bag.id})`.mapWith(
    Number,
  )
  const open = sql`${bag.id} in (
    select t.bag_id from ${transfusion} t where not t.is_over and t.started_at <= ${before}
  )`
  return choose(db, reach, { where: open, at })
}

/** Bags that were issued in [from, until], and of which nothing was told since. */
export function issuedSince(db: Database, reach: Reach, from: number, until: number): Promise<Waiting[]> {
  const at = last('issue')
  const where = sql`${bag.state} = ${sql.raw(`'issued'`)} and ${at} between ${from} and ${until}`
  return choose(db, reach, { where, at })
}

/** Bags that came back and wait to be looked at. */
export function returnedBags(db: Database, reach: Reach, now: number): Promise<Waiting[]> {
  const where = sql`${bag.state} = ${sql.raw(`'returned'`)} and ${bag.expiresAt} > ${now}`
  return choose(db, reach, { where, at: last('return', 'refuse') })
}

/** Bags that are kept for a patient until some time in (now, until]. */
export function reservationsEnding(
  db: Database,
  reach: Reach,
  now: number,
  until: number,
): Promise<Waiting[]> {
  const where = sql`${bag.reservedFor} is not null and ${bag.reservedUntil} > ${now} and ${bag.reservedUntil} <= ${until}
    and ${bag.state} = ${sql.raw(`'available'`)}`
  return choose(db, reach, { where, at: sql<number>`${bag.reservedUntil}`.mapWith(Number) })
}

/** Bags that may be used still and expire in (now, until]. */
export function expiring(db: Database, reach: Reach, now: number, until: number): Promise<Waiting[]> {
  const where = sql`${isLiving} and ${bag.expiresAt} > ${now} and ${bag.expiresAt} <= ${until}
    and ${bag.state} = ${sql.raw(`'available'`)}`
  return choose(db, reach, { where, at: sql<number>`${bag.expiresAt}`.mapWith(Number) })
}

/** Bags on a shelf that have expired, by `now` and not before `unknownAt`. */
export function expiredOnShelf(
  db: Database,
  reach: Reach,
  now: number,
  unknownAt: number,
): Promise<Waiting[]> {
  const where = sql`${isLiving} and ${bag.state} in ${among(onShelf)} and ${bag.expiresAt} <= ${now}
    and ${bag.expiresAt} > ${unknownAt}`
  return choose(db, reach, { where, at: sql<number>`${bag.expiresAt}`.mapWith(Number) })
}

/** Bags that have no fate, and expired by `unknownAt`. */
export function withoutFate(db: Database, reach: Reach, unknownAt: number): Promise<Waiting[]> {
  const where = sql`${isLiving} and ${bag.expiresAt} <= ${unknownAt}`
  return choose(db, reach, { where, at: sql<number>`${bag.expiresAt}`.mapWith(Number) })
}

/** What bounds a journey of a bag that departed at `at`, ms: the policy in force then, or null. */
function journeyMs(of: { readonly jurisdiction: SQL; readonly component: SQL; readonly at: SQL }): SQL {
  // `inForce` in SQL: before the first version the first is used.
  return sql`(
    select p.longest_ms from ${policy} p
    where p.phase = ${sql.raw(`'transport'`)} and p.component = ${of.component} and p.jurisdiction = ${of.jurisdiction}
    order by p.effective_from <= ${of.at} desc, abs(p.effective_from - ${of.at}) limit 1
  )`
}

type JourneyRules = Pick<FateRules, 'departsMs' | 'journeyMs'>

/** Bags that were sent and have not departed, or have not come, for longer than they may; told at both ends. */
export async function journeysOverdue(
  db: Database,
  reach: Reach,
  { departsMs, journeyMs: usualMs }: JourneyRules,
  now: number,
): Promise<(Waiting & { readonly limitMs: number })[]> {
  const within = isIn(reach, sql`b.holder_id`)
  const awaited = isIn(reach, sql`b.destination_id`)
  const { rows } = await db.execute<
    Omit<Waiting, 'label'> & { limitMs: number } & Parameters<typeof labelOf>[0]
  >(sql`
    select b.id as "bagId", b.identifier, b.product_code as "productCode", b.collection_type as "collectionType", b.division,
      b.state, b.component, b.expires_at as "expiresAt", b.reserved_until as "reservedUntil", d.name as device,
      f.code as facility, sent.at, sent."limitMs"
    from ${bag} b join ${facility} f on f.id = b.holder_id
    left join ${bagPlace} p on p.bag_id = b.id and p.known_to is null and p."to" is null
    left join ${device} d on d.id = p.device_id
    cross join lateral (
      select max(e.at) as at from ${bagEvent} e
      where e.bag_id = b.id and e.verb = case b.state when 'distributed' then 'distribute' else 'depart' end
    ) departed
    cross join lateral (
      select departed.at, case b.state when 'distributed' then ${departsMs}::bigint else coalesce(${journeyMs(
        {
          jurisdiction: jurisdictionAt(sql`b.holder_id`),
          component: sql`b.component`,
          at: sql`departed.at`,
        },
      )}, ${usualMs}::bigint) end as "limitMs"
    ) sent
    where (b.state = 'distributed' or b.state in ('in_transit', 'arrived'))
      and sent.at + sent."limitMs" <= ${now} ${within ? sql`and (${within} or ${awaited})` : sql``}
    order by sent.at, b.id limit ${mostOfAKind}`)
  return rows.map(({ identifier, productCode, collectionType, division, ...row }) => ({
    ...row,
    label: labelOf({ identifier, productCode, collectionType, division }),
  }))
}

/** How many bags stand where in being traced, at one facility; null where nobody answers for them. */
export type Tally = { readonly facility: string | null } & Readonly<Record<Standing, number>>

/**
 * How many bags stand where in being traced, at each facility within reach: `standingOf` in SQL, in one statement. What has
 * a fate is counted in an index of its own, and what has none found by another; only of what is handed out or under way,
 * which is little, the events are asked.
 */
export async function traceTallies(
  db: Database,
  reach: Reach,
  { bedsideMs, presumedMs, departsMs, journeyMs: usualMs, unknownMs }: FateRules,
  now: number,
): Promise<Tally[]> {
  const within = isIn(reach, sql`b.holder_id`)
  const kept = within ? sql`and ${within}` : sql``
  const fated = sql.raw(`('processed', 'transfused', 'discarded')`)
  const { rows } = await db.execute<Tally>(sql`
    with counted as (
      select b.holder_id, 'fate' as standing, count(*) as bags
      from ${bag} b where b.state in ${fated} ${kept} group by 1
      union all
      select b.holder_id, case
          when b.holder_id is null then 'rest'
          when b.expires_at <= ${now - unknownMs} then 'fate_unknown'
          when b.expires_at <= ${now} then 'expired_on_shelf'
          when b.state = 'returned' then 'return_to_inspect'
          else 'in_stock'
        end, count(*)
      from ${bag} b where b.state not in ${fated} and b.state in ${among(onShelf)} ${kept} group by 1, 2
      union all
      select b.holder_id, case
          when b.holder_id is null then 'rest'
          when b.expires_at <= ${now - unknownMs} then 'fate_unknown'
          when last.at is null then 'rest'
          when b.state = 'issued' then case
            when last.at <= ${now - presumedMs} then 'presumed_transfused'
            when last.at <= ${now - bedsideMs} then 'bedside_missing'
            else 'in_use' end
          when last.at + case b.state when 'distributed' then ${departsMs}::bigint else coalesce(${journeyMs({
            jurisdiction: jurisdictionAt(sql`b.holder_id`),
            component: sql`b.component`,
            at: sql`last.at`,
          })}, ${usualMs}::bigint) end <= ${now} then 'journey_overdue'
          else 'under_way'
        end, count(*)
      from ${bag} b cross join lateral (
        select max(${happenedAt}) as at from ${bagEvent} e where e.bag_id = b.id
          and e.verb = case b.state when 'issued' then 'issue' when 'distributed' then 'distribute' else 'depart' end
      ) last
      where b.state in ('issued', 'distributed', 'in_transit', 'arrived') ${kept} group by 1, 2
    )
    select f.code as facility, ${sql.raw(
      standings
        .map(
          (standing) =>
            `coalesce(sum(bags) filter (where standing = '${standing}'), 0)::float8 as ${standing}`,
        )
        .join(', '),
    )}
    from counted left join ${facility} f on f.id = counted.holder_id
    group by f.code order by f.code nulls last`)
  return rows
}
