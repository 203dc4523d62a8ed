import { type Given, isScannedLabel } from '../domain/isbt128/label.ts'
import { donationOf, type ReadDonation, type ReadUnit, unitOf } from '../domain/read-unit.ts'
import { profilesInForce } from '../stores/barcode-profiles.ts'
import type { Database, Transaction } from '../stores/database.ts'

/** Read which bag is meant. @throws Refusal as `readDonation`, and where nothing says which product */
export async function readUnit(db: Database | Transaction, given: Given, now: number): Promise<ReadUnit> {
  return unitOf(await readDonation(db, given, now))
}

/**
 * Read which donation is meant, by ISBT 128 or by the profile of a station.
 *
 * @throws Refusal `invalid_din`, `invalid_request`, `invalid_barcode`
 */
export async function readDonation(
  db: Database | Transaction,
  given: Given,
  now: number,
): Promise<ReadDonation> {
  return donationOf(given, isScannedLabel(given) ? [] : await profilesInForce(db, now))
}
