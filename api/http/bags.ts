import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  BagDetail,
  BagInput,
  BagLabel,
  BagParams,
  Bags,
  BagsQuery,
  TagInput,
  TagParams,
  Trace,
  TraceQuery,
  UntagQuery,
} from '../../schema/http/bags.ts'
import type { Context } from '../context.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { type Bag, findBag, holdsOf, listBags, tagsOf } from '../stores/bags.ts'
import { findDevice } from '../stores/devices.ts'
import { facilityCodes, jurisdictionOf } from '../stores/facilities.ts'
import { datedPlacesOf } from '../stores/sightings.ts'
import { reachBag } from '../usecases/demand.ts'
import { labelBag } from '../usecases/label-bag.ts'
import { readDonation } from '../usecases/read-unit.ts'
import { registerBag } from '../usecases/register-bag.ts'
import { tagBag } from '../usecases/tag-bag.ts'
import { traceBag } from '../usecases/trace-bag.ts'
import { untagBag } from '../usecases/untag-bag.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { labelSvg } from './views/bag-label.ts'
import { bagDetail, bagView, traceView } from './views/bags.ts'

const tags = ['Bags']
const missing = problem('No such bag')

const register = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Register a bag by its label',
  ...needs('bag.register'),
  request: { body: body(BagInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag'),
    409: problem('The bag is registered already'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Bags, newest first, by donation or tag',
  ...needs('bag.read'),
  request: { query: BagsQuery },
  responses: { ...everywhere, 200: json(Bags, 'A page of bags') },
})

const read = createRoute({
  method: 'get',
  path: '/{bagId}',
  tags,
  summary: 'One bag, its tags and where it is',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(BagDetail, 'The bag'), 404: missing },
})

const label = createRoute({
  method: 'get',
  path: '/{bagId}/label',
  tags,
  summary: 'The ISBT 128 label of a bag that may be handed out, to be printed 100 mm wide',
  ...needs('bag.label'),
  request: { params: BagParams },
  responses: {
    ...everywhere,
    200: { content: { 'image/svg+xml': { schema: BagLabel } }, description: 'The label' },
    404: missing,
    409: problem('It is not labelled: not released, held, expired, for a special use, or over'),
  },
})

const tag = createRoute({
  method: 'post',
  path: '/{bagId}/tags',
  tags,
  summary: 'Put a tag on a bag',
  ...needs('bag.tag'),
  request: { params: BagParams, body: body(TagInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag with its tag, where it was seen'),
    404: missing,
    409: problem('The tag is on another bag'),
  },
})

const untag = createRoute({
  method: 'delete',
  path: '/{bagId}/tags/{tag}',
  tags,
  summary: 'Take a tag off a bag',
  ...needs('bag.tag'),
  request: { params: TagParams, query: UntagQuery },
  responses: {
    ...everywhere,
    200: json(BagDetail, 'The bag without its tag'),
    404: problem('No such bag, or the tag is not on it'),
  },
})

const trace = createRoute({
  method: 'get',
  path: '/{bagId}/trace',
  tags,
  summary: 'Where a bag was, and how cold',
  ...needs('bag.read'),
  request: { params: BagParams, query: TraceQuery },
  responses: {
    ...everywhere,
    200: json(Trace, 'Every place of the bag and its exposure there'),
    404: problem('No such bag, or no policy speaks of its component'),
  },
})

export const bagRoutes = new OpenAPIHono<Env>()
  .openapi(register, async (c) => {
    const { id } = await registerBag(c.var.ctx, c.req.valid('json'))
    return c.json(await readBag(c.var.ctx, id), 201)
  })
  .openapi(list, async (c) => {
    const { din, tag, before, limit } = c.req.valid('query')
    const { db } = c.var.ctx.database
    const filter = {
      unit: din === undefined ? undefined : await readDonation(db, { din }, c.var.ctx.now()),
      tag,
      before,
      reach: reachOf(c.var.ctx.grants, 'bag.read'),
    }
    const found = await listBags(db, { ...filter, limit: limit + 1 })
    const page = found.slice(0, limit)
    const codes = await codesOf(c.var.ctx, page)
    const bags = page.map((bag) => bagView(bag, codes))
    return c.json({ bags, next: found.length > limit ? (bags.at(-1)?.bagId ?? null) : null }, 200)
  })
  .openapi(read, async (c) => {
    const { bagId } = c.req.valid('param')
    await reachBag(c.var.ctx, c.var.ctx.database.db, bagId, 'bag.read')
    return c.json(await readBag(c.var.ctx, bagId), 200)
  })
  .openapi(label, async (c) => {
    const labelled = await labelBag(c.var.ctx, c.req.valid('param').bagId)
    return c.body(labelSvg(labelled), 200, { 'content-type': 'image/svg+xml; charset=utf-8' })
  })
  .openapi(tag, async (c) => {
    const { bagId } = c.req.valid('param')
    await tagBag(c.var.ctx, { bagId, ...c.req.valid('json') })
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
  .openapi(untag, async (c) => {
    const { bagId, tag } = c.req.valid('param')
    await untagBag(c.var.ctx, { bagId, tag, ...c.req.valid('query') })
    return c.json(await readBag(c.var.ctx, bagId), 200)
  })
  .openapi(trace, async (c) => {
    const { bagId } = c.req.valid('param')
    const { asOf } = c.req.valid('query')
    const { db } = c.var.ctx.database
    const bag = await reachBag(c.var.ctx, db, bagId, 'bag.read')
    const jurisdiction = await jurisdictionOf(db, bag.holderId)
    const traced = await traceBag(c.var.ctx, { bagId, jurisdiction, asOf })
    return c.json(traceView(traced, await codesOf(c.var.ctx, [traced.bag])), 200)
  })

/** One bag as it stands, with all that is told of it to this caller. */
export async function readBag(ctx: Context, bagId: string) {
  const { db } = ctx.database
  const bag = await findBag(db, bagId)
  const place = (await datedPlacesOf(db, bagId)).at(-1)
  const device = place && (await findDevice(db, place.device))
  const current = place && device ? { ...place, placements: device.placements } : null
  const knowsTests = isWithin(reachOf(ctx.grants, 'bag.test'), [bag.originId])
  const known = {
    tags: await tagsOf(db, bagId),
    holds: (await holdsOf(db, bagId))
      .filter(({ liftedAt }) => liftedAt === null)
      .map((hold) =>
        hold.kind === 'test_reactive' && !knowsTests ? { ...hold, reason: 'told by its centre' } : hold,
      ),
    knowsPatients: knowsPatients(ctx, bag),
  }
  return bagDetail(bag, await codesOf(ctx, [bag]), known, current, ctx.now())
}

/** Patients are their hospital's alone: only who may know those of the holder is told whom a bag is for. */
export function knowsPatients({ grants }: Context, { holderId }: Pick<Bag, 'holderId'>): boolean {
  return isWithin(reachOf(grants, 'patient.read'), [holderId])
}

export function codesOf({ database: { db } }: Context, bags: readonly Bag[]) {
  return facilityCodes(
    db,
    bags.flatMap(({ holderId, destinationId, reservedToId }) => [holderId, destinationId, reservedToId]),
  )
}
