import { expect } from 'vitest'
import { csvLine } from '../../api/http/files/csv.ts'
import { bagColumns, donationColumns, ImportReport } from '../../schema/http/imports.ts'
import { adminKey, type Door } from '../api/http/door.ts'

/** A row as JSON tells it. */
export type Row = Readonly<Record<string, unknown>>

export type Kind = 'bags' | 'donations'

/** Rows as a spreadsheet would save them. */
export function csvOf(kind: Kind, rows: readonly Row[]): string {
  const columns: readonly string[] = kind === 'bags' ? bagColumns : donationColumns
  const lines = rows.map(({ group, holds, ...told }) => {
    const cells: Row = { ...told, ...(group as object | undefined), holds: (holds as string[])?.join(' ') }
    return csvLine(columns.map((name) => String(cells[name] ?? '')))
  })
  return [csvLine([...columns]), ...lines].join('')
}

export function linesOf(rows: readonly Row[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

type How = { readonly key?: string; readonly type?: string; readonly headers?: Record<string, string> }

/** Send a file, CSV unless it says otherwise. */
export function send(
  door: Door,
  path: string,
  body: NonNullable<RequestInit['body']>,
  how: How = {},
): Promise<Response> {
  const { key = adminKey, type = 'text/csv; charset=utf-8', headers = {} } = how
  return door.raw(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type, ...headers },
    body,
  })
}

/** What became of a file that was taken, or looked at: exactly what the schema says. */
export async function reportOf(response: Promise<Response>): Promise<ImportReport> {
  const answered = await response
  const text = await answered.text()
  expect(answered.status, text).toBeLessThan(300)
  const report = JSON.parse(text)
  expect(ImportReport.parse(report)).toEqual(report)
  return report
}

export async function exported(door: Door, path: string, key = adminKey): Promise<string> {
  const response = await door.raw(path, { headers: { authorization: `Bearer ${key}` } })
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return text
}

/** The rows of an export in JSON. */
export function rowsOf(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
