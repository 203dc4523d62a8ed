import type { Context } from '../context.ts'
import { hourAt, middleOf, type TravelTime } from '../domain/transfer/travel.ts'
import { installedKinds } from '../policies/equipment.ts'
import { positionFreshMs } from '../policies/transfer.ts'
import { findFacility } from '../stores/facilities.ts'
import { positionsOf, type ToldPosition } from '../stores/positions.ts'
import { reachDevice } from './demand.ts'

export type Eta = TravelTime & {
  /** When the device was where it is reckoned from; null where nobody knows where it is. */
  readonly at: number | null
}

/**
 * How long a box or an ambulance still has to a facility, from where it said last that it is, by an `at` that is not of
 * long ago. A facility is where most of its installed devices are; of an ambulance, those that have just said so.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function etaOf(ctx: Context, device: string, facility: string): Promise<Eta> {
  const { db } = ctx.database
  const { id: deviceId } = await reachDevice(ctx, db, device, 'device.read')
  const there = await findFacility(db, facility)
  const now = ctx.now()
  const isFresh = ({ at }: ToldPosition) => at !== null && Math.abs(now - at) <= positionFreshMs
  const told = await positionsOf(db, { deviceId, facilityId: there.id }, now)
  const here = told.find((one) => one.deviceId === deviceId && isFresh(one))
  const installed = told.filter(
    (one) =>
      one.facilityId === there.id &&
      installedKinds.includes(one.kind) &&
      (there.kind !== 'ambulance' || isFresh(one)),
  )
  const [time] = await ctx.travel.minutesTo(
    [{ id: `device ${device}`, position: here ?? null }],
    { id: there.code, position: middleOf(installed) },
    hourAt(there.timeZone, now),
  )
  return { ...(time ?? { minutes: null, source: null }), at: here?.at ?? null }
}
