import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { expect, onTestFinished } from 'vitest'
import { findFacility } from '../../../api/stores/facilities.ts'
import { appendNews, type NewsItem, newestNews } from '../../../api/stores/news.ts'
import { createNewsWatch } from '../../../api/stores/news-watch.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { createApiKey, withdrawApiKey } from '../../../api/usecases/manage-api-keys.ts'
import { until } from '../../support/outcomes.ts'
import { type Heard, listenTo } from '../../support/sse.ts'
import { aDevice, aMessage, aReading, noon, silent } from '../../support/world.ts'
import { adminKey, type Door, iso, openDoor, problemOf, test } from './door.ts'

function anItem(subject: string, more: Partial<NewsItem> = {}): NewsItem {
  return { at: noon, kind: 'bag.released', subject, facilityIds: [1], data: { by: 'centre' }, ...more }
}

function tell({ world }: Door, ...items: NewsItem[]): Promise<void> {
  return world.deps.database.db.transaction((tx) => appendNews(tx, items))
}

type Follower = {
  readonly heard: Heard[]
  readonly subjects: () => unknown[]
  lastId: string
  ended: boolean
}

/** Follow the news until the test is over, or for as long as one may. */
async function follow(door: Door, path = '/news', headers: Record<string, string> = {}): Promise<Follower> {
  const response = await door.raw(path, { headers: { authorization: `Bearer ${adminKey}`, ...headers } })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const heard: Heard[] = []
  const follower: Follower = {
    heard,
    subjects: () => heard.map(({ data }) => (data as { subject: string }).subject),
    lastId: '',
    ended: false,
  }
  const listening = (async () => {
    for await (const event of listenTo(response, (id) => {
      follower.lastId = id
    }))
      heard.push(event)
    follower.ended = true
  })()
  onTestFinished(async () => {
    await door.services.news.close()
    await listening
  })
  await until(() => follower.lastId !== '')
  return follower
}

test('news is heard as it is committed, from now on', async ({ door }) => {
  await tell(door, anItem('before'))
  // Whatever else is under way on this server, it is older news only when it could have been read.
  await until(async () => (await newestNews(door.world.deps.database.db)) !== null)
  const follower = await follow(door)

  await tell(door, anItem('one'), anItem('two', { kind: 'bag.issued' }))

  await until(() => follower.heard.length === 2)
  expect(follower.heard).toEqual([
    {
      id: expect.stringMatching(/^\d+-2$/),
      event: 'bag.released',
      data: { at: '2020-05-06T12:00:00.000Z', kind: 'bag.released', subject: 'one', data: { by: 'centre' } },
    },
    {
      id: expect.stringMatching(/^\d+-3$/),
      event: 'bag.issued',
      data: { at: '2020-05-06T12:00:00.000Z', kind: 'bag.issued', subject: 'two', data: { by: 'centre' } },
    },
  ])
})

test('news that is rolled back is never heard', async ({ door }) => {
  const follower = await follow(door)
  const { db } = door.world.deps.database
  await db
    .transaction(async (tx) => {
      await appendNews(tx, [anItem('undone')])
      throw new Error('undo it')
    })
    .catch(() => {})
  await tell(door, anItem('done'))
  await until(() => follower.heard.length > 0)
  expect(follower.subjects()).toEqual(['done'])
})

test('a reader goes on after the last id it heard, or begins with all there is', async ({ door }) => {
  await tell(door, anItem('one'))
  await tell(door, anItem('two'))
  await tell(door, anItem('three'))

  const all = await follow(door, '/news?after=0')
  await until(() => all.heard.length === 3)
  expect(all.subjects()).toEqual(['one', 'two', 'three'])

  const first = all.heard[0]?.id as string
  const again = openDoor(door.world)
  const rest = await follow(again, '/news?after=0', { 'last-event-id': first })
  await until(() => rest.heard.length === 2)
  expect(rest.subjects()).toEqual(['two', 'three'])
})

