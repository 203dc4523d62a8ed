import { describe, expect, vi } from 'vitest'
import { Facilities } from '../../../schema/http/facilities.ts'
import { adminKey, aFridge, openDoor, problemOf, test } from './door.ts'

const authorization = `Bearer ${adminKey}`
const json = 'application/json'

const aFacility = { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }

describe('what is not there', () => {
  test('an unknown route is named', async ({ door }) => {
    expect(await door.refused('GET', '/fridges')).toMatchObject({
      status: 404,
      code: 'not_found',
      detail: 'there is no GET /fridges',
    })
  })

  test('a path of a route, asked with another method, is told with the methods it has', async ({ door }) => {
    for (const [method, path, allow] of [
      ['DELETE', '/facilities', 'GET, HEAD, POST'],
      ['PATCH', '/devices/fridge-7', 'GET, HEAD'],
      ['GET', '/devices/fridge-7/secret', 'POST'],
      ['POST', '/bags/7/tags/T1', 'DELETE'],
      ['OPTIONS', '/devices/fridge-7/profile', 'PUT'],
      ['POST', '/health', 'GET, HEAD'],
      ['PUT', '/docs/swagger-ui-dist/swagger-ui.css', 'GET, HEAD'],
    ] as const) {
      const response = await door.raw(path, { method, headers: { authorization } })
      expect(response.headers.get('allow'), path).toBe(allow)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(await problemOf(response)).toMatchObject({
        status: 405,
        code: 'method_not_allowed',
        detail: `there is no ${method} ${path}, only ${allow}`,
      })
    }
    const head = await door.raw('/devices/fridge-7/secret', { method: 'HEAD', headers: { authorization } })
    expect(head.status).toBe(405)
  })

  test('a thing that is not there, or a path of no route, has no other method to offer', async ({ door }) => {
    for (const [method, path] of [
      ['GET', '/devices/fridge-7'],
      ['GET', '/docs/swagger-ui-dist/package.json'],
      ['DELETE', '/facilities/H1/wards'],
      ['DELETE', '/facilities/'],
      ['PATCH', '/fridges'],
    ] as const) {
      const response = await door.raw(path, { method, headers: { authorization } })
      expect(response.status, path).toBe(404)
      expect(response.headers.get('allow')).toBeNull()
    }
  })
})

describe('a body that is not as described', () => {
  test('that lacks a field, has a wrong type or a word too many names each place', async ({ door }) => {
    const { profile, ...rest } = aFridge('fridge-7')
    const problem = await door.refused('POST', '/devices', {
      ...rest,
      kind: 'cupboard',
      profile: { low: '2', maxSilenceSecond: 60 },
    })
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request', title: expect.any(String) })
    const paths = problem.issues?.map(({ path }) => path).sort()
    expect(paths).toEqual(['kind', 'profile', 'profile.high', 'profile.low'])
    expect(problem.detail).toContain('the body is not as described: kind: ')
    expect(problem.issues?.find(({ path }) => path === 'profile')?.message).toContain('maxSilenceSecond')
    expect(profile).toBeDefined()
  })

  test('that is a list, a number or null is refused', async ({ door }) => {
    for (const body of [[], 7, null, 'text']) {
      expect(await door.refused('POST', '/facilities', body)).toMatchObject({
        status: 400,
        code: 'invalid_request',
        issues: [{ path: '' }],
      })
    }
  })

  test('that is no JSON is refused', async ({ door }) => {
    for (const body of ['{"code": ', '', 'code=H2', '\u0000']) {
      const headers = { authorization, 'content-type': json }
      const response = await door.raw('/facilities', { method: 'POST', headers, body })
      expect(await problemOf(response)).toMatchObject({ status: 400, code: 'invalid_request' })
    }
  })

  test('that is none at all is told what it lacks', async ({ door }) => {
    const response = await door.raw('/facilities', { method: 'POST', headers: { authorization } })
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request' })
    expect(problem.issues?.map(({ path }) => path)).toEqual(['code', 'name', 'kind', 'timeZone'])
  })

  test('that is of another media type is refused', async ({ door }) => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'multipart/form-data',
    ]
    for (const type of types) {
      const headers = { authorization, 'content-type': type }
      const response = await door.raw('/facilities', {
        method: 'POST',
        headers,
        body: JSON.stringify(aFacility),
      })
      expect(await problemOf(response)).toMatchObject({ status: 415, code: 'unsupported_media_type' })
    }
  })

  test('in JSON of any spelling is read', async ({ door }) => {
    for (const [index, type] of ['application/json; charset=utf-8', 'Application/JSON'].entries()) {
      const headers = { authorization, 'content-type': type }
      const body = JSON.stringify({ ...aFacility, code: `H${index + 2}` })
      expect((await door.raw('/facilities', { method: 'POST', headers, body })).status).toBe(201)
    }
  })

  test('above a megabyte is refused, however its length is told', async ({ door }) => {
    const huge = JSON.stringify({ ...aFacility, name: 'x'.repeat(1_100_000) })
    const told = { authorization, 'content-type': json, 'content-length': String(huge.length) }
    const untold = { authorization, 'content-type': json, 'transfer-encoding': 'chunked' }
    for (const headers of [told, untold]) {
      const response = await door.raw('/facilities', { method: 'POST', headers, body: huge })
      expect(await problemOf(response)).toMatchObject({ status: 413, code: 'too_large' })
    }
    const { facilities } = await door.ask(Facilities, 'GET', '/facilities')
    expect(facilities).toHaveLength(1)
  })

  test('with characters no database keeps is refused', async ({ door }) => {
    for (const name of ['a\u0000b', 'a\nb', '\ud800', '', '   ']) {
      expect(await door.refused('POST', '/facilities', { ...aFacility, name })).toMatchObject({
        status: 400,
        issues: [{ path: 'name' }],
      })
    }
    expect(await door.ask(Facilities, 'GET', '/facilities')).toMatchObject({ facilities: [{ code: 'H1' }] })
  })
})

