import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { parseProductCode } from '../domain/isbt128/product.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Bag } from '../stores/bags.ts'
import { findBag } from '../stores/bags.ts'
import { modifyBags } from './modify-bags.ts'

export type Child = {
  readonly productCode: string
  readonly component?: Component | undefined
  /** As labelled, ms UTC, exclusive; it is never used after its parent's, but for what whole blood is separated into. */
  readonly expiresAt: number
  readonly lowTitre: boolean
}

/**
 * Make bags of a bag, each with the label it has got already; by which process is told by the catalogue. Tags stay where
 * they are.
 *
 * @throws Refusal as `modifyBags`
 */
export async function processBag(
  ctx: Context,
  { bagId, children }: { readonly bagId: string; readonly children: readonly Child[] },
): Promise<Bag[]> {
  const labels = children.map((child) => ({ ...child, ...parseProductCode(child.productCode) }))
  return ctx.database.db.transaction(async (tx) => {
    const within = { ...ctx, database: { ...ctx.database, db: tx } }
    const { children: made } = await modifyBags(within, {
      process: null,
      bagIds: [bagId],
      children: labels.map(({ productCode: code, division, expiresAt, lowTitre }) => ({
        ...{ code, division, expiresAt, lowTitre },
      })),
      movesTags: false,
    })
    const parent = await findBag(tx, bagId)
    labels.forEach(({ productCode, collectionType, component }, index) => {
      const is = (made[index] as Bag).component
      if (component !== undefined && component !== is)
        throw new Refusal('invalid_request', `children: ${productCode} is ${is} and not ${component}`)
      if (collectionType !== parent.collectionType)
        throw new Refusal(
          'invalid_request',
          `children: ${productCode} says collection type ${collectionType}, and it is made of ${parent.collectionType}: what a donation was given for stays`,
        )
    })
    return [...made]
  })
}
