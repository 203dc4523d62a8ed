import { Refusal } from '../refusal.ts'
import { isLive, type LabelDate } from './date.ts'
import { meaningOfFlag, parseTypedDin } from './din.ts'
import { formatPart } from './format.ts'
import { isScanned, parseScan } from './parse.ts'
import type { Part, PartOf, Product } from './part.ts'
import { parseProductCode, productIn } from './product.ts'
import { quoted } from './structures.ts'

/** What is known of a bag by its label; null is what was not read, or does not stand there. */
export type BagLabel = {
  /** 13 characters. */
  readonly din: string | null
  readonly product: Product | null
  /** The code of the group, or of what stands in its place. */
  readonly group: string | null
  readonly expires: LabelDate | null
}

/** What a terminal was given: each typed from the label, or scanned from it in any mode of the scanner. */
export type Given = { readonly din?: string | undefined; readonly productCode?: string | undefined }

/**
 * Read a bag's label. What was scanned may bring more than it was asked for, in whatever field it arrived: a scanner that
 * concatenates gives number and group as one, one that reads Data Matrix gives all.
 *
 * @throws Refusal `invalid_din`, `invalid_request`, `invalid_barcode`: unreadable, of a tube, or of two bags
 */
export function readLabel({ din, productCode }: Given): BagLabel {
  const parts: Part[] = []
  let typedDin: string | null = null
  let typedProduct: Product | null = null
  if (din !== undefined) {
    if (isScanned(din)) parts.push(...parseScan(din).parts)
    else typedDin = parseTypedDin(din)
  }
  if (productCode !== undefined) {
    if (isScanned(productCode)) parts.push(...parseScan(productCode).parts)
    else typedProduct = parseProductCode(productCode)
  }
  const scanned = labelOf(parts)
  return {
    ...scanned,
    din: oneOf('donation identification number', scanned.din, typedDin),
    product: oneOf('product code', scanned.product, typedProduct),
  }
}

/** Does anything of it begin as barcodes of ISBT 128 do? */
export function isScannedLabel({ din, productCode }: Given): boolean {
  return [din, productCode].some((text) => text !== undefined && isScanned(text))
}

/** The label that names a bag: its donation and its product. @throws Refusal as `readLabel`, and where one of them is missing */
export function readBagLabel(given: Given): BagLabel & { readonly din: string; readonly product: Product } {
  const { din, product, ...rest } = readLabel(given)
  if (din === null)
    throw new Refusal('invalid_din', 'no donation identification number was read: scan that of the bag, too')
  if (product === null)
    throw new Refusal(
      'invalid_request',
      'productCode: a number alone names several bags: scan the product code, too',
    )
  return { din, product, ...rest }
}

/**
 * Read a DIN as a person types it, with its check character, or as a scanner gives it in any of its modes.
 *
 * @throws Refusal `invalid_din`, `invalid_barcode`
 */
export function parseDin(text: string): string {
  const { din } = readLabel({ din: text })
  if (din === null)
    throw new Refusal('invalid_din', `${quoted(text)} holds no donation identification number (001)`)
  return din
}

function labelOf(parts: readonly Part[]): BagLabel {
  const din = only(parts, 'din')
  if (din && meaningOfFlag(din.flag)?.use === 'tube')
    throw new Refusal(
      'invalid_din',
      `flag ${din.flag} marks a tube or a form of donation ${din.din}, not a bag: scan the bag`,
    )
  only(parts, 'product')
  only(parts, 'divisions')
  for (const part of parts)
    if (isDated(part) && !isLive(part.on))
      throw new Refusal(
        'invalid_barcode',
        `date ${quoted(formatPart(part))}: of the last century, which nothing in use is`,
      )
  return {
    din: din?.din ?? null,
    product: productIn(parts),
    group: only(parts, 'blood_group')?.group ?? null,
    expires: only(parts, 'expires')?.on ?? null,
  }
}

/** A label says each thing once; said again it is the same, or it is another bag's. */
function only<K extends 'din' | 'product' | 'divisions' | 'blood_group' | 'expires'>(
  parts: readonly Part[],
  kind: K,
): PartOf<K> | undefined {
  const [first, ...others] = parts.filter((part): part is PartOf<K> => part.kind === kind)
  const another = first && others.find((part) => said(part) !== said(first))
  if (first && another)
    throw new Refusal(
      'invalid_barcode',
      `${quoted(formatPart(first))} and ${quoted(formatPart(another))} are not of one bag: scan one after the other`,
    )
  return first
}

function isDated(part: Part): part is PartOf<'expires' | 'collected' | 'produced'> {
  return part.kind === 'expires' || part.kind === 'collected' || part.kind === 'produced'
}

/** Another flag is no other donation. */
function said(part: Part): string {
  return part.kind === 'din' ? part.din : formatPart(part)
}

function oneOf<T>(what: string, scanned: T | null, typed: T | null): T | null {
  if (scanned !== null && typed !== null && JSON.stringify(scanned) !== JSON.stringify(typed))
    throw new Refusal('invalid_barcode', `${what}: typed is another than scanned`)
  return scanned ?? typed
}
