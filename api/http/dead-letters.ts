import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { DeadLetterParams, DeadLetters, DeadLettersQuery, Resending } from '../../schema/http/dead-letters.ts'
import { reachOf } from '../domain/rights.ts'
import { listDeadLetters } from '../stores/dead-letters.ts'
import { resendDeadLetter } from '../usecases/resend-dead-letter.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { deadLetterView } from './views/dead-letters.ts'

const tags = ['Telemetry']

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Readings that the telemetry store refused, newest first',
  ...needs('message.read'),
  request: { query: DeadLettersQuery },
  responses: { ...everywhere, 200: json(DeadLetters, 'A page of dead letters') },
})

const resend = createRoute({
  method: 'post',
  path: '/{id}/resend',
  tags,
  summary: 'Send refused readings to the telemetry store again, now that the cause is mended',
  ...needs('message.readmit'),
  request: { params: DeadLetterParams },
  responses: {
    ...everywhere,
    200: json(Resending, 'What is on its way'),
    404: problem('No such dead letter'),
    409: problem('It was sent again already, or telemetry is kept nowhere else'),
  },
})

export const deadLetterRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { database, grants, now } = c.var.ctx
    const { limit, ...filter } = c.req.valid('query')
    const reach = reachOf(grants, 'message.read')
    const found = await listDeadLetters(database.db, { ...filter, limit: limit + 1, reach, now: now() })
    const deadLetters = found.slice(0, limit).map(deadLetterView)
    const next = found.length > limit ? (deadLetters.at(-1)?.id ?? null) : null
    return c.json({ deadLetters, next }, 200)
  })
  .openapi(resend, async (c) => c.json(await resendDeadLetter(c.var.ctx, c.req.valid('param')), 200))
