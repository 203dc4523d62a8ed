import { parseArgs } from 'node:util'

/** Where a command prints. */
export type Terminal = { readonly print: (line: string) => void }

/** The words of a command make no sense: it says how it is used and ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>

/** Read a command's words. @throws UsageError naming the one that is not understood */
export function words<T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: joinNegatives(args), options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** `--low -60` as `--low=-60`: a negative limit is a value, not an option. */
function joinNegatives(args: readonly string[]): string[] {
  const joined: string[] = []
  for (const word of args) {
    const option = joined.at(-1)
    if (/^-\d/.test(word) && option?.startsWith('--') && !option.includes('='))
      joined.splice(-1, 1, `${option}=${word}`)
    else joined.push(word)
  }
  return joined
}

export function numberOption(name: string, text: string | undefined): number {
  if (text === undefined) throw new UsageError(`${name} is missing`)
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${name} ${text} is not a number`)
  return value
}

export function iso(at: number): string
export function iso(at: number | null): string | null
export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

type Row = readonly string[]

/** Columns as wide as what is in them: the first so many are words, the rest figures. */
export function table(rows: readonly Row[], columns: { readonly words: number }): string[] {
  const [heading = []] = rows
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const pad = (cell: string, column: number) =>
    column < columns.words ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  '))
}
