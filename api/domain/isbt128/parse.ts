import { Refusal } from '../refusal.ts'
import type { Part, Scan } from './part.ts'
import { quoted, readStructure, structureAt } from './structures.ts'

/**
 * Read what a scanner gives of ISBT 128, in any of its modes: one linear code, several concatenated with nothing in
 * between, a Data Matrix symbol, which has the same text or is a compound message (`=+`). The text is walked by the
 * lengths its data identifiers fix. The scanner's own marks are taken off: a symbology identifier (`]C0`) in front, and
 * spaces and line ends.
 *
 * What is not of a fixed length has its place: a patient's number (`&#`) ends the text, a local structure (`&a` to `&z`) is
 * all of it. A date of birth (`=#`) is of a fixed length here. A compound message is the whole text and as many structures
 * as it says, none of them local or compound itself. Its table number is kept and not looked up: those tables are ICCBBA's.
 *
 * @throws Refusal `invalid_din`, `invalid_barcode`
 */
export function parseScan(given: string): Scan {
  const text = given.trim().replace(/^\][A-Za-z][0-9]/, '')
  if (text === '') throw new Refusal('invalid_barcode', 'nothing was read: scan it again')
  if (text.startsWith('=+')) return parseCompound(text)
  const local = parseLocal(text)
  return { compound: null, parts: local ? [local] : walk(text, 0) }
}

/** Is this what a scanner reads of ISBT 128, not what somebody types? */
export function isScanned(text: string): boolean {
  return /^[=&]/.test(text.trim().replace(/^\][A-Za-z][0-9]/, ''))
}

function parseCompound(text: string): Scan {
  const [, count, table] = /^=\+([0-9]{2})([0-9]{3})/.exec(text) ?? []
  if (count === undefined || table === undefined)
    throw new Refusal(
      'invalid_barcode',
      `compound message (023) ${quoted(text.slice(0, 7))}: 5 digits belong behind =+`,
    )
  const parts = walk(text, 7)
  if (parts.length === 0)
    throw new Refusal('invalid_barcode', `compound message (023) ${quoted(text)}: nothing follows it`)
  if (parts.length !== Number(count))
    throw new Refusal(
      'invalid_barcode',
      `compound message (023) ${quoted(text.slice(0, 7))}: it says ${Number(count)} structures, and ${parts.length} follow`,
    )
  return { compound: table, parts }
}

function walk(text: string, begin: number): Part[] {
  const parts: Part[] = []
  let from = begin
  while (from < text.length) {
    const structure = structureAt(text, from)
    if (!structure) throw unknownAt(text, from)
    const start = from + structure.identifier.length
    const end = structure.length === null ? text.length : start + structure.length
    parts.push(readStructure(structure, text.slice(start, end)))
    from = end
  }
  return parts
}

/** Of what length it is only its maker knows: so it is one only where it is all there is. */
function parseLocal(text: string): Part | null {
  const [, letter, content] = /^&([a-z])([ -~]{1,80})$/.exec(text) ?? []
  return letter !== undefined && content !== undefined ? { kind: 'local', letter, content } : null
}

/** Only what a structure begins with is repeated: what follows may be somebody's name for a patient. */
function unknownAt(text: string, from: number): Refusal {
  const begins = quoted(text.slice(from, from + 2))
  if (/^&[a-z]/.test(text.slice(from)))
    return new Refusal(
      'invalid_barcode',
      `local structure ${begins}: it is read alone only, and 1 to 80 characters follow`,
    )
  if (text.startsWith('=+', from))
    return new Refusal(
      'invalid_barcode',
      `compound message (023) ${begins}: it begins a text, and is in no other`,
    )
  if (/^=[O0]/.test(text.slice(from)))
    return new Refusal(
      'invalid_din',
      `donation identification number (001) ${begins}: none begins with O or 0`,
    )
  return new Refusal('invalid_barcode', `${begins} is no data identifier that is known`)
}
