import type { Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type Broker, type BrokerEvent, startBroker } from '../broker/broker.ts'
import { createAdmission } from './admitted.ts'
import type { Config } from './config.ts'
import type { Deps, Log } from './context.ts'
import { createDispatch } from './dispatch.ts'
import { createHttp } from './http/app.ts'
import { startCatchingRecalls } from './jobs/catch-recalls.ts'
import { startDeliveries } from './jobs/deliver-webhooks.ts'
import { startFindingHoles } from './jobs/find-holes.ts'
import { startForwarding } from './jobs/forward-telemetry.ts'
import { startHeartbeat } from './jobs/heartbeat.ts'
import { startJudging } from './jobs/judge-bags.ts'
import { keepConfigured } from './jobs/keep-configured.ts'
import { startNoticingExpiry } from './jobs/notice-expired.ts'
import { startOfferingLists } from './jobs/offer-lists.ts'
import { startPacking } from './jobs/pack-hours.ts'
import { startProposingRotations } from './jobs/propose-rotations.ts'
import { createMailer } from './jobs/send-mail.ts'
import { startNotices } from './jobs/send-notices.ts'
import { startAlarmWatch } from './jobs/watch-alarms.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { startMllp } from './mllp.ts'
import { openPlanner } from './planner.ts'
import { openDatabase } from './stores/database.ts'
import { findDevice } from './stores/devices.ts'
import { influxTelemetry } from './stores/influx-telemetry.ts'
import { migrate } from './stores/migrate.ts'
import { createNewsWatch } from './stores/news-watch.ts'
import { createSessions } from './stores/sessions.ts'
import { onCommand, onDeviceChanged } from './stores/signals.ts'
import { sqlTelemetry } from './stores/sql-telemetry.ts'
import { openTravel } from './travel.ts'
import { createIngest } from './usecases/ingest-batch.ts'
import { ensureListKey } from './usecases/offer-lists.ts'
import { seedPolicies } from './usecases/seed-policies.ts'

export type Service = {
  readonly deps: Deps
  readonly broker: Broker
  /** Where the HTTP API answers; over TLS where it does so at all. */
  readonly url: string
  /** Stop taking, finish what was taken, release everything. */
  close(): Promise<void>
}

/** How long a request may take to arrive, and how long closing waits for those under way, ms. */
const requestMs = 30_000
const lastAnswersMs = 5_000

/**
 * Put the service together and start it: the database first, the doors last. Where one of them cannot be opened, those
 * opened before it are closed again.
 */
export async function startService(
  config: Config,
  { log, now = Date.now }: { readonly log: Log; readonly now?: () => number },
): Promise<Service> {
  const opened: (() => Promise<unknown>)[] = []
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    return await open(config, log, now, opened, closeAll)
  } catch (error) {
    await closeAll().catch((err) => log.error({ err }, 'what was opened did not close'))
    throw error
  }
}

