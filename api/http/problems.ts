import type { Context as Request } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { Problem } from '../../schema/http/problems.ts'
import { type Issue, Refusal, type RefusalCode, refusalCodes } from '../domain/refusal.ts'
import { failureClass } from '../stores/sql-state.ts'
import type { Env } from './env.ts'

type Answer = { readonly status: ContentfulStatusCode; readonly title: string }

/** Which status a refusal has is known here alone: a new refusal does not compile until it has an answer. */
const answers: Record<RefusalCode | 'internal_error', Answer> = {
  invalid_request: { status: 400, title: 'The request is not as described' },
  invalid_din: { status: 400, title: 'Not a donation identification number' },
  invalid_barcode: { status: 400, title: 'Not a barcode that can be read' },
  unauthenticated: { status: 401, title: 'Nobody the service knows' },
  locked_out: { status: 429, title: 'Locked out for a while' },
  forbidden: { status: 403, title: 'Your roles do not allow it' },
  not_found: { status: 404, title: 'No such thing' },
  method_not_allowed: { status: 405, title: 'Not a method of this path' },
  already_exists: { status: 409, title: 'It exists already' },
  conflict: { status: 409, title: 'Something else was first' },
  held: { status: 409, title: 'The bag is held' },
  expired: { status: 409, title: 'The bag has expired' },
  session_over: { status: 409, title: 'The door session is over' },
  reserved: { status: 409, title: 'The bag is reserved' },
  incompatible: { status: 409, title: 'The group does not fit' },
  not_tested: { status: 409, title: 'Not everything is known of the donation' },
  second_person: { status: 403, title: 'That takes another person' },
  signature_required: { status: 403, title: 'That takes a signature' },
  signature_wrong: { status: 403, title: 'The signature is not theirs' },
  person_required: { status: 403, title: 'That takes a person' },
  unverified: { status: 409, title: 'Not all of it is verified' },
  breached: { status: 409, title: 'The bag was kept too warm or too cold' },
  special_label: { status: 409, title: 'The bag is labelled for a special use' },
  no_return: { status: 409, title: 'What was issued does not come back' },
  illegal_move: { status: 409, title: 'Not in this state' },
  not_in_catalogue: { status: 409, title: 'The catalogue does not allow it' },
  tag_in_use: { status: 409, title: 'The tag is on another bag' },
  device_revoked: { status: 409, title: 'The device is revoked' },
  key_reused: { status: 422, title: 'The key was another request’s' },
  too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'Not a media type this path understands' },
  internal_error: { status: 500, title: 'The service is at fault' },
  unavailable: { status: 503, title: 'Not now' },
}

type Code = keyof typeof answers

const headers: Partial<Record<Code, Record<string, string>>> = {
  unauthenticated: { 'www-authenticate': 'Bearer realm="hemotrail"' },
  unavailable: { 'retry-after': '5' },
}

/** What Hono itself refuses: JSON that cannot be read, another media type. */
const hono: Partial<Record<number, Code>> = { 400: 'invalid_request', 415: 'unsupported_media_type' }

export const ProblemBody = Problem.extend({ code: z.enum([...refusalCodes, 'internal_error']) }).meta({
  id: 'Problem',
  description: 'RFC 9457: why a request was not done. Programs go by `code`, people by `detail`.',
})

/** The last resort of every route: a Refusal is told, an outage is named, a bug is logged and not told. */
export function onError(error: Error, c: Request<Env>): Response {
  if (error instanceof Refusal) return refuse(c, error.code, error.message, error.issues)
  if (error instanceof HTTPException) {
    const code = hono[error.status]
    if (code) return refuse(c, code, error.message)
  }
  const { log } = c.var.services
  const { requestId } = c.var
  const failure = failureClass(error)
  if (failure === 'away' || failure === 'retry') {
    log.warn({ err: error, requestId }, 'the database is away')
    return refuse(c, 'unavailable', 'the database is away or busy: look whether it was done, then try again')
  }
  log.error({ err: error, requestId }, 'request failed')
  return refuse(c, 'internal_error', `nothing more can be said here: the log tells of request ${requestId}`)
}

export function onUnknownRoute(c: Request<Env>): Response {
  return refuse(c, 'not_found', `there is no ${c.req.method} ${c.req.path}`)
}

/** The path of a route, asked with a method it does not have. */
export function onWrongMethod(c: Request<Env>, methods: readonly string[]): Response {
  const { method, path } = c.req
  const allow = methods.join(', ')
  const response = refuse(c, 'method_not_allowed', `there is no ${method} ${path}, only ${allow}`)
  response.headers.set('allow', allow)
  return response
}

const places = {
  json: 'body',
  query: 'query',
  param: 'path',
  header: 'header',
  form: 'form',
  cookie: 'cookie',
}

type Validated = { readonly target: keyof typeof places } & (
  | { readonly success: true }
  | { readonly success: false; readonly error: z.core.$ZodError }
)

/** Called with what zod made of each part of a request; no answer means go on. */
export function onValidated(result: Validated, c: Request<Env>): Response | undefined {
  if (result.success) return undefined
  const issues = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
  const first = issues[0]
  const detail = first?.path ? `${first.path}: ${first.message}` : first?.message
  return refuse(c, 'invalid_request', `the ${places[result.target]} is not as described: ${detail}`, issues)
}

function refuse(c: Request<Env>, code: Code, detail: string, issues?: readonly Issue[]): Response {
  const { status, title } = answers[code]
  const problem: Problem = {
    type: `urn:hemotrail:problem:${code}`,
    title,
    status,
    detail,
    code,
    requestId: c.var.requestId,
    ...(issues ? { issues: [...issues] } : {}),
  }
  return c.body(JSON.stringify(problem), status, {
    'content-type': 'application/problem+json',
    ...headers[code],
  })
}
