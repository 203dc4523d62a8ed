import type { Context as Request } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Deps } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import { everywhere, type Right, reachOf } from '../domain/rights.ts'
import { apiKeyByHash, apiKeyPrefix } from '../stores/api-keys.ts'
import { lookUpDevices } from '../stores/devices.ts'
import { grantsOf, type HeldRole, type SignedIn } from '../stores/people.ts'
import { hashSecret, isSameHash } from '../stores/secrets.ts'
import { bearerOf } from '../stores/sessions.ts'
import { authenticateDevice } from '../usecases/authenticate-device.ts'
import type { Env, Services } from './env.ts'

/** Who asks. */
export type Caller = {
  readonly kind: 'person' | 'integration'
  readonly id: string
  /** A username, or the name of a key. */
  readonly name: string
  readonly roles: readonly HeldRole[]
}

/** Let in who is known: by the configured key, by an API key, or by a session that a bearer token or a cookie shows. */
export function admit(services: Services) {
  const deps = depsOf(services)
  return createMiddleware<Env>(async (c, next) => {
    // Who scans is known already (scan-ahead.ts).
    if (!c.get('caller')) letIn(c, deps, await callerOf(services, c.req.raw.headers))
    await next()
  })
}

/** What a use case may know of the service. */
export function depsOf({ database, telemetry, now, log, metrics, planTransfers, travel }: Services): Deps {
  return { database, telemetry, now, log, metrics, planTransfers, travel }
}

/** From here on it is known who asks. */
export function letIn(c: Request<Env>, deps: Deps, caller: Caller): void {
  const { kind, id } = caller
  c.set('ctx', { ...deps, actor: { kind, id }, grants: grantsOf(caller) })
  c.set('caller', caller)
}

/**
 * At the few doors that are a terminal's own: let it in as its device, by the secret it connects with (Basic). There, and
 * only there, it may do what a nurse may where it stands. Whoever comes otherwise is left to `admit`.
 */
export function admitTerminal(services: Services) {
  const deps = depsOf(services)
  return createMiddleware<Env>(async (c, next) => {
    const given = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (given === undefined) return next()
    const [name = '', secret = ''] = Buffer.from(given, 'base64').toString().split(/:(.*)/s)
    const now = services.now()
    const device = (await lookUpDevices(services.database.db, [name])).get(name)
    if (!device || !authenticateDevice(device, Buffer.from(secret), now))
      throw new Refusal('unauthenticated', 'the device or its secret is wrong')
    const { facility, facilityId } = inForce(device.placements, now)
    letIn(c, deps, {
      ...{ kind: 'integration', id: name, name },
      roles: [{ role: 'nurse', facility, facilityId }],
    })
    c.set('ctx', { ...c.var.ctx, actor: { kind: 'device', id: name } })
    return next()
  })
}

/** @throws Refusal `unauthenticated` */
export async function callerOf(
  { database: { db }, sessions, adminKey }: Services,
  headers: Headers,
): Promise<Caller> {
  const token = bearerOf(headers)
  if (token !== undefined) {
    const hash = hashSecret(token)
    // Hashes are compared, so that time tells nothing, not even its length.
    if (isSameHash(hash, hashSecret(adminKey)))
      return {
        kind: 'integration',
        id: 'configured-key',
        name: 'configured-key',
        roles: everywhere.map((held) => ({ ...held, facility: null })),
      }
    if (token.startsWith(apiKeyPrefix)) {
      const key = await apiKeyByHash(db, hash)
      if (!key) throw new Refusal('unauthenticated', 'the key is wrong')
      const { name, role, facilityId, facility } = key
      return { kind: 'integration', id: name, name, roles: [{ role, facilityId, facility }] }
    }
  } else if (!headers.has('cookie')) {
    throw new Refusal('unauthenticated', 'say who asks: Authorization: Bearer <session token or key>')
  }
  const person = await sessions.personOf(headers)
  if (!person)
    throw new Refusal('unauthenticated', 'the key is wrong, or the session has ended: sign in again')
  return callerOfSession(person)
}

export const callerOfSession = ({ id, username, roles }: SignedIn): Caller => ({
  kind: 'person',
  id,
  name: username,
  roles,
})

/** Only for whoever holds a right somewhere. Where it is that they hold it, the use case asks. */
export function needs(right: Right) {
  const middleware = createMiddleware<Env>(async (c, next) => {
    const reach = reachOf(c.var.ctx.grants, right)
    if (reach !== 'all' && reach.size === 0)
      throw new Refusal('forbidden', `none of your roles allows ${right}`)
    await next()
  })
  return { middleware, 'x-right': right } as const
}
