import type { Grade, OrderedComponent, OrderVerb, UnitOfMeasure, Urgency } from '../../schema/vocabulary.ts'
import { grades } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { approvalsFor, decideOnOrder, fills, mlOf, mustBeToFill } from '../domain/order.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, type Right, reachOf } from '../domain/rights.ts'
import { orderRules, orderRulesVersion } from '../policies/orders.ts'
import type { Bag } from '../stores/bags.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { jurisdictionOf, noFacility } from '../stores/facilities.ts'
import {
  findOrder,
  insertOrder,
  insertOrderEvent,
  type KnownOrder,
  listOrders,
  type NewOrder,
  noOrder,
  orderedSince,
} from '../stores/orders.ts'
import { lockPatient, type PatientKey } from '../stores/patient-records.ts'
import { noPatient } from '../stores/patients.ts'
import { findActive } from '../stores/people.ts'
import { demandRight, demandSomebody } from './demand.ts'
import type { PatientPath } from './keep-patient-record.ts'
import { uuidv7 } from './register-bag.ts'
import { patientPlace } from './set-patient.ts'

export type OrderInput = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
  readonly indication: NewOrder['indication']
  readonly indicationText: string
  readonly urgency: Urgency
  /** Left out: now. */
  readonly neededAt?: number | undefined
  /** Who orders, where another system says so for them. */
  readonly physician?: string | undefined
}

/**
 * Order blood for a patient. Whose word that takes is fixed by what was ordered for them in the day up to now, this included,
 * and by the policy in force now.
 *
 * @throws Refusal `not_found`, `forbidden`, `invalid_request`
 */
export function orderBlood(ctx: Context, path: PatientPath, input: OrderInput): Promise<KnownOrder> {
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await patientPlace(ctx, tx, path.code, 'order.place', noPatient(path.pseudonym))
    const physician = await physicianOf(ctx, tx, input.physician)
    const id = uuidv7(ctx.now())
    await placeOrder(ctx, tx, { facilityId, pseudonym: path.pseudonym }, { ...input, id, physician })
    return findOrder(tx, id, ctx.now())
  })
}

/** The same within a transaction, of whoever may. @throws Refusal `already_exists` where an order has that id */
export async function placeOrder(
  ctx: Context,
  tx: Transaction,
  key: PatientKey,
  { neededAt, ...input }: OrderInput & { readonly id: string; readonly physician: string },
): Promise<void> {
  const now = ctx.now()
  await lockPatient(tx, key)
  const jurisdiction = await jurisdictionOf(tx, key.facilityId)
  const rule = orderRules[jurisdiction]
  const earlier = await orderedSince(tx, key, now - rule.dayMs)
  const dayMl = [...earlier, input].reduce((sum, one) => sum + mlOf(rule, one), 0)
  await insertOrder(tx, ctx.actor, {
    ...{ ...key, ...input, dayMl },
    neededAt: neededAt ?? now,
    approvals: approvalsFor(rule, dayMl),
    policies: { jurisdiction, orders: orderRulesVersion },
    at: now,
  })
}

/** A person orders in their own name; a key says whose it brings. @throws Refusal `invalid_request` */
async function physicianOf({ actor }: Context, tx: Transaction, named: string | undefined): Promise<string> {
  if (actor.kind !== 'person') {
    if (named === undefined)
      throw new Refusal('invalid_request', 'physician: say who orders: a key is nobody')
    return named
  }
  const username = (await findActive(tx, actor.id))?.username ?? actor.id
  if (named !== undefined && named !== username)
    throw new Refusal('invalid_request', 'physician: is whoever is signed in, and nobody else')
  return username
}

const rightOf: Record<OrderVerb, Right> = {
  approve: 'order.approve',
  reject: 'order.approve',
  cancel: 'order.cancel',
}

/**
 * Approve an order in the grade that is next, reject it in that grade, or call it off.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `second_person`, `conflict`
 */
export function sayOfOrder(
  ctx: Context,
  id: string,
  verb: OrderVerb,
  comment: string | null,
): Promise<KnownOrder> {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    await reachOrder(ctx, tx, id, rightOf[verb])
    if (verb !== 'cancel') demandSomebody(ctx, 'an order is approved or rejected')
    await sayOfReached(ctx, tx, id, verb, comment)
    return findOrder(tx, id, now)
  })
}

