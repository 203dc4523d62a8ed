import { Refusal } from '../refusal.ts'

/*
 * HL7 v2 as it is written (HL7 2.5.1 ch. 2): segments by CR, fields by MSH-1, repetitions, components and subcomponents by
 * MSH-2. Nothing is looked up in a dictionary: whoever reads a field knows what it is.
 */

/** One message: its segments in order, their fields as they are written. `fields[0]` is the segment's name. */
export type Hl7Message = {
  readonly delimiters: Delimiters
  readonly segments: readonly Hl7Segment[]
}
export type Hl7Segment = { readonly name: string; readonly fields: readonly string[] }

export type Delimiters = {
  readonly field: string
  readonly component: string
  readonly repetition: string
  readonly escaping: string
  readonly subcomponent: string
}

export const usualDelimiters: Delimiters = {
  ...{ field: '|', component: '^', repetition: '~', escaping: '\\', subcomponent: '&' },
}

/** More segments than these no message of ours has. */
const mostSegments = 1_000

/** Control characters that no text of ours may hold; CR ends a segment, and some end it with LF, too. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
const unreadable = /[\u0000-\u0008\u000b-\u000c\u000e-\u001f\u007f]/

/** Read a message. @throws Refusal `invalid_request` saying why it is none */
export function parseHl7(text: string): Hl7Message {
  if (unreadable.test(text)) throw new Refusal('invalid_request', 'holds a control character')
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const [header = ''] = lines
  if (!/^MSH[^A-Za-z0-9\s]/.test(header)) throw new Refusal('invalid_request', 'does not begin with MSH')
  if (lines.length > mostSegments)
    throw new Refusal('invalid_request', `has more than ${mostSegments} segments`)
  const delimiters = delimitersOf(header)
  const segments = lines.map((line) => segmentOf(line, delimiters.field))
  return { delimiters, segments }
}

function delimitersOf(header: string): Delimiters {
  const field = header[3] as string
  const [component = '', repetition = '', escaping = '', subcomponent = '&'] = (
    header.split(field)[1] ?? ''
  ).slice(0, 4)
  const all = [field, component, repetition, escaping, subcomponent]
  if (all.some((one) => !/^[^A-Za-z0-9\s]$/.test(one)) || new Set(all).size < all.length)
    throw new Refusal('invalid_request', 'MSH-2: does not name the delimiters')
  return { field, component, repetition, escaping, subcomponent }
}

/** MSH-1 is the delimiter itself, so that what is written second is MSH-2. */
function segmentOf(line: string, delimiter: string): Hl7Segment {
  const fields = line.split(delimiter)
  const name = fields[0] as string
  if (!/^[A-Z][A-Z0-9]{2}$/.test(name)) throw new Refusal('invalid_request', 'has a line that is no segment')
  return { name, fields: name === 'MSH' ? [name, delimiter, ...fields.slice(1)] : fields }
}

/** Where something stands: PID-3.4 is `{ field: 3, component: 4 }`. Components and repetitions count from 1 as in the standard. */
export type At = {
  readonly field: number
  readonly component?: number
  readonly subcomponent?: number
  readonly repetition?: number
}

/** What stands there, without escapes and spaces around it; empty where nothing does. */
export function valueAt(
  { delimiters }: Pick<Hl7Message, 'delimiters'>,
  segment: Hl7Segment | undefined,
  { field, component = 1, subcomponent = 1, repetition = 1 }: At,
): string {
  const whole = segment?.fields[field] ?? ''
  // The delimiters themselves are not to be taken apart.
  if (segment?.name === 'MSH' && field <= 2) return whole
  const repeated = whole.split(delimiters.repetition)[repetition - 1] ?? ''
  const part = repeated.split(delimiters.component)[component - 1] ?? ''
  const text = unescapeHl7(part.split(delimiters.subcomponent)[subcomponent - 1] ?? '', delimiters).trim()
  // Explicit null (HL7 2.5.1 ch. 2.5.3) says that nothing is there.
  return text === '""' ? '' : text
}

export function repetitionsAt(
  { delimiters }: Pick<Hl7Message, 'delimiters'>,
  segment: Hl7Segment | undefined,
  field: number,
): number {
  return (segment?.fields[field] ?? '').split(delimiters.repetition).length
}

export function segmentsOf({ segments }: Pick<Hl7Message, 'segments'>, name: string): readonly Hl7Segment[] {
  return segments.filter((segment) => segment.name === name)
}

/**
 * The segments that begin with one of a name, each with what follows it; what stands before the first of them is the
 * message's.
 *
 * @param isTheirs belongs below one, and is not to be overlooked
 * @throws Refusal `invalid_request` where there is none, or one that belongs below stands before the first
 */
export function groupsOf(
  message: Hl7Message,
  name: string,
  isTheirs: (segment: Hl7Segment) => boolean,
): Hl7Message[] {
  const groups: Hl7Segment[][] = []
  for (const segment of message.segments) {
    if (segment.name === name) groups.push([segment])
    else if (groups.length > 0) groups.at(-1)?.push(segment)
    else if (isTheirs(segment))
      throw new Refusal('invalid_request', `${segment.name}: stands before any ${name}`)
  }
  if (groups.length === 0) throw new Refusal('invalid_request', `${name}: is missing`)
  return groups.map((segments) => ({ ...message, segments }))
}

/** What is read of one must not leave a second unread. @throws Refusal `invalid_request` */
export function mustStandOnce(group: Hl7Message, names: readonly string[]): void {
  const [first] = group.segments
  const twice = names.find((name) => segmentsOf(group, name).length > 1)
  if (twice)
    throw new Refusal(
      'invalid_request',
      `${twice}: stands twice below one ${first?.name}, and only one is read`,
    )
}

/** Text without escapes (HL7 2.5.1 ch. 2.7). What is formatting is a space; what cannot be read is left as it is. */
export function unescapeHl7(
  text: string,
  { field, component, repetition, escaping, subcomponent }: Delimiters,
): string {
  const said = new Map(
    Object.entries({ F: field, S: component, R: repetition, E: escaping, T: subcomponent }),
  )
  const parts = text.split(escaping)
  // Escapes come in pairs of the escaping character: what stands between two of them is one.
  if (parts.length < 3) return text
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return part
      if (index === parts.length - 1) return escaping + part
      return said.get(part) ?? (/^(\.|H$|N$)/.test(part) ? ' ' : escaping + part + escaping)
    })
    .join('')
}

/** The beginning of a text, without half a character at its end: of that no database keeps anything. */
export function beginningOf(text: string, most: number): string {
  return text.slice(0, most).replace(/\p{Surrogate}/gu, '')
}

/** Text as a field of a message of ours: one line, nothing in it that would be taken for a delimiter. */
export function escapeHl7(text: string): string {
  const said: Record<string, string> = { '|': 'F', '^': 'S', '~': 'R', '\\': 'E', '&': 'T' }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').replace(/[|^~\\&]/g, (char) => `\\${said[char]}\\`)
}
