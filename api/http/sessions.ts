import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context as Request } from 'hono'
import { BadgeInput, Caller, Session, SignedOut, SignInInput } from '../../schema/http/people.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Direction, type OpenId, openIdName } from '../stores/open-id.ts'
import { findActive } from '../stores/people.ts'
import type { NewSession } from '../stores/sessions.ts'
import { identifyByBadge, signIn, signInByOpenId } from '../usecases/sign-in.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env, Services } from './env.ts'
import { iso } from './units.ts'
import { heldRoles, personView } from './views/people.ts'

const tags = ['Sessions']
const lockedOut = problem('Too many wrong ones in a row')

const open = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Sign in by username and password',
  security: [],
  request: { body: body(SignInInput) },
  responses: { ...everywhereWithBody, 201: json(Session, 'The session'), 429: lockedOut },
})

/** For people nobody knows yet. */
export const doorRoutes = new OpenAPIHono<Env>().openapi(open, async (c) => {
  const { services } = c.var
  const signedIn = await signIn(services, c.req.valid('json'))
  if (signedIn.cookie !== null) c.header('set-cookie', signedIn.cookie)
  return c.json(await sessionView(services, signedIn), 201)
})

const beginOpenId = createRoute({
  method: 'get',
  path: '/sign-in',
  tags,
  summary: 'Sign in with the OpenID provider: browsers go there',
  security: [],
  responses: {
    302: { description: 'To the provider' },
    500: everywhere[500],
    503: problem('The provider or the database is away: try again'),
  },
})

const finishOpenId = createRoute({
  method: 'get',
  path: `/callback/${openIdName}`,
  tags,
  summary: 'Come back from the OpenID provider',
  security: [],
  responses: {
    302: { description: 'Signed in, with a cookie' },
    401: problem('Nobody who was let in, or another browser, or too late'),
    500: everywhere[500],
    503: problem('The provider or the database is away: try again'),
  },
})

/** For people whom an OpenID provider knows; there only where one is configured. */
export function openIdRoutes(openId: OpenId) {
  return new OpenAPIHono<Env>()
    .openapi(beginOpenId, async (c) => direct(c, await openId.begin()))
    .openapi(finishOpenId, async (c) =>
      direct(c, await signInByOpenId(c.var.services, openId, c.req.query(), c.req.raw.headers)),
    )
}

function direct(c: Request<Env>, { location, cookies }: Direction) {
  for (const cookie of cookies) c.header('set-cookie', cookie, { append: true })
  return c.redirect(location)
}

const identify = createRoute({
  method: 'post',
  path: '/badge',
  tags,
  summary: 'At a terminal that is let in itself: sign in by badge and PIN, for a few minutes',
  request: { body: body(BadgeInput) },
  responses: { ...everywhereWithBody, 201: json(Session, 'The session'), 429: lockedOut },
})

const read = createRoute({
  method: 'get',
  path: '/',
  tags,
  summary: 'Who I am, and what I may do',
  responses: { ...everywhere, 200: json(Caller, 'Who asks') },
})

const end = createRoute({
  method: 'delete',
  path: '/',
  tags,
  summary: 'Sign out',
  responses: { ...everywhere, 200: json(SignedOut, 'The session is over') },
})

export const sessionRoutes = new OpenAPIHono<Env>()
  .openapi(identify, async (c) => {
    const { services } = c.var
    return c.json(await sessionView(services, await identifyByBadge(services, c.req.valid('json'))), 201)
  })
  .openapi(read, (c) => {
    const { kind, name, roles } = c.var.caller
    return c.json({ kind, name, roles: heldRoles(roles) }, 200)
  })
  .openapi(end, async (c) => {
    const cookies = await c.var.services.sessions.signOut(c.req.raw.headers)
    for (const cookie of cookies) c.header('set-cookie', cookie, { append: true })
    return c.json({ signedOut: true as const }, 200)
  })

async function sessionView({ database }: Services, { personId, token, expiresAt }: NewSession) {
  const person = await findActive(database.db, personId)
  if (!person) throw new Refusal('unauthenticated', 'the session has ended again')
  return { token, expiresAt: iso(expiresAt), person: personView(person) }
}
