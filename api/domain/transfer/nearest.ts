import type { Serving, TransferRejection } from '../../../schema/vocabulary.ts'
import { transferRejections } from '../../../schema/vocabulary.ts'
import { groupedBy } from '../grouped-by.ts'
import { coarseOptionsOf, leadsOf } from './candidates.ts'
import { nearestFirst } from './nearest-first.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { factsOf, offerFor } from './score.ts'

/** What one site can give of what is needed, alone and now. */
export type Source = {
  readonly site: string
  readonly serves: Serving
  readonly bags: readonly TransferBag[]
  /** What they hold, in hundredths of the unit it is asked for in. */
  readonly amount: number
  /** It draws on what lies below the minimum: somebody there must approve. */
  readonly needsApproval: boolean
  /** What else it has of the component, by the first thing that speaks against it. */
  readonly rejected: readonly { readonly reason: TransferRejection; readonly bags: number }[]
}

/** Where everything is said already: it is another's, or enough is given. */
const unsaid: ReadonlySet<TransferRejection> = new Set(['other_component', 'own_site', 'not_needed'])

/**
 * What each site could give to one demand if it alone gave, by the very filters and the very protection of transfers: its own
 * group first, then what expires first. What it may give at all it gives, up to what is asked for: where a site does not
 * serve all, no bag more may leave it. Sites that have none of the component are not told of.
 */
export function sourcesFor(problem: TransferProblem, demand: TransferDemand): readonly Source[] {
  const alone = { ...problem, demands: [demand] }
  const facts = factsOf(alone)
  const options = groupedBy(coarseOptionsOf(leadsOf(alone, facts)), (option) => option.class.cell.site)
  const asked = weightOf(demand, problem.policy) ?? 0
  const sources = [...groupedBy(problem.stock, ({ site }) => site)].map(([site, stock]): Source => {
    const bags = nearestFirst(alone, options.get(site) ?? []).map(({ bag }) => bag)
    const given = new Set(bags)
    const weight = weightIn(bags, problem)
    const isWhole = weight >= asked
    const reasons = groupedBy(
      stock.filter((bag) => !given.has(bag)),
      (bag): TransferRejection => {
        const offer = offerFor(alone, facts, bag, demand)
        if (typeof offer === 'string') return offer
        return isWhole ? 'not_needed' : 'protected'
      },
    )
    return {
      ...{ site, bags, serves: isWhole ? 'all' : bags.length > 0 ? 'part' : 'none' },
      amount: bags.reduce((sum, { amount }) => sum + (amount ?? 0), 0),
      needsApproval: [...groupedBy(bags, facts.cells.of)].some(
        ([cell, some]) => weightIn(some, problem) > (cell?.free ?? 0),
      ),
      rejected: transferRejections.flatMap((reason) => {
        const some = unsaid.has(reason) ? undefined : reasons.get(reason)
        return some ? [{ reason, bags: some.length }] : []
      }),
    }
  })
  return sources.filter(({ bags, rejected }) => bags.length > 0 || rejected.length > 0)
}

function weightIn(bags: readonly TransferBag[], { policy }: TransferProblem): number {
  return bags.reduce((sum, bag) => sum + (weightOf(bag, policy) ?? 0), 0)
}
