import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BerlingerLog, parseBerlingerText } from '../../../schema/loggers/berlinger-text.ts'
import { detectFormat } from '../../../schema/loggers/detect.ts'
import { MalformedFile } from '../../../schema/loggers/malformed.ts'
import { parseRuuviCsv } from '../../../schema/loggers/ruuvi-csv.ts'
import { aBerlingerLog, aLoggedDay, berlingerLog, printBerlinger } from '../../support/berlinger.ts'

/** As it was printed, but for where each day stood. */
function parsed(text: string): BerlingerLog {
  const { days, ...log } = parseBerlingerText(text)
  return { ...log, days: days.map((day) => ({ ...day, line: 0 })) }
}

const log = aBerlingerLog([
  aLoggedDay('2020-05-06', {
    warmest: 9.3,
    alarms: aLoggedDay('').alarms.map((a, i) => (i ? { ...a, minutes: 70 } : a)),
  }),
  aLoggedDay('2020-05-05', { coldest: null, coldestAt: null, timeoutMinutes: 720 }),
])
const file = printBerlinger(log)
const lineOf = (needle: string) => file.split('\n').findIndex((line) => line.includes(needle)) + 1

test('what a logger wrote is read back exactly, whatever ends its lines and indents them', () => {
  fc.assert(
    fc.property(
      berlingerLog,
      fc.constantFrom('\n' as const, '\r\n' as const),
      fc.constantFrom(' ' as const, '\t' as const),
      fc.constantFrom('', '\uFEFF'),
      (written, newline, indent, mark) => {
        expect(parsed(mark + printBerlinger(written, { newline, indent }))).toEqual(written)
      },
    ),
  )
})

test('degrees Fahrenheit come out as Celsius, to the hundredth the file tells', () => {
  fc.assert(
    fc.property(berlingerLog, (written) => {
      expect(parsed(printBerlinger(written, { unit: 'F' }))).toEqual(written)
    }),
  )
  const day = aLoggedDay('2020-05-06', { coldest: 0, warmest: 100, mean: 37 })
  const text = printBerlinger(aBerlingerLog([day]), { unit: 'F' })
  expect(text).toContain('Min T: +32.00, ')
  expect(text).toContain('Max T: +212.00, ')
  expect(parsed(text).days).toEqual([day])
})

test('every day says where in the file it stands, and days may be missing', () => {
  const days = [aLoggedDay('2020-05-06'), aLoggedDay('2020-05-01')]
  const text = printBerlinger(aBerlingerLog(days))
  const lines = text.split('\n')
  const told = parseBerlingerText(text).days
  expect(told.map(({ date }) => date)).toEqual(['2020-05-06', '2020-05-01'])
  for (const [index, { line }] of told.entries()) expect(lines[line - 1]).toBe(` ${index + 1}:`)
})

test('what is not known is read over and counted, what is known and not kept is not', () => {
  const strange = file
    .replace('Cert:', 'Weather:\n rain, and wind\nCert:')
    .replace('  Events: 8', '  Events: 8, Moon: full')
    .replace(' CID: 1', ' CID: 1\n Mood:\n  good\n   and better')
    .replace('Cert:', 'Data:\n\tyyyy-MM-dd hh:mm\tT\tOut of limits\n\t2020-05-06 10:01\t5.7\nCert:')
  expect(parsed(strange)).toEqual({ ...log, unknownKeys: 3 })
})

