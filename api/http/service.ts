import { setTimeout as delay } from 'node:timers/promises'
import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { Health, Readiness } from '../../schema/http/service.ts'
import { Refusal } from '../domain/refusal.ts'
import { countClockFaults } from '../stores/clocks.ts'
import { countDeadReadings } from '../stores/dead-letters.ts'
import { isUpToDate } from '../stores/migrate.ts'
import { isBehind, outboxBacklog } from '../stores/outbox.ts'
import { countRejections } from '../stores/rejections.ts'
import { failureClass } from '../stores/sql-state.ts'
import { json, problem } from './answers.ts'
import type { Env, Services } from './env.ts'

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
    if (!ok && !telemetry.isElsewhere)
      throw new Refusal('unavailable', `the telemetry store, ${telemetry.product}, is not well`)
    const reason = obstacle()
    if (reason !== null) throw new Refusal('unavailable', reason)
    const delayed = telemetry.isElsewhere ? await soon('the database', delayOf(c.var.services, ok)) : null
    const engine = database.kind === 'pglite' ? 'PGlite' : 'Postgres'
    return c.json(
      {
        status: 'ready' as const,
        database: { engine, version: database.version },
        telemetry: {
          product: telemetry.product,
          ...(version === undefined ? {} : { version }),
          ...(delayed === null ? {} : { delayed }),
        },
      },
      200,
    )
  })
  .openapi(metrics, async (c) => {
    const { database, metrics, log, now } = c.var.services
    const gauge = async <T>(what: string, count: Promise<T>) => {
      try {
        return await soon(what, count)
      } catch (error) {
        log.warn({ err: error }, 'a gauge could not be read')
        return undefined
      }
    }
    metrics.rejectedOpen.set(
      (await gauge('the count of rejected messages', countRejections(database.db))) ?? NaN,
    )
    const waiting = await gauge('what waits to be forwarded', outboxBacklog(database.db))
    const { rows, readings, oldestAt } = waiting ?? { rows: NaN, readings: NaN, oldestAt: NaN }
    metrics.telemetryOutboxRows.set(rows)
    metrics.telemetryWaiting.set(readings)
    metrics.telemetryWaitingSeconds.set(oldestAt === null ? 0 : Math.max(0, now() - oldestAt) / 1_000)
    metrics.telemetryDead.set(
      (await gauge('the count of dead letters', countDeadReadings(database.db))) ?? NaN,
    )
    metrics.clockFaults.set((await gauge('the count of clock faults', countClockFaults(database.db))) ?? NaN)
    return c.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType })
  })

/** Why charts lack what came last; null where they do not. */
async function delayOf({ database, telemetry, telemetryTrouble, now }: Services, isWell: boolean) {
  const trouble = telemetryTrouble()
  if (trouble !== null) return trouble
  if (!isWell) return `${telemetry.product} does not answer`
  return (await isBehind(database.db, now())) ? `readings wait for ${telemetry.product}` : null
}

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