test('who was told nothing yet misses nothing either when it comes back', async ({ door }) => {
  const follower = await follow(door)
  await door.services.news.close()
  await until(() => follower.ended)
  await tell(door, anItem('meanwhile'))

  const back = await follow(openDoor(door.world), '/news', { 'last-event-id': follower.lastId })
  await until(() => back.heard.length === 1)
  expect(back.subjects()).toEqual(['meanwhile'])
})

test('more than a page is told in order', async ({ door }) => {
  const subjects = Array.from({ length: 350 }, (_, n) => `bag-${n}`)
  await tell(door, ...subjects.map((subject) => anItem(subject)))
  const follower = await follow(door, '/news?after=0')
  await until(() => follower.heard.length >= 350)
  expect(follower.subjects()).toEqual(subjects)
})

test('a cursor that is none, or not of this database, is refused', async ({ door }) => {
  for (const after of ['x', '1', '1-', '-1', '99999999999999999999-1', '1-9999999999999999', '0-1-2'])
    expect((await door.refused('GET', `/news?after=${after}`)).code, after).toBe('invalid_request')
  expect(await door.refused('GET', '/news?after=18446744073709551615-1')).toMatchObject({
    code: 'invalid_request',
    detail: expect.stringContaining('of another database'),
  })
  const bad = await door.raw('/news', {
    headers: { authorization: `Bearer ${adminKey}`, 'last-event-id': "1-1'; drop table news" },
  })
  expect((await problemOf(bad)).code).toBe('invalid_request')
})

test('a reader hears of its own facilities only', async ({ door }) => {
  const { ctx, deps } = door.world
  await createFacility(ctx, { code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'UTC' })
  const { id: own } = await findFacility(deps.database.db, 'H1')
  const { id: other } = await findFacility(deps.database.db, 'H2')
  const key = await createApiKey(ctx, { name: 'his', role: 'nurse', facility: 'H2' })
  const follower = await follow(door, '/news?after=0', { authorization: `Bearer ${key}` })

  await tell(door, anItem('theirs', { facilityIds: [own] }), anItem("nobody's", { facilityIds: [] }))
  await tell(door, anItem('ours', { facilityIds: [other] }), anItem('of both', { facilityIds: [own, other] }))

  await until(() => follower.heard.length === 2)
  expect(follower.subjects()).toEqual(['ours', 'of both'])
})

test('a stream shows that it lives, and ends when the right to read ends', async ({ door }) => {
  const { ctx, deps } = door.world
  const quick = openDoor(door.world, { news: createNewsWatch(deps.database, { log: silent, pulseMs: 50 }) })
  const key = await createApiKey(ctx, { name: 'his', role: 'nurse', facility: null })
  const response = await quick.raw('/news', { headers: { authorization: `Bearer ${key}` } })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  onTestFinished(() => quick.services.news.close())
  for (let signs = 0; signs < 3; signs++)
    expect((await reader?.read())?.value).toMatch(/^: still here\nid: \d+-\d+\n\n$/)

  await withdrawApiKey(ctx, 'his', 'left')
  await tell(door, anItem('too late'))

  let rest = ''
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) break
    rest += part.value
  }
  // At most what was told before the next look.
  expect(rest.match(/too late/g)?.length ?? 0).toBeLessThanOrEqual(1)
})

test('whoever may not read bags does not hear of them', async ({ door }) => {
  const key = await createApiKey(door.world.ctx, { name: 'his', role: 'engineer', facility: null })
  const refused = await door.raw('/news', { headers: { authorization: `Bearer ${key}` } })
  expect((await problemOf(refused)).code).toBe('forbidden')
})

