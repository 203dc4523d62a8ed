import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { describeOnInflux, findBinary } from '../support/influxd.ts'
import { until } from '../support/outcomes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Patience for a start on a busy machine. */
const slow = 120_000

type Program = {
  readonly child: ChildProcess
  /** Resolves with the match once it was printed. */
  printed(what: RegExp): Promise<RegExpMatchArray>
  /** Resolves when it is gone and so is whoever shares its stderr: the service it started. */
  readonly gone: Promise<{ code: number | null; out: string; err: string }>
}

const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

function run(command: string, words: readonly string[], environment: Record<string, string> = {}): Program {
  const child = spawn(command, words, { cwd: root, env: { ...process.env, ...environment } })
  running.add(child)
  const news = new EventEmitter<{ out: [] }>()
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
    news.emit('out')
  })
  child.stderr.on('data', (chunk) => (err += chunk))
  const gone = once(child, 'close').then(([code]) => {
    running.delete(child)
    return { code, out, err }
  })
  const ending = new AbortController()
  void gone.then(() => ending.abort(new Error(`it ended: ${out}${err}`)))
  return {
    child,
    gone,
    async printed(what) {
      for (let found = out.match(what); ; found = out.match(what)) {
        if (found) return found
        await once(news, 'out', { signal: ending.signal })
      }
    },
  }
}

const node = (file: string, words: readonly string[] = [], environment: Record<string, string> = {}) =>
  run(process.execPath, ['--import', 'tsx', file, ...words], environment)

const demo = (folder: string, environment: Record<string, string> = {}) =>
  node('devices-sim/demo.ts', [], { HTTP_PORT: '0', MQTT_PORT: '0', HEMOTRAIL_DATA: folder, ...environment })

/** The process that holds the database, as its lock says. */
async function servicePid(folder: string): Promise<number> {
  const database = join(folder, 'database')
  const locks = (await readdir(database)).filter((name) => name.startsWith('lock-'))
  const newest = locks.sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0] ?? ''
  return JSON.parse(await readFile(join(database, newest), 'utf8')).pid
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hemotrail-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a running demo', () => {
  let shown: Program
  let api: string
  let mqtt: string
  let key: string
  beforeAll(async () => {
    shown = demo(folder, {
      // Whatever is exported, the demo stays with its own database and its own doors.
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/real',
      MIGRATE_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/real',
      HEMOTRAIL_HOST: '192.0.2.1',
      MQTTS_PORT: '1',
    })
    await shown.printed(/fridges report/)
    api = (await shown.printed(/readiness {2}(http:\/\/127\.0\.0\.1:\d+)\//))[1] ?? ''
    mqtt = (await shown.printed(/(mqtt:\/\/127\.0\.0\.1:\d+)/))[1] ?? ''
    key = (await readFile(join(folder, 'admin-key'), 'utf8')).trim()
  }, slow)

  test('says who may sign in, and they can', { timeout: slow }, async () => {
    const [, username, password] = await shown.printed(/^ {2}(demo-\S*nurse-1) +(\S+)$/m)
    const response = await fetch(new URL('/session', api), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    })
    expect(response.status).toBe(201)
  })

  test('tells what happens as plain lines where nobody looks at a terminal', { timeout: slow }, async () => {
    await shown.printed(/^day 1 \d\d:\d\d {2}GO {3}/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect((await shown.printed(/fridges report/)).input).not.toMatch(/\u001b/)
  })

  const sim = (...words: string[]) =>
    node('devices-sim/main.ts', [...words, '--url', mqtt, '--api', api], { HEMOTRAIL_KEY: key }).gone
  const post = async (path: string, body: unknown): Promise<{ secret: string }> => {
    const response = await fetch(new URL(path, api), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await response.json()) as { secret: string }
  }

  test('leaves its fridges to itself: a fleet that would take them over is refused', {
    timeout: slow,
  }, async () => {
    const { code, err } = await sim('city', '--hospitals', '3', '--fridges', '12', '--prefix', 'demo')
    expect(code).toBe(1)
    expect(err).toMatch(/^demo-\S+-\d exists already and its secret is not known here: [^\n]*\n$/)
  })

  test('has room for a fleet beside it, that keeps its secrets for the next run', {
    timeout: slow,
  }, async () => {
    const secrets = join(folder, 'sim', 'secrets.json')
    for (const _ of ['first', 'again']) {
      const words = ['--fridges', '2', '--interval-seconds', '0.5', '--seconds', '1.5', '--secrets', secrets]
      const { code, err } = await sim(...words)
      expect({ code, err }).toEqual({ code: 0, err: '' })
    }
    expect(Object.keys(JSON.parse(await readFile(secrets, 'utf8'))).sort()).toEqual([
      'sim-fridge-0001',
      'sim-fridge-0002',
    ])
  })

  test('tells a replay that what it acknowledged was not accepted', { timeout: slow }, async () => {
    const file = join(folder, 'old.csv')
    await writeFile(file, 'timestamp,temperature,humidity\n2020-05-05T09:21:56+0200,4.1,40\n')
    await post('/facilities', { code: 'H1', name: 'H1', kind: 'hospital', timeZone: 'Asia/Shanghai' })
    const device = (name: string) => ({ name, kind: 'fridge', facility: 'H1', profile: { low: 2, high: 6 } })
    const young = await post('/devices', device('young'))
    const old = await post('/devices', { ...device('old'), inServiceFrom: '2020-01-01T00:00:00Z' })

    const words = (name: string, secret: string) =>
      ['replay', file, '--facility', 'H1', '--device', name, '--secret', secret] as const
    const rejected = await sim(...words('young', young.secret))
    expect(rejected.code).toBe(1)
    expect(rejected.err).toBe(
      'young: 1 of 1 reading rejected (before_in_service): look at GET /rejected-messages?device=young\n',
    )
    const accepted = await sim(...words('old', old.secret))
    expect({ code: accepted.code, err: accepted.err }).toEqual({ code: 0, err: '' })
    expect(accepted.out).toMatch(
      /^old: 1 reading in 1 message, all acknowledged .*\nold: none was rejected\n$/,
    )
    const unasked = await node('devices-sim/main.ts', [...words('old', old.secret), '--url', mqtt]).gone
    expect(unasked.out).toContain('acknowledged is not accepted')
  })

  test('prints a command that traces a bag that moved', { timeout: slow }, async () => {
    const [command] = await shown.printed(/HEMOTRAIL_URL=.* npm run cli -- trace \S+/)
    const { code, out } = await run('sh', ['-c', command]).gone
    expect(code).toBe(0)
    expect(out).toMatch(/^demo-h0\d\/demo-h0\d-/m)
    expect(out).toMatch(/^in hand/m)
  })

  test('is not joined by a second one in its folder', { timeout: slow }, async () => {
    const second = await demo(folder).gone
    expect(second.code).toBe(1)
    expect(second.err).toMatch(/^the service did not start: \S+ is in use by process \d+: [^\n]*\n$/)
    expect(second.out).toBe('')
  })

  test('ends clean when its terminal is closed, and its service with it', { timeout: slow }, async () => {
    shown.child.kill('SIGHUP')
    const { code, out, err } = await shown.gone
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/stopped clean\n$/)
  })
})

