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
import { aHospital, aLabel, key, startTwoServices, type TwoServices } from './two-services.ts'

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

/** What a reader heard of a row. */
type Row = { readonly id: string; readonly kind: string; readonly subject: string }

/** Follow from an id on until somebody says stop or the connection is cut; ids go to `onId` as they are heard. */
async function* read(
  { url }: Pick<Service, 'url'>,
  lastId: string,
  cut: AbortSignal,
  onId: (id: string) => void,
) {
  const response = await fetch(new URL('/news', url), {
    headers: { authorization: `Bearer ${key}`, 'last-event-id': lastId },
    signal: cut,
  })
  expect(response.status).toBe(200)
  for await (const { id, data } of listenTo(response, onId)) {
    const { kind, subject } = data as Row
    yield { id, kind, subject } satisfies Row
  }
}

/** Follow to the last row, cut off every few rows and going on at the other process. */
async function readWithCuts({ services }: TwoServices, seed: number, last: string) {
  const rows: Row[] = []
  const heardFrom = new Set<string>()
  let lastId = '0-0'
  let cuts = 0
  for (;;) {
    const cut = new AbortController()
    const patience = 1 + ((seed + cuts * 7) % 12)
    let count = 0
    try {
      const service = services[(seed + cuts) % 2] as TwoServices['services'][0]
      for await (const row of read(service, lastId, cut.signal, (id) => {
        lastId = id
      })) {
        rows.push(row)
        heardFrom.add(service.url)
        if (row.kind === last) return { rows, cuts, heardFrom }
        if (++count === patience) break
      }
    } finally {
      cut.abort()
    }
    cuts++
  }
}

const writers = 16
const turns = 16

/**
 * The turns of one who writes, at one process: of one row and of many, with a key (inside a savepoint, its transaction
 * numbered before it waits for a bag) and without, and some that come to nothing after their news is written.
 */
async function write({ ask, must }: TwoServices, writer: number, shared: readonly string[]): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const dice = (writer * 31 + turn * 17) % 10
    const number = writer * 100 + turn
    const name = dice % 2 === 0 ? `${writer}-${turn}` : undefined
    if (dice < 3) await must(ask(writer, 'POST', '/bags', aLabel(number), { idempotencyKey: name }))
    else if (dice < 7) {
      const hold = { kind: 'other', reason: `turn ${turn}` }
      await must(
        ask(writer, 'POST', `/bags/${shared[number % shared.length]}/holds`, hold, { idempotencyKey: name }),
      )
    } else {
      const { din, expiresAt } = aLabel(number)
      const whole = { din, donor: `D${number}`, facility: 'H1', productCode: 'E0001V00', expiresAt }
      const { bagId } = await must(ask(writer, 'POST', '/donations', whole))
      const children = ['E0336V00', 'D9905V00', 'D9908V00'].map((productCode) => ({ productCode, expiresAt }))
      const twice = { children: [...children, ...children.slice(2)] }
      expect(
        await ask(writer, 'POST', `/bags/${bagId}/process`, twice, { idempotencyKey: name }),
      ).toMatchObject({ status: 400 })
      await must(ask(writer, 'POST', `/bags/${bagId}/process`, { children }))
      await must(
        ask(
          writer,
          'POST',
          `/donations/${din}/recall`,
          { reason: 'donor was ill' },
          { idempotencyKey: name && `${name}-r` },
        ),
      )
    }
  }
}

/** Keep one bag after the other until somebody waits for it and others have overtaken them. */
async function delayThem(
  { pool }: TwoServices,
  shared: readonly string[],
  busy: () => number,
): Promise<void> {
  const look = async () => {
    const { rows } = await pool.query<{ news: number; waiting: number }>(
      `select (select count(*)::int from news) as news,
        (select count(*)::int from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock') as waiting`,
    )
    return rows[0] as { news: number; waiting: number }
  }
  for (let round = 0; busy() > 0; round++) {
    const keeper = await pool.connect()
    try {
      await keeper.query('begin')
      await keeper.query('select from bag where id = $1 for update', [shared[round % shared.length]])
      const before = await look()
      await until(async () => {
        const { news, waiting } = await look()
        return waiting >= busy() || (waiting > 0 && news >= before.news + 5)
      })
    } finally {
      await keeper.query('rollback')
      keeper.release()
    }
  }
}

const password = 'correct horse battery'

describeOnServer('news', (url) => {
  test('of 16 who write at once is heard by all, once and in order, however often they are cut off', async () => {
    const two = await startTwoServices(url)
    onTestFinished(() => two.close())
    const { ask, must, pool } = two
    await must(ask(0, 'POST', '/facilities', aHospital('H1')))
    for (const [username, role] of [
      ['nurse', 'nurse'],
      ['lab', 'transfusion_lab'],
    ]) {
      const roles = [{ role, facility: 'H1' }]
      await must(ask(0, 'POST', '/people', { username, name: username, password, roles }))
    }
    const bearer = String((await must(ask(0, 'POST', '/session', { username: 'lab', password }))).token)
    const shared: string[] = []
    for (let number = 900_000; number < 900_004; number++)
      shared.push(String((await must(ask(0, 'POST', '/bags', aLabel(number)))).bagId))
    const last = String((await must(ask(0, 'POST', '/bags', aLabel(999_999)))).bagId)

    const readers = [0, 1, 2].map((seed) => readWithCuts(two, seed, 'bag.discarded'))
    let busy = writers
    await Promise.all([
      ...Array.from({ length: writers }, (_, writer) => write(two, writer, shared).finally(() => busy--)),
      delayThem(two, shared, () => busy),
    ])
    await must(ask(1, 'POST', `/bags/${last}/discard`, { reason: 'the last', witness: 'nurse' }, { bearer }))

    const { rows: committed } = await pool.query<Row & { isLate: boolean }>(
      `select xid || '-' || id as id, kind, subject, id < max(id) over (order by xid, id) as "isLate"
       from news order by news.xid, news.id`,
    )
    expect(committed.length).toBeGreaterThan(700)
    // Many stand behind rows that were written after them: whoever reads by id, or as they commit, misses some.
    expect(committed.filter(({ isLate }) => isLate).length).toBeGreaterThan(50)
    const expected = committed.map(({ id, kind, subject }) => ({ id, kind, subject }))
    for (const { rows, cuts, heardFrom } of await Promise.all(readers)) {
      expect(cuts).toBeGreaterThanOrEqual(50)
      expect(heardFrom.size).toBe(2)
      expect(rows).toEqual(expected)
    }
  }, 180_000)

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
