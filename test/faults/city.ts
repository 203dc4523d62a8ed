import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Limits } from '../../api/domain/series.ts'
import { openDatabase } from '../../api/stores/database.ts'
import { benchProfile, provisionDevices } from '../bench/provision.ts'
import { hasPostgres } from '../support/postgres-server.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { type ServiceProcess, startServiceProcess } from './service.ts'
import { expectWhatWasSent } from './stored.ts'

/** A suite that starts and kills a Postgres server of its own: skipped aloud without one, a failure where CI forgot it. */
export function describeWithPostgres(name: string, suite: () => void): void {
  if (hasPostgres()) {
    describe(name, suite)
    return
  }
  const aloud = `${name} (needs the programs of a Postgres server: initdb and postgres)`
  if (!process.env.CI) test.skip(aloud, () => {})
  else {
    test(aloud, () => {
      throw new Error('CI must have a Postgres server installed')
    })
  }
}

/** What the devices of a city are held to. */
export const limits: Limits = benchProfile

const facility = 'city'
const tags = Array.from({ length: 40 }, (_, i) => `tag-${i}`)

export type City = {
  readonly service: ServiceProcess
  readonly fleet: Fleet
  /** A device that has not reported yet. */
  readonly spare: { readonly name: string; readonly secret: string }
}

export type CityPlan = {
  /** Where the service keeps everything, as its environment says it. */
  readonly database: { readonly DATABASE_URL: string } | { readonly HEMOTRAIL_DATA: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly devices: number
  readonly window: number
  readonly ratePerSecond?: number
  readonly seed: string
}

/** Takes what is to be done at the end, and is no test's where there is none. */
export type AtEnd = (undo: () => void | Promise<void>) => void

/** A service process on an empty database, and a fleet under way; both end with the test. */
export async function aCity(plan: CityPlan, atEnd: AtEnd = onTestFinished): Promise<City> {
  const { database, environment, devices: count, window, ratePerSecond, seed } = plan
  const url = 'DATABASE_URL' in database ? database.DATABASE_URL : undefined
  const place = 'HEMOTRAIL_DATA' in database ? { directory: database.HEMOTRAIL_DATA } : {}
  const inServiceFrom = Date.now() - 30 * 86_400_000
  const options = { ...place, inServiceFrom, prefix: facility }
  const [spare, ...devices] = await provisionDevices(url, count + 1, options)
  if (!spare) throw new Error('no device was provisioned')

  const service = await startServiceProcess({ ...database, ...environment })
  atEnd(() => service.kill9())
  // Half of the tags the readers see are on bags; the other half is nobody's yet.
  for (const [number, tag] of tags.entries()) if (number % 2 === 0) await putOnBag(service, tag, number)

  const journal = join(temporaryDirectory('hemotrail-journal-', atEnd), 'journal')
  const port = service.mqttPort
  const fleet = await startFleet({ port, facility, devices, journal, window, ratePerSecond, tags, seed })
  atEnd(() => fleet.kill())
  return { service, fleet, spare }
}

/** Let everything through, end the service, and find all of it stored. */
export async function expectNothingLost(
  { service, fleet }: City,
  where: { readonly url: string } | { readonly directory: string },
): Promise<void> {
  const { account } = await fleet.drain()
  expect([...account.outstanding]).toEqual([])
  expect(await service.stop()).toBe(0)
  const open = await openDatabase(where)
  onTestFinished(() => open.close())
  await expectWhatWasSent(open, account, limits)
}

/** Gone with the test, and all that is in it. */
export function temporaryDirectory(prefix: string, atEnd: AtEnd = onTestFinished): string {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  atEnd(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function putOnBag(service: ServiceProcess, tag: string, number: number): Promise<void> {
  const { bagId } = await service.ask<{ bagId: string }>('POST', '/bags', {
    // A scanned DIN with flags that carry no check value.
    din: `=A999926${String(number).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    facility,
    component: 'red_cells',
    expiresAt: new Date(Date.now() + 30 * 86_400_000).toISOString(),
  })
  await service.ask('POST', `/bags/${bagId}/tags`, { tag })
}
