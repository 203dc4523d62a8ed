import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { dueForDevices, ever } from '../stores/ledger-due.ts'
import { appendPlacement, lockForMove } from '../stores/placements.ts'
import { signalDevice } from '../stores/signals.ts'
import { configureDevice } from './configure-devices.ts'
import { demandRight, reachDevice } from './demand.ts'

/**
 * Say that a device stands at another facility from an instant on, now where none is said, by who manages devices at
 * both. It may be told late, for it is of the world: what the device measured before it moved it measured where it stood
 * then. Not of what is still to come, nor of before it came where it stands.
 *
 * Who may see it goes by where it stands now, its past with it; alarms that last go with it (`watch-alarms.ts`), those
 * that are over stay where they were raised. Bags go on being held by who held them: those inside are seen elsewhere until
 * somebody fetches them, or has them sent and received. All that were inside since are judged again. Where other policies
 * are in force the device is told its limits anew.
 *
 * @throws Refusal `not_found`, `forbidden`, `invalid_request` for an instant still to come, `conflict`
 */
export async function moveDevice(
  ctx: Context,
  input: {
    readonly device: string
    readonly facility: string
    readonly at?: number | undefined
    readonly reason: string
  },
): Promise<{ readonly facility: string; readonly from: number }> {
  const now = ctx.now()
  const { facility, at: from = now, reason } = input
  return ctx.database.db.transaction(async (tx) => {
    const { id } = await reachDevice(ctx, tx, input.device, 'device.manage')
    const { id: facilityId } = await findFacility(tx, facility)
    demandRight(ctx, 'device.manage', [facilityId], noFacility(facility))
    if (from > now)
      throw new Refusal('invalid_request', `at: ${new Date(from).toISOString()} is still to come`)
    await lockForMove(tx, id)
    // Another move may have been first, and taken it out of reach.
    const device = await reachDevice(ctx, tx, input.device, 'device.manage')
    await appendPlacement(tx, ctx.actor, device, { facilityId, facility, from }, { reason, now })
    await dueForDevices(tx, [{ deviceId: id, from, to: ever.to }], now)
    await signalDevice(tx, { device: device.name, disconnect: false })
    await configureDevice(tx, ctx.actor, device.name, now)
    return { facility, from }
  })
}
