import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { cellOfBag, type Room } from './room.ts'

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
  for (let k = 1; k < count; k++) {
    term *= mean / k
    below += term
  }
  return Math.max(0, Math.min(1, 1 - below))
}

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
  /** With the bag itself. */
  upTo(bag: TransferBag): number
  /** At another site, would it come there. */
  before(bag: TransferBag, site: string): number
  perDay(bag: TransferBag, site: string): number
}

export function queuesOf(problem: TransferProblem, rooms: ReadonlyMap<string, Room>): Queues {
  const { stock, policy, at } = problem
  const lines = new Map<string, { expiresAt: number; id: string; weight: number; sum: number }[]>()
  for (const bag of stock) {
    const cell = cellOfBag(bag)
    const weight = weightOf(bag, policy)
    if (cell === null || weight === null || bag.obstacle || at >= bag.expiresAt) continue
    const line = lines.get(cell)
    const place = { expiresAt: bag.expiresAt, id: bag.id, weight, sum: 0 }
    if (line) line.push(place)
    else lines.set(cell, [place])
  }
  for (const line of lines.values()) {
    line.sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1))
    let sum = 0
    for (const place of line) {
      sum += place.weight
      place.sum = sum
    }
  }
  /** Of those in the line that come before, or are, this one. */
  const sumUpTo = (cell: string, { expiresAt, id }: TransferBag) => {
    const line = lines.get(cell) ?? []
    let low = 0
    let high = line.length
    while (low < high) {
      const middle = (low + high) >> 1
      const place = line[middle] as (typeof line)[number]
      if (place.expiresAt < expiresAt || (place.expiresAt === expiresAt && place.id <= id)) low = middle + 1
      else high = middle
    }
    return line[low - 1]?.sum ?? 0
  }
  const cellAt = (bag: TransferBag, site: string) => cellOfBag({ ...bag, site }) ?? ''
  return {
    upTo: (bag) => sumUpTo(cellAt(bag, bag.site), bag),
    before: (bag, site) => sumUpTo(cellAt(bag, site), bag),
    perDay(bag, site) {
      const room = rooms.get(cellAt(bag, site))
      const perDay = room?.level?.perDay
      if (perDay === null || perDay === undefined) return (room?.stock ?? 0) / policy.coverDays
      return weightOf({ ...bag, amount: perDay }, policy) ?? 0
    },
  }
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
  queues: Queues,
  { at, policy }: TransferProblem,
): number {
  const weight = weightOf(bag, policy) ?? 1
  const days = (from: number) => Math.max(0, bag.expiresAt - from) / dayMs
  const wasted = (ahead: number, perDay: number, left: number) =>
    1 - chanceOfAtLeast(Math.ceil(ahead / weight), (perDay * left) / weight)
  const here = wasted(queues.upTo(bag), queues.perDay(bag, bag.site), days(at))
  const there = wasted(
    queues.before(bag, demand.site) + weight,
    queues.perDay(bag, demand.site),
    days(at + minutes * 60_000),
  )
  const percent = policy.unusedPercent[demand.urgency] * there - 100 * here
  return Math.round(percent / policy.riskStep) * policy.riskStep
}
