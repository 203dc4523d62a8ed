import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { TakeOutRules, TakeOutRulesInput } from '../../schema/http/life.ts'
import { Name } from '../../schema/topics.ts'
import { readTakeOutRules, setTakeOutRules } from '../usecases/set-take-out-rules.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'

const tags = ['Take-out']
const params = z.strictObject({ code: Name })
const missing = problem('No such facility')

const read = createRoute({
  method: 'get',
  path: '/{code}/take-out-rules',
  tags,
  summary: 'How bags are taken out at a facility',
  ...needs('facility.read'),
  request: { params },
  responses: { ...everywhere, 200: json(TakeOutRules, 'The rules in force'), 404: missing },
})

const save = createRoute({
  method: 'put',
  path: '/{code}/take-out-rules',
  tags,
  summary: 'Say how bags are taken out at a facility, for door sessions opened from now on',
  ...needs('take_out.rule'),
  request: { params, body: body(TakeOutRulesInput) },
  responses: { ...everywhereWithBody, 200: json(TakeOutRules, 'The rules in force'), 404: missing },
})

export const takeOutRuleRoutes = new OpenAPIHono<Env>()
  .openapi(read, async (c) => {
    return c.json(await readTakeOutRules(c.var.ctx, c.req.valid('param').code), 200)
  })
  .openapi(save, async (c) => {
    return c.json(await setTakeOutRules(c.var.ctx, c.req.valid('param').code, c.req.valid('json')), 200)
  })
