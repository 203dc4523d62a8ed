import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { Policies } from '../../schema/http/policies.ts'
import { listPolicies } from '../stores/policies.ts'
import { needs } from './admission.ts'
import { everywhere, json } from './answers.ts'
import type { Env } from './env.ts'
import { celsius, iso } from './units.ts'

const list = createRoute({
  method: 'get',
  path: '/',
  tags: ['Policies'],
  summary: 'Every version of every policy',
  ...needs('policy.read'),
  responses: { ...everywhere, 200: json(Policies, 'The policies') },
})

export const policyRoutes = new OpenAPIHono<Env>().openapi(list, async (c) => {
  const policies = await listPolicies(c.var.ctx.database.db)
  return c.json(
    {
      policies: policies.map(({ from, low, high, maxSilenceMs, ...policy }) => ({
        ...policy,
        effectiveFrom: iso(from),
        low: celsius(low),
        high: celsius(high),
        maxSilenceSeconds: maxSilenceMs / 1_000,
      })),
    },
    200,
  )
})
