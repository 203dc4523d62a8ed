import { Readable } from 'node:stream'
import { setImmediate as othersToo } from 'node:timers/promises'
import { CsvError, parse } from 'csv-parse'
import { Refusal } from '../../domain/refusal.ts'
import type { RawRow } from './read-file.ts'

/** No row of ours is longer; of a quote that is never closed the rest of the file would be one. */
const maxRowLength = 65_536
const sliceLength = 65_536

/**
 * The cells of a CSV file (RFC 4180), by the names of its header. Columns may come in any order, and those that may be
 * missing are left out; a row of empty cells only is passed over. Rows are counted as a spreadsheet does.
 *
 * @throws Refusal `invalid_request` of a file that is not such a one, `too_large`
 */
export async function readCsv(
  text: string,
  columns: readonly string[],
  maxRows: number,
): Promise<RawRow<Record<string, string>>[]> {
  const rows: RawRow<Record<string, string>>[] = []
  let header: readonly string[] | undefined
  let row = 0
  const parser = Readable.from(slices(text)).pipe(
    parse({ record_delimiter: ['\r\n', '\n'], relax_column_count: true, max_record_size: maxRowLength }),
  )
  try {
    for await (const record of parser) {
      const cells = record as string[]
      row++
      if (!header) header = headerOf(cells, columns)
      else if (row > maxRows + 1) throw new Refusal('too_large', `a file may have ${maxRows} rows`)
      else if (cells.some((cell) => cell.trim() !== '')) rows.push(rowOf(row, cells, header))
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new Refusal(
      'invalid_request',
      `the file cannot be read as CSV: after row ${row}: ${wordsFor(error)}`,
    )
  }
  if (!header) throw new Refusal('invalid_request', 'the file is empty: its first row names the columns')
  return rows
}

/** Devices are heard in between. */
async function* slices(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += sliceLength) {
    yield text.slice(at, at + sliceLength)
    await othersToo()
  }
}

function headerOf(cells: readonly string[], columns: readonly string[]): string[] {
  const names = cells.map((cell) => cell.trim())
  const known = `the columns are ${columns.join(', ')}`
  const unknown = names.find((name) => !columns.includes(name))
  if (unknown !== undefined)
    throw new Refusal(
      'invalid_request',
      `row 1 names a column ${JSON.stringify(unknown.slice(0, 60))}: ${known}, with commas between them`,
    )
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw new Refusal('invalid_request', `row 1 names the column ${twice} twice`)
  if (!names.includes('din')) throw new Refusal('invalid_request', `row 1 names no column din: ${known}`)
  return names
}

function rowOf(
  row: number,
  cells: readonly string[],
  header: readonly string[],
): RawRow<Record<string, string>> {
  if (cells.length !== header.length) {
    const detail = `it has ${cells.length} cells where the header names ${header.length} columns`
    return { row, errors: [{ column: null, code: 'invalid_request', detail }] }
  }
  const told = header.flatMap((name, index): [string, string][] => {
    const cell = unguarded(cells[index] as string)
    return cell === '' ? [] : [[name, cell]]
  })
  return { row, told: Object.fromEntries(told) }
}

function wordsFor({ code }: CsvError): string {
  switch (code) {
    case 'CSV_MAX_RECORD_SIZE':
      return `a row is longer than ${maxRowLength} characters, or a quote is never closed`
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quote is never closed'
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'a quote stands in a cell: quote the whole cell, and write quotes in it twice'
    default:
      return code.toLowerCase().replaceAll('_', ' ')
  }
}

/** What a spreadsheet would take for a formula (OWASP, CSV Injection), or what would pass for guarded. */
const dangerous = /^[=+\-@\t\r\n']/

function guarded(cell: string): string {
  return dangerous.test(cell) ? `'${cell}` : cell
}

function unguarded(cell: string): string {
  return cell.startsWith("'") && dangerous.test(cell.slice(1)) ? cell.slice(1) : cell
}

/** A line of a CSV file, which `readCsv` reads as these cells. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => quotedCell(guarded(cell))).join(',')}\r\n`
}

function quotedCell(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
