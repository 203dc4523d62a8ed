import { type ChildProcess, execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { ask } from './ask.ts'
import type { Connected, Counted, IdleRequest } from './idle-fleet.ts'
import { cpuSeconds, median, residentMb, startProcess, stopProcess } from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const fleetSize = Number(process.env.BENCH_CONNECTIONS ?? 5_000)
const atOnce = 200
const keepAliveSeconds = 120
/** How long the connections are left alone before they are weighed. */
const idleMs = 3_000
/** Every so many devices one says something at the end. */
const reportEach = 50

const contenders = { bareAedes: './servers/bare-aedes.ts', hemotrail: './servers/hemotrail.ts' } as const
type Contender = keyof typeof contenders
type Transport = 'plain' | 'tls'

type Weighed = {
  readonly seconds: number
  readonly rssMb: number
  readonly kbPerConnection: number
  readonly cpuSeconds: number
  readonly handshake: string | null
  /** Why these figures are worth nothing, where they are not. */
  readonly faults: readonly string[]
}

type Result = Weighed & { readonly contender: Contender; readonly transport: Transport }

type Device = { readonly name: string; readonly secret: string }

/** Time and memory for a fleet that is connected and says nothing, beside aedes that lets anybody in. */
export async function connections(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  await using certificate = await makeCertificate()
  const devices = await provisionDevices(database.url, fleetSize)
  const results: Result[] = []
  const sql = new pg.Client(database.url)
  await sql.connect()
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const transport of ['plain', 'tls'] as const) {
        for (const contender of ['bareAedes', 'hemotrail'] as const) {
          const env = {
            DATABASE_URL: database.url,
            HEMOTRAIL_ADMIN_KEY: randomBytes(32).toString('hex'),
            ...(transport === 'tls' ? certificate.env : {}),
          }
          const result = { contender, transport, ...(await weigh(contender, transport, env, devices, sql)) }
          results.push(result)
          console.log(`round ${round} ${lineOf(result)}`)
        }
      }
    }
  } finally {
    await sql.end()
  }
  return figuresOf(results)
}

function lineOf({ transport, contender, handshake, faults, ...figures }: Result): string {
  const { seconds, kbPerConnection, rssMb, cpuSeconds } = figures
  const line =
    `${transport.padEnd(5)} ${contender.padEnd(9)} ${seconds.toFixed(2)} s, ${kbPerConnection.toFixed(1)} kB each, ` +
    `${rssMb} MB, ${cpuSeconds.toFixed(2)} s CPU${handshake ? `, ${handshake}` : ''}`
  return [line, ...faults].join('\n  ')
}

function figuresOf(results: readonly Result[]): Record<string, unknown> {
  const of = (contender: Contender, transport: Transport) => {
    const rows = results.filter((row) => row.contender === contender && row.transport === transport)
    const middle = (pick: (row: Weighed) => number) => median(rows.map(pick))
    return {
      seconds: middle(({ seconds }) => seconds),
      kbPerConnection: middle(({ kbPerConnection }) => kbPerConnection),
      rssMb: middle(({ rssMb }) => rssMb),
      cpuSeconds: middle(({ cpuSeconds }) => cpuSeconds),
    }
  }
  const figures = (transport: Transport) => {
    const [ours, bare] = [of('hemotrail', transport), of('bareAedes', transport)]
    const ratio = {
      seconds: ours.seconds / bare.seconds,
      kbPerConnection: ours.kbPerConnection / bare.kbPerConnection,
      rssMb: ours.rssMb / bare.rssMb,
      cpuSeconds: ours.cpuSeconds / bare.cpuSeconds,
    }
    return { hemotrail: ours, bareAedes: bare, ratioToBareAedes: ratio }
  }
  const handshakes = new Set(results.flatMap(({ handshake }) => handshake ?? []))
  const faults = results.flatMap(({ contender, transport, faults }) =>
    faults.map((fault) => `${contender} ${transport}: ${fault}`),
  )
  if (handshakes.size > 1) faults.push(`the handshakes differ: ${[...handshakes].join(', ')}`)
  return {
    bench: 'connections',
    ok: faults.length === 0,
    faults,
    connections: fleetSize,
    atOnce,
    rounds,
    handshake: [...handshakes].join(', '),
    plain: figures('plain'),
    tls: figures('tls'),
  }
}