async function onASocket(door: Door): Promise<{ server: Server; port: number }> {
  const server = serve({ fetch: door.fetch, hostname: '127.0.0.1', port: 0 }) as Server
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

test('a reader that hangs up is forgotten, and one that stays is let go at the end', async ({ door }) => {
  const { server, port } = await onASocket(door)
  const ask = async (): Promise<[ClientRequest, IncomingMessage]> => {
    const asked = httpRequest({ port, path: '/news', headers: { authorization: `Bearer ${adminKey}` } }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    await once(response, 'data')
    return [asked, response]
  }
  const [leaving] = await ask()
  const [, staying] = await ask()
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)))
  leaving.destroy()
  await until(async () => (await connections()) === 1)

  staying.resume()
  const ended = once(staying, 'end')
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await door.services.news.close()
  await ended
  await closed
})

test('a reader that does not read is not read ahead for', async ({ door }) => {
  const wide = { text: 'x'.repeat(100_000) }
  for (let n = 0; n < 20; n++)
    await tell(door, ...Array.from({ length: 25 }, (_, m) => anItem(`bag-${n}-${m}`, { data: wide })))
  const { port } = await onASocket(door)
  const { pool } = door.world.deps.database
  let reads = 0
  const query = pool.query
  const counted = (...args: unknown[]) => {
    const [statement] = args as [{ text?: string }]
    if (/from "news"/.test(statement?.text ?? '') && /limit/.test(statement?.text ?? '')) reads++
    return (query as (...args: unknown[]) => unknown).apply(pool, args)
  }
  pool.query = counted as typeof pool.query
  onTestFinished(() => {
    pool.query = query
  })
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.pause()
  socket.write(`GET /news?after=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${adminKey}\r\n\r\n`)
  await until(() => reads >= 1)
  // 500 pieces of 100 kB are 5 pages; what sockets take in is a few MB. That nothing comes is no event to wait for.
  await delay(1_500)
  expect(reads).toBeLessThanOrEqual(2)

  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  socket.resume()
  await until(() => bytes > 500 * 100_000)
})

test('an excursion is heard of as it begins and ends, late or early, by whom its facility concerns', async ({
  door,
}) => {
  const { world } = door
  await aDevice(world, 'fridge-1', {}, noon - 86_400_000)
  const { id } = await findFacility(world.deps.database.db, 'H1')
  const minute = 60_000
  const say = (seq: number, ...readings: readonly (readonly [number, number])[]) =>
    world.ingest.accept([
      aMessage({ device: 'fridge-1', seq, body: readings.map(([at, celsius]) => aReading(at, celsius)) }),
    ])
  await say(0, [noon - 5 * minute, 4])
  await say(1, [noon - 4 * minute, 6.01])
  await say(2, [noon - 3 * minute, 7])
  await say(3, [noon - 2 * minute, 6])
  // What was heard late splits what was believed: it had been inside again in between.
  await say(4, [noon - 3.5 * minute, 5])
  await say(5, [noon - minute, 4])

  const { rows } = await world.deps.database.pool.query(
    'select kind, subject, facility_ids, data from news order by id',
  )
  const about = { subject: 'fridge-1', facility_ids: [id] }
  const open = { probe: 'load', side: 'high', to: null, ended: null }
  const over = { probe: 'load', side: 'high', ended: 'inside' }
  expect(rows).toEqual([
    {
      ...about,
      kind: 'excursion.began',
      data: { ...open, from: iso(noon - 4 * minute), coldest: 6.01, warmest: 6.01 },
    },
    {
      ...about,
      kind: 'excursion.ended',
      data: { ...over, from: iso(noon - 4 * minute), to: iso(noon - 2 * minute), coldest: 6.01, warmest: 7 },
    },
    { ...about, kind: 'excursion.revised', data: { probe: 'load' } },
    {
      ...about,
      kind: 'excursion.ended',
      data: {
        ...over,
        from: iso(noon - 4 * minute),
        to: iso(noon - 3.5 * minute),
        coldest: 6.01,
        warmest: 6.01,
      },
    },
    {
      ...about,
      kind: 'excursion.ended',
      data: { ...over, from: iso(noon - 3 * minute), to: iso(noon - 2 * minute), coldest: 7, warmest: 7 },
    },
  ])
})
