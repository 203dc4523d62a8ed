import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { UnresolvedTags, UnresolvedTagsQuery } from '../../schema/http/tags.ts'
import { reachOf } from '../domain/rights.ts'
import { unresolvedTags } from '../stores/sightings.ts'
import { needs } from './admission.ts'
import { everywhere, json } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const listUnresolved = createRoute({
  method: 'get',
  path: '/unresolved',
  tags: ['Bags'],
  summary: 'Tags that were seen while they were on no bag',
  ...needs('bag.tag'),
  request: { query: UnresolvedTagsQuery },
  responses: { ...everywhere, 200: json(UnresolvedTags, 'The tags somebody must put on a bag') },
})

export const tagRoutes = new OpenAPIHono<Env>().openapi(listUnresolved, async (c) => {
  const { database, grants, now } = c.var.ctx
  const { limit } = c.req.valid('query')
  const reach = reachOf(grants, 'bag.tag')
  const tags = await unresolvedTags(database.db, { limit, reach, now: now() })
  return c.json(
    { tags: tags.map((tag) => ({ ...tag, firstAt: iso(tag.firstAt), lastAt: iso(tag.lastAt) })) },
    200,
  )
})
