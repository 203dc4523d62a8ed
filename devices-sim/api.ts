import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'

/** The HTTP API of a Hemotrail, and a key that may do what is asked of it. */
export type Api = { readonly api: string; readonly key: string }

export type Answer = { readonly status: number; readonly body: unknown }

export type Asking = {
  readonly body?: unknown
  /** POST where there is a body, otherwise GET, if nothing else is said. */
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** Statuses that are answers like success. */
  readonly also?: readonly number[]
  /** Names the request: the service does it once, however often it is asked. */
  readonly idempotencyKey?: string
  /** How often to ask where no answer comes, or the service is not itself. */
  readonly tries?: number
}

/** @throws Error quoting any answer that is neither success nor in `also` */
export async function call({ api, key }: Api, path: string, asking: Asking = {}): Promise<Answer> {
  const { body, method = body === undefined ? 'GET' : 'POST', also = [], idempotencyKey, tries = 1 } = asking
  const request: RequestInit = {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }
  for (let left = tries - 1; ; left -= 1) {
    const answered = await send(new URL(path, api), request).catch((error) => {
      if (left <= 0) throw new Error(`no service answers at ${api}`, { cause: error })
      return null
    })
    if (answered && (answered.status < 500 || left <= 0))
      return readAnswer(`${method} ${path}`, answered, also)
    await pause(betweenTriesMs)
  }
}

const betweenTriesMs = 500

async function send(url: URL, request: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(url, request)
  return { status: response.status, text: await response.text() }
}

function readAnswer(
  asked: string,
  { status, text }: { readonly status: number; readonly text: string },
  also: readonly number[],
): Answer {
  const body = json(text)
  if (status < 300 || also.includes(status)) return { status, body }
  const problem = Problem.safeParse(body)
  throw new Error(
    `${asked} answered ${status}: ${problem.success ? problem.data.detail : text.slice(0, 500)}`,
  )
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
