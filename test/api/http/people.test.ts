import { describe, expect } from 'vitest'
import { createFirstAdministrator } from '../../../api/usecases/create-person.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { ApiKeys, Caller, NewApiKey, People, Person, Session } from '../../../schema/http/people.ts'
import { type Door, problemOf, test } from './door.ts'

const password = 'correct horse battery'
const second = { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }

type RoleFor = { readonly role: string; readonly facility: string | null }

async function aPerson(door: Door, username: string, roles: readonly RoleFor[]): Promise<void> {
  await door.ask(Person, 'POST', '/people', { username, name: `The ${username}`, password, roles })
}

async function tokenOf(door: Door, username: string, word = password): Promise<string> {
  return (await door.ask(Session, 'POST', '/session', { username, password: word })).token
}

function as(door: Door, token: string, path: string, init: RequestInit = {}) {
  const json = init.body === undefined ? {} : { 'content-type': 'application/json' }
  return door.raw(path, { ...init, headers: { ...json, authorization: `Bearer ${token}` } })
}

function post(body: unknown): RequestInit {
  return { method: 'POST', body: JSON.stringify(body) }
}

/** Where better-auth keeps its storages; Node says of each whether it is followed. */
type Followed = {
  readonly [name: symbol]: { readonly context: Record<string, { readonly enabled: boolean }> } | undefined
}

describe('somebody who was let in', () => {
  test('signs in, is known by name and roles, and signs out', async ({ door }) => {
    await aPerson(door, 'Chen.Li', [{ role: 'nurse', facility: 'H1' }])
    const { token, person } = await door.ask(Session, 'POST', '/session', { username: 'chen.LI', password })
    expect(person).toMatchObject({ username: 'chen.li', roles: [{ role: 'nurse', facility: 'H1' }] })

    const caller = Caller.parse(await (await as(door, token, '/session')).json())
    expect(caller).toEqual({
      kind: 'person',
      name: 'chen.li',
      roles: [{ role: 'nurse', facility: 'H1' }],
    })
    expect((await as(door, token, '/session', { method: 'DELETE' })).status).toBe(200)
    expect((await as(door, token, '/session')).status).toBe(401)
  })

  test('signs in and out, and nothing follows the promises of the others any more', async ({ door }) => {
    await aPerson(door, 'chen.li', [{ role: 'nurse', facility: 'H1' }])
    const followers = () =>
      Object.values((globalThis as Followed)[Symbol.for('better-auth:global')]?.context ?? {})
    const token = await tokenOf(door, 'chen.li')
    expect(followers().length).toBeGreaterThan(0)
    expect(followers().filter(({ enabled }) => enabled)).toEqual([])
    await as(door, token, '/session', { method: 'DELETE' })
    expect(followers().filter(({ enabled }) => enabled)).toEqual([])
  })

  test('is known by a cookie too, and a token without its signature is nothing', async ({ door }) => {
    await aPerson(door, 'chen.li', [{ role: 'nurse', facility: 'H1' }])
    const response = await door.raw('/session', {
      ...post({ username: 'chen.li', password }),
      headers: { 'content-type': 'application/json' },
    })
    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/HttpOnly/)
    expect(cookie).toMatch(/SameSite=Lax/)
    const [pair = ''] = cookie.split(';')
    expect((await door.raw('/session', { headers: { cookie: pair } })).status).toBe(200)
    const { token } = Session.parse(await response.json())
    const [bare = ''] = token.split('.')
    expect((await as(door, bare, '/session')).status).toBe(401)
    expect((await as(door, `${bare}.AAAA`, '/session')).status).toBe(401)
    expect((await door.raw('/session', { headers: { cookie: pair.slice(0, -8) } })).status).toBe(401)
  })

  test('is not told whether the name or the password was wrong', async ({ door }) => {
    await aPerson(door, 'chen.li', [])
    const wrong = await door.refused('POST', '/session', { username: 'chen.li', password: 'no' })
    const unknown = await door.refused('POST', '/session', { username: 'nobody', password })
    expect(wrong).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect({ ...unknown, requestId: '' }).toEqual({ ...wrong, requestId: '' })
  })

  test('is locked out after five wrong passwords in a row, for a while or until given another', async ({
    door,
  }) => {
    await aPerson(door, 'chen.li', [])
    const guess = () => door.refused('POST', '/session', { username: 'chen.li', password: 'no' })
    for (let i = 0; i < 4; i++) expect(await guess()).toMatchObject({ status: 401 })
    await tokenOf(door, 'chen.li')
    const guesses = await Promise.all(Array.from({ length: 8 }, guess))
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(await door.refused('POST', '/session', { username: 'Chen.Li', password })).toMatchObject({
      status: 429,
      code: 'locked_out',
    })
    door.world.clock.now += 15 * 60_000
    await tokenOf(door, 'chen.li')
    for (let i = 0; i < 5; i++) await guess()
    const other = 'another horse battery'
    await door.ask(Person, 'PUT', '/people/chen.li/password', { password: other })
    await tokenOf(door, 'chen.li', other)
  })

  test('who left is signed out and not let in again', async ({ door }) => {
    await aPerson(door, 'chen.li', [{ role: 'nurse', facility: 'H1' }])
    const token = await tokenOf(door, 'chen.li')
    await door.ask(Person, 'POST', '/people/chen.li/end', { reason: 'moved away' })
    expect((await as(door, token, '/session')).status).toBe(401)
    expect(await door.refused('POST', '/session', { username: 'chen.li', password })).toMatchObject({
      status: 401,
    })
    expect(
      await door.refused('POST', '/people/chen.li/roles', { role: 'nurse', facility: 'H1' }),
    ).toMatchObject({ status: 409 })
  })

  test('needs a password that is not guessed first', async ({ door }) => {
    for (const word of ['short', 'aaaaaaaaaaaaaaaa', 'my name is chen.li', 'x'.repeat(129)]) {
      const person = { username: 'chen.li', name: 'Chen Li', password: word, roles: [] }
      expect(await door.refused('POST', '/people', person)).toMatchObject({
        status: 400,
        code: 'invalid_request',
      })
    }
  })

  test('leaves in the audit who did what, and no secret', async ({ door }) => {
    await aPerson(door, 'ada', [{ role: 'administrator', facility: null }])
    const token = await tokenOf(door, 'ada')
    await as(door, token, '/facilities', post(second))
    const { pool } = door.world.deps.database
    const { rows } = await pool.query(
      `select action, actor, p.username from audit_entry a left join person p on p.id = a.actor ->> 'id'
       where subject_kind in ('person', 'facility') order by a.id`,
    )
    expect(rows.map(({ action, username }) => [action, username])).toEqual([
      ['facility.created', null],
      ['person.created', null],
      ['person.role_granted', null],
      ['person.signed_in', 'ada'],
      ['facility.created', 'ada'],
    ])
    const all = JSON.stringify((await pool.query('select * from audit_entry')).rows)
    expect(all).not.toContain(password)
  })
})

