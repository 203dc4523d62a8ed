import { expect } from 'vitest'
import { Order as OrderView } from '../../../../schema/http/orders.ts'
import { iso } from '../door.ts'
import {
  day,
  type Hospital,
  hour,
  nowOf,
  type Order,
  type Patient,
  type Person,
  people,
  rolesOf,
} from './account.ts'
import { ask, newest } from './hospital.ts'
import { labOf, pathOf, patientOf } from './patients.ts'
import { filledBy, isFilled, keeperOf, missingOf } from './rules.ts'
import type { Kind, Step } from './steps.ts'

/* Blood is ordered, and others say whether it may be. */

/** An order, where the step names one. */
export const orderOf = ({ orders }: Hospital, step: Step): Order | null =>
  step.other ? (newest(orders, step.pick) ?? null) : null

/** What was ordered for the patient in the last 24 hours and stands, or was handed out all the same, mL. */
function dayMlOf(hospital: Hospital, patient: Patient, amount: number): number {
  const { orders } = hospital
  const theirs = orders.filter((one) => one.patient === patient && one.at > nowOf(hospital) - day)
  const counted = theirs.map((one) => (one.ended === null ? one.amount : 2 * filledBy(hospital, one).length))
  return counted.reduce((all, one) => all + one, amount) * 200
}

const approvers = ['senior', 'head', 'affairs', 'doctor'] as const

/** By which word somebody's say of an order is refused; null where it is not. */
function refusalOf(order: Order, by: Person): string | null {
  if (by === 'doctor') return 'forbidden'
  const [next] = missingOf(order)
  if (order.ended !== null || next === undefined) return 'conflict'
  if (order.by === by || order.given.some((one) => one.by === by)) return 'second_person'
  return rolesOf(by).includes(next) ? null : 'conflict'
}

/** Who is asked: seldom anybody, else whose turn it is. */
function approverOf(order: Order, step: Step): Person {
  const [next] = missingOf(order)
  const theirs = approvers.find((name) => people[name] === next)
  return step.flag && theirs ? theirs : (approvers[step.pick] ?? 'senior')
}

async function sayOf(hospital: Hospital, step: Step, what: 'approve' | 'reject'): Promise<void> {
  const order = newest(hospital.orders, step.pick)
  if (!order) return
  const by = approverOf(order, step)
  const isApproval = what === 'approve'
  const path = `/orders/${order.id}/${isApproval ? 'approval' : 'rejection'}`
  const [grade] = missingOf(order)
  const body = await ask(hospital, {
    ...{
      what,
      by,
      path,
      body: isApproval ? {} : { reason: 'drawn' },
      refusal: refusalOf(order, by),
    },
  })
  if (!body || !grade) return
  if (isApproval) order.given.push({ grade, by })
  else order.ended = 'rejected'
  order.told.push(`order.${isApproval ? 'approved' : 'rejected'} ${by}`)
  compareOrder(hospital, order, body)
}

export const ofOrders = {
  async order(hospital, step) {
    const patient = patientOf(hospital, step)
    const { amount, urgency } = step
    const by = step.flag ? 'doctor' : 'senior'
    const at = nowOf(hospital)
    const neededAt = step.other ? at + 5 * hour : at + hour
    const dayMl = dayMlOf(hospital, patient, amount)
    const body = await ask(hospital, {
      ...{ what: 'order', by, path: `${pathOf(hospital, patient)}/orders`, refusal: null },
      body: {
        ...{ component: 'red_cells', amount, uom: 'U', indication: 'surgery', indicationText: 'drawn' },
        ...{ urgency, neededAt: iso(neededAt) },
      },
    })
    const { orderId: id, ...told } = OrderView.parse(body)
    expect(told.dayMl).toBe(dayMl)
    const order: Order = {
      ...{ id, patient, amount, urgency, at, neededAt, by, given: [], ended: null },
      ...{ approvals: hospital.land.approvals(dayMl), told: [`order.placed ${by}`] },
    }
    hospital.orders.push(order)
    compareOrder(hospital, order, body)
  },
  approve: (hospital, step) => sayOf(hospital, step, 'approve'),
  reject: (hospital, step) => sayOf(hospital, step, 'reject'),
  async cancel(hospital, step) {
    const order = newest(hospital.orders, step.pick)
    if (!order) return
    const by = step.flag ? labOf(step) : 'doctor'
    const refusal = order.ended !== null || isFilled(hospital, order) ? 'conflict' : null
    const path = `/orders/${order.id}/cancellation`
    const body = await ask(hospital, { what: 'cancel', by, path, body: { reason: 'drawn' }, refusal })
    if (!body) return
    order.ended = 'cancelled'
    order.told.push(`order.cancelled ${by}`)
    compareOrder(hospital, order, body)
  },
} as const satisfies Partial<Record<Kind, (hospital: Hospital, step: Step) => Promise<void>>>

function stateOf(hospital: Hospital, order: Order): string {
  if (order.ended !== null) return order.ended
  if (isFilled(hospital, order)) return 'filled'
  if (filledBy(hospital, order).length > 0) return 'partly_filled'
  return missingOf(order).length === 0 ? 'approved' : 'requested'
}

/** An order as it is told, beside the order as the model has it. */
export function compareOrder(hospital: Hospital, order: Order, body: unknown): void {
  const issued = filledBy(hospital, order).map(({ id }) => id)
  const told = OrderView.parse(body)
  expect(told).toMatchObject({
    ...{ state: stateOf(hospital, order), missing: missingOf(order), approvals: order.approvals },
    filled: 2 * issued.length,
  })
  const kept = hospital.units.filter(
    (unit) => unit.state === 'available' && unit.kept?.order === order && keeperOf(hospital, unit) !== null,
  )
  expect(told.issued.map(({ bagId }) => bagId).sort()).toEqual(issued.sort())
  expect(told.reserved.map(({ bagId }) => bagId).sort()).toEqual(kept.map(({ id }) => id).sort())
}
