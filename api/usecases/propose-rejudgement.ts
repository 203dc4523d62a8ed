import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { insertRejudgement, type NewRejudgement, type Rejudgement } from '../stores/rejudgements.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

/**
 * Propose to judge what is over by a version that was not in force then. Nothing is judged so until two others have
 * approved it, and no ledger is changed by it.
 *
 * @throws Refusal `forbidden`, `person_required`, `invalid_request`, `not_found`
 */
export async function proposeRejudgement(ctx: Context, input: NewRejudgement): Promise<Rejudgement> {
  demandEverywhere(ctx, 'policy.propose')
  demandSomebody(ctx, 'a re-judgement is proposed')
  const now = ctx.now()
  if (input.from >= input.to) throw new Refusal('invalid_request', 'from: must be before to')
  if (input.to > now)
    throw new Refusal(
      'invalid_request',
      'to: is still to come, and what will be is judged by what is in force then',
    )
  return ctx.database.db.transaction((tx) => insertRejudgement(tx, ctx.actor, input, now))
}
