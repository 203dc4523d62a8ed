import { createHmac, hkdfSync } from 'node:crypto'
import type { BetterAuthOptions } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { betterAuth } from 'better-auth/minimal'
import { bearer } from 'better-auth/plugins/bearer'
import { username } from 'better-auth/plugins/username'
import { account, person, session, verification } from '../../schema/tables/people.ts'
import { followed } from './async-storages.ts'
import type { Database } from './database.ts'
import { createOpenId, type OpenId, type OpenIdProvider } from './open-id.ts'
import { findActive, findBySession, type ShownSession, type SignedIn } from './people.ts'
import { isSameHash } from './secrets.ts'

/** A session by its id, and whose it is. */
export type SessionOf = { readonly personId: string; readonly sessionId: string }

/** A sign-in that has just been made. The token is shown once, and is nothing without its signature. */
export type NewSession = SessionOf & {
  readonly token: string
  readonly expiresAt: number
  /** For browsers: the same as Set-Cookie; null where only a terminal asked. */
  readonly cookie: string | null
}

/** Who is signed in, and how a browser or a terminal shows it. */
export type Sessions = {
  /** Null where the password is not theirs, or nobody has that name; which of the two takes as long to tell. */
  signIn(username: string, password: string): Promise<NewSession | null>
  /** For somebody who has proved who they are otherwise, for so long, ms. */
  open(personId: string, lastsMs: number): Promise<NewSession>
  /** The session a terminal shows as a bearer; null where it shows none, or none that was signed here. */
  shownBy(headers: Headers): ShownSession | null
  /** Whose session a request shows, as a bearer token or a cookie; null where it shows none that lasts, or they left. */
  personOf(headers: Headers): Promise<SignedIn | null>
  /** @returns what a browser is to forget it by, as Set-Cookie */
  signOut(headers: Headers): Promise<readonly string[]>
  /** Null where no provider is configured. */
  readonly openId: OpenId | null
}

export const sessionLastsSeconds = 12 * 3_600

/** What a request shows as a bearer; undefined where it shows nothing. */
export const bearerOf = (headers: Headers): string | undefined =>
  /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')?.[1]

/**
 * Sessions as better-auth keeps them. Its own HTTP routes are not mounted: accounts are made by administrators, and
 * signing in goes through one use case, which counts what fails.
 *
 * @param secret what sessions are signed with is derived from it: another one ends them all
 * @param now server time, ms UTC
 * @param options.secureCookies browsers show them over TLS only
 */
export function createSessions(
  db: Database,
  secret: string,
  now: () => number,
  {
    secureCookies = false,
    openId,
  }: { readonly secureCookies?: boolean | undefined; readonly openId?: OpenIdProvider | undefined } = {},
): Sessions {
  const signingKey = Buffer.from(hkdfSync('sha256', secret, '', 'hemotrail sessions', 32)).toString(
    'base64url',
  )
  const options = {
    database: drizzleAdapter(db, {
      provider: 'pg',
      schema: { user: person, session, account, verification },
    }),
    secret: signingKey,
    // Nothing is mounted there, but it wants to know.
    baseURL: 'http://localhost',
    emailAndPassword: { enabled: true, disableSignUp: true },
    plugins: [
      username({ displayUsername: false, usernameValidator: () => true, maxUsernameLength: 64 }),
      bearer({ requireSignature: true }),
    ],
    advanced: { useSecureCookies: secureCookies },
    session: { expiresIn: sessionLastsSeconds, disableSessionRefresh: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
  } satisfies BetterAuthOptions
  const auth = betterAuth(options)

  const signed = (token: string) =>
    `${token}.${createHmac('sha256', signingKey).update(token).digest('base64')}`

  const shownBy = (headers: Headers): ShownSession | null => {
    const bearer = bearerOf(headers) ?? ''
    const token = bearer.slice(0, bearer.lastIndexOf('.'))
    return isSameHash(Buffer.from(bearer), Buffer.from(signed(token))) ? { token, at: Date.now() } : null
  }

  const sessionOf = async (headers: Headers): Promise<SessionOf | null> => {
    const found = await followed(() => auth.api.getSession({ headers }))
    return found && { personId: found.user.id, sessionId: found.session.id }
  }

  return {
    async signIn(name, password) {
      try {
        const { headers, response } = await followed(() =>
          auth.api.signInUsername({ body: { username: name, password }, returnHeaders: true }),
        )
        const { token, user } = response
        const { internalAdapter } = await auth.$context
        const found = await followed(() => internalAdapter.findSession(token))
        // Whoever changed the password meanwhile has ended it.
        if (!found) return null
        return {
          personId: user.id,
          sessionId: found.session.id,
          token: signed(token),
          expiresAt: found.session.expiresAt.getTime(),
          cookie: headers.getSetCookie()[0] ?? null,
        }
      } catch (error) {
        // Wrong, or nothing that could be a username: nobody is told which.
        const { status } = error as { status?: unknown }
        if (status === 'UNAUTHORIZED' || status === 'UNPROCESSABLE_ENTITY') return null
        throw error
      }
    },
    async open(personId, lastsMs) {
      const { internalAdapter } = await auth.$context
      const expiresAt = new Date(Date.now() + lastsMs)
      const made = await followed(() => internalAdapter.createSession(personId, true, { expiresAt }, true))
      const { id: sessionId, token, expiresAt: endsAt } = made
      return { personId, sessionId, token: signed(token), expiresAt: endsAt.getTime(), cookie: null }
    },
    shownBy,
    async personOf(headers) {
      // Every request of a terminal comes this way: better-auth would take four statements for it.
      const shown = shownBy(headers)
      if (shown) return findBySession(db, shown)
      if (bearerOf(headers) !== undefined) return null
      const found = await sessionOf(headers)
      return found && findActive(db, found.personId)
    },
    async signOut(headers) {
      const ended = await followed(() => auth.api.signOut({ headers, returnHeaders: true }))
      return ended.headers.getSetCookie()
    },
    openId: openId ? createOpenId(db, options, now, openId, sessionOf) : null,
  }
}
