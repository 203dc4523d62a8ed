import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { OrdersParams } from '../../schema/http/orders.ts'
import {
  StockLevels,
  StockLevelsInput,
  Transfer,
  TransferAcceptInput,
  TransferApprovalInput,
  TransferParams,
  TransferPlan,
  TransferPlanInput,
  TransferPlanParams,
  TransferReasonInput,
  TransferRequest,
  TransferRequestInput,
  TransferRequestParams,
  TransferRequests,
  TransferRequestsQuery,
  Transfers,
  TransfersQuery,
} from '../../schema/http/transfers.ts'
import type { Context } from '../context.ts'
import { type Right, reachOf } from '../domain/rights.ts'
import { transferForgottenMs } from '../policies/transfer.ts'
import { listRequests } from '../stores/transfer-requests.ts'
import { centreIds, type KnownTransfer, listTransfers, throughCentres } from '../stores/transfers.ts'
import { acceptPlan } from '../usecases/accept-transfers.ts'
import { approveTransfer, cancelTransfer, reachTransfer, tellTransfers } from '../usecases/handle-transfer.ts'
import { planTransfers, readPlan } from '../usecases/plan-transfers.ts'
import { cancelTransferRequest, reachRequest, requestTransfer } from '../usecases/request-transfer.ts'
import { readStockLevels, setStockLevels } from '../usecases/set-stock-levels.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { levelsView, planView, requestView, transferView } from './views/transfers.ts'

const tags = ['Transfers']
const noFacility = problem('No such facility')

const readLevels = createRoute({
  method: 'get',
  path: '/{code}/stock-levels',
  tags,
  summary: 'What a facility keeps for itself',
  ...needs('transfer.read'),
  request: { params: OrdersParams },
  responses: { ...everywhere, 200: json(StockLevels, 'The levels'), 404: noFacility },
})

const setLevels = createRoute({
  method: 'put',
  path: '/{code}/stock-levels',
  tags,
  summary: 'Say what a facility keeps for itself, of each component and group that is named',
  ...needs('stock.level'),
  request: { params: OrdersParams, body: body(StockLevelsInput) },
  responses: { ...everywhereWithBody, 200: json(StockLevels, 'All levels there'), 404: noFacility },
})

const raise = createRoute({
  method: 'post',
  path: '/{code}/transfer-requests',
  tags,
  summary: 'Ask other facilities for blood',
  ...needs('transfer.request'),
  request: { params: OrdersParams, body: body(TransferRequestInput) },
  responses: { ...everywhereWithBody, 201: json(TransferRequest, 'The request'), 404: noFacility },
})

/** Under /facilities. */
export const facilityTransferRoutes = new OpenAPIHono<Env>()
  .openapi(readLevels, async (c) => {
    const { code } = c.req.valid('param')
    return c.json(levelsView(code, await readStockLevels(c.var.ctx, code)), 200)
  })
  .openapi(setLevels, async (c) => {
    const { code } = c.req.valid('param')
    return c.json(levelsView(code, await setStockLevels(c.var.ctx, code, c.req.valid('json').levels)), 200)
  })
  .openapi(raise, async (c) => {
    const { code } = c.req.valid('param')
    return c.json(requestView(await requestTransfer(c.var.ctx, code, c.req.valid('json'))), 201)
  })

const listOfRequests = createRoute({
  method: 'get',
  path: '/transfer-requests',
  tags,
  summary: 'What blood is asked for, here or, for a centre, anywhere',
  ...needs('transfer.read'),
  request: { query: TransferRequestsQuery },
  responses: { ...everywhere, 200: json(TransferRequests, 'The requests') },
})

const readRequest = createRoute({
  method: 'get',
  path: '/transfer-requests/{requestId}',
  tags,
  summary: 'One request, and how much of it has come',
  ...needs('transfer.read'),
  request: { params: TransferRequestParams },
  responses: { ...everywhere, 200: json(TransferRequest, 'The request'), 404: problem('No such request') },
})

