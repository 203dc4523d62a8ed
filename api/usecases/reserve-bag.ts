import type { Command } from '../domain/bag.ts'
import { type BagFacts, decide } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { harmsOf } from '../domain/take-out.ts'
import type { Bag } from '../stores/bags.ts'
import { fitsOf } from '../stores/crossmatches.ts'
import type { Transaction } from '../stores/database.ts'
import { patientAt } from './issue-bag.ts'

/**
 * Keep a bag, which must be locked, for a patient: none that is known to harm them. That it is not as they need it, or nobody
 * has looked yet, does not keep it from being kept.
 *
 * @throws Refusal `not_found` for the patient, what `decide` refuses, `incompatible`
 */
export async function commandToReserve(
  tx: Transaction,
  bag: Bag,
  facts: BagFacts,
  {
    patient: pseudonym,
    until,
    order = null,
  }: { readonly patient: string; readonly until: number; readonly order?: string | null },
  now: number,
): Promise<Command> {
  const patient = await patientAt(tx, bag.holderId, pseudonym)
  const command: Command = { verb: 'reserve', patient, until, order }
  // What the bag's own rules refuse is said first.
  decide(facts, command, now)
  const key = { facilityId: bag.holderId as number, pseudonym }
  const fit = (await fitsOf(tx, key, [bag.id], now))(bag.id)
  const harms = harmsOf(facts, patient, fit, now)
  if (harms.length > 0)
    throw new Refusal('incompatible', `bag ${facts.label} is not kept for the patient: ${harms.join(', ')}`)
  return command
}
