import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { Stock, StockQuery } from '../../schema/http/life.ts'
import {
  StockNearest,
  StockNearestQuery,
  StockOverview,
  StockOverviewQuery,
} from '../../schema/http/stock.ts'
import { reachOf } from '../domain/rights.ts'
import { findingsOfStock } from '../domain/take-out.ts'
import { bagsInStock, factsOfAll } from '../stores/bags.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from '../usecases/demand.ts'
import { findNearest } from '../usecases/find-nearest.ts'
import { readStockOverview } from '../usecases/read-stock-overview.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import { codesOf } from './bags.ts'
import type { Env } from './env.ts'
import { bagView } from './views/bags.ts'
import { nearestView, overviewView } from './views/stock.ts'

const read = createRoute({
  method: 'get',
  path: '/',
  tags: ['Stock'],
  summary: 'What is where, and may be issued or why not; what expires first comes first',
  ...needs('bag.read'),
  request: { query: StockQuery },
  responses: { ...everywhere, 200: json(Stock, 'The stock'), 404: problem('No such facility') },
})

const overview = createRoute({
  method: 'get',
  path: '/overview',
  tags: ['Stock'],
  summary: 'The stock at a glance: by kind, when it expires, how long it lasts and how short it is',
  ...needs('transfer.read'),
  request: { query: StockOverviewQuery },
  responses: { ...everywhere, 200: json(StockOverview, 'The overview'), 404: problem('No such facility') },
})

const nearest = createRoute({
  method: 'get',
  path: '/nearest',
  tags: ['Stock'],
  summary: 'Which sites can give so much of such blood now, the nearest first, and why a nearer one cannot',
  ...needs('transfer.read'),
  request: { query: StockNearestQuery },
  responses: { ...everywhere, 200: json(StockNearest, 'The sites'), 404: problem('No such facility') },
})

export const stockRoutes = new OpenAPIHono<Env>()
  .openapi(overview, async (c) =>
    c.json(overviewView(await readStockOverview(c.var.ctx, c.req.valid('query'))), 200),
  )
  .openapi(nearest, async (c) => {
    const { abo = null, rhd = null, rhdPositiveAllowed, to, lat, lon, ...wish } = c.req.valid('query')
    const told = await findNearest(c.var.ctx, {
      ...wish,
      group: { abo, rhd },
      rhdPositiveAllowed: rhdPositiveAllowed === 'true',
      // One of the two is there, or the request was refused.
      to: to ?? { lat: lat as number, lon: lon as number },
    })
    return c.json(nearestView(told), 200)
  })
  .openapi(read, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { facility, issuable, limit, ...filter } = c.req.valid('query')
    const facilityId = facility === undefined ? undefined : (await findFacility(db, facility)).id
    if (facility !== undefined && facilityId !== undefined)
      demandRight(ctx, 'bag.read', [facilityId], noFacility(facility))
    const now = ctx.now()
    const asked = {
      ...filter,
      facilityId,
      reach: reachOf(ctx.grants, 'bag.read'),
      issuable: issuable === undefined ? undefined : issuable === 'true',
      now,
      limit: limit + 1,
    }
    // One snapshot: what may be issued is chosen by SQL and told from the facts, and the two must not differ.
    const { found, facts } = await db.transaction(
      async (tx) => {
        const found = await bagsInStock(tx, asked)
        const rows = found.slice(0, limit).map(({ bag }) => bag)
        return { found, facts: await factsOfAll(tx, rows) }
      },
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    )
    const page = found.slice(0, limit)
    const codes = await codesOf(
      ctx,
      page.map(({ bag }) => bag),
    )
    const bags = page.map(({ bag, device }, index) => {
      const whyNot = findingsOfStock(facts[index] as (typeof facts)[number], now)
      return { ...bagView(bag, codes), device, issuable: whyNot.length === 0, whyNot: [...whyNot] }
    })
    return c.json({ levels: levelsOf(bags), bags, more: found.length > limit }, 200)
  })

type StockBag = z.infer<typeof Stock>['bags'][number]

/** How many of each kind there are where; the bags come by expiry, so the first of a kind expires first. */
function levelsOf(bags: readonly StockBag[]): z.infer<typeof Stock>['levels'] {
  const levels = new Map<string, z.infer<typeof Stock>['levels'][number]>()
  for (const { holder, component, group, issuable, expiresAt, amount, uom } of bags) {
    const key = [holder, component, group?.abo, group?.rhd].join('/')
    const level = levels.get(key)
    if (level) {
      level.bags += 1
      level.issuable += Number(issuable)
    } else {
      const first = { facility: holder ?? '', component, group, bags: 1, issuable: Number(issuable) }
      levels.set(key, { ...first, amounts: [], firstExpiry: expiresAt })
    }
    const { amounts } = levels.get(key) as z.infer<typeof Stock>['levels'][number]
    const alike = amounts.find((one) => one.uom === uom)
    if (amount === null || uom === null) continue
    if (alike) alike.amount = Math.round((alike.amount + amount) * 100) / 100
    else amounts.push({ uom, amount })
  }
  return [...levels.values()]
}
