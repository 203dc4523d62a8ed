import type { Context } from '../context.ts'
import { mustMakeSense, type PolicyContent } from '../domain/policy.ts'
import { Refusal } from '../domain/refusal.ts'
import { insertProposal, type Proposal } from '../stores/policies.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

/**
 * Propose the next version of a policy. Nothing is judged by it until two others have approved it.
 *
 * @throws Refusal `forbidden`, `person_required`, `invalid_request`
 */
export async function proposePolicy(
  ctx: Context,
  input: { readonly content: PolicyContent; readonly reason: string },
): Promise<Proposal> {
  demandEverywhere(ctx, 'policy.propose')
  demandSomebody(ctx, 'a policy is proposed')
  const now = ctx.now()
  mustMakeSense(input.content)
  if (input.content.effectiveFrom < now)
    throw new Refusal('invalid_request', 'effectiveFrom: is over already, and what was is judged by what was')
  return ctx.database.db.transaction((tx) =>
    insertProposal(tx, ctx.actor, 'policy', input.content, input.reason, now),
  )
}
