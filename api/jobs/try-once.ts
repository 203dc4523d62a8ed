import { setTimeout as delay } from 'node:timers/promises'
import type { AttemptOutcome } from '../../schema/vocabulary.ts'

/** How long whoever delivers keeps trying. */
export type Patience = {
  /** How long one attempt may take, ms. */
  readonly attemptMs: number
  /** The pause after the first attempt; it doubles with each, up to the longest. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** Since the first attempt; the attempt that fails after it is the last. */
  readonly givesUpAfterMs: number
  /** How often to look for what is new to serve, and whether the process that delivers has gone. */
  readonly lookMs: number
}

/** What a receiver said. */
export type Answer = {
  /** Of HTTP or SMTP; null where nothing answered. */
  readonly status: number | null
  /** Null where it was taken. */
  readonly error: string | null
  /** It will not be taken, however often it is tried. */
  readonly isFinal?: boolean
}

export type Attempt = Omit<Answer, 'isFinal'> & {
  readonly attempt: number
  readonly at: number
  readonly outcome: AttemptOutcome
}

/** What was tried so far. */
export type Tried = { readonly count: number; readonly firstAt: number; readonly lastAt: number }

/** Nobody sleeps longer without looking whether what is waited for has ended or the clock was set. */
const longestSleepMs = 60_000

/**
 * Try to deliver once, if it is time; else wait.
 *
 * @param tried null where nothing was
 * @returns null where there is nothing to write down: it was not time yet, or it was broken off
 */
export async function tryOnce(
  tried: Tried | null,
  { firstPauseMs, longestPauseMs, givesUpAfterMs }: Patience,
  now: () => number,
  signal: AbortSignal,
  send: (at: number) => Promise<Answer>,
): Promise<Attempt | null> {
  if (tried) {
    const pauseMs = Math.min(firstPauseMs * 2 ** (tried.count - 1), longestPauseMs)
    const leftMs = tried.lastAt + pauseMs - now()
    if (leftMs > 0) {
      await pause(Math.min(leftMs, longestSleepMs), signal)
      return null
    }
  }
  const at = now()
  const { status, error, isFinal = false } = await send(at)
  if (signal.aborted) return null
  const isLast = isFinal || (tried !== null && at - tried.firstAt >= givesUpAfterMs)
  const outcome = error === null ? 'delivered' : isLast ? 'given_up' : 'failed'
  return { attempt: (tried?.count ?? 0) + 1, at, outcome, status, error }
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
