import { createMiddleware } from 'hono/factory'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { hashSecret, isSameHash } from '../stores/secrets.ts'
import type { Env, Services } from './env.ts'

/** Let in whoever shows the administrator's key. Hashes are compared, so that time tells nothing, not even its length. */
export function admitAdministrator({ adminKey, ...deps }: Services) {
  const expected = hashSecret(adminKey)
  const ctx: Context = { ...deps, actor: { kind: 'person', id: 'administrator' } }
  return createMiddleware<Env>(async (c, next) => {
    const [, key] = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (key === undefined) {
      throw new Refusal('unauthenticated', 'send the key: Authorization: Bearer <administrator key>')
    }
    if (!isSameHash(hashSecret(key), expected)) throw new Refusal('unauthenticated', 'the key is wrong')
    c.set('ctx', ctx)
    await next()
  })
}
