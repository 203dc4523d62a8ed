import { type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagLineage, bagPlace, donation } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { bagLot, type recall, recallBag } from '../../schema/tables/recalls.ts'
import type { RecallScope } from '../../schema/vocabulary.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'

/*
 * Which bags a recall is about: forwards from a donor to all that was made of what they gave, backwards from a patient to
 * the donors, and sideways by a lot, a device or a box. One statement, by indexes, so that the whole city is seconds.
 */

/** What is called back. */
export type Sought = Pick<
  typeof recall.$inferSelect,
  'scope' | 'subject' | 'lotKind' | 'from' | 'to' | 'facilityId'
>

/** The same, or what stands for it in a statement that is made before anybody asks. */
export type Given = { readonly [Name in Exclude<keyof Sought, 'scope'>]: Sought[Name] | SQL }

type Start = {
  /** Named queries it goes by, each with a comma behind it. */
  readonly first: SQL
  /** The bags it begins with: those made of them are added. */
  readonly bags: SQL
  /** What does not count. */
  readonly but?: SQL
}

const isWithin = (at: SQL, { from, to }: Given) =>
  sql`${at} >= coalesce(${from}::bigint, ${at}) and (${to}::bigint is null or ${at} < ${to}::bigint)`

/*
 * Each step looks its rows up by an index, whatever the planner thinks of how many there will be: `offset 0` keeps it from
 * reading a whole table for a few of its rows, or for the thousands that a recall may well be about.
 */

/** The bags of the donations `dins` names, be they registered as of these or by their label alone. */
const bagsOfDins = sql`
  select b.id from dins, lateral (
    select id from ${bag} where scheme = dins.scheme and identifier = dins.identifier offset 0
  ) b
  union
  select b.id from dins, lateral (
    select id from ${donation} where scheme = dins.scheme and identifier = dins.identifier offset 0
  ) d, lateral (select id from ${bag} where donation_id = d.id offset 0) b`

/** Was it in a device, or last seen in it with nobody knowing since, at some time of the span? */
const placedIn = (sought: Given) => sql`
  select place.bag_id from ${bagPlace} place join ${device} d on d.id = place.device_id
  where d.name = ${sought.subject} and place.known_to is null and place.state in ('inside', 'unknown')
    and (${sought.to}::bigint is null or place."from" < ${sought.to}::bigint)
    and (place."to" is null or place."to" > ${sought.from}::bigint)`

const starts: Readonly<Record<RecallScope, (sought: Given) => Start>> = {
  donor: (sought) => ({
    first: sql`dins (scheme, identifier) as (
      select scheme, identifier from ${donation}
      where donor = ${sought.subject} and facility_id = ${sought.facilityId}
        and ${isWithin(sql`collected_at`, sought)}
    ), `,
    bags: bagsOfDins,
  }),
  donation: ({ subject }) => ({
    first: sql`dins (scheme, identifier) as (values ('ISBT128', ${subject}::text)), `,
    bags: bagsOfDins,
  }),
  lot: ({ subject, lotKind }) => ({
    first: sql``,
    bags: sql`select bag_id from ${bagLot} where number = ${subject}
      and kind = coalesce(${lotKind}::text, kind)`,
  }),
  device: (sought) => ({ first: sql``, bags: placedIn(sought) }),
  // Who packs it says so when the bag is sent; who only put it in is told by its tag.
  box: (sought) => ({
    first: sql``,
    bags: sql`${placedIn(sought)}
      union
      select sent.bag_id from ${bagEvent} sent
      where sent.verb = 'distribute' and sent.data->>'box' = ${sought.subject}
        and (${sought.to}::bigint is null or sent.at < ${sought.to}::bigint)
        and not exists (
          select from ${bagEvent} out where out.bag_id = sent.bag_id and out.version > sent.version
            and out.verb in ('receive', 'refuse', 'recall_shipment') and out.at <= ${sought.from}::bigint)`,
  }),
  bag: ({ subject }) => ({ first: sql``, bags: sql`select id from ${bag} where id = ${subject}::uuid` }),
  // Of what the patient was given: whoever gave any of it, and all else these ever gave.
  patient: (sought) => ({
    first: sql`given (id) as (${givenTo(sought)}),
      line (id) as (
        select id from given union select parent_id from ${bagLineage} join line on child_id = line.id
      ), named (scheme, identifier) as (
        select b.scheme, b.identifier from line join ${bag} b on b.id = line.id
        union
        select d.scheme, d.identifier from line join ${bag} b on b.id = line.id
          join ${donation} d on d.id = b.donation_id
      ), dins (scheme, identifier) as (
        select scheme, identifier from named
        union
        select other.scheme, other.identifier
        from named join ${donation} d on d.scheme = named.scheme and d.identifier = named.identifier
          join ${donation} other on other.donor = d.donor and other.facility_id = d.facility_id
      ), `,
    bags: bagsOfDins,
    but: sql`id not in (select id from given)`,
  }),
}

/** What a patient was given where they are known by this pseudonym. */
export function givenTo(sought: Given): SQL {
  return sql`select e.bag_id from ${bagEvent} e join ${bag} b on b.id = e.bag_id
    where e.verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')
      and e.data->>'patient' = ${sought.subject} and b.holder_id = ${sought.facilityId}
      and ${isWithin(sql`e.at`, sought)}`
}

/** A query of the ids of all bags that are sought, with what was made of them, to stand in parentheses. */
export function walk(scope: RecallScope, sought: Given): SQL {
  const { first, bags, but = sql`true` } = starts[scope](sought)
  return sql`
    with recursive ${first}family (id) as (
      ${bags}
      union
      select made.child_id from family, lateral (
        select child_id from ${bagLineage} where parent_id = family.id offset 0
      ) made
    ) select id from family where ${but}`
}

/** A recall that stands. */
export type Standing = Sought & { readonly id: number }

/** The bags of an open recall that it has not reached yet. */
export async function unreached(db: Database | Transaction, one: Standing): Promise<string[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    ${kept}
    select id from (${walk(one.scope, one)}) sought
    where not exists (select from ${recallBag} r where r.recall_id = ${one.id} and r.bag_id = sought.id)`)
  return rows.map(({ id }) => id)
}
