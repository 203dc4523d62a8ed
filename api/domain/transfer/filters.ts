import type { TransferRejection } from '../../../schema/vocabulary.ts'
import { compatibilityOf } from '../compatibility.ts'
import { type TransferBag, type TransferDemand, type TransferPolicy, weightOf, wholeOf } from './problem.ts'

const minuteMs = 60_000

/** What a bag is to a demand that it may go to. */
export type Offer = {
  /** From now until it is in hand there, at the 80th percentile. */
  readonly minutes: number
  /** 0 where it is the patient's own group; see `compatibilityOf`. */
  readonly rank: number
}

/** How a bag would come to where it is needed. */
export type Way = {
  /** Null where no way is known. */
  readonly minutes: number | null
  readonly boxes: TransferSiteBoxes
}
type TransferSiteBoxes = readonly string[] | null

/** From picking to in hand, minutes; null where no way is known. */
export function arrivalMinutes(
  { component }: Pick<TransferBag, 'component'>,
  way: Way,
  { packMinutes, boxOf, handoverMinutes }: TransferPolicy,
): number | null {
  return way.minutes === null ? null : packMinutes[boxOf[component]] + way.minutes + handoverMinutes
}

/**
 * The hard filters, in their order: the first that a bag fails for a demand, or what it offers. What is not known of a bag
 * speaks against it. That its site keeps it for itself is no matter of one bag (see `room.ts`).
 *
 * Life on arrival and the time a box keeps its temperature go by the pessimistic way; a box must be validated for half as
 * long again (62 % of failed shipments of a redistribution programme were late couriers: Ontario 2012 to 2020).
 */
export function offerOf(
  bag: TransferBag,
  demand: TransferDemand,
  way: Way,
  at: number,
  policy: TransferPolicy,
): Offer | TransferRejection {
  if (wholeOf(bag.component) !== demand.component) return 'other_component'
  if (bag.site === demand.site) return 'own_site'
  if (bag.obstacle) return bag.obstacle
  if (at >= bag.expiresAt) return 'expired'
  if (!bag.group) return 'group_unconfirmed'
  const { verdict, needs, rank } = compatibilityOf(bag.component, bag.group, demand.group)
  if (verdict === 'incompatible') return 'incompatible'
  if (needs.includes('rhd_override') && !demand.rhdPositiveAllowed) return 'rhd_positive'
  if (needs.includes('low_titre') && !bag.lowTitre) return 'high_titre'
  if (!demand.requires.every((requirement) => bag.treated.includes(requirement))) return 'not_treated'
  if (weightOf(bag, policy) === null) return 'amount_unknown'
  if (bag.uom !== demand.uom) return 'other_unit'
  const minutes = arrivalMinutes(bag, way, policy)
  if (minutes === null || way.minutes === null) return 'no_way'
  const kind = policy.boxOf[bag.component]
  if (way.boxes && !way.boxes.includes(kind)) return 'no_box'
  const inBox = way.minutes + policy.handoverMinutes
  if (inBox * policy.boxPercent > policy.boxes[kind].validatedMinutes * 100) return 'box_too_short'
  const arrivesAt = at + minutes * minuteMs
  if (arrivesAt > demand.deadline) return 'too_late'
  if (bag.expiresAt - arrivesAt < policy.lifeLeftMs[bag.component]) return 'too_short_lived'
  return { minutes, rank }
}
