import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LoggedReading, parseRuuviCsv } from '../../../schema/loggers/ruuvi-csv.ts'
import { recorded, recordedNote, skipRecorded } from '../../support/recorded.ts'

const header = 'timestamp,temperature,humidity'

/** Written in the zone given, as a logger there would. */
function format(readings: readonly LoggedReading[], zoneMinutes: number, columns: readonly string[]): string {
  const zone = `${zoneMinutes < 0 ? '-' : '+'}${[Math.trunc(zoneMinutes / 60), zoneMinutes % 60]
    .map((part) => String(Math.abs(part)).padStart(2, '0'))
    .join('')}`
  const lines = readings.map(({ at, celsius, humidity }) => {
    const local = new Date(at + zoneMinutes * 60_000).toISOString().replace('Z', zone)
    const cells: Record<string, unknown> = { timestamp: local, temperature: celsius, humidity, rssi: -90 }
    return columns.map((column) => cells[column]).join(',')
  })
  return [columns.join(','), ...lines, ''].join('\n')
}

const reading = fc.record({
  at: fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2100, 0) }),
  celsius: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  humidity: fc.double({ min: 0, max: 100, noNaN: true }).map((value) => value + 0),
})
const columns = fc.shuffledSubarray(['timestamp', 'temperature', 'humidity', 'rssi'], { minLength: 4 })

test('what a logger wrote is read back exactly, whatever its zone and the order of its columns', () => {
  fc.assert(
    fc.property(
      fc.array(reading),
      fc.integer({ min: -12 * 60, max: 14 * 60 }),
      columns,
      fc.constantFrom('\n', '\r\n'),
      (readings, zone, names, newline) => {
        const text = format(readings, zone, names).replaceAll('\n', newline)
        expect(parseRuuviCsv(text)).toEqual(readings)
      },
    ),
  )
})

test('instants are UTC, the order of the file stands and doubles stay', () => {
  const text = `${header}\r\n2020-05-05T09:21:56+0200,1.73,44.2\r\n2020-05-05T07:00:00Z,-0.5,40\r\n2020-05-05T07:00:00Z,-0.5,40\r\n\r\n\n`
  expect(parseRuuviCsv(text)).toEqual([
    { at: Date.UTC(2020, 4, 5, 7, 21, 56), celsius: 1.73, humidity: 44.2 },
    { at: Date.UTC(2020, 4, 5, 7), celsius: -0.5, humidity: 40 },
    { at: Date.UTC(2020, 4, 5, 7), celsius: -0.5, humidity: 40 },
  ])
})

test('a file with a header alone holds no readings', () => {
  expect(parseRuuviCsv(header)).toEqual([])
})

test.each([
  ['', 'line 1: the header has no column "timestamp"'],
  ['timestamp,temperature', 'line 1: the header has no column "humidity"'],
  [`${header},humidity`, 'line 1: the header has two columns "humidity"'],
  [`${header}\n2020-05-05T09:21:56+0200,1.73`, 'line 2: 2 cells where the header names 3'],
  [`${header}\n2020-05-05T09:21:56+0200,1.7,4,3`, 'line 2: 4 cells where the header names 3'],
  [`${header}\n\n2020-05-05T09:21:56+0200,1.7,4`, 'line 2: the line is blank'],
  [`${header}\n2020-05-05T09:21:56Z,1,4\n2020-05-05T09:21:57Z,,4`, 'line 3: temperature "" is not a number'],
  [`${header}\n2020-05-05T09:21:56Z,1,wet`, 'line 2: humidity "wet" is not a number'],
  [`${header}\n2020-05-05T09:21:56Z,0x10,4`, 'line 2: temperature "0x10" is not a number'],
  [`${header}\n2020-05-05T09:21:56Z,1e999,4`, 'line 2: temperature "1e999" is not a number'],
  [
    `${header}\n2020-05-05T09:21:56,1,4`,
    'line 2: timestamp "2020-05-05T09:21:56" is not like 2020-05-05T09:21:56+0200',
  ],
  [`${header}\n2020-02-30T09:21:56Z,1,4`, 'line 2: timestamp "2020-02-30T09:21:56Z" is not on the calendar'],
  [`${header}\n2020-05-05T24:00:00Z,1,4`, 'line 2: timestamp "2020-05-05T24:00:00Z" is not on the calendar'],
])('%j is refused by line and reason', (text, problem) => {
  expect(() => parseRuuviCsv(text)).toThrow(problem)
})

describe(`the recorded loggers${recordedNote}`, () => {
  test.skipIf(skipRecorded).each([
    ['fridge-2020-05-05.csv', 368],
    ['freezer-2020-05-05.csv', 371],
  ])('%s holds %i readings', (file, count) => {
    const readings = parseRuuviCsv(readFileSync(recorded(file), 'utf8'))
    expect(readings).toHaveLength(count)
  })

  test.skipIf(skipRecorded)('the fridge ran from 0.38 to 3.85 °C and was below 2 °C in 91 readings', () => {
    const readings = parseRuuviCsv(readFileSync(recorded('fridge-2020-05-05.csv'), 'utf8'))
    const celsius = readings.map((reading) => reading.celsius)
    expect([Math.min(...celsius), Math.max(...celsius)]).toEqual([0.38, 3.85])
    expect(celsius.filter((value) => value < 2)).toHaveLength(91)
  })
})
