import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import {
  BadgeInput,
  PasswordInput,
  People,
  PeopleQuery,
  Person,
  PersonInput,
  PersonParams,
  ReasonInput,
  RoleInput,
  RoleQuery,
} from '../../schema/http/people.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { findPerson, listPeople, noPerson } from '../stores/people.ts'
import { createPerson } from '../usecases/create-person.ts'
import { seesPerson } from '../usecases/demand.ts'
import { dismissPerson, grantRole, issueBadge, setPassword, withdrawRole } from '../usecases/manage-person.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { personView } from './views/people.ts'

const tags = ['People']
const missing = problem('Nobody has this username')
const left = problem('They have left, or hold it already')

const list = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'People, by username',
  ...needs('person.read'),
  request: { query: PeopleQuery },
  responses: { ...everywhere, 200: json(People, 'A page of people') },
})

const create = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Let somebody in',
  ...needs('person.manage'),
  request: { body: body(PersonInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Person, 'The person'),
    404: problem('No such facility'),
    409: problem('The username or the address is taken'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/{username}',
  tags,
  summary: 'One person, and what they may do',
  ...needs('person.read'),
  request: { params: PersonParams },
  responses: { ...everywhere, 200: json(Person, 'The person'), 404: missing },
})

const grant = createRoute({
  method: 'post',
  path: '/{username}/roles',
  tags,
  summary: 'Give somebody a role',
  ...needs('person.manage'),
  request: { params: PersonParams, body: body(RoleInput) },
  responses: { ...everywhereWithBody, 201: json(Person, 'The person'), 404: missing, 409: left },
})

const withdraw = createRoute({
  method: 'delete',
  path: '/{username}/roles',
  tags,
  summary: 'Take a role from somebody',
  ...needs('person.manage'),
  request: { params: PersonParams, query: RoleQuery },
  responses: { ...everywhere, 200: json(Person, 'The person'), 404: missing, 409: left },
})

const changePassword = createRoute({
  method: 'put',
  path: '/{username}/password',
  tags,
  summary: 'Give somebody another password, and sign them out',
  ...needs('person.manage'),
  request: { params: PersonParams, body: body(PasswordInput) },
  responses: { ...everywhereWithBody, 200: json(Person, 'The person'), 404: missing, 409: left },
})

const badge = createRoute({
  method: 'put',
  path: '/{username}/badge',
  tags,
  summary: 'Give somebody a badge and its PIN; with another before, sign them out',
  ...needs('person.manage'),
  request: { params: PersonParams, body: body(BadgeInput) },
  responses: { ...everywhereWithBody, 200: json(Person, 'The person'), 404: missing, 409: left },
})

const dismiss = createRoute({
  method: 'post',
  path: '/{username}/end',
  tags,
  summary: 'Let somebody in no more',
  ...needs('person.manage'),
  request: { params: PersonParams, body: body(ReasonInput) },
  responses: { ...everywhereWithBody, 201: json(Person, 'The person'), 404: missing, 409: left },
})

export const peopleRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { after, limit } = c.req.valid('query')
    const page: z.infer<typeof Person>[] = []
    let from = after
    // Whom the caller may not know of is left out, and the page filled with those after.
    for (;;) {
      const found = await listPeople(c.var.ctx.database.db, { after: from, limit: limit + 1 })
      for (const person of found) if (seesPerson(c.var.ctx, person)) page.push(personView(person))
      from = found.at(-1)?.username
      if (page.length > limit || found.length <= limit) break
    }
    const people = page.slice(0, limit)
    return c.json({ people, next: page.length > limit ? (people.at(-1)?.username ?? null) : null }, 200)
  })
  .openapi(create, async (c) => {
    const { password = null, ...person } = c.req.valid('json')
    await createPerson(c.var.ctx, { ...person, password })
    return c.json(await readPerson(c.var.ctx, person.username), 201)
  })
  .openapi(read, async (c) => {
    return c.json(await readPerson(c.var.ctx, c.req.valid('param').username), 200)
  })
  .openapi(grant, async (c) => {
    const { username } = c.req.valid('param')
    await grantRole(c.var.ctx, username, c.req.valid('json'))
    return c.json(await readPerson(c.var.ctx, username), 201)
  })
  .openapi(withdraw, async (c) => {
    const { username } = c.req.valid('param')
    const { role, facility = null } = c.req.valid('query')
    await withdrawRole(c.var.ctx, username, { role, facility })
    // With the last role they share they may have gone out of sight.
    return c.json(personView(await findPerson(c.var.ctx.database.db, username)), 200)
  })
  .openapi(changePassword, async (c) => {
    const { username } = c.req.valid('param')
    await setPassword(c.var.ctx, username, c.req.valid('json').password)
    return c.json(await readPerson(c.var.ctx, username), 200)
  })
  .openapi(badge, async (c) => {
    const { username } = c.req.valid('param')
    const { badge: code, pin } = c.req.valid('json')
    await issueBadge(c.var.ctx, username, { code, pin })
    return c.json(await readPerson(c.var.ctx, username), 200)
  })
  .openapi(dismiss, async (c) => {
    const { username } = c.req.valid('param')
    await dismissPerson(c.var.ctx, username, c.req.valid('json').reason)
    return c.json(await readPerson(c.var.ctx, username), 201)
  })

async function readPerson(ctx: Context, username: string) {
  const person = await findPerson(ctx.database.db, username)
  if (!seesPerson(ctx, person)) throw new Refusal('not_found', noPerson(username))
  return personView(person)
}