test.each([
  ['', 'line 1: the file has no "Device"'],
  ['Device', 'line 1: "Device" is not like "key: value"'],
  [
    'Device: Q-tag CLm doc LR\nConf:\nRes:\nSig: 00',
    'line 1: a "Q-tag CLm doc LR" that keeps no history by days',
  ],
  [file.replace('Temp unit: C', 'Temp unit: K'), `line ${lineOf('Temp unit')}: Temp unit "K" is not C or F`],
  [file.replace(' Temp unit: C\n', ''), `line ${lineOf('Conf:')}: Conf has no "Temp unit"`],
  [
    file.replace('Serial: 1604', 'Serial: 1\u00004'),
    `line ${lineOf('Serial')}: Serial "1\\u0000400000001" is not`,
  ],
  [
    file.replace('Date: 2020-05-06', 'Date: 05/06/2020'),
    `line ${lineOf('Date:')}: Date "05/06/2020" is not a day`,
  ],
  [
    file.replace('Date: 2020-05-06', 'Date: 2020-02-30'),
    `line ${lineOf('Date:')}: Date "2020-02-30" is not a day`,
  ],
  [file.replace('Date: 2020-05-05', 'Date: 2020-05-06'), 'the day 2020-05-06 is told a second time'],
  [file.replace('+3.20', '+3,20'), `line ${lineOf('Min T')}: Min T "+3,20" is not a temperature`],
  [file.replace('+3.20', '3.2C'), `line ${lineOf('Min T')}: Min T "3.2C" is not a temperature`],
  [file.replace('+3.20', ''), `line ${lineOf('Min T')}: Min T "" is not a temperature`],
  [file.replace('+3.20', '+9.31'), `line ${lineOf('Max T')}: Max T "+9.30" is below Min T`],
  [file.replace('03:10', '24:10'), `line ${lineOf('Min T')}: TS Min T "24:10" is not a time`],
  [
    file.replace('t Acc: 70', 't Acc: 1441'),
    `line ${lineOf('t Acc: 70')}: t Acc "1441" is not minutes, 0 to 1440`,
  ],
  [file.replace('t Acc: 70', 't Acc: -7'), `line ${lineOf('t Acc: 70')}: t Acc "-7" is not minutes`],
  [file.replace('  Avrg T: +4.10\n', ''), `line ${lineOf('Date:') - 1}: Hist 1 has no "Avrg T"`],
  [file.replace('   1:\n    t Acc: 70\n', ''), `line ${lineOf('  Alarm:')}: Alarm has no "1"`],
  [file.replace('   1:\n    t Acc: 70', '   7:\n    t Acc: 70'), 'no limit 7 is set under Conf'],
  [file.replace('  Avrg', '  Min T: +1.0\n  Avrg'), `"Min T" stands twice in Hist 1`],
  [file.replace('    t Acc: 70', '  t Acc: 70'), 'Alarm 1 has no "t Acc"'],
  [
    file.replace('  Max T', '     Max T'),
    `line ${lineOf('Max T')}: is indented under "Min T: +3.20, TS Min T: 03:10"`,
  ],
  [file.replace(' Serial', '   Serial'), `line ${lineOf('PCB')}: is indented as nothing before it`],
  [` ${file}`, 'line 1: is indented under nothing'],
  [`${file}\u001a`, 'is not like "key: value"'],
  [`${file}garbage`, `line ${file.split('\n').length}: "garbage" is not like "key: value"`],
  [file.replace(/Sig: .*\n/, ''), 'the file ends without its signature (Sig): it is cut off'],
  [file.slice(0, -5), 'is cut off'],
  [file.replace('Sig: ', 'Sig: x'), 'is not hexadecimal'],
])('a file is refused by line and value: %#', (text, problem) => {
  expect(() => parseBerlingerText(text)).toThrow(problem)
  expect(() => parseBerlingerText(text)).toThrow(MalformedFile)
})

test('a file cut off anywhere is refused', () => {
  for (let end = 0; end < file.trimEnd().length; end++)
    expect(() => parseBerlingerText(file.slice(0, end)), `cut at ${end}`).toThrow(MalformedFile)
})

test('a long value is not said in full', () => {
  const text = file.replace('+3.20', 'x'.repeat(100_000))
  expect(() => parseBerlingerText(text)).toThrow(/"x{60}…" is not a temperature/)
})

test('a file of twenty thousand days is read', () => {
  const [before = '', days = '', after = ''] = file.split(/(?<=Creation: .*\n)|^(?=Cert:)/m)
  const one = days.slice(0, days.indexOf(' 2:\n'))
  const start = Date.parse('1970-01-01')
  const many = Array.from({ length: 20_000 }, (_, index) =>
    one
      .replace(' 1:', ` ${index + 1}:`)
      .replace('2020-05-06', new Date(start + index * 86_400_000).toISOString().slice(0, 10)),
  )
  expect(parseBerlingerText(before + many.join('') + after).days).toHaveLength(20_000)
})

const mutation = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 40 }),
  put: fc.oneof(
    fc.constantFrom(
      '',
      '\n',
      '\r',
      '\t',
      ' ',
      ':',
      ',',
      '-',
      '---',
      '\u0000',
      '\uFEFF',
      '\ud800',
      '1e9',
      ' 1:\n',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
  ),
})

test.each([
  ['Berlinger', file, parseBerlingerText],
  [
    'RuuviTag',
    'timestamp,temperature,humidity\n2020-05-05T09:21:56+0200,1.73,44.2\n2020-05-05T07:00:00Z,-0.5,40\n',
    parseRuuviCsv,
  ],
] as const)(
  'a %s file that was tampered with gives a value or a refusal, and nothing else',
  (_, whole, parse) => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (mutations) => {
        let text: string = whole
        for (const { at, cut, put } of mutations) {
          const from = at % (text.length + 1)
          text = text.slice(0, from) + put + text.slice(from + cut)
        }
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFile)
          expect((error as Error).message).toMatch(/^line \d+: /)
        }
        detectFormat(text)
      }),
      { numRuns: 2_000 },
    )
  },
)

test('a file is known by its first line', () => {
  expect(detectFormat(`\uFEFF${file}`)).toBe('berlinger_text')
  expect(detectFormat('rssi, timestamp ,temperature\r\n')).toBe('ruuvi_csv')
  expect(detectFormat('Date,Temperature')).toBeNull()
  expect(detectFormat('')).toBeNull()
})
