import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** A real Postgres of the test's own, to be killed and started again. */
export type PostgresServer = {
  readonly url: string
  /** Start it after a stop or a kill; resolves when it takes connections. */
  start(): Promise<void>
  /** An orderly end; every client is disconnected. */
  stop(): Promise<void>
  /** SIGKILL to the postmaster: a crash, recovered from at the next start. */
  kill9(): Promise<void>
  restart(): Promise<void>
  /** Stop it and remove its files. */
  remove(): Promise<void>
}

/**
 * Make and start a server in a temporary directory, on a free loopback port.
 *
 * @param settings of postgresql.conf; fsync is off where they do not say otherwise, for only machines lose by that
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const bin = findBinaries()
  const owner = ownerIds()
  const home = mkdtempSync(join(tmpdir(), 'hemotrail-pg-'))
  if (owner) chownSync(home, owner.uid, owner.gid)
  const data = join(home, 'data')
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...owner, stdio: 'pipe' },
  )
  const port = await freePort()
  const all = {
    fsync: 'off',
    ...settings,
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: home,
  }
  const args = ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let server: ChildProcess | undefined
  let log = ''

  const lastResort = () => {
    server?.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', lastResort)

  async function start(): Promise<void> {
    // After a kill the dead server's children may hold its memory a moment longer, and the new one refuses.
    for (let tries = 0; ; tries++) {
      const begun = spawn(join(bin, 'postgres'), args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] })
      begun.stderr.on('data', (text) => {
        log = `${log}${text}`.slice(-4_000)
      })
      if (await takesConnections(begun, url)) {
        server = begun
        return
      }
      if (tries === 20) throw new Error(`Postgres does not start:\n${log}`)
      await delay(250)
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = server
    server = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const exit = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await exit
  }

  const stop = () => end('SIGINT')
  await start()
  return {
    url,
    start,
    stop,
    kill9: () => end('SIGKILL'),
    async restart() {
      await stop()
      await start()
    },
    async remove() {
      await stop()
      process.off('exit', lastResort)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function takesConnections(server: ChildProcess, url: string): Promise<boolean> {
  while (server.exitCode === null && server.signalCode === null) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return true
    } catch {
      await delay(25)
    }
  }
  return false
}

/** Are a server's programs installed here? */
export function hasPostgres(): boolean {
  return lookForBinaries() !== undefined
}

function findBinaries(): string {
  const found = lookForBinaries()
  if (!found) throw new Error('this test needs a Postgres server installed: no initdb on the PATH')
  return found
}

/** The newest there is: Debian keeps the server's programs off the PATH, one directory per version. */
function lookForBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const places = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin')),
  ]
  return places.find(
    (place) => place && existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')),
  )
}

/** Postgres refuses to run as root, so root runs it as the user its package made, or as nobody. */
function ownerIds(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // No such user; the next.
    }
  }
  throw new Error('Postgres does not run as root, and there is no other user to run it as')
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
