import { createMiddleware } from 'hono/factory'
import { Signing } from '../../schema/http/signatures.ts'
import { createSealer } from '../stores/signatures.ts'
import { demandSomebody } from '../usecases/demand.ts'
import { proveSigner } from '../usecases/sign.ts'
import type { Env, Services } from './env.ts'

/** What may be signed. */
export const signedPaths = [
  '/bags/:bagId/release',
  '/bags/:bagId/issue',
  '/bags/:bagId/discard',
  '/bags/:bagId/holds/:holdId/lift',
  '/take-outs',
  '/recalls',
  '/donations/:din/recall',
] as const

/**
 * Whoever signs proves who they are before the transaction of an `Idempotency-Key` begins: a wrong secret is counted though
 * the rest is undone, and the same request sent again is asked for it again. From here on nobody knows the secret.
 */
export function proveSigners(services: Services) {
  const sealer = createSealer(services.adminKey)
  return createMiddleware<Env>(async (c, next) => {
    const claims = c.req.method === 'POST' ? claimsIn(await c.req.arrayBuffer()) : null
    if (claims) {
      const { ctx } = c.var
      demandSomebody(ctx, 'it is signed')
      const signer = claims.signature ? await proveSigner(ctx, claims.signature) : null
      const witness = claims.witnessSignature ? await proveSigner(ctx, claims.witnessSignature) : null
      c.set('ctx', { ...ctx, signing: { sealer, signer, witness } })
    }
    await next()
  })
}

/** What is not as described the route refuses, in its own words. */
function claimsIn(body: ArrayBuffer) {
  const text = Buffer.from(body).toString()
  if (!/"(s|witnessS)ignature"/.test(text)) return null
  try {
    const { data } = Signing.safeParse(JSON.parse(text))
    return data?.signature || data?.witnessSignature ? data : null
  } catch {
    return null
  }
}
