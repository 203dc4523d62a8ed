import type { UnitTrait } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { findBag, lockBags, siblingsOf } from '../stores/bags.ts'
import { insertTraits } from '../stores/patient-records.ts'
import { reachBag } from './demand.ts'

/** Write down what was looked for in the blood of a bag, and what was found. @throws Refusal `not_found`, `forbidden` */
export async function typeBag(
  ctx: Context,
  bagId: string,
  traits: readonly { readonly trait: UnitTrait; readonly present: boolean }[],
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    // What is found is of all bags of the donation: a scan of any that was decided without it comes to nothing.
    await lockBags(tx, await siblingsOf(tx, await findBag(tx, bagId)))
    const bag = await reachBag(ctx, tx, bagId, 'bag.type')
    await insertTraits(tx, ctx.actor, bag, traits, ctx.now())
  })
}
