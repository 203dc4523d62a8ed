import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, onTestFinished } from 'vitest'
import { createSessions } from '../../../api/stores/sessions.ts'
import { Caller, Person, Session } from '../../../schema/http/people.ts'
import { adminKey, type Door, openDoor, problemOf, test } from './door.ts'
import { aProvider, type Provider } from './open-id-provider.ts'

const publicUrl = 'https://hemotrail.test/city'
const password = 'correct horse battery'
const email = 'chen.li@first.test'

/** A door beside the given one, where people may also sign in with the provider. */
function openWith(door: Door, provider: Provider): Door {
  const openId = { ...provider, publicUrl }
  const { database, now } = door.world.deps
  return openDoor(door.world, {
    sessions: createSessions(database.db, adminKey, now, { openId, secureCookies: true }),
  })
}

async function chenLi(door: Door): Promise<void> {
  const roles = [{ role: 'nurse', facility: 'H1' }]
  await door.ask(Person, 'POST', '/people', { username: 'chen.li', name: 'Chen Li', email, password, roles })
}

const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')

/** As far as the provider sends a browser back: what it remembers, and where it is sent. */
async function begin(door: Door) {
  const begun = await door.raw('/auth/sign-in')
  expect(begun.status).toBe(302)
  const answered = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
  const back = new URL(answered.headers.get('location') ?? '')
  expect(back.href).toMatch(`${publicUrl}/auth/callback/oidc?`)
  return { cookie: cookiesOf(begun), query: back.searchParams }
}

function comeBack(door: Door, query: URLSearchParams, cookie?: string) {
  return door.raw(`/auth/callback/oidc?${query}`, cookie === undefined ? {} : { headers: { cookie } })
}

async function signIn(door: Door): Promise<Response> {
  const { query, cookie } = await begin(door)
  return comeBack(door, query, cookie)
}

async function isRefused(door: Door, response: Response): Promise<void> {
  expect(response.headers.getSetCookie()).toEqual([])
  expect(await problemOf(response)).toMatchObject({
    status: 401,
    code: 'unauthenticated',
    detail: expect.stringContaining('let in here'),
  })
  expect(await rows(door, 'select * from session')).toEqual([])
}

async function rows(door: Door, text: string) {
  return (await door.world.deps.database.pool.query(text)).rows
}

const linked = (door: Door) => rows(door, 'select 1 from account where password is null')

describe('somebody whom the provider sends back', () => {
  test('is known by a cookie, if let in before with that address', async ({ door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email: email.toUpperCase(), email_verified: true }

    const response = await signIn(door)
    expect([response.status, response.headers.get('location')]).toEqual([302, `${publicUrl}/`])
    const byPassword = await door.raw('/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'chen.li', password }),
    })
    const shapesOf = ({ headers }: Response) =>
      headers.getSetCookie().map((cookie) => cookie.replace(/=[^;]+/, '='))
    expect(shapesOf(byPassword)).toEqual([expect.stringContaining('Secure')])
    expect(shapesOf(response)).toEqual(expect.arrayContaining(shapesOf(byPassword)))
    const cookie = cookiesOf(response)
    const caller = await (await door.raw('/session', { headers: { cookie } })).json()
    expect(Caller.parse(caller)).toMatchObject({ kind: 'person', name: 'chen.li' })

    expect(
      await rows(
        door,
        `select a.at, a.after, p.username from audit_entry a join person p on p.id = a.actor ->> 'id' and p.id = a.subject
         where action = 'person.signed_in' order by a.id`,
      ),
    ).toMatchObject([
      { at: door.world.clock.now, after: { by: 'oidc' }, username: 'chen.li' },
      { after: null, username: 'chen.li' },
    ])
    expect(
      await rows(
        door,
        'select account_id, access_token, refresh_token, id_token from account where password is null',
      ),
    ).toEqual([
      { account_id: `${provider.issuer}#1`, access_token: null, refresh_token: null, id_token: null },
    ])
    expect((await door.raw('/session', { method: 'DELETE', headers: { cookie } })).status).toBe(200)
    expect((await door.raw('/session', { headers: { cookie } })).status).toBe(401)
  })

  test('has the account linked once, and that in the audit with whose it is', async ({ door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    const before = await rows(door, 'select * from person')
    provider.claims = { sub: '1', email, email_verified: true }
    for (let time = 0; time < 2; time++) expect((await signIn(door)).status).toBe(302)

    expect(
      await rows(
        door,
        `select a.at, a.actor, a.subject_kind, a.after, p.username from audit_entry a join person p on p.id = a.subject
         where action = 'person.account_linked'`,
      ),
    ).toEqual([
      {
        at: door.world.clock.now,
        actor: { kind: 'person', id: before[0]?.id },
        subject_kind: 'person',
        after: { by: 'oidc', account: `${provider.issuer}#1` },
        username: 'chen.li',
      },
    ])
    expect(await rows(door, 'select * from person')).toEqual(before)
  })

  test('is not let in, and no account linked, where the audit cannot be written', async ({ door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email, email_verified: true }
    const { pool } = door.world.deps.database
    await pool.query(
      "alter table audit_entry add constraint no_link check (action <> 'person.account_linked')",
    )
    onTestFinished(async () => {
      await pool.query('alter table audit_entry drop constraint no_link')
    })

    await isRefused(door, await signIn(door))
    expect(await linked(door)).toEqual([])
  })

  test('is known by the subject once signed in, whatever the address is then', async ({ door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email, email_verified: true }
    await signIn(door)

    provider.claims = { sub: '1', email: 'chen.married@first.test', email_verified: true }
    expect((await signIn(door)).status).toBe(302)
    expect(await rows(door, 'select email from person')).toEqual([{ email }])
    expect(await linked(door)).toHaveLength(1)
    expect(await rows(door, 'select 1 from session')).toHaveLength(2)
  })

  test('is not let in by the same subject of another provider, nor once the address is doubted', async ({
    door: plain,
  }) => {
    const [provider, another] = [await aProvider(), await aProvider()]
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email, email_verified: true }
    const cookie = cookiesOf(await signIn(door))
    await door.raw('/session', { method: 'DELETE', headers: { cookie } })

    provider.claims = { sub: '1', email, email_verified: false }
    await isRefused(door, await signIn(door))
    another.claims = { sub: '1', email: 'eve@first.test', email_verified: true }
    await isRefused(door, await signIn(openWith(plain, another)))
  })

  test.for([
    ['nobody was let in with the address', { sub: '1', email: 'eve@first.test', email_verified: true }],
    ['the address is not verified', { sub: '1', email, email_verified: false }],
    ['nothing is said of its being verified', { sub: '1', email }],
    ['there is no address', { sub: '1' }],
    ['it was said to another client', { sub: '1', email, email_verified: true, aud: 'another' }],
    ['it was said at another time', { sub: '1', email, email_verified: true, nonce: 'another' }],
  ] as const)('is not let in where %s', async ([_why, claims], { door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = claims

    await isRefused(door, await signIn(door))
    expect(await linked(door)).toEqual([])
    expect(await rows(door, 'select username from person')).toEqual([{ username: 'chen.li' }])
  })

  test('is not let in on the word of a forger', async ({ door: plain }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email, email_verified: true }
    provider.signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

    await isRefused(door, await signIn(door))
  })

  test.for([[true], [false]])(
    'is not let in having left, known before or not (%s)',
    async ([before], { door: plain }) => {
      const provider = await aProvider()
      const door = openWith(plain, provider)
      await chenLi(door)
      provider.claims = { sub: '1', email, email_verified: true }
      if (before) await signIn(door)
      await door.ask(Person, 'POST', '/people/chen.li/end', { reason: 'moved away' })

      await isRefused(door, await signIn(door))
      expect(await linked(door)).toHaveLength(before ? 1 : 0)
    },
  )

  test('is let in once, in the browser it was begun in, with the state it was given', async ({
    door: plain,
  }) => {
    const provider = await aProvider()
    const door = openWith(plain, provider)
    await chenLi(door)
    provider.claims = { sub: '1', email, email_verified: true }
    const [mine, other] = [await begin(door), await begin(door)]

    const forged = new URLSearchParams(mine.query)
    forged.set('state', 'A'.repeat(32))
    await isRefused(door, await comeBack(door, forged, mine.cookie))
    await isRefused(door, await comeBack(door, mine.query))
    await isRefused(door, await comeBack(door, mine.query, other.cookie))
    await isRefused(door, await comeBack(door, new URLSearchParams(), mine.cookie))
    const denied = new URLSearchParams({ state: other.query.get('state') ?? '', error: 'access_denied' })
    await isRefused(door, await comeBack(door, denied, other.cookie))

    expect((await comeBack(door, mine.query, mine.cookie)).status).toBe(302)
    expect((await comeBack(door, mine.query, mine.cookie)).status).toBe(401)
    expect(await rows(door, 'select 1 from session')).toHaveLength(1)
  })
})

