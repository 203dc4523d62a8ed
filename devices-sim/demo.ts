import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Devices } from '../schema/http/devices.ts'
import type { ProbeKind } from '../schema/vocabulary.ts'
import { type Api, ask } from './api.ts'
import { pacedClock } from './city/clock.ts'
import type { Job } from './city/draw-city.ts'
import { type City, drawCity } from './city/draw-city.ts'
import { type OpenCity, openCity } from './city/open-city.ts'
import { day, hour, planCity } from './city/plan.ts'
import { openTally } from './city/tally.ts'
import { timeOfDay } from './city/time-of-day.ts'
import { openTelemetry } from './demo-telemetry.ts'
import { startService } from './service.ts'
import { openStatusPage, type StatusPage } from './status-page.ts'

/**
 * Everything on embedded parts: the service as a process of its own on PGlite with its own broker, an InfluxDB where one
 * is installed, and a small city that lives a hundred times as fast as we do. What it stores stays in the data directory
 * for the next start.
 */

/** An empty variable is an absent one. */
const folder = process.env.HEMOTRAIL_DATA || join('data', 'demo')
const keyFile = join(folder, 'admin-key')
const small = { seed: 'demo', prefix: 'demo', hospitals: 3, fridges: 12 } as const
const speed = 100
const wakesAt = 8 * hour
const livesFor = 365 * day
/** Busier than a real city of its size: somebody watches. */
const demand = 3
const drawEveryMs = 1_000
const traceEveryMs = 20_000
/** Who may be tried. */
const shownJobs: readonly Job[] = ['nurse', 'lab', 'releaser', 'regulator']

/** Made at the first start and kept beside the data: there is no default anybody could guess. */
function adminKey(): string {
  if (existsSync(keyFile)) return readFileSync(keyFile, 'utf8').trim()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const key = randomBytes(32).toString('base64url')
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 })
  return key
}

/** The bag that was handed out last has most to tell. */
function traceCommand({ world: { book } }: OpenCity): string | null {
  const bag = book.lastIssued()
  return bag ? `npm run cli -- trace ${bag.bagId}` : null
}

/** What the terminal's commands must know. */
function environmentOf({ api }: Api): string {
  return `HEMOTRAIL_URL=${api} HEMOTRAIL_ADMIN_KEY="$(cat '${keyFile}')"`
}

/** How cold each fridge was last, as the service knows it: a line for each place. */
async function coldOf(api: Api, { centre, hospitals }: City): Promise<string[]> {
  const { devices } = await ask(api, '/devices?limit=1000', Devices)
  const shown = (of: ProbeKind, readings: (typeof devices)[number]['readings']) =>
    readings.find(({ probe }) => probe === of)?.celsius.toFixed(1) ?? '?'
  return [centre, ...hospitals].map(({ code, name }) => {
    const there = devices.filter(({ facility }) => facility === code)
    const units = there.map((unit) => `${unit.name.slice(code.length + 1)} ${shown('load', unit.readings)}`)
    return `  ${name.zh} ${name.en}: ${units.join('  ')}`
  })
}

async function statusOf(api: Api, opened: OpenCity): Promise<string[]> {
  const { world } = opened
  const { clock, units, book, tally, city } = world
  const { GO, STOP, CALL } = tally.answers
  const states = Object.entries(book.byState()).map(([state, bags]) => `${state} ${bags}`)
  const { connected, acknowledged } = units.counts()
  const command = traceCommand(opened)
  return [
    `${timeOfDay(clock.now())} in the city, ${speed} times as fast as we      Ctrl-C ends it, the data stays`,
    '',
    'the newest of each load probe, °C',
    ...(await coldOf(api, city)),
    '',
    `bags      ${states.join('  ')}`,
    `answers   GO ${GO}  STOP ${STOP}  CALL ${CALL}`,
    `messages  ${acknowledged} acknowledged, ${connected} of ${units.devices.size} connected`,
    ...(tally.troubles.length > 0 ? [`trouble   ${tally.troubles.at(-1)}`] : []),
    ...(command === null ? [] : ['where the bag handed out last was, and how cold:', `  ${command}`]),
  ]
}

