import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type LogLine = { readonly level: number; readonly msg: string; readonly [field: string]: unknown }

/** `npm start` as a process of its own, to be killed and started again on the same ports. */
export type ServiceProcess = {
  readonly mqttPort: number
  /** Where HL7 messages are taken since the last start, where they are. */
  mllpPort(): number
  readonly url: string
  /** Of the process that runs, or ran last. */
  pid(): number | undefined
  /** The administrator's. */
  readonly key: string
  /** The first line it has logged, or will, that says this. */
  logged(what: RegExp): Promise<LogLine>
  /** Resolves when it is ready; rejects when it ends before. */
  start(): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>
  /** Ask as the administrator; anything but success is an error. */
  ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer>
}

const repository = fileURLToPath(new URL('../..', import.meta.url))

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Start it on free ports, which it keeps from then on. */
export async function startServiceProcess(
  environment: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const key = randomBytes(32).toString('hex')
  const ports = { MQTT_PORT: '0', HTTP_PORT: '0' }
  const log: string[] = []
  const lines = new EventEmitter<{ line: [string] }>().setMaxListeners(0)
  let child: ChildProcess | undefined
  let mllp = 0

  async function start(): Promise<void> {
    const begun = spawn(process.execPath, ['--import', 'tsx', 'api/main.ts'], {
      cwd: repository,
      env: { PATH: process.env.PATH, HEMOTRAIL_ADMIN_KEY: key, LOG_LEVEL: 'info', ...environment, ...ports },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = begun
    running.add(begun)
    begun.once('exit', () => running.delete(begun))
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: begun.stdout }).on('line', (text) => {
        log.push(text)
        lines.emit('line', text)
        const line = JSON.parse(text) as LogLine
        if (line.msg !== 'ready') return
        ports.HTTP_PORT = new URL(line.http as string).port
        mllp = Number(line.mllp)
        ports.MQTT_PORT = new URL((line.mqtt as { mqtt: string }).mqtt).port
        resolve()
      })
      begun.once('exit', (code, signal) => {
        reject(new Error(`the service ended (${signal ?? code}) before it was ready: ${log.at(-1)}`))
      })
    })
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return null
    const exit = once(child, 'exit')
    child.kill(signal)
    const [code] = await exit
    return code
  }

  await start()
  const url = `http://127.0.0.1:${ports.HTTP_PORT}`
  return {
    mqttPort: Number(ports.MQTT_PORT),
    mllpPort: () => mllp,
    url,
    key,
    pid: () => child?.pid,
    start,
    async kill9() {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    logged: (what) =>
      new Promise((resolve) => {
        const look = (text: string) => {
          if (!what.test(text)) return false
          lines.off('line', look)
          resolve(JSON.parse(text) as LogLine)
          return true
        }
        if (!log.some(look)) lines.on('line', look)
      }),
    async ask<Answer>(method: string, path: string, body?: unknown) {
      const response = await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`)
      return JSON.parse(answer) as Answer
    },
  }
}
