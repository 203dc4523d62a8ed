import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import { BagDetail, BagParams } from '../../schema/http/bags.ts'
import { DiscardInput, ObserveInput } from '../../schema/http/ends.ts'
import {
  BagEvents,
  Children,
  DistributeInput,
  HoldInput,
  HoldParams,
  IssueInput,
  Modification,
  ModificationInput,
  NothingInput,
  ProcessInput,
  ReasonInput,
  ReceiveInput,
  ReleaseInput,
  ReserveInput,
  SignedReasonInput,
  TransfuseInput,
} from '../../schema/http/life.ts'
import { type BagVerb, transfusionVerbs } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagFacts, Command, ObserveCommand } from '../domain/bag.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { type Bag, eventsOf, isInsideStill } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { donationFacts } from '../stores/donations.ts'
import { facilityCodes, findFacility } from '../stores/facilities.ts'
import { actOnBag, rightFor } from '../usecases/act-on-bag.ts'
import { reachBag } from '../usecases/demand.ts'
import { commandToDiscard } from '../usecases/discard-bag.ts'
import { mustBeApproved } from '../usecases/handle-transfer.ts'
import { holdBag, liftBagHold } from '../usecases/hold-bags.ts'
import { writeInspection } from '../usecases/inspect-bag.ts'
import { commandToIssue, returnOf } from '../usecases/issue-bag.ts'
import { modifyBags } from '../usecases/modify-bags.ts'
import { commandToObserve, commandToTransfuse } from '../usecases/observe-transfusion.ts'
import { orderForBag } from '../usecases/order-blood.ts'
import { packWithBag, unpackWithBag } from '../usecases/pack-box.ts'
import { processBag } from '../usecases/process-bag.ts'
import { commandToReserve } from '../usecases/reserve-bag.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import { codesOf, knowsPatients, readBag } from './bags.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'
import { bagView } from './views/bags.ts'
import { signaturesView } from './views/signatures.ts'

const tags = ['The life of a bag']
const missing = problem('No such bag')
const not = problem('Not in its state, or something speaks against it: the detail says what')

/** A verb that is one request: what it reads, and the command it makes of it with the bag locked. */
type Act<Body extends z.ZodType> = {
  readonly summary: string
  readonly reads: Body
  readonly command: (
    input: z.output<Body>,
    about: { readonly ctx: Context; readonly tx: Transaction; readonly bag: Bag; readonly facts: BagFacts },
  ) => Promise<Command | null> | Command | null
}

function act<Body extends z.ZodType>(described: Act<Body>): Act<Body> {
  return described
}

const because = (verb: 'unreserve' | 'recall_shipment' | 'refuse' | 'return', summary: string) =>
  act({
    summary,
    reads: ReasonInput,
    command: async ({ reason }, { ctx, tx, bag }) => {
      // What comes back, or never left, is in no box any more.
      if (verb !== 'unreserve') await unpackWithBag(ctx, tx, bag, null)
      return { verb, reason }
    },
  })

const observed = (verb: ObserveCommand['verb'], summary: string) =>
  act({
    summary,
    reads: ObserveInput,
    command: ({ patient = null, volumeMl = null, remark = null, ...told }, { ctx, tx, bag }) =>
      commandToObserve(ctx, tx, bag, { verb, patient, volumeMl, remark, ...told }),
  })

