import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagParams } from '../../schema/http/bags.ts'
import {
  DrillInput,
  LookBackParams,
  LotInput,
  Lots,
  Recall,
  RecallEndInput,
  RecallInput,
  RecallParams,
  RecallPreview,
  RecallPreviewQuery,
  RecallQuery,
  Recalls,
  RecallsQuery,
  Recipient,
  RecipientInput,
} from '../../schema/http/recalls.ts'
import type { Context } from '../context.ts'
import { isWithin, type Right, reachOf } from '../domain/rights.ts'
import { facilityCodes } from '../stores/facilities.ts'
import type { Findings } from '../stores/recall-reads.ts'
import { listRecalls, lotsOf, type Recall as Row } from '../stores/recalls.ts'
import { reachBag } from '../usecases/demand.ts'
import {
  concludeRecall,
  drillRecall,
  identifyInCase,
  openRecall,
  previewRecall,
  readRecall,
  recordLot,
} from '../usecases/recall.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'

const tags = ['Recall']
const missing = problem('No such recall')
const unknown = problem('No such facility, donation, device or bag')
const usualLimit = 200

const open = createRoute({
  method: 'post',
  path: '/recalls',
  tags,
  summary: 'Call back bags wherever they are: each is held, and for each that was given a case is opened',
  description: 'The same again, while it is open, is the same recall: nothing is held twice.',
  ...needs('recall.open'),
  request: { body: body(RecallInput) },
  responses: { ...everywhereWithBody, 201: json(Recall, 'The recall, and what it reached'), 404: unknown },
})

const list = createRoute({
  method: 'get',
  path: '/recalls',
  tags,
  summary: 'Recalls of your facilities, and those that reached bags there, newest first',
  ...needs('recall.read'),
  request: { query: RecallsQuery },
  responses: { ...everywhere, 200: json(Recalls, 'A page of recalls') },
})

const preview = createRoute({
  method: 'get',
  path: '/recalls/preview',
  tags,
  summary: 'What a recall would reach now: look back over the whole city, and touch nothing',
  ...needs('recall.open'),
  request: { query: RecallPreviewQuery },
  responses: { ...everywhere, 200: json(RecallPreview, 'What it would reach'), 404: unknown },
})

const drill = createRoute({
  method: 'post',
  path: '/recalls/drills',
  tags,
  summary: 'An exercise: the same walk, timed and written down as one, that touches nothing',
  ...needs('recall.open'),
  request: { body: body(DrillInput) },
  responses: { ...everywhereWithBody, 201: json(RecallPreview, 'What it would have reached'), 404: unknown },
})

const read = createRoute({
  method: 'get',
  path: '/recalls/{number}',
  tags,
  summary: 'A recall, and what it has reached',
  ...needs('recall.read'),
  request: { params: RecallParams, query: RecallQuery },
  responses: { ...everywhere, 200: json(Recall, 'The recall'), 404: missing },
})

const end = (verb: 'close' | 'lift', summary: string) =>
  createRoute({
    method: 'post',
    path: `/recalls/{number}/${verb}` as const,
    tags,
    summary,
    ...needs('recall.open'),
    request: { params: RecallParams, body: body(RecallEndInput) },
    responses: {
      ...everywhereWithBody,
      201: json(Recall, 'The recall'),
      404: missing,
      409: problem('It has ended already'),
    },
  })

const close = end('close', 'It is seen to: what it holds stays held, and nothing more is')
const lift = end('lift', 'It was for nothing: somebody who did not open it lifts all it holds')

const addLot = createRoute({
  method: 'post',
  path: '/bags/{bagId}/lots',
  tags,
  summary: 'Write down a lot it was made with: its set, an additive, a reagent, a run',
  ...needs('bag.process'),
  request: { params: BagParams, body: body(LotInput) },
  responses: { ...everywhereWithBody, 201: json(Lots, 'All its lots'), 404: problem('No such bag') },
})

const lots = createRoute({
  method: 'get',
  path: '/bags/{bagId}/lots',
  tags,
  summary: 'The lots it was made with',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(Lots, 'Its lots'), 404: problem('No such bag') },
})

