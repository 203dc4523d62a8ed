import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { groupingMethods, orderedComponents, unitsOfMeasure } from '../schema/vocabulary.ts'
import type { MailRelay } from './jobs/send-mail.ts'
import type { InfluxPlace } from './stores/influx-http.ts'
import type { OpenIdProvider } from './stores/open-id.ts'
import type { TravelConfig } from './travel.ts'
import { readTravelTable } from './travel-table.ts'
import type { Hl7Party } from './usecases/take-hl7.ts'

const port = z.coerce.number().int().min(0).max(65_535)
const text = z.string().min(1)
const url = z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ''))

/** What says where the database is; a command that only migrates needs no more. */
const DatabaseEnvironment = z.object({
  DATABASE_URL: text.optional(),
  MIGRATE_DATABASE_URL: text.optional(),
  HEMOTRAIL_DATA: text.default('data'),
  DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10),
})

/** What says where telemetry is kept. */
const InfluxEnvironment = z.object({
  INFLUX_URL: url.optional(),
  INFLUX_TOKEN: text.optional(),
  INFLUX_ORG: text.optional(),
  INFLUX_BUCKET: text.optional(),
  INFLUX_DATABASE: text.optional(),
  INFLUX_USER: text.optional(),
  INFLUX_PASSWORD: text.optional(),
})