describe('an administrator of one facility', () => {
  test('lets people into that one only, and cannot become more', async ({ door }) => {
    await door.ask(Facility, 'POST', '/facilities', second)
    await aPerson(door, 'root', [{ role: 'administrator', facility: null }])
    await aPerson(door, 'other', [{ role: 'nurse', facility: 'H2' }])
    await aPerson(door, 'local', [{ role: 'administrator', facility: 'H1' }])
    const token = await tokenOf(door, 'local')
    const status = async (path: string, init?: RequestInit) => (await as(door, token, path, init)).status

    const nurse = { username: 'nurse', name: 'N', password, roles: [{ role: 'nurse', facility: 'H1' }] }
    expect(await status('/people', post(nurse))).toBe(201)
    const stranger = { ...nurse, username: 'nurse2', roles: [{ role: 'nurse', facility: 'H2' }] }
    expect(await status('/people', post(stranger))).toBe(404)
    const network = { ...nurse, username: 'nurse3', roles: [{ role: 'nurse', facility: null }] }
    expect(await status('/people', post(network))).toBe(403)
    expect(await status('/people', post({ ...nurse, username: 'nurse4', roles: [] }))).toBe(403)
    const everything = post({ role: 'administrator', facility: null })
    expect(await status('/people/local/roles', everything)).toBe(403)
    expect(await status('/people/other')).toBe(404)
    expect(await status('/people/root')).toBe(404)
    const word = { method: 'PUT', body: JSON.stringify({ password: 'another horse battery' }) }
    for (const name of ['other', 'root']) expect(await status(`/people/${name}/password`, word)).toBe(404)
    // Of whom they see one role and not the other, they manage nothing.
    await door.ask(Person, 'POST', '/people/other/roles', { role: 'nurse', facility: 'H1' })
    expect(await status('/people/other')).toBe(200)
    expect(await status('/people/other/password', word)).toBe(403)

    const people = People.parse(await (await as(door, token, '/people')).json())
    expect(people.people.map(({ username }) => username)).toEqual(['local', 'nurse', 'other'])
    expect(await status('/facilities', post({ ...second, code: 'H3' }))).toBe(403)
  })
})

