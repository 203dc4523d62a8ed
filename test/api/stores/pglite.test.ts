import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
import { type Pglite, startPglite } from '../../../api/stores/pglite.ts'
import { startUpkeep } from '../../../api/stores/pglite-upkeep.ts'
import { failureClass } from '../../../api/stores/sql-state.ts'
import { failureOf, until } from '../../support/outcomes.ts'

describe('PGlite', () => {
  /** Made once, for it takes seconds; each test has a copy. */
  let pristine: string
  let directory: string
  let open: OpenDatabase | undefined
  let child: ChildProcess | undefined
  const lines: { fields: object; message: string }[] = []
  const write = (fields: object, message: string) => void lines.push({ fields, message })
  const log = { info: write, warn: write, error: write }

  beforeAll(async () => {
    pristine = join(mkdtempSync(join(tmpdir(), 'hemotrail-data-')), 'not', 'there yet')
    await (await openDatabase({ directory: pristine })).close()
  })
  afterAll(() => rmSync(join(pristine, '..', '..'), { recursive: true, force: true }))
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hemotrail-data-'))
    cpSync(pristine, directory, { recursive: true })
    lines.length = 0
  })
  afterEach(async () => {
    child?.kill('SIGKILL')
    await open?.close()
    open = undefined
    rmSync(directory, { recursive: true, force: true })
  })

  async function reopen(): Promise<OpenDatabase> {
    await open?.close()
    open = await openDatabase({ directory, log })
    return open
  }

  test('on disk keeps what it was told over a restart, serves one opener, and says what it does not survive', async () => {
    const first = await reopen()
    await expect(openDatabase({ directory })).rejects.toThrow(`in use by process ${process.pid}`)
    await first.pool.query('create table kept (a integer)')
    await first.db.transaction((tx) => tx.execute(sql`insert into kept values (1)`))

    const second = await reopen()

    expect((await second.pool.query('select * from kept')).rows).toEqual([{ a: 1 }])
    expect(second.kind).toBe('pglite')
    expect(second.version).toMatch(/^1\d/)
    expect(lines[0]?.message).toContain('not a power cut')
  })

  test('killed in the midst of writing has every row it answered for, and its directory is free', async () => {
    const script = `
      const { openDatabase } = await import(${JSON.stringify(moduleUrl('database.ts'))})
      const open = await openDatabase({ directory: ${JSON.stringify(directory)} })
      await open.pool.query('create table written (i integer)')
      for (let i = 1; ; i++) {
        await open.pool.query('insert into written values ($1)', [i])
        console.log(i)
      }`
    const writer = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = writer
    let said = ''
    writer.stdout.on('data', (chunk) => {
      said += chunk
    })
    await until(() => said.split('\n').length > 100)

    const refusal = await failureOf(openDatabase({ directory }))
    expect(String(refusal)).toContain(`${directory} is in use by process ${writer.pid}`)
    writer.kill('SIGKILL')
    await once(writer, 'exit')

    const answered = Number(said.trimEnd().split('\n').at(-1))
    const { rows } = await (await reopen()).pool.query('select count(*) as rows, max(i) as last from written')
    expect(rows[0].rows).toBe(rows[0].last)
    expect(rows[0].last).toBeGreaterThanOrEqual(answered)
    expect(rows[0].last).toBeLessThanOrEqual(answered + 1)
  })

  test('makes its directory anew where it was killed while making it', async () => {
    renameSync(join(directory, 'pglite'), join(directory, 'pglite.new'))
    rmSync(join(directory, 'pglite.new', 'base'), { recursive: true })

    expect((await (await reopen()).pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(readdirSync(directory)).not.toContain('pglite.new')
  })

  test('works in its own thread: this one goes on while it is busy', async () => {
    const { pool } = await reopen()
    let ticks = 0
    const ticking = setInterval(() => ticks++, 5)
    const began = Date.now()
    await pool.query('select count(*) from generate_series(1, 3000000)')
    clearInterval(ticking)
    expect(ticks).toBeGreaterThan((Date.now() - began) / 20)
  })

  test('that dies is away, is started again on its directory, and listeners hear that they may have missed something', async () => {
    const { db, pool, listen } = await reopen()
    await pool.query('create table kept (a integer)')
    await pool.query('insert into kept values (1)')
    const heard: (string | null)[] = []
    await listen('news', (payload) => heard.push(payload))

    const deaths = await Promise.all(
      [
        failureOf(pool.query('copy kept from stdin')),
        failureOf(db.transaction((tx) => tx.execute(sql`select 1`))),
      ].map((work) => work.catch((error: unknown) => error)),
    )

    expect(failureClass(deaths[0])).toBe('away')
    expect((await pool.query('select * from kept')).rows).toEqual([{ a: 1 }])
    await pool.query(`select pg_notify('news', 'after')`)
    await until(() => heard.length === 2)
    expect(heard).toEqual([null, 'after'])
    expect(lines.map(({ message }) => message)).toContain('PGlite has died')
  })

  test('that dies in memory stays dead, for what it knew is gone', async () => {
    const memory = await openDatabase({ log })
    expect(failureClass(await failureOf(memory.pool.query('copy pg_class from stdin')))).toBe('away')
    expect(failureClass(await failureOf(memory.pool.query('select 1')))).toBe('away')
    expect(failureClass(await failureOf(memory.db.transaction((tx) => tx.execute(sql`select 1`))))).toBe(
      'away',
    )
    await memory.close()
  })

  test('is kept in shape without the background workers of a server', async () => {
    const { pool } = await reopen()
    await pool.query('create table worn (a integer)')
    await pool.query('insert into worn select generate_series(1, 5000)')
    for (let i = 0; i < 5; i++) await pool.query('update worn set a = a + 1')
    const [before] = (await pool.query('select redo_lsn from pg_control_checkpoint()')).rows

    const stop = startUpkeep(pool, undefined, 20)

    await until(async () => {
      const { rows } = await pool.query(
        `
        select n_dead_tup = 0 and reltuples = 5000 and (select redo_lsn > $1 from pg_control_checkpoint()) as tidy
        from pg_stat_user_tables join pg_class on pg_class.oid = relid where pg_class.relname = 'worn'`,
        [before.redo_lsn],
      )
      return rows[0].tidy
    })
    stop()
  })

  test('ends when it is closed with a transaction still open', { timeout: 20_000 }, async () => {
    const { pool } = await reopen()
    await pool.query('create table unfinished (a integer)')
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into unfinished values (1)')
    expect((await (await reopen()).pool.query('select * from unfinished')).rows).toEqual([])
  })
})