test('while the provider is away passwords are as good as ever, and then it is asked again', async ({
  door: plain,
}) => {
  const gone = await aProvider()
  await gone.close()
  const door = openWith(plain, gone)
  await chenLi(door)

  expect(await problemOf(await door.raw('/auth/sign-in'))).toMatchObject({ status: 503, code: 'unavailable' })
  await door.ask(Session, 'POST', '/session', { username: 'chen.li', password })

  const provider = await aProvider(Number(new URL(gone.issuer).port))
  provider.claims = { sub: '1', email, email_verified: true }
  expect((await signIn(door)).status).toBe(302)
})

describe('of what better-auth could answer', () => {
  const authorization = `Bearer ${adminKey}`
  const others = [
    'GET /auth',
    'GET /auth/ok',
    'GET /auth/error',
    'GET /auth/get-session',
    'GET /auth/list-sessions',
    'GET /auth/list-accounts',
    'GET /auth/callback/google',
    'GET /auth/callback/oidc/more',
    'POST /auth/sign-in/social',
    'POST /auth/sign-in/email',
    'POST /auth/sign-in/username',
    'POST /auth/sign-in/oauth2',
    'POST /auth/sign-up/email',
    'POST /auth/sign-out',
    'POST /auth/link-social',
    'POST /auth/update-user',
    'POST /auth/change-password',
    'POST /auth/get-access-token',
    'GET /api/auth/ok',
  ]

  async function isNotThere(door: Door, route: string): Promise<void> {
    const [method = '', path = ''] = route.split(' ')
    expect((await door.raw(path, { method })).status, route).toBe(401)
    expect((await door.raw(path, { method, headers: { authorization } })).status, route).toBe(404)
  }

  test('the beginning and the end of a sign-in are there alone', async ({ door: plain }) => {
    const door = openWith(plain, await aProvider())
    for (const route of others) await isNotThere(door, route)
    const posted = { method: 'POST', headers: { authorization } }
    for (const path of ['/auth/sign-in', '/auth/callback/oidc'])
      expect((await door.raw(path, posted)).status).toBe(405)
    const { paths } = JSON.parse(await (await door.raw('/openapi.json')).text())
    expect(Object.keys(paths).filter((path) => path.startsWith('/auth'))).toEqual([
      '/auth/sign-in',
      '/auth/callback/oidc',
    ])
  })

  test('nothing is there without a provider', async ({ door }) => {
    for (const route of [...others, 'GET /auth/sign-in', 'GET /auth/callback/oidc'])
      await isNotThere(door, route)
  })
})
