import type { z } from 'zod'
import type { Order } from '../../../schema/http/orders.ts'
import { filledAmount, missingApprovals, stateOfOrder } from '../../domain/order.ts'
import type { KnownOrder } from '../../stores/orders.ts'
import { iso } from '../units.ts'

export function orderView(order: KnownOrder): z.infer<typeof Order> {
  const {
    id: orderId,
    facilityId: _,
    pseudonym: patient,
    events,
    neededAt,
    at,
    issued,
    reserved,
    ...said
  } = order
  const end = events.find(({ verb }) => verb !== 'approve')
  return {
    ...said,
    orderId,
    patient,
    neededAt: iso(neededAt),
    at: iso(at),
    state: stateOfOrder(order, events, issued),
    approvals: [...order.approvals],
    missing: [...missingApprovals(order, events)],
    given: events.flatMap(({ verb, grade, comment, by, at: when }) =>
      verb === 'approve' && grade !== null ? [{ grade, comment, by, at: iso(when) }] : [],
    ),
    ended:
      end && end.verb !== 'approve'
        ? { verb: end.verb, grade: end.grade, comment: end.comment, by: end.by, at: iso(end.at) }
        : null,
    filled: filledAmount(order, issued),
    issued: [...issued],
    reserved: [...reserved],
  }
}
