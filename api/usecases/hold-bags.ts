import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { holdsOf, insertHold, liftHold, lockBags, lockDescent } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { currentRevision, isOfLedger } from '../stores/ledgers.ts'
import { newestRejudged } from '../stores/rejudged.ts'
import { demandSomebody, reachBag } from './demand.ts'
import { signed } from './sign.ts'

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
 * with it, or what a re-judgement says beside it where it was placed for that: that counts no more, unless it turns out to
 * have been otherwise.
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
    const releasedRevision = hold && (await revisionReleasedBy(tx, bagId, hold))
    const lifted = { holdId, reason, releasedRevision: releasedRevision ?? null }
    await signed(ctx, tx, { act: 'lift_hold', facilityId: bag.holderId }, (actor) =>
      liftHold(tx, actor, bag, lifted, ctx.now()),
    )
  })
}

/** What stands now where the hold comes from: in the ledger, or beside it. */
async function revisionReleasedBy(
  tx: Transaction,
  bagId: string,
  { kind, rejudgementId }: { readonly kind: HoldKind; readonly rejudgementId: number | null },
): Promise<number | null> {
  if (rejudgementId !== null) return (await newestRejudged(tx, rejudgementId, bagId))?.revision ?? null
  return isOfLedger(kind) ? currentRevision(tx, bagId) : null
}
