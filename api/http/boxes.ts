import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import {
  Box,
  BoxBagsInput,
  BoxConclusionInput,
  Boxes,
  BoxesQuery,
  BoxInput,
  BoxParams,
  SealInput,
} from '../../schema/http/boxes.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Right, reachOf } from '../domain/rights.ts'
import { listBoxes, noBox, type TracedBox } from '../stores/boxes.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from '../usecases/demand.ts'
import { checkSeal, emptyBox, fillBox, packBox, settleSeal } from '../usecases/pack-box.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { celsiusOrNull, iso, isoOrNull } from './units.ts'

const tags = ['Boxes']
const missing = problem('No such box, bag, device or facility')
const not = problem('A bag is elsewhere, or the box is not as it must be: the detail says what')

const pack = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Pack a box for a journey: its seal, how cold it is, and what is in it',
  ...needs('bag.distribute'),
  request: { body: body(BoxInput) },
  responses: { ...everywhereWithBody, 201: json(Box, 'The box'), 404: missing, 409: not },
})

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Boxes that were packed, the newest first',
  ...needs('bag.read'),
  request: { query: BoxesQuery },
  responses: { ...everywhere, 200: json(Boxes, 'The boxes'), 404: problem('No such facility') },
})

const one = createRoute({
  method: 'get',
  path: '/{boxId}',
  tags,
  summary: 'What is in a box, who packed it, and how its seal was found',
  ...needs('bag.read'),
  request: { params: BoxParams },
  responses: { ...everywhere, 200: json(Box, 'The box'), 404: missing },
})

const posted = <Body extends z.ZodType, Path extends string>(
  path: Path,
  right: Right,
  reads: Body,
  summary: string,
) =>
  createRoute({
    method: 'post',
    path,
    tags,
    summary,
    ...needs(right),
    request: { params: BoxParams, body: body(reads) },
    responses: { ...everywhereWithBody, 201: json(Box, 'The box'), 404: missing, 409: not },
  })

const fill = posted('/{boxId}/pack', 'bag.distribute', BoxBagsInput, 'Put more bags into it')
const empty = posted('/{boxId}/unpack', 'bag.receive', BoxBagsInput, 'Take bags out of it, at either end')
const check = posted('/{boxId}/seal-checks', 'bag.receive', SealInput, 'Its seal as it was found')
const settle = posted(
  '/{boxId}/conclusion',
  'bag.receive',
  BoxConclusionInput,
  'Say what came of a seal that was another',
)

export const boxRoutes = new OpenAPIHono<Env>()
  .openapi(pack, async (c) => {
    const { device = null, seal = null, celsius, logger = null, ...input } = c.req.valid('json')
    const centi = celsius === undefined ? null : Math.round(celsius * 100)
    const boxId = await packBox(c.var.ctx, { ...input, device, seal, centi, logger })
    return c.json(await readBox(c.var.ctx, boxId), 201)
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { facility, open, limit } = c.req.valid('query')
    const facilityId = facility === undefined ? undefined : (await findFacility(db, facility)).id
    if (facility !== undefined && facilityId !== undefined)
      demandRight(ctx, 'bag.read', [facilityId], noFacility(facility))
    const reach = reachOf(ctx.grants, 'bag.read')
    const isOpen = open === undefined ? undefined : open === 'true'
    const found = await listBoxes(db, { reach, facilityId, isOpen, limit })
    return c.json({ boxes: found.map(boxView) }, 200)
  })
  .openapi(one, async (c) => c.json(await readBox(c.var.ctx, c.req.valid('param').boxId), 200))
  .openapi(fill, async (c) => {
    const { boxId } = c.req.valid('param')
    await fillBox(c.var.ctx, { boxId, ...c.req.valid('json') })
    return c.json(await readBox(c.var.ctx, boxId), 201)
  })
  .openapi(empty, async (c) => {
    const { boxId } = c.req.valid('param')
    await emptyBox(c.var.ctx, { boxId, ...c.req.valid('json') })
    return c.json(await readBox(c.var.ctx, boxId), 201)
  })
  .openapi(check, async (c) => {
    const { boxId } = c.req.valid('param')
    await checkSeal(c.var.ctx, { boxId, ...c.req.valid('json') })
    return c.json(await readBox(c.var.ctx, boxId), 201)
  })
  .openapi(settle, async (c) => {
    const { boxId } = c.req.valid('param')
    await settleSeal(c.var.ctx, { boxId, ...c.req.valid('json') })
    return c.json(await readBox(c.var.ctx, boxId), 201)
  })

/** @throws Refusal `not_found`, also where it is out of sight */
async function readBox({ database: { db }, grants }: Context, id: string): Promise<z.infer<typeof Box>> {
  const [found] = await listBoxes(db, { reach: reachOf(grants, 'bag.read'), id, limit: 1 })
  if (!found) throw new Refusal('not_found', noBox(id))
  return boxView(found)
}

function boxView(packing: TracedBox): z.infer<typeof Box> {
  const { id, box, device, from, to, seal, centi, logger, packedAt, packedBy, emptiedAt, conclusion } =
    packing
  return {
    boxId: id,
    box,
    device,
    facility: from,
    to,
    seal,
    celsius: celsiusOrNull(centi),
    logger,
    packedAt: iso(packedAt),
    packedBy: (packedBy as Actor).id,
    emptiedAt: isoOrNull(emptiedAt),
    bags: packing.bags.map((bag) => ({
      bagId: bag.bagId,
      packedAt: iso(bag.packedAt),
      unpackedAt: isoOrNull(bag.unpackedAt),
    })),
    seals: packing.seals.map(({ told, matches, at }) => ({ seal: told, matches, at: iso(at) })),
    conclusion,
  }
}