describe('a badge', () => {
  test('with its PIN signs its owner in at a terminal that is let in itself', async ({ door }) => {
    await aPerson(door, 'chen.li', [{ role: 'nurse', facility: 'H1' }])
    await door.ask(Person, 'PUT', '/people/chen.li/badge', { badge: '0009991234', pin: '274951' })
    const open = await door.raw('/session/badge', {
      ...post({ badge: '0009991234', pin: '274951' }),
      headers: { 'content-type': 'application/json' },
    })
    expect(open.status).toBe(401)

    const { token } = await door.ask(Session, 'POST', '/session/badge', {
      badge: '0009991234',
      pin: '274951',
    })
    expect(Caller.parse(await (await as(door, token, '/session')).json())).toMatchObject({ name: 'chen.li' })
    for (const [badge, pin] of [
      ['0009991234', '000000'],
      ['0009991235', '274951'],
    ])
      expect(await door.refused('POST', '/session/badge', { badge, pin })).toMatchObject({
        status: 401,
        detail: 'the badge or the PIN is wrong',
      })
  })

  test('that takes the place of another signs its owner out; the first one does not', async ({ door }) => {
    await aPerson(door, 'chen.li', [{ role: 'nurse', facility: 'H1' }])
    const token = await tokenOf(door, 'chen.li')
    const give = (badge: string, pin: string) =>
      door.ask(Person, 'PUT', '/people/chen.li/badge', { badge, pin })
    await give('B1', '274951')
    expect((await as(door, token, '/session')).status).toBe(200)
    const identified = await door.ask(Session, 'POST', '/session/badge', { badge: 'B1', pin: '274951' })

    await give('B1', '274952')
    for (const ended of [token, identified.token])
      expect((await as(door, ended, '/session')).status).toBe(401)
    await door.ask(Session, 'POST', '/session/badge', { badge: 'B1', pin: '274952' })
  })

  test('is one person’s, locks after five wrong PINs, and its PIN is no row of digits', async ({ door }) => {
    await aPerson(door, 'chen.li', [])
    await aPerson(door, 'wang.wei', [])
    await door.ask(Person, 'PUT', '/people/chen.li/badge', { badge: 'B1', pin: '274951' })
    expect(await door.refused('PUT', '/people/wang.wei/badge', { badge: 'B1', pin: '274951' })).toMatchObject(
      {
        status: 409,
      },
    )
    for (const pin of ['123456', '987654', '111111', '12345', 'abcdef'])
      expect(await door.refused('PUT', '/people/wang.wei/badge', { badge: 'B2', pin })).toMatchObject({
        status: 400,
      })
    for (let i = 0; i < 5; i++) await door.refused('POST', '/session/badge', { badge: 'B1', pin: '999111' })
    expect(await door.refused('POST', '/session/badge', { badge: 'B1', pin: '274951' })).toMatchObject({
      code: 'locked_out',
    })
  })
})

describe('an API key', () => {
  test('lets a machine do what its role may where it may, until it is revoked', async ({ door }) => {
    await door.ask(Facility, 'POST', '/facilities', second)
    const { key } = await door.ask(NewApiKey, 'POST', '/api-keys', {
      name: 'simulator',
      role: 'engineer',
      facility: 'H1',
    })
    const fridge = { name: 'fridge-1', kind: 'fridge', facility: 'H1', profile: { low: 2, high: 6 } }
    expect((await as(door, key, '/devices', post(fridge))).status).toBe(201)
    const elsewhere = { ...fridge, name: 'fridge-2', facility: 'H2' }
    expect(await problemOf(await as(door, key, '/devices', post(elsewhere)))).toMatchObject({ status: 404 })
    expect((await as(door, key, '/bags')).status).toBe(403)
    expect(Caller.parse(await (await as(door, key, '/session')).json())).toEqual({
      kind: 'integration',
      name: 'simulator',
      roles: [{ role: 'engineer', facility: 'H1' }],
    })
    const { rows } = await door.world.deps.database.pool.query(
      `select actor from audit_entry where action = 'device.provisioned'`,
    )
    expect(rows).toEqual([{ actor: { kind: 'integration', id: 'simulator' } }])

    await door.ask(ApiKeys, 'POST', '/api-keys/simulator/revocation', { reason: 'no longer used' })
    expect((await as(door, key, '/devices')).status).toBe(401)
    expect(await door.refused('POST', '/api-keys/simulator/revocation', { reason: 'again' })).toMatchObject({
      status: 409,
    })
  })
})

describe('the first administrator', () => {
  test('is let in by whoever can open the database, once', async ({ door }) => {
    const first = { username: 'ada', name: 'Ada', password }
    const { deps } = door.world
    await createFirstAdministrator(deps, first)
    const { person } = await door.ask(Session, 'POST', '/session', { username: 'ada', password })
    expect(person.roles).toEqual([{ role: 'administrator', facility: null }])
    await expect(createFirstAdministrator(deps, { ...first, username: 'eve' })).rejects.toMatchObject({
      code: 'conflict',
    })
  })
})
