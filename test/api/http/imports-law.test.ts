import fc from 'fast-check'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { csvLine, readCsv } from '../../../api/http/files/csv.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import type { ImportReport } from '../../../schema/http/imports.ts'
import { empty } from '../../support/database.ts'
import { csvOf, exported, linesOf, type Row, reportOf, rowsOf, send } from '../../support/files.ts'
import { aWorld, noon } from '../../support/world.ts'
import { adminKey, type Door, iso, openDoor, test } from './door.ts'

/** `IMPORT_RUNS` asks for more of each law, `IMPORT_SEED` for others. */
const numRuns = Number(process.env.IMPORT_RUNS ?? 12)
const seed = process.env.IMPORT_SEED === undefined ? {} : { seed: Number(process.env.IMPORT_SEED) }

const day = 86_400_000
const hour = 3_600_000

const typed = (number: number) => {
  const din = `A999926${String(number).padStart(6, '0')}`
  return `${din}${dinCheckCharacter(din)}`
}

const absent = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 })
const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, ...others.map((one) => fc.constant(one)))

/** Few numbers and codes, so that rows meet: in the file, and with what stands. */
const number = fc.integer({ min: 1, max: 6 })
const common = {
  din: fc.oneof(
    { weight: 6, arbitrary: number.map(typed) },
    { weight: 2, arbitrary: number.map((n) => `=${typed(n).slice(0, 13)}00`) },
    fc.constantFrom('A999926000001', 'Q1234567890120001', '=1', "'=x", ''),
  ),
  expiresAt: mostly(iso(noon + 20 * day), iso(noon + 900 * day), iso(noon - 9 * day), '2020-06-01'),
  collectedAt: mostly(iso(noon - day), iso(noon - 2 * day), iso(noon + hour), 'yesterday'),
  amount: absent(fc.constantFrom<number | string>(1, 2.5, 0, 'two')),
  facility: mostly('H1', 'H2', 'H9'),
}

const bag: fc.Arbitrary<Row> = fc.record({
  ...common,
  productCode: mostly<string | undefined>(
    'E0336V00',
    'E0336A00',
    'E0336VA0',
    '=<E9999V00',
    'E0336',
    undefined,
  ),
  component: absent(mostly('red_cells', 'plasma', 'wine')),
  collectedAt: absent(common.collectedAt),
  group: absent(
    fc.record({
      abo: mostly('O', 'A', 'C'),
      rhd: mostly<string | undefined>('positive', 'negative', undefined),
    }),
  ),
})

const donation: fc.Arbitrary<Row> = fc.record({
  ...common,
  productCode: mostly('E0001V00', 'E0336V00', 'E9999V00', ''),
  component: absent(mostly('whole_blood', 'plasma')),
  donor: mostly('donor-1', 'donor-2', '-3', 'a b'),
})

async function aDoor(database: Parameters<typeof empty>[0]): Promise<Door> {
  await empty(database)
  const door = openDoor(await aWorld(database))
  await door.ask(Facility, 'POST', '/facilities', {
    ...{ code: 'H2', name: 'Second', kind: 'hospital', timeZone: 'UTC' },
  })
  return door
}

const file = (kind: 'bags' | 'donations', rows: readonly Row[], isCsv: boolean) =>
  isCsv
    ? { body: csvOf(kind, rows), how: {} }
    : { body: linesOf(rows), how: { type: 'application/x-ndjson' } }

/** What a preview cannot know is which ids will be drawn. */
const verdicts = ({ each }: ImportReport, firstRow: number) =>
  each.map(({ bagId: _, row, ...verdict }) => ({ ...verdict, row: row - firstRow }))

for (const [kind, row] of [
  ['bags', bag],
  ['donations', donation],
] as const) {
  test(`a preview of ${kind} says what becomes of each row, which is what becomes of it alone`, async ({
    database,
  }) => {
    const drawn = fc.record({
      before: fc.array(row, { maxLength: 4 }),
      rows: fc.array(row, { minLength: 1, maxLength: 12 }),
      isCsv: fc.boolean(),
    })
    const law = fc.asyncProperty(drawn, async ({ before, rows, isCsv }) => {
      const door = await aDoor(database)
      const alone = (one: Row) => door.raw(`/${kind}`, post(one))
      for (const one of before) await alone(one)
      const { body, how } = file(kind, rows, isCsv)
      const looked = await reportOf(send(door, `/imports/${kind}/preview`, body, how))
      expect(looked).toEqual(await reportOf(send(door, `/imports/${kind}/preview`, body, how)))
      const whole = await send(door, `/imports/${kind}`, body, how)
      expect(whole.ok, await whole.clone().text()).toBe(looked.errors === 0)
      const partly = await send(door, `/imports/${kind}?skipErrors=true`, body, how)
      expect(partly.ok).toBe(looked.errors < looked.rows)
      if (partly.ok) {
        const taken = (await (whole.ok ? whole : partly).json()) as ImportReport
        expect(verdicts(taken, 0)).toEqual(verdicts(looked, 0))
        const again = await reportOf(send(door, `/imports/${kind}?skipErrors=true`, body, how))
        expect(again).toMatchObject({ new: 0, alreadyThere: looked.new + looked.alreadyThere })
      }
      // The same in a service where each is told alone.
      const other = await aDoor(database)
      for (const one of before) await other.raw(`/${kind}`, post(one))
      const told = []
      for (const one of rows) {
        const response = await other.raw(`/${kind}`, post(one))
        told.push(response.status === 201 ? 'new' : ((await response.json()) as { code: string }).code)
      }
      for (const [index, { outcome, errors }] of looked.each.entries()) {
        const code = told[index]
        // An export's word that a row repeats what stands is no refusal here; alone it is one.
        if (outcome === 'new') expect(code, JSON.stringify(rows[index])).toBe('new')
        else expect(code, JSON.stringify(rows[index])).not.toBe('new')
        if (outcome === 'error' && errors.every((error) => error.code !== 'conflict'))
          expect(errors.map((error) => error.code)).toContain(code)
      }
    })
    await fc.assert(law, { numRuns, ...seed })
  }, 240_000)
}

