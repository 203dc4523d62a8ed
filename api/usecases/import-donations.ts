import type { Context } from '../context.ts'
import type { ExportedState } from '../domain/import.ts'
import type { ReadUnit } from '../domain/read-unit.ts'
import { planDonation } from '../domain/registration.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import type { Transaction } from '../stores/database.ts'
import { lockAllIdentifiers } from '../stores/donations.ts'
import { facilityCodes } from '../stores/facilities.ts'
import { askedOf, collectDonations, donationsNumbered, knownOf, numberOf } from '../stores/registrations.ts'
import { aDonation, type CollectInput, readDonated } from './collect-donation.ts'
import { standingOf } from './import-bags.ts'
import {
  asPreviewed,
  type Found,
  type ImportRow,
  judgeRows,
  mustBeGood,
  type RowVerdict,
  readable,
  readRows,
  type Taking,
} from './import-rows.ts'
import { registrars } from './registrar.ts'

export type ImportedDonation = CollectInput & ExportedState

/**
 * Collect the donations of a file, each with its bag by the rules by which one is collected alone; see `importBags`.
 *
 * @throws Refusal `invalid_request` where rows are in error, and nothing is written
 */
export async function importDonations(
  ctx: Context,
  rows: readonly ImportRow<ImportedDonation>[],
  taking: Taking,
): Promise<RowVerdict[]> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const codes = rows.flatMap((row) => ('input' in row ? [row.input.facility] : []))
    const registrarOf = await registrars(ctx, tx, 'bag.collect', codes)
    const read = await readRows(rows, (input) => ({
      unit: unitOf(readDonated(input)),
      by: registrarOf(input.facility),
    }))
    if (taking !== 'preview') await lockAllIdentifiers(tx)
    const units = readable(read)
    const asked = units.map(({ unit, by }) => askedOf(unit, by))
    const standing = await standingDonations(
      ctx,
      tx,
      units.map(({ unit }) => unit.identifier),
    )
    const known = await knownOf(tx, asked, now)
    const { verdicts, made } = await judgeRows(
      read,
      {
        first: 'collected',
        identityOf: numberOf,
        standing,
        plan: ({ input, unit, by }) => planDonation(input, unit, by, known(askedOf(unit, by)), now),
      },
      now,
    )
    mustBeGood(verdicts, taking)
    if (taking === 'preview') return asPreviewed(verdicts, made)
    const donations = made.map(({ plan, input }) => aDonation(plan, input, now))
    await collectDonations(tx, ctx.actor, donations, now)
    return verdicts
  })
}

function unitOf(read: ReturnType<typeof readDonated>): ReadUnit {
  return { scheme: 'ISBT128', ...read, label: { group: null, expires: null } }
}

async function standingDonations(
  ctx: Context,
  tx: Transaction,
  identifiers: readonly string[],
): Promise<Map<string, Found>> {
  const found = await donationsNumbered(tx, identifiers)
  const codes = await facilityCodes(
    tx,
    found.flatMap(({ bag }) => [bag.originId, bag.holderId]),
  )
  // Donors are their centre's alone: nobody else hears of a donation.
  const reach = reachOf(ctx.grants, 'bag.test')
  return new Map(
    found.map((one) => {
      const { donation, bag } = one
      const isSeen = isWithin(reach, [donation.facilityId])
      const standing = isSeen ? standingOf(one, codes, donation.donor) : null
      return [numberOf(donation), { id: isSeen ? bag.id : null, standing }]
    }),
  )
}
