import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagDetail, BagParams } from '../../schema/http/bags.ts'
import { IssueReviewInput, ReturnClock } from '../../schema/http/life.ts'
import { readReturnClock } from '../usecases/read-return-clock.ts'
import { reviewIssue } from '../usecases/review-issue.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { readBag } from './bags.ts'
import type { Env } from './env.ts'
import { clockView } from './views/bags.ts'

const tags = ['The life of a bag']

const clock = createRoute({
  method: 'get',
  path: '/{bagId}/return-clock',
  tags,
  summary: 'Until when a bag that is out may be back in controlled storage, and until when it has been given',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: {
    ...everywhere,
    200: json(ReturnClock, 'The clock'),
    404: problem('No such bag'),
    409: problem('It is not out of controlled storage'),
  },
})

const review = createRoute({
  method: 'post',
  path: '/{bagId}/issue-reviews',
  tags,
  summary: 'Review an issue that was for an emergency, or although somebody was to be called',
  ...needs('issue.review'),
  request: { params: BagParams, body: body(IssueReviewInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag'),
    404: problem('No such bag'),
    409: problem('None waits for a review'),
  },
})

/** What follows an issue. */
export const issueRoutes = new OpenAPIHono<Env>()
  .openapi(clock, async (c) => {
    return c.json(clockView(await readReturnClock(c.var.ctx, c.req.valid('param').bagId)), 200)
  })
  .openapi(review, async (c) => {
    const { bagId } = c.req.valid('param')
    await reviewIssue(c.var.ctx, bagId, c.req.valid('json'))
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
