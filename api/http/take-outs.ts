import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { ScanAnswer, ScanInput, TakeOut, TakeOutInput, TakeOutParams } from '../../schema/http/life.ts'
import { openTakeOut, scanBag } from '../usecases/take-out.ts'
import { needs } from './admission.ts'
import { body, everywhereWithBody, json, problem } from './answers.ts'
import { codesOf } from './bags.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'
import { bagView } from './views/bags.ts'

const tags = ['Take-out']

const open = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'At a fridge: say for whom, and learn which bags',
  ...needs('bag.take_out'),
  request: { body: body(TakeOutInput) },
  responses: {
    ...everywhereWithBody,
    201: json(TakeOut, 'What may be taken'),
    404: problem('No such device, or patient'),
  },
})

const scan = createRoute({
  method: 'post',
  path: '/{takeOutId}/scans',
  tags,
  summary: 'Scan the bag in hand: GO, STOP or CALL',
  ...needs('bag.take_out'),
  request: { params: TakeOutParams, body: body(ScanInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ScanAnswer, 'The answer; with GO the bag is issued'),
    404: problem('No such take-out'),
    409: problem('The door session is over'),
  },
})

export const takeOutRoutes = new OpenAPIHono<Env>()
  .openapi(open, async (c) => {
    const { device, patient = null, emergency, reason = null } = c.req.valid('json')
    const { id, expiresAt, bags } = await openTakeOut(c.var.ctx, { device, patient, emergency, reason })
    const codes = await codesOf(c.var.ctx, bags)
    return c.json(
      { takeOutId: id, expiresAt: iso(expiresAt), bags: bags.map((bag) => bagView(bag, codes)) },
      201,
    )
  })
  .openapi(scan, async (c) => {
    const { takeOutId } = c.req.valid('param')
    const { override = null, ...label } = c.req.valid('json')
    const { answer, rule, findings, bag } = await scanBag(c.var.ctx, { takeOutId, ...label, override })
    const reason = rule && { code: rule.code, zh: rule.zh, en: rule.en }
    return c.json({ answer, reason, findings: [...findings], bagId: bag?.id ?? null }, 201)
  })
