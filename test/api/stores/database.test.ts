import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { asc, eq, getTableName, is, sql } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, type OpenDatabase, openDatabase, tables } from '../../../api/stores/database.ts'
import { migrate } from '../../../api/stores/migrate.ts'
import { sqlStateOf } from '../../../api/stores/sql-state.ts'
import { auditEntry } from '../../../schema/tables/audit.ts'
import { device } from '../../../schema/tables/devices.ts'
import { facility } from '../../../schema/tables/facilities.ts'
import { createEmptyDatabase, describeOnServer } from '../../support/database.ts'
import { failureOf, until } from '../../support/outcomes.ts'

const aFacility = {
  name: '中心血站',
  kind: 'centre',
  timeZone: 'Asia/Shanghai',
  createdAt: 1_795_318_097_123,
} as const

async function codesOf(db: Database): Promise<string[]> {
  const rows = await db.select({ code: facility.code }).from(facility).orderBy(asc(facility.code))
  return rows.map(({ code }) => code)
}

describe('the tables', () => {
  test('are all known to the database, whatever file they are in', async () => {
    const folder = new URL('../../../schema/tables/', import.meta.url)
    const exported: unknown[] = []
    for (const file of readdirSync(folder))
      exported.push(...Object.values(await import(new URL(file, folder).href)))
    const names = (values: readonly unknown[]) =>
      values.flatMap((value) => (is(value, PgTable) ? [getTableName(value)] : [])).sort()
    expect(names(Object.values(tables))).toEqual(names(exported))
  })
})

