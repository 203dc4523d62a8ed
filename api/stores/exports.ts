import { and, asc, eq, gt, gte, sql } from 'drizzle-orm'
import { bag, bagEvent, bagHold, donation } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Reach } from '../domain/rights.ts'
import type { Bag } from './bags.ts'
import type { Database } from './database.ts'
import type { Donation } from './donations.ts'
import { isIn } from './rows.ts'

export type ExportFilter = {
  readonly reach: Reach
  readonly facilityId?: number | undefined
  /** Registered then or later, ms UTC. */
  readonly since?: number | undefined
  /** Only what comes after this bag, or donation. */
  readonly after?: string | undefined
  readonly limit: number
}

/** A bag as it is exported: nothing in it is about a patient. */
export type ExportedBag = {
  readonly bag: Bag
  /** The code of its holder; null of bags from before that was asked. */
  readonly facility: string | null
  readonly holds: readonly HoldKind[]
}

/** Why it is held now: what is not of a donation. */
const holds = sql<HoldKind[]>`array(
  select distinct h.kind from ${bagHold} h where h.bag_id = ${bag.id} and h.lifted_at is null order by h.kind)`

/** The bags that facilities within reach hold, a page by ascending id: in order of time. */
export async function bagsToExport(
  db: Database,
  { reach, facilityId, since, after, limit }: ExportFilter,
): Promise<ExportedBag[]> {
  return db
    .select({ bag, facility: facility.code, holds })
    .from(bag)
    .leftJoin(facility, eq(facility.id, bag.holderId))
    .where(
      and(
        isIn(reach, bag.holderId),
        facilityId === undefined ? undefined : eq(bag.holderId, facilityId),
        since === undefined ? undefined : gte(bag.registeredAt, since),
        after === undefined ? undefined : gt(bag.id, after),
      ),
    )
    .orderBy(asc(bag.id))
    .limit(limit)
}

export type ExportedDonation = ExportedBag & { readonly donation: Donation }

/** The donations facilities within reach have collected, each with the bag it was collected in, a page by ascending id. */
export async function donationsToExport(
  db: Database,
  { reach, facilityId, since, after, limit }: ExportFilter,
): Promise<ExportedDonation[]> {
  return db
    .select({ donation, bag, facility: facility.code, holds })
    .from(donation)
    .innerJoin(facility, eq(facility.id, donation.facilityId))
    .innerJoin(bag, eq(bag.donationId, donation.id))
    .innerJoin(
      bagEvent,
      and(eq(bagEvent.bagId, bag.id), eq(bagEvent.version, 1), eq(bagEvent.verb, 'collect')),
    )
    .where(
      and(
        isIn(reach, donation.facilityId),
        facilityId === undefined ? undefined : eq(donation.facilityId, facilityId),
        since === undefined ? undefined : gte(donation.registeredAt, since),
        after === undefined ? undefined : gt(donation.id, after),
      ),
    )
    .orderBy(asc(donation.id))
    .limit(limit)
}
