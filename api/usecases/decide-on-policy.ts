import type { PolicyDecision } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { decideOnProposal } from '../domain/policy.ts'
import { insertOpinion, insertVersion, lockProposal, type Proposal } from '../stores/policies.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

/**
 * Approve a proposed policy or reject it. The second who approves it makes it the next version; from its own
 * `effectiveFrom` on it judges what is measured, and nothing before.
 *
 * @throws Refusal `forbidden`, `person_required`, `not_found`, `conflict`, `second_person`
 */
export async function decideOnPolicy(
  ctx: Context,
  input: { readonly id: number; readonly decision: PolicyDecision; readonly comment: string },
): Promise<Proposal> {
  demandEverywhere(ctx, 'policy.approve')
  demandSomebody(ctx, 'a policy is approved')
  const { id, decision, comment } = input
  return ctx.database.db.transaction(async (tx) => {
    const proposal = await lockProposal(tx, id)
    const now = ctx.now()
    const opinion = { by: ctx.actor.id, decision, comment, at: now }
    const { effectiveFrom } = proposal.content
    const state = decideOnProposal({ ...proposal, effectiveFrom }, opinion, now)
    await insertOpinion(tx, ctx.actor, id, opinion)
    if (state === 'approved') await insertVersion(tx, ctx.actor, proposal, now)
    return { ...proposal, opinions: [...proposal.opinions, opinion] }
  })
}
