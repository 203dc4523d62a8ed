import { Refusal, type RefusalCode } from '../refusal.ts'
import { type LabelDate, readLabelDate } from './date.ts'
import { dinCheckFlag, facilityNumber, isDin, meaningOfFlag } from './din.ts'
import type { OpaqueKind, OwnedKind, Part } from './part.ts'

/** A data structure of ISBT 128: what it begins with, how long it is, and of what characters. */
export type Structure = {
  /** Its name and number, as people know it. */
  readonly name: string
  /** The data identifier; of 001 `=` alone, for its second character is the first of the number, too. */
  readonly identifier: string
  /** Characters after the identifier; null where only the end of the text ends it. */
  readonly length: number | null
  readonly characters: RegExp
  /** Who is meant must not be repeated to anybody. */
  readonly isPersonal?: true
  /** @returns what is wrong with it, where its characters are right and it is so all the same */
  readonly read: (content: string) => Part | string
}

const alphanumeric = (length: number) => new RegExp(`^[A-Za-z0-9]{${length}}$`)
const digits = (length: number) => new RegExp(`^[0-9]{${length}}$`)

function opaque(kind: OpaqueKind) {
  return (content: string): Part => ({ kind, content })
}

function owned(kind: OwnedKind) {
  return (content: string): Part => ({ kind, facility: content.slice(0, 5), id: content.slice(5) })
}

const ofFacility = (length: number) => new RegExp(`^${facilityNumber}[A-Za-z0-9]{${length - 5}}$`)

function dated(kind: 'expires' | 'collected' | 'produced') {
  return (content: string): Part | string => {
    const on: LabelDate | string = readLabelDate(content)
    return typeof on === 'string' ? on : { kind, on }
  }
}

