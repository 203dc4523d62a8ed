import { setTimeout as delay } from 'node:timers/promises'
import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { Health, Readiness } from '../../schema/http/service.ts'
import { Refusal } from '../domain/refusal.ts'
import { countClockFaults } from '../stores/clocks.ts'
import { isUpToDate } from '../stores/migrate.ts'
import { countRejections } from '../stores/rejections.ts'
import { failureClass } from '../stores/sql-state.ts'
import { json, problem } from './answers.ts'
import type { Env } from './env.ts'

const tags = ['Service']
const open = { security: [] }

const health = createRoute({
  ...open,
  method: 'get',
  path: '/health',
  tags,
  summary: 'Is the process alive?',
  responses: { 200: json(Health, 'It is') },
})

const ready = createRoute({
  ...open,
  method: 'get',
  path: '/ready',
  tags,
  summary: 'Can it do its work, and with what?',
  responses: { 200: json(Readiness, 'It can'), 503: problem('It cannot, and why') },
})

const metrics = createRoute({
  ...open,
  method: 'get',
  path: '/metrics',
  tags,
  summary: 'Counters and gauges for Prometheus',
  responses: {
    200: {
      content: { 'text/plain': { schema: z.string().meta({ id: 'Metrics' }) } },
      description: 'The metrics',
    },
  },
})

/** Whoever asks how we are must not wait for a database that does not answer. */
const patienceMs = 3_000

export const serviceRoutes = new OpenAPIHono<Env>()
  .openapi(health, (c) => c.json({ status: 'alive' as const }, 200))
  .openapi(ready, async (c) => {
    const { database, telemetry, obstacle } = c.var.services
    if (!(await soon('the database', isUpToDate(database.pool)))) {
      throw new Refusal('unavailable', 'the database is not migrated to this version')
    }
    const { ok, version } = await soon('the telemetry store', telemetry.health())
    if (!ok) throw new Refusal('unavailable', `the telemetry store, ${telemetry.product}, is not well`)
    const reason = obstacle()
    if (reason !== null) throw new Refusal('unavailable', reason)
    const engine = database.kind === 'pglite' ? 'PGlite' : 'Postgres'
    return c.json(
      {
        status: 'ready' as const,
        database: { engine, version: database.version },
        telemetry: { product: telemetry.product, ...(version === undefined ? {} : { version }) },
      },
      200,
    )
  })
  .openapi(metrics, async (c) => {
    const { database, metrics, log } = c.var.services
    const gauge = async (what: string, count: Promise<number>) => {
      try {
        return await soon(what, count)
      } catch (error) {
        log.warn({ err: error }, 'a gauge could not be read')
        return Number.NaN
      }
    }
    metrics.rejectedOpen.set(await gauge('the count of rejected messages', countRejections(database.db)))
    metrics.clockFaults.set(await gauge('the count of clock faults', countClockFaults(database.db)))
    return c.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType })
  })

async function soon<T>(what: string, answer: Promise<T>): Promise<T> {
  const patience = new AbortController()
  const late = delay(patienceMs, undefined, { signal: patience.signal, ref: false }).then(() => {
    throw new Refusal('unavailable', `${what} does not answer within ${patienceMs / 1_000} s`)
  })
  try {
    return await Promise.race([answer, late])
  } catch (error) {
    throw failureClass(error) === 'away' ? new Refusal('unavailable', `${what} is away`) : error
  } finally {
    patience.abort()
  }
}
