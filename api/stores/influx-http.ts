import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { HttpError, InfluxDB } from '@influxdata/influxdb-client'
import { TelemetryFailure, type TelemetryTrouble } from './telemetry.ts'

/** Where an InfluxDB is, and how it is spoken to: as version 1, by user and database, or by token and bucket since 1.8. */
export type InfluxPlace = { readonly url: string } & (
  | { readonly token: string; readonly org: string; readonly bucket: string }
  | { readonly database: string; readonly user?: string | undefined; readonly password?: string | undefined }
)

export type InfluxHttp = {
  /** Store lines, in ms, all in this one request. @throws TelemetryFailure */
  write(lines: readonly string[], signal?: AbortSignal): Promise<void>
  /** Run one InfluxQL statement; the rows of its only series, none where it has none. @throws TelemetryFailure */
  query(statement: string): Promise<Record<string, unknown>[]>
  /** Its version. @throws TelemetryFailure */
  ping(): Promise<string | undefined>
  close(): void
}

/** How long one request may take until it counts as unanswered, ms. */
export type InfluxPatience = { readonly writeMs: number; readonly queryMs: number; readonly pingMs: number }

const usual: InfluxPatience = { writeMs: 15_000, queryMs: 15_000, pingMs: 2_000 }

/**
 * Requests to an InfluxDB, by the transport of its own client: that knows proxies, paths and tokens. Its writer is left
 * alone, for it resolves before what it holds is stored, and so is its timeout, which leaves the connection open.
 */
export function influxHttp(place: InfluxPlace, changes: Partial<InfluxPatience> = {}): InfluxHttp {
  const patience = { ...usual, ...changes }
  const agent = new (place.url.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true })
  const isFirstVersion = 'database' in place
  const name = isFirstVersion ? place.database : place.bucket
  const { transport } = new InfluxDB({
    url: place.url,
    timeout: 0,
    transportOptions: { agent },
    ...(isFirstVersion ? { headers: basicAuth(place) } : { token: place.token }),
  })
  const writePath = isFirstVersion
    ? `/write?${new URLSearchParams({ db: name, precision: 'ms' })}`
    : `/api/v2/write?${new URLSearchParams({ org: place.org, bucket: name, precision: 'ms' })}`

  return {
    async write(lines, given) {
      const options = {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8', accept: 'application/json' },
        gzipThreshold: 1_000,
      }
      const body = lines.join('\n')
      let status: number | undefined
      const send = (signal: AbortSignal): Promise<unknown> =>
        transport.request(writePath, body, { ...options, signal }, (_, answered) => {
          status = answered
        })
      await within(patience.writeMs, send, { lines: lines.length, given })
      if (status !== 204) throw notStored(status)
    },

    async query(statement) {
      const form = new URLSearchParams({ db: name, epoch: 'ms', q: statement })
      const options = {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      }
      const send = (signal: AbortSignal) =>
        transport.request('/query', form.toString(), { ...options, signal })
      return rowsOf(await within(patience.queryMs, send))
    },

    async ping() {
      let version: string | undefined
      const options = { method: 'GET', headers: { accept: 'application/json' } }
      const send = (signal: AbortSignal): Promise<unknown> =>
        transport.request('/ping', '', { ...options, signal }, (headers) => {
          version = headers['x-influxdb-version']?.toString()
        })
      const said = await within(patience.pingMs, send)
      return version ?? (isRecord(said) && typeof said.version === 'string' ? said.version : undefined)
    },

    close: () => agent.destroy(),
  }
}

/**
 * Send one request, and give it up after `ms` or with the signal given. Not by AbortSignal.any and .timeout: Node 20 may
 * collect them as garbage before they fire.
 *
 * @throws TelemetryFailure
 */
