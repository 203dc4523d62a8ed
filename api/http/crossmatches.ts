import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagParams } from '../../schema/http/bags.ts'
import { Crossmatch, CrossmatchInput } from '../../schema/http/crossmatches.ts'
import { crossmatchBag } from '../usecases/crossmatch-bag.ts'
import { needs } from './admission.ts'
import { body, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { crossmatchView } from './views/patients.ts'

const record = createRoute({
  method: 'post',
  path: '/{bagId}/crossmatches',
  tags: ['Patients'],
  summary: 'Whether it fits a patient, by a sample of theirs; what fits is kept for them',
  ...needs('crossmatch.record'),
  request: { params: BagParams, body: body(CrossmatchInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Crossmatch, 'The crossmatch'),
    404: problem('No such bag, patient or sample'),
    409: problem('The sample may not be relied on, or something on record speaks against it'),
  },
})

export const crossmatchRoutes = new OpenAPIHono<Env>().openapi(record, async (c) => {
  const { bagId } = c.req.valid('param')
  return c.json(crossmatchView(await crossmatchBag(c.var.ctx, bagId, c.req.valid('json'))), 201)
})
