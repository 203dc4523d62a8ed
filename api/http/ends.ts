import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagDetail, BagParams } from '../../schema/http/bags.ts'
import { InspectionInput, Inspections, Transfusion } from '../../schema/http/ends.ts'
import type { Actor } from '../domain/actor.ts'
import { dispositionOf } from '../domain/fate.ts'
import { faultsOf } from '../domain/task.ts'
import { accountOf } from '../domain/transfusion.ts'
import { fateRules } from '../policies/fates.ts'
import { eventsOf } from '../stores/bags.ts'
import { inspectionsOf } from '../stores/ends.ts'
import { reachBag } from '../usecases/demand.ts'
import { inspectBag } from '../usecases/inspect-bag.ts'
import { observationsOf } from '../usecases/observe-transfusion.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { knowsPatients, readBag } from './bags.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'

const tags = ['The life of a bag']
const missing = problem('No such bag')

const transfusion = createRoute({
  method: 'get',
  path: '/{bagId}/transfusion',
  tags,
  summary: 'What is known of its use, of all that was observed',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(Transfusion, 'Its use'), 404: missing },
})

const inspect = createRoute({
  method: 'post',
  path: '/{bagId}/inspections',
  tags,
  summary: 'Somebody has looked at it: what was found wrong holds it',
  ...needs('bag.inspect'),
  request: { params: BagParams, body: body(InspectionInput) },
  responses: { ...everywhereWithBody, 201: json(BagDetail, 'The bag'), 404: missing },
})

const inspections = createRoute({
  method: 'get',
  path: '/{bagId}/inspections',
  tags,
  summary: 'Who looked at it, at what, and what was found',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(Inspections, 'Its inspections'), 404: missing },
})

export const endRoutes = new OpenAPIHono<Env>()
  .openapi(transfusion, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { bagId } = c.req.valid('param')
    const bag = await reachBag(ctx, db, bagId, 'bag.read')
    const events = await eventsOf(db, bagId)
    const told = observationsOf(events)
    const account = accountOf(told)
    const issue = events.findLast(({ verb }) => verb === 'issue')
    const { occurredAt = Number.POSITIVE_INFINITY } = (issue?.data ?? {}) as { occurredAt?: number }
    const issuedAt = issue ? Math.min(issue.at, occurredAt) : null
    const facts = { state: bag.state, issuedAt, isReserved: bag.reservedFor !== null }
    const disposition = dispositionOf(facts, account, fateRules, ctx.now())
    const isTold = knowsPatients(ctx, bag)
    const against = events.flatMap(({ data }) => (data as { discrepancies?: string[] }).discrepancies ?? [])
    return c.json(
      {
        disposition,
        isPresumed: disposition === 'PT',
        startedAt: isoOrNull(account?.startedAt ?? null),
        endedAt: isoOrNull(account?.endedAt ?? null),
        isOver: account?.isOver ?? false,
        wasInterrupted: account?.wasInterrupted ?? false,
        reaction: account?.reaction ?? false,
        volumeMl: account?.volumeMl ?? null,
        patient: isTold ? (account?.patients.at(0) ?? null) : null,
        checkers: isTold ? [...(account?.checkers ?? [])] : [],
        discrepancies: [...faultsOf(against)],
        contradictions: [...(account?.contradictions ?? [])],
        observations: told
          .toSorted((a, b) => a.occurredAt - b.occurredAt)
          .map(({ verb, occurredAt }) => ({ verb, occurredAt: iso(occurredAt) })),
      },
      200,
    )
  })
  .openapi(inspect, async (c) => {
    const { bagId } = c.req.valid('param')
    const { remark = null, ...inspection } = c.req.valid('json')
    await inspectBag(c.var.ctx, { bagId, ...inspection, remark })
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
  .openapi(inspections, async (c) => {
    const { db } = c.var.ctx.database
    const { bagId } = c.req.valid('param')
    await reachBag(c.var.ctx, db, bagId, 'bag.read')
    const found = await inspectionsOf(db, bagId)
    const told = found.map(({ at, occasion, checks, remark, actor }) => ({
      at: iso(at),
      occasion,
      checks: checks as Record<string, boolean>,
      remark,
      by: (actor as Actor).id,
    }))
    return c.json({ inspections: told }, 200)
  })
