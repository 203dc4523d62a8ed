import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context as Request } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { Refusal } from '../domain/refusal.ts'
import { createAnsweredRequests, type KeyedRequest } from '../stores/answered-requests.ts'
import type { Env, Services } from './env.ts'

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>

const header = 'Idempotency-Key'

/** Thrown to undo everything a request did; it has its answer already. */
const undone = new Error('the answer is not kept, so nothing of the request stands')

/**
 * The same POST with the same `Idempotency-Key` gets the same answer for 24 h, and is done once. What it does and what
 * it is answered are committed together, and only then does the answer leave: whoever lost it asks again. Rights are
 * not asked then, so the answer is for a caller who holds all the roles it was first given to.
 *
 * Behind this every use case runs inside one transaction, so it must use `ctx.database.db` for all it reads and writes:
 * what goes past it does not see what was just written, and on PGlite waits for itself.
 */
export function answerOnce({ adminKey }: Services) {
  const answers = createAnsweredRequests(adminKey)
  return createMiddleware<Env>(async (c, next) => {
    const key = c.req.header(header)
    if (c.req.method !== 'POST' || key === undefined) return next()
    if (!/^[\x20-\x7e]{1,200}$/.test(key))
      throw new Refusal('invalid_request', `${header}: must be 1 to 200 printable ASCII characters`)
    const { ctx } = c.var
    const { database, now } = ctx
    // Read before the transaction begins: who sends slowly holds no connection.
    const request = await keyedRequest(c, key)
    const earlier = await database.db
      .transaction(async (tx) => {
        const found = await answers.claim(tx, request, now())
        if (found) return found
        c.set('ctx', { ...ctx, database: { ...database, db: tx } })
        await next()
        if (!isDecided(c)) throw undone
        const contentType = c.res.headers.get('content-type') ?? ''
        await answers.keep(tx, request, {
          status: c.res.status,
          contentType,
          body: await c.res.clone().text(),
        })
        return null
      })
      .catch((error) => {
        if (error !== undone) throw error
        return null
      })
    if (!earlier) return
    return c.body(earlier.body, earlier.status as ContentfulStatusCode, {
      'content-type': earlier.contentType,
      'idempotency-replayed': 'true',
    })
  })
}

async function keyedRequest(c: Request<Env>, key: string): Promise<KeyedRequest> {
  const { pathname, search } = new URL(c.req.url)
  const body = await c.req.arrayBuffer().catch(() => {
    throw new Refusal('invalid_request', 'the body did not arrive whole')
  })
  return {
    actor: c.var.ctx.actor,
    grants: c.var.ctx.grants,
    key,
    target: `${c.req.method} ${pathname}${search}`,
    body: new Uint8Array(body),
  }
}

/** Who may not ask now may later, and what is mended may be sent again with its key: neither answer is kept. */
const passing = new Set([401, 403, 429])

/** Is this what the use case decided, once and for all? Neither what came to no use case, nor an outage or a bug, is. */
function isDecided({ error, res }: Request<Env>): boolean {
  if (!error) return res.ok
  return error instanceof Refusal && res.status < 500 && !passing.has(res.status)
}

const parameter = {
  name: header,
  in: 'header' as const,
  required: false,
  description:
    'Names this request for 24 h: the same key and body from the same caller get the same answer, marked ' +
    '`Idempotency-Replayed: true`, and it is done once. A refusal is an answer too: to try anew, send another key. ' +
    'A request that is not as described, or that failed with 401, 403, 429 or 5xx, leaves its key unused. ' +
    'Who has lost a role since is told nothing of the answer, but 403 `forbidden`; who gained one is answered.',
  schema: { type: 'string' as const, minLength: 1, maxLength: 200 },
}

const reused = {
  description: 'The Idempotency-Key was sent with another request before',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

/** Tell of the key at every POST that takes one: all but signing in, where twice is two sessions. */
export function describeKeys(document: Document): Document {
  for (const [path, { post }] of Object.entries(document.paths ?? {})) {
    if (!post || path.startsWith('/session')) continue
    post.parameters = [...(post.parameters ?? []), parameter]
    post.responses = { ...post.responses, 422: reused }
  }
  return document
}
