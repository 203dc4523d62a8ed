import { linesOf, malformed, quoted } from './malformed.ts'

/** One line of a recorded logger. `at` is ms UTC, `humidity` relative humidity in percent. */
export type LoggedReading = { readonly at: number; readonly celsius: number; readonly humidity: number }

const columns = ['timestamp', 'temperature', 'humidity'] as const

/**
 * Read the CSV of a RuuviTag logger. Columns are found by name; readings come in the order of the file, neither sorted
 * nor made unique. Throws `MalformedFile` at the first line that cannot be read: a skipped line would look like a gap.
 */
export function parseRuuviCsv(text: string): LoggedReading[] {
  const lines = linesOf(text)
  const header = (lines[0] ?? '').split(',').map((name) => name.trim())
  const [timestamp, temperature, humidity] = columns.map((name) => {
    const index = header.indexOf(name)
    if (index < 0) throw malformed(1, `the header has no column "${name}"`)
    if (header.includes(name, index + 1)) throw malformed(1, `the header has two columns "${name}"`)
    return index
  }) as [number, number, number]

  return lines.slice(1).map((line, index) => {
    const number = index + 2
    if (line.trim() === '') throw malformed(number, 'the line is blank')
    const cells = line.split(',')
    if (cells.length !== header.length) {
      throw malformed(number, `${cells.length} cells where the header names ${header.length}`)
    }
    const cell = (column: number) => (cells[column] ?? '').trim()
    return {
      at: instant(number, cell(timestamp)),
      celsius: decimal(number, 'temperature', cell(temperature)),
      humidity: decimal(number, 'humidity', cell(humidity)),
    }
  })
}

function instant(line: number, text: string): number {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,3})?(?:(Z)|([+-])(\d\d):?([0-5]\d))$/.exec(text)
  if (!match) throw malformed(line, `timestamp ${quoted(text)} is not like 2020-05-05T09:21:56+0200`)
  const [, local = '', fraction = '', , sign, hours = 0, minutes = 0] = match
  const asUtc = Date.parse(`${local}${fraction}Z`)
  // Date.parse may roll 30 February over into March.
  if (Number.isNaN(asUtc) || !new Date(asUtc).toISOString().startsWith(local)) {
    throw malformed(line, `timestamp ${quoted(text)} is not on the calendar`)
  }
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '-' ? asUtc + offsetMs : asUtc - offsetMs
}

function decimal(line: number, column: string, text: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value)) throw malformed(line, `${column} ${quoted(text)} is not a number`)
  return value
}
