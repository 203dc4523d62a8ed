import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { BarcodeProfiles } from '../../../schema/http/barcode-profiles.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { Patient } from '../../../schema/http/life.ts'
import { empty } from '../../support/database.ts'
import { csvOf, exported, type Row, reportOf, rowsOf, send } from '../../support/files.ts'
import { signedIn } from '../../support/hospital.ts'
import { aWorld, noon } from '../../support/world.ts'
import { adminKey, type Door, iso, openDoor, test } from './door.ts'

const day = 86_400_000

function typed(number: number): string {
  const din = `A999926${String(number).padStart(6, '0')}`
  return `${din}${dinCheckCharacter(din)}`
}

const aBag = (number: number, changes: Row = {}): Row => ({
  ...{ din: typed(number), productCode: 'E0336V00', facility: 'H1' },
  expiresAt: iso(noon + 30 * day),
  ...changes,
})

const aDonation = (number: number, changes: Row = {}): Row => ({
  ...{ din: typed(number), productCode: 'E0001V00', facility: 'H1', donor: `donor-${number}` },
  ...{ expiresAt: iso(noon + 20 * day), collectedAt: iso(noon - day) },
  ...changes,
})

const secondHospital = { code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'UTC' }

const stationProfile = {
  region: 'CN-3702',
  codes: [
    {
      fields: [
        { literal: 'Q' },
        { part: 'donation', characters: 'digits', length: 12 },
        { part: 'product', characters: 'digits', length: 5 },
      ],
    },
  ],
}

const take = (door: Door, kind: 'bags' | 'donations', rows: readonly Row[]) =>
  reportOf(send(door, `/imports/${kind}`, csvOf(kind, rows)))

/** What an export says of bags, but for what another service calls them. */
const bagsOf = (text: string) =>
  rowsOf(text)
    .map(({ bagId: _, registeredAt: __, ...row }) => row)
    .sort((a, b) => `${a.din}${a.productCode}`.localeCompare(`${b.din}${b.productCode}`))

