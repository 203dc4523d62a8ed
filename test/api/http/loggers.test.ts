import { hash } from 'node:crypto'
import { describe, expect } from 'vitest'
import { Device } from '../../../schema/http/devices.ts'
import {
  LoggerDays,
  LoggerImport,
  LoggerImports,
  LoggerImportWithFile,
  LoggerPreview,
} from '../../../schema/http/loggers.ts'
import { RejectedMessages } from '../../../schema/http/rejected-messages.ts'
import { Excursions } from '../../../schema/http/series.ts'
import { aBerlingerLog, aLoggedDay, printBerlinger } from '../../support/berlinger.ts'
import { printRuuvi } from '../../support/ruuvi.ts'
import { aDevice, noon } from '../../support/world.ts'
import { adminKey, type Door, iso, problemOf, test } from './door.ts'

const minute = 60_000

const ruuvi = printRuuvi([
  { at: noon - 3 * minute, celsius: 4, humidity: 40 },
  { at: noon - 2 * minute, celsius: 8, humidity: 40 },
  { at: noon - minute, celsius: 900, humidity: 40 },
])
const berlinger = printBerlinger(
  aBerlingerLog([aLoggedDay('2020-05-06'), aLoggedDay('2020-05-05'), aLoggedDay('2020-05-02')]),
)
const path = '/devices/box/logger-imports'

async function aBox({ world }: Door): Promise<void> {
  await aDevice(world, 'box', {}, noon - 10 * 86_400_000)
}

function send(door: Door, body: string, to = path): Promise<Response> {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  return door.raw(to, { method: 'POST', headers, body })
}