/** Start a server, connect everybody, leave them alone, weigh it, and see that every connection is good for something. */
async function weigh(
  contender: Contender,
  transport: Transport,
  env: Record<string, string>,
  devices: readonly Device[],
  sql: pg.Client,
): Promise<Weighed> {
  const collecting = ['--expose-gc', '--import', new URL('./servers/collected.ts', import.meta.url).href]
  const { child: server, ready } = await startProcess<{ port: number }>(
    contenders[contender],
    env,
    collecting,
  )
  const { child: fleet } = await startProcess('./idle-fleet.ts')
  try {
    for (const { pid } of [server, fleet]) allowOpenFiles(pid, devices.length + 500)
    const tell = <T>(request: IdleRequest) => ask<T>(fleet, request)
    const emptyMb = await settledMb(server)
    const cpuBefore = cpuSeconds(server.pid) ?? Number.NaN

    const target = {
      host: '127.0.0.1',
      port: ready.port,
      tls: transport === 'tls',
      devices,
      atOnce,
      keepAliveSeconds,
    }
    const made = await tell<Connected>({ do: 'connect', ...target })
    await delay(idleMs)
    const cpu = (cpuSeconds(server.pid) ?? Number.NaN) - cpuBefore
    const rssMb = await settledMb(server)

    const pinged = await tell<Counted>({ do: 'ping' })
    const boot = randomBytes(8).toString('hex')
    const reported = await tell<Counted>({ do: 'report', each: reportEach, boot })
    const rows = contender === 'hemotrail' ? await storedOf(sql, boot) : reported.answered
    const faults = [
      made.connected < devices.length &&
        `${made.connected} of ${devices.length} connected; the first failure: ${made.firstFailure}`,
      pinged.answered < devices.length &&
        `${pinged.answered} of ${devices.length} answered a ping at the end`,
      reported.answered < reported.asked && `${reported.answered} of ${reported.asked} messages acknowledged`,
      rows !== reported.answered && `${reported.answered} messages acknowledged, ${rows} found`,
    ].filter((fault) => fault !== false)
    return {
      seconds: made.seconds,
      rssMb,
      kbPerConnection: ((rssMb - emptyMb) * 1_024) / devices.length,
      cpuSeconds: cpu,
      handshake: made.handshake,
      faults,
    }
  } finally {
    await stopProcess(fleet)
    await stopProcess(server)
  }
}

/** Resident memory once the garbage is gone and its pages have been given back. */
async function settledMb(server: ChildProcess): Promise<number> {
  for (let turn = 0; turn < 2; turn++) {
    await ask(server, { do: 'collect' })
    await delay(1_000)
  }
  return residentMb(server.pid) ?? Number.NaN
}

async function storedOf(sql: pg.Client, boot: string): Promise<number> {
  const { rows } = await sql.query(
    'select count(distinct boot.device_id) as n from message join boot on boot.id = message.boot_id where boot.boot = $1',
    [boot],
  )
  return Number(rows[0].n)
}

/** Node raises its soft limit to the hard one by itself; where that is too low only prlimit helps, and only root. */
function allowOpenFiles(pid: number | undefined, needed: number): void {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
  const allowed = Number(/Max open files +(\d+)/.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  if (allowed >= needed) return
  try {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${needed}:${needed}`], { stdio: 'pipe' })
  } catch {
    throw new Error(
      `a process may have ${allowed} open files and needs ${needed}: raise the hard limit (ulimit -Hn) first`,
    )
  }
}

/** A P-256 certificate for this run, and the settings that make a server use it. */
async function makeCertificate(): Promise<AsyncDisposable & { readonly env: Record<string, string> }> {
  const room = await mkdtemp(join(tmpdir(), 'hemotrail-bench-'))
  const [cert, key] = [join(room, 'cert.pem'), join(room, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const forOneself = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    ...curve,
    ...forOneself,
    '-keyout',
    key,
    '-out',
    cert,
  ])
  return {
    env: { MQTTS_PORT: '0', TLS_CERT_FILE: cert, TLS_KEY_FILE: key },
    [Symbol.asyncDispose]: () => rm(room, { recursive: true }),
  }
}
