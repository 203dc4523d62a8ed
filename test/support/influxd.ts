import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test } from 'vitest'

/** A real InfluxDB of the test's own, to be killed and started again. */
export type Influxd = {
  readonly url: string
  /** Where its files are: `data` and `wal` among them. */
  readonly directory: string
  /** Its process; undefined while it is stopped. */
  pid(): number | undefined
  /** Start it after a stop or a kill; resolves when it answers. */
  start(): Promise<void>
  stop(): Promise<void>
  /** SIGKILL: a crash, recovered from at the next start. */
  kill9(): Promise<void>
  /** Run an InfluxQL statement, as its administrator where there is one; what it answers. */
  run(statement: string): Promise<unknown>
  /** Stop it and remove its files. */
  remove(): Promise<void>
}

const coldAtOnce = 'cache-snapshot-write-cold-duration = "1s"\ncompact-full-write-cold-duration = "1s"'

/** The administrator of a server that asks who one is. */
export const influxAdmin = { user: 'admin', password: 'its own' } as const

/**
 * Make and start a server in a temporary directory, on a free loopback port.
 *
 * @param asksWho makes it let in only `influxAdmin`, and whom that makes
 * @param compactsAtOnce makes it do within a second what it does once nobody has written to a shard for hours
 */
export async function startInfluxd({ asksWho = false, compactsAtOnce = false } = {}): Promise<Influxd> {
  const binary = findBinary()
  if (binary === undefined) throw new Error('this test needs influxd')
  const home = mkdtempSync(join(tmpdir(), 'hemotrail-influxd-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  writeFileSync(
    join(home, 'influxdb.conf'),
    `reporting-disabled = true
    bind-address = "127.0.0.1:0"
    [meta]
    dir = "${home}/meta"
    [data]
    dir = "${home}/data"
    wal-dir = "${home}/wal"
    ${compactsAtOnce ? coldAtOnce : ''}
    [monitor]
    store-enabled = false
    [http]
    bind-address = "127.0.0.1:${port}"
    auth-enabled = ${asksWho}
    log-enabled = false`,
  )
  let server: ChildProcess | undefined
  let log = ''

  const lastResort = () => {
    server?.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', lastResort)

  async function start(): Promise<void> {
    const begun = spawn(binary as string, ['run', '-config', join(home, 'influxdb.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = begun
    begun.stderr.on('data', (text) => {
      log = `${log}${text}`.slice(-4_000)
    })
    while (begun.exitCode === null && begun.signalCode === null) {
      const answer = await fetch(`${url}/ping`).catch(() => undefined)
      if (answer?.status === 204) return
      await delay(10)
    }
    throw new Error(`influxd does not start:\n${log}`)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = server
    server = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const exit = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await exit
  }

  async function run(statement: string): Promise<unknown> {
    const { user, password } = influxAdmin
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    const response = await fetch(`${url}/query`, {
      method: 'POST',
      headers: asksWho ? { authorization } : {},
      body: new URLSearchParams({ q: statement, epoch: 'ms' }),
    })
    const text = await response.text()
    if (!response.ok || text.includes('"error"')) throw new Error(`influxd says: ${text}`)
    return JSON.parse(text)
  }

  await start()
  if (asksWho)
    await run(`create user ${influxAdmin.user} with password '${influxAdmin.password}' with all privileges`)
  return {
    url,
    directory: home,
    pid: () => server?.pid,
    start,
    stop: () => end('SIGTERM'),
    kill9: () => end('SIGKILL'),
    run,
    async remove() {
      await end('SIGTERM')
      process.off('exit', lastResort)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

export function hasInfluxd(): boolean {
  return findBinary() !== undefined
}

/** A suite that needs an influxd: skipped aloud where none can be had, a failure in CI. */
export function describeOnInflux(name: string, suite: () => void): void {
  if (hasInfluxd()) {
    describe(name, suite)
    return
  }
  const aloud = `${name} (needs influxd on the PATH, or Debian's package influxdb within reach of apt-get)`
  if (process.env.CI) test(aloud, missing)
  else test.skip(aloud, () => {})
}

function missing(): void {
  throw new Error('CI must be able to get influxd')
}

let found: { readonly binary: string | undefined } | undefined

/** One that is installed, or Debian's package, unpacked and not installed, kept for the next time. */
export function findBinary(): string | undefined {
  found ??= { binary: onPath() ?? unpacked() }
  return found.binary
}

function onPath(): string | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).filter((place) => place !== '')
  return places.map((place) => join(place, 'influxd')).find(existsSync)
}

function unpacked(): string | undefined {
  const uid = process.getuid?.() ?? 0
  const cache = join(tmpdir(), `hemotrail-influxd-${uid}`)
  const binary = join(cache, 'usr/bin/influxd')
  // Anybody may write to the temporary directory: what is run from there must be ours.
  const isOurs = () => existsSync(binary) && statSync(cache).uid === uid && statSync(binary).uid === uid
  if (isOurs()) return binary
  const draft = mkdtempSync(join(tmpdir(), 'hemotrail-influxd-draft-'))
  try {
    const quietly = { cwd: draft, stdio: 'pipe', timeout: 120_000 } as const
    execFileSync('apt-get', ['download', 'influxdb'], quietly)
    const [deb] = readdirSync(draft).filter((name) => name.endsWith('.deb'))
    if (!deb) return undefined
    mkdirSync(join(draft, 'tree'))
    execFileSync('dpkg-deb', ['-x', deb, 'tree'], quietly)
    try {
      renameSync(join(draft, 'tree'), cache)
    } catch {
      // Another test file was first.
    }
    return isOurs() ? binary : undefined
  } catch {
    return undefined
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
