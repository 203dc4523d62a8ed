import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { type ImportReport, maxFileBytes, maxRows } from '../../../schema/http/imports.ts'
import { csvOf, linesOf, type Row, reportOf, send } from '../../support/files.ts'
import { signedIn } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, problemOf, test } from './door.ts'

const day = 86_400_000

/** As printed: the number and its check character. */
function typed(number: number): string {
  const din = `A999926${String(number).padStart(6, '0')}`
  return `${din}${dinCheckCharacter(din)}`
}

const aBag = (number: number, changes: Row = {}): Row => ({
  din: typed(number),
  productCode: 'E0336V00',
  expiresAt: iso(noon + 30 * day),
  collectedAt: iso(noon - 2 * day),
  amount: 1.5,
  group: { abo: 'O', rhd: 'positive' },
  facility: 'H1',
  ...changes,
})

const aDonation = (number: number, changes: Row = {}): Row => ({
  din: typed(number),
  donor: `donor-${number}`,
  facility: 'H1',
  productCode: 'E0001V00',
  expiresAt: iso(noon + 20 * day),
  collectedAt: iso(noon - day),
  ...changes,
})

const imported = (door: Door, rows: readonly Row[], path = '/imports/bags') =>
  reportOf(send(door, path, csvOf('bags', rows)))

const outcomes = ({ each }: ImportReport) => each.map(({ outcome }) => outcome)
const errorsOf = ({ each }: ImportReport) =>
  each.flatMap(({ row, errors }) => errors.map(({ column, code }) => [row, column, code]))

/** All that tells of bags, but for when and by which id. */
async function stored({ world }: Door) {
  const { pool } = world.deps.database
  const { rows } = await pool.query(`
    select to_jsonb(b) - 'id' - 'identifier' as bag,
      (select jsonb_agg(to_jsonb(e) - 'bag_id') from bag_event e where e.bag_id = b.id) as events,
      (select jsonb_agg(to_jsonb(a) - 'id' - 'subject' order by a.id) from audit_entry a where a.subject = b.id::text) as audits,
      (select jsonb_agg(to_jsonb(n) - 'id' - 'xid' - 'subject' order by n.id) from news n where n.subject = b.id::text) as news,
      (select jsonb_agg(to_jsonb(h) - 'id' - 'bag_id') from bag_hold h where h.bag_id = b.id) as holds,
      (select count(*)::int from ledger_due d where d.bag_id = b.id) as due
    from bag b order by b.identifier, b.product_code`)
  return rows
}