describe('a query that is not as described', () => {
  test('is refused and names what is wrong', async ({ door }) => {
    for (const [query, path] of [
      ['limit=none', 'limit'],
      ['limit=0', 'limit'],
      ['limit=1.5', 'limit'],
      ['limit=1001', 'limit'],
      ['limit=', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['after=../..', 'after'],
      ['after=%00', 'after'],
      ['after=%E0%A4%A', 'after'],
      ['afer=fridge-7', ''],
    ] as const) {
      const problem = await door.refused('GET', `/devices?${query}`)
      expect(problem, query).toMatchObject({ status: 400, code: 'invalid_request', issues: [{ path }] })
      expect(problem.detail).toContain('the query is not as described')
    }
  })

  test('a path that can name nothing is refused too', async ({ door }) => {
    for (const path of ['/devices/%00', '/bags/7', '/rejected-messages/none', '/rejected-messages/0']) {
      expect(await door.refused('GET', path), path).toMatchObject({ status: 400, code: 'invalid_request' })
    }
  })
})

describe('trouble of our own', () => {
  test('a bug is logged with the request and its message told to nobody', async ({ door }) => {
    const error = vi.fn()
    const broken = openDoor(door.world, { log: { info() {}, warn() {}, error } })
    const bug = new Error('column "secret_hash" does not exist')
    vi.spyOn(door.world.deps.database.db, 'select').mockImplementation(() => {
      throw bug
    })
    const problem = await broken.refused('GET', '/facilities').finally(() => vi.restoreAllMocks())

    expect(problem).toMatchObject({ status: 500, code: 'internal_error' })
    expect(JSON.stringify(problem)).not.toContain('secret_hash')
    expect(error).toHaveBeenCalledExactlyOnceWith(
      { err: bug, requestId: problem.requestId },
      'request failed',
    )
  })

  test('a database that is away says when to come again', async ({ door }) => {
    for (const code of ['ECONNREFUSED', '57P01', '40P01']) {
      vi.spyOn(door.world.deps.database.db, 'select').mockImplementation(() => {
        throw new Error('Failed query', { cause: Object.assign(new Error('away'), { code }) })
      })
      const headers = { authorization }
      const response = await door.raw('/facilities', { headers }).finally(() => vi.restoreAllMocks())
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await problemOf(response)).toMatchObject({ status: 503, code: 'unavailable' })
    }
  })
})
