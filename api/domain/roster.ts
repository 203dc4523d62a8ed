import type { EscalationStep } from '../../schema/vocabulary.ts'
import { wallClockIn } from './local-day.ts'

/** When somebody stands behind a step, by the clock on the wall of a facility. */
export type Shift = {
  readonly step: EscalationStep
  /** On which it begins: 1 is Monday, 7 Sunday. */
  readonly weekdays: readonly number[]
  /** Minutes since midnight, [from, to); it ends the next day where `to` is not later. */
  readonly fromMinute: number
  readonly toMinute: number
  /** Instants [from, to); null where nothing ends it. */
  readonly effectiveFrom: number
  readonly effectiveTo: number | null
}

export type Roster<T extends Shift = Shift> = { readonly timeZone: string; readonly shifts: readonly T[] }

const dayMs = 86_400_000

/**
 * Whose shift it is. It goes by what the clock on the wall shows: shifts that follow each other leave no gap in the night
 * the clock is moved, in which one may be longer, shorter, or not be at all.
 */
export function onDuty<T extends Shift>(
  { timeZone, shifts }: Roster<T>,
  step: EscalationStep,
  at: number,
): T[] {
  const shown = wallClockIn(timeZone)(at)
  const minute = Math.floor((shown % dayMs) / 60_000)
  const today = weekdayOf(shown)
  const yesterday = weekdayOf(shown - dayMs)
  return shifts.filter((shift) => {
    const { weekdays, fromMinute, toMinute, effectiveFrom, effectiveTo } = shift
    if (shift.step !== step || at < effectiveFrom || (effectiveTo !== null && at >= effectiveTo)) return false
    const isOverMidnight = toMinute <= fromMinute
    const began = weekdays.includes(today) && minute >= fromMinute
    if (!isOverMidnight) return began && minute < toMinute
    return began || (weekdays.includes(yesterday) && minute < toMinute)
  })
}

/** 1 is Monday, 7 Sunday. */
function weekdayOf(shown: number): number {
  return new Date(shown).getUTCDay() || 7
}
