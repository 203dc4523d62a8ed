import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { AlarmCommentInput, AlarmDetail, AlarmParams, Alarms, AlarmsQuery } from '../../schema/http/alarms.ts'
import {
  AbandonedRescue,
  Rescue,
  RescueAbandonInput,
  RescueInput,
  RescuePlan,
} from '../../schema/http/rescues.ts'
import { Notices, RosterQuery } from '../../schema/http/rosters.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { reachOf } from '../domain/rights.ts'
import type { Outlook } from '../domain/thermal/outlook.ts'
import { alarmWords } from '../policies/alarms.ts'
import { causeWords } from '../policies/causes.ts'
import { eventsOfCase, findCase, listCases, noAlarm, type ShownCase } from '../stores/alarms.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { noticesOfCase } from '../stores/notices.ts'
import { movesOf } from '../stores/rescues.ts'
import { abandonRescue, acceptRescue } from '../usecases/accept-rescue.ts'
import { demandRight } from '../usecases/demand.ts'
import { type AlarmAct, handleAlarm } from '../usecases/handle-alarm.ts'
import { readRescue } from '../usecases/plan-rescue.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'
import { outlookView } from './views/outlook.ts'
import { moveView, rescuePlanView } from './views/rescues.ts'

const tags = ['Alarms']
const missing = problem('No such alarm')

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Alarms, newest first',
  ...needs('alarm.read'),
  request: { query: AlarmsQuery },
  responses: { ...everywhere, 200: json(Alarms, 'A page of alarms'), 404: problem('No such facility') },
})

const read = createRoute({
  method: 'get',
  path: '/{id}',
  tags,
  summary: 'One alarm, and all that happened',
  ...needs('alarm.read'),
  request: { params: AlarmParams },
  responses: { ...everywhere, 200: json(AlarmDetail, 'The alarm'), 404: missing },
})

const plan = createRoute({
  method: 'get',
  path: '/{id}/rescue',
  tags,
  summary: 'Where the bags of a failing device go, which first, and which must stay',
  ...needs('alarm.read'),
  request: { params: AlarmParams },
  responses: {
    ...everywhere,
    200: json(RescuePlan, 'The plan, as of now'),
    404: missing,
    409: problem('It asks for no action, or is closed'),
  },
})

const accept = createRoute({
  method: 'post',
  path: '/{id}/rescue',
  tags,
  summary: 'Have the bags of a failing device carried where the plan says',
  ...needs('alarm.handle'),
  request: { params: AlarmParams, body: body(RescueInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Rescue, 'What is to be carried where, planned anew'),
    404: missing,
    409: problem('It asks for no action, is closed, or nothing is left to be carried'),
  },
})

