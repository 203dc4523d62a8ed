import { createMiddleware } from 'hono/factory'
import { ScanInput, TakeOutParams } from '../../schema/http/life.ts'
import { Refusal } from '../domain/refusal.ts'
import { readAhead } from '../usecases/scan-bag.ts'
import { callerOfSession, depsOf, letIn } from './admission.ts'
import type { Env, Services } from './env.ts'

/**
 * A scan by somebody who has signed in at a terminal: who it is and what it is decided by are asked in one statement.
 * Whatever else comes is left to `admit` and the routes behind it, which refuse it where it is to be refused.
 */
export function scanAhead(services: Services) {
  const deps = depsOf(services)
  return createMiddleware<Env>(async (c, next) => {
    // What is answered once by its key is read in its transaction.
    const isPlain = c.req.method === 'POST' && c.req.header('idempotency-key') === undefined
    const shown = isPlain ? services.sessions.shownBy(c.req.raw.headers) : null
    if (!shown) return next()
    const params = TakeOutParams.safeParse(c.req.param())
    const input = ScanInput.safeParse(await c.req.json().catch(() => undefined))
    if (!params.success || !input.success) return next()
    const read = await readAhead(services, { ...params.data, ...input.data }, shown).catch((error) => {
      if (error instanceof Refusal) return null
      throw error
    })
    if (read?.who) {
      letIn(c, deps, callerOfSession(read.who))
      c.set('ahead', read.ahead)
    }
    return next()
  })
}