const acts = {
  test: act({
    summary: 'All that is needed is known of its donation: into quarantine, with the group two agree on',
    reads: NothingInput,
    command: async (_, { tx, bag }) => ({ verb: 'test', donation: await donationFacts(tx, bag.donationId) }),
  }),
  release: act({
    summary: 'Into stock, by somebody who neither grouped nor tested it',
    reads: ReleaseInput,
    command: async (_, { ctx, tx, bag }) => ({
      verb: 'release',
      donation: await donationFacts(tx, bag.donationId),
      by: ctx.actor.id,
    }),
  }),
  reserve: act({
    summary: 'Keep it for a patient until an instant',
    reads: ReserveInput,
    command: async ({ order = null, ...wish }, { ctx, tx, bag, facts }) => {
      if (order !== null) await orderForBag(ctx, tx, bag, { order, patient: wish.patient })
      return commandToReserve(tx, bag, facts, { ...wish, order }, ctx.now())
    },
  }),
  unreserve: because('unreserve', 'Keep it for nobody any more'),
  distribute: act({
    summary: 'Send it to another facility',
    reads: DistributeInput,
    command: async ({ to, box = null }, { ctx, tx, bag }) => {
      const { id } = await findFacility(tx, to)
      await mustBeApproved(ctx, tx, bag, id)
      await packWithBag(ctx, tx, bag, { box, to: id })
      return { verb: 'distribute', to: id, box }
    },
  }),
  recall_shipment: because('recall_shipment', 'It did not leave: back into stock'),
  depart: act({ summary: 'It is under way', reads: NothingInput, command: () => ({ verb: 'depart' }) }),
  arrive: act({ summary: 'It is at the door', reads: NothingInput, command: () => ({ verb: 'arrive' }) }),
  receive: act({
    summary: 'Into stock where it was sent: label, look and logger were checked',
    reads: ReceiveInput,
    command: async ({ remark = null, inspection, seal = null }, { ctx, tx, bag }) => {
      const box = await unpackWithBag(ctx, tx, bag, seal)
      if (inspection) await writeInspection(ctx, tx, bag, { occasion: 'receipt', checks: inspection, remark })
      return { verb: 'receive', remark, box }
    },
  }),
  refuse: because('refuse', 'Not into stock where it was sent: somebody must inspect it'),
  issue: act({
    summary: 'Hand it out for a patient over the counter',
    reads: IssueInput,
    command: (
      {
        patient = null,
        emergency,
        override = null,
        reason = null,
        order = null,
        sex = null,
        ageYears = null,
      },
      { ctx, tx, bag, facts },
    ) => {
      const asked = { patient, emergency, override, reason, order }
      return commandToIssue(ctx, tx, bag, facts, { ...asked, seen: { sex, ageYears } })
    },
  }),
  cancel_issue: act({
    summary: 'It was not taken after all and is seen inside still: back into stock',
    reads: ReasonInput,
    command: async ({ reason }, { tx, bag }) => ({
      verb: 'cancel_issue',
      reason,
      isInside: await isInsideStill(tx, bag.id),
    }),
  }),
  transfuse: act({
    summary: 'It was given; written down whatever speaks against it',
    reads: TransfuseInput,
    command: ({ patient = null, startedAt, endedAt = null, reaction }, { ctx, tx, bag }) =>
      commandToTransfuse(ctx, tx, bag, { patient, startedAt, endedAt, reaction }),
  }),
  start_transfusion: observed('start_transfusion', 'It began to be given'),
  end_transfusion: observed('end_transfusion', 'All of it that was to be given was'),
  interrupt_transfusion: observed('interrupt_transfusion', 'It was stopped before that'),
  report_reaction: observed('report_reaction', 'The patient reacted to it'),
  return: because('return', 'It came back: somebody must inspect it'),
  reinstate: act({
    summary: 'It was inspected and may be used',
    reads: ReasonInput,
    command: async ({ reason }, { ctx, tx, bag }) => {
      const events = await eventsOf(tx, bag.id)
      const afterIssue = events.findLast(({ verb }) => verb !== 'expire')?.verb === 'return'
      return { verb: 'reinstate', reason, afterIssue, ...(await returnOf(ctx, tx, bag)) }
    },
  }),
  discard: act({
    summary: 'It is not used: its fate, with who else has seen it where policy asks for that',
    reads: DiscardInput,
    command: async ({ reason, code = null, method = null, witness = null }, { ctx, tx, bag }) => {
      await unpackWithBag(ctx, tx, bag, null)
      return commandToDiscard(ctx, tx, bag, { reason, code, method, witness })
    },
  }),
} as const satisfies Partial<Record<BagVerb, unknown>>

const process = createRoute({
  method: 'post',
  path: '/{bagId}/process',
  tags,
  summary: 'Make bags of it that are labelled already, by the process the catalogue has for them',
  ...needs('bag.process'),
  request: { params: BagParams, body: body(ProcessInput) },
  responses: { ...everywhereWithBody, 201: json(Children, 'What was made of it'), 404: missing, 409: not },
})

const modify = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Make bags of bags: separate, split, pool, wash, irradiate, thaw, as the catalogue allows',
  ...needs('bag.process'),
  request: { body: body(ModificationInput) },
  responses: { ...everywhereWithBody, 201: json(Modification, 'What was made'), 404: missing, 409: not },
})

export const modificationRoutes = new OpenAPIHono<Env>().openapi(modify, async (c) => {
  const { bags: bagIds, children, ...input } = c.req.valid('json')
  const wanted = children.map(({ product: code, ...child }) => ({ ...child, code }))
  const made = await modifyBags(c.var.ctx, { ...input, bagIds, children: wanted, movesTags: true })
  const codes = await codesOf(c.var.ctx, made.children)
  const { id: modificationId, process } = made
  return c.json({ modificationId, process, children: made.children.map((bag) => bagView(bag, codes)) }, 201)
})

