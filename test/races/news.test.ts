import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { expect, onTestFinished, test } from 'vitest'
import { type Service, startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import { type OpenDatabase, openDatabase } from '../../api/stores/database.ts'
import { appendNews, type NewsItem } from '../../api/stores/news.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { listenTo } from '../support/sse.ts'
import { noon, silent } from '../support/world.ts'

const key = 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg=='

function anItem(subject: string): NewsItem {
  return { at: noon, kind: 'bag.released', subject, facilityIds: [1], data: {} }
}

/** Two services and a database that writers use, all of one server. */
async function aCluster(url: string): Promise<{ nodes: readonly Service[]; writers: OpenDatabase }> {
  const created = await createServerDatabase(url)
  const environment = {
    DATABASE_URL: created.url,
    HEMOTRAIL_ADMIN_KEY: key,
    HTTP_PORT: '0',
    MQTT_PORT: '0',
  }
  const nodes: Service[] = []
  const writers = await openDatabase({ url: created.url, poolSize: 20 })
  onTestFinished(async () => {
    for (const node of nodes) await node.close()
    await writers.close()
    await created.drop()
  })
  for (let n = 0; n < 2; n++) nodes.push(await startService(readConfig(environment), { log: silent }))
  return { nodes, writers }
}

/** What a reader heard: the number and the subject of each row. */
type Row = { readonly id: string; readonly subject: string }

/** Follow from an id on until somebody says stop or the connection is cut; ids go to `onId` as they are heard. */
async function* read(node: Service, lastId: string, cut: AbortSignal, onId: (id: string) => void) {
  const response = await fetch(new URL('/news', node.url), {
    headers: { authorization: `Bearer ${key}`, 'last-event-id': lastId },
    signal: cut,
  })
  expect(response.status).toBe(200)
  for await (const { id, data } of listenTo(response, onId))
    yield { id, subject: (data as { subject: string }).subject } satisfies Row
}

/** Follow to the last row, cut off every few rows and going on at the other node. */
async function readWithCuts(nodes: readonly Service[], seed: number, last: string) {
  const rows: Row[] = []
  let lastId = '0-0'
  let cuts = 0
  for (;;) {
    const cut = new AbortController()
    const patience = 1 + ((seed + cuts * 7) % 12)
    let count = 0
    try {
      const node = nodes[(seed + cuts) % nodes.length] as Service
      for await (const row of read(node, lastId, cut.signal, (id) => {
        lastId = id
      })) {
        rows.push(row)
        if (row.subject === last) return { rows, cuts }
        if (++count === patience) break
      }
    } finally {
      cut.abort()
    }
    cuts++
  }
}

/** Transactions long and short, some with savepoints, some that come to nothing. */
async function write({ db }: OpenDatabase, writer: number): Promise<void> {
  for (let n = 0; n < 40; n++) {
    const dice = (writer * 31 + n * 17) % 10
    const name = (row: number) => `w${writer}-${n}-${row}`
    await db
      .transaction(async (tx) => {
        await appendNews(tx, [anItem(name(0))])
        await delay(dice === 0 ? 150 : dice * 3)
        if (dice === 4) await tx.transaction((inner) => appendNews(inner, [anItem(name(1))]))
        else if (dice > 5) await appendNews(tx, [anItem(name(1)), anItem(name(2))])
        if (dice === 9) throw new Error('comes to nothing')
      })
      .catch((error: Error) => {
        if (error.message !== 'comes to nothing') throw error
      })
  }
}

describeOnServer('news', (url) => {
  test('of 16 who write at once is heard by all, once and in order, however often they are cut off', async () => {
    const { nodes, writers } = await aCluster(url)
    const readers = [0, 1, 2].map((seed) => readWithCuts(nodes, seed, 'the last'))
    await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writers, writer)))
    await writers.db.transaction((tx) => appendNews(tx, [anItem('the last')]))

    const { rows: committed } = await writers.pool.query<Row>(
      "select xid || '-' || id as id, subject from news order by news.xid, news.id",
    )
    expect(committed.length).toBeGreaterThan(700)
    for (const { rows, cuts } of await Promise.all(readers)) {
      expect(cuts).toBeGreaterThanOrEqual(50)
      expect(rows).toEqual(committed)
    }
  }, 120_000)

  test('waits for an older transaction, whose end notifies nobody', async () => {
    const { nodes, writers } = await aCluster(url)
    const cut = new AbortController()
    const heard: Row[] = []
    let lastId = ''
    const reading = (async () => {
      for await (const row of read(nodes[0] as Service, '0-0', cut.signal, (id) => {
        lastId = id
      }))
        heard.push(row)
    })().catch(() => {})
    await until(() => lastId !== '')

    await writers.db.transaction(async (older) => {
      await older.execute(sql`select pg_current_xact_id()`)
      await writers.db.transaction((tx) => appendNews(tx, [anItem('newer')]))
      // That nothing is heard is no event to wait for.
      await delay(500)
      expect(heard).toEqual([])
    })

    const began = performance.now()
    await until(() => heard.length === 1)
    // Readers wait 15 s at most; this is sooner.
    expect(performance.now() - began).toBeLessThan(8_000)
    cut.abort()
    await reading
  })

  test('is sent on to a webhook by one of two services', async () => {
    const { nodes, writers } = await aCluster(url)
    const received: string[] = []
    const receiver = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      received.push(JSON.parse(body).subject)
      response.end()
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void receiver.close())
    await once(receiver, 'listening')
    const { port } = receiver.address() as AddressInfo
    const made = await fetch(new URL('/webhooks', nodes[1]?.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'his', url: `http://127.0.0.1:${port}`, facility: null }),
    })
    expect(made.status).toBe(201)

    const subjects = Array.from({ length: 30 }, (_, n) => `bag-${n}`)
    for (const subject of subjects) await writers.db.transaction((tx) => appendNews(tx, [anItem(subject)]))

    await until(() => received.length >= subjects.length)
    expect(received).toEqual(subjects)
  })

  test('lets the service go that it is read from', async () => {
    const { nodes } = await aCluster(url)
    const [node] = nodes as [Service]
    const cut = new AbortController()
    let lastId = ''
    const reading = (async () => {
      for await (const _ of read(node, '0-0', cut.signal, (id) => {
        lastId = id
      }));
    })()
    await until(() => lastId !== '')
    const began = performance.now()
    await node.close()
    // Those who are not let go are cut off after 5 s.
    expect(performance.now() - began).toBeLessThan(4_000)
    await reading
  })
})
