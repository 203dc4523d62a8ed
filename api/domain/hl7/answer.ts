import type { Refusal, RefusalCode } from '../refusal.ts'
import {
  beginningOf,
  escapeHl7,
  type Hl7Message,
  type Hl7Segment,
  usualDelimiters,
  valueAt,
} from './message.ts'
import type { Hl7Header } from './read.ts'
import { codesRead } from './read-results.ts'

/** What is acknowledged: it is done and stored, its content is refused, or it is not read at all. */
export type Hl7Code = 'AA' | 'AE' | 'AR'

/** HL7 table 0357. */
const conditions: Partial<Record<RefusalCode, readonly [string, string]>> = {
  not_found: ['204', 'Unknown key identifier'],
  already_exists: ['205', 'Duplicate key identifier'],
  key_reused: ['205', 'Duplicate key identifier'],
  invalid_request: ['102', 'Data type error'],
  unsupported_media_type: ['200', 'Unsupported message type'],
}

/**
 * The acknowledgement of a message (HL7 2.5.1 ch. 2.9.2); why not is a sentence in ERR-8.
 *
 * @param header of the message; null where it could not be read
 */
export function acknowledge(
  header: Hl7Header | null,
  {
    code,
    refusal,
    id,
    now,
  }: { readonly code: Hl7Code; readonly refusal: Refusal | null; readonly id: string; readonly now: number },
): string {
  const at = new Date(now).toISOString().replace(/[-:T]|\.\d+Z/g, '')
  const { application = '', facility = '', type = '', controlId = '' } = header ?? {}
  const event = type.split('^')[1]
  const msh = ['MSH', '^~\\&', 'HEMOTRAIL', '', ...[application, facility].map(escapeHl7), `${at}+0000`, '']
  const kind = ['ACK', ...(event ? [escapeHl7(event), 'ACK'] : [])].join('^')
  const lines = [
    [...msh, kind, escapeHl7(id), 'P', '2.5', '', '', '', '', '', 'UNICODE UTF-8'],
    ['MSA', code, escapeHl7(controlId)],
  ]
  if (refusal) {
    const [number, words] = conditions[refusal.code] ?? ['207', 'Application internal error']
    lines.push(['ERR', '', '', `${number}^${words}^HL70357`, 'E', '', '', '', escapeHl7(refusal.message)])
  }
  return `${lines.map((fields) => fields.join('|')).join('\r')}\r`
}

/** What of each segment is kept of a message that was not done. Names, dates of birth and addresses are in none of these. */
const shownFields: Readonly<Record<string, readonly number[]>> = {
  MSH: [3, 4, 5, 6, 7, 9, 10, 11, 12, 18],
  EVN: [1, 2],
  ORC: [1, 2, 3, 5, 7, 9],
  TQ1: [2, 7, 8, 9],
  OBR: [2, 3, 4, 7, 27, 31],
  SPM: [2, 4, 17],
  OBX: [1, 2, 3, 5, 6, 11, 14, 17],
}
const mostShown = 10_000
const mostOfAField = 200

/**
 * A message that was not done, as it is kept to be looked at: without what names a patient, of whom the pseudonym stands in
 * PID-3 and MRG-1.
 */
export function shownOf(message: Hl7Message, pseudonymOf: (name: 'PID' | 'MRG') => string | null): string {
  const lines = message.segments.flatMap((segment) => {
    const { name } = segment
    if (name === 'PID' || name === 'MRG') {
      const pseudonym = pseudonymOf(name) ?? '?'
      return [name === 'PID' ? `PID|||${pseudonym}` : `MRG|${pseudonym}`]
    }
    const kept = shownFields[name]
    return kept ? [shownSegment(message, segment, kept)] : []
  })
  return beginningOf(lines.join('\n'), mostShown)
}

function shownSegment(message: Hl7Message, segment: Hl7Segment, kept: readonly number[]): string {
  // What else a laboratory reports may be about anything, and name anybody.
  const isOther = segment.name === 'OBX' && !codesRead.has(valueAt(message, segment, { field: 3 }))
  const values = segment.fields.map((_, field) => {
    if (!kept.includes(field) || (isOther && field === 5)) return ''
    const components = (segment.fields[field] ?? '').split(message.delimiters.component).length
    const told = Array.from({ length: Math.min(components, 6) }, (_, index) =>
      escapeHl7(valueAt(message, segment, { field, component: index + 1 })),
    )
    return beginningOf(told.join(usualDelimiters.component), mostOfAField)
  })
  // MSH-1 is the delimiter itself.
  const fields = segment.name === 'MSH' ? ['^~\\&', ...values.slice(3)] : values.slice(1)
  return [segment.name, ...fields].join('|').replace(/\|+$/, '')
}