const identify = createRoute({
  method: 'post',
  path: '/look-backs/{lookBack}/recipient',
  tags,
  summary: 'Whom the bag of an open look-back case was given to; who asked is written down',
  ...needs('look_back.identify'),
  request: { params: LookBackParams, body: body(RecipientInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Recipient, 'The recipient, by pseudonym'),
    404: problem('No such case'),
    409: problem('It is closed'),
  },
})

export const recallRoutes = new OpenAPIHono<Env>()
  .openapi(open, async (c) => {
    const { signature: _proven, ...input } = c.req.valid('json')
    const number = await openRecall(c.var.ctx, input)
    return c.json(await shown(c.var.ctx, number), 201)
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const found = await listRecalls(ctx.database.db, {
      ...c.req.valid('query'),
      reach: reachOf(ctx.grants, 'recall.read'),
    })
    return c.json({ recalls: await summaries(ctx, found) }, 200)
  })
  .openapi(preview, async (c) => {
    const { limit, ...input } = c.req.valid('query')
    const { ms, ...found } = await previewRecall(c.var.ctx, { ...input, reason: '' }, limit)
    return c.json({ ...findingsView(found), ms }, 200)
  })
  .openapi(drill, async (c) => {
    const { ms, ...found } = await drillRecall(c.var.ctx, c.req.valid('json'), usualLimit)
    return c.json({ ...findingsView(found), ms }, 201)
  })
  .openapi(read, async (c) =>
    c.json(await shown(c.var.ctx, c.req.valid('param').number, c.req.valid('query').limit), 200),
  )
  .openapi(close, async (c) => {
    const { number } = c.req.valid('param')
    await concludeRecall(c.var.ctx, { number, state: 'closed', ...c.req.valid('json') })
    return c.json(await shown(c.var.ctx, number), 201)
  })
  .openapi(lift, async (c) => {
    const { number } = c.req.valid('param')
    await concludeRecall(c.var.ctx, { number, state: 'lifted', ...c.req.valid('json') })
    return c.json(await shown(c.var.ctx, number), 201)
  })
  .openapi(addLot, async (c) => {
    const { bagId } = c.req.valid('param')
    await recordLot(c.var.ctx, { bagId, ...c.req.valid('json') })
    return c.json({ lots: await lotsOf(c.var.ctx.database.db, bagId) }, 201)
  })
  .openapi(lots, async (c) => {
    const { bagId } = c.req.valid('param')
    const { db } = c.var.ctx.database
    await reachBag(c.var.ctx, db, bagId, 'bag.read')
    return c.json({ lots: await lotsOf(db, bagId) }, 200)
  })
  .openapi(identify, async (c) => {
    const { lookBack: number } = c.req.valid('param')
    return c.json(await identifyInCase(c.var.ctx, { number, ...c.req.valid('json') }), 201)
  })

async function shown(ctx: Context, number: number, limit = usualLimit) {
  const { recall, ...found } = await readRecall(ctx, number, limit)
  const [summary] = await summaries(ctx, [recall])
  return { ...(summary as NonNullable<typeof summary>), ...findingsView(found) }
}

/** Whose blood it is about is a secret of the centre's, and whom it was given to one of the hospital's. */
const secrets: Partial<Record<Row['scope'], Right>> = { donor: 'bag.test', patient: 'patient.read' }

async function summaries({ database, grants }: Context, rows: readonly Row[]) {
  const codes = await facilityCodes(
    database.db,
    rows.map(({ facilityId }) => facilityId),
  )
  return rows.map(({ id, facilityId, subject, from, to, openedAt, endedAt, ...row }) => {
    const secret = secrets[row.scope]
    const isTold = secret === undefined || isWithin(reachOf(grants, secret), [facilityId])
    const { kind, scope, lotKind, reason, state, endReason } = row
    return {
      ...{ number: id, kind, scope, of: isTold ? subject : null, lotKind, reason, state, endReason },
      facility: codes.get(facilityId) as string,
      ...{ from: isoOrNull(from), to: isoOrNull(to), openedAt: iso(openedAt), endedAt: isoOrNull(endedAt) },
    }
  })
}

function findingsView({ tallies, bags }: Findings) {
  return {
    reached: tallies.map(({ facilityId: _, ...tally }) => tally),
    bags: bags.map((bag) => ({ ...bag })),
  }
}
