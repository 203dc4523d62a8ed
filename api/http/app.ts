import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import packageJson from '../../package.json' with { type: 'json' }
import { maxFileBytes } from '../../schema/http/imports.ts'
import { Refusal } from '../domain/refusal.ts'
import { admit, admitTerminal } from './admission.ts'
import { alarmTestRoutes } from './alarm-tests.ts'
import { alarmRoutes } from './alarms.ts'
import { apiKeyRoutes } from './api-keys.ts'
import { bagRoutes } from './bags.ts'
import { barcodeProfileRoutes } from './barcode-profiles.ts'
import { boxRoutes } from './boxes.ts'
import { clockRoutes } from './clocks.ts'
import { commandRoutes } from './commands.ts'
import { crossmatchRoutes } from './crossmatches.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { defrostRoutes } from './defrosts.ts'
import { deviceRoutes } from './devices.ts'
import { docsPage } from './docs.ts'
import { donationRoutes } from './donations.ts'
import { endRoutes } from './ends.ts'
import type { Env, Services } from './env.ts'
import { equipmentRoutes } from './equipment.ts'
import { exportRoutes } from './exports.ts'
import { facilityRoutes } from './facilities.ts'
import { hl7Routes } from './hl7.ts'
import { answerOnce, describeKeys } from './idempotency.ts'
import { importRoutes } from './imports.ts'
import { issueRoutes } from './issues.ts'
import { ledgerRoutes } from './ledgers.ts'
import { lifeRoutes, modificationRoutes } from './life.ts'
import { loggerRoutes } from './loggers.ts'
import { newsRoutes } from './news.ts'
import { listKeyRoutes, offlineRoutes, terminalDoors } from './offline.ts'
import { orderRoutes, patientOrderRoutes } from './orders.ts'
import { patientRecordRoutes, traitRoutes } from './patient-records.ts'
import { patientRoutes } from './patients.ts'
import { peopleRoutes } from './people.ts'
import { policyRoutes } from './policies.ts'
import { onError, onUnknownRoute, onValidated, onWrongMethod } from './problems.ts'
import { productRoutes } from './products.ts'
import { recallRoutes } from './recalls.ts'
import { rejectedMessageRoutes } from './rejected-messages.ts'
import { rejudgementRoutes } from './rejudgements.ts'
import { rosterRoutes } from './rosters.ts'
import { rotationRoutes } from './rotations.ts'
import { scanAhead } from './scan-ahead.ts'
import { sequenceHoleRoutes } from './sequence-holes.ts'
import { seriesRoutes } from './series.ts'
import { serviceRoutes } from './service.ts'
import { doorRoutes, openIdRoutes, sessionRoutes } from './sessions.ts'
import { signatureRoutes } from './signatures.ts'
import { proveSigners, signedPaths } from './signing.ts'
import { stockRoutes } from './stock.ts'
import { tagRoutes } from './tags.ts'
import { takeOutRuleRoutes } from './take-out-rules.ts'
import { takeOutRoutes } from './take-outs.ts'
import { taskRoutes } from './tasks.ts'
import { completenessRoutes } from './trace-completeness.ts'
import { facilityTransferRoutes, transferRoutes } from './transfers.ts'
import { webhookRoutes } from './webhooks.ts'

export type { Services } from './env.ts'

const maxBodyBytes = 1_048_576

