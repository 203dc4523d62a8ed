import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { UsageError } from './terminal.ts'

/** How a terminal finds the running service. */
export const connectionOptions = { url: { type: 'string' }, key: { type: 'string' } } as const

export type Connection = { readonly url?: string | undefined; readonly key?: string | undefined }

export type Request = {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: unknown
  /** Somebody nobody knows yet may ask this. */
  readonly open?: boolean
}

/**
 * Ask the running service. The address is `--url` or HEMOTRAIL_URL; the key `--key`, HEMOTRAIL_KEY, the session that
 * `sign-in` left here for that address, or HEMOTRAIL_ADMIN_KEY.
 *
 * @throws Error saying what the service answered, in its own words
 */
export async function ask<T extends z.ZodType>(
  connection: Connection,
  path: string,
  answer: T,
  { method = 'GET', body, open = false }: Request = {},
): Promise<z.infer<T>> {
  const url = new URL(path, addressOf(connection))
  const key = open ? null : keyOf(connection, url)
  const response = await reach(url, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answered: unknown = await response.json().catch(() => null)
  if (!response.ok) {
    const problem = z.object({ detail: z.string() }).safeParse(answered)
    throw new Error(problem.success ? problem.data.detail : `the service answered ${response.status}`)
  }
  const understood = answer.safeParse(answered)
  if (!understood.success)
    throw new Error(`what answers at ${url.origin} is not Hemotrail, or another version of it`)
  return understood.data
}

function keyOf({ key }: Connection, { origin }: URL): string {
  const found = key ?? (process.env.HEMOTRAIL_KEY || sessions()[origin] || process.env.HEMOTRAIL_ADMIN_KEY)
  if (!found) throw new UsageError('nobody is signed in: npm run cli -- sign-in USERNAME, or give --key')
  return found
}

/** Tokens by the origin they open; readable by nobody else. */
const sessionsFile = () =>
  process.env.HEMOTRAIL_SESSIONS ||
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'hemotrail', 'sessions.json')

function sessions(): Record<string, string> {
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(sessionsFile(), 'utf8')))
  } catch {
    return {}
  }
}

/** Remember a session for the commands that follow; null forgets it. */
export function keepSession(connection: Connection, token: string | null): void {
  const { origin } = new URL(addressOf(connection))
  const { [origin]: _old, ...others } = sessions()
  const kept = token === null ? others : { ...others, [origin]: token }
  const file = sessionsFile()
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  rmSync(file, { force: true })
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 })
}

const usualUrl = 'http://127.0.0.1:8080'

/** An empty variable is an absent one. */
function addressOf({ url }: Connection): string {
  const address = url ?? (process.env.HEMOTRAIL_URL || usualUrl)
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return address
  const name = url === undefined ? 'HEMOTRAIL_URL' : '--url'
  throw new UsageError(`${name} ${address} is not a URL like ${usualUrl}`)
}

async function reach(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request)
  } catch (error) {
    throw new Error(`no service answers at ${url.origin}`, { cause: error })
  }
}
