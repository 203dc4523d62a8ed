import { type BerlingerLog, parseBerlingerText } from '../../../schema/loggers/berlinger-text.ts'
import { detectFormat } from '../../../schema/loggers/detect.ts'
import { MalformedFile } from '../../../schema/loggers/malformed.ts'
import { type LoggedReading, parseRuuviCsv } from '../../../schema/loggers/ruuvi-csv.ts'
import type { LoggerFormat, ProbeKind } from '../../../schema/vocabulary.ts'
import { Refusal } from '../../domain/refusal.ts'

export type LoggerFile = {
  readonly device: string
  /** The text of the file as it was read out. */
  readonly file: string
  /** What it is; looked for in its first line where it is not said. */
  readonly format?: LoggerFormat | undefined
  /** Where its readings were taken. A file of days has none. */
  readonly probe?: ProbeKind | undefined
}

/** What is in a file: readings one by one, or what was kept of each day. */
export type FileContent =
  | { readonly format: 'ruuvi_csv'; readonly readings: readonly LoggedReading[]; readonly probe: ProbeKind }
  | { readonly format: 'berlinger_text'; readonly log: BerlingerLog }

/** @throws Refusal `invalid_request`, which names line and value where the file cannot be read */
export function readLoggerFile({ file, format, probe }: LoggerFile): FileContent {
  const isOf = format ?? detectFormat(file)
  if (isOf === null)
    throw new Refusal('invalid_request', 'file: its first line is of no logger that is known here')
  try {
    if (isOf === 'berlinger_text') {
      const log = parseBerlingerText(file)
      if (log.days.length === 0) throw new Refusal('invalid_request', 'file: holds no days')
      return { format: isOf, log }
    }
    const readings = parseRuuviCsv(file)
    if (readings.length === 0) throw new Refusal('invalid_request', 'file: holds no readings')
    if (!probe) throw new Refusal('invalid_request', 'probe: say where the readings were taken')
    return { format: isOf, readings, probe }
  } catch (error) {
    if (error instanceof MalformedFile) throw new Refusal('invalid_request', `file: ${error.message}`)
    throw error
  }
}
