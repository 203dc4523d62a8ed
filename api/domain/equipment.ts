import type { EquipmentResult } from '../../schema/vocabulary.ts'
import { type QualificationStage, qualificationStages } from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'

/** What a jurisdiction asks of equipment; ms, hundredths of a degree Celsius. */
export type EquipmentPolicy = {
  /** So long before something runs out somebody is told. */
  readonly dueWithinMs: number
  /** What a new device has no record of is missing only after so long; that it is not qualified is told at once. */
  readonly graceMs: { readonly calibration: number; readonly mapping: number }
  /** How often temperatures are mapped, and how long and at how many points at least. */
  readonly mapping: { readonly everyMs: number; readonly leastMs: number; readonly leastPoints: number }
  /** How often a day what holds bags is read by hand, and how far apart; null where nobody asks for it. */
  readonly readings: { readonly perDay: number; readonly apartMs: number } | null
  /** A reading by hand may be so far from the probe's, inclusive. */
  readonly toleranceCenti: number
}

/** @throws Refusal `invalid_request` where a mapping was too short, or at too few points */
export function mustMap(
  { from, to, points }: { readonly from: number; readonly to: number; readonly points: readonly unknown[] },
  { leastMs, leastPoints }: EquipmentPolicy['mapping'],
): void {
  if (to - from < leastMs)
    throw new Refusal('invalid_request', `to: temperatures are mapped for ${leastMs / 3_600_000} h at least`)
  if (points.length < leastPoints)
    throw new Refusal('invalid_request', `points: temperatures are mapped at ${leastPoints} points at least`)
}

export type Due = { readonly since: number; readonly how: 'missing' | 'overdue' | 'soon' }

/**
 * Since when somebody must see to what is done again and again; null where nobody need yet.
 *
 * @param validUntil of the newest that counts, exclusive; null where there is none
 * @param neededFrom what there is none of is missing from then on
 */
export function dueSince(
  validUntil: number | null,
  neededFrom: number,
  dueWithinMs: number,
  now: number,
): Due | null {
  if (validUntil === null) return now >= neededFrom ? { since: neededFrom, how: 'missing' } : null
  if (now >= validUntil) return { since: validUntil, how: 'overdue' }
  const soonAt = validUntil - dueWithinMs
  return now >= soonAt ? { since: soonAt, how: 'soon' } : null
}

/** The newest qualification of a stage. */
export type Qualified = {
  readonly stage: QualificationStage
  readonly doneAt: number
  readonly validUntil: number | null
  readonly result: EquipmentResult
}

/** What is on record of a device's fitness to hold blood. */
export type Fitness = {
  /** The newest of each stage. */
  readonly stages: readonly Qualified[]
  /** Since when it is out of service by its newest maintenance; null where it is in service. */
  readonly outSince: number | null
  /** When what stands where it was installed came to stand in another facility, as far as is told. */
  readonly moves: readonly number[]
}

export type Unfit = {
  /** Null where it never was fit, as far as anything on record says. */
  readonly since: number | null
  readonly why: 'out_of_service' | 'moved' | 'not_qualified'
}

/**
 * Why a device may hold no blood; null where it is qualified in every stage and in service. It is qualified where it stands:
 * a stage that was done before a move speaks for it no more (a change of equipment is requalified, EU GMP Annex 15).
 *
 * @param fitness undefined where nothing is on record
 */
export function unfitnessOf(fitness: Fitness | undefined, now: number): Unfit | null {
  const { stages, outSince, moves } = fitness ?? { stages: [], outSince: null, moves: [] }
  if (outSince !== null && outSince <= now) return { since: outSince, why: 'out_of_service' }
  const movedAt = Math.max(...moves.filter((at) => at <= now))
  let since: number | null = null
  let isMoved = false
  for (const stage of qualificationStages) {
    const newest = stages.find((one) => one.stage === stage)
    if (!newest || newest.doneAt > now) return { since: null, why: 'not_qualified' }
    const lapsed = newest.result === 'failed' ? newest.doneAt : newest.validUntil
    if (lapsed !== null && lapsed <= now) since = Math.min(since ?? lapsed, lapsed)
    isMoved ||= newest.doneAt < movedAt
  }
  if (since !== null) return { since, why: 'not_qualified' }
  return isMoved ? { since: movedAt, why: 'moved' } : null
}

/**
 * Since when a day lacks a reading by hand; null where it has enough, or the next would still be too near the last. Of
 * readings that are too near each other the earlier counts. What comes too late for another to follow on that day is
 * told of at once.
 *
 * @param readAt when it was read on that day, ascending
 */
export function readingMissingSince(
  readAt: readonly number[],
  day: { readonly from: number; readonly to: number },
  { perDay, apartMs }: NonNullable<EquipmentPolicy['readings']>,
  now: number,
): { readonly since: number; readonly isTooLate: boolean } | null {
  let counted = 0
  let last: number | null = null
  for (const at of readAt) {
    if (last !== null && at - last < apartMs) continue
    counted += 1
    last = at
  }
  if (counted >= perDay) return null
  if (last === null) return { since: day.from, isTooLate: false }
  const next = last + apartMs * (perDay - counted)
  if (next >= day.to) return { since: last, isTooLate: true }
  const nextAt = last + apartMs
  return now >= nextAt ? { since: nextAt, isTooLate: false } : null
}
