import { createHmac } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import { checkWebhookUrl, guardedLookup } from '../usecases/webhook-address.ts'
import type { Answer } from './try-once.ts'

/** What is posted where, signed with what. */
export type Post = {
  readonly url: string
  readonly secret: string
  /** Tells one delivery from another, and is the same when it is sent again. */
  readonly delivery: string
  readonly body: string
}

/** One attempt. Of the answer only the status is wanted: the rest is not read. */
export function postSigned(
  { url: text, secret, delivery, body }: Post,
  at: number,
  attemptMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const timestamp = new Date(at).toISOString()
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return new Promise((resolve) => {
    const fail = ({ message, name, code }: NodeJS.ErrnoException) =>
      resolve({ status: null, error: (message || code || name).slice(0, 500) })
    try {
      const url = checkWebhookUrl(text)
      const { request } = url.protocol === 'https:' ? https : http
      const asked = request(url, {
        method: 'POST',
        agent: false,
        lookup: guardedLookup(url),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'hemotrail',
          'hemotrail-delivery': delivery,
          'hemotrail-timestamp': timestamp,
          'hemotrail-signature': `v1=${signature}`,
        },
      })
      const giveUp = () => asked.destroy(new Error('the service stopped'))
      const impatience = setTimeout(
        () => asked.destroy(new Error(`no answer within ${attemptMs / 1_000} s`)),
        attemptMs,
      )
      signal.addEventListener('abort', giveUp)
      asked.on('close', () => {
        clearTimeout(impatience)
        signal.removeEventListener('abort', giveUp)
      })
      asked.on('error', fail)
      asked.on('response', (response) => {
        const status = response.statusCode ?? 0
        const isTaken = status >= 200 && status < 300
        resolve({ status, error: isTaken ? null : `it answered ${status}` })
        response.destroy()
      })
      asked.end(body)
    } catch (error) {
      fail(error as Error)
    }
  })
}
