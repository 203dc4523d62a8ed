import type { Context } from '../context.ts'
import { markRevoked } from '../stores/devices.ts'
import { signalDevice } from '../stores/signals.ts'
import { reachDevice } from './demand.ts'

/** Believe a device no longer: its connection ends and no secret of it opens another. What it sent stays. */
export async function revokeDevice(
  ctx: Context,
  input: { readonly device: string; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const { name } = await reachDevice(ctx, tx, input.device, 'device.manage')
    await markRevoked(tx, ctx.actor, name, input.reason, ctx.now())
    await signalDevice(tx, { device: name, disconnect: true })
  })
}
