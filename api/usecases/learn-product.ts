import type { Actor } from '../domain/actor.ts'
import { expiryOf } from '../domain/product.ts'
import { type Bag, holdsOf, liftHold, settleProduct } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { rulesAt } from '../stores/facilities.ts'
import { productsAt } from '../stores/products.ts'

/**
 * Lift the hold of an unknown product where the catalogue knows the code by now; the bag becomes what it says. Its amount is not known.
 *
 * @returns whether it did
 */
export async function learnProduct(tx: Transaction, actor: Actor, bag: Bag, now: number): Promise<boolean> {
  const holds = (await holdsOf(tx, bag.id)).filter(
    ({ kind, liftedAt }) => kind === 'unknown_product' && liftedAt === null,
  )
  if (holds.length === 0) return false
  const { jurisdiction, timeZone } = await rulesAt(tx, bag.holderId)
  const { scheme, productCode: code } = bag
  const product = (await productsAt(tx, { jurisdiction, scheme, codes: [code], at: now }))(code)
  if (!product) return false
  const known = { labelled: bag.expiresAt, collectedAt: bag.collectedAt, now: bag.registeredAt }
  const expiresAt = expiryOf(product, known, timeZone)
  await settleProduct(tx, actor, bag, { component: product.component, expiresAt }, now)
  const reason = `the catalogue knows ${code} now: version ${product.version} of ${product.jurisdiction}`
  for (const { id: holdId } of holds) await liftHold(tx, actor, bag, { holdId, reason }, now)
  return true
}
