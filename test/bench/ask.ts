import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Send a process a message and wait for its answer; rejects where it ends instead. */
export async function ask<T>(child: ChildProcess, request: object): Promise<T> {
  const answered = new AbortController()
  const { signal } = answered
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a process of the bench ended with ${code} and without an answer`)
  })
  // Where the answer was first, nobody waits for this any more.
  ended.catch(() => {})
  const answer = once(child, 'message', { signal })
  answer.catch(() => {})
  try {
    child.send(request)
    const [message] = await Promise.race([answer, ended])
    return message as T
  } finally {
    answered.abort()
  }
}

/** The other side: one answer to each request. */
export function answer<Request, Answer>(work: (request: Request) => Promise<Answer>): void {
  process.on('message', (request: Request) => {
    work(request).then(
      (message) => process.send?.(message),
      (error) => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
        process.exit(1)
      },
    )
  })
}
