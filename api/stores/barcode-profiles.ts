import { and, asc, desc, eq, lte, sql } from 'drizzle-orm'
import { barcodeProfile, facility } from '../../schema/tables/facilities.ts'
import type { Actor } from '../domain/actor.ts'
import type { BarcodeProfile, CodeShape } from '../domain/barcode-profile.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

export type NewProfile = {
  readonly facility: { readonly id: number; readonly code: string }
  readonly region: string
  readonly profile: string
  readonly codes: readonly CodeShape[]
  /** ms UTC. */
  readonly effectiveFrom: number
}

/**
 * Another version of a profile. Its region stays: bags are known by it.
 *
 * @throws Refusal `conflict`
 */
export async function insertProfile(
  tx: Transaction,
  actor: Actor,
  { facility: station, region, profile, codes, effectiveFrom }: NewProfile,
  now: number,
): Promise<void> {
  // One at a time: the version before must be the one this is compared with.
  await tx.execute(sql`select from ${facility} where id = ${station.id} for no key update`)
  const [before] = await tx
    .select({ region: barcodeProfile.region, codes: barcodeProfile.codes })
    .from(barcodeProfile)
    .where(and(eq(barcodeProfile.facilityId, station.id), eq(barcodeProfile.profile, profile)))
    .orderBy(desc(barcodeProfile.id))
    .limit(1)
  if (before && before.region !== region)
    throw new Refusal(
      'conflict',
      `region: profile ${profile} is of ${before.region}: give another region another profile`,
    )
  const row = { facilityId: station.id, region, profile, codes, effectiveFrom, setAt: now, actor }
  await tx.insert(barcodeProfile).values(row)
  await appendAudit(tx, actor, {
    at: now,
    action: 'facility.barcode_profile_set',
    subjectKind: 'facility',
    subject: station.code,
    before: before && { profile, codes: before.codes },
    after: { region, profile, codes, effectiveFrom },
  })
}

/** All that have taken effect, the newest version of each. */
export async function profilesInForce(db: Database | Transaction, now: number): Promise<BarcodeProfile[]> {
  const rows = await db
    .selectDistinctOn([barcodeProfile.facilityId, barcodeProfile.profile], {
      facility: facility.code,
      region: barcodeProfile.region,
      profile: barcodeProfile.profile,
      codes: barcodeProfile.codes,
    })
    .from(barcodeProfile)
    .innerJoin(facility, eq(facility.id, barcodeProfile.facilityId))
    .where(lte(barcodeProfile.effectiveFrom, now))
    .orderBy(
      asc(barcodeProfile.facilityId),
      asc(barcodeProfile.profile),
      desc(barcodeProfile.effectiveFrom),
      desc(barcodeProfile.id),
    )
  return rows.map(({ codes, ...row }) => ({ ...row, codes: codes as CodeShape[] }))
}

/** Every version of the profiles of a facility, the newest of each in front. */
export async function profilesOf(db: Database | Transaction, facilityId: number) {
  const rows = await db
    .select()
    .from(barcodeProfile)
    .where(eq(barcodeProfile.facilityId, facilityId))
    .orderBy(asc(barcodeProfile.profile), desc(barcodeProfile.id))
  return rows.map(({ codes, ...row }) => ({ ...row, codes: codes as CodeShape[] }))
}
