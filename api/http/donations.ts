import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { BagDetail } from '../../schema/http/bags.ts'
import {
  Donation,
  DonationInput,
  DonationParams,
  GroupingInput,
  Recalled,
  SignedReasonInput,
  TestsInput,
} from '../../schema/http/life.ts'
import { markers } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { dinCheckCharacter } from '../domain/isbt128/din.ts'
import { donationFacts } from '../stores/donations.ts'
import { collectDonation, groupDonation, reachDonation, testDonation } from '../usecases/collect-donation.ts'
import { recallDonation } from '../usecases/recall.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { readBag } from './bags.ts'
import type { Env } from './env.ts'

const tags = ['Donations']
const missing = problem('No such donation')

const collect = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'A donor has given: the donation and its bag of whole blood',
  ...needs('bag.collect'),
  request: { body: body(DonationInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag'),
    404: problem('No such facility'),
    409: problem('It was collected already, or a bag of its number was registered as from elsewhere'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/{din}',
  tags,
  summary: 'What was found in a donation',
  ...needs('bag.test'),
  request: { params: DonationParams },
  responses: { ...everywhere, 200: json(Donation, 'The donation'), 404: missing },
})

const group = createRoute({
  method: 'post',
  path: '/{din}/groupings',
  tags,
  summary: 'Write down a group somebody determined',
  ...needs('bag.test'),
  request: { params: DonationParams, body: body(GroupingInput) },
  responses: { ...everywhereWithBody, 201: json(Donation, 'The donation'), 404: missing },
})

const test = createRoute({
  method: 'post',
  path: '/{din}/tests',
  tags,
  summary: 'Write down what it was tested for',
  ...needs('bag.test'),
  request: { params: DonationParams, body: body(TestsInput) },
  responses: { ...everywhereWithBody, 201: json(Donation, 'The donation'), 404: missing },
})

const recall = createRoute({
  method: 'post',
  path: '/{din}/recall',
  tags,
  summary: 'Call back all that was made of it, wherever it is',
  ...needs('bag.test'),
  request: { params: DonationParams, body: body(SignedReasonInput) },
  responses: { ...everywhereWithBody, 201: json(Recalled, 'What is held now'), 404: missing },
})

export const donationRoutes = new OpenAPIHono<Env>()
  .openapi(collect, async (c) => {
    const { collectedAt = c.var.ctx.now(), ...input } = c.req.valid('json')
    const { id } = await collectDonation(c.var.ctx, { ...input, collectedAt })
    return c.json(await readBag(c.var.ctx, id), 201)
  })
  .openapi(read, async (c) => c.json(await readDonation(c.var.ctx, c.req.valid('param').din), 200))
  .openapi(group, async (c) => {
    const { din } = c.req.valid('param')
    await groupDonation(c.var.ctx, din, c.req.valid('json'))
    return c.json(await readDonation(c.var.ctx, din), 201)
  })
  .openapi(test, async (c) => {
    const { din } = c.req.valid('param')
    await testDonation(c.var.ctx, din, c.req.valid('json').results)
    return c.json(await readDonation(c.var.ctx, din), 201)
  })
  .openapi(recall, async (c) => {
    const { din } = c.req.valid('param')
    const held = await recallDonation(c.var.ctx, { din, reason: c.req.valid('json').reason })
    return c.json({ held: [...held] }, 201)
  })

async function readDonation(ctx: Context, din: string) {
  return ctx.database.db.transaction(async (tx) => {
    const { id, identifier } = await reachDonation(ctx, tx, din)
    const { groupings, tests } = await donationFacts(tx, id)
    const of = (isSo: (test: (typeof tests)[number]) => boolean) =>
      markers.filter((marker) => tests.some((test) => test.marker === marker && isSo(test)))
    return {
      din: `${identifier}${dinCheckCharacter(identifier)}`,
      groupings: groupings.map(({ abo, rhd }) => ({ abo, rhd })),
      tested: of(() => true),
      reactive: of(({ reactive }) => reactive),
    }
  })
}
