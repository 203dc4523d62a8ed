import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { labelToPrint, type PrintedLabel } from '../domain/bag-label.ts'
import { factsOf } from '../stores/bags.ts'
import { facilityById } from '../stores/facilities.ts'
import { reachBag } from './demand.ts'

/**
 * What is printed on a bag. Its times are those of the clock where it was registered or made, for so its label is read.
 *
 * @throws Refusal `not_found`, `forbidden`, and as `labelToPrint`
 */
export async function labelBag(
  ctx: Context,
  bagId: string,
): Promise<{ readonly label: PrintedLabel; readonly component: Component; readonly facility: string }> {
  const { db } = ctx.database
  const bag = await reachBag(ctx, db, bagId, 'bag.label')
  const { productCode, collectionType, division } = bag
  const { name, timeZone } = await facilityById(db, bag.originId ?? bag.holderId)
  const facts = await factsOf(db, bag)
  const product = { productCode, collectionType, division }
  const { scheme, identifier, component } = bag
  return {
    label: labelToPrint({ facts, scheme, identifier, product }, timeZone, ctx.now()),
    component,
    facility: name,
  }
}
