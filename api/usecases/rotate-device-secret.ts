import type { Context } from '../context.ts'
import { replaceSecret } from '../stores/devices.ts'
import { newSecret } from '../stores/secrets.ts'
import { signalDevice } from '../stores/signals.ts'
import { reachDevice } from './demand.ts'

/**
 * Give a device a new secret. With a grace period the old one is still believed for that long, so that the device can
 * be told at leisure; without one its connection ends at once.
 */
export async function rotateDeviceSecret(
  ctx: Context,
  input: { readonly device: string; readonly graceMs: number },
): Promise<{ readonly secret: string; readonly previousUntil: number }> {
  const { secret, hash } = newSecret()
  const now = ctx.now()
  const previousUntil = now + input.graceMs
  await ctx.database.db.transaction(async (tx) => {
    const { name } = await reachDevice(ctx, tx, input.device, 'device.manage')
    await replaceSecret(tx, ctx.actor, { name, secretHash: hash, previousUntil }, now)
    await signalDevice(tx, { device: name, disconnect: input.graceMs === 0 })
  })
  return { secret, previousUntil }
}
