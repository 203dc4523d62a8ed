import { type TransferRejection, transferRejections } from '../../../schema/vocabulary.ts'
import { offerOf } from './filters.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { type Facts, offerFor } from './score.ts'

export type Rejected = {
  readonly reason: TransferRejection
  readonly count: number
  readonly bags: readonly string[]
}

/**
 * Most of a stock is rejected for what it is, or for where it is: that is found out once of all bags that are alike, and
 * only what may come is looked at one by one.
 *
 * @param reasonOf what speaks against one, whatever it is; null where it goes there
 */
export function rejectedFor(
  demand: TransferDemand,
  {
    problem,
    known,
    sights,
  }: { readonly problem: TransferProblem; readonly known: Facts; readonly sights: Sights },
  mostNamed: number,
  reasonOf: (bag: TransferBag) => TransferRejection | null,
): readonly Rejected[] {
  const { at, policy, stock } = problem
  const elsewhere = `not ${demand.site}`
  const atSight = sights.each.map((bag) => {
    const offer = offerOf({ ...bag, site: elsewhere }, demand, { minutes: 0, boxes: null }, at, policy)
    return typeof offer === 'string' && !ofTheWay.has(offer) ? offer : null
  })
  const byWay = new Map<string, Map<string, TransferRejection | null>>()
  const wayOf = (bag: TransferBag): TransferRejection | null => {
    const sites = byWay.get(bag.component) ?? new Map<string, TransferRejection | null>()
    byWay.set(bag.component, sites)
    const found = sites.get(bag.site)
    if (found !== undefined) return found
    const offer = offerFor(problem, known, { ...bag, expiresAt: Number.POSITIVE_INFINITY }, demand)
    const rejection = typeof offer === 'string' && ofTheWay.has(offer) ? offer : null
    sites.set(bag.site, rejection)
    return rejection
  }
  const rejected = new Map<TransferRejection, { count: number; readonly bags: string[] }>()
  for (const [place, bag] of stock.entries()) {
    const sight = atSight[sights.of[place] as number] ?? null
    const isOwn = bag.site === demand.site && sight !== 'other_component'
    const reason = isOwn ? 'own_site' : (sight ?? wayOf(bag) ?? reasonOf(bag))
    if (reason === null) continue
    const alike = rejected.get(reason)
    if (!alike) rejected.set(reason, { count: 1, bags: mostNamed > 0 ? [bag.id] : [] })
    else if (alike.count++ < mostNamed) alike.bags.push(bag.id)
  }
  return transferRejections.flatMap((reason) => {
    const alike = rejected.get(reason)
    return alike ? [{ reason, ...alike }] : []
  })
}

/** What speaks against all that would come the same way at all, in the same kind of box. */
const ofTheWay: ReadonlySet<TransferRejection> = new Set([
  'no_way',
  'no_box',
  'box_too_short',
  'too_late',
  'too_short_lived',
])

/** Bags by all that is looked at before the way: one of each, and which each bag is like. */
export type Sights = { readonly each: readonly TransferBag[]; readonly of: Int32Array }

export function sightsOf({ stock, at }: TransferProblem): Sights {
  const each: TransferBag[] = []
  const of = new Int32Array(stock.length)
  const known = new Map<string, number>()
  for (const [place, bag] of stock.entries()) {
    const { component, group, obstacle, uom, lowTitre, treated, amount, expiresAt } = bag
    const kind = `${component}|${group?.abo}|${group?.rhd}|${uom}|${amount === null}`
    const key = `${kind}|${obstacle}|${at >= expiresAt}|${lowTitre}|${treated.join()}`
    const found = known.get(key)
    if (found === undefined) known.set(key, each.push(bag) - 1)
    of[place] = found ?? each.length - 1
  }
  return { each, of }
}