const hold = createRoute({
  method: 'post',
  path: '/{bagId}/holds',
  tags,
  summary: 'Keep it, and all that was made of it, from being used',
  ...needs('bag.hold'),
  request: { params: BagParams, body: body(HoldInput) },
  responses: { ...everywhereWithBody, 201: json(BagDetail, 'The bag'), 404: missing },
})

const lift = createRoute({
  method: 'post',
  path: '/{bagId}/holds/{holdId}/lift',
  tags,
  summary: 'Lift a hold somebody else has placed',
  ...needs('bag.hold'),
  request: { params: HoldParams, body: body(SignedReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(BagDetail, 'The bag'),
    404: problem('No such bag, or no such hold'),
  },
})

const events = createRoute({
  method: 'get',
  path: '/{bagId}/events',
  tags,
  summary: 'All that was done to it',
  ...needs('bag.read'),
  request: { params: BagParams },
  responses: { ...everywhere, 200: json(BagEvents, 'Its events'), 404: missing },
})

export const lifeRoutes = new OpenAPIHono<Env>()
  .openapi(process, async (c) => {
    const { bagId } = c.req.valid('param')
    const made = await processBag(c.var.ctx, { bagId, children: c.req.valid('json').children })
    const codes = await codesOf(c.var.ctx, made)
    return c.json({ children: made.map((bag) => bagView(bag, codes)) }, 201)
  })
  .openapi(hold, async (c) => {
    const { bagId } = c.req.valid('param')
    await holdBag(c.var.ctx, { bagId, ...c.req.valid('json') })
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
  .openapi(lift, async (c) => {
    const { bagId, holdId } = c.req.valid('param')
    await liftBagHold(c.var.ctx, { bagId, holdId, reason: c.req.valid('json').reason })
    return c.json(await readBag(c.var.ctx, bagId), 201)
  })
  .openapi(events, async (c) => {
    const { bagId } = c.req.valid('param')
    const { db } = c.var.ctx.database
    const bag = await reachBag(c.var.ctx, db, bagId, 'bag.read')
    const events = await eventsOf(db, bagId)
    // Whom an earlier holder kept it for is that holder's to know, and what its donation was tested for its centre's.
    const received = events.findLast(({ verb }) => verb === 'receive' || verb === 'refuse')?.version ?? 0
    const isTold = knowsPatients(c.var.ctx, bag)
    const knowsTests = isWithin(reachOf(c.var.ctx.grants, 'bag.test'), [bag.originId])
    const ends = events.flatMap(({ data }) => {
      const { to, from } = data as Record<string, unknown>
      return [to, from].filter((end) => typeof end === 'number')
    })
    const places = await facilityCodes(db, ends)
    const told = events.map(({ version, verb, from, to, at, data, actor }) => {
      const { patient, checkers, remark, reactive, ...rest } = data as Record<string, unknown>
      const said: Record<string, unknown> = rest
      const isOfPatient = transfusionVerbs.some((one) => one === verb)
      if (patient !== undefined && isTold && version > received) said.patient = patient
      if (checkers !== undefined && isTold) said.checkers = checkers
      if (remark !== undefined && (isTold || !isOfPatient)) said.remark = remark
      if (reactive !== undefined && knowsTests) said.reactive = reactive
      for (const end of ['to', 'from'])
        if (typeof said[end] === 'number') said[end] = places.get(said[end]) ?? null
      for (const instant of [
        'startedAt',
        'endedAt',
        'occurredAt',
        'until',
        'expiresAt',
        'collectedAt',
        'labelledUntil',
      ])
        if (typeof said[instant] === 'number') said[instant] = iso(said[instant])
      return { version, verb, from, to, at: iso(at), data: said, signatures: signaturesView(actor as Actor) }
    })
    return c.json({ events: told }, 200)
  })

for (const [name, described] of Object.entries(acts))
  mount(name as keyof typeof acts, described as Act<z.ZodType>)

/** One route per verb. */
function mount(verb: keyof typeof acts, { summary, reads, command }: Act<z.ZodType>): void {
  const route = createRoute({
    method: 'post',
    path: `/{bagId}/${verb.replaceAll('_', '-')}` as '/{bagId}/{verb}',
    tags,
    summary,
    ...needs(rightFor(verb)),
    request: { params: BagParams, body: body(reads) },
    responses: { ...everywhereWithBody, 201: json(BagDetail, 'The bag'), 404: missing, 409: not },
  })
  lifeRoutes.openapi(route, async (c) => {
    const { ctx } = c.var
    const { bagId } = c.req.valid('param')
    const input: unknown = c.req.valid('json')
    await ctx.database.db.transaction((tx) =>
      actOnBag(ctx, tx, { bagId, verb }, (bag, facts) => command(input, { ctx, tx, bag, facts })),
    )
    return c.json(await readBag(ctx, bagId), 201)
  })
}
