import { createTransport } from 'nodemailer'
import type { Answer } from './try-once.ts'

/** Who takes e-mail to be sent on, and whom it is from. */
export type MailRelay = {
  /** `smtp://` or `smtps://`, with user and password where it asks for them. */
  readonly url: string
  readonly from: string
}

export type Mail = {
  readonly to: string
  readonly subject: string
  readonly text: string
  /** The same when it is sent again, so that a mailbox may know it. */
  readonly messageId: string
}

export type Mailer = (mail: Mail, attemptMs: number, signal: AbortSignal) => Promise<Answer>

/**
 * Sends each mail over a connection of its own: delivered is what the relay has taken. A password is told
 * over TLS alone.
 */
export function createMailer({ url, from }: MailRelay): Mailer {
  const requireTLS = new URL(url).password !== ''
  return async ({ to, subject, text, messageId }, attemptMs, signal) => {
    const transport = createTransport({
      url,
      requireTLS,
      connectionTimeout: attemptMs,
      greetingTimeout: attemptMs,
      socketTimeout: attemptMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
    const patience = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)])
    const ended = new Promise<never>((_, reject) => {
      const end = () => reject(new Error(`not taken within ${attemptMs / 1_000} s`))
      patience.addEventListener('abort', end, { once: true })
    })
    try {
      // A mailbox may only be one, whatever its characters mean to those who read lists of them.
      const sent = transport.sendMail({ from, to: { name: '', address: to }, subject, text, messageId })
      const { response } = await Promise.race([sent, ended])
      return { status: statusOf(response), error: null }
    } catch (error) {
      const { message, responseCode } = error as Error & { responseCode?: number }
      // RFC 5321 § 4.2.1: 5yz is a permanent negative completion.
      const isFinal = responseCode !== undefined && responseCode >= 500
      return { status: responseCode ?? null, error: message.slice(0, 500), isFinal }
    } finally {
      transport.close()
    }
  }
}

function statusOf(response: unknown): number | null {
  const [code] = /^\d{3}/.exec(String(response)) ?? []
  return code === undefined ? null : Number(code)
}
