import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { expect, onTestFinished } from 'vitest'
import { listDevices } from '../../../api/cli/devices.ts'
import { listHolds, listStock, showOverview } from '../../../api/cli/stock.ts'
import type { Terminal } from '../../../api/cli/terminal.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { aBagInStock, aCity, done } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { adminKey, type Door, test } from '../http/door.ts'

type Command = (args: readonly string[], terminal: Terminal) => Promise<void>

/** What a command prints when it asks this door. */
async function printed({ fetch }: Door, command: Command, ...words: readonly string[]): Promise<string[]> {
  const server = serve({ fetch, hostname: '127.0.0.1', port: 0 })
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const lines: string[] = []
  const connection = ['--url', `http://127.0.0.1:${port}`, '--key', adminKey]
  await command([...words, ...connection], { print: (line) => lines.push(line) })
  return lines
}

test('the stock is told by how much there is, then bag by bag, what expires first in front', async ({
  door,
}) => {
  const city = await aCity(door)
  const held = await aBagInStock(city, 1)
  await aBagInStock(city, 2, { abo: 'A', rhd: 'negative' })
  const next = await aBagInStock(city, 3)
  const { pool } = door.world.deps.database
  const expire = 'update bag set expires_at = expires_at - $2::bigint where id = $1'
  await pool.query(expire, [held.bagId, 2_000])
  await pool.query(expire, [next.bagId, 1_000])
  await done(city.lab.post(`/bags/${held.bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)

  expect(await printed(door, listStock, '--facility', 'H1')).toEqual([
    'facility  component  group  first expiry (UTC)        bags  issuable',
    'H1        red_cells  O+     2020-06-10T11:59:58.000Z     2         1',
    'H1        red_cells  A-     2020-06-10T12:00:00.000Z     1         1',
    '',
    'DIN             product   component  group  at  expires (UTC)             may be issued',
    'A9999260000018  E0336V00  red_cells  O+     H1  2020-06-10T11:59:58.000Z  no: held',
    'A9999260000034  E0336V00  red_cells  O+     H1  2020-06-10T11:59:59.000Z  yes',
    'A9999260000026  E0336V00  red_cells  A-     H1  2020-06-10T12:00:00.000Z  yes',
  ])
  const narrowed = await printed(door, listStock, '--abo', 'O', '--rhd', 'positive', '--issuable', '--json')
  expect(narrowed.map((line) => JSON.parse(line))).toMatchObject([
    { levels: [{ bags: 1 }], bags: [{ issuable: true }] },
  ])
  expect(await printed(door, listStock, '--component', 'plasma')).toEqual(['no such bag is in stock'])
  await expect(printed(door, listStock, '--facility', 'H9')).rejects.toThrow('H9')
})

test('the stock at a glance is told by kind, what is shortest in front, and the city below', async ({
  door,
}) => {
  expect(await printed(door, showOverview)).toEqual(['nothing is in stock, kept or was used'])
  const city = await aCity(door)
  const held = await aBagInStock(city, 1)
  const { bagId } = await aBagInStock(city, 2)
  await done(city.lab.post(`/bags/${held.bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
  await door.world.deps.database.pool.query(
    `insert into bag_ledger (bag_id, revision, jurisdiction, verdict, entries, policies, known_from)
     values ($1, 9, 'CN', 'OK', '[]', '{}', 0)`,
    [bagId],
  )
  const lines = await printed(door, showOverview, '--component', 'red_cells')
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['facility', 'component', 'group', 'phase', 'ready', 'unit', 'days', 'bags, by expiry', 'apart'],
    ['H1', 'red_cells', 'O+', 'unknown', '2', 'U', '-', '1 in more than 7 days', '1 held'],
    ['all', 'red_cells', 'O+', 'unknown', '2', 'U', '-', '1 in more than 7 days', '1 held'],
  ])
  const [json] = await printed(door, showOverview, '--facility', 'H1', '--phase', 'red', '--json')
  expect(JSON.parse(json ?? '')).toMatchObject({ cells: [], city: null })
  await expect(printed(door, showOverview, 'H1')).rejects.toThrow('overview takes options only')
})

test('what is held is told with each hold, its reason and since when', async ({ door }) => {
  const city = await aCity(door)
  expect(await printed(door, listHolds)).toEqual(['nothing in stock is held'])
  const { bagId, din } = await aBagInStock(city, 1)
  await aBagInStock(city, 2)
  await done(city.lab.post(`/bags/${bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
  await city.second.post(`/donations/${encodeURIComponent(din)}/recall`, { reason: 'donor was ill' })

  const lines = await printed(door, listHolds, '--facility', 'H1')
  const since = '2020-05-06T12:00:00.000Z'
  expect(lines).toEqual([
    'DIN             product   at  kind    since (UTC)               reason',
    `A9999260000018  E0336V00  H1  visual  ${since}  clots`,
    `A9999260000018  E0336V00  H1  recall  ${since}  donor was ill`,
  ])
  const [json = ''] = await printed(door, listHolds, '--facility', 'H1', '--json')
  expect(JSON.parse(json)).toMatchObject({ bags: [{ bagId, holds: [{}, {}] }], more: false })
})

test('devices are told by name, all of them, with what was last heard', async ({ door }) => {
  const { world } = door
  expect(await printed(door, listDevices)).toEqual(['no devices'])
  for (const name of ['fridge-2', 'fridge-1']) await aDevice(world, name)
  const body = [aReading(noon, 4.1), aReading(noon, 3, 'air')]
  await world.ingest.accept([aMessage({ device: 'fridge-2', seq: 0, body })])
  await door.raw('/devices/fridge-1/revocation', {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'sold' }),
  })

  const at = '2020-05-06T12:00:00.000Z'
  expect(await printed(door, listDevices)).toEqual([
    'name      kind    facility  status   last heard (UTC)          newest readings (UTC)',
    'fridge-1  fridge  H1        revoked  never                     none',
    `fridge-2  fridge  H1        -        ${at}  load 4.10 °C at ${at}, air 3.00 °C at ${at}`,
  ])
  const [json = ''] = await printed(door, listDevices, '--json')
  expect(JSON.parse(json)).toMatchObject({ devices: [{ name: 'fridge-1' }, { name: 'fridge-2' }] })
})
