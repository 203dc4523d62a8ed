import type { PolicyDecision } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { decideTogether } from '../domain/policy.ts'
import {
  dueForRejudgement,
  insertRejudgementOpinion,
  lockRejudgement,
  type Rejudgement,
} from '../stores/rejudgements.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

/**
 * Approve a proposed re-judgement or reject it. The second who approves it has every bag it is about judged by it, beside
 * its ledger.
 *
 * @throws Refusal `forbidden`, `person_required`, `not_found`, `conflict`, `second_person`
 */
export async function decideOnRejudgement(
  ctx: Context,
  input: { readonly id: number; readonly decision: PolicyDecision; readonly comment: string },
): Promise<Rejudgement> {
  demandEverywhere(ctx, 'policy.approve')
  demandSomebody(ctx, 'a re-judgement is approved')
  const { id, decision, comment } = input
  return ctx.database.db.transaction(async (tx) => {
    const rejudgement = await lockRejudgement(tx, id)
    const now = ctx.now()
    const opinion = { by: ctx.actor.id, decision, comment, at: now }
    const state = decideTogether(rejudgement, opinion)
    await insertRejudgementOpinion(tx, ctx.actor, id, opinion)
    if (state === 'approved') await dueForRejudgement(tx, id, now)
    return { ...rejudgement, opinions: [...rejudgement.opinions, opinion] }
  })
}
