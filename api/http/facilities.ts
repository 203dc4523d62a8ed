import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { Facilities, Facility, FacilityInput } from '../../schema/http/facilities.ts'
import { Name } from '../../schema/topics.ts'
import { sightOf } from '../domain/rights.ts'
import { findFacility, listFacilities, noFacility } from '../stores/facilities.ts'
import { createFacility } from '../usecases/create-facility.ts'
import { demandRight } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'

const tags = ['Facilities']

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'All facilities, by code',
  ...needs('facility.read'),
  responses: { ...everywhere, 200: json(Facilities, 'The facilities') },
})

const create = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Make a facility known',
  ...needs('facility.create'),
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
  ...needs('facility.read'),
  request: { params: z.strictObject({ code: Name }) },
  responses: { ...everywhere, 200: json(Facility, 'The facility'), 404: problem('No such facility') },
})

export const facilityRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    return c.json({ facilities: await listFacilities(c.var.ctx.database.db, sightOf(c.var.ctx.grants)) }, 200)
  })
  .openapi(create, async (c) => {
    return c.json(await createFacility(c.var.ctx, c.req.valid('json')), 201)
  })
  .openapi(read, async (c) => {
    const { code } = c.req.valid('param')
    const { id, ...facility } = await findFacility(c.var.ctx.database.db, code)
    demandRight(c.var.ctx, 'facility.read', [id], noFacility(code))
    return c.json(facility, 200)
  })
