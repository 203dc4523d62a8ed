import type {
  Component,
  Finding,
  Grade,
  OrderedComponent,
  OrderState,
  OrderVerb,
  UnitOfMeasure,
  Urgency,
} from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'

/** Whose word an order takes, by how much is ordered for the patient in a day. */
export type OrderRule = {
  /** From so many mL on, inclusive, by ascending `fromMl`, the first from 0; each after the one before it. */
  readonly tiers: readonly { readonly fromMl: number; readonly approvals: readonly Grade[] }[]
  /** For so long before an order what was ordered counts towards it, ms. */
  readonly dayMs: number
  /** What a component is ordered in, and how many mL each of it counts for. */
  readonly counts: Readonly<Record<OrderedComponent, Readonly<Partial<Record<UnitOfMeasure, number>>>>>
  readonly source: string
  readonly uncertain: readonly string[]
}

export type Order = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
  readonly urgency: Urgency
  readonly neededAt: number
  /** Who ordered, as the physician is named. */
  readonly physician: string
  /** Who wrote it down: a person's or a key's id. */
  readonly by: string
  readonly approvals: readonly Grade[]
}

export type OrderEvent = { readonly verb: OrderVerb; readonly grade: Grade | null; readonly by: string }

/** A bag that was handed out for an order, and has not come back. */
export type FillingBag = {
  readonly component: Component
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
}

/** What an amount counts for, mL. @throws Refusal `invalid_request` where the component is not measured so */
export function mlOf(
  { counts }: Pick<OrderRule, 'counts'>,
  { component, amount, uom }: Pick<Order, 'component' | 'amount' | 'uom'>,
): number {
  const each = counts[component][uom]
  if (each === undefined) {
    const units = Object.keys(counts[component]).join(' or ')
    throw new Refusal('invalid_request', `uom: ${component} is ordered in ${units}`)
  }
  return rounded(amount * each)
}

/** Whose word it takes to have so much ordered in a day, in turn. */
export function approvalsFor({ tiers }: Pick<OrderRule, 'tiers'>, dayMl: number): readonly Grade[] {
  return tiers.findLast(({ fromMl }) => dayMl >= fromMl)?.approvals ?? []
}

/** Whose word is still to be given, in turn. */
export function missingApprovals(
  { approvals }: Pick<Order, 'approvals'>,
  events: readonly OrderEvent[],
): readonly Grade[] {
  return approvals.filter(
    (grade) => !events.some((event) => event.verb === 'approve' && event.grade === grade),
  )
}

/** What may be handed out for it: what was ordered, or what that is thawed into. */
export function fills(component: Component, ordered: OrderedComponent): boolean {
  return component === ordered || component === `thawed_${ordered}`
}

/**
 * So much of it was handed out. A bag of which nobody knows how much it holds, or that is counted in another unit, counts for
 * nothing: better that somebody looks once more than that blood is thought to be there.
 */
export function filledAmount(
  { component, uom }: Pick<Order, 'component' | 'uom'>,
  bags: readonly FillingBag[],
): number {
  const amounts = bags.map((bag) =>
    fills(bag.component, component) && bag.uom === uom ? (bag.amount ?? 0) : 0,
  )
  return rounded(amounts.reduce((sum, amount) => sum + amount, 0))
}

/** Amounts have two decimals, and their sums, too. */
const rounded = (amount: number) => Math.round(amount * 100) / 100

/** How it ended by somebody's word; null where it did not. */
function endOf(events: readonly OrderEvent[]): 'rejected' | 'cancelled' | null {
  const end = events.find(({ verb }) => verb !== 'approve')
  return end ? (end.verb === 'reject' ? 'rejected' : 'cancelled') : null
}

/** What has become of it. An emergency's is filled before it is approved: `missingApprovals` says what is to be given still. */
export function stateOfOrder(
  order: Pick<Order, 'approvals' | 'component' | 'amount' | 'uom'>,
  events: readonly OrderEvent[],
  bags: readonly FillingBag[],
): OrderState {
  const ended = endOf(events)
  if (ended) return ended
  if (filledAmount(order, bags) >= order.amount) return 'filled'
  if (bags.length > 0) return 'partly_filled'
  return missingApprovals(order, events).length === 0 ? 'approved' : 'requested'
}