describe('a demo that is started again', () => {
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL')
  })

  test('finds what was stored; killed, it takes its service along', { timeout: slow }, async () => {
    const shown = demo(folder, { PATH: '/nowhere' })
    await shown.printed(/found what was stored/)
    await shown.printed(/^telemetry {2}in the database alone: no influxd is on the PATH$/m)
    await shown.printed(/fridges report/)
    shown.child.kill('SIGKILL')
    await shown.gone
  })

  test('kills a service that does not stop, when it is told to end a second time', {
    timeout: slow,
  }, async () => {
    const shown = demo(folder)
    await shown.printed(/fridges report/)
    process.kill(await servicePid(folder), 'SIGSTOP')
    const telling = setInterval(() => shown.child.kill('SIGINT'), 100)
    onTestFinished(() => clearInterval(telling))
    expect((await shown.gone).code).toBe(130)
  })

  test('says which port is taken, and gives its key to nobody who listens there', {
    timeout: slow,
  }, async () => {
    const stranger = createServer((socket) => socket.destroy())
    onTestFinished(() => void stranger.close())
    let visits = 0
    stranger.on('connection', () => (visits += 1))
    stranger.listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as AddressInfo
    for (const name of ['HTTP_PORT', 'MQTT_PORT']) {
      const { code, err, out } = await demo(folder, { [name]: String(port) }).gone
      expect({ code, err, out }).toEqual({
        code: 1,
        err: `the service did not start: port ${port} is taken: set ${name}\n`,
        out: '',
      })
    }
    expect(visits).toBe(0)
  })
})

describeOnInflux('a demo that finds an influxd', () => {
  const path = () => `${dirname(findBinary() ?? '')}${delimiter}${process.env.PATH}`
  const isThere = async (url: string) => (await fetch(`${url}/ping`).catch(() => null)) !== null
  let home: string
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'hemotrail-'))
  })
  afterAll(() => rm(home, { recursive: true }))

  const start = async () => {
    const shown = demo(home, { PATH: path() })
    await shown.printed(/fridges report/)
    const [, url = ''] = await shown.printed(/^telemetry {2}InfluxDB 1\S+ at (http:\/\/127\.0\.0\.1:\d+), /m)
    return { shown, url }
  }

  test('keeps telemetry there, says how to look at it, and takes it along when it is killed', {
    timeout: slow,
  }, async () => {
    const { shown, url } = await start()
    const [command] = await shown.printed(/curl -sG (.*)\\\n(.*)/)
    const looked = async () => (await run('sh', ['-c', command]).gone).out
    await until(async () => /"?device=demo-\S+,probe=load/.test(await looked()))
    shown.child.kill('SIGKILL')
    await shown.gone
    await until(async () => !(await isThere(url)))
  })

  test('has it where it was at the next start, and stops it in the end', { timeout: slow }, async () => {
    const before = await readFile(join(home, 'influxdb', 'port'), 'utf8')
    const { shown, url } = await start()
    expect(url).toMatch(new RegExp(`:${before}$`))
    shown.child.kill('SIGTERM')
    const { code, out, err } = await shown.gone
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/stopped clean\n$/)
    expect(await isThere(url)).toBe(false)
  })
})
