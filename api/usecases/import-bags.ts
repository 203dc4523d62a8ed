import type { Context } from '../context.ts'
import { readKey } from '../domain/barcode-profile.ts'
import type { ExportedState, Standing } from '../domain/import.ts'
import { isScannedLabel } from '../domain/isbt128/label.ts'
import { donationOf, type ReadUnit, unitOf } from '../domain/read-unit.ts'
import { planBag } from '../domain/registration.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { profilesInForce } from '../stores/barcode-profiles.ts'
import type { Transaction } from '../stores/database.ts'
import { lockAllIdentifiers } from '../stores/donations.ts'
import { facilityCodes } from '../stores/facilities.ts'
import {
  askedOf,
  bagsNumbered,
  knownOf,
  numberOf,
  registerBags,
  type StandingBag,
} from '../stores/registrations.ts'
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
import type { RegisterBagInput } from './register-bag.ts'
import { registrars } from './registrar.ts'

export type ImportedBag = RegisterBagInput & ExportedState

/**
 * Register the bags of a file, each by the rules by which one is registered alone. A bag that stands is there already as
 * long as the row says nothing else of it. While it writes nobody else registers or collects.
 *
 * @throws Refusal `invalid_request` where rows are in error, and nothing is written
 */
export async function importBags(
  ctx: Context,
  rows: readonly ImportRow<ImportedBag>[],
  taking: Taking,
): Promise<RowVerdict[]> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const codes = rows.map((row) => ('input' in row ? row.input.facility : undefined))
    const registrarOf = await registrars(ctx, tx, 'bag.register', codes)
    const profiles = await profilesInForce(tx, now)
    const readUnit = (input: ImportedBag): ReadUnit => {
      if (isScannedLabel(input)) return unitOf(donationOf(input, []))
      const local = readKey(profiles, input)
      return local ? { ...local, label: { group: null, expires: null } } : unitOf(donationOf(input, profiles))
    }
    const read = await readRows(rows, (input) => ({
      by: registrarOf(input.facility),
      unit: readUnit(input),
    }))
    if (taking !== 'preview') await lockAllIdentifiers(tx)
    const asked = readable(read).map(({ unit, by }) => askedOf(unit, by))
    const standing = await standingBags(
      ctx,
      tx,
      asked.map(({ identifier }) => identifier),
    )
    const known = await knownOf(tx, asked, now)
    const { verdicts, made } = await judgeRows(
      read,
      {
        first: 'available',
        identityOf: ({ product, ...unit }) => identityOf({ ...unit, ...product }),
        standing,
        plan: ({ input, unit, by }) => planBag(input, unit, by, known(askedOf(unit, by)), now),
      },
      now,
    )
    mustBeGood(verdicts, taking)
    if (taking === 'preview') return asPreviewed(verdicts, made)
    await registerBags(
      tx,
      ctx.actor,
      made.map(({ plan }) => plan),
      now,
    )
    return verdicts
  })
}

/** What no two bags share. */
function identityOf(bag: {
  scheme: string
  identifier: string
  productCode: string
  division: string
}): string {
  return `${numberOf(bag)} ${bag.productCode} ${bag.division}`
}

async function standingBags(
  ctx: Context,
  tx: Transaction,
  identifiers: readonly string[],
): Promise<Map<string, Found>> {
  const found = await bagsNumbered(tx, identifiers)
  const codes = await facilityCodes(
    tx,
    found.flatMap(({ bag }) => [bag.originId, bag.holderId]),
  )
  const reach = reachOf(ctx.grants, 'bag.read')
  return new Map(
    found.map((one) => {
      const { bag } = one
      const isSeen = isWithin(reach, [bag.holderId, bag.originId, bag.destinationId])
      return [
        identityOf(bag),
        { id: isSeen ? bag.id : null, standing: isSeen ? standingOf(one, codes) : null },
      ]
    }),
  )
}

/** A stored bag as a file may speak of it. */
export function standingOf(
  { bag, labelled }: StandingBag,
  codes: ReadonlyMap<number, string>,
  donor: string | null = null,
): Standing {
  const { abo, rhd, originId, holderId } = bag
  const facilities = [originId, holderId].flatMap((id) => (id === null ? [] : (codes.get(id) ?? [])))
  const group = abo !== null && rhd !== null ? { abo, rhd } : null
  return { ...bag, group, labelled, facilities: [...new Set(facilities)], donor }
}
