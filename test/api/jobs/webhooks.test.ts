import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { startDeliveries } from '../../../api/jobs/deliver-webhooks.ts'
import type { Patience } from '../../../api/jobs/try-once.ts'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
import { appendNews, type NewsItem, newestNews } from '../../../api/stores/news.ts'
import { createNewsWatch } from '../../../api/stores/news-watch.ts'
import { checkWebhookUrl, guardedLookup } from '../../../api/usecases/webhook-address.ts'
import { Deliveries, NewWebhook, Webhooks } from '../../../schema/http/news.ts'
import { describeOnServer } from '../../support/database.ts'
import { failureOf, until } from '../../support/outcomes.ts'
import { noon, silent } from '../../support/world.ts'
import { type Door, test } from '../http/door.ts'

type Received = { readonly headers: IncomingHttpHeaders; readonly body: string; readonly subject: string }

type Receiver = {
  readonly url: string
  readonly received: Received[]
  readonly subjects: () => string[]
  /** What it does from now on with each delivery. */
  answer: (response: ServerResponse, delivery: Received) => void
}

const take = (response: ServerResponse) => response.writeHead(204).end()

async function aReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const delivery = { headers: request.headers, body, subject: JSON.parse(body).subject as string }
    received.push(delivery)
    receiver.answer(response, delivery)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hemotrail`,
    received,
    subjects: () => received.map(({ subject }) => subject),
    answer: take,
  }
  return receiver
}

const quick: Partial<Patience> = { attemptMs: 500, firstPauseMs: 10, longestPauseMs: 40, lookMs: 20 }

/** What delivers, until it is stopped. */
function deliver(database: OpenDatabase, patience: Partial<Patience> = {}): () => Promise<void> {
  const news = createNewsWatch(database, { log: silent, pollMs: 50 })
  const stop = startDeliveries({ database, log: silent, now: Date.now, news }, { ...quick, ...patience })
  const end = async () => {
    await stop()
    await news.close()
  }
  onTestFinished(end)
  return end
}

function tell(database: OpenDatabase, ...subjects: string[]): Promise<void> {
  return database.db.transaction((tx) =>
    appendNews(
      tx,
      subjects.map((subject) => anItem(subject)),
    ),
  )
}

function anItem(subject: string, facilityIds = [1]): NewsItem {
  return { at: noon, kind: 'bag.released', subject, facilityIds, data: { by: 'centre' } }
}

function create(door: Door, url: string, facility: string | null = null) {
  return door.ask(NewWebhook, 'POST', '/webhooks', { name: 'his', url, facility })
}

/** Its log, oldest first. */
async function logOf(door: Door) {
  const { deliveries } = await door.ask(Deliveries, 'GET', '/webhooks/his/deliveries?limit=1000')
  return deliveries.reverse()
}

test('news is delivered in order, signed with the secret that was told once', async ({ door, database }) => {
  const receiver = await aReceiver()
  await tell(database, 'before')
  // Whatever else is under way on this server, it is older news only when it could have been read.
  await until(async () => (await newestNews(database.db)) !== null)
  const { secret } = await create(door, receiver.url)
  deliver(database)
  await tell(database, 'one', 'two')
  await tell(database, 'three')

  await until(() => receiver.received.length === 3)
  expect(receiver.subjects()).toEqual(['one', 'two', 'three'])
  const ids = receiver.received.map(({ headers }) => headers['hemotrail-delivery'])
  expect(new Set(ids).size).toBe(3)
  for (const { headers, body } of receiver.received) {
    const timestamp = headers['hemotrail-timestamp']
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
    expect(headers['hemotrail-signature']).toBe(`v1=${signature}`)
    expect(Date.now() - Date.parse(timestamp as string)).toBeLessThan(30_000)
    expect(headers['content-type']).toBe('application/json')
  }
  expect(JSON.parse(receiver.received[0]?.body as string)).toEqual({
    at: '2020-05-06T12:00:00.000Z',
    kind: 'bag.released',
    subject: 'one',
    data: { by: 'centre' },
  })
  await until(async () => (await logOf(door)).length === 3)
  expect(await logOf(door)).toMatchObject(
    ['one', 'two', 'three'].map((subject, n) => ({
      subject,
      delivery: ids[n],
      attempt: 1,
      outcome: 'delivered',
      status: 204,
      error: null,
    })),
  )
})

test('a webhook of one facility hears of that one', async ({ door, database }) => {
  const receiver = await aReceiver()
  await create(door, receiver.url, 'H1')
  deliver(database)
  await database.db.transaction((tx) =>
    appendNews(tx, [anItem('elsewhere', [2]), anItem("nobody's", []), anItem('ours', [2, 1])]),
  )
  await until(() => receiver.received.length === 1)
  await database.db.transaction((tx) => appendNews(tx, [anItem('elsewhere again', [2])]))
  await tell(database, 'ours again')
  await until(() => receiver.received.length === 2)
  expect(receiver.subjects()).toEqual(['ours', 'ours again'])
})

test('what is not taken is tried again, and what follows waits for it', async ({ door, database }) => {
  const receiver = await aReceiver()
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(500).end('no'),
    (response) => response.destroy(),
    (response) => response.writeHead(302, { location: receiver.url }).end(),
    // Never an answer, and then one without an end: the body is not waited for.
    () => {},
    (response) => response.writeHead(200).write('for ever'),
  ]
  receiver.answer = (response) => (answers.shift() ?? take)(response)
  await create(door, receiver.url)
  deliver(database)
  await tell(database, 'one', 'two')

  await until(async () => (await logOf(door)).length === 6)
  expect(receiver.subjects()).toEqual(['one', 'one', 'one', 'one', 'one', 'two'])
  expect(new Set(receiver.received.map(({ headers }) => headers['hemotrail-delivery'])).size).toBe(2)
  expect(await logOf(door)).toMatchObject([
    { subject: 'one', attempt: 1, outcome: 'failed', status: 500, error: 'it answered 500' },
    { subject: 'one', attempt: 2, outcome: 'failed', status: null, error: 'socket hang up' },
    { subject: 'one', attempt: 3, outcome: 'failed', status: 302 },
    { subject: 'one', attempt: 4, outcome: 'failed', status: null, error: 'no answer within 0.5 s' },
    { subject: 'one', attempt: 5, outcome: 'delivered', status: 200, error: null },
    { subject: 'two', attempt: 1, outcome: 'delivered', status: 204 },
  ])
  const { deliveries, next } = await door.ask(Deliveries, 'GET', '/webhooks/his/deliveries?limit=4')
  expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 5, 4, 3])
  const rest = await door.ask(Deliveries, 'GET', `/webhooks/his/deliveries?limit=4&before=${next}`)
  expect(rest.deliveries.map(({ attempt }) => attempt)).toEqual([2, 1])
  expect(rest.next).toBeNull()
})

test('the pauses double, up to the longest', async ({ door, database }) => {
  const receiver = await aReceiver()
  receiver.answer = (response) => response.writeHead(503).end()
  await create(door, receiver.url)
  deliver(database, { firstPauseMs: 40, longestPauseMs: 150 })
  await tell(database, 'one')
  await until(async () => (await logOf(door)).length >= 6)
  const times = (await logOf(door)).map(({ at }) => Date.parse(at))
  const pauses = times.slice(1).map((at, n) => at - (times[n] as number))
  for (const [n, least] of [40, 80, 150, 150, 150].entries())
    expect(pauses[n], String(pauses)).toBeGreaterThanOrEqual(least)
})

test('what is not taken for too long is given up, and the next is delivered', async ({ door, database }) => {
  const receiver = await aReceiver()
  receiver.answer = (response, { subject }) =>
    subject === 'poison' ? response.writeHead(400).end() : take(response)
  await create(door, receiver.url)
  deliver(database, { givesUpAfterMs: 100 })
  await tell(database, 'poison', 'cure')
  await until(() => receiver.subjects().includes('cure'))
  await until(async () => (await logOf(door)).at(-1)?.outcome === 'delivered')
  const log = await logOf(door)
  const outcomes = log.filter(({ subject }) => subject === 'poison').map(({ outcome }) => outcome)
  expect(outcomes.length).toBeGreaterThan(2)
  expect(outcomes.pop()).toBe('given_up')
  expect(new Set(outcomes)).toEqual(new Set(['failed']))
})

test('stopped in the middle, the next one goes on where it was', async ({ door, database }) => {
  const receiver = await aReceiver()
  const subjects = Array.from({ length: 30 }, (_, n) => `bag-${n}`)
  await create(door, receiver.url)
  await tell(database, ...subjects)
  let hung = 0
  for (const stopAt of [5, 12, 20]) {
    receiver.answer = (response) => {
      if (receiver.received.length - hung < stopAt) take(response)
    }
    const stop = deliver(database, { attemptMs: 20_000 })
    await until(() => receiver.received.length - hung === stopAt)
    await stop()
    // That one was received and never answered: it comes again.
    hung++
  }
  receiver.answer = take
  deliver(database)
  await until(async () => (await logOf(door)).length === subjects.length)

  const firsts = [...new Set(receiver.subjects())]
  expect(firsts).toEqual(subjects)
  expect(receiver.received.length).toBe(subjects.length + hung)
  const log = await logOf(door)
  expect(log.map(({ subject }) => subject)).toEqual(subjects)
  expect(log.every(({ outcome, attempt }) => outcome === 'delivered' && attempt === 1)).toBe(true)
})

test('one slow receiver does not hold up another', async ({ door, database }) => {
  const slow = await aReceiver()
  slow.answer = () => {}
  const fast = await aReceiver()
  await create(door, slow.url)
  await door.ask(NewWebhook, 'POST', '/webhooks', { name: 'other', url: fast.url, facility: null })
  deliver(database, { attemptMs: 20_000 })
  await tell(database, 'one', 'two')
  await until(() => fast.received.length === 2)
  expect(slow.received.length).toBe(1)
})

test('a webhook that has ended is called no more, and the audit tells who made and ended it', async ({
  door,
  database,
}) => {
  const receiver = await aReceiver()
  receiver.answer = (response) => response.writeHead(500).end()
  const { secret } = await create(door, receiver.url)
  const { webhooks } = await door.ask(Webhooks, 'GET', '/webhooks')
  expect(webhooks).toMatchObject([{ name: 'his', url: receiver.url, facility: null, endedAt: null }])
  deliver(database)
  await tell(database, 'one')
  await until(() => receiver.received.length > 1)

  await door.ask(Webhooks, 'POST', '/webhooks/his/end', { reason: 'moved' })

  await door.ask(NewWebhook, 'POST', '/webhooks', { name: 'other', url: receiver.url, facility: null })
  receiver.answer = take
  await tell(database, 'two')
  await until(() => receiver.subjects().includes('two'))
  const log = await logOf(door)
  expect(log.every(({ subject, outcome }) => subject === 'one' && outcome === 'failed')).toBe(true)
  expect((await door.refused('POST', '/webhooks/his/end', { reason: 'again' })).code).toBe('conflict')
  expect(
    (await door.refused('POST', '/webhooks', { name: 'his', url: receiver.url, facility: null })).code,
  ).toBe('already_exists')
  const { rows } = await database.pool.query(
    "select action, reason, after from audit_entry where subject_kind = 'webhook' and subject = 'his' order by id",
  )
  expect(rows).toMatchObject([
    { action: 'webhook.created', after: { url: receiver.url, facilityId: null } },
    { action: 'webhook.ended', reason: 'moved' },
  ])
  expect(JSON.stringify([rows, await door.ask(Webhooks, 'GET', '/webhooks')])).not.toContain(secret)
})

test('only addresses that may be called are taken', async ({ door }) => {
  for (const url of [
    'https://his.example.org/hemotrail',
    'https://10.1.2.3:8443/',
    'http://localhost:1/',
    'http://127.0.0.1/',
    'http://[::1]:9/',
  ])
    expect(checkWebhookUrl(url).href).toBe(url)
  for (const url of [
    'his.example.org',
    'ftp://his.example.org/',
    'http://his.example.org/',
    'http://10.1.2.3/',
    'http://127.0.0.1.example.org/',
    'https://user:password@his.example.org/',
    'https://169.254.169.254/latest/meta-data',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://[::ffff:169.254.169.254]/',
    'https://[fe80::1]/',
    'https://0.0.0.0/',
    'http://0.0.0.0/',
    'javascript:alert(1)',
  ]) {
    const problem = await door.refused('POST', '/webhooks', { name: 'his', url, facility: null })
    expect(problem.code, url).toBe('invalid_request')
  }
})

test('a name is called only where it leads to what may be called', async () => {
  const resolve = (url: string, name: string) =>
    new Promise((done, fail) => {
      guardedLookup(new URL(url))(name, { all: true }, (error, found) => (error ? fail(error) : done(found)))
    })
  // A literal address resolves to itself, as a name that leads there would.
  expect(String(await failureOf(resolve('https://his.test', '169.254.169.254')))).toContain('not called')
  expect(String(await failureOf(resolve('http://localhost', '10.1.2.3')))).toContain('not called')
  expect(await resolve('https://his.test', '10.1.2.3')).toEqual([{ address: '10.1.2.3', family: 4 }])
  expect(await resolve('http://localhost', '127.0.0.1')).toEqual([{ address: '127.0.0.1', family: 4 }])
})

describeOnServer('of two processes on one server', () => {
  test('one delivers, and the other goes on when it has gone', async ({ door, database }) => {
    const receiver = await aReceiver()
    await create(door, receiver.url)
    const { rows } = await database.pool.query<{ name: string }>('select current_database() as name')
    const url = new URL(process.env.TEST_DATABASE_URL as string)
    url.pathname = `/${rows[0]?.name}`
    const other = await openDatabase({ url: url.href, poolSize: 2 })
    const subjects = (from: number) => Array.from({ length: 20 }, (_, n) => `bag-${from + n}`)
    const stops = [deliver(database), deliver(other)]
    onTestFinished(async () => {
      for (const stop of stops) await stop()
      await other.close()
    })

    await tell(database, ...subjects(0))
    await until(async () => (await logOf(door)).length === 20)
    const holder = await database.pool.query<{ pid: number }>(
      `select pid from pg_locks where locktype = 'advisory' and objid = 4840
        and database = (select oid from pg_database where datname = current_database())`,
    )
    expect(holder.rows).toHaveLength(1)
    // As when its process is killed or cut off.
    await database.pool.query('select pg_terminate_backend($1)', [holder.rows[0]?.pid])
    await tell(database, ...subjects(20))
    await until(async () => (await logOf(door)).length === 40)
    await stops[0]?.()
    await tell(database, ...subjects(40))
    await until(async () => (await logOf(door)).length === 60)

    expect([...new Set(receiver.subjects())]).toEqual(subjects(0).concat(subjects(20), subjects(40)))
  })
})
