import { Refusal } from '../refusal.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*'

/** A facility identification number: never beginning with O or 0 (ISBT 128 ST-001, data structure 001). */
export const facilityNumber = '[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}'

/** Facility, nominal year, sequence. The year may be off by a month: no date is compared with it. */
const dinPattern = new RegExp(`^${facilityNumber}[0-9]{2}[0-9]{6}$`)

export function isDin(text: string): boolean {
  return dinPattern.test(text)
}

/** The check value 0 to 36 of a DIN, by ISO/IEC 7064 mod 37-2 over its 13 characters (ISBT 128 ST-001 appendix A). */
export function dinCheckValue(din: string): number {
  let sum = 0
  for (const character of din) sum = ((sum + alphabet.indexOf(character)) * 2) % 37
  return (38 - sum) % 37
}

/** The check character printed boxed behind a DIN, for people who type it. */
export function dinCheckCharacter(din: string): string {
  return alphabet.charAt(dinCheckValue(din))
}

/** The flag that carries the check value of a DIN ("type 3"). */
export function dinCheckFlag(din: string): string {
  return String(60 + dinCheckValue(din))
}

/** What the two characters behind a scanned DIN say of what they stand on. They are no part of the DIN. */
export type FlagMeaning =
  | { readonly use: 'none' }
  /** Which container of a set: 01 to 04 are the first four, 15 to 19 those that follow. */
  | { readonly use: 'container'; readonly container: number }
  /** Another kind of label of the donation, as a second print of it. */
  | { readonly use: 'label' }
  /** A tube or a form, no bag. */
  | { readonly use: 'tube' }
  /** The facility's own. */
  | { readonly use: 'local' }
  /** It carries the check value. */
  | { readonly use: 'check' }

/** @returns null of what is reserved: 14, 97 to 99 and whatever is not two digits */
export function meaningOfFlag(flag: string): FlagMeaning | null {
  if (!/^[0-9]{2}$/.test(flag)) return null
  const value = Number(flag)
  if (value === 0) return { use: 'none' }
  if (value <= 4) return { use: 'container', container: value }
  if (value >= 6 && value <= 9) return { use: 'tube' }
  if (value <= 13) return { use: 'label' }
  if (value === 14) return null
  if (value <= 19) return { use: 'container', container: value - 10 }
  if (value <= 59) return { use: 'local' }
  return value <= 96 ? { use: 'check' } : null
}

/**
 * Read a DIN as a person types it from a label, with its check character: `A9999 26 000123 P`, spaces allowed. Without
 * one it is refused: one wrong key would name another donation.
 *
 * @throws Refusal `invalid_din`
 */
export function parseTypedDin(text: string): string {
  const compact = text.replace(/\s+/g, '')
  const din = compact.slice(0, 13)
  if (!isDin(din) || compact.length > 14) {
    throw new Refusal(
      'invalid_din',
      `${JSON.stringify(compact.slice(0, 40))} is not a donation identification number: 13 characters and a check character`,
    )
  }
  const check = compact.charAt(13)
  if (check === '') {
    throw new Refusal(
      'invalid_din',
      `the donation identification number ${din} lacks the boxed check character printed behind it`,
    )
  }
  if (check !== dinCheckCharacter(din)) {
    throw new Refusal(
      'invalid_din',
      `the check character ${check} does not belong to ${din}: compare it with the label`,
    )
  }
  return din
}
