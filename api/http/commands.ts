import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { CommandInput, CommandsQuery, DeviceCommand, DeviceCommands } from '../../schema/http/commands.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import { listCommands } from '../stores/commands.ts'
import { commandDevice } from '../usecases/command-device.ts'
import { reachDevice } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { commandView } from './views/commands.ts'

const tags = ['Commands']

const issue = createRoute({
  method: 'post',
  path: '/{name}/commands',
  tags,
  summary: 'Have a device make itself heard, or tell what it holds',
  ...needs('device.command'),
  request: { params: DeviceParams, body: body(CommandInput) },
  responses: {
    ...everywhereWithBody,
    201: json(DeviceCommand, 'The command; it is sent as soon as the device listens'),
    404: problem('No such device'),
    409: problem('The device is revoked'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/{name}/commands',
  tags,
  summary: 'What a device was told to do, and what it answered',
  ...needs('device.read'),
  request: { params: DeviceParams, query: CommandsQuery },
  responses: { ...everywhere, 200: json(DeviceCommands, 'Its commands'), 404: problem('No such device') },
})

export const commandRoutes = new OpenAPIHono<Env>()
  .openapi(issue, async (c) => {
    const { ctx } = c.var
    const device = c.req.valid('param').name
    const issued = await commandDevice(ctx, { device, kind: c.req.valid('json').kind, body: {} })
    return c.json(commandView(issued, ctx.now()), 201)
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { id } = await reachDevice(ctx, db, c.req.valid('param').name, 'device.read')
    const commands = await listCommands(db, id, c.req.valid('query').limit)
    return c.json({ commands: commands.map((command) => commandView(command, ctx.now())) }, 200)
  })
