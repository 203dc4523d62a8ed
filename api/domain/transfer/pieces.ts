import type { TransferTier } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import type { Option } from './candidates.ts'

/**
 * What may be sent, in pieces that have nothing to do with each other: no demand, no class of bags, no cell that all who
 * may draw on it could exhaust, and, as far as they are counted, no journey.
 *
 * A plan is then one plan for each piece, whichever, and each tier the sum of theirs. So the least of the first tier is
 * had where each piece has its least, of those plans the least of the second where each has its least of those, and so
 * on: each piece may be solved alone, and what is below each is together below all.
 *
 * @param names the tiers until now; a cell that cannot be emptied of what is free, or above target, ties nobody in them
 * @param together options of one piece, whatever they have to do with each other
 */
export function piecesOf(
  options: readonly Option[],
  names: readonly TransferTier[],
  together: Iterable<readonly Option[]>,
): readonly (readonly Option[])[] {
  const above = new Map<unknown, unknown>()
  const topOf = (one: unknown): unknown => {
    let top = one
    for (let next = above.get(top); next !== undefined; next = above.get(top)) top = next
    // Who is asked again finds it at once.
    for (let at = one; at !== top; ) {
      const next = above.get(at)
      above.set(at, top)
      at = next
    }
    return top
  }
  const tie = (one: unknown, other: unknown) => {
    const [a, b] = [topOf(one), topOf(other)]
    if (a !== b) above.set(a, b)
  }
  const tiesByTarget = names.includes('below_target')
  const tiesByJourney = names.includes('carrying')
  for (const [cell, own] of groupedBy(options, (option) => option.class.cell)) {
    const isScarce = offeredOf(own) > (tiesByTarget ? Math.min(cell.free, cell.aboveTarget) : cell.free)
    for (const { class: of, demand } of own) tie(demand, isScarce ? cell : of)
  }
  if (tiesByJourney)
    for (const { class: of, demand } of options) tie(demand, `${of.cell.site}|${demand.site}`)
  for (const some of together) for (const { demand } of some) tie(demand, some[0]?.demand)
  return [...groupedBy(options, ({ demand }) => topOf(demand)).values()]
}

/** All there is in the classes of these, hundredths of a mL. */
export function offeredOf(options: Iterable<Option>): number {
  let sum = 0
  for (const { weight, bags } of new Set([...options].map((option) => option.class)))
    sum += weight * bags.length
  return sum
}
