import type { DiscardMethod, DiscardReason } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Command } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { peopleRules } from '../policies/bedside.ts'
import type { Bag } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import { findPerson } from '../stores/people.ts'
import { demandSomebody } from './demand.ts'

/**
 * Throw a bag away. Where the policy asks for a witness, somebody else is named who is still here and may witness at its
 * holder's. With a signature they prove it themselves; without one, where their facility demands none, the word of who
 * discards it is taken for it that they were there. Both stand in the record.
 *
 * @throws Refusal `person_required`; `second_person` where nobody is named, or the same person, or somebody who may not witness
 */
export async function commandToDiscard(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  input: {
    readonly reason: string
    readonly code: DiscardReason | null
    readonly method: DiscardMethod | null
    /** A username. */
    readonly witness: string | null
  },
): Promise<Command> {
  const { reason, code, method } = input
  const rule = peopleRules[await jurisdictionOf(tx, bag.holderId)]
  if (rule.isDiscardWitnessed) demandSomebody(ctx, 'a bag is discarded')
  const proven = ctx.signing?.witness?.username ?? null
  if (proven !== null && input.witness !== null && input.witness.toLowerCase() !== proven)
    throw new Refusal('invalid_request', 'witness: is somebody other than who signs as the witness')
  const named = proven ?? input.witness
  const witness = named === null ? null : await witnessNamed(ctx, tx, bag, named)
  return { verb: 'discard', reason, code, method, witness, needsWitness: rule.isDiscardWitnessed }
}

/** In the same words whether there is nobody of that name or they may not: names are not to be tried out. */
async function witnessNamed(ctx: Context, tx: Transaction, bag: Bag, username: string): Promise<string> {
  const person = await findPerson(tx, username).catch((error) => {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  })
  if (person && ctx.actor.kind === 'person' && person.id === ctx.actor.id)
    throw new Refusal('second_person', 'witness: is somebody other than who discards it')
  const grants = person?.roles.map(({ role, facilityId }) => ({ role, facilityId })) ?? []
  // Whoever handles blood there: who may discard it, or gives it.
  const mayWitness = (['bag.discard', 'bag.transfuse'] as const).some((right) =>
    isWithin(reachOf(grants, right), [bag.holderId]),
  )
  if (!person || person.endedAt !== null || !mayWitness)
    throw new Refusal('second_person', 'witness: is nobody who may witness that here')
  return person.id
}
