import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { holdsOf, insertHold, liftHold, lockBags, lockDescent, lockFamily } from '../stores/bags.ts'
import { lockIdentifier } from '../stores/donations.ts'
import { currentRevision, isOfLedger } from '../stores/ledgers.ts'
import { reachDonation } from './collect-donation.ts'
import { demandSomebody, reachBag } from './demand.ts'

/** Keep a bag, and all that was made of it, from being used. @throws Refusal `not_found`, `forbidden` */
export async function holdBag(
  ctx: Context,
  { bagId, kind, reason }: { readonly bagId: string; readonly kind: HoldKind; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const descent = await lockDescent(tx, bagId)
    await reachBag(ctx, tx, bagId, 'bag.hold')
    for (const bag of descent) await insertHold(tx, ctx.actor, bag, { kind, reason }, ctx.now())
  })
}

/** What whoever made the bag knows of it, and nobody else: a hospital does not lift its centre's recall. */
const ofTheOrigin: ReadonlySet<HoldKind> = new Set(['recall', 'look_back', 'test_reactive', 'group_mismatch'])

/**
 * By somebody who did not place it. Where the hold is for how the bag was kept, what stands in its ledger now is released
 * with it: that counts no more, unless it turns out to have been otherwise.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict`, `person_required`, `second_person`
 */
export async function liftBagHold(
  ctx: Context,
  { bagId, holdId, reason }: { readonly bagId: string; readonly holdId: number; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.hold')
    const hold = (await holdsOf(tx, bagId)).find(({ id }) => id === holdId)
    const isTheirs = isWithin(reachOf(ctx.grants, 'bag.hold'), [bag.originId])
    if (hold && ofTheOrigin.has(hold.kind) && !isTheirs)
      throw new Refusal('forbidden', `a hold for ${hold.kind} is lifted where the bag comes from`)
    if (hold?.kind === 'unknown_product' && hold.liftedAt === null)
      throw new Refusal(
        'conflict',
        'this hold is lifted by the catalogue alone: have the product code added to it',
      )
    demandSomebody(ctx, 'a hold is lifted')
    const releasedRevision = hold && isOfLedger(hold.kind) ? await currentRevision(tx, bagId) : null
    await liftHold(tx, ctx.actor, bag, { holdId, reason, releasedRevision }, ctx.now())
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
    const { id, identifier } = await reachDonation(ctx, tx, din)
    await lockIdentifier(tx, identifier)
    const family = await lockFamily(tx, id)
    for (const bag of family) await insertHold(tx, ctx.actor, bag, { kind: 'recall', reason }, ctx.now())
    return family.map((bag) => bag.id)
  })
}
