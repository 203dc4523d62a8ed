import { readFileSync } from 'node:fs'
import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)
const text = z.string().min(1)

/** What says where the database is; a command that only migrates needs no more. */
const DatabaseEnvironment = z.object({
  DATABASE_URL: text.optional(),
  MIGRATE_DATABASE_URL: text.optional(),
  HEMOTRAIL_DATA: text.default('data'),
  DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10),
})

/** The environment as people write it. Anything else in the environment is not ours. */
const Environment = DatabaseEnvironment.extend({
  HEMOTRAIL_ADMIN_KEY: z
    .string({
      error: 'is missing: set a secret of at least 32 characters, for example from `openssl rand -base64 32`',
    })
    .min(32, 'must be at least 32 characters'),
  HEMOTRAIL_HOST: text.default('127.0.0.1'),
  HTTP_PORT: port.default(8080),
  MQTT_PORT: port.default(1883),
  MQTT_WS_PORT: port.optional(),
  MQTTS_PORT: port.optional(),
  MQTT_WSS_PORT: port.optional(),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),
  HOLD_SECONDS: z.coerce.number().min(1).max(600).default(60),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

export type DatabaseConfig = {
  /** A Postgres server; without one, PGlite in `directory`. */
  readonly url?: string | undefined
  readonly migrateUrl?: string | undefined
  readonly directory?: string | undefined
  readonly poolSize: number
}

export type Config = {
  readonly adminKey: string
  readonly database: DatabaseConfig
  readonly host: string
  readonly httpPort: number
  /** Ports that are absent are not listened on; 0 is any free one. */
  readonly mqtt: {
    readonly mqttPort?: number
    readonly wsPort?: number
    readonly mqttsPort?: number
    readonly wssPort?: number
    readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
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
  const e = read(Environment, env)
  const needsTls = e.MQTTS_PORT !== undefined || e.MQTT_WSS_PORT !== undefined
  const hasTls = e.TLS_CERT_FILE !== undefined && e.TLS_KEY_FILE !== undefined
  if (needsTls && !hasTls) {
    throw new Error(
      'the configuration is not usable: MQTTS_PORT and MQTT_WSS_PORT need TLS_CERT_FILE and TLS_KEY_FILE',
    )
  }
  return {
    adminKey: e.HEMOTRAIL_ADMIN_KEY,
    database: databaseOf(e),
    host: e.HEMOTRAIL_HOST,
    httpPort: e.HTTP_PORT,
    mqtt: {
      mqttPort: e.MQTT_PORT,
      ...(e.MQTT_WS_PORT === undefined ? {} : { wsPort: e.MQTT_WS_PORT }),
      ...(e.MQTTS_PORT === undefined ? {} : { mqttsPort: e.MQTTS_PORT }),
      ...(e.MQTT_WSS_PORT === undefined ? {} : { wssPort: e.MQTT_WSS_PORT }),
      ...(e.TLS_CERT_FILE === undefined || e.TLS_KEY_FILE === undefined
        ? {}
        : { tls: { cert: readFileSync(e.TLS_CERT_FILE), key: readFileSync(e.TLS_KEY_FILE) } }),
    },
    holdMs: e.HOLD_SECONDS * 1_000,
    logLevel: e.LOG_LEVEL,
  }
}

/** @throws Error naming every variable that is wrong and why */
export function readDatabaseConfig(env: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  return databaseOf(read(DatabaseEnvironment, env))
}

function databaseOf(e: z.infer<typeof DatabaseEnvironment>): DatabaseConfig {
  return {
    url: e.DATABASE_URL,
    migrateUrl: e.MIGRATE_DATABASE_URL,
    directory: e.DATABASE_URL ? undefined : e.HEMOTRAIL_DATA,
    poolSize: e.DATABASE_POOL,
  }
}

/** An empty variable is an absent one. */
function read<T extends z.ZodType>(schema: T, env: Readonly<Record<string, string | undefined>>): z.infer<T> {
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')))
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
  throw new Error(`the configuration is not usable: ${faults.join('; ')}`)
}
