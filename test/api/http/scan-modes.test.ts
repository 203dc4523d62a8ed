import { describe, expect } from 'vitest'
import { BagDetail, Bags } from '../../../schema/http/bags.ts'
import { BarcodeProfiles } from '../../../schema/http/barcode-profiles.ts'
import { ScanAnswer, Stock, TakeOut } from '../../../schema/http/life.ts'
import { aBagInStock, aCity, aPatient, aWorker, done, refusal } from '../../support/hospital.ts'
import { aDevice, noon } from '../../support/world.ts'
import { type Door, test } from './door.ts'

const day = 86_400_000

const register = (door: Door, body: object) =>
  door.ask(BagDetail, 'POST', '/bags', { component: 'red_cells', facility: 'H1', ...body })
const refused = (door: Door, body: object) =>
  door.refused('POST', '/bags', { component: 'red_cells', facility: 'H1', ...body })

/** 2020-06-11 23:59 in Shanghai. */
const expires = '&>0201632359'

describe('every mode of a scanner', () => {
  test('registers a bag with what its label says', async ({ door }) => {
    const given = [
      { din: '=A99992600000100', productCode: '=<E0336V00', expiresAt: '2020-06-11T16:00:00Z' },
      { din: '=A99992600000200=%9500', productCode: `=<E0336V00${expires}` },
      { din: `=A99992600000300=%9500=<E0336V00${expires}` },
      { din: `]d1=+04000=A99992600000400=%9500=<E0336V00${expires}\r` },
    ]
    for (const [index, scanned] of given.entries()) {
      const bag = await register(door, scanned)
      expect(bag).toMatchObject({
        scheme: 'ISBT128',
        productCode: 'E0336V00',
        expiresAt: '2020-06-11T16:00:00.000Z',
        group: index === 0 ? null : { abo: 'O', rhd: 'negative' },
        holds: [],
      })
      const { bags } = await door.ask(Bags, 'GET', `/bags?din=${encodeURIComponent(scanned.din)}`)
      expect(bags.map(({ bagId }) => bagId)).toEqual([bag.bagId])
    }
  })

  test('a label that contradicts what somebody says is looked at again', async ({ door }) => {
    const din = `=A99992600000100=%9500=<E0336V00${expires}`
    expect(await refused(door, { din, group: { abo: 'A', rhd: 'negative' } })).toMatchObject({
      detail: expect.stringContaining('O RhD negative'),
    })
    expect(await refused(door, { din, expiresAt: '2020-06-12T00:00:00Z' })).toMatchObject({
      detail: expect.stringContaining('2020-06-11T16:00:00.000Z'),
    })
    expect(await refused(door, { din: '=A99992600000100=<E0336V00' })).toMatchObject({
      detail: expect.stringContaining('expiresAt'),
    })
    expect(await refused(door, { din, productCode: 'E0382V00' })).toMatchObject({ code: 'invalid_barcode' })
  })

  test('a label for one person, or for nobody, is registered and held', async ({ door }) => {
    let number = 0
    for (const [group, reason, known] of [
      ['97', 'autologous only', { abo: 'O', rhd: 'negative' }],
      ['92', 'emergency only', { abo: 'O', rhd: 'negative' }],
      ['Mq', 'quarantine', null],
      ['00', 'none', null],
      ['H6', 'Bombay', null],
      ['C0', 'pooled', null],
      ['T3', 'not known here', null],
    ] as const) {
      const din = `=A9999260001${String(++number).padStart(2, '0')}00=%${group}00=<E0336V00${expires}`
      const bag = await register(door, { din })
      expect(bag.group).toEqual(known)
      expect(bag.holds).toMatchObject([{ kind: 'other', reason: expect.stringContaining(reason) }])
    }
  })

  test('a product nobody knows is registered and held, not guessed', async ({ door }) => {
    const bag = await register(door, { din: `=A99992600000100=%9500=<E9998V00${expires}` })
    expect(bag.holds).toMatchObject([
      { kind: 'unknown_product', reason: expect.stringContaining('does not know E9998') },
    ])
    expect(bag.state).toBe('available')
    const { bags } = await door.ask(Stock, 'GET', '/stock?issuable=true')
    expect(bags).toEqual([])
  })

  test('at a fridge names the bag, and what its label says speaks, too', async ({ door }) => {
    const city = await aCity(door)
    const { din } = await aBagInStock(city, 1)
    await aDevice(door.world, 'fridge-or', {}, noon - day)
    await aPatient(city, 'P1', { sampleUntil: undefined })
    const { takeOutId } = await done(
      city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }),
      TakeOut,
    )
    const scan = async (scanned: object) =>
      (await done(city.nurse.post(`/take-outs/${takeOutId}/scans`, scanned), ScanAnswer)).findings
    const plain = await scan({ din, productCode: 'E0336V00' })
    expect(plain).toEqual(['no_valid_sample'])
    const later = '&>0201602359'
    for (const scanned of [
      { din: `${din}=%5100`, productCode: `=<E0336V00${later}` },
      { din: `=<E0336V00${later}`, productCode: din },
      { din: `${din}=%5100=<E0336V00${later}` },
      { din: `=+04000${din}=%5100=<E0336V00${later}` },
    ])
      expect(await scan(scanned)).toEqual(plain)
    expect(await scan({ din: `${din}=%9500=<E0336V00` })).toEqual(
      expect.arrayContaining(['label_differs', ...plain]),
    )
    expect(await scan({ din: `${din}=%Mq00=<E0336V00` })).toEqual(
      expect.arrayContaining(['special_label', ...plain]),
    )
    expect(await scan({ din: `${din}=%5300=<E0336V00` })).toContain('special_label')
    expect(await scan({ din: `${din}=<E0336V00&>0201002359` })).toContain('expired')
    const why = async (scanned: object) => refusal(city.nurse.post(`/take-outs/${takeOutId}/scans`, scanned))
    expect((await why({ din })).code).toBe('invalid_request')
    expect((await why({ din: `${din}=A99992600999900=<E0336V00` })).code).toBe('invalid_barcode')
    expect((await why({ din: `=+05000${din}=%5100=<E0336V00${later}` })).code).toBe('invalid_barcode')
  })
})

