import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** An InfluxDB 1 as a process of ours, on a loopback port, that never outlives us. */
export type InfluxdProcess = {
  readonly url: string
  /** Resolves with the reason when it has ended. */
  readonly ended: Promise<string>
  /** Ask it to stop; resolves when it is gone. */
  stop(): Promise<void>
}

/** The first `influxd` on the PATH, and its version by its own word; null where there is none. */
export function findInfluxd(): { readonly binary: string; readonly version: string } | null {
  const places = (process.env.PATH ?? '').split(delimiter).filter((place) => place !== '')
  const binary = places.map((place) => join(place, 'influxd')).find(existsSync)
  if (binary === undefined) return null
  try {
    const said = execFileSync(binary, ['version'], { timeout: 10_000, encoding: 'utf8' })
    return { binary, version: /InfluxDB v?(\d\S*)/.exec(said)?.[1] ?? 'unknown' }
  } catch {
    return null
  }
}

/**
 * Start it, at the port it had last where its files are not new: whoever was pointed at it finds it again.
 *
 * @param home where its files are, and stay
 * @throws Error where it does not start, or where another is at work on its files
 */
export async function startInfluxd({
  binary,
  home,
}: {
  readonly binary: string
  readonly home: string
}): Promise<InfluxdProcess> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const port = await portOf(home)
  const url = urlOf(port)
  const file = join(home, 'influxdb.conf')
  await writeFile(file, configuration(home, port))

  const keeper = fileURLToPath(new URL('keeper.ts', import.meta.url))
  const server = spawn(
    process.execPath,
    ['--import', 'tsx', keeper, binary, 'run', '-config', file],
    // Its input ends when we do. Ctrl-C reaches our whole group; it is asked to stop once nobody writes any more.
    { stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  )
  let log = ''
  // Not asked again and again: who asks a port nobody listens at may be connected to themselves.
  const listening = new Promise<void>((resolve) => {
    server.stderr.on('data', (text) => {
      log = `${log}${text}`.slice(-4_000)
      if (log.includes('Listening on HTTP')) resolve()
    })
  })
  const ended = once(server, 'close').then(
    ([code]) => `it ended with code ${code}: ${log.trim().split('\n').at(-1)}`,
    (error: Error) => error.message,
  )
  const failed = ended.then((reason) => {
    throw new Error(`influxd does not start: ${reason}`)
  })
  await Promise.race([listening, failed])
  return {
    url,
    ended,
    async stop() {
      server.kill('SIGTERM')
      await ended
    },
  }
}

/**
 * Run an InfluxQL statement; what it answers.
 *
 * @throws Error with what it says is wrong
 */
export async function runInfluxQl(url: string, statement: string, database?: string): Promise<unknown> {
  const response = await fetch(`${url}/query`, {
    method: 'POST',
    body: new URLSearchParams({
      q: statement,
      epoch: 'ms',
      ...(database === undefined ? {} : { db: database }),
    }),
  })
  const text = await response.text()
  if (!response.ok || text.includes('"error"')) throw new Error(`influxd says: ${text}`)
  return JSON.parse(text)
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/ping`).catch(() => null)
  return answer?.status === 204 && answer.headers.has('x-influxdb-version')
}

function configuration(home: string, port: number): string {
  const file = (name: string) => JSON.stringify(join(home, name))
  return `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = ${file('meta')}
[data]
dir = ${file('data')}
wal-dir = ${file('wal')}
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
`
}

/** How long one that is still at work on the same files is waited for, in tenths of a second. */
const patience = 50

/** The port it had last, if nobody else has it now; any free one otherwise. */
async function portOf(home: string): Promise<number> {
  const file = join(home, 'port')
  const last = Number(await readFile(file, 'utf8').catch(() => '0'))
  // It has no lock of its own, and two would ruin its files. One that is being stopped goes in a moment.
  for (let left = patience; last !== 0 && (await answers(urlOf(last))); left -= 1) {
    if (left === 0) throw new Error(`${home} is in use by the InfluxDB at ${urlOf(last)}`)
    await sleep(100)
  }
  const port = (await freePort(last)) ?? (await freePort(0))
  if (port === null) throw new Error('no port is free')
  await writeFile(file, String(port))
  return port
}

/** That port, or any for 0; null where it is taken. */
function freePort(wanted: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })
}
