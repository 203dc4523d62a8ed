import { Refusal } from './refusal.ts'

/** What stands on a bag's label, as far as it identifies the bag. Case is kept everywhere. */
export type BagIdentity = {
  readonly scheme: 'ISBT128'
  /** The 13 characters of the donation identification number. */
  readonly identifier: string
  /** Product description code, five characters. */
  readonly productCode: string
  /** Collection type, one character. */
  readonly collectionType: string
  /** Division, two characters; `00` is undivided. */
  readonly division: string
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*'

/** ISBT 128 ST-001, data structure 001: facility (never beginning with O or 0), nominal year, sequence. */
const dinPattern = /^[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{2}[0-9]{6}$/

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

/**
 * Read a DIN as a person types it from a label, with its check character: `A9999 26 000123 P`, spaces allowed; or as
 * a scanner gives it, `=` and two flag characters. A type-3 flag (60 to 96) carries the check value and must agree.
 * Typed without a check character it is refused: one wrong key would name another donation.
 *
 * @throws Refusal `invalid_din`
 */
export function parseDin(text: string): string {
  const compact = text.replace(/\s+/g, '')
  return compact.startsWith('=') ? parseScannedDin(compact) : parseTypedDin(compact)
}

function parseTypedDin(compact: string): string {
  const din = compact.slice(0, 13)
  if (!dinPattern.test(din) || compact.length > 14) {
    throw new Refusal(
      'invalid_din',
      `"${compact}" is not a donation identification number: 13 characters and a check character`,
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

function parseScannedDin(compact: string): string {
  const din = compact.slice(1, 14)
  const flag = compact.slice(14)
  if (!dinPattern.test(din) || !/^[0-9]{2}$/.test(flag)) {
    throw new Refusal(
      'invalid_din',
      `"${compact}" is not a scanned donation identification number: =, 13 characters, 2 flag digits`,
    )
  }
  const value = Number(flag)
  if (value >= 97) {
    throw new Refusal('invalid_din', `flag ${flag} of ${din} is reserved: scan the label again`)
  }
  if (value >= 60 && value - 60 !== dinCheckValue(din)) {
    throw new Refusal('invalid_din', `the flag ${flag} does not belong to ${din}: scan the label again`)
  }
  if (value >= 6 && value <= 9) {
    throw new Refusal(
      'invalid_din',
      `flag ${flag} marks a tube or a form of donation ${din}, not a bag: scan the bag`,
    )
  }
  return din
}

/**
 * Read a product code as printed or scanned (`E0336V00`, `=<E0336V00`): description code, collection type, division.
 * ISBT 128 ST-001, data structure 003. Case matters and is kept.
 *
 * @throws Refusal `invalid_request`
 */
export function parseProductCode(text: string): Omit<BagIdentity, 'scheme' | 'identifier'> {
  const match = /^(?:=<)?([A-F][0-9]{4})([A-Za-z0-9])([A-Z0-9][a-z0-9])$/.exec(text.trim())
  if (!match) {
    throw new Refusal(
      'invalid_request',
      `"${text}" is not a product code: five characters, collection type, division (E0336V00)`,
    )
  }
  const [, productCode = '', collectionType = '', division = ''] = match
  return { productCode, collectionType, division }
}
