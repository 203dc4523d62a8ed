import { setImmediate as othersToo } from 'node:timers/promises'
import type { Context as Request } from 'hono'
import type { z } from 'zod'
import { maxRows } from '../../../schema/http/imports.ts'
import type { RowError } from '../../domain/import.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { ImportRow } from '../../usecases/import-rows.ts'
import type { Env } from '../env.ts'
import { readCsv } from './csv.ts'

/** A row of a file as it was told, or why nobody can tell. */
export type RawRow<T> =
  | { readonly row: number; readonly told: T }
  | { readonly row: number; readonly errors: readonly RowError[] }

export const fileTypes = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const
export type FileType = keyof typeof fileTypes

const maxLineLength = 65_536
const maxDetailLength = 300
/** So many rows are read before others are let in. */
const rowsAtOnce = 50

/**
 * The rows of the file a request brings, each read by a schema: one that cannot be read is in error and costs only itself.
 *
 * @throws Refusal `unsupported_media_type`, `invalid_request` of a file none of whose rows can be told, `too_large`
 */
export async function readFile<T extends z.ZodType>(
  c: Request<Env>,
  schema: T,
  columns: readonly string[],
): Promise<ImportRow<z.output<T>>[]> {
  const type = typeOf(c.req.header('content-type') ?? '')
  const text = textOf(await bytesOf(c))
  const raw = type === 'csv' ? (await readCsv(text, columns, maxRows)).map(asJson) : await readLines(text)
  if (raw.length === 0) throw new Refusal('invalid_request', 'the file holds no rows')
  const rows: ImportRow<z.output<T>>[] = []
  for (const one of raw) {
    if (rows.length % rowsAtOnce === 0) await othersToo()
    rows.push('errors' in one ? one : parsed(one, schema, type))
  }
  return rows
}

function typeOf(header: string): FileType {
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset))
    throw new Refusal('unsupported_media_type', `${charset}: save the file as UTF-8`)
  if (type === fileTypes.csv) return 'csv'
  if (type === fileTypes.ndjson) return 'ndjson'
  throw new Refusal(
    'unsupported_media_type',
    `say by content-type whether it is ${Object.values(fileTypes).join(' or ')}`,
  )
}

async function bytesOf(c: Request<Env>): Promise<ArrayBuffer> {
  return c.req.arrayBuffer().catch((error) => {
    if (error instanceof Refusal) throw error
    throw new Refusal('invalid_request', 'the body did not arrive whole')
  })
}

/** Without its byte order mark. */
function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal('invalid_request', 'the file is not UTF-8: save it as "CSV UTF-8"')
  }
}

async function readLines(text: string): Promise<RawRow<unknown>[]> {
  const rows: RawRow<unknown>[] = []
  let row = 0
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? text.length : end)
    at += line.length + 1
    row++
    if (row > maxRows) throw new Refusal('too_large', `a file may have ${maxRows} rows`)
    if (row % rowsAtOnce === 0) await othersToo()
    if (line.trim() !== '') rows.push(lineOf(row, line))
  }
  return rows
}

function lineOf(row: number, line: string): RawRow<unknown> {
  if (line.length > maxLineLength) return broken(row, `the line is longer than ${maxLineLength} characters`)
  try {
    return { row, told: JSON.parse(line) }
  } catch {
    return broken(row, 'the line is not JSON')
  }
}

function broken(row: number, detail: string): RawRow<unknown> {
  return { row, errors: [{ column: null, code: 'invalid_request', detail }] }
}

/** The cells of a row as JSON would tell them. */
function asJson(row: RawRow<Record<string, string>>): RawRow<unknown> {
  if ('errors' in row) return row
  const cells = Object.entries(row.told).flatMap(([name, cell]): [string, string][] => {
    const trimmed = cell.trim()
    return trimmed === '' ? [] : [[name, trimmed]]
  })
  const { abo, rhd, amount, holds, ...told } = Object.fromEntries(cells)
  return {
    row: row.row,
    told: {
      ...told,
      ...(amount === undefined ? {} : { amount: /^\d+(\.\d+)?$/.test(amount) ? Number(amount) : amount }),
      ...(abo === undefined && rhd === undefined ? {} : { group: { abo, rhd } }),
      ...(holds === undefined ? {} : { holds: holds.split(/\s+/) }),
    },
  }
}

function parsed<T extends z.ZodType>(
  { row, told }: { readonly row: number; readonly told: unknown },
  schema: T,
  type: FileType,
): ImportRow<z.output<T>> {
  const result = schema.safeParse(told)
  if (result.success) return { row, input: result.data }
  const errors = result.error.issues.map(({ path, message }): RowError => {
    const where = path.join('.')
    const column = type === 'csv' ? where.replace(/^group\./, '').replace(/^(holds)\..*/, '$1') : where
    const detail = column === '' ? message : `${column}: ${message}`
    return { column: column || null, code: 'invalid_request', detail: detail.slice(0, maxDetailLength) }
  })
  return { row, errors }
}
