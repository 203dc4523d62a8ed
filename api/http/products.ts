import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { OpinionInput, ProposalParams } from '../../schema/http/policies.ts'
import { ProductInput, ProductProposal, ProductProposals, Products } from '../../schema/http/products.ts'
import { stateOfProposal } from '../domain/policy.ts'
import type { ProductContent } from '../domain/product.ts'
import { listProposals, type Proposal } from '../stores/policies.ts'
import { listProducts, type Product } from '../stores/products.ts'
import { decideOn } from '../usecases/decide-on-policy.ts'
import { proposeProduct } from '../usecases/propose-product.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Products']

/** So many proposals are told, the newest. */
const mostProposals = 200

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Every version of every entry of the catalogue',
  ...needs('product.read'),
  responses: { ...everywhere, 200: json(Products, 'The catalogue') },
})

const proposals = createRoute({
  method: 'get',
  path: '/proposals',
  tags,
  summary: 'What was proposed for the catalogue, and who approved it, newest first',
  ...needs('product.read'),
  responses: { ...everywhere, 200: json(ProductProposals, 'The newest proposals') },
})

const propose = createRoute({
  method: 'post',
  path: '/proposals',
  tags,
  summary: 'Propose an entry of the catalogue, or its next version; it takes two others to approve it',
  ...needs('product.propose'),
  request: { body: body(ProductInput) },
  responses: { ...everywhereWithBody, 201: json(ProductProposal, 'The proposal') },
})

const decide = createRoute({
  method: 'post',
  path: '/proposals/{id}/opinions',
  tags,
  summary: 'Approve what was proposed, or reject it; the second who approves puts it in force',
  ...needs('product.approve'),
  request: { params: ProposalParams, body: body(OpinionInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ProductProposal, 'The proposal'),
    404: problem('No such proposal'),
    409: problem('It is decided already, or was to be in force before now'),
  },
})

export const productRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const products = await listProducts(c.var.ctx.database.db)
    return c.json({ products: products.map(productView) }, 200)
  })
  .openapi(proposals, async (c) => {
    const proposed = await listProposals(c.var.ctx.database.db, 'product', mostProposals)
    return c.json({ proposals: proposed.map(proposalView) }, 200)
  })
  .openapi(propose, async (c) => {
    const { reason, ...content } = c.req.valid('json')
    return c.json(proposalView(await proposeProduct(c.var.ctx, { content, reason })), 201)
  })
  .openapi(decide, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(proposalView(await decideOn(c.var.ctx, 'product', { id, ...c.req.valid('json') })), 201)
  })

function productView({
  proposalId,
  version,
  ...content
}: Product): z.output<typeof Products>['products'][number] {
  return { ...contentView(content), version, proposal: proposalId }
}

function contentView({ effectiveFrom, treatments, makes, uncertain, ...rest }: ProductContent) {
  return {
    ...rest,
    effectiveFrom: iso(effectiveFrom),
    treatments: [...treatments],
    makes: [...makes],
    uncertain: [...uncertain],
  }
}

function proposalView({
  id,
  content,
  reason,
  by,
  at,
  opinions,
}: Proposal<'product'>): z.output<typeof ProductProposal> {
  return {
    id,
    state: stateOfProposal(opinions),
    product: contentView(content),
    reason,
    by,
    at: iso(at),
    opinions: opinions.map((opinion) => ({ ...opinion, at: iso(opinion.at) })),
  }
}
