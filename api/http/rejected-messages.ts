import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  Readmission,
  RejectedMessage,
  RejectedMessageParams,
  RejectedMessages,
  RejectedMessagesQuery,
} from '../../schema/http/rejected-messages.ts'
import { reachOf } from '../domain/rights.ts'
import { listRejections } from '../stores/rejections.ts'
import { reachRejection } from '../usecases/demand.ts'
import { readmitMessage } from '../usecases/readmit-message.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { readmissionView, rejectedMessageView } from './views/rejected-messages.ts'

const tags = ['Rejected messages']
const missing = problem('No such rejected message')

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Device messages that could not be taken in, newest first',
  ...needs('message.read'),
  request: { query: RejectedMessagesQuery },
  responses: { ...everywhere, 200: json(RejectedMessages, 'A page of rejected messages') },
})

const read = createRoute({
  method: 'get',
  path: '/{id}',
  tags,
  summary: 'One rejected message',
  ...needs('message.read'),
  request: { params: RejectedMessageParams },
  responses: { ...everywhere, 200: json(RejectedMessage, 'The rejected message'), 404: missing },
})

const readmit = createRoute({
  method: 'post',
  path: '/{id}/readmission',
  tags,
  summary: 'Run a rejected message again, now that its cause is mended',
  ...needs('message.readmit'),
  request: { params: RejectedMessageParams },
  responses: {
    ...everywhere,
    200: json(Readmission, 'What came of it'),
    404: missing,
    409: problem('It was readmitted already, or the device is reporting this very moment'),
  },
})

export const rejectedMessageRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { database, grants, now } = c.var.ctx
    const { limit, ...filter } = c.req.valid('query')
    const reach = reachOf(grants, 'message.read')
    const found = await listRejections(database.db, { ...filter, limit: limit + 1, reach, now: now() })
    const rejectedMessages = found.slice(0, limit).map(rejectedMessageView)
    const next = found.length > limit ? (rejectedMessages.at(-1)?.id ?? null) : null
    return c.json({ rejectedMessages, next }, 200)
  })
  .openapi(read, async (c) => {
    const { db } = c.var.ctx.database
    const { id } = c.req.valid('param')
    const rejection = await reachRejection(c.var.ctx, db, id, 'message.read')
    return c.json(rejectedMessageView(rejection), 200)
  })
  .openapi(readmit, async (c) => {
    const readmission = await readmitMessage(c.var.ctx, c.var.services.memory, c.req.valid('param'))
    return c.json(readmissionView(readmission), 200)
  })
