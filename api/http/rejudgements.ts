import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import {
  Rejudged,
  RejudgedQuery,
  Rejudgement,
  RejudgementInput,
  RejudgementOpinionInput,
  RejudgementParams,
  Rejudgements,
  RejudgementsQuery,
} from '../../schema/http/rejudgements.ts'
import type { Context } from '../context.ts'
import { stateOfProposal } from '../domain/policy.ts'
import { reachOf } from '../domain/rights.ts'
import { rejudgedBy, verdictsOf } from '../stores/rejudged.ts'
import {
  findRejudgement,
  listRejudgements,
  type Rejudgement as Row,
  remainingOf,
} from '../stores/rejudgements.ts'
import { decideOnRejudgement } from '../usecases/decide-on-rejudgement.ts'
import { proposeRejudgement } from '../usecases/propose-rejudgement.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'
import { nameOfVersion, rejudgedView } from './views/ledgers.ts'

const tags = ['Policies']

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'What was to be judged anew by another version, and what came of it, newest first',
  ...needs('policy.read'),
  request: { query: RejudgementsQuery },
  responses: { ...everywhere, 200: json(Rejudgements, 'The newest re-judgements') },
})

const propose = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Propose to judge what is over by another version; it takes two others to approve it',
  ...needs('policy.propose'),
  request: { body: body(RejudgementInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Rejudgement, 'The re-judgement'),
    404: problem('No such version stands'),
  },
})

const decide = createRoute({
  method: 'post',
  path: '/{id}/opinions',
  tags,
  summary: 'Approve a re-judgement, or reject it; the second who approves has it done, beside the ledgers',
  ...needs('policy.approve'),
  request: { params: RejudgementParams, body: body(RejudgementOpinionInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Rejudgement, 'The re-judgement'),
    404: problem('No such re-judgement'),
    409: problem('It is decided already'),
  },
})

const results = createRoute({
  method: 'get',
  path: '/{id}/results',
  tags,
  summary: 'What a re-judgement says of bags, beside what their ledgers say',
  ...needs('bag.read'),
  request: { params: RejudgementParams, query: RejudgedQuery },
  responses: { ...everywhere, 200: json(Rejudged, 'The bags'), 404: problem('No such re-judgement') },
})

export const rejudgementRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const found = await listRejudgements(ctx.database.db, c.req.valid('query').limit)
    const rejudgements: View[] = []
    for (const one of found) rejudgements.push(await viewOf(ctx, one))
    return c.json({ rejudgements }, 200)
  })
  .openapi(propose, async (c) => {
    const { ctx } = c.var
    return c.json(await viewOf(ctx, await proposeRejudgement(ctx, c.req.valid('json'))), 201)
  })
  .openapi(decide, async (c) => {
    const { ctx } = c.var
    const { id } = c.req.valid('param')
    return c.json(await viewOf(ctx, await decideOnRejudgement(ctx, { id, ...c.req.valid('json') })), 201)
  })
  .openapi(results, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { id } = await findRejudgement(db, c.req.valid('param').id)
    const reach = reachOf(ctx.grants, 'bag.read')
    const found = await rejudgedBy(db, { rejudgementId: id, reach, ...c.req.valid('query') })
    const bags = found.map(({ bag, label, ...rejudged }) => ({
      ...{ bagId: bag.id, label, state: bag.state },
      ...rejudgedView(rejudged),
    }))
    return c.json({ bags }, 200)
  })

type View = z.output<typeof Rejudgement>

/** With what came of it for the bags the caller may read. */
async function viewOf({ database: { db }, grants }: Context, rejudgement: Row): Promise<View> {
  const { id, policy, from, to, reason, by, at, opinions } = rejudgement
  const state = stateOfProposal(opinions)
  const reach = reachOf(grants, 'bag.read')
  const found = state === 'approved' ? await verdictsOf(db, id, reach) : {}
  return {
    ...{ id, state, policy: nameOfVersion(policy) },
    ...{ from: iso(from), to: iso(to), reason, by, at: iso(at) },
    opinions: opinions.map((opinion) => ({ ...opinion, at: iso(opinion.at) })),
    verdicts: { OK: 0, UNVERIFIED: 0, HOLD: 0, BREACHED: 0, ...found },
    remaining: state === 'approved' ? await remainingOf(db, rejudgement, reach) : 0,
  }
}
