import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

const client = { clientId: 'hemotrail', clientSecret: 'the secret of the client' }

/** What the provider says of whoever signs in there. */
type Claims = { sub: string; email?: string; email_verified?: boolean; aud?: string; nonce?: string }

/** An OpenID provider on loopback: OpenID Connect Core 1.0 with PKCE, as far as one browser needs it. */
export async function aProvider(port = 0) {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const provider = { ...client, issuer: '', claims: { sub: '' } as Claims, signingKey: key.privateKey, close }
  const asked = new Map<string, URLSearchParams>()

  function authorize(query: URLSearchParams, response: ServerResponse): void {
    const code = randomUUID()
    asked.set(code, query)
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    response.writeHead(302, { location: back.href }).end()
  }

  function tokens(form: URLSearchParams, response: ServerResponse): void {
    const query = asked.get(form.get('code') ?? '')
    asked.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isRight =
      query?.get('code_challenge_method') === 'S256' &&
      query.get('code_challenge') === challenge &&
      query.get('redirect_uri') === form.get('redirect_uri') &&
      form.get('client_id') === client.clientId &&
      form.get('client_secret') === client.clientSecret
    if (!isRight) {
      answer(response, { error: 'invalid_grant' }, 400)
      return
    }
    const now = Math.floor(Date.now() / 1_000)
    const said = { iss: provider.issuer, aud: client.clientId, iat: now, exp: now + 60 }
    const claims = { ...said, nonce: query.get('nonce') ?? undefined, ...provider.claims }
    const access = { token_type: 'Bearer', access_token: randomUUID(), refresh_token: randomUUID() }
    answer(response, { ...access, expires_in: 60, id_token: jwt(claims) })
  }

  function jwt(claims: object): string {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${encode({ alg: 'RS256', kid: 'k1' })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), provider.signingKey).toString('base64url')}`
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', provider.issuer)
    if (pathname === '/authorize') return authorize(searchParams, response)
    if (pathname === '/token') return tokens(new URLSearchParams(await text(request)), response)
    if (pathname === '/userinfo') return answer(response, provider.claims)
    if (pathname === '/jwks')
      return answer(response, {
        keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }],
      })
    if (pathname !== '/.well-known/openid-configuration') return answer(response, {}, 404)
    answer(response, {
      issuer: provider.issuer,
      authorization_endpoint: `${provider.issuer}/authorize`,
      token_endpoint: `${provider.issuer}/token`,
      userinfo_endpoint: `${provider.issuer}/userinfo`,
      jwks_uri: `${provider.issuer}/jwks`,
      id_token_signing_alg_values_supported: ['RS256'],
    })
  }

  async function close(): Promise<void> {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  const server = createServer((request, response) => void serve(request, response))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    if (server.listening) await close()
  })
  provider.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return provider
}

export type Provider = Awaited<ReturnType<typeof aProvider>>

function answer(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
