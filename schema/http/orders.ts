import { z } from 'zod'
import { Name } from '../topics.ts'
import {
  bagStates,
  components,
  grades,
  indications,
  orderedComponents,
  orderStates,
  unitsOfMeasure,
  urgencies,
} from '../vocabulary.ts'
import { PatientParams } from './life.ts'
import { Amount } from './products.ts'
import { InstantInput, InstantText, limit, orNull, text } from './values.ts'

export const OrderInput = z
  .strictObject({
    component: z.enum(orderedComponents),
    amount: Amount,
    uom: z.enum(unitsOfMeasure).meta({ description: 'as the catalogue measures the component' }),
    indication: z.enum(indications),
    indicationText: text(1_000).meta({ description: 'what it is in this patient; no name' }),
    urgency: z
      .enum(urgencies)
      .meta({ description: 'emergency: handed out at once, and approved afterwards' }),
    neededAt: InstantInput.optional().meta({ description: 'left out in an emergency: now' }),
    physician: Name.optional().meta({
      description: 'who orders, where a key does it for them; a person orders in their own name only',
    }),
  })
  .refine(({ neededAt, urgency }) => neededAt !== undefined || urgency === 'emergency', {
    path: ['neededAt'],
    message: 'say when it is needed, or that it is an emergency',
  })
  .meta({ id: 'OrderInput' })

export const OrderApprovalInput = z
  .strictObject({ comment: text(1_000).optional() })
  .meta({ id: 'OrderApprovalInput' })

export const OrderReasonInput = z.strictObject({ reason: text(1_000) }).meta({ id: 'OrderReasonInput' })

export const OrderId = z.uuid().toLowerCase()
export const OrderParams = z.strictObject({ orderId: OrderId })

export const OrdersParams = z.strictObject({ code: Name })
export const OrdersQuery = z.strictObject({
  patient: PatientParams.shape.pseudonym.optional().meta({ description: 'only those for this patient' }),
  limit: limit(1_000, 200),
})

const bag = z.object({
  bagId: z.uuid(),
  label: z.string(),
  component: z.enum(components),
  amount: orNull(z.number()),
  uom: orNull(z.enum(unitsOfMeasure)),
  state: z.enum(bagStates),
})

const said = { comment: orNull(z.string()), at: InstantText, by: z.string() }

export const Order = z
  .object({
    orderId: z.uuid(),
    facility: z.string(),
    patient: z.string(),
    component: z.enum(orderedComponents),
    amount: z.number(),
    uom: z.enum(unitsOfMeasure),
    indication: z.enum(indications),
    indicationText: z.string(),
    urgency: z.enum(urgencies),
    neededAt: InstantText,
    physician: z.string(),
    at: InstantText,
    by: z.string(),
    state: z.enum(orderStates).meta({
      description:
        'by what was said of it and handed out for it; an emergency’s may be filled before it is approved',
    }),
    dayMl: z.number().meta({
      description:
        'what was ordered for the patient in the 24 hours up to it, it included, mL as policy counts them',
    }),
    approvals: z.array(z.enum(grades)).meta({ description: 'whose word that takes, in turn' }),
    missing: z
      .array(z.enum(grades))
      .meta({ description: 'whose word is still to be given; the first is next' }),
    given: z.array(z.object({ grade: z.enum(grades), ...said })),
    ended: orNull(z.object({ verb: z.enum(['reject', 'cancel']), grade: orNull(z.enum(grades)), ...said })),
    filled: z.number().meta({
      description: 'so much was handed out for it and has not come back; of a bag of unknown amount, nothing',
    }),
    issued: z.array(bag),
    reserved: z.array(bag).meta({ description: 'kept for it now' }),
  })
  .meta({ id: 'Order' })

export const Orders = z
  .object({ orders: z.array(Order).meta({ description: 'newest first' }) })
  .meta({ id: 'Orders' })
