import type { TransferBag, TransferLevel, TransferPolicy, TransferProblem } from './problem.ts'
import { cellOf, weightOf } from './problem.ts'

/**
 * What a site can spare of one component and group, hundredths of a mL. What anybody may have lies above its minimum;
 * what lies between that and critical is for those the policy names, with approval; nothing below critical leaves.
 */
export type Room = {
  readonly stock: number
  /** Of the free part, what lies above the target: what is taken beyond it is counted. */
  readonly aboveTarget: number
  readonly free: number
  readonly reserve: number
  readonly level: TransferLevel | null
}

/**
 * Only what may be issued counts as stock, and what is booked is no longer there. Of what no level speaks all is free:
 * a site says what it keeps.
 */
export function roomsOf({ stock, levels, policy, at }: TransferProblem): ReadonlyMap<string, Room> {
  const kept = new Map(levels.map((level) => [cellOf(level), level]))
  const sums = new Map<string, number>()
  for (const bag of stock) {
    const cell = cellOfBag(bag)
    const weight = weightOf(bag, policy)
    if (cell === null || weight === null || bag.obstacle || at >= bag.expiresAt) continue
    sums.set(cell, (sums.get(cell) ?? 0) + weight)
  }
  return new Map([...sums].map(([cell, sum]) => [cell, roomOf(sum, kept.get(cell) ?? null, policy)]))
}

function roomOf(stock: number, level: TransferLevel | null, policy: TransferPolicy): Room {
  if (!level) return { stock, aboveTarget: stock, free: stock, reserve: 0, level }
  const [target, minimum, critical, booked] = [level.target, level.minimum, level.critical, level.booked].map(
    (amount) => weightOf({ ...level, amount }, policy) ?? 0,
  ) as [number, number, number, number]
  const left = Math.max(0, stock - booked)
  return {
    stock,
    aboveTarget: Math.max(0, left - Math.max(target, minimum, critical)),
    free: Math.max(0, left - Math.max(minimum, critical)),
    reserve: Math.max(0, Math.min(left, Math.max(minimum, critical)) - critical),
    level,
  }
}

/** Null of what is in no stock: its group or its unit is not known. */
export function cellOfBag({ site, component, group, uom }: TransferBag): string | null {
  return group && uom ? cellOf({ site, component, ...group, uom }) : null
}
