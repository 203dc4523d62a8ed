import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { openTravel } from '../../../api/travel.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { provisionDevice } from '../../../api/usecases/provision-device.ts'
import { etaOf } from '../../../api/usecases/read-eta.ts'
import { revokeDevice } from '../../../api/usecases/revoke-device.ts'
import type { DeviceKind, FacilityKind } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import {
  aMessage,
  aReading,
  aWorld,
  bloodFridge,
  faultsOf,
  noon,
  silent,
  type World,
} from '../../support/world.ts'

const minute = 60_000
const hospital = { lat: 30.25, lon: 120.15 }
/** 9.6 km from it. */
const onTheRoad = { lat: 30.25, lon: 120.25 }

/** A hospital with a fridge that says where it is, and a box that is under way. */
async function aCity(database: OpenDatabase) {
  const world = await aWorld(database)
  await device(world, 'fridge-1', 'fridge')
  await device(world, 'box-1', 'box')
  await says(world, 'fridge-1', hospital, noon - 3 * 24 * 60 * minute)
  await says(world, 'box-1', onTheRoad)
  return world
}

async function place(world: World, code: string, kind: FacilityKind): Promise<void> {
  await createFacility(world.ctx, { code, name: code, kind, timeZone: 'Asia/Shanghai' })
}

async function device({ ctx }: World, name: string, kind: DeviceKind, facility = 'H1'): Promise<void> {
  const inServiceFrom = Date.parse('2020-01-01T00:00:00Z')
  await provisionDevice(ctx, { name, kind, facility, inServiceFrom, profile: bloodFridge })
}

let seq = 0
async function says(world: World, device: string, where: object, at = world.clock.now): Promise<void> {
  const told = { device, channel: 'position', seq: seq++, uptimeMs: 30 * 24 * 60 * minute } as const
  const receivedAt = Math.max(world.clock.now, at)
  await world.ingest.accept([aMessage({ ...told, sentAt: at, receivedAt, body: [{ at, ...where }] })])
}

test('a box is so far from a hospital as streets are from where it said last that it is', async ({
  database,
}) => {
  const world = await aCity(database)
  // Eight in the evening in Shanghai: 9.6 km x 1.35 at 28 km/h, and to the door.
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toEqual({ minutes: 31, source: 'great_circle', at: noon })
  world.clock.now = noon + 5 * minute
  await says(world, 'box-1', hospital)
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toEqual({
    minutes: 3,
    source: 'great_circle',
    at: noon + 5 * minute,
  })
})

test('it asks the server of routes of the service', async ({ database }) => {
  const world = await aCity(database)
  const asked: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.end(JSON.stringify({ code: 'Ok', durations: [[0], [900]] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const travel = openTravel({ osrm: { url, timeoutMs: 20_000 } }, { log: silent })
  expect(await etaOf({ ...world.ctx, travel }, 'box-1', 'H1')).toEqual({
    minutes: 27,
    source: 'osrm',
    at: noon,
  })
  expect(asked).toEqual([
    '/table/v1/driving/120.150000,30.250000;120.250000,30.250000?destinations=0&annotations=duration',
  ])
})

test('what nobody has said lately is not known', async ({ database }) => {
  const world = await aCity(database)
  const unknown = { minutes: null, source: null, at: null }
  await device(world, 'box-2', 'box')
  expect(await etaOf(world.ctx, 'box-2', 'H1')).toEqual(unknown)
  world.clock.now = noon + 10 * minute
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toMatchObject({ minutes: 31, at: noon })
  world.clock.now += 1
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toEqual(unknown)
  await says(world, 'box-1', onTheRoad)
  await revokeDevice(world.ctx, { device: 'box-1', reason: 'lost' })
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toEqual(unknown)
})

test('a position is of no time where the clock of the box is not believed', async ({ database }) => {
  const world = await aCity(database)
  const sentAt = noon - 120 * minute
  const told = { device: 'box-1', boot: 'boot-b', seq: 0, uptimeMs: minute } as const
  await world.ingest.accept([aMessage({ ...told, sentAt, body: [aReading(sentAt, 4)] })])
  expect(await faultsOf(world, 'box-1')).toHaveLength(1)
  expect(await etaOf(world.ctx, 'box-1', 'H1')).toEqual({ minutes: null, source: null, at: null })
})

test('a facility is where its installed devices are, and an ambulance where they have just been', async ({
  database,
}) => {
  const world = await aCity(database)
  await place(world, 'H2', 'hospital')
  await device(world, 'box-at-H2', 'box', 'H2')
  await says(world, 'box-at-H2', hospital)
  const told = { minutes: null, source: null, at: noon }
  expect(await etaOf(world.ctx, 'box-1', 'H2')).toEqual(told)

  await place(world, 'A1', 'ambulance')
  await device(world, 'fridge-of-A1', 'fridge', 'A1')
  await says(world, 'fridge-of-A1', hospital, noon - 11 * minute)
  expect(await etaOf(world.ctx, 'box-1', 'A1')).toEqual(told)
  await says(world, 'fridge-of-A1', hospital)
  expect(await etaOf(world.ctx, 'box-1', 'A1')).toMatchObject({ minutes: 31 })
})

test('is told to who may read of the device, of facilities there are', async ({ database }) => {
  const world = await aCity(database)
  const asker = (grants: World['ctx']['grants']) => ({ ...world.ctx, grants })
  await expect(etaOf(world.ctx, 'box-1', 'H9')).rejects.toMatchObject({ code: 'not_found' })
  await expect(etaOf(asker([]), 'box-1', 'H1')).rejects.toMatchObject({ code: 'not_found' })
  const elsewhere = asker([{ role: 'nurse', facilityId: 9_999 }])
  await expect(etaOf(elsewhere, 'box-1', 'H1')).rejects.toMatchObject({ code: 'not_found' })
})