/** What holds of a database whichever engine it is. */
function behavesLikePostgres(make: () => Promise<{ open: OpenDatabase; drop(): Promise<void> }>): void {
  let made: { open: OpenDatabase; drop(): Promise<void> }
  let open: OpenDatabase
  let db: Database

  beforeAll(async () => {
    made = await make()
    open = made.open
    db = open.db
    // Two at once: one migrates, the other waits and finds it done.
    await Promise.all([migrate(open), migrate(open)])
  })
  afterAll(() => made?.drop())
  beforeEach(() => open.pool.query('truncate facility restart identity cascade'))

  test('two migrations at once leave one schema, each migration applied once', async () => {
    const { rows } = await open.pool.query(
      'select count(*) as all, count(distinct hash) as once from drizzle.__drizzle_migrations',
    )
    expect(rows[0].all).toBe(rows[0].once)
    expect(rows[0].all).toBeGreaterThan(0)
  })

  test('an int8 is a number, through drizzle or past it, alone or in an array', async () => {
    const at = 1_795_318_097_123
    const plain = await open.pool.query('select $1::int8 as one, $2::int8[] as many, count(*) as n', [
      at,
      `{${at},NULL}`,
    ])
    const drizzled = await db.execute(
      sql`select ${at}::int8 as one, ${`{${at},NULL}`}::int8[] as many, count(*) as n`,
    )
    expect(plain.rows[0]).toEqual({ one: at, many: [at, null], n: 1 })
    expect(drizzled.rows[0]).toEqual({ one: at, many: [at, null], n: 1 })
    const [row] = await db.select({ n: sql<number>`count(*)` }).from(facility)
    expect(row).toEqual({ n: 0 })
  })

  test('an int8 too big for a number is an error, not another number', async () => {
    const error = await failureOf(db.execute(sql`select 9007199254740993::int8`))
    expect(String((error as Error).cause)).toContain('9007199254740993')
    expect((await db.execute(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })

  test('a row comes back as it was put in', async () => {
    const secretHash = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const row = {
      name: 'fridge-1',
      kind: 'fridge',
      secretHash,
      inServiceFrom: -1,
      createdAt: 2 ** 53 - 1,
    } as const
    await db.insert(device).values(row)
    expect(await db.query.device.findFirst({ where: eq(device.name, 'fridge-1') })).toMatchObject(row)
    await db.delete(device)

    const actor = { kind: 'person', id: '护士\n"7"\\', nested: [1, 2.5, null, true, { deep: '🩸' }] }
    await db.insert(auditEntry).values({ at: 1, actor, action: 'a', subjectKind: 'bag', subject: 's' })
    const [entry] = await db.select().from(auditEntry)
    expect(entry).toMatchObject({ at: 1, actor, before: null })
  })

  test('what was written down for good is neither changed nor deleted', async () => {
    const actor = { kind: 'job', id: 'test' }
    await db.insert(auditEntry).values({ at: 1, actor, action: 'a', subjectKind: 'bag', subject: 's' })
    for (const change of [db.delete(auditEntry), db.update(auditEntry).set({ action: 'b' })])
      expect(sqlStateOf(await failureOf(change))).toBe('42501')
    const { rows } = await db.execute<{ name: string }>(sql`
      select event_object_table as name from information_schema.triggers
      where trigger_name = 'append_only' and event_manipulation = 'DELETE' order by 1`)
    expect(rows.map(({ name }) => name)).toEqual([
      'alarm_event',
      'alarm_link',
      'alarm_test',
      'antibody_screen',
      'audit_entry',
      'bag_event',
      'bag_inspection',
      'bag_lot',
      'barcode_profile',
      'blood_order',
      'blood_order_event',
      'box_seal_check',
      'calibration',
      'crossmatch',
      'device_defrost',
      'grouping',
      'hl7_message',
      'issue_review',
      'logger_day',
      'logger_import',
      'maintenance',
      'manual_reading',
      'modification',
      'news',
      'notice_attempt',
      'notice_case',
      'offline_decision',
      'offline_review',
      'patient_antibody',
      'patient_grouping',
      'patient_requirement',
      'patient_sample',
      'policy',
      'policy_opinion',
      'policy_proposal',
      'product',
      'qualification',
      'recall_bag',
      'rejudged_ledger',
      'rejudgement',
      'rejudgement_opinion',
      'rescue',
      'rotation_proposal',
      'sample_rejection',
      'scan_answer',
      'sighting',
      'signature',
      'signature_rule',
      'signed_entry',
      'stock_level',
      'take_out_rule',
      'temperature_mapping',
      'test_result',
      'transfer',
      'transfer_event',
      'transfer_plan',
      'transfer_request',
      'transfer_request_cancellation',
      'transfer_request_line',
      'unit_trait',
      'webhook_delivery',
    ])
  })

  test('parameters of every kind arrive', async () => {
    const { rows } = await db.execute(sql`
      select ${'{1,2,NULL}'}::int4[] as ints, ${'{"a,b","c\\"d",NULL}'}::text[] as texts, ${'{"\\\\x00ff"}'}::bytea[] as bytes,
        ${true}::boolean as yes, ${null}::text as nothing, ${-1.5}::float8 as real, ${''}::text as empty,
        ${'0194e2c0-0000-7000-8000-000000000001'}::uuid as id, ${JSON.stringify({ a: [1] })}::jsonb as json`)
    expect(rows[0]).toEqual({
      ints: [1, 2, null],
      texts: ['a,b', 'c"d', null],
      bytes: [Buffer.from([0, 255])],
      yes: true,
      nothing: null,
      real: -1.5,
      empty: '',
      id: '0194e2c0-0000-7000-8000-000000000001',
      json: { a: [1] },
    })
  })

  test('a megabyte goes in and comes out, and many megabytes come out', async () => {
    const text = '血'.repeat(350_000)
    const bytes = Buffer.alloc(1_048_576, 0xfe)
    const { rows } = await db.execute(sql`select ${text}::text as text, ${bytes}::bytea as bytes`)
    expect(rows[0]?.text === text).toBe(true)
    expect(bytes.equals(rows[0]?.bytes as Buffer)).toBe(true)
    const many = await db.execute(sql`select repeat('x', 1000) as line from generate_series(1, 10000)`)
    expect(many.rows).toHaveLength(10_000)
  })

  test('errors keep their SQLSTATE', async () => {
    await db.insert(facility).values({ ...aFacility, code: 'a' })
    const stateOf = async (work: Promise<unknown>) => sqlStateOf(await failureOf(work))
    expect(await stateOf(db.insert(facility).values({ ...aFacility, code: 'a' }))).toBe('23505')
    expect(await stateOf(db.insert(facility).values({ ...aFacility, code: 'NUL \0 in text' }))).toBe('22021')
    expect(await stateOf(db.execute(sql`select ${'{"a":"\\u0000"}'}::jsonb`))).toBe('22P05')
    expect(await stateOf(db.execute(sql`select ${'x'}::integer`))).toBe('22P02')
    expect(await stateOf(db.execute(sql`selekt`))).toBe('42601')
    expect(await stateOf(open.pool.query('select 1/0'))).toBe('22012')
    expect(await codesOf(db)).toEqual(['a'])
  })

  test('a statement that fails undoes its transaction, and the next one finds nothing amiss', async () => {
    const error = await failureOf(
      db.transaction(async (tx) => {
        await tx.insert(facility).values({ ...aFacility, code: 'b' })
        await tx.insert(facility).values({ ...aFacility, code: 'b' })
      }),
    )
    expect(sqlStateOf(error)).toBe('23505')
    expect(await codesOf(db)).toEqual([])
    await db.transaction((tx) => tx.insert(facility).values({ ...aFacility, code: 'c' }))
    expect(await codesOf(db)).toEqual(['c'])
  })

  test('an error of ours undoes the transaction and is the error that is thrown', async () => {
    const mine = new Error('changed my mind')
    const error = await failureOf(
      db.transaction(async (tx) => {
        await tx.insert(facility).values({ ...aFacility, code: 'd' })
        throw mine
      }),
    )
    expect(error).toBe(mine)
    expect(await codesOf(db)).toEqual([])
  })

  test('a transaction within one can fail alone', async () => {
    await db.transaction(async (tx) => {
      await tx.insert(facility).values({ ...aFacility, code: 'e' })
      await failureOf(tx.transaction((inner) => inner.execute(sql`select 1/0`)))
      await tx.insert(facility).values({ ...aFacility, code: 'f' })
    })
    expect(await codesOf(db)).toEqual(['e', 'f'])
  })

  test('whoever leaves in the middle leaves nothing behind', async () => {
    const client = await open.pool.connect()
    await client.query('begin')
    await client.query('create temporary table left_behind (a integer)')
    await client.query('select pg_advisory_lock(99)')
    await client.query(`set local work_mem = '1MB'`)
    await client.query(
      `insert into facility (code, name, kind, time_zone, created_at) values ('g', 'g', 'centre', 'UTC', 1)`,
    )
    await failureOf(client.query('select 1/0'))
    client.release(true)

    await until(async () => (await open.pool.query('select pg_try_advisory_lock(99) as free')).rows[0].free)
    expect(await codesOf(db)).toEqual([])
    const { rows } = await open.pool.query(
      `select to_regclass('left_behind') as left, current_setting('work_mem') as mem`,
    )
    expect(rows).toEqual([{ left: null, mem: '4MB' }])
    await open.pool.query('select pg_advisory_unlock_all()')
  })

  test('two hundred at once all get their own answer', async () => {
    const asked = Array.from({ length: 200 }, (_, i) => i)
    const answers = await Promise.all(
      asked.map(async (i) => {
        if (i % 3 === 0) return sqlStateOf(await failureOf(db.execute(sql`select ${i} / 0`)))
        if (i % 3 === 1) return (await db.execute<{ i: number }>(sql`select ${i}::integer as i`)).rows[0]?.i
        return db.transaction(
          async (tx) => (await tx.execute<{ i: number }>(sql`select ${i}::integer as i`)).rows[0]?.i,
        )
      }),
    )
    expect(answers).toEqual(asked.map((i) => (i % 3 === 0 ? '22012' : i)))
  })

  test('a notification arrives when its transaction commits, and only then', async () => {
    const heard: (string | null)[] = []
    const stop = await open.listen('Hemotrail "news"', (payload) => heard.push(payload))
    const notify = (payload: string) => sql`select pg_notify('Hemotrail "news"', ${payload})`

    await failureOf(
      db.transaction(async (tx) => {
        await tx.execute(notify('never was'))
        throw new Error('rolled back')
      }),
    )
    await db.transaction(async (tx) => {
      await tx.execute(notify('first'))
      await tx.execute(sql`select 1`)
      expect(heard).toEqual([])
    })
    await db.execute(notify('second'))
    await until(() => heard.length === 2)
    expect(heard).toEqual(['first', 'second'])

    await stop()
    await db.execute(notify('nobody listens'))
    await delay(50)
    expect(heard).toHaveLength(2)
  })

  test('one listener that throws keeps nothing from the others, and listening outlives a lost connection', async () => {
    const heard: (string | null)[] = []
    const stops = await Promise.all([
      open.listen('together', () => {
        throw new Error('not today')
      }),
      open.listen('together', (payload) => heard.push(payload)),
      open.listen('apart', (payload) => heard.push(payload)),
    ])
    ;(await open.pool.connect()).release(true)
    await failureOf(open.pool.query('selekt'))
    await db.execute(sql`select pg_notify('together', 'a'), pg_notify('apart', 'b')`)
    await until(() => heard.length === 2)
    expect(heard).toEqual(['a', 'b'])
    for (const stop of stops) await stop()
  })
}

describe('PGlite in memory', () => {
  behavesLikePostgres(async () => {
    const open = await openDatabase({})
    return { open, drop: () => open.close() }
  })
})

describeOnServer('a Postgres server', (url) => {
  behavesLikePostgres(async () => {
    const created = await createEmptyDatabase(url)
    const open = await openDatabase({ url: created.url })
    return {
      open,
      async drop() {
        await open.close()
        await created.drop()
      },
    }
  })
})