async function within<T>(
  ms: number,
  send: (signal: AbortSignal) => Promise<T>,
  { lines = 0, given }: { readonly lines?: number; readonly given?: AbortSignal | undefined } = {},
): Promise<T> {
  const abort = new AbortController()
  const giveUp = () => abort.abort()
  let isLate = false
  const impatience = setTimeout(() => {
    isLate = true
    giveUp()
  }, ms)
  given?.addEventListener('abort', giveUp)
  if (given?.aborted) giveUp()
  try {
    return await send(abort.signal)
  } catch (error) {
    throw isLate ? new TelemetryFailure('away', `no answer within ${ms / 1_000} s`) : failureOf(error, lines)
  } finally {
    clearTimeout(impatience)
    given?.removeEventListener('abort', giveUp)
  }
}

function basicAuth({
  user,
  password,
}: {
  readonly user?: string | undefined
  readonly password?: string | undefined
}) {
  if (user === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
}

/** A statement that fails at run time is answered 200, with the error inside. */
function rowsOf(answer: unknown): Record<string, unknown>[] {
  const [result] = isRecord(answer) && Array.isArray(answer.results) ? answer.results : []
  if (!isRecord(result)) throw new TelemetryFailure('failed', 'it answered a query with something else')
  if (typeof result.error === 'string') throw new TelemetryFailure('failed', result.error, { status: 200 })
  const [series] = Array.isArray(result.series) ? result.series : []
  if (!isRecord(series) || !Array.isArray(series.columns) || !Array.isArray(series.values)) return []
  // A server may be set to give but so many rows, and cuts off the rest in silence.
  if (series.partial === true) throw new TelemetryFailure('failed', 'it answered a query in part')
  const { columns, values } = series
  return values.map((row: unknown[]) => Object.fromEntries(columns.map((column, i) => [column, row[i]])))
}

/** Every version says 204 where it has stored all; its cloud said 201 of a part. Anything else is no InfluxDB's word. */
function notStored(status: number | undefined): TelemetryFailure {
  return new TelemetryFailure(status === 201 ? 'refused' : 'shut', `it answered a write ${status}`, {
    status: status ?? null,
  })
}

/** @param sent how many lines it was about */
function failureOf(error: unknown, sent = 0): TelemetryFailure {
  if (error instanceof TelemetryFailure) return error
  if (!(error instanceof HttpError)) {
    const { code, message, name } = error as NodeJS.ErrnoException
    return new TelemetryFailure('away', code ?? (message || name))
  }
  const { statusCode: status } = error
  const reason = reasonOf(error)
  const dropped = /partial write.* dropped=(\d+)/s.exec(reason)?.[1]
  return new TelemetryFailure(troubleOf(status, reason), reason, {
    status,
    retryAfterMs: retryAfterMs(error.headers?.['retry-after']?.toString()),
    isWhole: sent > 0 && Number(dropped) === sent,
  })
}

const troubles: Partial<Record<number, TelemetryTrouble>> = {
  400: 'refused',
  408: 'away',
  413: 'refused',
  422: 'refused',
  425: 'away',
  429: 'away',
  502: 'away',
  503: 'away',
  504: 'away',
  507: 'away',
}

/** What we do not understand is not held against the readings: they are kept. */
function troubleOf(status: number, reason: string): TelemetryTrouble {
  // Version 3 answers 500 where it took some lines and not others.
  if (status === 500 && /partial write/i.test(reason)) return 'refused'
  return troubles[status] ?? (status >= 500 ? 'failed' : 'shut')
}

/** The most of what a server says that is kept. */
const longestReason = 500

function reasonOf({ body = '', statusCode, statusMessage }: HttpError): string {
  const said = parsed(body)
  const detail =
    isRecord(said) && Array.isArray(said.data) ? said.data.find(isRecord)?.error_message : undefined
  const words = isRecord(said) ? [said.error ?? said.message, detail] : [body]
  const text = words.filter((word) => typeof word === 'string' && word !== '').join(': ')
  // It may quote anything, and the database has no text with a NUL in it.
  return (text.replace(/\p{Cc}+/gu, ' ').trim() || `${statusCode} ${statusMessage}`).slice(0, longestReason)
}

/** Seconds or a date (RFC 9110 § 10.2.3), in ms from now; 0 where it says nothing of use. */
function retryAfterMs(text: string | undefined): number {
  if (text === undefined) return 0
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return ms > 0 ? ms : 0
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