/** `ZUTTYYYYMMDDhhmm`. */
function readFlexibleDate(content: string): Part | string {
  const [of, at] = [content.slice(0, 4), content.slice(4)]
  const [, date = '', time = ''] = /^(\d{8})(\d{4})$/.exec(at) ?? []
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)/, '$1:$2')}:00.000Z`
  const instant = Date.parse(iso)
  // What the engine mends, such as the 31st of June or 24:00, is no date either.
  const isDate = Number.isFinite(instant) && new Date(instant).toISOString() === iso
  return isDate ? { kind: 'flexible_date', of, at } : 'there is no such date and time'
}

function readDin(content: string): Part | string {
  const [din, flag] = [content.slice(0, 13), content.slice(13)]
  if (!isDin(din)) return 'facility, year and sequence are 5, 2 and 6 characters, the last 10 of them digits'
  const meaning = meaningOfFlag(flag)
  if (!meaning) return `the flag ${flag} is reserved: scan the label again`
  if (meaning.use === 'check' && flag !== dinCheckFlag(din))
    return `the flag ${flag} does not belong to ${din}: scan the label again`
  return { kind: 'din', din, flag }
}

/**
 * All that are known (ST-001 v6.2.2), but for compound messages and local structures. Where the standard is not at hand
 * the characters of what is kept as it stands are any letters and digits: length and identifier still tell it apart.
 */
const structures: readonly Structure[] = [
  {
    name: 'donation identification number (001)',
    identifier: '=',
    length: 15,
    characters: /^[A-NP-Z1-9][A-Z0-9]{14}$/,
    read: readDin,
  },
  {
    name: 'blood group (002)',
    identifier: '=%',
    length: 4,
    // `e` is 0: what anything else would mean nobody has said.
    characters: /^[A-Z0-9][A-Za-z0-9][A-Z0-9]0$/,
    read: (content) => ({ kind: 'blood_group', group: content.slice(0, 2), phenotype: content.charAt(2) }),
  },
  {
    name: 'product code (003)',
    identifier: '=<',
    length: 8,
    characters: /^(?:[A-D][A-Z0-9]{4}|[E-Z][0-9]{4})[A-Za-z0-9][A-Z0-9][a-z0-9]$/,
    read: (content) => ({
      kind: 'product',
      productCode: content.slice(0, 5),
      collectionType: content.charAt(5),
      division: content.slice(6),
    }),
  },
  {
    name: 'expiry date (004)',
    identifier: '=>',
    length: 6,
    characters: digits(6),
    read: dated('expires'),
  },
  {
    name: 'expiry date and time (005)',
    identifier: '&>',
    length: 10,
    characters: digits(10),
    read: dated('expires'),
  },
  {
    name: 'collection date (006)',
    identifier: '=*',
    length: 6,
    characters: digits(6),
    read: dated('collected'),
  },
  {
    name: 'collection date and time (007)',
    identifier: '&*',
    length: 10,
    characters: digits(10),
    read: dated('collected'),
  },
  {
    name: 'production date (008)',
    identifier: '=}',
    length: 6,
    characters: digits(6),
    read: dated('produced'),
  },
  {
    name: 'production date and time (009)',
    identifier: '&}',
    length: 10,
    characters: digits(10),
    read: dated('produced'),
  },
  {
    name: 'flexible date and time (031)',
    identifier: '=(',
    length: 16,
    characters: /^[A-Za-z0-9]{4}[0-9]{12}$/,
    read: readFlexibleDate,
  },
  {
    name: 'special testing (010)',
    identifier: '&(',
    length: 5,
    characters: alphanumeric(5),
    read: opaque('special_testing'),
  },
  {
    name: 'red cell antigens (012)',
    identifier: '=\\',
    length: 18,
    characters: digits(18),
    read: (positions) => ({ kind: 'red_cell_antigens', positions }),
  },
  {
    name: 'platelet HLA and platelet-specific antigens (014)',
    identifier: '&{',
    length: 18,
    characters: alphanumeric(18),
    read: (positions) => ({ kind: 'platelet_antigens', positions }),
  },
  {
    name: 'product divisions (032)',
    identifier: '=,',
    length: 6,
    characters: alphanumeric(6),
    read: (division) => ({ kind: 'divisions', division }),
  },
  {
    name: 'product consignment (028)',
    identifier: '=$',
    length: 16,
    characters: alphanumeric(16),
    read: opaque('consignment'),
  },
  {
    name: 'donor identification number (019)',
    identifier: '=;',
    length: 21,
    characters: ofFacility(21),
    isPersonal: true,
    read: owned('donor'),
  },
  {
    name: 'staff member identification number (020)',
    identifier: "='",
    length: 11,
    characters: ofFacility(11),
    isPersonal: true,
    read: owned('staff'),
  },
  {
    name: 'container manufacturer and catalogue number',
    identifier: '=)',
    length: 10,
    characters: alphanumeric(10),
    read: opaque('container'),
  },
  {
    name: 'container lot number',
    identifier: '&)',
    length: 10,
    characters: alphanumeric(10),
    read: opaque('container_lot'),
  },
  {
    name: 'lot number',
    identifier: '&,1',
    length: 18,
    characters: alphanumeric(18),
    read: opaque('lot_number'),
  },
  {
    name: 'supplementary identification number',
    identifier: '&,2',
    length: 18,
    characters: alphanumeric(18),
    read: opaque('supplementary_id'),
  },
  {
    name: 'single European code',
    identifier: '&,4',
    length: 40,
    characters: alphanumeric(40),
    read: opaque('single_european_code'),
  },
  {
    name: 'patient date of birth',
    identifier: '=#',
    length: 10,
    characters: digits(10),
    isPersonal: true,
    read: opaque('patient_birth'),
  },
  {
    // Neither sign that another structure begins with: what follows it in the same text is refused, not swallowed.
    name: 'patient identification number',
    identifier: '&#',
    length: null,
    characters: /^[ -%'-<>-~]{1,60}$/,
    isPersonal: true,
    read: opaque('patient'),
  },
]

const byIdentifier = new Map(structures.map((structure) => [structure.identifier, structure]))

/** The structure that begins at `from`, told by its data identifier. */
export function structureAt(text: string, from: number): Structure | undefined {
  if (text[from] === '=' && /^[A-NP-Z1-9]$/.test(text.charAt(from + 1))) return byIdentifier.get('=')
  const two = text.slice(from, from + 2)
  if (two.length < 2) return undefined
  return byIdentifier.get(two) ?? byIdentifier.get(text.slice(from, from + 3))
}

/** @throws Refusal `invalid_din`, `invalid_barcode` naming the structure, what stood there, and why it is none */
export function readStructure(structure: Structure, content: string): Part {
  const { length, characters, identifier } = structure
  if (length !== null && content.length < length)
    throw refusedContent(structure, content, `${length} characters belong behind ${identifier}`)
  const part = characters.test(content)
    ? structure.read(content)
    : 'its characters are not those it is made of'
  if (typeof part === 'string') throw refusedContent(structure, content, part)
  return part
}

function refusedContent({ name, identifier, isPersonal }: Structure, content: string, why: string): Refusal {
  const code: RefusalCode = identifier === '=' ? 'invalid_din' : 'invalid_barcode'
  return new Refusal(code, `${name} ${isPersonal ? '…' : quoted(identifier + content)}: ${why}`)
}

/** What was read, so that it can be shown on one line. */
export function quoted(text: string): string {
  return text.length > 60 ? `${JSON.stringify(text.slice(0, 60))}…` : JSON.stringify(text)
}
