import type { CharacterClass, CodePart } from '../../schema/vocabulary.ts'
import type { Product } from './isbt128/part.ts'
import { Refusal } from './refusal.ts'

/** A stretch of a code: so many characters of a kind, or these very characters. */
export type CodeField =
  | { readonly part: CodePart; readonly characters: CharacterClass; readonly length: number }
  | { readonly literal: string }

/** One barcode of a bag, read from its beginning to its end. */
export type CodeShape = {
  /** Codabar: a start and a stop character (A to D) may stand around it, and are taken off. */
  readonly codabar: boolean
  readonly fields: readonly CodeField[]
}

/**
 * How a station's own barcodes are read, where they are not ISBT 128: which stretch names the donation and which the
 * product. Fixed lengths and kinds of characters only, so that what is read is plain to see, and to check.
 */
export type BarcodeProfile = {
  /** The code of the station. */
  readonly facility: string
  readonly region: string
  readonly profile: string
  readonly codes: readonly CodeShape[]
}

/** A bag by a station's own numbers. */
export type LocalUnit = {
  readonly scheme: 'cn_local'
  /** Region, station, profile and donation code: no other station's number is the same. It is no DIN, and has no check. */
  readonly identifier: string
  /** Null where only the donation was read. */
  readonly product: Product | null
}

const classes: Readonly<Record<CharacterClass, string>> = {
  digits: '0-9',
  letters: 'A-Z',
  upper: 'A-Z0-9',
  alphanumeric: 'A-Za-z0-9',
}

/** @throws Refusal `invalid_request` of a profile by which nothing could be told apart */
export function checkProfile(codes: readonly CodeShape[]): void {
  const parts = codes.flatMap(({ fields }) =>
    fields.flatMap((field) => ('part' in field ? [field.part] : [])),
  )
  for (const part of ['donation', 'product'] as const)
    if (!parts.includes(part))
      throw new Refusal('invalid_request', `codes: none says which part is the ${part} code`)
  for (const part of ['donation', 'product'] as const)
    if (
      codes.filter(({ fields }) => fields.some((field) => 'part' in field && field.part === part)).length > 1
    )
      throw new Refusal('invalid_request', `codes: the ${part} code stands in more than one of them`)
  for (const [index, code] of codes.entries())
    if (codes.some((other, at) => at > index && mayBeTheSame(code, other)))
      throw new Refusal('invalid_request', 'codes: what fits one of them may fit another one as well')
}

/** Might one text fit both? By position: what is of one length and has a character in common everywhere. */
function mayBeTheSame(a: CodeShape, b: CodeShape): boolean {
  const [first, second] = [positionsOf(a), positionsOf(b)]
  return (
    first.length === second.length &&
    first.every((kind, at) => alphabet.some((one) => kind.test(one) && second[at]?.test(one)))
  )
}

const alphabet = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))

function positionsOf({ fields }: CodeShape): RegExp[] {
  return fields.flatMap((field) =>
    'literal' in field
      ? [...field.literal].map((character) => new RegExp(`^${quotedForPattern(character)}$`))
      : Array.from({ length: field.length }, () => new RegExp(`^[${classes[field.characters]}]$`)),
  )
}

/**
 * Read what was scanned or typed from a bag by a profile.
 *
 * @param texts each a barcode of the bag, in any order
 * @returns null where it does not fit, or names no donation
 */
export function readByProfile(profile: BarcodeProfile, texts: readonly string[]): LocalUnit | null {
  const told: Record<CodePart, string> = { donation: '', product: '', other: '' }
  const left = new Set(profile.codes)
  for (const text of texts) {
    const plain = text.trim().replace(/^\][A-Za-z][0-9]/, '')
    const fit = [...left]
      .map((code) => [code, match(code, plain)] as const)
      .find(([, parts]) => parts !== null)
    if (!fit) return null
    const [code, parts = []] = fit
    left.delete(code)
    for (const { part, said } of parts ?? []) told[part] += said
  }
  if (told.donation === '') return null
  const { region, facility, profile: name } = profile
  return {
    scheme: 'cn_local',
    identifier: [region, facility, name, told.donation].join('/'),
    // What a station's products are for it says in ways of its own; its bags are whole.
    product: told.product === '' ? null : { productCode: told.product, collectionType: '0', division: '00' },
  }
}

/**
 * Read a bag by the key it is kept under, as exports name it: region, station, profile and donation code, and beside it the
 * product code.
 *
 * @returns null where it is no such key, or does not fit the profile
 */
export function readKey(
  profiles: readonly BarcodeProfile[],
  { din, productCode = '' }: { readonly din: string; readonly productCode?: string | undefined },
): (LocalUnit & { readonly product: Product }) | null {
  for (const { region, facility, profile, codes } of profiles) {
    const station = [region, facility, profile, ''].join('/')
    if (!din.startsWith(station)) continue
    const fields = codes.flatMap((code) => code.fields)
    const fits = (part: CodePart, text: string) => {
      const kinds = fields.flatMap((field) =>
        'part' in field && field.part === part ? [`[${classes[field.characters]}]{${field.length}}`] : [],
      )
      return new RegExp(`^${kinds.join('')}$`).test(text)
    }
    if (!fits('donation', din.slice(station.length)) || !fits('product', productCode)) return null
    const product = { productCode, collectionType: '0', division: '00' }
    return { scheme: 'cn_local', identifier: din, product }
  }
  return null
}

function match(
  { codabar, fields }: CodeShape,
  text: string,
): readonly { readonly part: CodePart; readonly said: string }[] | null {
  const body = fields
    .map((field) =>
      'literal' in field
        ? quotedForPattern(field.literal)
        : `([${classes[field.characters]}]{${field.length}})`,
    )
    .join('')
  const found =
    new RegExp(`^${body}$`).exec(text) ??
    (codabar ? new RegExp(`^[A-Da-d]${body}[A-Da-d]$`).exec(text) : null)
  if (!found) return null
  const parts = fields.flatMap((field) => ('part' in field ? [field.part] : []))
  return parts.map((part, index) => ({ part, said: found[index + 1] ?? '' }))
}

function quotedForPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
