import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { aCity, type City, type CityPlan, describeWithPostgres, expectNothingLost } from './city.ts'
import { canMount, mountTinyDisk, type TinyDisk } from './tiny-disk.ts'

const patienceMs = 180_000
const mebibyte = 1_048_576

/** Where this process may not mount a file system, not even CI can: then it is skipped, aloud. */
const mountable = canMount()
const aloud = mountable ? '' : ' (skipped: this process may not mount a file system)'

describe.skipIf(!mountable)(`a full disk${aloud}`, () => {
  test('under PGlite holds acknowledgements back', { timeout: patienceMs }, async () => {
    const disk = aTinyDisk(128)
    const directory = join(disk.path, 'data')
    const city = await aCityOn({ HEMOTRAIL_DATA: directory })

    const held = await fillUp(city, disk, /No space left on device.*holding acknowledgements/)
    disk.free()

    await expectRelief(city, held)
    await expectNothingLost(city, { directory })
  })

  describeWithPostgres('under Postgres', () => {
    test('where its tables are holds acknowledgements back', { timeout: patienceMs }, async () => {
      const disk = aTinyDisk(64)
      const postgres = await aPostgres()
      const url = await databaseOn(disk, postgres)
      const city = await aCityOn({ DATABASE_URL: url })

      const held = await fillUp(city, disk, /No space left on device.*holding acknowledgements/)
      disk.free()

      await expectRelief(city, held)
      await expectNothingLost(city, { url })
    })

    test('where its log is brings the server down, and loses nothing', { timeout: patienceMs }, async () => {
      const disk = aTinyDisk(64)
      const postgres = await aPostgres()
      await moveLog(disk, postgres)
      const { url } = postgres
      const city = await aCityOn({ DATABASE_URL: url })

      const held = await fillUp(city, disk, /holding acknowledgements/)
      await city.service.logged(/ECONNREFUSED|the database system is (in recovery mode|starting up)/)
      disk.free()
      await postgres.kill9()
      await postgres.start()

      await expectRelief(city, held)
      await expectNothingLost(city, { url })
    })
  })
})

function aTinyDisk(megabytes: number): TinyDisk {
  const disk = mountTinyDisk(megabytes)
  onTestFinished(() => disk.remove())
  return disk
}

async function aPostgres(): Promise<PostgresServer> {
  const postgres = await startPostgres()
  onTestFinished(() => postgres.remove())
  return postgres
}

function aCityOn(database: CityPlan['database']): Promise<City> {
  return aCity({ database, devices: 20, window: 4, seed: 'full' })
}

/**
 * Leave next to nothing of the disk, under load, until the service says that it holds acknowledgements; then for
 * seconds none may come, and no device be hung up on.
 *
 * @returns how many had been acknowledged
 */
async function fillUp({ fleet, service }: City, disk: TinyDisk, complaint: RegExp): Promise<number> {
  await fleet.until(({ acknowledged }) => acknowledged > 500)
  disk.fill(mebibyte)
  await service.logged(complaint)
  const held = await fleet.quiet()
  expect(held.inFlight).toBeGreaterThan(0)
  await delay(3_000)
  expect(await fleet.report()).toMatchObject({
    acknowledged: held.acknowledged,
    inFlight: held.inFlight,
    hangUps: 0,
    lost: 0,
  })
  expect((await fetch(new URL('/ready', service.url))).status).toBe(503)
  return held.acknowledged
}

async function expectRelief({ fleet }: City, held: number): Promise<void> {
  const relieved = await fleet.until(({ acknowledged }) => acknowledged > held + 500)
  expect(relieved).toMatchObject({ hangUps: 0, lost: 0, outOfOrder: 0 })
  expect(relieved.longestWaitMs).toBeGreaterThan(3_000)
}

/** A database whose tables are on the disk, and nothing else. */
async function databaseOn(disk: TinyDisk, postgres: PostgresServer): Promise<string> {
  const location = join(disk.path, 'tables')
  const { uid, gid } = statSync(await dataDirectory(postgres))
  mkdirSync(location)
  chownSync(location, uid, gid)
  await onServer(postgres, async (client) => {
    await client.query(`create tablespace tiny location '${location}'`)
    await client.query('create database city tablespace tiny')
  })
  return new URL('/city', postgres.url).href
}

/** Put the write-ahead log on the disk, and nothing else. */
async function moveLog(disk: TinyDisk, postgres: PostgresServer): Promise<void> {
  const log = join(await dataDirectory(postgres), 'pg_wal')
  await postgres.stop()
  const there = join(disk.path, 'pg_wal')
  execFileSync('mv', [log, there])
  symlinkSync(there, log)
  await postgres.start()
}

async function dataDirectory(postgres: PostgresServer): Promise<string> {
  return onServer(
    postgres,
    async (client) => (await client.query('show data_directory')).rows[0].data_directory,
  )
}

async function onServer<Answer>(
  { url }: PostgresServer,
  work: (client: pg.Client) => Promise<Answer>,
): Promise<Answer> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
