/**
 * What a failed statement says about the world:
 * - `data`: these very values cannot be stored; they never will be.
 * - `retry`: another transaction was in the way; the same again may pass at once.
 * - `away`: the database is not there, not whole or not willing; nothing is wrong with what was asked.
 * - `bug`: ours.
 */
export type FailureClass = 'data' | 'retry' | 'away' | 'bug'

/** The code of every error PGlite's bridge raises itself: its worker has died, or is closed. */
export const pgliteEnded = 'PGLITE_ENDED'

/** No serial order, a deadlock, a lock that was not had in time. */
const retries = new Set(['40001', '40P01', '55P03'])

/** Data exception, integrity violation, and program limits: an index row too long, JSON nested too deep. */
const dataClasses = new Set(['22', '23', '54'])

/** Connection, authorization, resources, operator intervention, system error (I/O). */
const awayClasses = new Set(['08', '28', '53', '57', '58'])

/** Read-only (a standby, a full disk's guard), idle too long in a transaction, no such database. */
const awayStates = new Set(['25006', '25P03', '3D000'])

const awayCodes = new Set([
  pgliteEnded,
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** node-postgres gives these errors no code. */
const awayMessages = [
  /^Connection terminated/,
  /^timeout e(xpired|xceeded)/,
  /^Query read timeout/,
  /is not queryable$/,
  /^Cannot use a pool after calling end/,
  /error establishing an SSL connection$/,
]

/** SQLSTATE of the first error in the chain of causes that has one; drizzle wraps the driver's error in its own. */
export function sqlStateOf(error: unknown): string | undefined {
  const refused = sqlErrorOf(error)
  return refused && codeOf(refused)
}

/** What the database itself said of it; drizzle's own message quotes the statement instead. */
export function sqlMessageOf(error: unknown): string | undefined {
  return sqlErrorOf(error)?.message
}

function sqlErrorOf(error: unknown): Error | undefined {
  return causes(error).find((cause) => isSqlState(codeOf(cause) ?? ''))
}

/** Decide what to do about an error from the database; an error that is not from there is a bug. */
export function failureClass(error: unknown): FailureClass {
  const state = sqlStateOf(error)
  if (state) {
    if (retries.has(state)) return 'retry'
    if (dataClasses.has(state.slice(0, 2))) return 'data'
    return awayClasses.has(state.slice(0, 2)) || awayStates.has(state) ? 'away' : 'bug'
  }
  return causes(error).some(isAway) ? 'away' : 'bug'
}

function isAway(error: Error): boolean {
  const code = codeOf(error)
  if (code && awayCodes.has(code)) return true
  // A Unix socket that is not there: the server is down. The same code from a file of ours is a bug.
  if (code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect') return true
  return awayMessages.some((message) => message.test(error.message))
}

/** Node's own five-letter codes (EPIPE, E2BIG) all begin with E; no SQLSTATE does, and each has a digit. */
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[0-9A-DF-Z][0-9A-Z]{4}$/.test(code)
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function causes(error: unknown): Error[] {
  const chain: Error[] = []
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at)
  return chain
}
