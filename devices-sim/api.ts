import { z } from 'zod'

/** The HTTP API of a Hemotrail, and a key that may do what is asked of it. */
export type Api = { readonly api: string; readonly key: string }

export type Answer = { readonly status: number; readonly body: unknown }

/**
 * Ask: POST where there is a body, otherwise GET. Statuses in `also` are answers like success.
 *
 * @throws Error quoting any other answer
 */
export async function call(
  { api, key }: Api,
  path: string,
  { body, also = [] }: { readonly body?: unknown; readonly also?: readonly number[] } = {},
): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST'
  const request: RequestInit = {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }
  const response = await fetch(new URL(path, api), request).catch((error) => {
    throw new Error(`no service answers at ${api}`, { cause: error })
  })
  const text = await response.text()
  if (!response.ok && !also.includes(response.status)) {
    const problem = Problem.safeParse(json(text))
    const reason = problem.success ? problem.data.detail : text.slice(0, 500)
    throw new Error(`${method} ${path} answered ${response.status}: ${reason}`)
  }
  return { status: response.status, body: json(text) }
}

const Problem = z.object({ detail: z.string() })

/** The same, for a question whose answer has a known shape. */
export async function ask<T extends z.ZodType>(api: Api, path: string, answer: T): Promise<z.infer<T>> {
  return understand(api, answer, (await call(api, path)).body)
}

/** @throws Error saying that whatever answers there is not ours */
export function understand<T extends z.ZodType>({ api }: Api, answer: T, body: unknown): z.infer<T> {
  const understood = answer.safeParse(body)
  if (understood.success) return understood.data
  throw new Error(`what answers at ${api} is not Hemotrail, or another version of it`)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
