import type { BetterAuthOptions } from 'better-auth'
import type { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { betterAuth } from 'better-auth/minimal'
import { genericOAuth } from 'better-auth/plugins/generic-oauth'
import { Refusal } from '../domain/refusal.ts'
import { followed } from './async-storages.ts'
import type { Database } from './database.ts'
import { findActive, insertLinkedAccount, type LinkedAccount } from './people.ts'
import type { SessionOf } from './sessions.ts'

/** An OpenID provider that is trusted to say whose address is whose. */
export type OpenIdProvider = {
  /** What it is discovered by, without a slash at its end. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Where the provider sends browsers back to, without a slash at its end. */
  readonly publicUrl: string
}

/** What a browser is told: where to go, and what to remember, as Set-Cookie. */
export type Direction = { readonly location: string; readonly cookies: readonly string[] }

/** Signing in with an OpenID provider, in two steps of the same browser. */
export type OpenId = {
  /** @throws Refusal `unavailable` */
  begin(): Promise<Direction>
  /**
   * What the provider sent the browser back with, and who that makes it; or, for the log, why it is nobody.
   *
   * @throws Refusal `unavailable`
   */
  finish(
    query: Readonly<Record<string, string>>,
    headers: Headers,
  ): Promise<(Direction & SessionOf) | { readonly reason: string }>
}

/** Names the provider in the path it sends browsers back to, and in `account`. */
export const openIdName = 'oidc'

type Adapter = ReturnType<typeof drizzleAdapter>

/** The way to the database, but that an account is linked with its audit entry or not at all. */
function auditLinks(adapter: Adapter, db: Database, now: () => number): Adapter {
  return (options) => {
    const plain = adapter(options)
    const create = async (input: Parameters<typeof plain.create>[0]) => {
      if (input.model !== 'account') return plain.create(input)
      const given = input.data as LinkedAccount
      const actor = { kind: 'person', id: given.userId } as const
      return db.transaction((tx) => insertLinkedAccount(tx, actor, given, now()))
    }
    return { ...plain, create: create as typeof plain.create }
  }
}

/**
 * Only who was let in before may come in so, by the address they were let in with. It is found by that address once;
 * from then on by the subject the provider calls them by.
 *
 * @param options of the sessions, which are the same as by a password
 * @param now server time, ms UTC
 * @param sessionOf the session a browser shows
 */
export function createOpenId(
  db: Database,
  options: BetterAuthOptions & { readonly database: Adapter },
  now: () => number,
  { issuer, clientId, clientSecret, publicUrl }: OpenIdProvider,
  sessionOf: (headers: Headers) => Promise<SessionOf | null>,
): OpenId {
  const home = `${publicUrl}/`
  const unavailable = () => new Refusal('unavailable', 'the OpenID provider does not answer: try again')

  const createAuth = () =>
    betterAuth({
      ...options,
      database: auditLinks(options.database, db, now),
      baseURL: `${publicUrl}/auth`,
      plugins: [
        ...(options.plugins ?? []),
        genericOAuth({
          config: [
            {
              providerId: openIdName,
              discoveryUrl: `${issuer}/.well-known/openid-configuration`,
              clientId,
              clientSecret,
              scopes: ['openid', 'email', 'profile'],
              pkce: true,
              requireIdTokenVerification: true,
              disableImplicitSignUp: true,
              disableSignUp: true,
              // A subject is unique at its issuer only: with another provider it may be somebody else.
              accountSubject: ({ profile: { sub } }) => (sub == null ? '' : `${issuer}#${sub}`),
            },
          ],
        }),
      ],
      account: {
        // An address is who the administrator said it is. The provider must have verified it: as a trusted one it
        // would be believed without.
        accountLinking: { requireLocalEmailVerified: false, trustedProviders: [] },
        updateAccountOnSignIn: false,
      },
      user: {
        async validateUserInfo({ user }) {
          if (!user.emailVerified) return { error: 'email_not_verified' }
          if (!user.id || !(await findActive(db, user.id))) return { error: 'has_left' }
        },
      },
      databaseHooks: {
        // A person is what an administrator said, not what a provider says of them.
        user: { update: { before: async () => false } },
      },
    })
  // Apart from that of passwords, and only when asked for: it does nothing until the provider has answered.
  let auth: ReturnType<typeof createAuth> | undefined
  const api = () => {
    auth ??= createAuth()
    return auth.api
  }

  return {
    async begin() {
      try {
        const { headers, response } = await followed(() =>
          api().signInSocial({ body: { provider: openIdName, callbackURL: home }, returnHeaders: true }),
        )
        if (!response.url) throw unavailable()
        return { location: response.url, cookies: headers.getSetCookie() }
      } catch (error) {
        if ((error as { status?: unknown }).status === 'NOT_FOUND') throw unavailable()
        throw error
      }
    },
    async finish(query, headers) {
      const asked = { params: { id: openIdName }, query, headers }
      const response = await followed(() =>
        api().callbackOAuth({ method: 'GET', ...asked, asResponse: true }),
      )
      const location = response.headers.get('location') ?? ''
      const cookies = response.headers.getSetCookie()
      if (location !== home) {
        const reason = new URL(location, home).searchParams.get('error') ?? 'unknown'
        if (reason === 'internal_server_error' || reason === 'oauth_provider_not_found') throw unavailable()
        return { reason }
      }
      const cookie = cookies.map((text) => text.split(';', 1)[0]).join('; ')
      const made = await sessionOf(new Headers({ cookie }))
      // Whoever was being let in is signed out again by now.
      if (!made) return { reason: 'session_ended' }
      return { location, cookies, ...made }
    },
  }
}
