import type { CauseSign } from '../../../schema/vocabulary.ts'
import type { CauseRule, Opening } from './facts.ts'
import type { Leap, Rise } from './rise.ts'

/** Whether a door stood open as it leapt; nothing where no sensor tells. */
export function doorSigns(
  doors: readonly Opening[] | null,
  { leaps, to }: Rise,
  { doorSlackMs }: CauseRule,
): readonly CauseSign[] {
  if (!doors) return []
  if (doors.at(-1)?.to === null) return ['door_open']
  const open = (leap: Leap) =>
    doors.some((door) => door.from <= leap.to && (door.to ?? to) >= leap.from - doorSlackMs)
  return leaps.some(open) ? ['door_was_open'] : ['door_was_shut']
}

/**
 * Has it stayed up for longer than it does once a door is closed? Where a sensor tells when that was, by it; else by the
 * end of the leap, which a door still open may have ended long before.
 */
export function stayed({ leaps, to }: Rise, doors: readonly Opening[] | null, rule: CauseRule): boolean {
  const first = leaps.at(-1)
  if (!first) return false
  if (!doors) return to - first.to >= rule.recentMs
  const last = doors.at(-1)
  return last?.to !== null && to - Math.max(first.to, last?.to ?? first.to) >= rule.settleMs
}

/** The share of [from, to] in which a door stood open. */
export function openShare(doors: readonly Opening[] | null, from: number, to: number): number {
  if (!doors || to <= from) return 0
  const openMs = doors.reduce(
    (sum, door) => sum + Math.max(0, Math.min(door.to ?? to, to) - Math.max(door.from, from)),
    0,
  )
  return openMs / (to - from)
}
