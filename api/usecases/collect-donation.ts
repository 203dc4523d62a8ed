import type { HoldKind, Marker } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { parseDin } from '../domain/isbt128/label.ts'
import { parseProductCode } from '../domain/isbt128/product.ts'
import { planDonation, type SaidOfBag } from '../domain/registration.ts'
import { type Bag, insertHold, lockFamily } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import {
  type Donation,
  donationFacts,
  findDonation,
  insertGrouping,
  insertTests,
  lockIdentifier,
  noDonation,
} from '../stores/donations.ts'
import { askedOf, collectDonations, knownOf, type NewBag, type NewDonation } from '../stores/registrations.ts'
import { demandRight } from './demand.ts'
import { uuidv7 } from './register-bag.ts'
import { registrars } from './registrar.ts'

export type CollectInput = Omit<SaidOfBag, 'group'> & {
  /** As typed with its check character, or as scanned. */
  readonly din: string
  /** The centre's own pseudonym of the donor. */
  readonly donor: string
  readonly facility: string
  readonly productCode: string
  /** As labelled, ms UTC, exclusive. */
  readonly expiresAt: number
  /** ms UTC, not to come. */
  readonly collectedAt: number
}

/**
 * A donor has given: the donation and its bag, by the rules of `planDonation`.
 *
 * @throws Refusal `already_exists`, `conflict`, `not_found`, `forbidden`, `invalid_din`, `invalid_barcode`,
 * `invalid_request`
 */
export async function collectDonation(ctx: Context, input: CollectInput): Promise<Bag> {
  const now = ctx.now()
  const read = readDonated(input)
  return ctx.database.db.transaction(async (tx) => {
    const by = (await registrars(ctx, tx, 'bag.collect', [input.facility]))(input.facility)
    await lockIdentifier(tx, read.identifier)
    const asked = askedOf({ scheme: 'ISBT128', ...read }, by)
    const known = (await knownOf(tx, [asked], now))(asked)
    const plan = { id: uuidv7(now), ...planDonation(input, read, by, known, now) }
    const [bag] = await collectDonations(tx, ctx.actor, [aDonation(plan, input, now)], now)
    return bag as Bag
  })
}

/** @throws Refusal `invalid_din`, `invalid_barcode`, `invalid_request` */
export function readDonated({ din, productCode }: Pick<CollectInput, 'din' | 'productCode'>) {
  return { identifier: parseDin(din), product: parseProductCode(productCode) }
}

/** A planned bag with the donation it is of. */
export function aDonation(
  plan: NewBag,
  { donor, collectedAt }: Pick<CollectInput, 'donor' | 'collectedAt'>,
  now: number,
): NewDonation {
  const { scheme, identifier, facilityId } = plan
  const donation = { id: uuidv7(now), scheme, identifier, donor, facilityId, collectedAt, registeredAt: now }
  return { donation, plan }
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