describe('a file of bags', () => {
  test('is looked at first, which writes nothing, and then taken', async ({ door }) => {
    const rows = [aBag(1), aBag(2, { productCode: 'E0336VA0' }), aBag(3, { group: undefined })]
    const looked = await imported(door, rows, '/imports/bags/preview')
    expect(looked).toMatchObject({ rows: 3, new: 3, alreadyThere: 0, errors: 0 })
    expect(looked.each[1]).toEqual({
      row: 3,
      outcome: 'new',
      din: typed(2),
      productCode: 'E0336VA0',
      bagId: null,
      holds: [],
      errors: [],
    })
    expect(await stored(door)).toEqual([])

    const response = await send(door, '/imports/bags', csvOf('bags', rows))
    expect(response.status).toBe(201)
    const taken = (await response.json()) as ImportReport
    const without = ({ each, ...report }: ImportReport) => ({
      ...report,
      each: each.map(({ bagId: _, ...row }) => row),
    })
    expect(without(taken)).toEqual(without(looked))
    const first = await door.ask(BagDetail, 'GET', `/bags/${taken.each[0]?.bagId}`)
    expect(first).toMatchObject({ din: typed(1), amount: 1.5, holder: 'H1', state: 'available' })
    expect(first.group).toEqual({ abo: 'O', rhd: 'positive' })
  })

  test('is nothing new when it comes again', async ({ door }) => {
    const rows = [aBag(1), aBag(2, { productCode: 'E9999V00', component: 'red_cells' })]
    const { each } = await imported(door, rows)
    const before = await stored(door)
    const again = await send(door, '/imports/bags', linesOf(rows), { type: 'application/x-ndjson' })
    expect(again.status).toBe(200)
    const report = (await again.json()) as ImportReport
    expect(report).toMatchObject({ rows: 2, new: 0, alreadyThere: 2, errors: 0 })
    expect(report.each.map(({ bagId }) => bagId)).toEqual(each.map(({ bagId }) => bagId))
    expect(await stored(door)).toEqual(before)
  })

  test('writes of each bag what registering it alone writes', async ({ door }) => {
    const kinds = [
      {},
      { productCode: 'E9999V00', component: 'red_cells' },
      { expiresAt: iso(noon + 900 * day), amount: undefined, group: undefined },
    ]
    for (const [index, changes] of kinds.entries()) {
      const { holds: _, ...row } = aBag(10 + index, changes)
      await door.ask(BagDetail, 'POST', '/bags', row)
    }
    await imported(
      door,
      kinds.map((changes, index) => aBag(20 + index, changes)),
    )
    const rows = await stored(door)
    expect(rows.slice(3)).toEqual(rows.slice(0, 3))
    expect(rows).toHaveLength(6)
  })

  test('is read with a byte order mark, quotes, spaces and its columns in any order', async ({ door }) => {
    const file = `\uFEFFfacility,"expiresAt", din ,productCode\r\n"H1",${iso(noon + day)}," A9999 26 000123 P",E0336V00\n,,,\n\nH1,${iso(noon + day)},=A99992600012400,=<E0336V00\n`
    const report = await reportOf(send(door, '/imports/bags', file))
    expect(report.each.map(({ row, outcome, din }) => [row, outcome, din])).toEqual([
      [2, 'new', 'A999926000123P'],
      [5, 'new', typed(124)],
    ])
  })

  test('may hold whole labels as a scanner reads them', async ({ door }) => {
    const row = { din: '=A99992600012300=%5100', productCode: '=<E0336V00&>0201532359', facility: 'H1' }
    expect(outcomes(await imported(door, [row]))).toEqual(['new'])
    expect(outcomes(await imported(door, [row]))).toEqual(['already_there'])
    const other = { ...row, din: '=A99992600012300=%9500' }
    const problem = await refusalOf(send(door, '/imports/bags', csvOf('bags', [other])))
    expect(problem.issues).toEqual([
      {
        path: 'rows.2.group',
        message: 'group: the file says O negative, but what stands is O positive',
      },
    ])
  })

  test('that says something else of a bag is in conflict, and names both', async ({ door }) => {
    await imported(door, [aBag(1, { component: 'red_cells' })])
    const changes: Row = {
      ...{ productCode: 'E0336A00', component: 'plasma', amount: 2, facility: 'C1' },
      ...{ expiresAt: iso(noon + 31 * day), collectedAt: iso(noon - 3 * day) },
      group: { abo: 'A', rhd: 'positive' },
    }
    await door.ask(Facility, 'POST', '/facilities', {
      ...{ code: 'C1', name: 'Centre', kind: 'centre', timeZone: 'UTC' },
    })
    const { each } = await imported(door, [aBag(1, changes)], '/imports/bags/preview')
    expect(each[0]?.errors.map(({ column, code }) => [column, code])).toEqual(
      ['productCode', 'component', 'expiresAt', 'collectedAt', 'amount', 'group', 'facility'].map(
        (column) => [column, 'conflict'],
      ),
    )
    expect(each[0]?.errors[2]?.detail).toBe(
      `expiresAt: the file says ${iso(noon + 31 * day)}, but what stands is ${iso(noon + 30 * day)}`,
    )
    // What is not said is not compared.
    expect(
      outcomes(await imported(door, [{ din: typed(1), productCode: 'E0336V00', facility: 'H1' }])),
    ).toEqual(['already_there'])
  })

  test('with a bad row is not taken at all, unless the others are asked for', async ({ door }) => {
    const rows = [
      aBag(1),
      aBag(2, { din: 'A999926000002' }),
      aBag(3, { expiresAt: '2020/06/01', amount: 'two' }),
      aBag(4, { facility: 'H9' }),
      aBag(5, { productCode: 'E9999V00' }),
    ]
    const problem = await refusalOf(send(door, '/imports/bags', csvOf('bags', rows)))
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request' })
    expect(problem.detail).toContain('4 of the 5 rows cannot be taken, so nothing was written')
    expect(problem.issues?.map(({ path }) => path)).toEqual([
      ...['rows.3.din', 'rows.4.expiresAt', 'rows.4.amount', 'rows.5.facility', 'rows.6.component'],
    ])
    expect(await stored(door)).toEqual([])

    const report = await imported(door, rows, '/imports/bags?skipErrors=true')
    expect(report).toMatchObject({ rows: 5, new: 1, alreadyThere: 0, errors: 4 })
    expect(errorsOf(report)).toEqual([
      [3, 'din', 'invalid_din'],
      [4, 'expiresAt', 'invalid_request'],
      [4, 'amount', 'invalid_request'],
      [5, 'facility', 'not_found'],
      [6, 'component', 'invalid_request'],
    ])
    expect(await stored(door)).toHaveLength(1)
    const none = await refusalOf(send(door, '/imports/bags?skipErrors=true', csvOf('bags', rows.slice(1))))
    expect(none.detail).toContain('none of the 4 rows can be taken: row 2: ')
  })

  test('is judged row by row: what repeats an earlier row is there, and what contradicts it is not taken', async ({
    door,
  }) => {
    const rows = [aBag(1), aBag(1), aBag(1, { amount: 3 }), aBag(2, { facility: 'H9' }), aBag(2)]
    const report = await imported(door, rows, '/imports/bags?skipErrors=true')
    expect(outcomes(report)).toEqual(['new', 'already_there', 'error', 'error', 'new'])
    expect(report.each[1]?.bagId).toBe(report.each[0]?.bagId)
    expect(await stored(door)).toHaveLength(2)
  })

  test('does not tell of a bag of others more than that it is there', async ({ door }) => {
    await door.ask(Facility, 'POST', '/facilities', {
      ...{ code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'UTC' },
    })
    await imported(door, [aBag(1, { group: { abo: 'AB', rhd: 'negative' } })])
    const key = await signedIn(door, 'other', 'transfusion_lab', 'H2')
    const { facility: _, ...row } = aBag(1)
    const report = await reportOf(send(door, '/imports/bags/preview', csvOf('bags', [row]), { key }))
    expect(errorsOf(report)).toEqual([[2, 'din', 'already_exists']])
    expect(JSON.stringify(report)).not.toContain('AB')
    expect(JSON.stringify(report)).not.toContain('H1')
  })

  test('does not register what was collected here, but knows it', async ({ door }) => {
    await reportOf(send(door, '/imports/donations', csvOf('donations', [aDonation(1)])))
    const rows = [
      aBag(1),
      { din: typed(1), productCode: 'E0001V00', facility: 'H1', expiresAt: iso(noon + 20 * day) },
    ]
    const report = await imported(door, rows, '/imports/bags/preview')
    expect(outcomes(report)).toEqual(['error', 'already_there'])
    expect(report.each[0]?.errors).toMatchObject([{ code: 'conflict' }])
  })

  test('never makes stock of what was held, given or thrown away elsewhere', async ({ door }) => {
    const rows = [
      aBag(1, { state: 'transfused' }),
      aBag(2, { state: 'available', holds: ['recall'] }),
      aBag(3, { state: 'available', holds: ['unknown_product'] }),
    ]
    const report = await imported(door, rows, '/imports/bags/preview')
    expect(errorsOf(report)).toEqual([
      [2, 'state', 'illegal_move'],
      [3, 'holds', 'held'],
    ])
    await imported(door, [aBag(1), aBag(2), aBag(3)])
    expect(outcomes(await imported(door, rows))).toEqual(Array(3).fill('already_there'))
  })

  test('is answered the same to a key that comes again', async ({ door }) => {
    const headers = { 'idempotency-key': 'the-first-day' }
    const file = csvOf('bags', [aBag(1)])
    const first = await send(door, '/imports/bags', file, { headers })
    const again = await send(door, '/imports/bags', file, { headers })
    expect([first.status, again.status]).toEqual([201, 201])
    expect(await again.text()).toBe(await first.text())
    expect(again.headers.get('idempotency-replayed')).toBe('true')
  })
})