async function open(
  config: Config,
  log: Log,
  now: () => number,
  opened: (() => Promise<unknown>)[],
  closeAll: () => Promise<void>,
): Promise<Service> {
  const database = await openDatabase({ ...config.database, log })
  opened.push(() => database.close())
  await migrate(database, { url: config.database.migrateUrl, log })
  const { influx } = config
  const telemetry = influx
    ? influxTelemetry(influx, async (device) => (await findDevice(database.db, device)).clockFacts)
    : sqlTelemetry(database)
  opened.push(() => telemetry.close())
  if (!influx)
    log.info({ product: telemetry.product }, 'telemetry stays in the database: there is no INFLUX_URL')
  const metrics = createMetrics()
  const planner = openPlanner()
  opened.push(() => planner.close())
  const travel = openTravel(config.travel ?? {}, { log })
  const deps: Deps = { database, telemetry, now, log, metrics, planTransfers: planner.plan, travel }
  await seedPolicies(deps)
  await ensureListKey({ ...deps, secret: config.adminKey })

  const news = createNewsWatch(database, { log })
  opened.push(() => news.close())
  const ingest = createIngest(deps, { holdMs: config.holdMs, tell: () => news.nudge() })
  const admission = createAdmission(deps, ingest.memory)
  opened.push(async () => admission.stop())
  // Heard before the first device is let in, or a secret revoked meanwhile would be remembered as good.
  const stopListening = await onDeviceChanged(database, (change) => {
    if (!change) {
      ingest.memory.forgetAll()
      void admission.sweep()
      return
    }
    ingest.memory.forget(change.device)
    if (change.disconnect)
      admission.hangUp(change.device).catch((error) => log.error({ err: error }, 'hang-up failed'))
  })
  opened.push(stopListening)
  const dispatch = createDispatch(deps)
  opened.push(() => dispatch.stop())
  opened.push(
    await onCommand(database, (device) => (device === null ? void dispatch.sweep() : dispatch.look(device))),
  )
  const broker = await startBroker({
    listen: { host: config.host, ...config.mqtt, ...(config.tls ? { tls: config.tls } : {}) },
    authenticate: admission.authenticate,
    accept: ingest.accept,
    now,
    log,
    onEvent(event) {
      if (event.kind === 'listening') dispatch.look(event.device)
      if (event.kind === 'disconnected') {
        admission.left(event.device)
        dispatch.left(event.device)
      }
      count(metrics, event)
    },
  })
  opened.push(() => broker.close())
  admission.guard(broker)
  dispatch.through(broker)

  opened.push(startDeliveries({ ...deps, news }))
  const forwarding = telemetry.isElsewhere ? startForwarding(deps) : null
  if (forwarding) opened.push(forwarding.stop)
  opened.push(startPacking(deps))
  opened.push(keepConfigured(deps))
  opened.push(startFindingHoles(deps))
  opened.push(startNoticingExpiry({ ...deps, tell: () => news.nudge() }))
  opened.push(startAlarmWatch({ ...deps, tell: () => news.nudge() }))
  opened.push(startJudging({ ...deps, tell: () => news.nudge() }))
  opened.push(startCatchingRecalls({ ...deps, tell: () => news.nudge() }))
  opened.push(startOfferingLists({ ...deps, news, secret: config.adminKey }))
  opened.push(startProposingRotations({ ...deps, tell: () => news.nudge() }))
  const mailer = config.mail ? createMailer(config.mail) : null
  if (!mailer) log.info({}, 'nobody is told of alarms by e-mail: there is no SMTP_URL')
  opened.push(startNotices({ ...deps, mailer, tell: () => news.nudge() }))

  let isStopping = false
  const obstacle = () => (isStopping ? 'the service is stopping' : ingest.obstacle())
  if (config.heartbeat) opened.push(startHeartbeat({ ...deps, obstacle }, config.heartbeat))
  const app = createHttp({
    ...deps,
    memory: ingest.memory,
    adminKey: config.adminKey,
    sessions: createSessions(database.db, config.adminKey, now, {
      secureCookies: config.httpPort === undefined || config.publicUrl?.startsWith('https:'),
      openId: config.openId,
    }),
    news,
    mayMail: mailer !== null,
    hl7: config.hl7?.parties ?? [],
    telemetryTrouble: () => forwarding?.trouble() ?? null,
    obstacle,
  })
  const servers: Server[] = []
  const urls: { http?: string; https?: string } = {}
  for (const scheme of ['http', 'https'] as const) {
    const port = config[`${scheme}Port`]
    if (port === undefined) continue
    const { server, url } = await listen(app.fetch, scheme, port, config)
    opened.push(() => stopServing(server))
    servers.push(server)
    urls[scheme] = url
  }
  const { hl7 } = config
  const mllp = hl7?.listen && (await startMllp(deps, { ...hl7.listen, parties: hl7.parties }))
  if (mllp) opened.push(mllp.close)
  log.info(
    {
      ...urls,
      mllp: mllp?.port,
      mqtt: broker.urls,
      database: database.version,
      telemetry: telemetry.product,
    },
    'ready',
  )

  return {
    deps,
    broker,
    url: (urls.https ?? urls.http) as string,
    async close() {
      isStopping = true
      // Whoever follows the news would never leave.
      const dismissed = news.close()
      const answered = Promise.all(servers.map(stopServing))
      const impatience = setTimeout(() => {
        for (const server of servers) server.closeAllConnections()
      }, lastAnswersMs)
      // Devices first: what they sent is committed and acknowledged while HTTP still answers what it was asked.
      await broker.close()
      await dismissed
      await answered
      clearTimeout(impatience)
      await closeAll()
    },
  }
}

async function listen(
  fetch: Parameters<typeof serve>[0]['fetch'],
  scheme: 'http' | 'https',
  port: number,
  { host, tls }: Config,
) {
  // Closing cuts what has spoken HTTP only: a handshake that is never finished must end by itself.
  const serverOptions = { ...tls, minVersion: 'TLSv1.2', handshakeTimeout: lastAnswersMs } as const
  const secure = scheme === 'https' ? { createServer: createTlsServer, serverOptions } : {}
  return new Promise<{ server: Server; url: string }>((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port, ...secure }) as Server
    server.requestTimeout = requestMs
    server.once('error', reject)
    server.once('listening', () => {
      const { port } = server.address() as AddressInfo
      resolve({ server, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}` })
    })
  })
}

/** Take no new request, and wait for the answers to those under way. */
function stopServing(server: Server): Promise<void> {
  const answered = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  return answered
}

function count(metrics: Metrics, event: BrokerEvent): void {
  const name = event.kind === 'refused' ? `refused_${event.reason}` : event.kind
  metrics.brokerEvents.inc({ event: name })
  if (event.kind === 'connected') metrics.connections.inc()
  if (event.kind === 'disconnected') metrics.connections.dec()
}
