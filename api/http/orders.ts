import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { PatientParams } from '../../schema/http/life.ts'
import {
  Order,
  OrderApprovalInput,
  OrderInput,
  OrderParams,
  OrderReasonInput,
  Orders,
  OrdersParams,
  OrdersQuery,
} from '../../schema/http/orders.ts'
import type { Right } from '../domain/rights.ts'
import { orderBlood, readOrder, readOrders, sayOfOrder } from '../usecases/order-blood.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { orderView } from './views/orders.ts'

const tags = ['Orders']

const place = createRoute({
  method: 'post',
  path: '/{code}/patients/{pseudonym}/orders',
  tags,
  summary: 'Order blood for a patient; whose word that takes is answered',
  ...needs('order.place'),
  request: { params: PatientParams, body: body(OrderInput) },
  responses: { ...everywhereWithBody, 201: json(Order, 'The order'), 404: problem('No such patient there') },
})

const list = createRoute({
  method: 'get',
  path: '/{code}/orders',
  tags,
  summary: 'What was ordered there; who may not know the patients is told of what takes their word',
  ...needs('order.read'),
  request: { params: OrdersParams, query: OrdersQuery },
  responses: { ...everywhere, 200: json(Orders, 'The orders'), 404: problem('No such facility') },
})

/** Under /facilities. */
export const patientOrderRoutes = new OpenAPIHono<Env>()
  .openapi(place, async (c) =>
    c.json(orderView(await orderBlood(c.var.ctx, c.req.valid('param'), c.req.valid('json'))), 201),
  )
  .openapi(list, async (c) => {
    const orders = await readOrders(c.var.ctx, c.req.valid('param').code, c.req.valid('query'))
    return c.json({ orders: orders.map(orderView) }, 200)
  })

const read = createRoute({
  method: 'get',
  path: '/{orderId}',
  tags,
  summary: 'An order, what was said of it, and what it was filled with',
  ...needs('order.read'),
  request: { params: OrderParams },
  responses: { ...everywhere, 200: json(Order, 'The order'), 404: problem('No such order') },
})

function says<Path extends string, Body extends z.ZodType>(
  path: Path,
  { right, summary, reads }: { readonly right: Right; readonly summary: string; readonly reads: Body },
) {
  return createRoute({
    method: 'post',
    path: `/{orderId}${path}` as `/{orderId}${Path}`,
    tags,
    summary,
    ...needs(right),
    request: { params: OrderParams, body: body(reads) },
    responses: {
      ...everywhereWithBody,
      201: json(Order, 'The order as it is now'),
      404: problem('No such order'),
      409: problem('It has ended, or waits for somebody else’s word'),
    },
  })
}

const approve = says('/approval', {
  right: 'order.approve',
  summary: 'Approve it, in the grade whose word is next',
  reads: OrderApprovalInput,
})
const reject = says('/rejection', {
  right: 'order.approve',
  summary: 'Reject it, in the grade whose word is next',
  reads: OrderReasonInput,
})
const cancel = says('/cancellation', {
  right: 'order.cancel',
  summary: 'Call it off: nothing more is handed out for it',
  reads: OrderReasonInput,
})

export const orderRoutes = new OpenAPIHono<Env>()
  .openapi(read, async (c) =>
    c.json(orderView(await readOrder(c.var.ctx, c.req.valid('param').orderId)), 200),
  )
  .openapi(approve, async (c) => {
    const { comment = null } = c.req.valid('json')
    return c.json(
      orderView(await sayOfOrder(c.var.ctx, c.req.valid('param').orderId, 'approve', comment)),
      201,
    )
  })
  .openapi(reject, async (c) => {
    const { reason } = c.req.valid('json')
    return c.json(orderView(await sayOfOrder(c.var.ctx, c.req.valid('param').orderId, 'reject', reason)), 201)
  })
  .openapi(cancel, async (c) => {
    const { reason } = c.req.valid('json')
    return c.json(orderView(await sayOfOrder(c.var.ctx, c.req.valid('param').orderId, 'cancel', reason)), 201)
  })
