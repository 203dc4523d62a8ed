import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  Deliveries,
  DeliveriesQuery,
  NewWebhook,
  WebhookInput,
  WebhookParams,
  Webhooks,
} from '../../schema/http/news.ts'
import { ReasonInput } from '../../schema/http/people.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { cursorText } from '../stores/news.ts'
import { listDeliveries, listWebhooks } from '../stores/webhooks.ts'
import { createWebhook, dismissWebhook, reachWebhook } from '../usecases/manage-webhooks.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'

const tags = ['Webhooks']
const missing = problem('No such webhook')

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Where news is sent on to',
  ...needs('webhook.manage'),
  responses: { ...everywhere, 200: json(Webhooks, 'The webhooks, by name') },
})

const create = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Send news on to another service, from now on',
  description:
    'Each piece of news is a POST of the JSON of {at, kind, subject, data}, in order and at least once: ' +
    '`Hemotrail-Delivery` tells one from another. `Hemotrail-Signature` is `v1=` and the hexadecimal HMAC-SHA256, by ' +
    'the secret, of `Hemotrail-Timestamp`, a full stop and the body. Anything but a 2xx within 10 s is tried again, ' +
    'after 1 s and then ever later up to an hour, for 24 h; what follows waits. Redirects are not followed.',
  ...needs('webhook.manage'),
  request: { body: body(WebhookInput) },
  responses: {
    ...everywhereWithBody,
    201: json(NewWebhook, 'The secret'),
    404: problem('No such facility'),
    409: problem('The name is taken'),
  },
})

const end = createRoute({
  method: 'post',
  path: '/{name}/end',
  tags,
  summary: 'Send news on there no more',
  ...needs('webhook.manage'),
  request: { params: WebhookParams, body: body(ReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Webhooks, 'The webhooks, by name'),
    404: missing,
    409: problem('It has ended already'),
  },
})

const log = createRoute({
  method: 'get',
  path: '/{name}/deliveries',
  tags,
  summary: 'Every attempt to deliver to a webhook, newest first',
  ...needs('webhook.manage'),
  request: { params: WebhookParams, query: DeliveriesQuery },
  responses: { ...everywhere, 200: json(Deliveries, 'A page of attempts'), 404: missing },
})

export const webhookRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => c.json({ webhooks: await webhooksFor(c.var.ctx) }, 200))
  .openapi(create, async (c) => {
    const input = c.req.valid('json')
    return c.json({ name: input.name, secret: await createWebhook(c.var.ctx, input) }, 201)
  })
  .openapi(end, async (c) => {
    await dismissWebhook(c.var.ctx, c.req.valid('param').name, c.req.valid('json').reason)
    return c.json({ webhooks: await webhooksFor(c.var.ctx) }, 201)
  })
  .openapi(log, async (c) => {
    const { db } = c.var.ctx.database
    const { before, limit } = c.req.valid('query')
    const webhook = await reachWebhook(c.var.ctx, db, c.req.valid('param').name)
    const found = await listDeliveries(db, webhook, { before, limit: limit + 1 })
    const deliveries = found.slice(0, limit).map(({ number, cursor, at, status, error, ...delivery }) => ({
      number,
      delivery: cursorText(cursor),
      ...delivery,
      at: iso(at),
      status: status ?? null,
      error: error ?? null,
    }))
    const next = found.length > limit ? (deliveries.at(-1)?.number ?? null) : null
    return c.json({ deliveries, next }, 200)
  })

async function webhooksFor({ database, grants }: Env['Variables']['ctx']) {
  const reach = reachOf(grants, 'webhook.manage')
  const webhooks = await listWebhooks(database.db)
  return webhooks
    .filter(({ facilityId }) => isWithin(reach, [facilityId]))
    .map(({ name, url, facility, createdAt, endedAt }) => ({
      name,
      url,
      facility,
      createdAt: iso(createdAt),
      endedAt: isoOrNull(endedAt),
    }))
}
