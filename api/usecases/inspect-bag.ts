import type { Context } from '../context.ts'
import { type Bag, insertHold, lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { type Inspection, insertInspection } from '../stores/ends.ts'
import { demandSomebody, reachBag } from './demand.ts'

/**
 * Write down what somebody saw on a bag. What was found wrong holds it until another looks.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`
 */
export async function inspectBag(
  ctx: Context,
  { bagId, ...inspection }: Inspection & { readonly bagId: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.inspect')
    demandSomebody(ctx, 'a bag is inspected')
    await writeInspection(ctx, tx, bag, inspection)
  })
}

/** The same of a bag that is locked, by who may do what it belongs to. */
export async function writeInspection(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  inspection: Inspection,
): Promise<void> {
  const now = ctx.now()
  await insertInspection(tx, ctx.actor, bag, inspection, now)
  const wrong = Object.entries(inspection.checks).flatMap(([check, isGood]) => (isGood ? [] : [check]))
  if (wrong.length === 0) return
  const reason = `found wrong at inspection: ${wrong.join(', ')}`
  await insertHold(tx, ctx.actor, bag, { kind: 'visual', reason }, now)
}
