import { z } from 'zod'
import { UsageError } from './terminal.ts'

/** How a terminal finds the running service. */
export const connectionOptions = { url: { type: 'string' }, key: { type: 'string' } } as const

export type Connection = { readonly url?: string | undefined; readonly key?: string | undefined }

/**
 * Ask the running service. The address is `--url` or HEMOTRAIL_URL, the key `--key` or HEMOTRAIL_ADMIN_KEY.
 *
 * @throws Error saying what the service answered, in its own words
 */
export async function ask<T extends z.ZodType>(
  connection: Connection,
  path: string,
  answer: T,
): Promise<z.infer<T>> {
  const url = new URL(path, addressOf(connection))
  const key = connection.key ?? process.env.HEMOTRAIL_ADMIN_KEY
  if (!key) throw new UsageError('no key: give --key or set HEMOTRAIL_ADMIN_KEY')
  const response = await reach(url, key)
  const body: unknown = await response.json().catch(() => null)
  if (!response.ok) {
    const problem = z.object({ detail: z.string() }).safeParse(body)
    throw new Error(problem.success ? problem.data.detail : `the service answered ${response.status}`)
  }
  const understood = answer.safeParse(body)
  if (!understood.success)
    throw new Error(`what answers at ${url.origin} is not Hemotrail, or another version of it`)
  return understood.data
}

const usualUrl = 'http://127.0.0.1:8080'

/** An empty variable is an absent one. */
function addressOf({ url }: Connection): string {
  const address = url ?? (process.env.HEMOTRAIL_URL || usualUrl)
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return address
  const name = url === undefined ? 'HEMOTRAIL_URL' : '--url'
  throw new UsageError(`${name} ${address} is not a URL like ${usualUrl}`)
}

async function reach(url: URL, key: string): Promise<Response> {
  try {
    return await fetch(url, { headers: { authorization: `Bearer ${key}` } })
  } catch (error) {
    throw new Error(`no service answers at ${url.origin}`, { cause: error })
  }
}
