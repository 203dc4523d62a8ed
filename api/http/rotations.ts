import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  RotationAcceptInput,
  RotationParams,
  RotationProposals,
  RotationProposalsQuery,
} from '../../schema/http/rotations.ts'
import { Transfers } from '../../schema/http/transfers.ts'
import { acceptRotation } from '../usecases/accept-rotation.ts'
import { readRotations, type ToldRotation } from '../usecases/propose-rotation.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { told } from './transfers.ts'
import { iso } from './units.ts'

const list = createRoute({
  method: 'get',
  path: '/',
  tags: ['Transfers'],
  summary: 'Which blood near its expiry had best go where, as proposed today: all of it to a centre',
  ...needs('transfer.plan'),
  request: { query: RotationProposalsQuery },
  responses: { ...everywhere, 200: json(RotationProposals, 'The proposals') },
})

const accept = createRoute({
  method: 'post',
  path: '/{proposalId}/accept',
  tags: ['Transfers'],
  summary: 'Promise all bags of some journeys, or of all, to where they go, or none: by a blood centre',
  ...needs('transfer.plan'),
  request: { params: RotationParams, body: body(RotationAcceptInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Transfers, 'The transfers: one for each way'),
    404: problem('No such proposal'),
    409: problem('Something has changed since, and what: choose others'),
  },
})

export const rotationRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const proposals = await readRotations(c.var.ctx, c.req.valid('query').limit)
    return c.json({ proposals: proposals.map(proposalView) }, 200)
  })
  .openapi(accept, async (c) => {
    const { ctx } = c.var
    const { proposalId } = c.req.valid('param')
    return c.json(await told(ctx, await acceptRotation(ctx, proposalId, c.req.valid('json'))), 201)
  })

function proposalView({ id, day, at, policies, score, journeys }: ToldRotation) {
  return {
    ...{ proposalId: id, day, at: iso(at), policies, score },
    journeys: journeys.map(({ moves, ...journey }) => ({ ...journey, moves: [...moves] })),
  }
}