async function play(api: Api, mqtt: string, page: StatusPage, head: string[], signal: AbortSignal) {
  const city = drawCity(small)
  const tally = openTally(({ at, text }) => page.tell(`${timeOfDay(at)}  ${text}`))
  const plan = planCity(city, { fromMs: wakesAt, untilMs: wakesAt + livesFor, demand })
  const clock = pacedClock({ speed, from: wakesAt, signal, onTrouble: (error) => tally.trouble(error) })
  page.tell('the city is waking up: its places, fridges and people are made known')
  // The service and all its devices and people are the demo's own: nobody else is cut off by new secrets.
  const made = { api, url: mqtt, city, plan, clock, tally, run: randomUUID(), signal }
  const opening = openCity({ ...made, rotate: true, takesStock: true })
  const opened = await Promise.race([opening, aborted(signal)])
  try {
    const { accounts } = opened.world.staff
    const shown = shownJobs.flatMap((job) => accounts.find((account) => account.job === job) ?? [])
    page.head([
      ...head,
      `to ask     export ${environmentOf(api)}`,
      'accounts   of this start, for npm run cli -- sign-in NAME',
      ...shown.map(({ username, password }) => `  ${username.padEnd(24)} ${password}`),
    ])
    page.tell(`${opened.world.units.devices.size} fridges report; Ctrl-C ends it, the data stays`)
    const looking = look(api, opened, page, signal)
    await opened.live()
    await looking
  } finally {
    await opened.close(2_000)
  }
}

/** Rejects when it is to end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** Draw the page again and again; where there is none, say now and then what to look at. */
async function look(api: Api, opened: OpenCity, page: StatusPage, signal: AbortSignal): Promise<void> {
  let tracedAt = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    await sleep(drawEveryMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    // What cannot be asked now is asked the next time.
    if (page.isDrawn) await statusOf(api, opened).then(page.show, () => {})
    const command = traceCommand(opened)
    if (page.isDrawn || command === null || performance.now() - tracedAt < traceEveryMs) continue
    tracedAt = performance.now()
    page.tell(`where the bag handed out last was, and how cold:\n  ${environmentOf(api)} ${command}`)
  }
}

async function main(stop: AbortController): Promise<void> {
  const { signal } = stop
  const database = join(folder, 'database')
  const again = existsSync(database)
  const key = adminKey()
  const telemetry = await openTelemetry(resolve(folder, 'influxdb'))
  if (signal.aborted) return telemetry.stop()
  const service = startService(
    {
      HEMOTRAIL_ADMIN_KEY: key,
      HEMOTRAIL_DATA: resolve(database),
      HTTP_PORT: process.env.HTTP_PORT || '8080',
      MQTT_PORT: process.env.MQTT_PORT || '1883',
      ...telemetry.environment,
    },
    { logLevel: process.env.LOG_LEVEL || 'warn' },
  )
  let isOpen = false
  let page: StatusPage | undefined
  const giveUpStarting = () => void service.stop()
  signal.addEventListener('abort', giveUpStarting)
  try {
    const { api, mqtt } = await service.ready
    signal.removeEventListener('abort', giveUpStarting)
    isOpen = true
    const head = [
      again ? `found what was stored in ${folder}` : `new data in ${folder}`,
      `API docs   ${api}/docs`,
      `readiness  ${api}/ready`,
      `admin key  ${key} (kept in ${keyFile})`,
      `MQTT       ${mqtt}`,
      ...telemetry.head,
    ]
    const shown = openStatusPage(process.stdout)
    page = shown
    shown.head(head)
    void telemetry.ended.then((reason) => {
      if (!signal.aborted)
        shown.tell(`InfluxDB has ended by itself, telemetry waits in the database: ${reason}`)
    })
    const lost = service.ended.then((reason) => {
      throw new Error(`the service has ended by itself: ${reason}`)
    })
    await Promise.race([play({ api, key }, mqtt, shown, head, signal), lost])
  } catch (error) {
    if (signal.aborted) return
    isOpen = false
    stop.abort()
    throw error
  } finally {
    page?.close()
    await service.stop()
    await telemetry.stop()
    if (isOpen) console.log('stopped clean')
  }
}

const stop = new AbortController()
let stoppedAt = 0
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now()
      stop.abort()
      return
    }
    // Some npm hand on what the terminal has sent already: one Ctrl-C may come twice. Our end kills the service.
    if (performance.now() - stoppedAt > 500) process.exit(130)
  })
}
// A terminal that was closed, or a pipe nobody reads any more.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort())

main(stop).catch((error) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
