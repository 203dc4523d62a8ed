import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { RotationProposals, RotationProposalsQuery } from '../../schema/http/rotations.ts'
import { readRotations, type ToldRotation } from '../usecases/propose-rotation.ts'
import { needs } from './admission.ts'
import { everywhere, json } from './answers.ts'
import type { Env } from './env.ts'
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

export const rotationRoutes = new OpenAPIHono<Env>().openapi(list, async (c) => {
  const proposals = await readRotations(c.var.ctx, c.req.valid('query').limit)
  return c.json({ proposals: proposals.map(proposalView) }, 200)
})

function proposalView({ id, day, at, policies, score, journeys }: ToldRotation) {
  return {
    ...{ proposalId: id, day, at: iso(at), policies, score },
    journeys: journeys.map(({ moves, ...journey }) => ({ ...journey, moves: [...moves] })),
  }
}
