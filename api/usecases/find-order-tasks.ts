import type { Context } from '../context.ts'
import { filledAmount, missingApprovals, unapprovedSince, unfilledSince } from '../domain/order.ts'
import { isWithin, type Reach, reachOf } from '../domain/rights.ts'
import { sampleEndingSince } from '../domain/sample.ts'
import {
  cnGroupingDiscrepancy,
  cnHl7Refused,
  cnOrderUnapproved,
  cnOrderUnfilled,
  cnSampleEnding,
  orderForgottenMs,
  orderUnfilledMs,
} from '../policies/orders.ts'
import { sampleEndingMs } from '../policies/samples.ts'
import { openHl7Refusals } from '../stores/hl7.ts'
import {
  groupsInDoubt,
  type KnownOrder,
  keptFor,
  ordersUnapproved,
  ordersUnfilled,
} from '../stores/orders.ts'
import type { Task } from './list-tasks.ts'

type Find = (ctx: Context, reach: Reach) => Promise<Task[]>

/** What is to be done for those who are to be given blood, before it is. */
export const orderFinders = {
  order_unapproved: async (ctx, reach) => {
    const orders = await ordersUnapproved(ctx.database.db, reach, ctx.now())
    return orders.flatMap((order) => {
      const since = unapprovedSince(order, order.events)
      const [next] = missingApprovals(order, order.events)
      if (since === null || next === undefined) return []
      const words = cnOrderUnapproved(order, next, order.urgency === 'emergency')
      return [{ ...aboutOrder(ctx, order), kind: 'order_unapproved', since, ...words }]
    })
  },
  order_unfilled: async (ctx, reach) => {
    const now = ctx.now()
    const needed = { from: now - orderForgottenMs, until: now + orderUnfilledMs + 1 }
    const orders = await ordersUnfilled(ctx.database.db, reach, needed, now)
    return orders.flatMap((order) => {
      const since = unfilledSince(order, order.events, order.issued, now, orderUnfilledMs)
      if (since === null) return []
      const left = Math.round((order.amount - filledAmount(order, order.issued)) * 100) / 100
      return [{ ...aboutOrder(ctx, order), kind: 'order_unfilled', since, ...cnOrderUnfilled(order, left) }]
    })
  },
  grouping_discrepancy: async (ctx, reach) =>
    (await groupsInDoubt(ctx.database.db, reach)).map(({ at: since, facility, pseudonym: patient }) => {
      return { ...about, facility, patient, kind: 'grouping_discrepancy', since, ...cnGroupingDiscrepancy }
    }),
  sample_ending: async (ctx, reach) => {
    const now = ctx.now()
    const kept = await keptFor(ctx.database.db, reach, now)
    return kept.flatMap(({ facility, pseudonym: patient, sampleUntil }) => {
      const since = sampleEndingSince(sampleUntil, now, sampleEndingMs)
      if (since === null) return []
      return [{ ...about, facility, patient, kind: 'sample_ending', since, ...cnSampleEnding }]
    })
  },
  hl7_refused: async (ctx, reach) =>
    (await openHl7Refusals(ctx.database.db, reach)).map(({ id, facility, type, sender, reason, since }) => {
      const words = cnHl7Refused(type ?? '?', sender, reason)
      return { ...about, facility, message: id, kind: 'hl7_refused', since, ...words }
    }),
} as const satisfies Partial<Record<Task['kind'], Find>>

const about = { bagId: null, label: null, device: null }

/** Whom it is for is told only to who may know the patients there. */
function aboutOrder({ grants }: Context, { id, facility, facilityId, pseudonym }: KnownOrder) {
  const patient = isWithin(reachOf(grants, 'patient.read'), [facilityId]) ? pseudonym : null
  return { ...about, facility, order: id, patient }
}
