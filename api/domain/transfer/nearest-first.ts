import { groupedBy } from '../grouped-by.ts'
import type { BagClass, Option } from './candidates.ts'
import type { Cell } from './cells.ts'
import type { TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import type { Move } from './score.ts'

const inTurn = ['emergency', 'urgent', 'routine'] as const

/**
 * A plan that is soon found and breaks no rule: one demand after another, the most urgent first, gets what is nearest of
 * what is free, and only then, where it may, of what is kept in reserve. It is what a person would do; the best is often
 * no better in what counts first, and then nobody need look for it.
 */
export function nearestFirst(problem: TransferProblem, options: readonly Option[]): readonly Move[] {
  const { policy, demands } = problem
  const offers = groupedBy(options, ({ demand }) => demand)
  const sent = new Map<BagClass, number>()
  const drawn = new Map<Cell, { all: number; ordinary: number }>()
  const missing = new Map(demands.map((demand) => [demand, weightOf(demand, policy) ?? 0]))
  const moves: Move[] = []

  const give = (demand: TransferDemand, fromReserve: boolean) => {
    const near = (offers.get(demand) ?? []).toSorted(
      (a, b) => a.minutes - b.minutes || a.rank - b.rank || a.risk - b.risk,
    )
    const isOrdinary = !policy.reserveFor.includes(demand.urgency)
    let left = missing.get(demand) ?? 0
    for (const { class: of } of near) {
      const { cell, weight, bags } = of
      const so = drawn.get(cell) ?? { all: 0, ordinary: 0 }
      const room = cell.free + (fromReserve ? cell.reserve : 0) - so.all
      const count = Math.min(
        Math.ceil(left / weight),
        bags.length - (sent.get(of) ?? 0),
        Math.max(0, Math.floor(room / weight)),
      )
      if (count <= 0) continue
      const first = sent.get(of) ?? 0
      for (const bag of bags.slice(first, first + count)) moves.push({ bag, demand })
      sent.set(of, first + count)
      const given = count * weight
      drawn.set(cell, { all: so.all + given, ordinary: so.ordinary + (isOrdinary ? given : 0) })
      left -= given
      if (left <= 0) break
    }
    missing.set(demand, left)
  }

  const urgentFirst = demands.toSorted(
    (a, b) => inTurn.indexOf(a.urgency) - inTurn.indexOf(b.urgency) || a.deadline - b.deadline,
  )
  for (const demand of urgentFirst) give(demand, false)
  for (const demand of urgentFirst)
    if ((missing.get(demand) ?? 0) > 0 && policy.reserveFor.includes(demand.urgency)) give(demand, true)
  return moves
}
