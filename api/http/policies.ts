import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  OpinionInput,
  Policies,
  PolicyInput,
  PolicyProposal,
  PolicyProposals,
  ProposalParams,
} from '../../schema/http/policies.ts'
import { listPolicies, listProposals } from '../stores/policies.ts'
import { decideOnPolicy } from '../usecases/decide-on-policy.ts'
import { proposePolicy } from '../usecases/propose-policy.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { contentOf, policyView, proposalView } from './views/policies.ts'

const tags = ['Policies']

/** So many proposals are told, the newest. */
const mostProposals = 200

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Every version of every policy',
  ...needs('policy.read'),
  responses: { ...everywhere, 200: json(Policies, 'The policies') },
})

const proposals = createRoute({
  method: 'get',
  path: '/proposals',
  tags,
  summary: 'What was proposed, and who approved it, newest first',
  ...needs('policy.read'),
  responses: { ...everywhere, 200: json(PolicyProposals, 'The newest proposals') },
})

const propose = createRoute({
  method: 'post',
  path: '/proposals',
  tags,
  summary: 'Propose the next version of a policy; it takes two others to approve it',
  ...needs('policy.propose'),
  request: { body: body(PolicyInput) },
  responses: { ...everywhereWithBody, 201: json(PolicyProposal, 'The proposal') },
})

const decide = createRoute({
  method: 'post',
  path: '/proposals/{id}/opinions',
  tags,
  summary: 'Approve a proposed policy, or reject it; the second who approves puts it in force',
  ...needs('policy.approve'),
  request: { params: ProposalParams, body: body(OpinionInput) },
  responses: {
    ...everywhereWithBody,
    201: json(PolicyProposal, 'The proposal'),
    404: problem('No such proposal'),
    409: problem('It is decided already, or was to be in force before now'),
  },
})

export const policyRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const policies = await listPolicies(c.var.ctx.database.db)
    return c.json({ policies: policies.map(policyView) }, 200)
  })
  .openapi(proposals, async (c) => {
    const proposed = await listProposals(c.var.ctx.database.db, 'policy', mostProposals)
    return c.json({ proposals: proposed.map(proposalView) }, 200)
  })
  .openapi(propose, async (c) => {
    const { reason, ...policy } = c.req.valid('json')
    return c.json(proposalView(await proposePolicy(c.var.ctx, { content: contentOf(policy), reason })), 201)
  })
  .openapi(decide, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(proposalView(await decideOnPolicy(c.var.ctx, { id, ...c.req.valid('json') })), 201)
  })
