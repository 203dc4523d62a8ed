import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { findDevice, noDevice } from '../stores/devices.ts'
import { insertOfflineReview } from '../stores/offline-decisions.ts'
import { demandRight, demandSomebody } from './demand.ts'

/**
 * Record what was found of a decision something spoke against: then it is no task any more.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict`
 */
export async function reviewDecision(
  ctx: Context,
  review: { readonly name: string; readonly decisionId: string; readonly conclusion: string },
): Promise<void> {
  const { name, decisionId, conclusion } = review
  await ctx.database.db.transaction(async (tx) => {
    const device = await findDevice(tx, name)
    demandRight(ctx, 'issue.review', [inForce(device.placements, ctx.now()).facilityId], noDevice(name))
    demandSomebody(ctx, 'a decision is looked into')
    await insertOfflineReview(tx, ctx.actor, { deviceId: device.id, decisionId, conclusion }, ctx.now())
  })
}
