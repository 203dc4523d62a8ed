import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { upTopic } from '../../../schema/topics.ts'
import { createEmptyDatabase, describeOnServer } from '../../support/database.ts'
import { runOn } from '../../support/running.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hemotrail-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Ended = { readonly code: unknown; readonly stdout: string; readonly stderr: string }

/** The program as people start it; where it should touch a database it would be seen. */
function cli(...words: readonly string[]): Promise<Ended> {
  return cliIn({}, ...words)
}

function cliIn(environment: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<Ended> {
  const env = {
    ...process.env,
    DATABASE_URL: '',
    HEMOTRAIL_DATA: join(folder, 'data'),
    HEMOTRAIL_ADMIN_KEY: 'k'.repeat(40),
    HEMOTRAIL_URL: '',
    ...environment,
  }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'api/cli.ts', ...words],
      { env },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
  })
}

const limits = ['--low', '2', '--high', '6', '--max-silence', '900']

describe('whoever asks for help', () => {
  test.for([['help'], ['--help'], ['-h']])('is told every command by %s', async (words) => {
    const { code, stdout } = await cli(...words)
    expect(code).toBe(0)
    const commands = ['judge FILE.csv', 'trace BAG', 'stock', 'holds', 'devices', 'migrate', 'administrator']
    for (const command of commands) expect(stdout).toContain(`npm run cli -- ${command}`)
  })

  test.for([
    ['migrate', '--help'],
    ['migrate', '-h'],
    ['help', 'migrate'],
  ])('is told of one command by %s %s, and nothing is migrated', async (words) => {
    expect(await cli(...words)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^usage: npm run cli -- migrate/),
    })
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })
})

test.for([
  [[], 'usage:'],
  [['help', 'nothing'], 'no command is named nothing'],
  [['constructor'], 'no command is named constructor'],
  [['migrate', 'now'], 'migrate takes no words: now'],
  [['migrate', '--force'], "Unknown option '--force'"],
  [['forward-stored', 'fridge-1'], 'forward-stored takes options only: fridge-1'],
  [['forward-stored', '--from', 'today'], '--from must be an instant like'],
  [
    ['forward-stored', '--from', '2026-02-01T00:00:00Z', '--to', '2026-01-01T00:00:00Z'],
    '--from must be before --to',
  ],
  [['trace'], 'trace takes a bag'],
  [['stock', 'H1'], 'stock takes options only: H1'],
  [['holds', '--abo', 'O'], "Unknown option '--abo'"],
  [['devices', 'fridge-1'], 'devices takes options only: fridge-1'],
  [['trace', 'x', '--url', 'localhost:8080'], '--url localhost:8080 is not a URL like http://127.0.0.1:8080'],
  [['judge', 'a.csv', 'b.csv', ...limits], 'judge takes one file'],
] as const)('%j is not understood, and ends with 2 and the usage', async ([words, why]) => {
  const { code, stderr } = await cli(...words)
  expect(code).toBe(2)
  expect(stderr).toContain(why)
  expect(stderr).toContain('usage:')
  expect(existsSync(join(folder, 'data'))).toBe(false)
})

test.for([
  ['.', '.: that is a directory, not a file\n'],
  ['nowhere.csv', 'nowhere.csv: there is no such file\n'],
  ['README.md', 'README.md: line 1: the header has no column "timestamp"\n'],
] as const)('judge says in a sentence why %s is no recorded logger', async ([file, stderr]) => {
  expect(await cli('judge', file, ...limits)).toEqual({ code: 1, stdout: '', stderr })
})

test('forward-stored puts nothing on its way where nobody would send it', async () => {
  const { code, stderr } = await cliIn({ INFLUX_URL: '' }, 'forward-stored')
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'INFLUX_URL is not set: the service would send the readings nowhere\n',
  })
  expect(existsSync(join(folder, 'data'))).toBe(false)
})

test('forward-stored says how much it has put on its way, of which device', {
  timeout: 120_000,
}, async () => {
  const data = mkdtempSync(join(folder, 'empty-'))
  const influx = { INFLUX_URL: 'http://127.0.0.1:1', INFLUX_DATABASE: 'telemetry' }
  const words = ['--from', '2026-01-01T00:00:00Z', '--to', '2026-02-01T00:00:00Z']
  expect(await cliIn({ HEMOTRAIL_DATA: data, ...influx }, 'forward-stored', ...words)).toEqual({
    code: 0,
    stdout: '0 readings are on their way: the service sends them while it runs\n',
    stderr: '',
  })
})

test('forward-stored leaves out no reading of a clock that is ahead of ours, unless --to says so', {
  timeout: 120_000,
}, async () => {
  const data = { HEMOTRAIL_DATA: mkdtempSync(join(folder, 'ahead-')) }
  const now = Date.now() + 3_600_000
  const { ask, service } = await runOn(data, { now })
  await ask(z.unknown(), 'POST', '/facilities', { code: 'H1', name: 'H1', kind: 'hospital', timeZone: 'UTC' })
  const inServiceFrom = new Date(now - 60_000).toISOString()
  const device = { name: 'f1', kind: 'fridge', facility: 'H1', inServiceFrom, profile: { low: 2, high: 6 } }
  const { secret } = await ask(z.object({ secret: z.string() }), 'POST', '/devices', device)
  const client = await connectAsync(service.broker.urls.mqtt as string, { username: 'f1', password: secret })
  const body = [{ at: now, probe: 'load', celsius: 4 }]
  const message = { v: 1, boot: 'b', seq: 0, sentAt: now, uptimeMs: 0, body }
  await client.publishAsync(upTopic('H1', 'f1', 'readings'), JSON.stringify(message), { qos: 1 })
  await client.endAsync()
  await service.close()

  const influx = { INFLUX_URL: 'http://127.0.0.1:1', INFLUX_DATABASE: 'telemetry' }
  const forwarded = async (...words: string[]) =>
    (await cliIn({ ...data, ...influx }, 'forward-stored', ...words)).stdout.split('\n')[0]
  expect(await forwarded('--to', new Date().toISOString())).toBe('f1  0')
  expect(await forwarded()).toBe('f1  1')
})

describeOnServer('migrate by a role that owns nothing', (url) => {
  test('says what the database refused and who may do it, and is done once an owner is named', async () => {
    const role = `hemotrail_cli_${process.pid}`
    const empty = await createEmptyDatabase(url)
    const admin = new pg.Client({ connectionString: empty.url })
    onTestFinished(async () => {
      await admin.query(`drop owned by ${role}; drop role ${role}`)
      await admin.end()
      await empty.drop()
    })
    await admin.connect()
    await admin.query(`create role ${role} login`)
    const asService = new URL(empty.url)
    asService.username = role

    const refused = await cliIn({ DATABASE_URL: asService.href }, 'migrate')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /^the database refused: permission denied for database \w+; set MIGRATE_DATABASE_URL to /,
    )
    expect(refused.stderr).not.toContain('Failed query')

    const owner = { MIGRATE_DATABASE_URL: empty.url }
    expect(await cliIn({ DATABASE_URL: asService.href, ...owner }, 'migrate')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^up to date: postgres /),
    })
  })
})
