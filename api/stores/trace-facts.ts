import { type SQL, sql } from 'drizzle-orm'
import {
  bag,
  bagEvent,
  bagLineage,
  donation,
  inventory,
  sighting,
  tagAssignment,
} from '../../schema/tables/bags.ts'
import { probeFault } from '../../schema/tables/derived.ts'
import {
  boot,
  clockFact,
  clockFault,
  device,
  devicePlacement,
  deviceProfile,
  probe,
  probeState,
} from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { message } from '../../schema/tables/messages.ts'
import type { Place } from '../domain/place.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Bag, noBag } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import type { KnownDevice } from './device-reads.ts'
import { newestPolicy } from './policies.ts'
import { keptStatement } from './pool.ts'
import { camel } from './rows.ts'
import { placesFrom, type Seen } from './sightings.ts'

/*
 * What a trace is made of but for policies and readings, in one statement: of a bag, and of all whose account it goes on
 * with. Rows come as JSON.
 */

/** A bag's own life. */
export type TracedLife = {
  readonly bag: Bag
  /** What it was made of. */
  readonly parents: readonly { readonly id: string; readonly resetsExposure: boolean }[]
  /** When it last came to be in the state it is in, ms UTC; null where it never was in another. */
  readonly stateSince: number | null
  /** When the donor gave; null of a bag that was registered by its label alone. */
  readonly donatedAt: number | null
  /** Where it was, oldest first. */
  readonly places: readonly (Place & { readonly device: string })[]
}

export type TraceFacts = {
  /** By the bag's id. */
  readonly lives: ReadonlyMap<string, TracedLife>
  /** Those that saw any of these bags. */
  readonly devices: readonly KnownDevice[]
  /** The number of the newest: `policyBook` asks for it. */
  readonly newestPolicy: number
}

/** @throws Refusal `not_found` */
export async function traceFacts(db: Database | Transaction, bagId: string): Promise<TraceFacts> {
  const { rows } = await db.execute<Row>(traceStatement({ bagId }))
  const { lives, devices, newest, ...seen } = rows[0] as Row
  if (lives.length === 0) throw new Refusal('not_found', noBag(bagId))
  const clocks = new Map(devices.map((one) => [one.id, { facts: one.clockFacts, faults: one.clockFaults }]))
  const names = new Map(devices.map(({ id, name }) => [id, name]))
  const placesOf = placesFrom({ ...seen, clocks })
  const known = lives.map(({ bag: row, ...life }) => {
    const of = camel<Bag>(row)
    const places = (placesOf.get(of.id) ?? []).map((place) => ({
      ...place,
      device: names.get(place.deviceId) as string,
    }))
    return [of.id, { ...life, bag: of, places }] as const
  })
  return { lives: new Map(known), devices, newestPolicy: newest }
}

type Row = Omit<Seen, 'clocks'> & {
  readonly lives: readonly (Omit<TracedLife, 'bag' | 'places'> & { readonly bag: Record<string, unknown> })[]
  readonly devices: readonly KnownDevice[]
  readonly newest: number
}

const all = (rows: SQL) => sql`(select coalesce(json_agg(r), '[]') from (${rows}) r)`

// Each step looks its rows up by an index, however many the planner expects: `offset 0` keeps it from reading a whole table.
const traceStatement = keptStatement<{ readonly bagId: string }>(
  ({ bagId }) => sql`
  with recursive line (id) as (
    select ${bagId}::uuid
    union
    select made.parent_id from line, lateral (
      select parent_id from ${bagLineage} where child_id = line.id and not resets_exposure offset 0
    ) made
  ), assigned as materialized (
    select tagged.* from line, lateral (select * from ${tagAssignment} where bag_id = line.id offset 0) tagged
  ), seen as materialized (
    select told.* from (select distinct tag from assigned) one,
      lateral (select * from ${sighting} where tag = one.tag offset 0) told
  ), saw as materialized (
    select d.* from (select distinct device_id from seen) one,
      lateral (select * from ${device} where id = one.device_id offset 0) d
  )
  select ${newestPolicy} as newest,
    ${all(sql`
      select row_to_json(b) as bag,
        ${all(sql`
          select parent_id as id, resets_exposure as "resetsExposure" from ${bagLineage}
          where child_id = b.id order by parent_id`)} as parents,
        (
          select at from ${bagEvent} where bag_id = b.id and "to" = b.state and "from" is distinct from "to"
          order by version desc limit 1
        ) as "stateSince",
        (select collected_at from ${donation} where id = b.donation_id) as "donatedAt"
      from line, lateral (select * from ${bag} where id = line.id offset 0) b`)} as lives,
    ${all(sql`select id, tag, bag_id as "bagId", "from", "to", vouched_from as "vouchedFrom" from assigned`)} as assigned,
    ${all(sql`
      select seen.id, tag, kind, source, seen.device_id as "deviceId", at, boot_id as "bootId", boot.boot, seq, element,
        received_at as "receivedAt"
      from seen left join ${boot} on boot.id = seen.boot_id`)} as seen,
    ${all(sql`
      select i.boot_id as "bootId", boot.boot, i.seq, i.device_id as "deviceId", i.at, m.received_at as "receivedAt"
      from saw, lateral (select * from ${inventory} where device_id = saw.id offset 0) i
        join ${boot} on boot.id = i.boot_id left join lateral (
          select received_at from ${message} where boot_id = i.boot_id and seq = i.seq offset 0
        ) m on true`)} as inventories,
    ${all(sql`
      select saw.id, saw.name, saw.kind,
        ${all(sql`
          select "from", low, high, max_silence_ms as "maxSilenceMs", physical_low as "physicalLow",
            physical_high as "physicalHigh"
          from ${deviceProfile} where device_id = saw.id order by "from"`)} as profiles,
        ${all(sql`
          select p."from", f.code as facility, f.id as "facilityId"
          from ${devicePlacement} p join ${facility} f on f.id = p.facility_id
          where p.device_id = saw.id order by p."from"`)} as placements,
        ${all(sql`
          select f.id, boot.boot, from_seq as "fromSeq", to_seq as "toSeq", offset_ms as "offsetMs"
          from ${clockFact} f join ${boot} on boot.id = f.boot_id where f.device_id = saw.id`)} as "clockFacts",
        ${all(sql`
          select boot.boot, f.kind, from_seq as "fromSeq", to_seq as "toSeq",
            measured_offset_ms as "measuredOffsetMs", raised_at as "raisedAt", settled_by is not null as settled
          from ${clockFault} f join ${boot} on boot.id = f.boot_id
          where f.device_id = saw.id order by f.id`)} as "clockFaults",
        ${all(sql`
          select p.id, p.kind, s.first_at as "firstAt",
            ${all(sql`
              select f."from", f."to" from ${probeFault} f
              where f.probe_id = p.id and f.known_to is null order by f."from", f.kind`)} as faults
          from ${probe} p join ${probeState} s on s.probe_id = p.id
          where p.device_id = saw.id order by p.id`)} as probes
      from saw`)} as devices`,
)
