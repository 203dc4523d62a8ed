import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { drawFridges, startFleet } from './fleet.ts'
import { provision } from './provision.ts'

/**
 * Everything on embedded parts: the service as a process of its own on PGlite with its own broker, a handful of
 * fridges, and bags that go in and out. What it stores stays in the data directory for the next start.
 */

const folder = process.env.HEMOTRAIL_DATA ?? join('data', 'demo')
const httpPort = process.env.HTTP_PORT ?? '8080'
const mqttPort = process.env.MQTT_PORT ?? '1883'
const api = `http://127.0.0.1:${httpPort}`
const seed = 'demo'
const intervalMs = 2_000
const traceEveryMs = 20_000

/** Made at the first start and kept beside the data: there is no default anybody could guess. */
function adminKey(): string {
  const file = join(folder, 'admin-key')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  mkdirSync(folder, { recursive: true })
  const key = randomBytes(32).toString('base64url')
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return key
}

function startService(key: string): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'api/main.ts'], {
    env: {
      ...process.env,
      HEMOTRAIL_ADMIN_KEY: key,
      HEMOTRAIL_DATA: join(folder, 'database'),
      HTTP_PORT: httpPort,
      MQTT_PORT: mqttPort,
      LOG_LEVEL: 'warn',
    },
    stdio: 'inherit',
    // Ctrl-C reaches the whole group; the service is asked to stop once the fridges have left.
    detached: true,
  })
}

async function untilReady(service: ChildProcess, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (service.exitCode !== null) throw new Error('the service did not start: see above')
    const answer = await fetch(`${api}/ready`).catch(() => null)
    if (answer?.ok) return
    await sleep(200, undefined, { signal }).catch(() => {})
  }
}

async function ask<T extends z.ZodType>(
  key: string,
  path: string,
  answer: T,
  body?: unknown,
): Promise<z.infer<T>> {
  const response = await fetch(`${api}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok)
    throw new Error(`${path} answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
  return answer.parse(await response.json())
}

const Unresolved = z.object({ tags: z.array(z.object({ tag: z.string() })) })
const Registered = z.object({ bagId: z.string() })
const Listed = z.object({ bags: z.array(z.object({ bagId: z.string() })) })

/** Give every tag that was seen and is on no bag a bag of red cells: what was seen of it before becomes the bag's. */
async function registerSeenTags(key: string): Promise<void> {
  const { tags } = await ask(key, '/tags/unresolved', Unresolved)
  for (const { tag } of tags) {
    const sequence = String(Math.floor(Math.random() * 1e6)).padStart(6, '0')
    const { bagId } = await ask(key, '/bags', Registered, {
      din: `=A999926${sequence}00`,
      productCode: 'E0336V00',
      component: 'red_cells',
      expiresAt: new Date(Date.now() + 35 * 86_400_000).toISOString(),
    })
    await ask(key, `/bags/${bagId}/tags`, z.unknown(), { tag })
  }
}

async function printTrace(key: string): Promise<void> {
  const { bags } = await ask(key, '/bags?limit=1', Listed)
  const [bag] = bags
  if (!bag) return
  console.log(`\nthe trace of one bag (npm run cli -- trace ${bag.bagId}):`)
  const cli = spawn(process.execPath, ['--import', 'tsx', 'api/cli.ts', 'trace', bag.bagId], {
    env: { ...process.env, HEMOTRAIL_URL: api, HEMOTRAIL_ADMIN_KEY: key },
    stdio: 'inherit',
  })
  await once(cli, 'exit')
}

async function main(): Promise<void> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const { signal } = stop
  const again = existsSync(join(folder, 'database'))
  const key = adminKey()
  const service = startService(key)
  service.once('exit', () => stop.abort())
  try {
    await untilReady(service, signal)
    if (signal.aborted) return
    console.log(again ? `found what was stored in ${folder}` : `new data in ${folder}`)
    console.log(
      `API docs   ${api}/docs\nreadiness  ${api}/ready\nadmin key  ${key}\nMQTT       mqtt://127.0.0.1:${mqttPort}`,
    )
    const fridges = drawFridges(seed, 6).map((fridge) => ({
      ...fridge,
      container: { ...fridge.container, visitsPerHour: 240 },
    }))
    const planned = fridges.map(({ name, facility }) => ({
      name,
      kind: 'fridge' as const,
      facility,
      profile: { low: 2, high: 6, maxSilenceSeconds: 60 },
    }))
    const secrets = await provision({ api, key }, planned)
    const fleet = startFleet({
      url: `mqtt://127.0.0.1:${mqttPort}`,
      fridges,
      seed,
      run: randomUUID(),
      intervalMs,
      secretOf: (name) => secrets.get(name) ?? '',
    })
    console.log(
      `${fridges.length} fridges report every ${intervalMs / 1_000} s; Ctrl-C ends it, the data stays`,
    )
    while (!signal.aborted) {
      await sleep(traceEveryMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) break
      await registerSeenTags(key)
      await printTrace(key)
      const { connected, acknowledged } = fleet.totals()
      console.log(`${connected} fridges connected, ${acknowledged} messages acknowledged since this start`)
    }
    await fleet.close(2_000)
  } finally {
    if (service.exitCode === null && service.signalCode === null) {
      const gone = once(service, 'exit')
      service.kill('SIGTERM')
      await gone
      console.log('stopped clean')
    }
  }
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