describe('the wire to PGlite', () => {
  let pglite: Pglite
  beforeAll(async () => {
    pglite = await startPglite({})
  })
  afterAll(() => pglite?.close())

  function clientOver(stream: () => Duplex): pg.Client {
    return new pg.Client({ stream, host: 'pglite', user: 'postgres', database: 'postgres', ssl: false })
  }

  /** Passes on what is written to it one byte at a time. */
  function crumbled(): Duplex {
    const whole = pglite.connect()
    const write = whole._write.bind(whole)
    Object.assign(whole, {
      _writev: null,
      _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void) {
        for (const byte of chunk.subarray(0, -1)) write(Buffer.of(byte), encoding, () => {})
        write(chunk.subarray(-1), encoding, done)
      },
    })
    return whole
  }

  test('carries messages that come in crumbs', async () => {
    const client = clientOver(crumbled)
    await client.connect()
    for (const word of ['one', 'two']) {
      expect((await client.query('select $1::text as word', [word])).rows).toEqual([{ word }])
      expect(failureClass(await failureOf(client.query('select $1::integer', [word])))).toBe('data')
    }
    await client.end()
  })

  test('answers each statement once, whatever became of the one before', async () => {
    const client = clientOver(pglite.connect)
    await client.connect()
    const answers: unknown[] = []
    for (const i of [0, 1, 2, 0, 4]) {
      const asked = client.query('select $1::integer / $1::integer as one, $1 as i', [i])
      answers.push(i === 0 ? failureClass(await failureOf(asked)) : (await asked).rows[0].i)
    }
    expect(answers).toEqual(['data', 1, 2, 'data', 4])
    await client.end()
  })

  test('refuses encryption in words node-postgres understands', async () => {
    const client = new pg.Client({ stream: pglite.connect, host: 'pglite', user: 'postgres', ssl: true })
    await expect(client.connect()).rejects.toThrow('does not support SSL')
  })

  test('is cut by what is no protocol, and whole for the next to come', async () => {
    const stream = pglite.connect() as Duplex & { connect(): void }
    stream.connect()
    await once(stream, 'connect')
    stream.resume()
    stream.write(Buffer.alloc(16))
    await once(stream, 'close')

    const client = clientOver(pglite.connect)
    await client.connect()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

function moduleUrl(file: string): string {
  return new URL(`../../../api/stores/${file}`, import.meta.url).href
}
