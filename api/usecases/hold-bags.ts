import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { bagsOfDonation, findBag, insertHold, liftHold, lockBags } from '../stores/bags.ts'
import { reachDonation } from './collect-donation.ts'
import { reachBag } from './demand.ts'

/** Keep a bag from being used. @throws Refusal `not_found`, `forbidden` */
export async function holdBag(
  ctx: Context,
  { bagId, kind, reason }: { readonly bagId: string; readonly kind: HoldKind; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.hold')
    await insertHold(tx, ctx.actor, bag, { kind, reason }, ctx.now())
  })
}

/** By somebody who did not place it. @throws Refusal `not_found`, `forbidden`, `second_person` */
export async function liftBagHold(
  ctx: Context,
  { bagId, holdId, reason }: { readonly bagId: string; readonly holdId: number; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.hold')
    await liftHold(tx, ctx.actor, bag, { holdId, reason }, ctx.now())
  })
}

/**
 * Call back all that was made of a donation, wherever it is by now.
 *
 * @returns the bags that are held now
 * @throws Refusal `not_found`, `forbidden`
 */
export async function recallDonation(
  ctx: Context,
  { din, reason }: { readonly din: string; readonly reason: string },
): Promise<readonly string[]> {
  return ctx.database.db.transaction(async (tx) => {
    const { id } = await reachDonation(ctx, tx, din)
    // While the family was being locked one of it may have had children.
    let bags: readonly string[] = []
    for (let family = await bagsOfDonation(tx, id); family.length > bags.length; ) {
      bags = await lockBags(tx, family)
      family = await bagsOfDonation(tx, id)
    }
    for (const bagId of bags)
      await insertHold(tx, ctx.actor, await findBag(tx, bagId), { kind: 'recall', reason }, ctx.now())
    return bags
  })
}