/** The same within a transaction, of whoever may. */
export async function sayOfReached(
  ctx: Context,
  tx: Transaction,
  id: string,
  verb: OrderVerb,
  comment: string | null,
): Promise<void> {
  const now = ctx.now()
  const order = await lockOrder(tx, id, now)
  const { actor } = ctx
  const person = actor.kind === 'person' ? await findActive(tx, actor.id) : null
  const event = decideOnOrder(order, order.events, order.issued, {
    verb,
    by: actor.id,
    username: person?.username ?? actor.id,
    holds: gradesAt(ctx, order.facilityId),
  })
  await insertOrderEvent(tx, actor, { orderId: id, verb, grade: event.grade, comment, at: now })
}

function gradesAt({ grants }: Context, facilityId: number): readonly Grade[] {
  return grades.filter((grade) =>
    grants.some(
      (held) => held.role === grade && (held.facilityId === null || held.facilityId === facilityId),
    ),
  )
}

/**
 * Of which orders somebody is told: of all where they may know the patients there; else only of those that take a word of
 * theirs, for that is all they need to know of anybody.
 */
function toldOf(ctx: Context, facilityId: number): { readonly wordOf?: readonly Grade[] } {
  const knowsPatients = isWithin(reachOf(ctx.grants, 'patient.read'), [facilityId])
  return knowsPatients ? {} : { wordOf: gradesAt(ctx, facilityId) }
}

/** An order the caller is told of. @throws Refusal `not_found`, `forbidden` */
export async function readOrder(ctx: Context, id: string): Promise<KnownOrder> {
  const order = await reachOrder(ctx, ctx.database.db, id, 'order.read')
  const { wordOf } = toldOf(ctx, order.facilityId)
  if (wordOf && !order.approvals.some((grade) => wordOf.includes(grade)))
    throw new Refusal('not_found', noOrder(id))
  return order
}

/** The orders of a facility the caller is told of. @throws Refusal `not_found`, `forbidden` */
export async function readOrders(
  ctx: Context,
  code: string,
  { patient, limit }: { readonly patient?: string | undefined; readonly limit: number },
): Promise<KnownOrder[]> {
  const { db } = ctx.database
  const facilityId = await patientPlace(ctx, db, code, 'order.read', noFacility(code))
  return listOrders(db, { facilityId, pseudonym: patient, ...toldOf(ctx, facilityId) }, limit, ctx.now())
}

/** The order as it is for the rest of the transaction: whoever writes of it, or fills it, locks its patient. */
async function lockOrder(tx: Transaction, id: string, now: number): Promise<KnownOrder> {
  const { facilityId, pseudonym } = await findOrder(tx, id, now)
  await lockPatient(tx, { facilityId, pseudonym })
  return findOrder(tx, id, now)
}

/** The order, if the caller holds the right where it is. @throws Refusal `not_found`, `forbidden` */
export async function reachOrder(
  ctx: Context,
  db: Database | Transaction,
  id: string,
  right: Right,
): Promise<KnownOrder> {
  const order = await findOrder(db, id, ctx.now())
  demandRight(ctx, right, [order.facilityId], noOrder(id))
  return order
}

/**
 * Blood is kept or handed out for an order: of that patient, there, and such that it may be filled. The bag must be locked
 * before.
 *
 * @throws Refusal `not_found`, `conflict`, `invalid_request`
 */
export async function orderToFill(
  ctx: Context,
  tx: Transaction,
  id: string,
  {
    facilityId,
    patient,
    isEmergency = false,
  }: {
    readonly facilityId: number | null
    readonly patient: string | null
    readonly isEmergency?: boolean | undefined
  },
): Promise<KnownOrder> {
  const now = ctx.now()
  const found = await findOrder(tx, id, now)
  if (found.facilityId !== facilityId) throw new Refusal('not_found', noOrder(id))
  if (found.pseudonym !== patient) throw new Refusal('invalid_request', 'order: is for another patient')
  const order = await lockOrder(tx, id, now)
  mustBeToFill(order, order.events, order.issued, isEmergency)
  return order
}

/** The same of a bag, which must be of what was ordered. @throws Refusal `incompatible` besides */
export async function orderForBag(
  ctx: Context,
  tx: Transaction,
  { holderId: facilityId, component }: Pick<Bag, 'holderId' | 'component'>,
  {
    order: id,
    patient,
    isEmergency,
  }: { readonly order: string; readonly patient: string | null; readonly isEmergency?: boolean | undefined },
): Promise<void> {
  const order = await orderToFill(ctx, tx, id, { facilityId, patient, isEmergency })
  if (!fills(component, order.component))
    throw new Refusal('incompatible', `order: is of ${order.component}, and the bag of ${component}`)
}
