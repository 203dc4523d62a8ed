import { readFileSync } from 'node:fs'
import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)
const text = z.string().min(1)

/** The environment as people write it. Anything else in the environment is not ours. */
const Environment = z.object({
  HEMOTRAIL_ADMIN_KEY: z
    .string({
      error: 'is missing: set a secret of at least 32 characters, for example from `openssl rand -base64 32`',
    })
    .min(32, 'must be at least 32 characters'),
  DATABASE_URL: text.optional(),
  MIGRATE_DATABASE_URL: text.optional(),
  HEMOTRAIL_DATA: text.default('data'),
  HEMOTRAIL_HOST: text.default('127.0.0.1'),
  HTTP_PORT: port.default(8080),
  MQTT_PORT: port.default(1883),
  MQTT_WS_PORT: port.optional(),
  MQTTS_PORT: port.optional(),
  MQTT_WSS_PORT: port.optional(),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),
  DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10),
  HOLD_SECONDS: z.coerce.number().min(1).max(600).default(60),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

export type Config = {
  readonly adminKey: string
  readonly database: {
    /** A Postgres server; without one, PGlite in `directory` (in memory where that is absent too). */
    readonly url?: string | undefined
    readonly migrateUrl?: string | undefined
    readonly directory?: string | undefined
    readonly poolSize: number
  }
  readonly host: string
  readonly httpPort: number
  /** Ports that are absent are not listened on; 0 is any free one. */
  readonly mqtt: {
    readonly mqttPort?: number | undefined
    readonly wsPort?: number | undefined
    readonly mqttsPort?: number | undefined
    readonly wssPort?: number | undefined
    readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined
  }
  /** How long acknowledgements may wait for a database that is away, ms. */
  readonly holdMs: number
  readonly logLevel: string
}

/**
 * Read the configuration from an environment.
 *
 * @throws Error naming every variable that is wrong and why
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Environment.safeParse(present)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
    throw new Error(`the configuration is not usable: ${faults.join('; ')}`)
  }
  const e = parsed.data
  const needsTls = e.MQTTS_PORT !== undefined || e.MQTT_WSS_PORT !== undefined
  const hasTls = e.TLS_CERT_FILE !== undefined && e.TLS_KEY_FILE !== undefined
  if (needsTls && !hasTls) {
    throw new Error(
      'the configuration is not usable: MQTTS_PORT and MQTT_WSS_PORT need TLS_CERT_FILE and TLS_KEY_FILE',
    )
  }
  return {
    adminKey: e.HEMOTRAIL_ADMIN_KEY,
    database: {
      url: e.DATABASE_URL,
      migrateUrl: e.MIGRATE_DATABASE_URL,
      directory: e.DATABASE_URL ? undefined : e.HEMOTRAIL_DATA,
      poolSize: e.DATABASE_POOL,
    },
    host: e.HEMOTRAIL_HOST,
    httpPort: e.HTTP_PORT,
    mqtt: {
      mqttPort: e.MQTT_PORT,
      wsPort: e.MQTT_WS_PORT,
      mqttsPort: e.MQTTS_PORT,
      wssPort: e.MQTT_WSS_PORT,
      tls: hasTls
        ? { cert: readFileSync(e.TLS_CERT_FILE as string), key: readFileSync(e.TLS_KEY_FILE as string) }
        : undefined,
    },
    holdMs: e.HOLD_SECONDS * 1_000,
    logLevel: e.LOG_LEVEL,
  }
}
