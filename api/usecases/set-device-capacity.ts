import type { Context } from '../context.ts'
import { storeCapacity } from '../stores/devices.ts'
import { reachDevice } from './demand.ts'

/**
 * Say how many bags a device takes in all; null where nobody can say any more.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function setDeviceCapacity(
  ctx: Context,
  input: { readonly device: string; readonly capacity: number | null },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'device.manage')
    await storeCapacity(tx, ctx.actor, device, input.capacity, ctx.now())
  })
}
