import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { DeviceParams } from '../../schema/http/devices.ts'
import {
  LoggerDays,
  LoggerDaysQuery,
  LoggerFileInput,
  LoggerImport,
  LoggerImportParams,
  LoggerImports,
  LoggerImportsQuery,
  LoggerImportWithFile,
  LoggerPreview,
} from '../../schema/http/loggers.ts'
import { listLoggerDays, listLoggerImports, readLoggerImport } from '../stores/logger-imports.ts'
import { reachDevice } from '../usecases/demand.ts'
import { importLogger } from '../usecases/import-logger.ts'
import { previewLogger } from '../usecases/preview-logger.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { loggerDayView, loggerImportView, loggerPreviewView } from './views/loggers.ts'

const tags = ['Loggers']
const missing = problem('No such device')
const refused = problem(
  'The device is revoked or reporting this very moment, or the probe was another before',
)

const preview = createRoute({
  method: 'post',
  path: '/{name}/logger-imports/preview',
  tags,
  summary: 'What would become of the file of a recorded logger',
  ...needs('logger.import'),
  request: { params: DeviceParams, body: body(LoggerFileInput) },
  responses: {
    ...everywhereWithBody,
    200: json(LoggerPreview, 'What would be stored and what rejected'),
    404: missing,
    409: refused,
  },
})

const create = createRoute({
  method: 'post',
  path: '/{name}/logger-imports',
  tags,
  summary: 'Import the file of a recorded logger for a device without a network',
  ...needs('logger.import'),
  request: { params: DeviceParams, body: body(LoggerFileInput) },
  responses: {
    ...everywhereWithBody,
    200: json(LoggerImport, 'The import of this very file, which stands already'),
    201: json(LoggerImport, 'The import'),
    404: missing,
    409: refused,
  },
})

const list = createRoute({
  method: 'get',
  path: '/{name}/logger-imports',
  tags,
  summary: 'The files imported for a device, newest first',
  ...needs('device.read'),
  request: { params: DeviceParams, query: LoggerImportsQuery },
  responses: { ...everywhere, 200: json(LoggerImports, 'A page of imports'), 404: missing },
})

const read = createRoute({
  method: 'get',
  path: '/{name}/logger-imports/{importId}',
  tags,
  summary: 'One import, and the file as it came',
  ...needs('device.read'),
  request: { params: LoggerImportParams },
  responses: {
    ...everywhere,
    200: json(LoggerImportWithFile, 'The import and the file'),
    404: problem('No such device, or no such import of it'),
  },
})

const days = createRoute({
  method: 'get',
  path: '/{name}/logger-days',
  tags,
  summary: 'What loggers kept of days instead of their readings, newest first',
  ...needs('device.read'),
  request: { params: DeviceParams, query: LoggerDaysQuery },
  responses: { ...everywhere, 200: json(LoggerDays, 'A page of days'), 404: missing },
})

export const loggerRoutes = new OpenAPIHono<Env>()
  .openapi(preview, async (c) => {
    const input = { device: c.req.valid('param').name, ...c.req.valid('json') }
    const { report, imported } = await previewLogger(c.var.ctx, input)
    return c.json(loggerPreviewView(report, imported), 200)
  })
  .openapi(create, async (c) => {
    const input = { device: c.req.valid('param').name, ...c.req.valid('json') }
    const { logged, isNew } = await importLogger(c.var.ctx, c.var.services.memory, input)
    return c.json(loggerImportView(logged), isNew ? 201 : 200)
  })
  .openapi(list, async (c) => {
    const { db } = c.var.ctx.database
    const { before, limit } = c.req.valid('query')
    const { id } = await reachDevice(c.var.ctx, db, c.req.valid('param').name, 'device.read')
    const found = await listLoggerImports(db, id, { before, limit: limit + 1 })
    const imports = found.slice(0, limit).map(loggerImportView)
    return c.json({ imports, next: found.length > limit ? (imports.at(-1)?.id ?? null) : null }, 200)
  })
  .openapi(read, async (c) => {
    const { db } = c.var.ctx.database
    const { name, importId } = c.req.valid('param')
    const device = await reachDevice(c.var.ctx, db, name, 'device.read')
    const { file, ...logged } = await readLoggerImport(db, device, importId)
    return c.json({ ...loggerImportView(logged), file: file.toString('base64') }, 200)
  })
  .openapi(days, async (c) => {
    const { db } = c.var.ctx.database
    const { before, limit } = c.req.valid('query')
    const { id } = await reachDevice(c.var.ctx, db, c.req.valid('param').name, 'device.read')
    const found = await listLoggerDays(db, id, { before, limit: limit + 1 })
    const dates = [...new Set(found.map(({ date }) => date))].slice(0, limit)
    const next = found.some(({ date }) => !dates.includes(date)) ? (dates.at(-1) ?? null) : null
    const shown = found.filter(({ date }) => dates.includes(date))
    return c.json({ days: shown.map(loggerDayView), next }, 200)
  })
