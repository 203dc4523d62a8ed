import type { LoggerFormat } from '../vocabulary.ts'
import { linesOf } from './malformed.ts'

/** What a file is by its first line: the header of a RuuviTag CSV, or the name a Berlinger logger begins with. */
export function detectFormat(text: string): LoggerFormat | null {
  const first = linesOf(text.slice(0, 4_096))[0] ?? ''
  if (/^Device:/.test(first)) return 'berlinger_text'
  return first.split(',').some((name) => name.trim() === 'timestamp') ? 'ruuvi_csv' : null
}
