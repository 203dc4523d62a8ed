import type { LateCrossmatch } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { labelOf, lockBags } from '../stores/bags.ts'
import { insertReview, issueToReview } from '../stores/issue-reviews.ts'
import { demandSomebody, reachBag } from './demand.ts'

export type ReviewInput = {
  readonly physician: string
  readonly justification: string
  readonly crossmatch: LateCrossmatch
}

/**
 * Look afterwards at an issue that was for an emergency, or in spite of what somebody was to be asked: who answers for
 * it, why it had to be, and what a crossmatch found (21 CFR 606.151(e)). By somebody else than who handed it out.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `second_person`, `conflict` where there is nothing to review
 */
export async function reviewIssue(ctx: Context, bagId: string, input: ReviewInput): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'issue.review')
    demandSomebody(ctx, 'an issue is reviewed')
    const issue = await issueToReview(tx, bagId)
    if (!issue) throw new Refusal('conflict', `no issue of bag ${labelOf(bag)} waits for a review`)
    if ((issue.actor as Actor).id === ctx.actor.id)
      throw new Refusal('second_person', 'you handed it out: another person reviews it')
    await insertReview(tx, ctx.actor, issue, input, ctx.now())
  })
}
