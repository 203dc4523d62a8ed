import type { Component, UnitOfMeasure } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { expiryOf } from '../domain/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Bag, holdsOf, insertHold, liftHold, settleProduct } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { rulesAt } from '../stores/facilities.ts'
import { productsAt } from '../stores/products.ts'

/** What somebody says of a bag that was not made here. */
export type Labelled = {
  readonly scheme: string
  readonly productCode: string
  readonly component?: Component | undefined
  /** As labelled, exclusive, ms UTC. */
  readonly expiresAt: number
  readonly collectedAt?: number | undefined
  readonly amount?: number | undefined
}

/** What follows of it, for the bag's row. */
export type Catalogued = {
  readonly component: Component
  readonly expiresAt: number
  readonly collectedAt: number | null
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
}

/**
 * What a labelled bag is, by the catalogue of the facility that holds it. It expires by its label or by the catalogue, whichever
 * is sooner. Of a code the catalogue does not know nothing is guessed: whoever has the bag before them must say what component
 * it is, it is kept and judged as that, and `holdUnknown` keeps it from being used. Of one whose component nobody has confirmed
 * the label must say it too.
 *
 * @throws Refusal `invalid_request` where what is said contradicts the catalogue, or nothing says what it is
 */
export async function catalogued(
  tx: Transaction,
  facilityId: number,
  label: Labelled,
  now: number,
  mustBeCollected = false,
): Promise<{ readonly is: Catalogued; readonly isKnown: boolean }> {
  const { scheme, productCode: code, component } = label
  const collectedAt = label.collectedAt ?? null
  const { jurisdiction, timeZone } = await rulesAt(tx, facilityId)
  const product = (await productsAt(tx, { jurisdiction, scheme, codes: [code], at: now }))(code)
  if (!product) {
    if (component === undefined)
      throw new Refusal(
        'invalid_request',
        `component: the catalogue does not know ${code}: say what it is, and it is held until the catalogue knows`,
      )
    const is = { component, expiresAt: label.expiresAt, collectedAt, amount: null, uom: null }
    return { is, isKnown: false }
  }
  if (
    component === undefined &&
    !mustBeCollected &&
    ['code', 'component'].some((what) => product.uncertain.includes(what))
  )
    throw new Refusal(
      'invalid_request',
      `component: nobody has confirmed what ${code} is in the catalogue: say what the label says`,
    )
  if (component !== undefined && component !== product.component)
    throw new Refusal('invalid_request', `component: ${code} is ${product.component} and not ${component}`)
  if (mustBeCollected && !product.isCollected)
    throw new Refusal(
      'invalid_request',
      `productCode: ${code} is made, and does not come from a donor as it is`,
    )
  const amount = label.amount ?? product.amount
  const is = {
    component: product.component,
    expiresAt: expiryOf(product, { labelled: label.expiresAt, collectedAt, now }, timeZone),
    collectedAt,
    amount,
    uom: amount === null ? null : product.uom,
  }
  return { is, isKnown: true }
}

/** Nobody uses it before the catalogue knows what it is. */
export async function holdUnknown(tx: Transaction, actor: Actor, bag: Bag, now: number): Promise<void> {
  const reason = `产品码 ${bag.productCode} 未登记 · the catalogue does not know ${bag.productCode}`
  await insertHold(tx, actor, bag, { kind: 'unknown_product', reason }, now)
}

/**
 * Lift that hold where the catalogue knows the code by now; the bag becomes what it says. Its amount is not known.
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
