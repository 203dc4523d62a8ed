import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { BagDetail, Bags } from '../schema/http/bags.ts'
import { UnresolvedTags } from '../schema/http/tags.ts'
import { BagsDelta, Envelope } from '../schema/messages.ts'
import { type Api, ask, call, understand } from './api.ts'
import { drawFridges, type Fleet, startFleet } from './fleet.ts'
import type { Message } from './outbox.ts'
import { provision } from './provision.ts'
import { startService } from './service.ts'

/**
 * Everything on embedded parts: the service as a process of its own on PGlite with its own broker, a handful of
 * fridges, and bags that go in and out. What it stores stays in the data directory for the next start.
 */

/** An empty variable is an absent one. */
const folder = process.env.HEMOTRAIL_DATA || join('data', 'demo')
const keyFile = join(folder, 'admin-key')
const seed = 'demo'
const intervalMs = 2_000
const registerEveryMs = 5_000
/** Of the times of registering. */
const traceEvery = 4
/** The fridges live ten times as fast as we do: a bag is taken out and brought back while one watches. */
const speed = 10

/** Made at the first start and kept beside the data: there is no default anybody could guess. */
function adminKey(): string {
  if (existsSync(keyFile)) return readFileSync(keyFile, 'utf8').trim()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const key = randomBytes(32).toString('base64url')
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 })
  return key
}

/** Where each fridge stands. */
const facilities = new Map<string, string>()

/** How often each tag was taken out or put in since this start. */
const moves = new Map<string, number>()

function watch(device: string, { channel, payload }: Message): void {
  if (channel !== 'bags') return
  const deltas = z.array(BagsDelta).safeParse(Envelope.parse(JSON.parse(payload)).body)
  for (const { added, removed } of deltas.data ?? []) {
    for (const tag of removed) console.log(`${device}: the bag with tag ${tag} is taken out`)
    for (const tag of added) console.log(`${device}: the bag with tag ${tag} is put back`)
    for (const tag of [...removed, ...added]) moves.set(tag, (moves.get(tag) ?? 0) + 1)
  }
}

async function openFridges(api: Api, mqtt: string): Promise<Fleet> {
  const fridges = drawFridges(seed, 6, 'demo').map(({ name, facility, container }) => {
    const { heat } = container
    // So many visits would warm a common fridge; these have a curtain behind the door.
    const curtained = { ...heat, doorWPerK: 0.15 * heat.doorWPerK }
    return { name, facility, container: { ...container, heat: curtained, visitsPerHour: 30 } }
  })
  for (const { name, facility } of fridges) facilities.set(name, facility)
  const planned = fridges.map(({ name, facility }) => ({
    name,
    kind: 'fridge' as const,
    facility,
    profile: { low: 2, high: 6, maxSilenceSeconds: 60 },
  }))
  // The service and all its devices are the demo's own: nobody else is cut off by new secrets.
  const secrets = await provision(api, planned, { rotate: true })
  return startFleet({
    url: mqtt,
    fridges,
    seed,
    run: randomUUID(),
    intervalMs,
    speed,
    secretOf: (name) => secrets.get(name) ?? '',
    onAcknowledged: watch,
    onSound: (name) => console.log(`${name}: sounds`),
  })
}

/** Give every tag that was seen and is on no bag a bag of red cells: what was seen of it before becomes the bag's. */
async function registerSeenTags(api: Api): Promise<void> {
  const { tags } = await ask(api, '/tags/unresolved?limit=1000', UnresolvedTags)
  for (const { tag, lastDevice } of tags) {
    const facility = facilities.get(lastDevice)
    if (facility !== undefined)
      await call(api, `/bags/${await registerBag(api, facility)}/tags`, { body: { tag } })
  }
}

async function registerBag(api: Api, facility: string): Promise<string> {
  for (;;) {
    const sequence = String(Math.floor(Math.random() * 1e6)).padStart(6, '0')
    const label = {
      din: `=A999926${sequence}00`,
      productCode: 'E0336V00',
      facility,
      component: 'red_cells',
      expiresAt: new Date(Date.now() + 35 * 86_400_000).toISOString(),
    }
    const { status, body } = await call(api, '/bags', { body: label, also: [409] })
    // An earlier start has drawn the same number: draw again.
    if (status !== 409) return understand(api, BagDetail, body).bagId
  }
}

/** The bag that moved most: the one with most to tell. */
async function printTrace(api: Api): Promise<void> {
  const [tag] = [...moves].sort(([, a], [, b]) => b - a)[0] ?? []
  if (tag === undefined) return
  const [bag] = (await ask(api, `/bags?tag=${encodeURIComponent(tag)}&limit=1`, Bags)).bags
  if (!bag) return
  const command = `HEMOTRAIL_URL=${api.api} HEMOTRAIL_ADMIN_KEY="$(cat '${keyFile}')" npm run cli -- trace ${bag.bagId}`
  console.log(
    `\nwhere the bag with tag ${tag} was, and how cold. To ask again, in this directory:\n  ${command}`,
  )
  const cli = spawn(process.execPath, ['--import', 'tsx', 'api/cli.ts', 'trace', bag.bagId], {
    env: { ...process.env, HEMOTRAIL_URL: api.api, HEMOTRAIL_ADMIN_KEY: api.key },
    stdio: 'inherit',
  })
  await once(cli, 'exit')
}

async function play(api: Api, mqtt: string, signal: AbortSignal): Promise<void> {
  const fleet = await openFridges(api, mqtt)
  console.log(
    `${fleet.totals().devices} fridges report every ${intervalMs / 1_000} s, living ${speed} times as fast as we; Ctrl-C ends it, the data stays`,
  )
  try {
    for (let time = 1; ; time++) {
      await sleep(registerEveryMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) break
      await registerSeenTags(api)
      if (time % traceEvery !== 0) continue
      await printTrace(api)
      const { connected, acknowledged } = fleet.totals()
      console.log(`\n${connected} fridges connected, ${acknowledged} messages acknowledged since this start`)
    }
  } finally {
    await fleet.close(2_000)
  }
}

async function main(stop: AbortController): Promise<void> {
  const { signal } = stop
  const database = join(folder, 'database')
  const again = existsSync(database)
  const key = adminKey()
  const service = startService(
    {
      HEMOTRAIL_ADMIN_KEY: key,
      HEMOTRAIL_DATA: resolve(database),
      HTTP_PORT: process.env.HTTP_PORT || '8080',
      MQTT_PORT: process.env.MQTT_PORT || '1883',
    },
    { logLevel: process.env.LOG_LEVEL || 'warn' },
  )
  let isOpen = false
  const giveUpStarting = () => void service.stop()
  signal.addEventListener('abort', giveUpStarting)
  try {
    const { api, mqtt } = await service.ready
    signal.removeEventListener('abort', giveUpStarting)
    isOpen = true
    console.log(again ? `found what was stored in ${folder}` : `new data in ${folder}`)
    console.log(
      `API docs   ${api}/docs\nreadiness  ${api}/ready\nadmin key  ${key} (kept in ${keyFile})\nMQTT       ${mqtt}`,
    )
    const lost = service.ended.then((reason) => {
      throw new Error(`the service has ended by itself: ${reason}`)
    })
    await Promise.race([play({ api, key }, mqtt, signal), lost])
  } catch (error) {
    if (signal.aborted) return
    isOpen = false
    stop.abort()
    throw error
  } finally {
    await service.stop()
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
