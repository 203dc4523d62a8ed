import { Refusal } from '../refusal.ts'
import { parseScan } from './parse.ts'
import type { Part, Product } from './part.ts'
import { quoted } from './structures.ts'

/** Whom a donation was given for, as the collection type says (ST-001 v6.2.2, table of collection types). */
export type CollectionUse =
  | 'anybody'
  | 'paid'
  | 'autologous'
  | 'directed'
  | 'research'
  | 'emergency'
  | 'unknown'

/** Case matters: `R` and `r`, `D` and `d` are a volunteer's and a paid donor's. */
const uses: Readonly<Record<string, CollectionUse>> = {
  ...{ '0': 'anybody', V: 'anybody', '7': 'anybody', P: 'paid' },
  ...{ '1': 'autologous', X: 'autologous', A: 'autologous' },
  ...{ '2': 'directed', '3': 'directed', D: 'directed', d: 'directed' },
  ...{ R: 'research', r: 'research', G: 'emergency' },
}

export function useOfCollection(type: string): CollectionUse {
  return uses[type] ?? 'unknown'
}

/** Collection types of what may be given to anybody: not specified, volunteer, and 7. */
export const sharedPool: ReadonlySet<string> = new Set(
  Object.keys(uses).filter((type) => uses[type] === 'anybody'),
)

/** Undivided, a part, or a part of a part; blood has no others. */
const bloodDivision = /^(?:00|99|[A-Z]0|[A-Z][a-z])$/

/**
 * The product on a bag of blood.
 *
 * @param division what data structure 032 says, where it was read, too; needed where the product's own says `99`
 * @returns null of what is no component of blood
 * @throws Refusal `invalid_barcode`
 */
export function bloodProductOf(product: Product, division: string | null): Product | null {
  const { productCode, collectionType } = product
  if (!/^[A-F]/.test(productCode)) return null
  const shown = quoted(`=<${productCode}${collectionType}${product.division}`)
  // Codes of a nation or a facility (A to D) may divide in ways of their own.
  if (/^[EF]/.test(productCode) && !bloodDivision.test(product.division))
    throw new Refusal(
      'invalid_barcode',
      `product code (003) ${shown}: blood is not divided so (00, A0, Aa, 99)`,
    )
  if (product.division !== '99') {
    if (division !== null)
      throw new Refusal(
        'invalid_barcode',
        `product divisions (032) ${quoted(`=,${division}`)}: the product ${shown} does not ask for it by 99`,
      )
    return { productCode, collectionType, division: product.division }
  }
  if (division === null)
    throw new Refusal(
      'invalid_barcode',
      `product code (003) ${shown}: its division stands in another barcode of the label (=,): scan that with it`,
    )
  return { productCode, collectionType, division }
}

/**
 * Read a product code as printed or scanned (`E0336V00`, `=<E0336V00`): description code, collection type, division. One
 * whose division stands in data structure 032 is told, and typed, with those six characters. Case is kept.
 *
 * @throws Refusal `invalid_request` of what is typed, `invalid_barcode` of what is scanned
 */
export function parseProductCode(text: string): Product {
  const typed = text.trim()
  if (!/^[=&\]]/.test(typed)) return parseTypedProductCode(typed)
  const { parts } = parseScan(typed)
  const product = productIn(parts)
  if (!product) throw notBlood(typed)
  return product
}

/** The product of blood that parts of a label name; null where none does. @throws Refusal `invalid_barcode` */
export function productIn(parts: readonly Part[]): Product | null {
  const product = parts.find((part) => part.kind === 'product')
  if (!product) return null
  const divisions = parts.find((part) => part.kind === 'divisions')
  const read = bloodProductOf(product, divisions?.division ?? null)
  if (!read)
    throw new Refusal(
      'invalid_barcode',
      `product code (003) ${quoted(product.productCode)}: that is no component of blood (A to F)`,
    )
  return read
}

/** As people write it: what `parseProductCode` reads. */
export function formatProductCode({ productCode, collectionType, division }: Product): string {
  return `${productCode}${collectionType}${division}`
}

function parseTypedProductCode(typed: string): Product {
  const [, productCode = '', collectionType = '', short, long] =
    /^((?:[A-D][A-Z0-9]{4})|(?:[EF][0-9]{4}))([A-Za-z0-9])(?:([A-Z0-9][a-z0-9])|([A-Za-z0-9]{6}))$/.exec(
      typed,
    ) ?? []
  if (long !== undefined) return { productCode, collectionType, division: long }
  const isDivision = short !== undefined && (/^[A-D]/.test(productCode) || bloodDivision.test(short))
  if (!isDivision || short === '99') throw notBlood(typed)
  return { productCode, collectionType, division: short }
}

function notBlood(text: string): Refusal {
  return new Refusal(
    'invalid_request',
    `${quoted(text)} is not a product code: five characters, collection type, division (E0336V00)`,
  )
}
