import { type Cause, causes } from '../../../schema/vocabulary.ts'

/** What was named of what was true, counted; a row for each kind of question. */
export type Confusion = ReadonlyMap<string, Readonly<Record<Cause, number>> & { readonly right: number }>

export type Answered = { readonly row: string; readonly named: Cause; readonly right: boolean }

export function confusionOf(answers: readonly Answered[]): Confusion {
  const rows = new Map<string, Record<Cause, number> & { right: number }>()
  for (const { row, named, right } of answers) {
    const counts = rows.get(row) ?? {
      door: 0,
      cooling: 0,
      power: 0,
      probe: 0,
      silence: 0,
      unknown: 0,
      right: 0,
    }
    counts[named] += 1
    if (right) counts.right += 1
    rows.set(row, counts)
  }
  return rows
}

/** As a table to read: what happened down, what was named across. */
export function printed(confusion: Confusion): string {
  const columns = [...causes, 'right', 'asked'] as const
  const line = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(28) + cells.map((cell) => String(cell || '.').padStart(8)).join('')
  const body = [...confusion].map(([row, counts]) => {
    const asked = causes.reduce((sum, cause) => sum + counts[cause], 0)
    return line(row, [...causes.map((cause) => counts[cause]), counts.right, asked])
  })
  return [line('', columns), ...body].join('\n')
}
