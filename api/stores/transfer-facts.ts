import { type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagHold } from '../../schema/tables/bags.ts'
import { device, deviceState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { bagLedger } from '../../schema/tables/ledgers.ts'
import { policy } from '../../schema/tables/policies.ts'
import { stockLevel } from '../../schema/tables/transfers.ts'
import type {
  Abo,
  Component,
  DeviceKind,
  FacilityKind,
  Jurisdiction,
  Requirement,
  Rhd,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import { requirements } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagFacts, Hold } from '../domain/bag.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { type BagFit, lacks, nothingKnown } from '../domain/crossmatch.ts'
import type { Position } from '../domain/rescue-route.ts'
import type { Keeping } from '../domain/transfer/promise.ts'
import { middleOf } from '../domain/transfer/travel.ts'
import { appendAudit } from './audit.ts'
import { type Bag, factsWith } from './bags.ts'
import { traitsOf, treatmentsOf } from './crossmatches.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { appendNews } from './news.ts'
import { camel } from './rows.ts'

/** A bag, and all that says whether it may go anywhere. */
export type StockBag = {
  readonly bag: Bag
  readonly facts: BagFacts
  readonly keeping: Keeping
  readonly treated: readonly Requirement[]
}

type Wanted =
  /** In stock and not expired: of these components, anywhere or where these facilities hold them. */
  | {
      readonly components: readonly Component[]
      readonly holders?: readonly number[]
      /** Only of these, as labelled. */
      readonly groups?: readonly BloodGroup[]
    }
  /** Whatever has become of them. */
  | { readonly ids: readonly string[] }

/**
 * Bags, by one statement: with their holds, how they were kept by what stands in their ledgers, and what was done to them. Of
 * ambulances none is found in stock: what they carry they carry for whom they meet.
 */
export async function bagsToTransfer(
  db: Database | Transaction,
  wanted: Wanted,
  now: number,
): Promise<StockBag[]> {
  const { rows } = await db.execute<{
    bag: Record<string, unknown>
    holds: Hold[]
    keeping: Keeping
    fit: Pick<BagFit, 'traits' | 'treatments'>
  }>(sql`
    select row_to_json(b) as bag,
      (select coalesce(json_agg(json_build_object('id', h.id, 'kind', h.kind, 'reason', h.reason) order by h.id), '[]')
        from ${bagHold} h where h.bag_id = b.id and h.lifted_at is null) as holds,
      case when l.verdict = 'OK' then 'OK' when l.verdict is not null then 'other'
        when exists (select from ${policy} p where p.jurisdiction = f.jurisdiction and p.component = b.component
          and p.phase = 'storage') then 'due' else 'OK' end as keeping,
      json_build_object('traits', ${traitsOf(sql`b`)}, 'treatments',
        ${treatmentsOf(sql`b`, sql`b.holder_id`, sql`${now}::bigint`)}) as fit
    from ${bag} b join ${facility} f on f.id = b.holder_id
    left join ${bagLedger} l on l.bag_id = b.id and l.known_to is null
    where ${conditionOf(wanted, now)}
    order by b.id`)
  return inTurns(rows, ({ bag: row, holds, keeping, fit }) => {
    const found = camel<Bag>(row)
    const known: BagFit = { ...nothingKnown, ...fit }
    return {
      bag: found,
      facts: factsWith(found, holds),
      keeping,
      treated: requirements.filter((requirement) => !lacks(known, requirement)),
    }
  })
}

/** A city's bags are so many that devices and scans would wait: they are let in between. */
export async function inTurns<T, U>(all: readonly T[], make: (one: T) => U): Promise<U[]> {
  const made: U[] = []
  for (const [index, one] of all.entries()) {
    if (index > 0 && index % 1_000 === 0) await new Promise(setImmediate)
    made.push(make(one))
  }
  return made
}

function conditionOf(wanted: Wanted, now: number): SQL {
  if ('ids' in wanted) return sql`b.id = any(${`{${wanted.ids.join()}}`}::uuid[])`
  const { components, holders, groups } = wanted
  const held = holders ? sql`and b.holder_id = any(${`{${holders.join()}}`}::integer[])` : sql``
  const of = groups
    ? sql`and b.abo || ' ' || b.rhd = any(${`{${groups.map(({ abo, rhd }) => `"${abo} ${rhd}"`).join()}}`}::text[])`
    : sql``
  return sql`b.state = 'available' and b.component = any(${`{${components.join()}}`}::text[])
    and b.expires_at > ${now}::bigint and f.kind <> 'ambulance' ${held} ${of}`
}

export type Site = {
  readonly id: number
  readonly code: string
  readonly name: string
  readonly kind: FacilityKind
  readonly timeZone: string
  readonly jurisdiction: Jurisdiction
  /**
   * Where most of its installed devices say they stand; where none does, most of its boxes, for one that is under way moves
   * no hospital. Of an ambulance, where one of them said so last. Null where nobody knows.
   */
  readonly position: Position | null
}

/** Every facility, by code. */
export async function allSites(db: Database | Transaction, now: number): Promise<Site[]> {
  const { rows } = await db.execute<Omit<Site, 'position'> & { readonly told: readonly Told[] | null }>(sql`
    with placed as (
      select facility_id, json_agg(json_build_object('kind', kind, 'position', position)
        order by last_received_at desc nulls last, id) as told
      from (
        select ${standsIn(sql`d.id`, now)} as facility_id, s.position, d.kind, s.last_received_at, d.id
        from ${device} d join ${deviceState} s on s.device_id = d.id
        where d.revoked_at is null and s.position is not null
      ) standing group by facility_id
    )
    select f.id, f.code, f.name, f.kind, f.time_zone as "timeZone", f.jurisdiction, p.told
    from ${facility} f left join placed p on p.facility_id = f.id order by f.code`)
  return rows.map(({ told, ...site }) => ({ ...site, position: whereStands(site.kind, told ?? []) }))
}

type Told = { readonly kind: DeviceKind; readonly position: Position }

/** @param told the newest word first */
function whereStands(kind: FacilityKind, told: readonly Told[]): Position | null {
  const installed = told.filter((one) => one.kind !== 'box')
  const [newest = null, ...others] = (installed.length > 0 ? installed : told).map(({ position }) => position)
  return newest && kind !== 'ambulance' ? middleOf([newest, ...others]) : newest
}

export type Cell = {
  readonly component: Component
  readonly abo: Abo
  readonly rhd: Rhd
  readonly uom: UnitOfMeasure
}

export type Level = Cell & {
  readonly facilityId: number
  readonly target: number
  readonly minimum: number
  readonly critical: number
  readonly at: number
}

/** What facilities keep, as each said last. */
export async function levelsOf(
  db: Database | Transaction,
  { facilityId, components }: { readonly facilityId?: number; readonly components?: readonly Component[] },
): Promise<Level[]> {
  const there = facilityId === undefined ? sql`true` : sql`facility_id = ${facilityId}`
  const of = components ? sql`component = any(${`{${components.join()}}`}::text[])` : sql`true`
  const { rows } = await db.execute<Level>(sql`
    select distinct on (facility_id, component, abo, rhd, uom) facility_id as "facilityId", component, abo, rhd, uom,
      target, minimum, critical, at
    from ${stockLevel} where ${there} and ${of}
    order by facility_id, component, abo, rhd, uom, id desc`)
  return rows
}

/** Say what a facility keeps from now on, of each component and group that is named. */
export async function insertLevels(
  tx: Transaction,
  actor: Actor,
  { id: facilityId, code }: { readonly id: number; readonly code: string },
  levels: readonly Omit<Level, 'facilityId' | 'at'>[],
  now: number,
): Promise<void> {
  if (levels.length === 0) return
  const before = await levelsOf(tx, { facilityId })
  await tx.insert(stockLevel).values(levels.map((level) => ({ ...level, facilityId, at: now, actor })))
  await appendAudit(tx, actor, {
    at: now,
    action: 'facility.stock_levels_set',
    subjectKind: 'facility',
    subject: code,
    before: { levels: before.map(({ facilityId: _, ...level }) => level) },
    after: { levels },
  })
  await appendNews(tx, [
    { at: now, kind: 'facility.stock_levels_set', subject: code, facilityIds: [facilityId], data: {} },
  ])
}

export type Used = Cell & {
  readonly facilityId: number
  readonly amount: number
  /** What of it was given to patients. */
  readonly given: number
  readonly bags: number
  /** When the first of them was. */
  readonly firstAt: number
}

/**
 * What was handed out, thrown away or expired of these components since then, by who held it last.
 *
 * @param holders only what these held; left out: anywhere
 */
export async function usedSince(
  db: Database | Transaction,
  components: readonly Component[],
  since: number,
  now: number,
  holders?: readonly number[],
): Promise<Used[]> {
  const there = holders
    ? sql`b.holder_id = any(${`{${holders.join()}}`}::integer[])`
    : sql`b.holder_id is not null`
  // What was used since then was in date then, or was thrown away soon after it expired: so the index of holders serves.
  const { rows } = await db.execute<Used>(sql`
    with used as materialized (
      select b.holder_id, b.component, b.abo, b.rhd, b.uom, b.amount, b.state,
        case when b.state = 'available' then b.expires_at else (
          select min(e.at) from ${bagEvent} e where e.bag_id = b.id and e.at > ${since}::bigint
            and e.verb in ('issue', 'transfuse', 'start_transfusion', 'discard')) end as at
      from ${bag} b
      where ${there} and b.component = any(${`{${components.join()}}`}::text[])
        and b.abo is not null and b.amount is not null and b.expires_at > ${since - (now - since)}::bigint
        and (b.state in ('issued', 'transfused', 'discarded')
          or (b.state = 'available' and b.expires_at > ${since}::bigint and b.expires_at <= ${now}::bigint))
    )
    select holder_id as "facilityId", component, abo, rhd, uom, sum(amount) as amount,
      coalesce(sum(amount) filter (where state in ('issued', 'transfused')), 0) as given,
      count(*)::integer as bags, min(at) as "firstAt"
    from used where at is not null
    group by 1, 2, 3, 4, 5`)
  return rows
}