const post = (body: Row): RequestInit => ({
  method: 'POST',
  headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

test('what is exported and imported into an empty service is what it was', async ({ database }) => {
  const drawn = fc.record({
    bags: fc.array(bag, { minLength: 5, maxLength: 25 }),
    donations: fc.array(donation, { maxLength: 8 }),
    isCsv: fc.boolean(),
  })
  const law = fc.asyncProperty(drawn, async ({ bags, donations, isCsv }) => {
    const format = isCsv ? 'csv' : 'ndjson'
    const how = isCsv ? {} : { type: 'application/x-ndjson' }
    const door = await aDoor(database)
    await send(door, '/imports/donations?skipErrors=true', linesOf(donations), {
      type: 'application/x-ndjson',
    })
    await send(door, '/imports/bags?skipErrors=true', linesOf(bags), { type: 'application/x-ndjson' })
    const files = await Promise.all(
      (['donations', 'bags'] as const).map(async (kind) => ({
        kind,
        file: await exported(door, `/exports/${kind}?format=${format}`),
        rows: rowsOf(await exported(door, `/exports/${kind}?format=ndjson`)),
      })),
    )
    for (const { kind, file, rows } of files) {
      if (rows.length === 0) continue
      const report = await reportOf(send(door, `/imports/${kind}`, file, how))
      expect(report).toMatchObject({ rows: rows.length, alreadyThere: rows.length })
    }
    const other = await aDoor(database)
    for (const { kind, file, rows } of files) {
      if (rows.length === 0) continue
      // The bag of a donation is there with it.
      const made =
        kind === 'donations' ? rows.length : rows.filter(({ state }) => state === 'available').length
      expect(await reportOf(send(other, `/imports/${kind}`, file, how))).toMatchObject({
        new: made,
        errors: 0,
      })
      const now = rowsOf(await exported(other, `/exports/${kind}?format=ndjson`))
      expect(nameless(now)).toEqual(nameless(rows))
    }
  })
  await fc.assert(law, { numRuns, ...seed })
}, 240_000)

const nameless = (rows: readonly Row[]) =>
  rows.map(({ bagId: _, registeredAt: __, ...row }) => JSON.stringify(row)).sort()

test('a file that is garbage is refused, whatever it is, and nothing comes of it', async ({ database }) => {
  const door = await aDoor(database)
  const valid = csvOf('bags', [{ din: typed(1), productCode: 'E0336V00', facility: 'H1' }])
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => new TextEncoder().encode(text)),
    // Some bytes of a good one are others.
    fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      })
      .map((changes) => {
        const bytes = new TextEncoder().encode(valid)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc.array(fc.json(), { maxLength: 5 }).map((lines) => new TextEncoder().encode(lines.join('\n'))),
  )
  const types = fc.constantFrom('text/csv', 'application/x-ndjson')
  const paths = fc.constantFrom('bags', 'bags/preview', 'donations', 'donations/preview')
  const law = fc.asyncProperty(garbage, types, paths, async (body, type, path) => {
    const { status } = await send(door, `/imports/${path}`, Buffer.from(body), { type })
    expect(status === 400 || (status === 200 && path.endsWith('preview'))).toBe(true)
  })
  await fc.assert(law, { numRuns: 20 * numRuns, ...seed })
}, 240_000)

test('what is written as CSV is read as it was, and no cell is a formula', async () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '=1+1',
      "'=1",
      "''",
      '-17',
      '+',
      '@a',
      '\ta',
      '\ra',
      'a"b',
      'a,b',
      'a\r\nb',
      'a\nb',
      ' a ',
    ),
    // Longer than what is read at a time.
    fc.constant('x'.repeat(20_000)),
  )
  const columns = ['din', 'a', 'b']
  const law = fc.asyncProperty(fc.array(fc.tuple(fc.string({ minLength: 1 }), cell, cell)), async (rows) => {
    const drawn = rows.filter((cells) => cells.some((one) => one.trim() !== ''))
    const text = [csvLine(columns), ...drawn.map((cells) => csvLine(cells))].join('')
    for (const cell of drawn.flat()) expect(csvLine([cell, 'x'])).not.toMatch(/^"?[=+\-@\t\r\n]/)
    const read = await readCsv(text, columns, 1_000)
    expect(read.map((row) => ('told' in row ? row.told : row.errors))).toEqual(
      drawn.map((cells) =>
        Object.fromEntries(
          columns.flatMap((name, index) => (cells[index] === '' ? [] : [[name, cells[index]]])),
        ),
      ),
    )
  })
  await fc.assert(law, { numRuns: 20 * numRuns, ...seed })
})
