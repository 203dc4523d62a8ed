import type { Context } from '../context.ts'
import { mustMakeSenseOf, type ProductContent } from '../domain/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { insertProposal, type Proposal } from '../stores/policies.ts'
import { productsAt } from '../stores/products.ts'
import { demandEverywhere, demandSomebody } from './demand.ts'

/**
 * Propose an entry of the catalogue, or its next version. No bag goes by it until two others have approved it.
 *
 * @throws Refusal `forbidden`, `person_required`, `invalid_request`
 */
export async function proposeProduct(
  ctx: Context,
  { content, reason }: { readonly content: ProductContent; readonly reason: string },
): Promise<Proposal<'product'>> {
  demandEverywhere(ctx, 'product.propose')
  demandSomebody(ctx, 'a product is proposed')
  const now = ctx.now()
  if (content.effectiveFrom < now)
    throw new Refusal('invalid_request', 'effectiveFrom: is over already, and what was made is what it was')
  return ctx.database.db.transaction(async (tx) => {
    const codes = content.makes.map(({ code }) => code)
    const known = await productsAt(tx, { ...content, codes, at: content.effectiveFrom })
    mustMakeSenseOf(content, known)
    return insertProposal(tx, ctx.actor, 'product', content, reason, now)
  })
}
