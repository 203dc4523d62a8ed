import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { Completeness, CompletenessQuery } from '../../schema/http/trace-completeness.ts'
import { type Standing, standings } from '../../schema/vocabulary.ts'
import { reachOf } from '../domain/rights.ts'
import { fateRules } from '../policies/fates.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { traceTallies } from '../stores/worklists.ts'
import { demandRight } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const read = createRoute({
  method: 'get',
  path: '/',
  tags: ['Stock'],
  summary: 'How many bags have a fate, are in order, or stand on a worklist; the rest must be none',
  ...needs('task.read'),
  request: { query: CompletenessQuery },
  responses: { ...everywhere, 200: json(Completeness, 'The counts'), 404: problem('No such facility') },
})

export const completenessRoutes = new OpenAPIHono<Env>().openapi(read, async (c) => {
  const { ctx } = c.var
  const { db } = ctx.database
  const { facility } = c.req.valid('query')
  let reach = reachOf(ctx.grants, 'task.read')
  if (facility !== undefined) {
    const { id } = await findFacility(db, facility)
    demandRight(ctx, 'task.read', [id], noFacility(facility))
    reach = new Set([id])
  }
  const now = ctx.now()
  const tallies = await traceTallies(db, reach, fateRules, now)
  const whole = Object.fromEntries(
    standings.map((standing) => [standing, tallies.reduce((sum, tally) => sum + tally[standing], 0)]),
  ) as Counts
  const facilities = tallies.map(({ facility, ...counts }) => ({ facility, ...countsView(counts) }))
  return c.json({ at: iso(now), city: countsView(whole), facilities }, 200)
})

type Counts = Readonly<Record<Standing, number>>

function countsView(counts: Counts) {
  return {
    bags: standings.reduce((sum, standing) => sum + counts[standing], 0),
    withFate: counts.fate,
    inOrder: { inStock: counts.in_stock, inUse: counts.in_use, underWay: counts.under_way },
    onWorklists: {
      fateUnknown: counts.fate_unknown,
      expiredOnShelf: counts.expired_on_shelf,
      returnToInspect: counts.return_to_inspect,
      presumedTransfused: counts.presumed_transfused,
      bedsideMissing: counts.bedside_missing,
      journeyOverdue: counts.journey_overdue,
    },
    rest: counts.rest,
  }
}