describe('an export of bags', () => {
  test('is what an import reads, in a service that knows nothing of them and in the one it is from', async ({
    door,
    database,
  }) => {
    const profiles = '/facilities/H1/barcode-profiles/own'
    await door.ask(BarcodeProfiles, 'PUT', profiles, stationProfile)
    await take(door, 'bags', [
      aBag(1, { group: { abo: 'O', rhd: 'positive' }, amount: 1.5, collectedAt: iso(noon - 3 * day) }),
      aBag(2, { expiresAt: iso(noon + 900 * day), productCode: 'E0336VAb' }),
      aBag(3, { productCode: 'E9999V00', component: 'plasma' }),
      { ...aBag(4), din: 'Q12345678901200017', productCode: undefined, component: 'platelets' },
    ])
    const file = await exported(door, '/exports/bags')
    const before = bagsOf(await exported(door, '/exports/bags?format=ndjson'))
    expect(before.map(({ din }) => din)).toEqual([
      ...[typed(1), typed(2), typed(3), 'CN-3702/H1/own/123456789012'],
    ])
    expect(await reportOf(send(door, '/imports/bags', file))).toMatchObject({ alreadyThere: 4, new: 0 })

    await empty(database)
    const other = openDoor(await aWorld(database))
    await other.ask(BarcodeProfiles, 'PUT', profiles, stationProfile)
    expect(await reportOf(send(other, '/imports/bags', file))).toMatchObject({ rows: 4, new: 4 })
    expect(bagsOf(await exported(other, '/exports/bags?format=ndjson'))).toEqual(before)
  })

  test('comes as CSV, or as NDJSON where that is asked for', async ({ door }) => {
    await take(door, 'bags', [aBag(1)])
    for (const [path, accept, type] of [
      ['/exports/bags', '*/*', 'text/csv'],
      ['/exports/bags', 'text/csv', 'text/csv'],
      ['/exports/bags', 'application/x-ndjson', 'application/x-ndjson'],
      ['/exports/bags', 'application/x-ndjson;q=0.2, text/csv', 'text/csv'],
      ['/exports/bags?format=ndjson', 'text/csv', 'application/x-ndjson'],
      ['/exports/bags?format=csv', 'application/x-ndjson', 'text/csv'],
    ] as const) {
      const response = await door.raw(path, { headers: { authorization: `Bearer ${adminKey}`, accept } })
      expect(response.headers.get('content-type'), `${path} ${accept}`).toBe(`${type}; charset=utf-8`)
      expect(response.headers.get('content-disposition')).toContain('attachment; filename="bags.')
      expect(await response.text()).toContain(typed(1))
    }
    const lines = (await exported(door, '/exports/bags')).split('\r\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toBe(
      'din,productCode,component,expiresAt,collectedAt,amount,abo,rhd,facility,bagId,state,holds,registeredAt',
    )
  })

  test('of nothing has its columns alone', async ({ door }) => {
    expect((await exported(door, '/exports/bags')).trim().split('\n')).toHaveLength(1)
    expect(await exported(door, '/exports/donations?format=ndjson')).toBe('')
  })

  test('goes on past a page, and holds each bag once', async ({ door }) => {
    const rows = Array.from({ length: 2_000 }, (_, number) => aBag(number))
    await take(door, 'bags', rows)
    for (const count of [2_000, 2_001]) {
      const dins = rowsOf(await exported(door, '/exports/bags?format=ndjson')).map(({ din }) => din)
      expect(dins).toHaveLength(count)
      expect(new Set(dins).size).toBe(count)
      await take(door, 'bags', [aBag(count)])
    }
  })

  test('is of one facility, or since when, as is asked; and of nobody whose bags are out of sight', async ({
    door,
  }) => {
    await door.ask(Facility, 'POST', '/facilities', secondHospital)
    await take(door, 'bags', [aBag(1), aBag(2, { facility: 'H2' })])
    door.world.clock.now = noon + day
    await take(door, 'bags', [aBag(3)])
    const dins = async (query: string, key?: string) =>
      rowsOf(await exported(door, `/exports/bags?format=ndjson${query}`, key)).map(({ din }) => din)
    expect((await dins('')).sort()).toEqual([typed(1), typed(2), typed(3)])
    expect(await dins('&facility=H2')).toEqual([typed(2)])
    expect(await dins(`&registeredSince=${iso(noon + day)}`)).toEqual([typed(3)])
    const nurse = await signedIn(door, 'nurse', 'nurse', 'H2')
    expect(await dins('', nurse)).toEqual([typed(2)])
    const authorization = `Bearer ${nurse}`
    for (const facility of ['H1', 'H9'])
      expect(
        (await door.raw(`/exports/bags?facility=${facility}`, { headers: { authorization } })).status,
      ).toBe(404)
    expect((await door.raw('/exports/donations', { headers: { authorization } })).status).toBe(403)
  })

  test('says how far a bag was, and nothing of the patient it is for', async ({ door }) => {
    const group = { abo: 'O', rhd: 'positive' }
    const { each } = await take(door, 'bags', [aBag(1, { group }), aBag(2), aBag(3)])
    const [reserved, held, unit] = each.map(({ bagId }) => bagId)
    const patient = 'patient-of-H1'
    await door.ask(Patient, 'PUT', `/facilities/H1/patients/${patient}`, group)
    await door.ask(BagDetail, 'POST', `/bags/${reserved}/reserve`, { patient, until: iso(noon + day) })
    await door.ask(BagDetail, 'POST', `/bags/${held}/holds`, { kind: 'visual', reason: 'clots seen' })
    await door.ask(BagDetail, 'POST', `/bags/${held}/holds`, { kind: 'recall', reason: 'donor was ill' })
    const rows = rowsOf(await exported(door, '/exports/bags?format=ndjson'))
    const of = (id: unknown) => rows.find(({ bagId }) => bagId === id)
    expect(of(held)).toMatchObject({ state: 'available', holds: ['recall', 'visual'] })
    expect(of(unit)).not.toHaveProperty('holds')
    for (const path of ['/exports/bags', '/exports/bags?format=ndjson']) {
      const text = await exported(door, path)
      for (const word of [patient, 'clots', 'ill']) expect(text).not.toContain(word)
    }
  })

  test('breaks off where the database does, so that no part of it passes for the whole', async ({ door }) => {
    await take(
      door,
      'bags',
      Array.from({ length: 1_500 }, (_, number) => aBag(number)),
    )
    const { database } = door.world.deps
    let asked = 0
    const failing = new Proxy(database.db, {
      get(db, name, self) {
        // The first page is one statement, the facility none.
        if (name === 'select' && ++asked > 1) throw new Error('the database is gone')
        return Reflect.get(db, name, self)
      },
    })
    const broken = openDoor(door.world, { database: { ...database, db: failing } as OpenDatabase })
    const response = await broken.raw('/exports/bags', { headers: { authorization: `Bearer ${adminKey}` } })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('the database is gone')
  })
})

describe('an export of donations', () => {
  test('is what an import reads, whatever a centre calls its donors', async ({ door, database }) => {
    await take(door, 'donations', [
      aDonation(1),
      aDonation(2, { donor: '-17', amount: 2 }),
      aDonation(3, { productCode: 'E9998V00', component: 'whole_blood' }),
    ])
    const file = await exported(door, '/exports/donations')
    expect(file).toContain(",'-17,")
    const before = bagsOf(await exported(door, '/exports/donations?format=ndjson'))
    expect(before.map(({ donor }) => donor)).toEqual(['donor-1', '-17', 'donor-3'])
    expect(await reportOf(send(door, '/imports/donations', file))).toMatchObject({ alreadyThere: 3 })

    await empty(database)
    const other = openDoor(await aWorld(database))
    expect(await reportOf(send(other, '/imports/donations', file))).toMatchObject({ new: 3 })
    expect(bagsOf(await exported(other, '/exports/donations?format=ndjson'))).toEqual(before)
  })

  test('is for the centre that collected them', async ({ door }) => {
    await door.ask(Facility, 'POST', '/facilities', secondHospital)
    await take(door, 'donations', [aDonation(1), aDonation(2, { facility: 'H2' })])
    const key = await signedIn(door, 'centre', 'centre', 'H2')
    const rows = rowsOf(await exported(door, '/exports/donations?format=ndjson', key))
    expect(rows.map(({ donor }) => donor)).toEqual(['donor-2'])
    // Whoever holds the bag learns nothing of the donor.
    expect(await exported(door, '/exports/bags?format=ndjson')).not.toContain('donor-')
  })
})
