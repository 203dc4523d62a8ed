import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** The service as a process of ours, that never outlives us. */
export type ServiceProcess = {
  /** Resolves with where it answers, by its own word; rejects with the reason when it ends before. */
  readonly ready: Promise<{ readonly api: string; readonly mqtt: string }>
  /** Resolves with the reason when it has ended. */
  readonly ended: Promise<string>
  /** Ask it to stop; resolves when it is gone. */
  stop(): Promise<void>
}

const repository = fileURLToPath(new URL('..', import.meta.url))

/** What it sees of our environment. Anything else, DATABASE_URL first of all, could lead it into somebody's real data. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot', 'TZ', 'NODE_OPTIONS']

const fatal = 60
const levels: Readonly<Record<string, number>> = {
  warn: 40,
  error: 50,
  fatal,
  silent: Number.POSITIVE_INFINITY,
}

const Line = z.looseObject({
  level: z.number(),
  msg: z.string().default(''),
  err: z.object({ message: z.string(), code: z.string().optional(), port: z.number().optional() }).optional(),
})
const Ready = z.object({ msg: z.literal('ready'), http: z.string(), mqtt: z.object({ mqtt: z.string() }) })

export function startService(
  environment: Readonly<Record<string, string>>,
  { logLevel }: { readonly logLevel: string },
): ServiceProcess {
  const service = spawn(
    process.execPath,
    ['--import', 'tsx', '--import', new URL('leash.ts', import.meta.url).href, 'api/main.ts'],
    {
      cwd: repository,
      env: {
        ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
        ...environment,
        // `ready` is said at info, so it must speak that loud; what people did not ask for is left out below.
        LOG_LEVEL: logLevel in levels ? 'info' : logLevel,
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      // Ctrl-C reaches the whole group; the service is asked to stop once the fridges have left.
      detached: true,
    },
  )
  const kill = () => void service.kill('SIGKILL')
  process.once('exit', kill)

  let fault: string | undefined
  // Not `exit`: what it said last may still be on its way then.
  const ended = once(service, 'close').then(
    ([code, signal]) => {
      process.off('exit', kill)
      return fault ?? `it ended with ${signal ?? `code ${code}`}`
    },
    (error: Error) => error.message,
  )
  const ready = new Promise<{ api: string; mqtt: string }>((resolve, reject) => {
    createInterface({ input: service.stdout as Readable }).on('line', (text) => {
      const line = read(text)
      const begun = Ready.safeParse(line)
      if (begun.success) resolve({ api: begun.data.http, mqtt: begun.data.mqtt.mqtt })
      if (line?.level !== fatal) {
        if (!line || line.level >= (levels[logLevel] ?? 0)) console.log(text)
        return
      }
      fault = line.err ? reasonOf(line.err, environment) : line.msg
      // Doors that opened before the one that failed would keep it alive.
      service.kill('SIGTERM')
    })
    void ended.then((reason) => reject(new Error(`the service did not start: ${reason}`)))
  })

  return {
    ready,
    ended,
    async stop() {
      service.kill('SIGTERM')
      await ended
    },
  }
}

function read(text: string): z.infer<typeof Line> | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

type Fault = NonNullable<z.infer<typeof Line>['err']>

function reasonOf({ code, port, message }: Fault, { HTTP_PORT }: Readonly<Record<string, string>>): string {
  if (code !== 'EADDRINUSE' || port === undefined) return message
  return `port ${port} is taken: set ${String(port) === HTTP_PORT ? 'HTTP_PORT' : 'MQTT_PORT'}`
}
