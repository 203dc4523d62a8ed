import { and, asc, eq, sql } from 'drizzle-orm'
import { donation, grouping, testResult } from '../../schema/tables/bags.ts'
import type { Marker } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { DonationFacts } from '../domain/bag.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { lockAlone, lockShared } from './locks.ts'

export type Donation = typeof donation.$inferSelect

export const noDonation = (din: string) => `no donation is numbered ${din}`

/** @throws Refusal `not_found` */
export async function findDonation(db: Database | Transaction, identifier: string): Promise<Donation> {
  const [found] = await db
    .select()
    .from(donation)
    .where(and(eq(donation.scheme, 'ISBT128'), eq(donation.identifier, identifier)))
  if (!found) throw new Refusal('not_found', noDonation(identifier))
  return found
}

/**
 * Nobody else registers, collects or calls back under this number until the transaction ends: whether the donation is
 * ours must not change between the question and what is done for the answer. Before any lock on a bag.
 */
export async function lockIdentifier(tx: Transaction, identifier: string): Promise<void> {
  await shareIdentifiers(tx)
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${identifier}, 4840))`)
}

/** Nobody has all numbers locked until the transaction ends. Before any lock on a bag. */
export async function shareIdentifiers(tx: Transaction): Promise<void> {
  await lockShared(tx, 'identifiers')
}

/** The same of every number there is: one lock, for a server has room for a few thousand. */
export async function lockAllIdentifiers(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'identifiers')
}

/** Is the donation of this number one of ours? Sure only under `lockIdentifier`. */
export async function isCollectedHere(tx: Transaction, identifier: string): Promise<boolean> {
  const [found] = await tx
    .select({ id: donation.id })
    .from(donation)
    .where(and(eq(donation.scheme, 'ISBT128'), eq(donation.identifier, identifier)))
  return found !== undefined
}

export async function insertGrouping(
  tx: Transaction,
  actor: Actor,
  donationId: string,
  { abo, rhd }: BloodGroup,
  now: number,
): Promise<void> {
  await tx.insert(grouping).values({ donationId, abo, rhd, actor, at: now })
  await appendAudit(tx, actor, {
    at: now,
    action: 'donation.grouped',
    subjectKind: 'donation',
    subject: donationId,
    after: { abo, rhd },
  })
}

export async function insertTests(
  tx: Transaction,
  actor: Actor,
  donationId: string,
  results: readonly { readonly marker: Marker; readonly reactive: boolean }[],
  now: number,
): Promise<void> {
  await tx.insert(testResult).values(results.map((result) => ({ ...result, donationId, actor, at: now })))
  await appendAudit(tx, actor, {
    at: now,
    action: 'donation.tested',
    subjectKind: 'donation',
    subject: donationId,
    after: { results },
  })
}

/** What was found in a donation; none of a bag that has none. */
export async function donationFacts(
  db: Database | Transaction,
  donationId: string | null,
): Promise<DonationFacts> {
  if (donationId === null) return { groupings: [], tests: [] }
  const groupings = await db
    .select()
    .from(grouping)
    .where(eq(grouping.donationId, donationId))
    .orderBy(asc(grouping.id))
  const tests = await db
    .select()
    .from(testResult)
    .where(eq(testResult.donationId, donationId))
    .orderBy(asc(testResult.id))
  return {
    groupings: groupings.map(({ abo, rhd, actor }) => ({ abo, rhd, by: (actor as Actor).id })),
    tests: tests.map(({ marker, reactive, actor }) => ({ marker, reactive, by: (actor as Actor).id })),
  }
}