/** What somebody says of an order, and as whom. */
export type OrderCommand = {
  readonly verb: OrderVerb
  readonly by: string
  readonly username: string
  /** The grades they hold where the order is. */
  readonly holds: readonly Grade[]
}

/**
 * What is written of it. Approvals are given in turn, each by another person, none by who ordered; who may approve next may
 * reject instead. Called off is what nobody has ended and is not filled.
 *
 * @throws Refusal `conflict`, `second_person`
 */
export function decideOnOrder(
  order: Order,
  events: readonly OrderEvent[],
  bags: readonly FillingBag[],
  { verb, by, username, holds }: OrderCommand,
): OrderEvent {
  const state = stateOfOrder(order, events, bags)
  if (state === 'rejected' || state === 'cancelled')
    throw new Refusal('conflict', `the order is ${state} already`)
  if (verb === 'cancel') {
    if (state === 'filled') throw new Refusal('conflict', 'the order is filled already')
    return { verb, grade: null, by }
  }
  const [next] = missingApprovals(order, events)
  if (next === undefined) throw new Refusal('conflict', 'the order needs no further approval')
  if (order.by === by || order.physician.toLowerCase() === username.toLowerCase())
    throw new Refusal('second_person', 'you ordered it: others approve it')
  if (events.some((event) => event.by === by))
    throw new Refusal('second_person', 'you have approved it already: it takes another person')
  if (!holds.includes(next)) throw new Refusal('conflict', `the order waits for the word of: ${next}`)
  return { verb, grade: next, by }
}

/**
 * Blood may be kept or handed out for it. In an emergency that waits for nobody's word.
 *
 * @throws Refusal `conflict`
 */
export function mustBeToFill(
  order: Order,
  events: readonly OrderEvent[],
  bags: readonly FillingBag[],
  isEmergency: boolean,
): void {
  const state = stateOfOrder(order, events, bags)
  if (state === 'rejected' || state === 'cancelled' || state === 'filled')
    throw new Refusal('conflict', `order: is ${state} already`)
  const missing = missingApprovals(order, events)
  if (missing.length > 0 && order.urgency !== 'emergency' && !isEmergency)
    throw new Refusal(
      'conflict',
      `order: is not approved yet: it waits for the word of ${missing.join(', ')}`,
    )
}

/** An order as a scan finds it. */
export type OrderToFill = Pick<Order, 'approvals' | 'component' | 'amount' | 'uom'> & {
  readonly events: readonly OrderEvent[]
  readonly bags: readonly FillingBag[]
}

/**
 * What speaks against handing a bag out for the order its door was opened for: that has become of it since, or is another
 * order's. What it waits for was asked when the door was opened, and no word that was given is taken back.
 */
export function findingsOfOrder(order: OrderToFill, component: Component): readonly Finding[] {
  const state = stateOfOrder(order, order.events, order.bags)
  const found: Finding[] = []
  if (state === 'rejected' || state === 'cancelled') found.push('order_ended')
  if (state === 'filled') found.push('order_filled')
  if (!fills(component, order.component)) found.push('order_differs')
  return found
}

/** Since when an order waits for somebody's word, be it that the blood is given; null where it does not. */
export function unapprovedSince(
  order: Pick<Order, 'approvals'> & { readonly at: number },
  events: readonly OrderEvent[],
): number | null {
  return endOf(events) === null && missingApprovals(order, events).length > 0 ? order.at : null
}

/** Since when an order that may be filled should be looked to, for it is soon needed; null where it need not. */
export function unfilledSince(
  order: Order & { readonly at: number },
  events: readonly OrderEvent[],
  bags: readonly FillingBag[],
  now: number,
  unfilledMs: number,
): number | null {
  const state = stateOfOrder(order, events, bags)
  const isOpen = state === 'requested' || state === 'approved' || state === 'partly_filled'
  const isToFill = isOpen && (order.urgency === 'emergency' || missingApprovals(order, events).length === 0)
  const since = Math.max(order.at, order.neededAt - unfilledMs)
  return isToFill && now >= since ? since : null
}