const abandon = createRoute({
  method: 'post',
  path: '/{id}/rescue/abandon',
  tags,
  summary: 'Give up what is still to be carried, so that it can be planned again',
  ...needs('alarm.handle'),
  request: { params: AlarmParams, body: body(RescueAbandonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(AbandonedRescue, 'How much was given up'),
    404: missing,
    409: problem('Nothing is to be carried'),
  },
})

const notices = createRoute({
  method: 'get',
  path: '/{id}/notices',
  tags,
  summary: 'Who was told of an alarm, and every attempt to',
  ...needs('alarm.read'),
  request: { params: AlarmParams, query: RosterQuery },
  responses: { ...everywhere, 200: json(Notices, 'The notices'), 404: missing },
})

const acts = {
  acknowledge: { act: 'acknowledged', summary: 'Say that somebody is at it: nobody else is paged' },
  comment: { act: 'commented', summary: 'Write down what was found, or done' },
  close: {
    act: 'closed',
    summary: 'Close it, once it is acknowledged and over, or its device is revoked and empty',
  },
} as const satisfies Record<string, { act: AlarmAct; summary: string }>

export const alarmRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { limit, open, before, facility } = c.req.valid('query')
    const { db } = ctx.database
    const of = facility === undefined ? null : (await findFacility(db, facility)).id
    if (of !== null) demandRight(ctx, 'alarm.read', [of], noFacility(facility as string))
    const reach = of === null ? reachOf(ctx.grants, 'alarm.read') : new Set([of])
    const found = await listCases(db, { before, limit: limit + 1, isOpen: open, reach })
    const alarms = found.slice(0, limit).map(alarmView)
    return c.json({ alarms, next: found.length > limit ? (alarms.at(-1)?.id ?? null) : null }, 200)
  })
  .openapi(read, async (c) => c.json(await detailOf(c.var.ctx, c.req.valid('param').id), 200))
  .openapi(plan, async (c) =>
    c.json(rescuePlanView(await readRescue(c.var.ctx, c.req.valid('param').id)), 200),
  )
  .openapi(accept, async (c) => {
    const { ctx } = c.var
    const { id } = c.req.valid('param')
    const rescue = await acceptRescue(ctx, id, c.req.valid('json').comment)
    const moves = await movesOf(ctx.database.db, { rescueId: rescue }, ctx.now())
    return c.json({ rescue, alarm: id, moves: moves.map(moveView) }, 201)
  })
  .openapi(abandon, async (c) => {
    const { id } = c.req.valid('param')
    const abandoned = await abandonRescue(c.var.ctx, id, c.req.valid('json').reason)
    return c.json({ alarm: id, abandoned }, 201)
  })
  .openapi(notices, async (c) => {
    const { ctx } = c.var
    const { id } = c.req.valid('param')
    const { facilityId } = await findCase(ctx.database.db, id)
    demandRight(ctx, 'alarm.read', [facilityId], noAlarm(id))
    const found = await noticesOfCase(ctx.database.db, id, c.req.valid('query').limit)
    const shown = found.map(
      ({ id: notice, contact: to, channel, step, createdAt, isDelivered, attempts }) => ({
        ...{ notice, to, channel, step, at: iso(createdAt), delivered: isDelivered },
        attempts: attempts.map((attempt) => ({ ...attempt, at: iso(attempt.at) })),
      }),
    )
    return c.json({ notices: shown }, 200)
  })

for (const [path, { act, summary }] of Object.entries(acts)) mount(path, act, summary)

/** One route for each thing a person does about an alarm. */
function mount(path: string, act: AlarmAct, summary: string): void {
  const route = createRoute({
    method: 'post',
    path: `/{id}/${path}` as '/{id}/{act}',
    tags,
    summary,
    ...needs('alarm.handle'),
    request: { params: AlarmParams, body: body(AlarmCommentInput) },
    responses: {
      ...everywhereWithBody,
      201: json(AlarmDetail, 'The alarm'),
      404: missing,
      409: problem('Not as the alarm stands'),
    },
  })
  alarmRoutes.openapi(route, async (c) => {
    const { id } = c.req.valid('param') as { id: number }
    const { comment } = c.req.valid('json')
    await handleAlarm(c.var.ctx, { id, act, comment })
    return c.json(await detailOf(c.var.ctx, id), 201)
  })
}

async function detailOf(ctx: Context, id: number) {
  const { db } = ctx.database
  const found = await findCase(db, id)
  demandRight(ctx, 'alarm.read', [found.facilityId], noAlarm(id))
  const events = await eventsOfCase(db, id)
  return {
    ...alarmView(found),
    events: events.map(({ at, verb, actor, comment, data }) => ({
      at: iso(at),
      verb,
      by: actor as Actor,
      comment,
      data: data as Record<string, unknown>,
    })),
  }
}

function alarmView({
  id,
  device,
  deviceLabel,
  facility,
  kind,
  part,
  steps,
  cause,
  causeSigns,
  outlook,
  bags,
  bagsInside,
  ...row
}: ShownCase) {
  const signs = [...(causeSigns ?? [])]
  const isToRescue = row.deviceId !== null && row.class === 'action' && row.closedAt === null
  return {
    ...{ id, device, deviceLabel, facility, kind, part, steps, class: row.class, ...alarmWords[kind] },
    bags: [...(bags ?? [])],
    from: iso(row.conditionFrom),
    raisedAt: iso(row.raisedAt),
    acknowledgedAt: isoOrNull(row.acknowledgedAt),
    endedAt: isoOrNull(row.endedAt),
    retiredAt: isoOrNull(row.retiredAt),
    closedAt: isoOrNull(row.closedAt),
    outlook: outlookView(outlook as Outlook | null),
    cause: cause && { cause, signs, ...causeWords(cause, signs) },
    rescue: isToRescue ? { bags: bagsInside, plan: `/alarms/${id}/rescue` } : null,
  }
}
