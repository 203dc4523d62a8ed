import type { Context } from '../context.ts'
import { mustDefrost } from '../domain/defrost.ts'
import { Refusal } from '../domain/refusal.ts'
import { defrosts } from '../policies/alarms.ts'
import { cnRescue } from '../policies/rescue.ts'
import { defrostsSince, insertDefrost } from '../stores/defrosts.ts'
import { lockDevice } from '../stores/devices.ts'
import { awaitedBy, lockRescues } from '../stores/rescues.ts'
import { demandSomebody, reachDevice } from './demand.ts'

/**
 * Say that a device is being defrosted, from now on where nothing else is said: what gets too warm is recorded, and pages
 * nobody before it is over. What bags are being carried to is not defrosted before they would be there: whoever knows
 * better gives up carrying them first. Takes a person.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `invalid_request`, `conflict`
 */
export async function declareDefrost(
  ctx: Context,
  input: {
    readonly device: string
    readonly from?: number | undefined
    readonly to: number
    readonly reason: string
  },
): Promise<void> {
  const { to, reason } = input
  await ctx.database.db.transaction(async (tx) => {
    const { id, name } = await reachDevice(ctx, tx, input.device, 'device.defrost')
    demandSomebody(ctx, 'a defrost is declared')
    // Who accepts a rescue just now sees this one, or is seen.
    await lockRescues(tx)
    // Two at once would not know of each other.
    await lockDevice(tx, id)
    const now = ctx.now()
    const from = input.from ?? now
    mustDefrost({ from, to }, await defrostsSince(tx, id, now - defrosts.apartMs), defrosts, now)
    const awaited = from <= now + cnRescue.defrostAheadMs ? await awaitedBy(tx, id) : 0
    if (awaited > 0)
      throw new Refusal(
        'conflict',
        `${awaited} bags are being carried to device ${name}: wait for them, or give up carrying them there`,
      )
    await insertDefrost(tx, ctx.actor, { id, name }, { from, to, reason }, now)
  })
}
