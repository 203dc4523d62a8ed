import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagDetail, BagParams } from '../../schema/http/bags.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import { ConclusionInput, Exposed, ExposedQuery, Ledgers, LedgersQuery } from '../../schema/http/ledgers.ts'
import { reachOf } from '../domain/rights.ts'
import { labelOf } from '../stores/bags.ts'
import { exposedIn, ledgersOf } from '../stores/ledgers.ts'
import { rejudgedOf } from '../stores/rejudged.ts'
import { concludeLookBack } from '../usecases/close-look-back.ts'
import { reachBag, reachDevice } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { readBag } from './bags.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'
import { entryView, ledgerView, nameOfVersion, rejudgedView } from './views/ledgers.ts'
import { rangeOf } from './views/series.ts'

const tags = ['Cold chain']

const ledgers = createRoute({
  method: 'get',
  path: '/bags/{bagId}/ledger',
  tags,
  summary: 'All of a bag that was not measured within its limits, and what becomes of it',
  ...needs('bag.read'),
  request: { params: BagParams, query: LedgersQuery },
  responses: {
    ...everywhere,
    200: json(Ledgers, 'As judged now, and before, and what re-judgements say beside it'),
    404: problem('No such bag'),
  },
})

const exposed = createRoute({
  method: 'get',
  path: '/devices/{name}/exposed',
  tags,
  summary: 'The bags that were exposed in a device, wherever they are by now',
  ...needs('device.read'),
  request: { params: DeviceParams, query: ExposedQuery },
  responses: { ...everywhere, 200: json(Exposed, 'The bags'), 404: problem('No such device') },
})

const conclude = createRoute({
  method: 'post',
  path: '/bags/{bagId}/look-back',
  tags,
  summary: 'Close the look-back case of a bag that was given, with what came of it',
  ...needs('bag.hold'),
  request: { params: BagParams, body: body(ConclusionInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag'),
    404: problem('No such bag'),
    409: problem('No case of it is open'),
  },
})

export const ledgerRoutes = new OpenAPIHono<Env>()
  .openapi(ledgers, async (c) => {
    const { bagId } = c.req.valid('param')
    const { db } = c.var.ctx.database
    await reachBag(c.var.ctx, db, bagId, 'bag.read')
    const found = await ledgersOf(db, bagId, c.req.valid('query').limit)
    const rejudged = (await rejudgedOf(db, bagId)).map((one) => ({
      rejudgement: one.rejudgementId,
      policy: nameOfVersion(one.policy),
      ...{ from: iso(one.from), to: iso(one.to) },
      ...rejudgedView(one),
    }))
    return c.json({ ledgers: found.map(ledgerView), rejudged }, 200)
  })
  .openapi(exposed, async (c) => {
    const { ctx } = c.var
    const { name } = c.req.valid('param')
    const { limit, ...query } = c.req.valid('query')
    const { from, to } = rangeOf(query, ctx.now())
    await reachDevice(ctx, ctx.database.db, name, 'device.read')
    const reach = reachOf(ctx.grants, 'bag.read')
    const found = await exposedIn(ctx.database.db, { device: name, from, to, reach, limit })
    const bags = found.map(({ bag, verdict, entries }) => ({
      ...{ bagId: bag.id, label: labelOf(bag), state: bag.state, verdict },
      entries: entries.map(entryView),
    }))
    return c.json({ bags }, 200)
  })
  .openapi(conclude, async (c) => {
    const { bagId } = c.req.valid('param')
    await concludeLookBack(c.var.ctx, { bagId, ...c.req.valid('json') })
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
