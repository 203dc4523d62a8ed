import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
import { migrate } from '../../../api/stores/migrate.ts'
import { failureClass, sqlStateOf } from '../../../api/stores/sql-state.ts'
import { facility } from '../../../schema/tables/facilities.ts'
import { createEmptyDatabase, createServerDatabase, describeOnServer } from '../../support/database.ts'
import { failureOf, until } from '../../support/outcomes.ts'
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts'

describeOnServer('a database on a server', (url) => {
  let created: { url: string; drop(): Promise<void> }
  let admin: pg.Client
  const opened: OpenDatabase[] = []

  beforeAll(async () => {
    created = await createServerDatabase(url)
    admin = new pg.Client({ connectionString: created.url })
    await admin.connect()
  })
  afterEach(async () => {
    for (const open of opened.splice(0)) await open.close()
  })
  afterAll(async () => {
    await admin?.end()
    await created?.drop()
  })

  async function openPool(poolSize: number): Promise<OpenDatabase> {
    const open = await openDatabase({ url: created.url, poolSize })
    opened.push(open)
    return open
  }

  async function pidOf(open: OpenDatabase): Promise<number> {
    return (await open.pool.query('select pg_backend_pid() as pid')).rows[0].pid
  }

  async function terminate(pid: number): Promise<void> {
    await admin.query('select pg_terminate_backend($1)', [pid])
  }

  test('waits for the disk at every commit, whatever the server is set to', async () => {
    const { rows } = await admin.query('select current_database() as name')
    const setting = async () => (await (await openPool(1)).pool.query('show synchronous_commit')).rows[0]
    await admin.query(`alter database ${rows[0].name} set synchronous_commit = off`)
    expect(await setting()).toEqual({ synchronous_commit: 'on' })
    await admin.query(`alter database ${rows[0].name} set synchronous_commit = remote_apply`)
    expect(await setting()).toEqual({ synchronous_commit: 'remote_apply' })
  })

  test.each([
    ['', '"$user", public'],
    ['?application_name=ours&options=-c%20search_path%3Dpublic', 'public'],
  ])('compiles no statement and notices who vanished, with a URL that ends in "%s"', async (end, path) => {
    const open = await openDatabase({ url: `${created.url}${end}`, poolSize: 1 })
    opened.push(open)
    const { rows } = await open.pool.query(
      `select name, setting from pg_settings where name in ('jit', 'search_path', 'tcp_keepalives_idle') order by name`,
    )
    expect(rows.map(({ setting }) => setting)).toEqual(['off', path, '10'])
  })

  test('outlives the death of an idle connection', async () => {
    const open = await openPool(1)
    await terminate(await pidOf(open))
    await until(() => open.pool.totalCount === 0)
    expect(await pidOf(open)).toBeGreaterThan(0)
  })

  test('outlives the death of a connection in a transaction, and says that the database was away', async () => {
    const { db, pool } = await openPool(1)
    const error = await failureOf(
      db.transaction(async (tx) => {
        const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
        await terminate(rows[0]?.pid ?? 0)
        await delay(50)
        await tx.execute(sql`select 1`)
      }),
    )
    expect(failureClass(error)).toBe('away')
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('loses no connection for good, whenever one is killed', async () => {
    const open = await openPool(2)
    for (let i = 0; i < 30; i++) {
      const pids = [await pidOf(open).catch(() => 0), await pidOf(open).catch(() => 0)]
      const killing = Promise.all(pids.filter((pid) => pid > 0).map(terminate))
      const begun = Array.from({ length: 3 }, () =>
        open.db.transaction((tx) => tx.execute(sql`select pg_sleep(0.001)`)),
      )
      for (const outcome of await Promise.allSettled(begun)) {
        if (outcome.status === 'rejected') expect(failureClass(outcome.reason)).toBe('away')
      }
      await killing
    }
    // With a connection lost for good this would wait for one, and time out.
    const both = [0, 1].map(() => open.pool.query('select pg_sleep(0.05)'))
    await expect(Promise.all(both)).resolves.toHaveLength(2)
  })

  test('tells listeners once when it has lost and found its own connection', async () => {
    const open = await openPool(1)
    const heard: (string | null)[] = []
    await open.listen('news', (payload) => heard.push(payload))
    const { rows } = await admin.query(
      `select pid from pg_stat_activity where query = 'listen "news"' and datname = current_database()`,
    )
    expect(rows).toHaveLength(1)

    await terminate(rows[0].pid)
    await until(() => heard.length > 0)
    await open.pool.query(`select pg_notify('news', 'after')`)
    await until(() => heard.length > 1)

    expect(heard).toEqual([null, 'after'])
  })

  test('is refused when it is not in UTF-8', async () => {
    const ascii = await createEmptyDatabase(url, `encoding 'SQL_ASCII' locale 'C'`)
    await expect(openDatabase({ url: ascii.url })).rejects.toThrow('encoded in SQL_ASCII')
    await ascii.drop()
  })

  test('is migrated by its owner for a role that owns nothing', async () => {
    const role = `hemotrail_test_${process.pid}`
    const empty = await createEmptyDatabase(url)
    await admin.query(`create role ${role} login`)
    const asService = new URL(empty.url)
    asService.username = role
    const open = await openDatabase({ url: asService.href })
    try {
      expect(sqlStateOf(await failureOf(migrate(open)))).toBe('42501')

      await Promise.all([migrate(open, { url: empty.url }), migrate(open, { url: empty.url })])
      // Nothing is left to do, so the service's role may ask too.
      await migrate(open)

      await open.db
        .insert(facility)
        .values({ code: 'a', name: 'a', kind: 'centre', timeZone: 'UTC', createdAt: 1 })
      expect(await open.db.$count(facility)).toBe(1)
      expect(sqlStateOf(await failureOf(open.db.execute(sql`drop table facility cascade`)))).toBe('42501')
      expect(sqlStateOf(await failureOf(open.db.execute(sql`truncate facility cascade`)))).toBe('42501')
    } finally {
      await open.close()
      await empty.drop()
      await admin.query(`drop role ${role}`)
    }
  })
})

describeOnServer('a server that crashes', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.remove())

  test('is away, and comes back with all that was stored', async () => {
    const open = await openDatabase({ url: server.url, poolSize: 3 })
    const heard: (string | null)[] = []
    await open.listen('news', (payload) => heard.push(payload))
    await open.pool.query('create table kept (a integer)')
    await open.pool.query('insert into kept values (1)')

    const busy = [0, 1, 2].map(() =>
      failureOf(open.db.transaction((tx) => tx.execute(sql`select pg_sleep(60)`))),
    )
    await until(async () => open.pool.idleCount === 0 && open.pool.totalCount === 3)
    await delay(100)
    await server.kill9()
    for (const error of await Promise.all(busy)) expect(failureClass(error)).toBe('away')
    expect(failureClass(await failureOf(open.pool.query('select 1')))).toBe('away')
    expect(failureClass(await failureOf(openDatabase({ url: server.url })))).toBe('away')

    await server.start()

    expect((await open.pool.query('select * from kept')).rows).toEqual([{ a: 1 }])
    await until(() => heard.length === 1)
    await server.restart()
    await until(() => heard.length === 2)
    expect(heard).toEqual([null, null])
    await open.close()
  })
})