describe('a file of donations', () => {
  test('is collected with a bag of each, and is nothing new when it comes again', async ({ door }) => {
    const rows = [aDonation(1), aDonation(2, { donor: '-17', expiresAt: iso(noon + 900 * day), amount: 2 })]
    const file = csvOf('donations', rows)
    const looked = await reportOf(send(door, '/imports/donations/preview', file))
    expect(looked).toMatchObject({ rows: 2, new: 2 })
    expect(await stored(door)).toEqual([])
    const { each } = await reportOf(send(door, '/imports/donations', file))
    const again = await reportOf(send(door, '/imports/donations', file))
    expect(again).toMatchObject({ new: 0, alreadyThere: 2 })
    expect(again.each.map(({ bagId }) => bagId)).toEqual(each.map(({ bagId }) => bagId))
    const { pool } = door.world.deps.database
    const { rows: donors } = await pool.query('select donor from donation order by identifier')
    expect(donors).toEqual([{ donor: 'donor-1' }, { donor: '-17' }])
  })

  test('writes of each what collecting it alone writes', async ({ door }) => {
    await door.ask(BagDetail, 'POST', '/donations', aDonation(1, { donor: 'd' }))
    await reportOf(send(door, '/imports/donations', csvOf('donations', [aDonation(2, { donor: 'd' })])))
    const nameless = (rows: object[]) =>
      JSON.stringify(rows).replace(/"(?:id|donation|donation_id|identifier)":"[^"]*"/g, '')
    const rows = await stored(door)
    expect(nameless(rows.slice(1))).toBe(nameless(rows.slice(0, 1)))
    const { pool } = door.world.deps.database
    const audits = await pool.query(`select after from audit_entry where action = 'donation.collected'`)
    expect(audits.rows).toHaveLength(2)
    expect(JSON.stringify(audits.rows)).not.toContain('donor')
  })

  test('says when and of whom, and is in conflict where that is another', async ({ door }) => {
    await reportOf(send(door, '/imports/donations', csvOf('donations', [aDonation(1)])))
    await imported(door, [aBag(2)])
    const rows = [
      aDonation(1, { donor: 'donor-9' }),
      aDonation(2),
      aDonation(3, { collectedAt: undefined }),
      aDonation(4, { collectedAt: iso(noon + day) }),
      aDonation(5, { productCode: 'E0336V00' }),
      aDonation(6, { state: 'processed' }),
    ]
    const report = await reportOf(send(door, '/imports/donations/preview', csvOf('donations', rows)))
    expect(errorsOf(report)).toEqual([
      [2, 'donor', 'conflict'],
      [3, null, 'conflict'],
      [4, 'collectedAt', 'invalid_request'],
      [5, 'collectedAt', 'invalid_request'],
      [6, 'productCode', 'invalid_request'],
      [7, 'state', 'illegal_move'],
    ])
  })

  test('does not tell another centre whose blood it was', async ({ door }) => {
    await door.ask(Facility, 'POST', '/facilities', {
      ...{ code: 'C2', name: 'Second', kind: 'centre', timeZone: 'UTC' },
    })
    await reportOf(send(door, '/imports/donations', csvOf('donations', [aDonation(1)])))
    const key = await signedIn(door, 'other', 'centre', 'C2')
    const row = aDonation(1, { facility: 'C2', donor: 'mine' })
    const report = await reportOf(
      send(door, '/imports/donations/preview', csvOf('donations', [row]), { key }),
    )
    expect(errorsOf(report)).toEqual([[2, 'din', 'already_exists']])
    expect(JSON.stringify(report)).not.toContain('donor-1')
  })
})

