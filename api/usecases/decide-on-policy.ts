import type { PolicyDecision, ProposalKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { decideOnProposal } from '../domain/policy.ts'
import type { Transaction } from '../stores/database.ts'
import { insertOpinion, insertVersion, lockProposal, type Proposal } from '../stores/policies.ts'
import { insertProductVersion } from '../stores/products.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

type Decided = { readonly id: number; readonly decision: PolicyDecision; readonly comment: string }

/** How what was approved becomes the next version. */
const versions: {
  readonly [Kind in ProposalKind]: (
    tx: Transaction,
    actor: Actor,
    proposal: Pick<Proposal<Kind>, 'id' | 'content'>,
    now: number,
  ) => Promise<void>
} = { policy: insertVersion, product: insertProductVersion }

/**
 * Approve a proposed policy or entry of the catalogue, or reject it. The second who approves it makes it the next version;
 * from its own `effectiveFrom` on it judges what is measured or made, and nothing before.
 *
 * @throws Refusal `forbidden`, `person_required`, `not_found`, `conflict`, `second_person`
 */
export async function decideOn<Kind extends ProposalKind>(
  ctx: Context,
  kind: Kind,
  { id, decision, comment }: Decided,
): Promise<Proposal<Kind>> {
  demandEverywhere(ctx, `${kind}.approve`)
  demandSomebody(ctx, `a ${kind} is approved`)
  return ctx.database.db.transaction(async (tx) => {
    const proposal = await lockProposal(tx, kind, id)
    const now = ctx.now()
    const opinion = { by: ctx.actor.id, decision, comment, at: now }
    const { effectiveFrom } = proposal.content
    const state = decideOnProposal({ ...proposal, effectiveFrom }, opinion, now)
    await insertOpinion(tx, ctx.actor, kind, id, opinion)
    if (state === 'approved') await versions[kind](tx, ctx.actor, proposal, now)
    return { ...proposal, opinions: [...proposal.opinions, opinion] }
  })
}

/** @throws Refusal as `decideOn` */
export function decideOnPolicy(ctx: Context, decided: Decided): Promise<Proposal> {
  return decideOn(ctx, 'policy', decided)
}