describe('a station’s own barcodes', () => {
  const codes = [
    {
      codabar: true,
      fields: [
        { part: 'donation', characters: 'digits', length: 10 },
        { part: 'other', characters: 'digits', length: 1 },
      ],
    },
    { codabar: false, fields: [{ literal: 'P' }, { part: 'product', characters: 'upper', length: 4 }] },
  ]
  const path = '/facilities/H1/barcode-profiles/old'
  const bag = { din: 'A12345678907B', productCode: 'PA123', expiresAt: '2026-12-01T00:00:00Z' }

  test('are read as its profile says, and a bag is known by them', async ({ door }) => {
    expect((await refused(door, bag)).code).toBe('invalid_din')
    await door.ask(BarcodeProfiles, 'PUT', path, { region: 'CN-3702', codes })
    const group = { abo: 'O', rhd: 'positive' }
    const registered = await register(door, { ...bag, group })
    expect(registered).toMatchObject({ scheme: 'cn_local', din: '1234567890', productCode: 'A123', group })
    expect((await refused(door, bag)).code).toBe('already_exists')
    const { bags } = await door.ask(Bags, 'GET', '/bags?din=12345678907')
    expect(bags.map(({ bagId }) => bagId)).toEqual([registered.bagId])

    const lab = await aWorker(door, 'lab', 'transfusion_lab', 'H1')
    expect(await refusal(lab.get(`/bags/${registered.bagId}/label`))).toMatchObject({
      code: 'invalid_request',
      detail: expect.stringContaining('its station prints its label'),
    })
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    await aDevice(door.world, 'fridge-or', {}, noon - day)
    const emergency = { device: 'fridge-or', emergency: true, reason: 'haemorrhage' }
    const { takeOutId } = await done(nurse.post('/take-outs', emergency), TakeOut)
    const { din, productCode } = bag
    const scanned = await done(nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode }), ScanAnswer)
    expect(scanned.bagId).toBe(registered.bagId)
  })

  test('are read by one profile, or not at all', async ({ door }) => {
    const fields = [
      { part: 'donation', characters: 'alphanumeric', length: 14 },
      { part: 'product', characters: 'upper', length: 4 },
    ]
    const single = [{ codabar: false, fields: fields.slice(0, 1) }, { fields: fields.slice(1) }]
    await door.ask(BarcodeProfiles, 'PUT', path, { region: 'CN-3702', codes: single })
    const like = { din: 'A9999171234569', productCode: 'A123', expiresAt: '2026-12-01T00:00:00Z' }
    // Typed with its check character it is a DIN, too; but no product of ISBT 128 has four characters.
    expect(await register(door, like)).toMatchObject({ scheme: 'cn_local' })
    expect((await door.refused('GET', '/bags?din=A9999171234569')).detail).toContain('by ISBT 128')
    await door.ask(BarcodeProfiles, 'PUT', '/facilities/H1/barcode-profiles/other', {
      region: 'CN-3702',
      codes: single,
    })
    expect((await refused(door, { ...like, din: 'A9999171234570' })).detail).toContain(
      'H1/old and by H1/other',
    )
  })

  test('take another profile from when it says, and what was written down stays', async ({ door }) => {
    await door.ask(BarcodeProfiles, 'PUT', path, { region: 'CN-3702', codes })
    const later = new Date(noon + day).toISOString()
    const product = { part: 'product', characters: 'upper', length: 4 }
    const changed = [codes[0], { codabar: false, fields: [{ literal: 'Q' }, product] }]
    const { profiles } = await door.ask(BarcodeProfiles, 'PUT', path, {
      region: 'CN-3702',
      codes: changed,
      effectiveFrom: later,
    })
    expect(profiles.map(({ inForce }) => inForce)).toEqual([false, true])
    const next = { ...bag, din: '22345678907', productCode: 'QA123' }
    expect((await refused(door, next)).code).toBe('invalid_din')
    door.world.clock.now = noon + day
    expect(await register(door, next)).toMatchObject({ din: '2234567890' })
    expect((await door.refused('PUT', path, { region: 'CN-3703', codes })).code).toBe('conflict')
    expect((await door.refused('PUT', path, { region: 'CN-3702', codes: codes.slice(1) })).code).toBe(
      'invalid_request',
    )
    const { rows } = await door.world.deps.database.pool.query(
      `select count(*)::int as n from audit_entry where action = 'facility.barcode_profile_set'`,
    )
    expect(rows[0].n).toBe(2)
  })
})
