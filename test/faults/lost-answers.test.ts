import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { describeWithPostgres, temporaryDirectory } from './city.ts'
import { type ServiceProcess, startServiceProcess } from './service.ts'

const patienceMs = 240_000
const writers = 8

describe('an answer that was lost, on PGlite', () => {
  test('is given again, and what it answered was done once', { timeout: patienceMs }, async () => {
    const directory = temporaryDirectory('hemotrail-data-')
    await expectAnswersAgain({ HEMOTRAIL_DATA: directory }, { directory }, { cuts: 40, kills: 2 })
  })
})

describeWithPostgres('an answer that was lost, on Postgres', () => {
  test('is given again, and what it answered was done once', { timeout: patienceMs }, async () => {
    const postgres = await startPostgres({ fsync: 'on' })
    onTestFinished(() => postgres.remove())
    await expectAnswersAgain({ DATABASE_URL: postgres.url }, { url: postgres.url }, { cuts: 200, kills: 6 })
  })
})

type Where = { readonly url: string } | { readonly directory: string }

/** What was asked with a key, and what each time was answered to it. */
type Asked = {
  readonly path: string
  readonly body: object
  readonly key: string
  readonly answers: string[]
}

/**
 * Register bags and tag them over a wire that is cut when the first byte of the answer has come through it, then under
 * kills of the service; ask everything again with its key, and find every bag and every tag once.
 */
async function expectAnswersAgain(
  environment: Readonly<Record<string, string>>,
  where: Where,
  { cuts, kills }: { readonly cuts: number; readonly kills: number },
): Promise<void> {
  const service = await startServiceProcess(environment)
  onTestFinished(() => service.kill9())
  const facility = { code: 'H1', name: 'First Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await service.ask('POST', '/facilities', facility)
  const asked: Asked[] = []

  const wire = await startWire(Number(new URL(service.url).port))
  onTestFinished(() => wire.close())
  for (let number = 0; number < cuts / 2; number++) {
    const register = aRequest('/bags', bag(number))
    expect(await send(wire.url, service.key, register)).toBeNull()
    const { bagId } = await again(service, register)
    const tag = aRequest(`/bags/${bagId}/tags`, { tag: `tag-${number}` })
    expect(await send(wire.url, service.key, tag)).toBeNull()
    await again(service, tag)
    asked.push(register, tag)
  }
  expect(wire.lost()).toBe(cuts)

  let number = cuts / 2
  for (let kill = 0; kill < kills; kill++) {
    const target = asked.length + 60
    const lost: Asked[] = []
    const write = async () => {
      for (;;) {
        const own = number++
        const register = aRequest('/bags', bag(own))
        asked.push(register)
        const made = await send(service.url, service.key, register)
        if (!made) return void lost.push(register)
        const tag = aRequest(`/bags/${made.bagId}/tags`, { tag: `tag-${own}` })
        asked.push(tag)
        if (!(await send(service.url, service.key, tag))) return void lost.push(tag)
      }
    }
    const writing = Array.from({ length: writers }, write)
    while (asked.length < target) await new Promise((resolve) => setImmediate(resolve))
    await service.kill9()
    await Promise.all(writing)
    expect(lost).toHaveLength(writers)
    await service.start()
    await Promise.all(lost.map((request) => again(service, request)))
  }

  for (const request of asked) await again(service, request)
  for (const { answers, path } of asked) expect(new Set(answers).size, path).toBe(1)
  expect(await service.stop()).toBe(0)
  await expectOnce(where, asked)
}

let keys = 0

function aRequest(path: string, body: object): Asked {
  return { path, body, key: `key-${++keys}`, answers: [] }
}

/** The answer, which must be a yes; null where it was lost on the way. */
async function send(url: string, key: string, request: Asked): Promise<{ bagId: string } | null> {
  let status: number
  let text: string
  try {
    const response = await fetch(new URL(request.path, url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': request.key,
      },
      body: JSON.stringify(request.body),
    })
    status = response.status
    text = await response.text()
  } catch {
    return null
  }
  expect(status, text).toBe(201)
  request.answers.push(text)
  return JSON.parse(text)
}

async function again(service: ServiceProcess, request: Asked): Promise<{ bagId: string }> {
  const answer = await send(service.url, service.key, request)
  if (!answer) throw new Error(`${request.path} was not answered`)
  return answer
}

/** Every bag and tag there is was asked for, and has been written and audited exactly once. */
async function expectOnce(where: Where, asked: readonly Asked[]): Promise<void> {
  const open = await openDatabase(where)
  onTestFinished(() => open.close())
  const registered = asked.filter(({ path }) => path === '/bags').length
  const { rows } = await open.pool.query(`select
    (select count(*) from bag) as bags,
    (select count(distinct identifier) from bag) as dins,
    (select count(*) from tag_assignment) as tags,
    (select count(distinct tag) from tag_assignment) as distinct_tags,
    (select count(*) from audit_entry where action = 'tag.assigned') as taggings,
    (select count(*) from answered_request where status is null) as unanswered`)
  const tagged = asked.length - registered
  expect(rows).toEqual([
    {
      bags: registered,
      dins: registered,
      tags: tagged,
      distinct_tags: tagged,
      taggings: tagged,
      unanswered: 0,
    },
  ])
}

/** A wire to a port of this machine that breaks when the first byte of an answer comes through: nobody hears it. */
async function startWire(target: number) {
  const sockets = new Set<Socket>()
  let lost = 0
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.on('data', (chunk) => far.write(chunk))
    far.once('data', () => {
      lost++
      near.resetAndDestroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lost: () => lost,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function bag(number: number) {
  return {
    din: `=A999926${String(number).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: new Date(Date.now() + 30 * 86_400_000).toISOString(),
  }
}
