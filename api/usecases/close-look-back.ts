import type { Context } from '../context.ts'
import { lockBags } from '../stores/bags.ts'
import { closeLookBack } from '../stores/ledgers.ts'
import { demandSomebody, reachBag } from './demand.ts'

/**
 * Close the look-back case of a bag that was given, with what came of it.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict` where none is open
 */
export async function concludeLookBack(
  ctx: Context,
  { bagId, conclusion }: { readonly bagId: string; readonly conclusion: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.hold')
    demandSomebody(ctx, 'a look-back case is closed')
    await closeLookBack(tx, ctx.actor, bag, conclusion, ctx.now())
  })
}
