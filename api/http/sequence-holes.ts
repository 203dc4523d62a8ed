import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { DeviceParams } from '../../schema/http/devices.ts'
import { SequenceHoles, SequenceHolesQuery } from '../../schema/http/sequence-holes.ts'
import { freshOf, holesOf, messagesAtOnce } from '../stores/sequence-holes.ts'
import { reachDevice } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const list = createRoute({
  method: 'get',
  path: '/{name}/sequence-holes',
  tags: ['Equipment'],
  summary: 'Which numbers of its messages never came',
  ...needs('device.read'),
  request: { params: DeviceParams, query: SequenceHolesQuery },
  responses: { ...everywhere, 200: json(SequenceHoles, 'The holes'), 404: problem('No such device') },
})

export const sequenceHoleRoutes = new OpenAPIHono<Env>().openapi(list, async (c) => {
  const { db } = c.var.ctx.database
  const { id } = await reachDevice(c.var.ctx, db, c.req.valid('param').name, 'device.read')
  const fresh = await freshOf(db, [id])
  const found = await holesOf(db, [id], c.req.valid('query').limit)
  const holes = found.map(({ boot, fromSeq, toSeq, seenAt }) => ({
    boot,
    fromSeq,
    toSeq,
    seenAt: iso(seenAt),
  }))
  return c.json({ holes, complete: fresh.every(({ messages }) => messages < messagesAtOnce) }, 200)
})
