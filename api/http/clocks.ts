import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { ClockFactInput, ClockFacts, ClockFaults } from '../../schema/http/clocks.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import { clockFaultsOf, listClockFacts } from '../stores/clocks.ts'
import { findDevice } from '../stores/devices.ts'
import { reachDevice } from '../usecases/demand.ts'
import { recordClockFact } from '../usecases/record-clock-fact.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { clockFactView, clockFaultView } from './views/clocks.ts'

const tags = ['Clocks']

const listFacts = createRoute({
  method: 'get',
  path: '/{name}/clock-facts',
  tags,
  summary: "What was decided about a device's time",
  ...needs('device.read'),
  request: { params: DeviceParams },
  responses: { ...everywhere, 200: json(ClockFacts, 'The clock facts'), 404: problem('No such device') },
})

const record = createRoute({
  method: 'post',
  path: '/{name}/clock-facts',
  tags,
  summary: "Decide what a stretch of a device's time is worth",
  ...needs('clock.decide'),
  request: { params: DeviceParams, body: body(ClockFactInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ClockFacts, 'All clock facts of the device, this one last'),
    404: problem('No such device, or it never reported such a boot'),
  },
})

const listFaults = createRoute({
  method: 'get',
  path: '/{name}/clock-faults',
  tags,
  summary: "When a device's time was not believed",
  ...needs('device.read'),
  request: { params: DeviceParams },
  responses: { ...everywhere, 200: json(ClockFaults, 'The clock faults'), 404: problem('No such device') },
})

export const clockRoutes = new OpenAPIHono<Env>()
  .openapi(listFacts, async (c) => {
    const { db } = c.var.ctx.database
    const { id } = await reachDevice(c.var.ctx, db, c.req.valid('param').name, 'device.read')
    return c.json({ clockFacts: (await listClockFacts(db, id)).map(clockFactView) }, 200)
  })
  .openapi(record, async (c) => {
    const { db } = c.var.ctx.database
    const { name } = c.req.valid('param')
    await recordClockFact(c.var.ctx, { device: name, ...c.req.valid('json') })
    const { id } = await findDevice(db, name)
    return c.json({ clockFacts: (await listClockFacts(db, id)).map(clockFactView) }, 201)
  })
  .openapi(listFaults, async (c) => {
    const { db } = c.var.ctx.database
    const { id } = await reachDevice(c.var.ctx, db, c.req.valid('param').name, 'device.read')
    return c.json({ clockFaults: (await clockFaultsOf(db, id)).map(clockFaultView) }, 200)
  })