/** On every answer but where a route says otherwise (OWASP REST Security Cheat Sheet, Security Headers). */
const secureHeaders = [
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['strict-transport-security', 'max-age=15552000'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
] as const

/** The HTTP door. What is mounted before `admit` is open to all; what comes after it is for who is known. */
export function createHttp(services: Services): OpenAPIHono<Env> {
  const app = newApp(services)
  app.route('/', serviceRoutes)

  app.use(logRequest)
  app.use(limitBodies)
  app.route('/session', doorRoutes)
  if (services.sessions.openId) app.route('/auth', openIdRoutes(services.sessions.openId))
  app.use('/take-outs/:takeOutId/scans', scanAhead(services))
  for (const door of terminalDoors) app.use(`/devices/:name/${door}`, admitTerminal(services))
  app.use(admit(services))
  app.use('/imports/*', limitFiles)
  app.use(methodNotAllowed({ app, onMethodNotAllowed: onWrongMethod }))
  app.route('/session', sessionRoutes)
  app.use(nudgeNews)
  for (const path of signedPaths) app.use(path, proveSigners(services))
  app.use(answerOnce(services))
  app.route('/people', peopleRoutes)
  app.route('/api-keys', apiKeyRoutes)
  app.route('/facilities', facilityRoutes)
  app.route('/devices', deviceRoutes)
  app.route('/devices', commandRoutes)
  app.route('/devices', clockRoutes)
  app.route('/devices', defrostRoutes)
  app.route('/devices', alarmTestRoutes)
  app.route('/devices', seriesRoutes)
  app.route('/devices', loggerRoutes)
  app.route('/devices', equipmentRoutes)
  app.route('/devices', sequenceHoleRoutes)
  app.route('/devices', offlineRoutes)
  app.route('/list-keys', listKeyRoutes)
  app.route('/bags', bagRoutes)
  app.route('/bags', lifeRoutes)
  app.route('/bags', issueRoutes)
  app.route('/bags', endRoutes)
  app.route('/', ledgerRoutes)
  app.route('/', recallRoutes)
  app.route('/donations', donationRoutes)
  app.route('/imports', importRoutes)
  app.route('/exports', exportRoutes)
  app.route('/take-outs', takeOutRoutes)
  app.route('/alarms', alarmRoutes)
  app.route('/tasks', taskRoutes)
  app.route('/stock', stockRoutes)
  app.route('/facilities', barcodeProfileRoutes)
  app.route('/boxes', boxRoutes)
  app.route('/trace-completeness', completenessRoutes)
  app.route('/facilities', patientRoutes)
  app.route('/facilities', patientRecordRoutes)
  app.route('/facilities', patientOrderRoutes)
  app.route('/orders', orderRoutes)
  app.route('/facilities', facilityTransferRoutes)
  app.route('/', transferRoutes)
  app.route('/rotation-proposals', rotationRoutes)
  app.route('/', hl7Routes)
  app.route('/bags', traitRoutes)
  app.route('/bags', crossmatchRoutes)
  app.route('/facilities', takeOutRuleRoutes)
  app.route('/facilities', rosterRoutes)
  app.route('/', signatureRoutes)
  app.route('/tags', tagRoutes)
  app.route('/rejected-messages', rejectedMessageRoutes)
  app.route('/telemetry/dead-letters', deadLetterRoutes)
  app.route('/policies', policyRoutes)
  app.route('/policies/rejudgements', rejudgementRoutes)
  app.route('/products', productRoutes)
  app.route('/modifications', modificationRoutes)
  app.route('/news', newsRoutes)
  app.route('/webhooks', webhookRoutes)
  return app
}

/** Everything that holds for every route, said once. */
function newApp(services: Services): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>({ defaultHook: onValidated })
  app.onError(onError)
  app.notFound(onUnknownRoute)
  app.use(requestId({ limitLength: 64 }))
  app.use(async (c, next) => {
    c.set('services', services)
    await next()
  })
  app.use((c, next) => {
    // Before the answer is made: one that stands already is made anew for each header.
    for (const [name, value] of secureHeaders) c.header(name, value)
    return next()
  })

  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'the token of a session, an API key, or HEMOTRAIL_ADMIN_KEY of the service',
  })
  let description: object | undefined
  app.get('/openapi.json', (c) => {
    // Made once, at the first asking: it takes long enough to hold up devices.
    description ??= describeKeys(app.getOpenAPI31Document(about))
    return c.json(description)
  })
  app.get('/', (c) => c.redirect('docs'))
  app.route('/docs', docsPage)
  return app
}

const about = {
  openapi: '3.1.0',
  info: {
    title: 'Hemotrail',
    version: packageJson.version,
    description: `${packageJson.description}. Instants are UTC, temperatures degrees Celsius, intervals [from, to).`,
  },
  security: [{ bearer: [] }],
}

/** A body that says how long it is need not be counted, which would cost more than the rest of the way in. */
function limitBody(maxBytes: number) {
  const refuse = () => {
    throw new Refusal('too_large', `a request body may have ${maxBytes} bytes`)
  }
  const count = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return createMiddleware<Env>((c, next) => {
    const length = c.req.header('content-length')
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) return count(c, next)
    return Number(length) > maxBytes ? refuse() : next()
  })
}

/** Long files are for who is known: they are counted once that is clear. */
const limitFiles = limitBody(maxFileBytes)
const limitOthers = limitBody(maxBodyBytes)
const limitBodies = createMiddleware<Env>((c, next) =>
  c.req.path.startsWith('/imports/') ? next() : limitOthers(c, next),
)

/** What has been written may be news; it is committed by now. */
const nudgeNews = createMiddleware<Env>(async (c, next) => {
  await next()
  if (c.req.method !== 'GET' && c.res.ok) c.var.services.news.nudge()
})

const logRequest = createMiddleware<Env>(async (c, next) => {
  const began = performance.now()
  await next()
  const { method, path } = c.req
  const ms = Math.round(performance.now() - began)
  c.var.services.log.info({ requestId: c.var.requestId, method, path, status: c.res.status, ms }, 'request')
})
