import type { BagVerb, SignedAct } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { type BagFacts, type Command, decide } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, type Right, reachOf, sightOf } from '../domain/rights.ts'
import { applyEvent, type Bag, factsOf, findBag, lockBags, noBag } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { demandSomebody } from './demand.ts'
import { signed } from './sign.ts'

/** What a person must answer for by name. */
const personal: Partial<Record<BagVerb, string>> = {
  release: 'a bag is released',
  issue: 'a bag is issued',
  cancel_issue: 'an issue is cancelled',
  receive: 'a bag is received',
  reinstate: 'a bag is reinstated',
}

/** What each verb takes, and at which end of a journey it must be held. */
const needed: Record<BagVerb, { readonly right: Right; readonly at: 'holder' | 'destination' }> = {
  process: { right: 'bag.process', at: 'holder' },
  test: { right: 'bag.test', at: 'holder' },
  release: { right: 'bag.release', at: 'holder' },
  reserve: { right: 'bag.reserve', at: 'holder' },
  unreserve: { right: 'bag.reserve', at: 'holder' },
  distribute: { right: 'bag.distribute', at: 'holder' },
  recall_shipment: { right: 'bag.distribute', at: 'holder' },
  depart: { right: 'bag.transport', at: 'holder' },
  arrive: { right: 'bag.transport', at: 'destination' },
  receive: { right: 'bag.receive', at: 'destination' },
  refuse: { right: 'bag.receive', at: 'destination' },
  issue: { right: 'bag.issue', at: 'holder' },
  cancel_issue: { right: 'bag.take_out', at: 'holder' },
  transfuse: { right: 'bag.transfuse', at: 'destination' },
  start_transfusion: { right: 'bag.transfuse', at: 'destination' },
  end_transfusion: { right: 'bag.transfuse', at: 'destination' },
  interrupt_transfusion: { right: 'bag.transfuse', at: 'destination' },
  report_reaction: { right: 'bag.transfuse', at: 'destination' },
  return: { right: 'bag.transfuse', at: 'holder' },
  reinstate: { right: 'bag.reinstate', at: 'holder' },
  discard: { right: 'bag.discard', at: 'holder' },
}

export function rightFor(verb: BagVerb): Right {
  return needed[verb].right
}

/**
 * Do something to a bag: lock it, look at it, decide, and write what comes of it, all in one transaction. Of rivals the
 * first wins; the others find the bag as it left it.
 *
 * @param commandFor makes the command of what is found, with the bag locked; null where nothing is left to be done
 * @throws Refusal `not_found`, `forbidden`, `person_required`, and what `decide` refuses
 */
export async function actOnBag(
  ctx: Context,
  tx: Transaction,
  input: { readonly bagId: string; readonly verb: BagVerb },
  commandFor: (bag: Bag, facts: BagFacts) => Promise<Command | null> | Command | null,
): Promise<Bag> {
  await lockBags(tx, [input.bagId])
  const bag = await findBag(tx, input.bagId)
  const { right, at } = needed[input.verb]
  demandAct(ctx, right, bag, at)
  const act = personal[input.verb]
  if (act) demandSomebody(ctx, act)
  const facts = await factsOf(tx, bag)
  const now = ctx.now()
  const command = await commandFor(bag, facts)
  if (command === null) return bag
  const event = decide(facts, command, now)
  const write = (actor: Actor) => applyEvent(tx, actor, bag, event, now)
  const toSign = signedAct(command)
  return toSign ? signed(ctx, tx, { act: toSign, facilityId: bag.holderId }, write) : write(ctx.actor)
}

/** What may or must be signed of this; null where nothing is. */
function signedAct(command: Command): SignedAct | null {
  if (command.verb === 'release') return 'release'
  if (command.verb === 'issue') return command.emergency ? 'emergency_release' : null
  return command.verb === 'discard' && command.witness !== null ? 'witness_discard' : null
}

/** The holder acts on what it holds, and who awaits it on what it receives; both see it. */
function demandAct({ grants }: Context, right: Right, bag: Bag, at: 'holder' | 'destination'): void {
  const { holderId, originId, destinationId } = bag
  if (!isWithin(sightOf(grants), [holderId, originId, destinationId]))
    throw new Refusal('not_found', noBag(bag.id))
  const acts = at === 'holder' ? holderId : (destinationId ?? holderId)
  if (!isWithin(reachOf(grants, right), [acts]))
    throw new Refusal('forbidden', `none of your roles there allows ${right}`)
}
