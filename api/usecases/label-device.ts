import type { Context } from '../context.ts'
import { storeLabel } from '../stores/devices.ts'
import { reachDevice } from './demand.ts'

/**
 * Say what people call a device; null where by its name again. The name is what it signs in by, what its topics and its
 * telemetry bear and what the record knows it by: that is never changed.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function labelDevice(
  ctx: Context,
  input: { readonly device: string; readonly label: string | null },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'device.manage')
    await storeLabel(tx, ctx.actor, device, input.label, ctx.now())
  })
}
