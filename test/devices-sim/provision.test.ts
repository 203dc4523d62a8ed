import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Planned, provision } from '../../devices-sim/provision.ts'

type Call = { path: string | undefined; key: string | undefined; body: Record<string, unknown> }

let calls: Call[] = []
let answer: (call: Call) => { status: number; body: unknown }
const server = createServer(async (request, response) => {
  const call = await read(request)
  calls.push(call)
  const { status, body } = answer(call)
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
const api = () => ({ api: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'the-key' })

beforeEach(async () => {
  calls = []
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function read(request: IncomingMessage): Promise<Call> {
  let text = ''
  for await (const chunk of request) text += chunk
  return { path: request.url, key: request.headers.authorization, body: JSON.parse(text) }
}

const fridge = (name: string, facility: string): Planned => ({
  name,
  facility,
  kind: 'fridge',
  profile: { low: 2, high: 6, maxSilenceSeconds: 30 },
})

/** The device b is there already. */
function someExist(): void {
  answer = ({ path, body }) => {
    if (path === '/facilities') return { status: body.code === 'old' ? 409 : 201, body: {} }
    if (path === '/devices' && body.name === 'b') return { status: 409, body: { code: 'conflict' } }
    if (path === '/devices') return { status: 201, body: { name: body.name, secret: `new-${body.name}` } }
    return { status: 200, body: { secret: `fresh for ${path}` } }
  }
}

test('facilities are made once, then devices; if asked, a device that exists gets a new secret', async () => {
  someExist()
  const planned = [fridge('a', 'old'), fridge('b', 'old'), fridge('c', 'new')]
  const secrets = await provision(api(), planned, { rotate: true })
  expect(Object.fromEntries(secrets)).toEqual({ a: 'new-a', b: 'fresh for /devices/b/secret', c: 'new-c' })
  expect(calls.filter(({ path }) => path === '/facilities').map(({ body }) => body.code)).toEqual([
    'old',
    'new',
  ])
  expect(calls.every(({ key }) => key === 'Bearer the-key')).toBe(true)
  expect(calls.find(({ body }) => body.name === 'a')?.body).toEqual(fridge('a', 'old'))
})

test('an API that refuses is quoted', async () => {
  answer = () => ({ status: 403, body: { code: 'forbidden' } })
  await expect(provision(api(), [fridge('a', 'x')])).rejects.toThrow(
    'POST /facilities answered 403: {"code":"forbidden"}',
  )
  answer = () => ({ status: 401, body: { detail: 'the key is wrong' } })
  await expect(provision(api(), [fridge('a', 'x')])).rejects.toThrow(/answered 401: the key is wrong$/)
})

test('a device that exists keeps its secret where that is known', async () => {
  someExist()
  const secrets = new Map([['b', 'kept']])
  await provision(api(), [fridge('a', 'old'), fridge('b', 'old')], { secrets })
  expect(Object.fromEntries(secrets)).toEqual({ a: 'new-a', b: 'kept' })
})

test('a device that exists and whose secret is not known is named and left alone; no secret got so far is lost', async () => {
  someExist()
  const secrets = new Map<string, string>()
  const planned = [fridge('a', 'old'), fridge('b', 'old')]
  await expect(provision(api(), planned, { secrets })).rejects.toThrow(
    /^b exists already and its secret is not known here: .*--secrets.*--prefix.*--rotate/,
  )
  expect(Object.fromEntries(secrets)).toEqual({ a: 'new-a' })
  await expect(provision(api(), planned)).rejects.toThrow(/^b exists already/)
  expect(calls.filter(({ path }) => path?.endsWith('/secret'))).toEqual([])
})

test('what answers with something else is not taken for a Hemotrail', async () => {
  answer = () => ({ status: 201, body: { hello: 'world' } })
  const { api: url } = api()
  await expect(provision(api(), [fridge('a', 'x')])).rejects.toThrow(
    `what answers at ${url} is not Hemotrail`,
  )
})
