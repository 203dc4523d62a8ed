import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { DeviceParams } from '../../schema/http/devices.ts'
import { DeviceOutlook } from '../../schema/http/outlook.ts'
import {
  Excursions,
  FindingsQuery,
  Gaps,
  Readings,
  ReadingsQuery,
  Telemetry,
  TelemetryQuery,
} from '../../schema/http/series.ts'
import { Refusal } from '../domain/refusal.ts'
import { reachDevice } from '../usecases/demand.ts'
import { readOutlook } from '../usecases/read-outlook.ts'
import { readExcursions, readGaps, readPage, readWindow } from '../usecases/read-series.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { celsius, iso, isoOrNull } from './units.ts'
import { outlookView } from './views/outlook.ts'
import { bucketView, excursionView, gapView, rangeOf, totalOf } from './views/series.ts'

const tags = ['Cold chain']
const missing = problem('No such device')
const away = problem('The database or the telemetry store is away: try again')

/** More points than any screen or person can use. */
const mostBuckets = 10_000

const telemetry = createRoute({
  method: 'get',
  path: '/{name}/telemetry',
  tags,
  summary: 'Temperatures of a probe in buckets, and the gaps between them',
  ...needs('device.read'),
  request: { params: DeviceParams, query: TelemetryQuery },
  responses: { ...everywhere, 200: json(Telemetry, 'Buckets and gaps'), 404: missing, 503: away },
})

const readings = createRoute({
  method: 'get',
  path: '/{name}/readings',
  tags,
  summary: 'Single readings of a probe, by event time',
  ...needs('device.read'),
  request: { params: DeviceParams, query: ReadingsQuery },
  responses: { ...everywhere, 200: json(Readings, 'The readings'), 404: missing, 503: away },
})

const excursions = createRoute({
  method: 'get',
  path: '/{name}/excursions',
  tags,
  summary: "When a probe was outside its device's limits",
  ...needs('device.read'),
  request: { params: DeviceParams, query: FindingsQuery },
  responses: {
    ...everywhere,
    200: json(Excursions, 'A page of the excursions that touch the range'),
    404: missing,
  },
})

const gaps = createRoute({
  method: 'get',
  path: '/{name}/gaps',
  tags,
  summary: 'When nothing is known of a probe',
  ...needs('device.read'),
  request: { params: DeviceParams, query: FindingsQuery },
  responses: { ...everywhere, 200: json(Gaps, 'A page of the gaps that touch the range'), 404: missing },
})

const outlook = createRoute({
  method: 'get',
  path: '/{name}/outlook',
  tags,
  summary: 'When its probes will leave their limits, if all goes on as it does',
  ...needs('device.read'),
  request: { params: DeviceParams },
  responses: { ...everywhere, 200: json(DeviceOutlook, 'What is to be expected'), 404: missing },
})

export const seriesRoutes = new OpenAPIHono<Env>()
  .openapi(telemetry, async (c) => {
    await reachDevice(c.var.ctx, c.var.ctx.database.db, c.req.valid('param').name, 'device.read')
    const device = c.req.valid('param').name
    const { probe, everySeconds, ...range } = c.req.valid('query')
    const { from, to } = rangeOf(range, c.var.ctx.now())
    const everyMs = everySeconds * 1_000
    if ((to - from) / everyMs > mostBuckets) {
      throw new Refusal(
        'invalid_request',
        `everySeconds: makes more than ${mostBuckets} buckets of this range`,
      )
    }
    const window = await readWindow(c.var.ctx, { device, probe, from, to, everyMs })
    return c.json(
      {
        device,
        probe,
        from: iso(from),
        to: iso(to),
        asOf: iso(window.asOf),
        everySeconds,
        buckets: window.buckets.map(bucketView),
        gaps: window.gaps.map(gapView),
        delayed: window.delayed,
      },
      200,
    )
  })
  .openapi(readings, async (c) => {
    await reachDevice(c.var.ctx, c.var.ctx.database.db, c.req.valid('param').name, 'device.read')
    const device = c.req.valid('param').name
    const { probe, limit, ...range } = c.req.valid('query')
    const { from, to } = rangeOf(range, c.var.ctx.now())
    const page = await readPage(c.var.ctx, { device, probe, from, to, limit })
    return c.json(
      {
        device,
        probe,
        from: iso(from),
        to: iso(to),
        readings: page.readings.map(({ at, centi }) => ({ at: iso(at), celsius: celsius(centi) })),
        next: isoOrNull(page.next),
        delayed: page.delayed,
      },
      200,
    )
  })
  .openapi(excursions, async (c) => {
    await reachDevice(c.var.ctx, c.var.ctx.database.db, c.req.valid('param').name, 'device.read')
    const device = c.req.valid('param').name
    const query = c.req.valid('query')
    const { from, to, asOf, excursions, next } = await readExcursions(c.var.ctx, { device, ...query })
    return c.json(
      {
        device,
        probe: query.probe,
        from: iso(from),
        to: iso(to),
        asOf: iso(asOf),
        excursions: excursions.map((excursion) => excursionView(excursion, asOf)),
        total: totalOf(
          excursions.map(({ from, to }) => ({ from, to, open: to === null })),
          asOf,
        ),
        next: isoOrNull(next),
      },
      200,
    )
  })
  .openapi(gaps, async (c) => {
    await reachDevice(c.var.ctx, c.var.ctx.database.db, c.req.valid('param').name, 'device.read')
    const device = c.req.valid('param').name
    const query = c.req.valid('query')
    const { from, to, asOf, gaps, next } = await readGaps(c.var.ctx, { device, ...query })
    return c.json(
      {
        device,
        probe: query.probe,
        from: iso(from),
        to: iso(to),
        asOf: iso(asOf),
        gaps: gaps.map(gapView),
        total: totalOf(gaps, asOf),
        next: isoOrNull(next),
      },
      200,
    )
  })
  .openapi(outlook, async (c) => {
    const { ctx } = c.var
    const { name } = c.req.valid('param')
    const device = await reachDevice(ctx, ctx.database.db, name, 'device.read')
    const { asOf, probes } = await readOutlook(ctx, device)
    return c.json(
      {
        device: name,
        asOf: iso(asOf),
        probes: probes.map(({ probe, at, centi, low, high, outlook }) => ({
          probe,
          at: iso(at),
          celsius: celsius(centi),
          low: celsius(low),
          high: celsius(high),
          outlook: outlookView(outlook),
        })),
      },
      200,
    )
  })