describe('the file of a recorded logger', () => {
  test('is looked at, imported, and answers the same when it comes again', async ({ door }) => {
    await aBox(door)
    const body = { file: ruuvi, probe: 'load' }
    const preview = await door.ask(LoggerPreview, 'POST', `${path}/preview`, body)
    expect(preview).toMatchObject({
      format: 'ruuvi_csv',
      rows: 3,
      taken: 2,
      rejected: 1,
      rejections: [{ line: 4, code: 'out_of_physical_range' }],
      from: iso(noon - 3 * minute),
      to: iso(noon - 2 * minute),
      imported: null,
    })
    expect(await door.ask(LoggerImports, 'GET', path)).toEqual({ imports: [], next: null })

    const created = await send(door, JSON.stringify(body))
    expect(created.status).toBe(201)
    const { imported: _, ...same } = preview
    const logged = LoggerImport.parse(await created.json())
    expect(logged).toMatchObject({ ...same, facility: 'H1', importedAt: iso(noon) })
    const again = await send(door, JSON.stringify({ ...body, format: 'ruuvi_csv' }))
    expect(again.status).toBe(200)
    expect(await again.json()).toEqual(logged)
    expect(await door.ask(LoggerPreview, 'POST', `${path}/preview`, body)).toEqual({
      ...same,
      imported: logged.id,
    })
    expect(await door.ask(LoggerImports, 'GET', path)).toEqual({ imports: [logged], next: null })
    const { file, ...rest } = await door.ask(LoggerImportWithFile, 'GET', `${path}/${logged.id}`)
    expect(rest).toEqual(logged)
    expect(Buffer.from(file, 'base64').toString()).toBe(ruuvi)
    expect(logged.sha256).toBe(hash('sha256', ruuvi))
    await aDevice(door.world, 'other-box')
    const elsewhere = await door.refused('GET', `/devices/other-box/logger-imports/${logged.id}`)
    expect(elsewhere).toMatchObject({ status: 404, code: 'not_found' })

    expect(await door.ask(Device, 'GET', '/devices/box')).toMatchObject({
      readings: [{ probe: 'load', celsius: 8 }],
    })
    const { excursions } = await door.ask(Excursions, 'GET', '/devices/box/excursions')
    expect(excursions).toMatchObject([{ side: 'high', from: iso(noon - 2 * minute) }])
    const { rejectedMessages } = await door.ask(RejectedMessages, 'GET', '/rejected-messages?device=box')
    expect(rejectedMessages).toMatchObject([{ boot: logged.boot, seq: 0, elements: [{ index: 2 }] }])
  })

  test('of days is kept as days, a page at a time', async ({ door }) => {
    await aBox(door)
    const logged = await door.ask(LoggerImport, 'POST', path, { file: berlinger })
    expect(logged).toMatchObject({ format: 'berlinger_text', serial: '160400000001', taken: 3, probe: null })
    const first = await door.ask(LoggerDays, 'GET', '/devices/box/logger-days?limit=2')
    expect(first.days).toMatchObject([
      { date: '2020-05-06', from: '2020-05-05T16:00:00.000Z', coldest: 3.2, coldestAt: '03:10', mean: 4.1 },
      { date: '2020-05-05', alarms: [{ limit: -0.5, minutes: 0 }, { limit: 8 }], imports: [logged.id] },
    ])
    expect(first.next).toBe('2020-05-05')
    const rest = await door.ask(LoggerDays, 'GET', `/devices/box/logger-days?before=${first.next}`)
    expect(rest).toMatchObject({ days: [{ date: '2020-05-02' }], next: null })
    expect(await door.ask(Device, 'GET', '/devices/box')).toMatchObject({ readings: [] })
  })

  test('is listed newest first, a page at a time', async ({ door }) => {
    await aBox(door)
    const { id: one } = await door.ask(LoggerImport, 'POST', path, { file: berlinger })
    const { id: two } = await door.ask(LoggerImport, 'POST', path, { file: ruuvi, probe: 'air' })
    const page = await door.ask(LoggerImports, 'GET', `${path}?limit=1`)
    expect(page).toMatchObject({ imports: [{ id: two, probe: 'air' }], next: two })
    const next = await door.ask(LoggerImports, 'GET', `${path}?limit=1&before=${two}`)
    expect(next).toMatchObject({ imports: [{ id: one }], next: null })
  })

  test('that cannot be read is refused by line and value, and so is one that is too large', async ({
    door,
  }) => {
    await aBox(door)
    for (const to of [path, `${path}/preview`]) {
      const wrong = [
        [
          { file: 'Date,Temperature\n', probe: 'load' },
          'file: its first line is of no logger that is known here',
        ],
        [{ file: ruuvi }, 'probe: say where the readings were taken'],
        [
          { file: ruuvi.replace(',8,', ',8°,'), probe: 'load' },
          'file: line 3: temperature "8°" is not a number',
        ],
        [{ file: berlinger.slice(0, 900) }, 'it is cut off'],
        [{ file: berlinger.replace('+3.20', '\u0000') }, 'Min T "\\u0000" is not a temperature'],
        [{ file: berlinger, format: 'ruuvi_csv' }, 'file: line 1: the header has no column "timestamp"'],
        [{ file: '' }, 'file: '],
        [{ file: ruuvi, probe: 'load', zone: 'UTC' }, 'zone'],
      ] as const
      for (const [body, detail] of wrong) {
        const problem = await door.refused('POST', to, body)
        expect(problem).toMatchObject({ status: 400, code: 'invalid_request' })
        expect(problem.detail).toContain(detail)
      }
      const large = await problemOf(await send(door, JSON.stringify({ file: ruuvi.repeat(9_000) }), to))
      expect(large).toMatchObject({ status: 413, code: 'too_large' })
    }
    expect(await door.ask(LoggerImports, 'GET', path)).toEqual({ imports: [], next: null })
  })

  test('may hold a megabyte of anything and is answered with what was described', async ({ door }) => {
    await aBox(door)
    const junk = ['\ud800', '\u0000', '\n', ' ', ':', ',', '1:', '\t', '-', '\uFEFF', '"']
    for (const [index, piece] of junk.entries()) {
      for (const start of ['Device: x\nConf:\nHist:\n', 'timestamp,temperature,humidity\n', '']) {
        const body = { file: start + piece.repeat(100_000 + index), probe: 'load' }
        expect(await door.refused('POST', path, body)).toMatchObject({ status: 400 })
      }
    }
  })
})
