import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { DefrostInput, Defrosts, DefrostsQuery } from '../../schema/http/defrosts.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import type { Context } from '../context.ts'
import { listDefrosts } from '../stores/defrosts.ts'
import { declareDefrost } from '../usecases/declare-defrost.ts'
import { reachDevice } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Devices']
const missing = problem('No such device')

const list = createRoute({
  method: 'get',
  path: '/{name}/defrosts',
  tags,
  summary: 'When a device was, is or will be defrosted',
  ...needs('device.read'),
  request: { params: DeviceParams, query: DefrostsQuery },
  responses: { ...everywhere, 200: json(Defrosts, 'The defrosts'), 404: missing },
})

const declare = createRoute({
  method: 'post',
  path: '/{name}/defrosts',
  tags,
  summary: 'Have a device defrosted: what gets too warm is recorded, and pages nobody before it is over',
  ...needs('device.defrost'),
  request: { params: DeviceParams, body: body(DefrostInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Defrosts, 'The defrosts'),
    404: missing,
    409: problem('Too near to another, or bags are being carried there'),
  },
})

export const defrostRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    return c.json(await defrostsOf(c.var.ctx, c.req.valid('param').name, c.req.valid('query').limit), 200)
  })
  .openapi(declare, async (c) => {
    const { name } = c.req.valid('param')
    await declareDefrost(c.var.ctx, { device: name, ...c.req.valid('json') })
    return c.json(await defrostsOf(c.var.ctx, name, 50), 201)
  })

async function defrostsOf(ctx: Context, name: string, limit: number) {
  const { db } = ctx.database
  const { id } = await reachDevice(ctx, db, name, 'device.read')
  const found = await listDefrosts(db, id, limit)
  return {
    defrosts: found.map(({ from, to, reason, actor, declaredAt }) => {
      return { from: iso(from), to: iso(to), reason, by: actor, declaredAt: iso(declaredAt) }
    }),
  }
}
