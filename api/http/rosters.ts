import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { ReasonInput } from '../../schema/http/people.ts'
import {
  ContactInput,
  ContactParams,
  Contacts,
  NewContact,
  Roster,
  RosterParams,
  RosterQuery,
  ShiftInput,
  ShiftParams,
} from '../../schema/http/rosters.ts'
import type { Context } from '../context.ts'
import { onDuty } from '../domain/roster.ts'
import { listContacts, listShifts } from '../stores/rosters.ts'
import {
  createContact,
  createShift,
  dismissContact,
  dismissShift,
  reachFacility,
} from '../usecases/manage-rosters.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso, isoOrNull } from './units.ts'

const tags = ['Rosters']
const missing = problem('No such facility')

const contacts = createRoute({
  method: 'get',
  path: '/{code}/contacts',
  tags,
  summary: 'Who can be told of alarms at a facility, and how',
  ...needs('roster.read'),
  request: { params: RosterParams, query: RosterQuery },
  responses: { ...everywhere, 200: json(Contacts, 'The contacts'), 404: missing },
})

const addContact = createRoute({
  method: 'post',
  path: '/{code}/contacts',
  tags,
  summary: 'Say how somebody can be told of alarms: by e-mail, by a gateway, or both',
  description:
    'A gateway is called with a POST of the JSON of {at, kind, subject, data}, signed as a webhook is: `kind` is ' +
    '`alarm.notice`, `data.to` the name of the contact, `data.zh` and `data.en` what to say. `Hemotrail-Delivery` is the same ' +
    'when it is sent again. Anything but a 2xx within 10 s is tried again for 90 s; then the next step is taken.',
  ...needs('roster.manage'),
  request: { params: RosterParams, body: body(ContactInput) },
  responses: {
    ...everywhereWithBody,
    201: json(NewContact, 'The secret'),
    404: missing,
    409: problem('The name is taken'),
  },
})

const endContact = createRoute({
  method: 'post',
  path: '/{code}/contacts/{contact}/end',
  tags,
  summary: 'Tell somebody of alarms no more, on any shift',
  ...needs('roster.manage'),
  request: { params: ContactParams, body: body(ReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Roster, 'The roster'),
    404: problem('No such contact'),
    409: problem('It has ended already'),
  },
})

const roster = createRoute({
  method: 'get',
  path: '/{code}/roster',
  tags,
  summary: 'Who stands behind which step of a facility, and when',
  ...needs('roster.read'),
  request: { params: RosterParams, query: RosterQuery },
  responses: { ...everywhere, 200: json(Roster, 'The roster'), 404: missing },
})

const addShift = createRoute({
  method: 'post',
  path: '/{code}/roster/shifts',
  tags,
  summary: 'Put somebody behind a step',
  description:
    'From its first shift on a facility keeps a roster: whoever is on duty for a step is told, and a step nobody is on ' +
    'duty for is said on the alarm and passed over at once.',
  ...needs('roster.manage'),
  request: { params: RosterParams, body: body(ShiftInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Roster, 'The roster'),
    404: problem('No such facility or contact'),
  },
})

const endShift = createRoute({
  method: 'post',
  path: '/{code}/roster/shifts/{shiftId}/end',
  tags,
  summary: 'End a shift now',
  ...needs('roster.manage'),
  request: { params: ShiftParams, body: body(ReasonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Roster, 'The roster'),
    404: problem('No such shift'),
    409: problem('It has ended already'),
  },
})

export const rosterRoutes = new OpenAPIHono<Env>()
  .openapi(contacts, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { id } = await reachFacility(ctx, db, c.req.valid('param').code, 'roster.read')
    const found = await listContacts(db, id, c.req.valid('query').limit)
    return c.json({ contacts: found.map(({ name, email, url }) => ({ name, email, url })) }, 200)
  })
  .openapi(addContact, async (c) => {
    const { code: facility } = c.req.valid('param')
    const { mayMail } = c.var.services
    const input = c.req.valid('json')
    const secret = await createContact(c.var.ctx, { ...input, facility, mayMail })
    return c.json({ name: input.name, secret }, 201)
  })
  .openapi(endContact, async (c) => {
    const { code: facility, contact: name } = c.req.valid('param')
    await dismissContact(c.var.ctx, { facility, name, reason: c.req.valid('json').reason })
    return c.json(await rosterOf(c.var.ctx, facility), 201)
  })
  .openapi(roster, async (c) => {
    return c.json(await rosterOf(c.var.ctx, c.req.valid('param').code, c.req.valid('query').limit), 200)
  })
  .openapi(addShift, async (c) => {
    const { code: facility } = c.req.valid('param')
    const { from: fromMinute, to: toMinute, ...input } = c.req.valid('json')
    await createShift(c.var.ctx, { ...input, facility, fromMinute, toMinute })
    return c.json(await rosterOf(c.var.ctx, facility), 201)
  })
  .openapi(endShift, async (c) => {
    const { code: facility, shiftId: id } = c.req.valid('param')
    await dismissShift(c.var.ctx, { facility, id, reason: c.req.valid('json').reason })
    return c.json(await rosterOf(c.var.ctx, facility), 201)
  })

async function rosterOf(ctx: Context, code: string, limit?: number) {
  const { db } = ctx.database
  const now = ctx.now()
  const { id, timeZone } = await reachFacility(ctx, db, code, 'roster.read')
  const shifts = await listShifts(db, [id], now, limit)
  return {
    timeZone,
    shifts: shifts.map((shift) => ({
      shiftId: shift.id,
      step: shift.step,
      contact: shift.contact.name,
      weekdays: shift.weekdays.slice(),
      from: timeOfDay(shift.fromMinute),
      to: timeOfDay(shift.toMinute),
      effectiveFrom: iso(shift.effectiveFrom),
      effectiveTo: isoOrNull(shift.effectiveTo),
      onDuty: onDuty({ timeZone, shifts: [shift] }, shift.step, now).length > 0,
    })),
  }
}

function timeOfDay(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