const cancelRequest = createRoute({
  method: 'post',
  path: '/transfer-requests/{requestId}/cancellation',
  tags,
  summary: 'It is not wanted any more: what has not left is free again',
  ...needs('transfer.request'),
  request: { params: TransferRequestParams, body: body(TransferReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(TransferRequest, 'The request as it is now'),
    404: problem('No such request'),
    409: problem('It was met or cancelled already'),
  },
})

const plan = createRoute({
  method: 'post',
  path: '/transfer-plans',
  tags,
  summary: 'Which bags from where serve these requests best, together; nothing is promised by it',
  ...needs('transfer.plan'),
  request: { body: body(TransferPlanInput) },
  responses: {
    ...everywhereWithBody,
    201: json(TransferPlan, 'The best plan there is, and what it lacks'),
    404: problem('No such request'),
    409: problem('One is met, cancelled or over; or none is open'),
  },
})

const readOnePlan = createRoute({
  method: 'get',
  path: '/transfer-plans/{planId}',
  tags,
  summary: 'A plan as it was answered then',
  ...needs('transfer.plan'),
  request: { params: TransferPlanParams },
  responses: { ...everywhere, 200: json(TransferPlan, 'The plan'), 404: problem('No such plan') },
})

const accept = createRoute({
  method: 'post',
  path: '/transfer-plans/{planId}/accept',
  tags,
  summary: 'Promise all bags of a plan to where it sends them, or none',
  ...needs('transfer.plan'),
  request: { params: TransferPlanParams, body: body(TransferAcceptInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Transfers, 'The transfers: one for each way'),
    404: problem('No such plan'),
    409: problem('Something has changed since, and what: plan again'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/transfers',
  tags,
  summary: 'What was accepted, and how far it is',
  ...needs('transfer.read'),
  request: { query: TransfersQuery },
  responses: { ...everywhere, 200: json(Transfers, 'The transfers') },
})

const read = createRoute({
  method: 'get',
  path: '/transfers/{transferId}',
  tags,
  summary: 'One transfer, and each of its bags',
  ...needs('transfer.read'),
  request: { params: TransferParams },
  responses: { ...everywhere, 200: json(Transfer, 'The transfer'), 404: problem('No such transfer') },
})

function says<Path extends string, Body extends z.ZodType>(
  path: Path,
  { right, summary, reads }: { readonly right: Right; readonly summary: string; readonly reads: Body },
) {
  return createRoute({
    method: 'post',
    path: `/transfers/{transferId}${path}` as `/transfers/{transferId}${Path}`,
    tags,
    summary,
    ...needs(right),
    request: { params: TransferParams, body: body(reads) },
    responses: {
      ...everywhereWithBody,
      201: json(Transfer, 'The transfer as it is now'),
      404: problem('No such transfer'),
      409: problem('It was said already, or there is nothing to say'),
    },
  })
}

const approve = says('/approve', {
  right: 'transfer.approve',
  summary: 'Let it draw on what is kept here: nothing of it leaves before',
  reads: TransferApprovalInput,
})
const cancel = says('/cancel', {
  right: 'transfer.plan',
  summary: 'Call off what has not left: those bags are free again',
  reads: TransferReasonInput,
})

export const transferRoutes = new OpenAPIHono<Env>()
  .openapi(listOfRequests, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const now = ctx.now()
    const reach = throughCentres(reachOf(ctx.grants, 'transfer.read'), await centreIds(db))
    const { limit } = c.req.valid('query')
    const requests = await listRequests(db, { reach, after: now - transferForgottenMs, limit }, now)
    return c.json({ requests: requests.map(requestView) }, 200)
  })
  .openapi(readRequest, async (c) => {
    const { ctx } = c.var
    const { requestId } = c.req.valid('param')
    return c.json(requestView(await reachRequest(ctx, ctx.database.db, requestId, 'transfer.read')), 200)
  })
  .openapi(cancelRequest, async (c) => {
    const { requestId } = c.req.valid('param')
    const { reason } = c.req.valid('json')
    return c.json(requestView(await cancelTransferRequest(c.var.ctx, requestId, reason)), 201)
  })
  .openapi(plan, async (c) =>
    c.json(planView(await planTransfers(c.var.ctx, c.req.valid('json').requests)), 201),
  )
  .openapi(readOnePlan, async (c) =>
    c.json(planView(await readPlan(c.var.ctx, c.req.valid('param').planId)), 200),
  )
  .openapi(accept, async (c) => {
    const { planId } = c.req.valid('param')
    const transfers = await acceptPlan(c.var.ctx, planId, c.req.valid('json'))
    return c.json(await told(c.var.ctx, transfers), 201)
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const reach = throughCentres(reachOf(ctx.grants, 'transfer.read'), await centreIds(db))
    const transfers = await listTransfers(db, { reach, limit: c.req.valid('query').limit }, ctx.now())
    return c.json(await told(ctx, transfers), 200)
  })
  .openapi(read, async (c) => {
    const { ctx } = c.var
    const { transferId } = c.req.valid('param')
    return c.json(await one(ctx, await reachTransfer(ctx, ctx.database.db, transferId, 'transfer.read')), 200)
  })
  .openapi(approve, async (c) => {
    const { transferId } = c.req.valid('param')
    const { comment = null } = c.req.valid('json')
    return c.json(await one(c.var.ctx, await approveTransfer(c.var.ctx, transferId, comment)), 201)
  })
  .openapi(cancel, async (c) => {
    const { transferId } = c.req.valid('param')
    return c.json(
      await one(c.var.ctx, await cancelTransfer(c.var.ctx, transferId, c.req.valid('json').reason)),
      201,
    )
  })

export async function told(ctx: Context, transfers: readonly KnownTransfer[]) {
  return { transfers: (await tellTransfers(ctx, transfers)).map(transferView) }
}

async function one(ctx: Context, transfer: KnownTransfer) {
  const { transfers } = await told(ctx, [transfer])
  return transfers[0] as z.infer<typeof Transfer>
}
