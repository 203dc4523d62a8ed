import { describe, expect } from 'vitest'
import { adminKey, openDoor, problemOf, test } from './door.ts'

const open = ['/health', '/ready', '/metrics', '/openapi.json', '/docs']

describe('the key', () => {
  test('whoever shows it is let in, however the scheme is spelt', async ({ door }) => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
      const response = await door.raw('/facilities', { headers: { authorization: `${scheme} ${adminKey}` } })
      expect(response.status).toBe(200)
    }
  })

  test('whoever shows none is told how to', async ({ door }) => {
    const response = await door.raw('/facilities')
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="hemotrail"')
    expect(await problemOf(response)).toMatchObject({ status: 401, code: 'unauthenticated' })
  })

  test('a wrong one, part of the right one and another scheme let nobody in', async ({ door }) => {
    for (const authorization of [
      'Bearer wrong',
      `Bearer ${adminKey.slice(0, -1)}`,
      `Bearer ${adminKey}x`,
      `Basic ${adminKey}`,
      'Bearer ',
      adminKey,
    ]) {
      const problem = await problemOf(await door.raw('/facilities', { headers: { authorization } }))
      expect(problem).toMatchObject({ status: 401, code: 'unauthenticated' })
      expect(JSON.stringify(problem)).not.toContain(adminKey.slice(0, 10))
    }
  })

  test('without it nobody learns which routes there are', async ({ door }) => {
    for (const path of ['/nothing', '/bags', '/devices/fridge-7']) {
      for (const method of ['GET', 'PATCH', 'OPTIONS']) {
        const response = await door.raw(path, { method })
        expect(response.status).toBe(401)
        expect(response.headers.get('allow')).toBeNull()
      }
    }
  })

  test('a stranger changes nothing', async ({ door }) => {
    const response = await door.raw('/facilities', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'Asia/Shanghai' }),
    })
    expect(response.status).toBe(401)
    expect(await door.refused('GET', '/facilities/H2')).toMatchObject({ code: 'not_found' })
  })

  test('what says how the service is and what it can is open to all', async ({ door }) => {
    for (const path of open) expect((await door.raw(path)).status, path).toBe(200)
  })
})

describe('every response', () => {
  test('has a request id: the one it was asked with, where that is sane', async ({ door }) => {
    const idFor = async (given?: string) =>
      (await door.raw('/health', given ? { headers: { 'x-request-id': given } } : {})).headers.get(
        'x-request-id',
      )
    expect(await idFor('nurse-7_call=3')).toBe('nurse-7_call=3')
    const made = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
    expect(await idFor()).toMatch(made)
    expect(await idFor('two words')).toMatch(made)
    expect(await idFor('x'.repeat(65))).toMatch(made)
    expect(await idFor('"},{"level":50')).toMatch(made)
  })

  test('is kept by no cache, framed by no page and taken for nothing else', async ({ door }) => {
    const headers = { authorization: `Bearer ${adminKey}` }
    for (const path of ['/health', '/facilities', '/nothing', '/docs', '/devices']) {
      const response = await door.raw(path, { headers })
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    }
  })

  test('behind the key is logged with its id, and never with the key', async ({ door }) => {
    const lines: object[] = []
    const log = { info: (fields: object) => void lines.push(fields), warn() {}, error() {} }
    const logged = openDoor(door.world, { log })
    await logged.raw('/bags?din=secret', {
      headers: { authorization: `Bearer ${adminKey}`, 'x-request-id': 'call-1' },
    })
    await logged.raw('/health')
    expect(lines).toEqual([
      { requestId: 'call-1', method: 'GET', path: '/bags', status: 400, ms: expect.any(Number) },
    ])
  })
})