/** The environment as people write it. Anything else in the environment is not ours. */
const Environment = DatabaseEnvironment.extend(InfluxEnvironment.shape).extend({
  HEMOTRAIL_ADMIN_KEY: z
    .string({
      error: 'is missing: set a secret of at least 32 characters, for example from `openssl rand -base64 32`',
    })
    .min(32, 'must be at least 32 characters'),
  HEMOTRAIL_HOST: text.default('127.0.0.1'),
  HTTP_PORT: port.optional(),
  HTTPS_PORT: port.optional(),
  MQTT_PORT: port.default(1883),
  MQTT_WS_PORT: port.optional(),
  MQTTS_PORT: port.optional(),
  MQTT_WSS_PORT: port.optional(),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),
  PUBLIC_URL: url.optional(),
  OIDC_ISSUER: url.optional(),
  OIDC_CLIENT_ID: text.optional(),
  OIDC_CLIENT_SECRET: text.optional(),
  HEARTBEAT_URL: z.url({ protocol: /^https?$/ }).optional(),
  HEARTBEAT_SECONDS: z.coerce.number().min(5).max(3_600).default(60),
  SMTP_URL: z
    .url({
      protocol: /^smtps?$/,
      error: 'is smtp://HOST:PORT or smtps://HOST, with USER:PASSWORD@ if need be',
    })
    .optional(),
  MAIL_FROM: z.email().optional(),
  HL7_PORT: port.optional(),
  HL7_HOST: text.default('127.0.0.1'),
  HL7_SENDERS: text.optional(),
  HL7_PSEUDONYM_KEY: z.string().min(32, 'must be at least 32 characters').optional(),
  TRAVEL_TABLE_FILE: text.optional(),
  OSRM_URL: url.refine((value) => !/[@?#]/.test(value), 'has no user, no question mark and no #').optional(),
  OSRM_SECONDS: z.coerce.number().min(0.1).max(30).default(2),
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
  /** Ports that are absent are not listened on; 0 is any free one. The API has one of these two at least. */
  readonly httpPort?: number | undefined
  readonly httpsPort?: number | undefined
  readonly mqtt: {
    readonly mqttPort?: number
    readonly wsPort?: number
    readonly mqttsPort?: number
    readonly wssPort?: number
  }
  /** PEM, for every port that speaks TLS. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined
  /** Where browsers find the API, without a slash at its end. */
  readonly publicUrl?: string | undefined
  /** Who people may sign in with instead of a password. */
  readonly openId?: OpenIdProvider | undefined
  /** Where telemetry is kept; in the database where this is not said. */
  readonly influx?: InfluxPlace | undefined
  /** What outside address is told that the service works, and how often; nobody where this is not said. */
  readonly heartbeat?: { readonly url: string; readonly everyMs: number } | undefined
  /** Who takes e-mail to be sent on; without one nobody is told of alarms by e-mail. */
  readonly mail?: MailRelay | undefined
  /** Which systems' HL7 messages are taken, none where this is not said; where a port is, over MLLP, too. */
  readonly hl7?:
    | {
        readonly parties: readonly Hl7Party[]
        readonly listen: { readonly host: string; readonly port: number } | null
      }
    | undefined
  /** Who is asked how long ways take; they are reckoned of great circles where nobody is. */
  readonly travel?: TravelConfig | undefined
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
  const needsTls = [e.HTTPS_PORT, e.MQTTS_PORT, e.MQTT_WSS_PORT].some((port) => port !== undefined)
  const hasTls = e.TLS_CERT_FILE !== undefined && e.TLS_KEY_FILE !== undefined
  if (needsTls && !hasTls) {
    throw new Error(
      'the configuration is not usable: HTTPS_PORT, MQTTS_PORT and MQTT_WSS_PORT need TLS_CERT_FILE and TLS_KEY_FILE',
    )
  }
  return {
    adminKey: e.HEMOTRAIL_ADMIN_KEY,
    database: databaseOf(e),
    host: e.HEMOTRAIL_HOST,
    // Who asks for TLS alone does not get a door without it.
    httpPort: e.HTTP_PORT ?? (e.HTTPS_PORT === undefined ? 8080 : undefined),
    httpsPort: e.HTTPS_PORT,
    mqtt: {
      mqttPort: e.MQTT_PORT,
      ...(e.MQTT_WS_PORT === undefined ? {} : { wsPort: e.MQTT_WS_PORT }),
      ...(e.MQTTS_PORT === undefined ? {} : { mqttsPort: e.MQTTS_PORT }),
      ...(e.MQTT_WSS_PORT === undefined ? {} : { wssPort: e.MQTT_WSS_PORT }),
    },
    tls:
      e.TLS_CERT_FILE === undefined || e.TLS_KEY_FILE === undefined
        ? undefined
        : { cert: readFileSync(e.TLS_CERT_FILE), key: readFileSync(e.TLS_KEY_FILE) },
    publicUrl: e.PUBLIC_URL,
    openId: openIdOf(e),
    influx: influxOf(e),
    heartbeat: e.HEARTBEAT_URL ? { url: e.HEARTBEAT_URL, everyMs: e.HEARTBEAT_SECONDS * 1_000 } : undefined,
    mail: mailOf(e),
    hl7: hl7Of(e),
    travel: travelOf(e),
    holdMs: e.HOLD_SECONDS * 1_000,
    logLevel: e.LOG_LEVEL,
  }
}

/** @throws Error naming every variable that is wrong and why */
export function readDatabaseConfig(env: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  return databaseOf(read(DatabaseEnvironment, env))
}

/** The configured key alone. @throws Error where it is missing or too short */
export function readAdminKey(env: Readonly<Record<string, string | undefined>>): string {
  return read(Environment.pick({ HEMOTRAIL_ADMIN_KEY: true }), env).HEMOTRAIL_ADMIN_KEY
}

/** Where telemetry is kept; undefined for the database. @throws Error naming every variable that is wrong and why */
export function readInfluxPlace(env: Readonly<Record<string, string | undefined>>): InfluxPlace | undefined {
  return influxOf(read(InfluxEnvironment, env))
}

/** @throws Error where a part of it is missing */
function openIdOf(e: z.infer<typeof Environment>): OpenIdProvider | undefined {
  const {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    PUBLIC_URL: publicUrl,
  } = e
  if (issuer && clientId && clientSecret && publicUrl) return { issuer, clientId, clientSecret, publicUrl }
  if (!issuer && !clientId && !clientSecret) return undefined
  throw new Error(
    'the configuration is not usable: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and PUBLIC_URL need each other',
  )
}

/** @throws Error where a part of it is missing */
function mailOf({ SMTP_URL: url, MAIL_FROM: from }: z.infer<typeof Environment>): MailRelay | undefined {
  if (url && from) return { url, from }
  if (!url && !from) return undefined
  throw new Error('the configuration is not usable: SMTP_URL and MAIL_FROM need each other')
}

/** A sender as people write it. */
const Hl7SenderText = z.strictObject({
  application: text,
  facility: text,
  at: text,
  authority: text,
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  pseudonyms: z.enum(['hashed', 'as_sent']).default('hashed'),
  method: z.enum(groupingMethods).optional(),
  products: z
    .record(text, z.strictObject({ component: z.enum(orderedComponents), uom: z.enum(unitsOfMeasure) }))
    .default({}),
})

/** @throws Error saying what of it is wrong */
function hl7Of({
  HL7_PORT: listenOn,
  HL7_HOST: host,
  HL7_SENDERS: written,
  HL7_PSEUDONYM_KEY: key,
}: z.infer<typeof Environment>): Config['hl7'] {
  const wrong = (what: string) => new Error(`the configuration is not usable: ${what}`)
  if (written === undefined) {
    if (listenOn !== undefined) throw wrong('HL7_PORT needs HL7_SENDERS')
    return undefined
  }
  const senders = z.array(Hl7SenderText).min(1).safeParse(jsonOf(written))
  if (!senders.success) {
    const [issue] = senders.error.issues
    throw wrong(`HL7_SENDERS ${issue?.path.join('.')} ${issue?.message}`)
  }
  const names = senders.data.map(({ application, facility }) => JSON.stringify([application, facility]))
  if (new Set(names).size < names.length) throw wrong('HL7_SENDERS names an application of a facility twice')
  const parties = senders.data.map(({ pseudonyms, ...sender }) => {
    if (pseudonyms === 'hashed' && key === undefined)
      throw wrong('HL7_SENDERS with pseudonyms "hashed" needs HL7_PSEUDONYM_KEY')
    return { ...sender, pseudonymKey: pseudonyms === 'hashed' ? (key as string) : null }
  })
  return { parties, listen: listenOn === undefined ? null : { host, port: listenOn } }
}

/** @throws Error saying what of the table is wrong */
function travelOf({
  TRAVEL_TABLE_FILE: file,
  OSRM_URL: url,
  OSRM_SECONDS: seconds,
}: z.infer<typeof Environment>): TravelConfig {
  const osrm = url === undefined ? undefined : { url, timeoutMs: seconds * 1_000 }
  try {
    return { table: file === undefined ? undefined : readTravelTable(file), osrm }
  } catch (error) {
    const { message } = error as Error
    throw new Error(`the configuration is not usable: TRAVEL_TABLE_FILE ${file}: ${message}`, {
      cause: error,
    })
  }
}

function jsonOf(written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return written
  }
}

/** @throws Error where a part of it is missing, or belongs to the other way of speaking to it */
function influxOf(e: z.infer<typeof InfluxEnvironment>): InfluxPlace | undefined {
  const {
    INFLUX_URL: url,
    INFLUX_TOKEN: token,
    INFLUX_ORG: org,
    INFLUX_BUCKET: bucket,
    INFLUX_DATABASE: database,
    INFLUX_USER: user,
    INFLUX_PASSWORD: password,
  } = e
  const ofBuckets = [token, org, bucket]
  const ofDatabases = [database, user, password]
  const none = (values: readonly (string | undefined)[]) => values.every((value) => value === undefined)
  if (!url && none([...ofBuckets, ...ofDatabases])) return undefined
  if (url && token && org && bucket && none(ofDatabases)) return { url, token, org, bucket }
  if (url && database && none(ofBuckets) && (user !== undefined || password === undefined))
    return { url, database, user, password }
  throw new Error(
    'the configuration is not usable: INFLUX_URL needs either INFLUX_TOKEN, INFLUX_ORG and INFLUX_BUCKET, or INFLUX_DATABASE (InfluxDB 1) with an INFLUX_USER and INFLUX_PASSWORD if it asks for them; and they need INFLUX_URL',
  )
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
