import { type BarcodeProfile, type LocalUnit, readByProfile } from './barcode-profile.ts'
import { type BagLabel, type Given, isScannedLabel, readLabel } from './isbt128/label.ts'
import type { Product } from './isbt128/part.ts'
import { Refusal } from './refusal.ts'

/** Which donation was read, which of its products where that was, too, and what else the label says. */
export type ReadDonation = {
  readonly scheme: 'ISBT128' | LocalUnit['scheme']
  readonly identifier: string
  readonly product: Product | null
  readonly label: Pick<BagLabel, 'group' | 'expires'>
}

/** A bag by what was read of it. */
export type ReadUnit = ReadDonation & { readonly product: Product }

/** @throws Refusal where nothing says which product */
export function unitOf({ product, ...read }: ReadDonation): ReadUnit {
  if (product === null)
    throw new Refusal(
      'invalid_request',
      'productCode: a number alone names several bags: scan the product code, too',
    )
  return { ...read, product }
}

/**
 * Read which donation is meant, by ISBT 128 or by the profile of a station. What could be two is neither: nobody guesses,
 * not even between a number typed with a check character that happens to fit and a station's number.
 *
 * @param profiles of the stations; not asked of what begins as ISBT 128 does
 * @throws Refusal `invalid_din`, `invalid_request`, `invalid_barcode`
 */
export function donationOf(given: Given, profiles: readonly BarcodeProfile[]): ReadDonation {
  // What begins as ISBT 128 does is that, whatever a station calls its own.
  if (isScannedLabel(given)) return byIsbt(given)
  const texts = [given.din, given.productCode].filter((text) => text !== undefined)
  const fits = profiles.flatMap((profile) => {
    const unit = readByProfile(profile, texts)
    return unit ? [{ unit, name: `${profile.facility}/${profile.profile}` }] : []
  })
  const [first] = fits
  if (!first) return byIsbt(given)
  const names = [...fits.map(({ name }) => name), ...(isIsbt(given) ? ['ISBT 128'] : [])]
  if (names.length > 1)
    throw new Refusal(
      'invalid_barcode',
      `that may be read by ${names.join(' and by ')}: nobody can tell which bag it is`,
    )
  return { ...first.unit, label: { group: null, expires: null } }
}

function byIsbt(given: Given): ReadDonation {
  const { din, product, group, expires } = readLabel(given)
  if (din === null)
    throw new Refusal('invalid_din', 'no donation identification number was read: scan that of the bag, too')
  return { scheme: 'ISBT128', identifier: din, product, label: { group, expires } }
}

function isIsbt(given: Given): boolean {
  try {
    readLabel(given)
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}
