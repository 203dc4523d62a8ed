import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from '../stores/audit.ts'
import type { Transaction } from '../stores/database.ts'
import { type Direction, type OpenId, openIdName } from '../stores/open-id.ts'
import {
  countAttempt,
  dropSession,
  findBadge,
  forgetAttempts,
  hasSession,
  lockedOutMs,
  lockPerson,
  mostFailures,
  passwordHashOf,
} from '../stores/people.ts'
import { hashSecret, hashSlowly, isOfSlowHash } from '../stores/secrets.ts'
import type { NewSession, SessionOf, Sessions } from '../stores/sessions.ts'

type Door = Pick<Deps, 'database' | 'now'> & { readonly sessions: Sessions }

/** A nurse at a fridge says who she is for this one errand, ms. */
const badgeLastsMs = 5 * 60_000

/**
 * Sign somebody in by username and password. Whether the name or the password is wrong is not told, and takes as long.
 *
 * @throws Refusal `unauthenticated`, `locked_out` after too many wrong ones in a row
 */
export async function signIn(
  door: Door,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<NewSession> {
  const claim = `username:${username.toLowerCase()}`
  await attempt(door, claim)
  const hash = await passwordHashOf(door.database.db, username)
  const made = await door.sessions.signIn(username, password)
  const isStillTheirs = async (tx: Transaction) => hash === (await passwordHashOf(tx, username))
  if (!made || !(await welcome(door, made, { action: 'person.signed_in', claim, isStillTheirs })))
    throw new Refusal('unauthenticated', 'the username or the password is wrong')
  return made
}

/**
 * Sign somebody in by their badge and its PIN, for a few minutes. Only a terminal that is let in itself may ask.
 *
 * @throws Refusal `unauthenticated`, `locked_out`
 */
export async function identifyByBadge(
  door: Door,
  { badge, pin }: { readonly badge: string; readonly pin: string },
): Promise<NewSession> {
  const code = hashSecret(badge).toString('hex')
  const claim = `badge:${code}`
  await attempt(door, claim)
  const found = await findBadge(door.database.db, code)
  // Of a badge that is nobody's the PIN is hashed all the same, or the time would tell.
  const isRight = found ? await isOfSlowHash(pin, found.pin) : !(await hashSlowly(pin))
  const wrong = () => new Refusal('unauthenticated', 'the badge or the PIN is wrong')
  if (!found || !isRight) throw wrong()
  const made = await door.sessions.open(found.personId, badgeLastsMs)
  const isStillTheirs = async (tx: Transaction) => {
    const now = await findBadge(tx, code)
    return now?.personId === found.personId && now.pin === found.pin
  }
  if (!(await welcome(door, made, { action: 'person.identified', claim, isStillTheirs }))) throw wrong()
  return made
}

/**
 * Sign somebody in whom an OpenID provider sent back. What was wrong is for the log: told, it would say who is known.
 * The session is made first, as by a password: where the audit cannot be written nobody is given it.
 *
 * @returns what the browser is to remember, and where it goes on
 * @throws Refusal `unauthenticated`, `unavailable`
 */
export async function signInByOpenId(
  { database, now, log }: Pick<Deps, 'database' | 'now' | 'log'>,
  openId: OpenId,
  query: Readonly<Record<string, string>>,
  headers: Headers,
): Promise<Direction> {
  const made = await openId.finish(query, headers)
  const reason = 'reason' in made ? made.reason : 'session_ended'
  const how = { action: 'person.signed_in', after: { by: openIdName } }
  if ('reason' in made || !(await welcome({ database, now }, made, how))) {
    log.warn({ reason }, 'nobody was signed in by the OpenID provider')
    throw new Refusal(
      'unauthenticated',
      'the OpenID provider did not send back somebody who was let in here, with a verified address and in time',
    )
  }
  return made
}

async function attempt({ database, now }: Door, claim: string): Promise<void> {
  refuseLockedOut(await countAttempt(database.db, claim, now()))
}

/** @param failures in a row, as `countAttempt` told @throws Refusal `locked_out` */
export function refuseLockedOut(failures: number): void {
  if (failures <= mostFailures) return
  throw new Refusal(
    'locked_out',
    `too many wrong ones in a row: try again after ${lockedOutMs / 60_000} minutes, or ask an administrator`,
  )
}

type How = {
  readonly action: string
  readonly after?: unknown
  /** Under which wrong ones were counted. */
  readonly claim?: string
  /** Is what the person proved themselves by theirs still? Asked with the person locked. */
  readonly isStillTheirs?: (tx: Transaction) => Promise<boolean>
}

/**
 * The last step of every sign-in, in one order with whoever changes what lets a person in: either they come first, and
 * the session made meanwhile ends here, untold; or they wait, and find it to end.
 *
 * @returns is the person in?
 */
async function welcome(
  { database, now }: Pick<Deps, 'database' | 'now'>,
  { personId, sessionId }: SessionOf,
  { claim, isStillTheirs = async () => true, ...entry }: How,
): Promise<boolean> {
  const actor: Actor = { kind: 'person', id: personId }
  return database.db.transaction(async (tx) => {
    const isPresent = await lockPerson(tx, personId)
    if (!isPresent || !(await isStillTheirs(tx)) || !(await hasSession(tx, sessionId))) {
      await dropSession(tx, sessionId)
      return false
    }
    if (claim !== undefined) await forgetAttempts(tx, claim)
    await appendAudit(tx, actor, { at: now(), subjectKind: 'person', subject: personId, ...entry })
    return true
  })
}
