import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type { PowerElement } from '../../schema/messages.ts'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { bag, bagPlace } from '../../schema/tables/bags.ts'
import { excursion, gap } from '../../schema/tables/derived.ts'
import {
  clockFault,
  device,
  deviceDefrost,
  deviceProfile,
  deviceState,
  probe,
  probeState,
} from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { rescueMove } from '../../schema/tables/rescues.ts'
import type { Component, DeviceKind } from '../../schema/vocabulary.ts'
import { living } from '../domain/lifecycle.ts'
import type { Position, Standing } from '../domain/rescue-route.ts'
import type { Bag } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { calibrationRunsOut } from './equipment.ts'
import { isOneOf } from './rows.ts'

/** The bags that are inside a device, and nobody has used, thrown away or made others of. */
export async function bagsToRescue(db: Database | Transaction, deviceId: number): Promise<Bag[]> {
  const rows = await db
    .select({ bag })
    .from(bag)
    .innerJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .where(and(eq(bagPlace.deviceId, deviceId), eq(bagPlace.state, 'inside'), isOneOf(bag.state, living)))
    .orderBy(asc(bag.id))
  return rows.map((row) => row.bag)
}

/** Every device that is not revoked, and where it stands now. */
export async function standings(db: Database | Transaction, now: number): Promise<Standing[]> {
  const { rows } = await db.execute<{ id: number; facilityId: number; position: Position | null }>(sql`
    select d.id, ${standsIn(sql`d.id`, now)} as "facilityId", s.position
    from ${device} d left join ${deviceState} s on s.device_id = d.id
    where d.revoked_at is null order by d.id`)
  return rows
}

/** All that speaks for and against a device that bags might be carried to, as it is stored. */
export type HostRow = {
  readonly id: number
  readonly name: string
  readonly kind: DeviceKind
  readonly facilityId: number
  readonly facility: string
  readonly isRetired: boolean
  readonly low: number
  readonly high: number
  readonly maxSilenceMs: number
  readonly capacity: number | null
  readonly power: PowerElement | null
  readonly isOffline: boolean
  readonly isInAlarm: boolean
  /** Its clock is not believed, so that nothing is known of when it measured what. */
  readonly hasClockFault: boolean
  /** When the first declared defrost that is not over begins, or began; null where none is declared. */
  readonly defrostsFrom: number | null
  /** When its newest excursion or gap ended; null where it never had one. */
  readonly doubtedAt: number | null
  readonly probes: readonly {
    readonly kind: 'load' | 'air'
    readonly at: number
    readonly centi: number
    readonly receivedAt: number
    /** When its newest calibration runs out; null where there is none. */
    readonly calibratedUntil: number | null
  }[]
  /** How many bags are inside or on their way to it, each once, and of what. */
  readonly bags: number
  readonly components: readonly Component[]
}

/** These devices, by one statement. */
export async function hostRows(
  db: Database | Transaction,
  ids: readonly number[],
  now: number,
): Promise<readonly HostRow[]> {
  const own = sql`from ${probe} p join ${probeState} s on s.probe_id = p.id
    where p.device_id = d.id and p.kind in ('load', 'air')`
  const { rows } = await db.execute<HostRow>(sql`
    with asked as (
      select d.*, ${standsIn(sql`d.id`, now)} as facility_id from ${device} d
      where d.id = any(${`{${ids.join()}}`}::integer[])
    ), held as (
      select p.device_id, p.bag_id from asked join ${bagPlace} p on p.device_id = asked.id
      where p.known_to is null and p."to" is null and p.state = 'inside'
      union
      select m.to_id, m.bag_id from asked join ${rescueMove} m on m.to_id = asked.id
      join ${bag} b on b.id = m.bag_id
      where m.state = 'intended' and b.state = any(${`{${living.join()}}`}::text[])
    )
    select d.id, d.name, d.kind, d.facility_id as "facilityId", f.code as facility,
      d.revoked_at is not null as "isRetired", profile.low, profile.high, profile.max_silence_ms as "maxSilenceMs",
      d.capacity, state.power, coalesce(state.status = 'offline', false) as "isOffline",
      exists (select from ${alarmCase} c where c.device_id = d.id and c.closed_at is null) as "isInAlarm",
      exists (select from ${clockFault} c where c.device_id = d.id and c.settled_by is null) as "hasClockFault",
      (select min(x."from") from ${deviceDefrost} x where x.device_id = d.id and x."to" > ${now}::bigint) as "defrostsFrom",
      greatest(
        (select max(coalesce(x."to", ${now}::bigint)) from ${excursion} x join ${probe} p on p.id = x.probe_id
         where p.device_id = d.id and p.kind in ('load', 'air') and x.known_to is null),
        (select max(g."to") from ${gap} g join ${probe} p on p.id = g.probe_id
         where p.device_id = d.id and p.kind in ('load', 'air') and g.known_to is null)
      ) as "doubtedAt",
      (select coalesce(json_agg(json_build_object(
        'kind', p.kind, 'at', s.last_at, 'centi', s.last_centi, 'receivedAt', s.last_received_at,
        'calibratedUntil', ${calibrationRunsOut(sql`p.device_id`, sql`p.kind`)})), '[]') ${own}) as probes,
      (select count(*) from held where held.device_id = d.id) as bags,
      (select coalesce(json_agg(distinct b.component), '[]') from held join ${bag} b on b.id = held.bag_id
       where held.device_id = d.id) as components
    from asked d join ${facility} f on f.id = d.facility_id
    left join ${deviceState} state on state.device_id = d.id,
    lateral (
      select * from ${deviceProfile} p where p.device_id = d.id
      order by p."from" <= ${now} desc, abs(p."from" - ${now}) limit 1
    ) profile
    order by d.id`)
  return rows
}
