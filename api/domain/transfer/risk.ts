import type { Cell, Cells } from './cells.ts'
import type { TransferBag, TransferDemand, TransferPolicy, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'

const dayMs = 24 * 3_600_000

/**
 * How likely at least so many are asked for, of a demand that comes one by one (Poisson). Beyond a mean of 500 by the
 * normal distribution, which is then within a thousandth of it.
 *
 * @param count whole, at least 0
 * @param mean at least 0
 */
export function chanceOfAtLeast(count: number, mean: number): number {
  if (count <= 0) return 1
  if (mean <= 0) return 0
  if (mean > 500) return 1 - normal((count - 0.5 - mean) / Math.sqrt(mean))
  let term = Math.exp(-mean)
  let below = term
  // Beyond the mean terms only shrink: one that is nothing beside their sum ends it, however far off the count is.
  for (let k = 1; k < count && (k <= mean || term > negligible); k++) {
    term *= mean / k
    below += term
  }
  return Math.max(0, Math.min(1, 1 - below))
}

/** The terms after one as small as this sum to no more than 500 times it. */
const negligible = 1e-18

/** The normal distribution (Abramowitz and Stegun 26.2.17, within 7.5e-8). */
function normal(z: number): number {
  const t = 1 / (1 + 0.231_641_9 * Math.abs(z))
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.319_381_53 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
  return z > 0 ? 1 - tail : tail
}

/** What stands before a bag at a site, where the one that expires first is used first; hundredths of a mL. */
export type Queues = {
  /** Of those in the cell that come before the bag, and itself where it is there. */
  upTo(bag: TransferBag, cell: Cell | undefined): number
}

export function queuesOf({ policy }: TransferProblem): Queues {
  const lines = new Map<Cell, readonly Place[]>()
  const lineOf = (cell: Cell) => {
    const known = lines.get(cell)
    if (known) return known
    let sum = 0
    const line = cell.bags.toSorted(byExpiry).map((bag) => {
      sum += weightOf(bag, policy) ?? 0
      return { bag, sum }
    })
    lines.set(cell, line)
    return line
  }
  return {
    upTo(bag, cell) {
      const line = cell ? lineOf(cell) : []
      let low = 0
      let high = line.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (byExpiry((line[middle] as Place).bag, bag) <= 0) low = middle + 1
        else high = middle
      }
      return line[low - 1]?.sum ?? 0
    },
  }
}

type Place = { readonly bag: TransferBag; readonly sum: number }

/** The first to expire first. */
export function byExpiry(a: TransferBag, b: TransferBag): number {
  return a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** What is used of it in a day, hundredths of a mL. */
function perDayOf(cell: Cell | undefined, bag: TransferBag, policy: TransferPolicy): number {
  const perDay = cell?.level?.perDay
  if (perDay === null || perDay === undefined) return (cell?.stock ?? 0) / policy.coverDays
  return weightOf({ ...bag, amount: perDay }, policy) ?? 0
}

/**
 * What sending a bag does to the chance that it expires unused, in percent of the bag: what it risks where it goes (not
 * given there, and then not used before it expires), less what it risks where it is. Below 0 where sending it saves
 * blood. Rounded to the policy's steps.
 */
export function riskOf(
  bag: TransferBag,
  demand: Pick<TransferDemand, 'site' | 'urgency'>,
  minutes: number,
  { cells, queues }: { readonly cells: Cells; readonly queues: Queues },
  { at, policy }: TransferProblem,
): number {
  const weight = weightOf(bag, policy) ?? 1
  const wasted = (cell: Cell | undefined, ahead: number, from: number) => {
    const used = (perDayOf(cell, bag, policy) * Math.max(0, bag.expiresAt - from)) / dayMs
    return 1 - chanceOfAtLeast(Math.ceil(ahead / weight), used / weight)
  }
  const [home, goal] = [cells.of(bag), cells.at(demand.site, bag)]
  const here = wasted(home, queues.upTo(bag, home), at)
  const there = wasted(goal, queues.upTo(bag, goal) + weight, at + minutes * 60_000)
  const percent = policy.unusedPercent[demand.urgency] * there - 100 * here
  return Math.round(percent / policy.riskStep) * policy.riskStep
}
