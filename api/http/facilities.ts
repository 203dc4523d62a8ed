import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { Facilities, Facility, FacilityInput } from '../../schema/http/facilities.ts'
import { Name } from '../../schema/topics.ts'
import { findFacility, listFacilities } from '../stores/facilities.ts'
import { createFacility } from '../usecases/create-facility.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'

const tags = ['Facilities']

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'All facilities, by code',
  responses: { ...everywhere, 200: json(Facilities, 'The facilities') },
})

const create = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Make a facility known',
  request: { body: body(FacilityInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Facility, 'The facility'),
    409: problem('The code is taken'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/{code}',
  tags,
  summary: 'One facility',
  request: { params: z.strictObject({ code: Name }) },
  responses: { ...everywhere, 200: json(Facility, 'The facility'), 404: problem('No such facility') },
})

export const facilityRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    return c.json({ facilities: await listFacilities(c.var.ctx.database.db) }, 200)
  })
  .openapi(create, async (c) => {
    return c.json(await createFacility(c.var.ctx, c.req.valid('json')), 201)
  })
  .openapi(read, async (c) => {
    const { id: _id, ...facility } = await findFacility(c.var.ctx.database.db, c.req.valid('param').code)
    return c.json(facility, 200)
  })
