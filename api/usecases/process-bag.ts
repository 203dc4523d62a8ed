import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { parseProductCode } from '../domain/isbt128/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendEvent, type Bag, insertBag, insertLineage } from '../stores/bags.ts'
import { actOnBag } from './act-on-bag.ts'
import { uuidv7 } from './register-bag.ts'

export type Child = {
  readonly productCode: string
  readonly component: Component
  /** ms UTC, exclusive; never after its parent's where it is of the same component. */
  readonly expiresAt: number
  readonly lowTitre: boolean
}

/**
 * Make bags of a bag: separate, thaw, wash, split. Each child has a code and an expiry of its own, is as far in its life
 * as its parent was, and carries its group; the parent's life is over.
 *
 * @throws Refusal `illegal_move`, `held`, `expired`, `already_exists`, `invalid_request`, `not_found`, `forbidden`
 */
export async function processBag(
  ctx: Context,
  { bagId, children }: { readonly bagId: string; readonly children: readonly Child[] },
): Promise<Bag[]> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const ids = children.map(() => uuidv7(now))
    let before: Bag | undefined
    const parent = await actOnBag(ctx, tx, { bagId, verb: 'process' }, (bag) => {
      before = bag
      return { verb: 'process', children: ids }
    })
    const made: Bag[] = []
    for (const [index, child] of children.entries()) {
      // Only whole blood is parted into others, which keep by dates of their own.
      const isParted = parent.component === 'whole_blood' && child.component !== 'whole_blood'
      if (child.component !== parent.component && !isParted)
        throw new Refusal('invalid_request', `children: ${parent.component} do not become ${child.component}`)
      if (child.expiresAt > parent.expiresAt && !isParted)
        throw new Refusal(
          'invalid_request',
          `children: ${child.productCode} would outlast what it is made of`,
        )
      const product = parseProductCode(child.productCode)
      if (product.collectionType !== parent.collectionType)
        throw new Refusal(
          'invalid_request',
          `children: ${child.productCode} says collection type ${product.collectionType}, and it is made of ${parent.collectionType}: what a donation was given for stays`,
        )
      const { scheme, identifier, donationId, originId, holderId, abo, rhd } = parent
      const state = before?.state ?? 'collected'
      const bag = await insertBag(tx, {
        id: ids[index] as string,
        scheme,
        identifier,
        ...product,
        component: child.component,
        expiresAt: child.expiresAt,
        registeredAt: now,
        originId,
        holderId,
        donationId,
        abo,
        rhd,
        lowTitre: child.lowTitre,
        state,
        version: 1,
      })
      await insertLineage(tx, parent.id, bag.id)
      const data = { parent: parent.id }
      await appendEvent(tx, ctx.actor, bag, { verb: 'register', from: null, to: state, data }, now)
      made.push(bag)
    }
    return made
  })
}
