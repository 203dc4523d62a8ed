import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { ApiKeyInput, ApiKeyParams, ApiKeys, NewApiKey, ReasonInput } from '../../schema/http/people.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { listApiKeys } from '../stores/api-keys.ts'
import { createApiKey, withdrawApiKey } from '../usecases/manage-api-keys.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'

const tags = ['API keys']

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'The keys of machines, without the secrets',
  ...needs('key.manage'),
  responses: { ...everywhere, 200: json(ApiKeys, 'The keys, by name') },
})

const create = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Let a machine in',
  ...needs('key.manage'),
  request: { body: body(ApiKeyInput) },
  responses: {
    ...everywhereWithBody,
    201: json(NewApiKey, 'The key'),
    404: problem('No such facility'),
    409: problem('The name is taken'),
  },
})

const revoke = createRoute({
  method: 'post',
  path: '/{name}/revocation',
  tags,
  summary: 'Let a machine in no more',
  ...needs('key.manage'),
  request: { params: ApiKeyParams, body: body(ReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ApiKeys, 'The keys, by name'),
    404: problem('No such key'),
    409: problem('It is revoked already'),
  },
})

export const apiKeyRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => c.json({ keys: await keysFor(c.var.ctx) }, 200))
  .openapi(create, async (c) => {
    const input = c.req.valid('json')
    return c.json({ name: input.name, key: await createApiKey(c.var.ctx, input) }, 201)
  })
  .openapi(revoke, async (c) => {
    await withdrawApiKey(c.var.ctx, c.req.valid('param').name, c.req.valid('json').reason)
    return c.json({ keys: await keysFor(c.var.ctx) }, 201)
  })

async function keysFor({ database, grants }: Env['Variables']['ctx']) {
  const reach = reachOf(grants, 'key.manage')
  const keys = await listApiKeys(database.db)
  return keys
    .filter(({ facilityId }) => isWithin(reach, [facilityId]))
    .map(({ name, role, facility, createdAt, revokedAt }) => ({
      name,
      role,
      facility,
      createdAt: iso(createdAt),
      revokedAt: isoOrNull(revokedAt),
    }))
}
