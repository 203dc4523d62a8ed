import type { PlaceState } from '../../schema/vocabulary.ts'
import type { Condition } from './alarm.ts'

/** A bag that may be out of controlled storage. Instants are ms UTC. */
export type BagOut = {
  readonly bagId: string
  readonly state: 'available' | 'distributed' | 'issued' | 'transfused'
  /** Where it is as far as anybody has seen, and since when by event time; null where nobody ever saw it. */
  readonly place: { readonly state: PlaceState; readonly from: number } | null
  /** When it was issued last, or began to be given where it never was; null where it is neither. */
  readonly issuedAt: number | null
  /** When a person last vouched for how it was kept; null where nobody did. */
  readonly vouchedAt: number | null
  /** In hands before, since then, ms: what it was made of, too. */
  readonly spentMs: number
}

/** ms; null where nothing is said. */
export type TimerRules = {
  /** So long a bag may be in hands, by the policy of its component. */
  readonly longestMs: number | null
  /** The last part of that: somebody is warned. */
  readonly warnShare: number
  /** So long after it left controlled storage it has been given. */
  readonly transfusionMs: number | null
  /** So long after it was issued something is recorded at the bedside. */
  readonly bedsideMs?: number | null
}

/**
 * Since when a bag is out of controlled storage; null where it is not. What is in stock or packed is out when it was seen
 * to leave a container since somebody vouched for it. What is issued is out unless it is seen inside one: nobody need have
 * seen it leave, and then it is counted from its issue, or from when it was seen inside last. What is being given was.
 */
export function outSince({
  state,
  place,
  issuedAt,
  vouchedAt,
}: Omit<BagOut, 'spentMs' | 'bagId'>): number | null {
  if (place?.state === 'inside' && state !== 'transfused') return null
  if (place?.state === 'in_hand' && (vouchedAt === null || place.from >= vouchedAt)) return place.from
  if ((state !== 'issued' && state !== 'transfused') || issuedAt === null) return null
  return place?.state === 'unknown' ? Math.max(place.from, issuedAt) : issuedAt
}

/**
 * The conditions of a bag that is out of controlled storage: a warning before it may be in hands no longer, an alarm from
 * then on, and one where it was issued and nobody has said that all of it was given within the time that may take; and one
 * where nobody has said anything at the bedside. Minutes in hands add up, as they do in its ledger. They last until it is
 * inside a container, discarded or returned, or is being given; the third, until that has ended.
 */
export function timerConditions(
  bag: BagOut,
  { longestMs, warnShare, transfusionMs, bedsideMs = null }: TimerRules,
  now: number,
): Condition[] {
  const from = outSince(bag)
  if (from === null) return []
  const about = { part: bag.bagId, from, to: null, class: 'alert' } as const
  const conditions: Condition[] = []
  if (longestMs !== null && bag.state !== 'transfused') {
    const limitAt = Math.max(from, from + longestMs - bag.spentMs)
    const warnAt = Math.max(from, limitAt - Math.round(longestMs * warnShare))
    if (now >= limitAt) conditions.push({ ...about, kind: 'bag_out', dueAt: limitAt })
    else if (now >= warnAt) conditions.push({ ...about, kind: 'bag_out_soon', dueAt: warnAt })
  }
  if (
    bedsideMs !== null &&
    bag.state === 'issued' &&
    bag.issuedAt !== null &&
    now >= bag.issuedAt + bedsideMs
  )
    conditions.push({ ...about, kind: 'bedside_missing', dueAt: bag.issuedAt + bedsideMs })
  const isInUse = bag.state === 'issued' || bag.state === 'transfused'
  if (transfusionMs !== null && isInUse && now >= from + transfusionMs)
    conditions.push({ ...about, kind: 'transfusion_late', dueAt: from + transfusionMs })
  return conditions
}
