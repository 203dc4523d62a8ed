import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { CommandsQuery } from '../../schema/http/commands.ts'
import { DeviceParams } from '../../schema/http/devices.ts'
import { NothingInput } from '../../schema/http/life.ts'
import {
  ListKeys,
  OfflineDecision,
  OfflineDecisionParams,
  OfflineDecisions,
  OfflineDecisionsInput,
  OfflineDocuments,
  OfflineReceipt,
  OfflineReviewInput,
  RotationInput,
} from '../../schema/http/offline.ts'
import type { Finding, OfflineConflict } from '../../schema/vocabulary.ts'
import { knowsPatientsAt, readDecisions, readDocuments } from '../usecases/read-offline.ts'
import { reviewDecision } from '../usecases/review-decision.ts'
import { rotateKeys } from '../usecases/rotate-list-key.ts'
import { tellDecisions } from '../usecases/tell-decisions.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Take-out without the network']

/** What a terminal asks by the secret of its device (HTTP Basic), as well as people and keys. */
export const terminalDoors = ['offline-list', 'offline-decisions'] as const

const documents = createRoute({
  method: 'get',
  path: '/{name}/offline-list',
  tags,
  summary: 'What a terminal decides by while it is cut off: signed, and whom bags may be for besides',
  ...needs('bag.take_out'),
  request: { params: DeviceParams },
  responses: { ...everywhere, 200: json(OfflineDocuments, 'The newest'), 404: problem('No such device') },
})

const tell = createRoute({
  method: 'post',
  path: '/{name}/offline-decisions',
  tags,
  summary:
    'Tell what was decided while cut off: kept whatever speaks against it, and what was handed out is issued',
  ...needs('bag.take_out'),
  request: { params: DeviceParams, body: body(OfflineDecisionsInput) },
  responses: {
    ...everywhereWithBody,
    201: json(OfflineReceipt, 'What was taken, and what could not be read'),
    404: problem('No such device'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/{name}/offline-decisions',
  tags,
  summary: 'What the terminal of a device decided while it was cut off, and what spoke against it',
  ...needs('bag.take_out'),
  request: { params: DeviceParams, query: CommandsQuery },
  responses: { ...everywhere, 200: json(OfflineDecisions, 'Its decisions'), 404: problem('No such device') },
})

const review = createRoute({
  method: 'post',
  path: '/{name}/offline-decisions/{decisionId}/reviews',
  tags,
  summary: 'Record what was found when something spoke against a decision',
  ...needs('issue.review'),
  request: { params: OfflineDecisionParams, body: body(OfflineReviewInput) },
  responses: {
    ...everywhereWithBody,
    201: json(NothingInput, 'It is recorded'),
    404: problem('No such device or decision'),
    409: problem('Nothing spoke against it'),
  },
})

export const offlineRoutes = new OpenAPIHono<Env>()
  .openapi(documents, async (c) => {
    const { ctx, services } = c.var
    return c.json(await readDocuments(ctx, c.req.valid('param').name, services.adminKey), 200)
  })
  .openapi(tell, async (c) => {
    const { decisions } = c.req.valid('json')
    const read = decisions.map((given, index) => ({ index, parsed: OfflineDecision.safeParse(given) }))
    const readable = read.flatMap(({ index, parsed }) =>
      parsed.success ? [{ index, told: parsed.data }] : [],
    )
    const { receivedAt, taken, reused } = await tellDecisions(
      c.var.ctx,
      c.req.valid('param').name,
      readable.map(({ told }) => told),
    )
    const unreadable = read.flatMap(({ index, parsed }) =>
      parsed.success ? [] : [{ index, code: 'unreadable' as const, detail: faultOf(parsed.error) }],
    )
    const others = readable.flatMap(({ index, told }) =>
      reused.includes(told)
        ? [{ index, code: 'id_reused' as const, detail: `another decision has the id ${told.decisionId}` }]
        : [],
    )
    return c.json(
      {
        receivedAt: iso(receivedAt),
        taken: taken.map(({ decisionId, isNew, conflicts }) => ({
          decisionId,
          isNew,
          conflicts: [...conflicts],
        })),
        refused: [...unreadable, ...others].sort((a, b) => a.index - b.index),
      },
      201,
    )
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { name } = c.req.valid('param')
    const found = await readDecisions(ctx, name, c.req.valid('query').limit)
    return c.json(
      {
        decisions: found.map((decision) => ({
          decisionId: decision.id,
          occurredAt: iso(decision.occurredAt),
          receivedAt: iso(decision.receivedAt),
          uncertaintyMs: decision.uncertaintyMs,
          listSeq: decision.listSeq,
          badge: decision.badge,
          checker: decision.checker,
          patient: knowsPatientsAt(ctx, decision.facilityId) ? decision.pseudonym : null,
          emergency: decision.emergency,
          scanned: decision.scanned,
          bagId: decision.bagId,
          answer: decision.answer,
          findings: decision.findings as Finding[],
          conflicts: decision.conflicts as OfflineConflict[],
          reviews: decision.reviews.map(({ at, conclusion }) => ({ at: iso(at), conclusion })),
        })),
      },
      200,
    )
  })
  .openapi(review, async (c) => {
    const { name, decisionId } = c.req.valid('param')
    await reviewDecision(c.var.ctx, { name, decisionId, ...c.req.valid('json') })
    return c.json({}, 201)
  })

const rotate = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Sign lists by a new key from now on',
  ...needs('key.manage'),
  request: { body: body(RotationInput) },
  responses: {
    ...everywhereWithBody,
    201: json(ListKeys, 'The keys terminals may believe, the newest first'),
  },
})

export const listKeyRoutes = new OpenAPIHono<Env>().openapi(rotate, async (c) => {
  const { ctx, services } = c.var
  const keys = await rotateKeys(ctx, services.adminKey, c.req.valid('json').retireOlder)
  return c.json({ keys }, 201)
})

function faultOf({ issues }: z.ZodError): string {
  const [first] = issues
  return `${first?.path.join('.') || 'decision'}: ${first?.message ?? 'is not as described'}`.slice(0, 500)
}
