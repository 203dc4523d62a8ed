import type { Context } from '../context.ts'
import { lockBags } from '../stores/bags.ts'
import { devicesThatSaw, lockInventories, lockTags, refoldPlaces, removeTag } from '../stores/sightings.ts'
import { reachBag } from './demand.ts'
import { momentOf } from './read-series.ts'

/**
 * Take a tag off a bag, because it fell off, was put on the wrong one, or goes on the next.
 *
 * @param input.at since when, now where it is not said
 * @throws Refusal `not_found`, `invalid_request`
 */
export async function untagBag(
  ctx: Context,
  input: { readonly bagId: string; readonly tag: string; readonly at?: number | undefined },
): Promise<void> {
  const now = ctx.now()
  const at = momentOf(input.at, now)
  await ctx.database.db.transaction(async (tx) => {
    await lockTags(tx, [input.tag])
    await lockInventories(tx, await devicesThatSaw(tx, input.tag))
    await reachBag(ctx, tx, input.bagId, 'bag.tag')
    await lockBags(tx, [input.bagId])
    await removeTag(tx, ctx.actor, { ...input, at }, now)
    await refoldPlaces(tx, [input.bagId], now)
  })
}