describe('a file that is none', () => {
  test('is refused with what is wrong with it', async ({ door }) => {
    const head = 'din,productCode,expiresAt,facility'
    for (const [body, code, detail] of [
      ['', 'invalid_request', 'the file is empty'],
      [`${head}\n`, 'invalid_request', 'the file holds no rows'],
      ['din;productCode\n1;2', 'invalid_request', 'names a column "din;productCode"'],
      ['din,din\n1,2', 'invalid_request', 'names the column din twice'],
      ['productCode\nE0336V00', 'invalid_request', 'names no column din'],
      [`${head}\n"never closed`, 'invalid_request', 'a quote is never closed'],
      [`${head}\na"b,c,d,e`, 'invalid_request', 'quote'],
      [new Uint8Array([0xff, 0xfe, 0x41]), 'invalid_request', 'not UTF-8'],
      [`${head}\n${'x\n'.repeat(maxRows + 1)}`, 'too_large', `${maxRows} rows`],
    ] as const) {
      const problem = await refusalOf(send(door, '/imports/bags', body))
      expect(problem.code, String(body).slice(0, 80)).toBe(code)
      expect(problem.detail).toContain(detail)
    }
    const lines = '{}\n'.repeat(maxRows + 1)
    const many = await refusalOf(send(door, '/imports/bags', lines, { type: 'application/x-ndjson' }))
    expect(many).toMatchObject({ status: 413, code: 'too_large' })
  })

  test('of another type or alphabet, or longer than may be, is refused', async ({ door }) => {
    for (const type of ['application/json', 'text/plain', 'text/csv; charset=gbk', ''])
      expect(await refusalOf(send(door, '/imports/bags', 'din\n1', { type }))).toMatchObject({ status: 415 })
    const huge = new Uint8Array(maxFileBytes + 1)
    for (const headers of [{ 'content-length': String(huge.length) }, { 'transfer-encoding': 'chunked' }])
      expect(await refusalOf(send(door, '/imports/bags', huge, { headers }))).toMatchObject({ status: 413 })
    expect(await refusalOf(send(door, '/imports/bags', huge, { key: 'nobody' }))).toMatchObject({
      status: 401,
    })
  })

  test('has what cannot be read of a row told of that row', async ({ door }) => {
    const rows = ['{"din":', '[]', 'null', '', '{"din":"x","sort":1}', `{"din":"${'x'.repeat(70_000)}"}`]
    const body = rows.join('\n')
    const type = 'application/x-ndjson'
    const report = await reportOf(send(door, '/imports/bags/preview', body, { type }))
    expect(report).toMatchObject({ rows: 5, errors: 5 })
    expect(report.each.map(({ row }) => row)).toEqual([1, 2, 3, 5, 6])
    const short = await reportOf(send(door, '/imports/bags/preview', 'din,facility\nx\n'))
    expect(short.each[0]?.errors[0]?.detail).toBe('it has 1 cells where the header names 2 columns')
  })
})

async function refusalOf(response: Promise<Response>) {
  return problemOf(await response)
}
