import type { Component, HoldKind, Marker } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { parseDin } from '../domain/isbt128/label.ts'
import { parseProductCode } from '../domain/isbt128/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendEvent, type Bag, insertBag, insertHold, lockFamily } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import {
  type Donation,
  donationFacts,
  findDonation,
  insertDonation,
  insertGrouping,
  insertTests,
  isFromElsewhere,
  lockIdentifier,
  noDonation,
} from '../stores/donations.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { catalogued, holdUnknown } from './catalogued.ts'
import { demandRight } from './demand.ts'
import { uuidv7 } from './register-bag.ts'

export type CollectInput = {
  /** As typed with its check character, or as scanned. */
  readonly din: string
  /** The centre's own pseudonym of the donor. */
  readonly donor: string
  readonly facility: string
  readonly productCode: string
  /** Needed where the catalogue does not know the code. */
  readonly component?: Component | undefined
  /** As labelled, ms UTC, exclusive. */
  readonly expiresAt: number
  /** ms UTC, not to come. */
  readonly collectedAt: number
  /** In the unit the catalogue counts it in; otherwise what is usual. */
  readonly amount?: number | undefined
}

/**
 * A donor has given: the donation and its bag, of whole blood or of what was taken by apheresis, as its code says. Under a number that somebody has registered a bag of as
 * from elsewhere nothing is collected: that bag was never tested here, and would pass for one that was.
 *
 * @throws Refusal `already_exists`, `conflict`, `not_found`, `forbidden`
 */
export async function collectDonation(ctx: Context, input: CollectInput): Promise<Bag> {
  const now = ctx.now()
  if (input.collectedAt > now) throw new Refusal('invalid_request', 'collectedAt: is still to come')
  if (input.expiresAt <= input.collectedAt)
    throw new Refusal('invalid_request', 'expiresAt: is before it was collected: look at the label again')
  const identifier = parseDin(input.din)
  const product = parseProductCode(input.productCode)
  return ctx.database.db.transaction(async (tx) => {
    const { id: facilityId } = await findFacility(tx, input.facility)
    demandRight(ctx, 'bag.collect', [facilityId], noFacility(input.facility))
    const donation: Donation = {
      id: uuidv7(now),
      scheme: 'ISBT128',
      identifier,
      donor: input.donor,
      facilityId,
      collectedAt: input.collectedAt,
      registeredAt: now,
    }
    await lockIdentifier(tx, identifier)
    if (await isFromElsewhere(tx, identifier))
      throw new Refusal(
        'conflict',
        'a bag of this number was registered already as from elsewhere: read the number again; if it is right, have ' +
          'that bag looked at, and label what was given now with a number of its own',
      )
    await insertDonation(tx, ctx.actor, donation)
    const label = { ...input, ...product, scheme: 'ISBT128' }
    const { is, isKnown } = await catalogued(tx, facilityId, label, now, true)
    const bag = await insertBag(tx, {
      id: uuidv7(now),
      scheme: 'ISBT128',
      identifier,
      ...product,
      ...is,
      registeredAt: now,
      originId: facilityId,
      holderId: facilityId,
      donationId: donation.id,
      state: 'collected',
      version: 1,
    })
    const data = { donation: donation.id, collectedAt: input.collectedAt }
    await appendEvent(tx, ctx.actor, bag, { verb: 'collect', from: null, to: 'collected', data }, now)
    if (!isKnown) await holdUnknown(tx, ctx.actor, bag, now)
    return bag
  })
}

/** Write down a group somebody determined; one that differs holds all bags of the donation. @throws Refusal `not_found`, `forbidden` */
export async function groupDonation(ctx: Context, din: string, group: BloodGroup): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const { id } = await reachDonation(ctx, tx, din)
    // The bags first: whoever is releasing or issuing one of them waits, and finds it held.
    const family = await lockFamily(tx, id)
    await insertGrouping(tx, ctx.actor, id, group, ctx.now())
    const { groupings } = await donationFacts(tx, id)
    if (groupings.some(({ abo, rhd }) => abo !== group.abo || rhd !== group.rhd))
      await holdFamily(ctx, tx, family, 'group_mismatch', 'its groupings differ')
  })
}

/** Write down what a donation was tested for; what is reactive holds all its bags. @throws Refusal `not_found`, `forbidden` */
export async function testDonation(
  ctx: Context,
  din: string,
  results: readonly { readonly marker: Marker; readonly reactive: boolean }[],
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const { id } = await reachDonation(ctx, tx, din)
    const family = await lockFamily(tx, id)
    await insertTests(tx, ctx.actor, id, results, ctx.now())
    const reactive = results.filter((result) => result.reactive).map(({ marker }) => marker)
    if (reactive.length > 0)
      await holdFamily(ctx, tx, family, 'test_reactive', `${reactive.join(', ')} reactive`)
  })
}

async function holdFamily(
  ctx: Context,
  tx: Transaction,
  family: readonly Bag[],
  kind: HoldKind,
  reason: string,
): Promise<void> {
  for (const bag of family) await insertHold(tx, ctx.actor, bag, { kind, reason }, ctx.now())
}

/** Donors are their centre's alone: nobody else hears of a donation. */
export async function reachDonation(ctx: Context, tx: Transaction, din: string): Promise<Donation> {
  const identifier = parseDin(din)
  const donation = await findDonation(tx, identifier)
  demandRight(ctx, 'bag.test', [donation.facilityId], noDonation(identifier))
  return donation
}
