import type { Context } from '../context.ts'
import { lockBags } from '../stores/bags.ts'
import { assignTag, devicesThatSaw, lockInventories, lockTags, refoldPlaces } from '../stores/sightings.ts'
import { reachBag } from './demand.ts'

/**
 * Put a tag on a bag; what was seen of the tag since then, known or not at the time, is the bag's from now on.
 *
 * @throws Refusal `not_found`, `tag_in_use`
 */
export async function tagBag(
  ctx: Context,
  input: { readonly bagId: string; readonly tag: string; readonly from?: number | undefined },
): Promise<void> {
  const now = ctx.now()
  await ctx.database.db.transaction(async (tx) => {
    await lockTags(tx, [input.tag])
    await lockInventories(tx, await devicesThatSaw(tx, input.tag))
    await reachBag(ctx, tx, input.bagId, 'bag.tag')
    await lockBags(tx, [input.bagId])
    await assignTag(tx, ctx.actor, input, now)
    await refoldPlaces(tx, [input.bagId], now)
  })
}
