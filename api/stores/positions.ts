import { sql } from 'drizzle-orm'
import { clockFault, device, deviceState } from '../../schema/tables/devices.ts'
import type { DeviceKind } from '../../schema/vocabulary.ts'
import type { Position } from '../domain/rescue-route.ts'
import type { Database, Transaction } from './database.ts'
import type { Newest } from './device-states.ts'
import { standsIn } from './devices.ts'

/** Where a device said last that it is. */
export type ToldPosition = Position & {
  readonly deviceId: number
  readonly kind: DeviceKind
  readonly facilityId: number
  /** When it was there; null where its clock is not believed. */
  readonly at: number | null
}

/** Of one device, and of all that stand in a facility, but for those that are revoked or never said it. */
export async function positionsOf(
  db: Database | Transaction,
  { deviceId, facilityId }: { readonly deviceId: number; readonly facilityId: number },
  now: number,
): Promise<ToldPosition[]> {
  const { rows } = await db.execute<{
    deviceId: number
    kind: DeviceKind
    facilityId: number
    position: NonNullable<Newest['position']>
    isBelieved: boolean
  }>(sql`
    with standing as (
      select d.id, d.kind, ${standsIn(sql`d.id`, now)} as facility_id from ${device} d where d.revoked_at is null
    )
    select d.id as "deviceId", d.kind, d.facility_id as "facilityId", s.position,
      not exists (select from ${clockFault} c where c.device_id = d.id and c.settled_by is null) as "isBelieved"
    from standing d join ${deviceState} s on s.device_id = d.id
    where (d.id = ${deviceId} or d.facility_id = ${facilityId}) and s.position is not null
    order by d.id`)
  return rows.map(({ position: { lat, lon, at, order }, isBelieved, ...told }) => ({
    ...told,
    ...{ lat, lon },
    // By the event's time, which is not the device's own where its clock was found to be wrong.
    at: isBelieved ? (order?.at ?? at) : null,
  }))
}
