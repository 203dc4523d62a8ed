import type { DeviceKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { insertDevice, type Profile } from '../stores/devices.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { newSecret } from '../stores/secrets.ts'
import { demandRight } from './demand.ts'

export type ProvisionInput = {
  readonly name: string
  /** What people call it, where not by its name. */
  readonly label?: string | undefined
  readonly kind: DeviceKind
  readonly facility: string
  readonly profile: Omit<Profile, 'from'>
  /** No event of the device can be older; now where it is not said. */
  readonly inServiceFrom?: number | undefined
}

/** Make a device known, and give its secret: this once, for only the hash is kept. */
export async function provisionDevice(
  ctx: Context,
  input: ProvisionInput,
): Promise<{ readonly secret: string }> {
  const { secret, hash } = newSecret()
  const now = ctx.now()
  await ctx.database.db.transaction(async (tx) => {
    const { id: facilityId } = await findFacility(tx, input.facility)
    demandRight(ctx, 'device.manage', [facilityId], noFacility(input.facility))
    const { name, label = null, kind, profile, inServiceFrom = now } = input
    await insertDevice(
      tx,
      ctx.actor,
      { name, label, kind, secretHash: hash, inServiceFrom, facilityId, profile },
      now,
    )
  })
  return { secret }
}
