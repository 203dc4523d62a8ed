import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { labelOf } from '../stores/bags.ts'
import { findDevice, markRevoked } from '../stores/devices.ts'
import { appendNews } from '../stores/news.ts'
import { bagsToRescue } from '../stores/rescue-facts.ts'
import { signalDevice } from '../stores/signals.ts'
import { reachDevice } from './demand.ts'

/**
 * Believe a device no longer: its connection ends and no secret of it opens another. What it sent stays.
 *
 * Nobody hears any more how cold it is: bags inside are in doubt from its last reading on, a task each until they are seen
 * elsewhere, and who holds them is told at once. What it alarmed for stays open, for nobody can say that it is over; it is
 * a silence to be paged only while bags are inside.
 */
export async function revokeDevice(
  ctx: Context,
  input: { readonly device: string; readonly reason: string },
): Promise<{ readonly revokedAt: number; readonly bagsInside: number }> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const { id, name, placements } = await reachDevice(ctx, tx, input.device, 'device.manage')
    const isNew = await markRevoked(tx, ctx.actor, name, input.reason, now)
    const inside = await bagsToRescue(tx, id)
    if (isNew) {
      const { facilityId } = inForce(placements, now)
      // Each holder is told of its own bags only.
      const told = new Set([facilityId, ...inside.map(({ holderId }) => holderId ?? facilityId)])
      await appendNews(
        tx,
        [...told].map((one) => {
          const bags = inside
            .filter(({ holderId }) => (holderId ?? facilityId) === one)
            .map((bag) => ({ bagId: bag.id, label: labelOf(bag) }))
          return { at: now, kind: 'device.revoked', subject: name, facilityIds: [one], data: { bags } }
        }),
      )
    }
    await signalDevice(tx, { device: name, disconnect: true })
    const { revokedAt } = await findDevice(tx, name)
    return { revokedAt: revokedAt ?? now, bagsInside: inside.length }
  })
}
