import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendProfile, findDevice, type Profile } from '../stores/devices.ts'
import { signalDevice } from '../stores/signals.ts'
import { configureDevice } from './configure-devices.ts'
import { reachDevice } from './demand.ts'
import { rederiveDevice } from './rederive-device.ts'

/**
 * Set a device's limits from an instant on, now where none is said. Never for the past: readings that were judged by
 * what was then in force stay judged. The device is told as soon as it is in force.
 *
 * @throws Refusal `invalid_request` for an instant in the past
 */
export async function setDeviceProfile(
  ctx: Context,
  input: {
    readonly device: string
    readonly profile: Omit<Profile, 'from'>
    readonly from?: number | undefined
  },
): Promise<Profile> {
  const now = ctx.now()
  const profile = { ...input.profile, from: input.from ?? now }
  if (profile.from < now) {
    throw new Refusal('invalid_request', `from: ${new Date(profile.from).toISOString()} is in the past`)
  }
  await ctx.database.db.transaction(async (tx) => {
    const { id, name } = await reachDevice(ctx, tx, input.device, 'device.manage')
    await appendProfile(tx, ctx.actor, { id, name }, profile, now)
    const device = await findDevice(tx, name)
    const touched = async (_probe: unknown, state: { last: { at: number } }) =>
      state.last.at < profile.from ? null : { from: profile.from, to: state.last.at }
    await rederiveDevice(tx, device, touched, now, ctx.telemetry.isElsewhere)
    await signalDevice(tx, { device: name, disconnect: false })
    if (profile.from <= now) await configureDevice(tx, ctx.actor, name, now)
  })
  return profile
}
