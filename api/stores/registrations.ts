import { and, eq, isNull, sql } from 'drizzle-orm'
import { bag, bagEvent, donation } from '../../schema/tables/bags.ts'
import { type Jurisdiction, unitSchemes } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { ReadUnit } from '../domain/read-unit.ts'
import { Refusal } from '../domain/refusal.ts'
import {
  collectedAlready,
  type Known,
  type Labelled,
  type PlannedBag,
  type Registrar,
} from '../domain/registration.ts'
import { appendAudits } from './audit.ts'
import { appendEvents, type Bag, insertHolds, labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import type { Donation } from './donations.ts'
import { type Catalogue, productsAt } from './products.ts'
import { bySlices, insertRows, isOneOf } from './rows.ts'

/*
 * Bags that are registered or collected, alone or thousands at once: the same few statements for one and for all.
 */

/** A number and a code, and whose catalogue says what that is. */
export type Asked = {
  readonly scheme: string
  readonly identifier: string
  readonly productCode: string
  readonly jurisdiction: Jurisdiction
}

export function askedOf(
  { scheme, identifier, product }: Pick<ReadUnit, 'scheme' | 'identifier' | 'product'>,
  { jurisdiction }: Pick<Registrar, 'jurisdiction'>,
): Asked {
  return { scheme, identifier, productCode: product.productCode, jurisdiction }
}

/** What there is to know of each. Sure only under `lockIdentifier`, or `lockAllIdentifiers`. */
export async function knownOf(
  tx: Transaction,
  asked: readonly Asked[],
  now: number,
): Promise<(one: Asked) => Known> {
  const identifiers = distinct(asked.map(({ identifier }) => identifier))
  const here = await bySlices(identifiers, (some) =>
    tx
      .select({ scheme: donation.scheme, identifier: donation.identifier })
      .from(donation)
      .where(and(isOneOf(donation.scheme, unitSchemes), isOneOf(donation.identifier, some))),
  )
  const elsewhere = await bySlices(identifiers, (some) =>
    tx
      .selectDistinct({ scheme: bag.scheme, identifier: bag.identifier })
      .from(bag)
      .where(and(isOneOf(bag.scheme, unitSchemes), isOneOf(bag.identifier, some), isNull(bag.donationId))),
  )
  const collected = new Set(here.map(numberOf))
  const labelled = new Set(elsewhere.map(numberOf))
  const catalogues = new Map<string, Catalogue>()
  for (const { jurisdiction, scheme } of asked) {
    const key = `${jurisdiction}/${scheme}`
    if (catalogues.has(key)) continue
    const theirs = asked.filter((one) => one.jurisdiction === jurisdiction && one.scheme === scheme)
    const codes = distinct(theirs.map(({ productCode }) => productCode))
    catalogues.set(key, await productsAt(tx, { jurisdiction, scheme, codes, at: now }))
  }
  return (one) => ({
    isCollectedHere: collected.has(numberOf(one)),
    isFromElsewhere: labelled.has(numberOf(one)),
    product: catalogues.get(`${one.jurisdiction}/${one.scheme}`)?.(one.productCode) ?? null,
  })
}

/** A bag that stands, and what its label said beside its row. */
export type StandingBag = { readonly bag: Bag; readonly labelled: Labelled }

/** All bags of these numbers. */
export async function bagsNumbered(
  db: Database | Transaction,
  identifiers: readonly string[],
): Promise<StandingBag[]> {
  const rows = await bySlices(distinct(identifiers), (some) =>
    db
      .select({ bag, data: bagEvent.data })
      .from(bag)
      .leftJoin(bagEvent, and(eq(bagEvent.bagId, bag.id), eq(bagEvent.version, 1)))
      .where(and(isOneOf(bag.scheme, unitSchemes), isOneOf(bag.identifier, some))),
  )
  return rows.map(({ bag, data }) => ({ bag, labelled: (data ?? {}) as Labelled }))
}

/** The donations of these numbers, each with the bag it was collected in. */
export async function donationsNumbered(
  db: Database | Transaction,
  identifiers: readonly string[],
): Promise<(StandingBag & { readonly donation: Donation })[]> {
  const rows = await bySlices(distinct(identifiers), (some) =>
    db
      .select({ donation, bag, data: bagEvent.data })
      .from(donation)
      .innerJoin(bag, eq(bag.donationId, donation.id))
      .innerJoin(
        bagEvent,
        and(eq(bagEvent.bagId, bag.id), eq(bagEvent.version, 1), eq(bagEvent.verb, 'collect')),
      )
      .where(and(eq(donation.scheme, 'ISBT128'), isOneOf(donation.identifier, some))),
  )
  return rows.map(({ donation, bag, data }) => ({ donation, bag, labelled: data as Labelled }))
}

/** A planned bag with the id it will have. */
export type NewBag = PlannedBag & { readonly id: string }

/**
 * Write planned bags with their first event and their holds.
 *
 * @throws Refusal `already_exists` naming one that is registered under its identity
 */
export function registerBags(
  tx: Transaction,
  actor: Actor,
  planned: readonly NewBag[],
  now: number,
): Promise<Bag[]> {
  return bySlices(planned, (some) => registerSome(tx, actor, some, now))
}

async function registerSome(
  tx: Transaction,
  actor: Actor,
  planned: readonly NewBag[],
  now: number,
): Promise<Bag[]> {
  const made = await writeBags(tx, planned, () => null, now)
  const events = made.map((after, index) => {
    const data = { ...(planned[index] as NewBag).labelled }
    return { after, verb: 'register' as const, from: null, to: after.state, data }
  })
  await appendEvents(tx, actor, events, now)
  await writeHolds(tx, actor, planned, made, now)
  return made
}

/** A planned bag, and the donation it was collected of. */
export type NewDonation = { readonly donation: Donation; readonly plan: NewBag }

/**
 * Write donations, each with its bag.
 *
 * @throws Refusal `already_exists` naming one that is collected or registered already
 */
export function collectDonations(
  tx: Transaction,
  actor: Actor,
  collected: readonly NewDonation[],
  now: number,
): Promise<Bag[]> {
  return bySlices(collected, (some) => collectSome(tx, actor, some, now))
}

async function collectSome(
  tx: Transaction,
  actor: Actor,
  collected: readonly NewDonation[],
  now: number,
): Promise<Bag[]> {
  const donations = collected.map((one) => one.donation)
  if ((await insertRows(tx, donation, donations)) < donations.length) {
    const { rows } = await tx.execute<{ id: string }>(
      sql`select id from ${donation} where ${isOneOf(donation.id, idsOf(donations))}`,
    )
    throw collectedAlready(missing(donations, rows).identifier)
  }
  await appendAudits(
    tx,
    actor,
    donations.map(({ donor: _donor, ...told }) => {
      const what = { action: 'donation.collected', subjectKind: 'donation' as const, subject: told.id }
      return { at: told.registeredAt, ...what, after: told }
    }),
  )
  const plans = collected.map(({ plan }) => plan)
  const made = await writeBags(tx, plans, (index) => donations[index]?.id ?? null, now)
  const events = made.map((after, index) => {
    const { plan, donation } = collected[index] as NewDonation
    const data = { donation: donation.id, collectedAt: donation.collectedAt, ...plan.labelled }
    return { after, verb: 'collect' as const, from: null, to: after.state, data }
  })
  await appendEvents(tx, actor, events, now)
  await writeHolds(tx, actor, plans, made, now)
  return made
}

async function writeBags(
  tx: Transaction,
  planned: readonly NewBag[],
  donationOf: (index: number) => string | null,
  now: number,
): Promise<Bag[]> {
  const rows = planned.map((plan, index) => rowOf(plan, donationOf(index), now))
  if ((await insertRows(tx, bag, rows)) < rows.length) {
    const { rows: written } = await tx.execute<{ id: string }>(
      sql`select id from ${bag} where ${isOneOf(bag.id, idsOf(rows))}`,
    )
    throw new Refusal('already_exists', `bag ${labelOf(missing(rows, written))} is registered already`)
  }
  return rows
}

function rowOf(plan: NewBag, donationId: string | null, now: number): Bag {
  const { id, scheme, identifier, productCode, collectionType, division, state, facilityId } = plan
  const { component, expiresAt, collectedAt, amount, uom, group } = plan
  return {
    ...{ id, scheme, identifier, productCode, collectionType, division, donationId, state },
    ...{ component, expiresAt, collectedAt, amount, uom, bagCount: 1, lowTitre: false },
    ...{ abo: group?.abo ?? null, rhd: group?.rhd ?? null },
    ...{ registeredAt: now, originId: facilityId, holderId: facilityId, destinationId: null },
    ...{ version: 1, revision: 0, reservedFor: null, reservedToId: null, reservedUntil: null },
  }
}

async function writeHolds(
  tx: Transaction,
  actor: Actor,
  planned: readonly NewBag[],
  made: readonly Bag[],
  now: number,
): Promise<void> {
  const holds = planned.flatMap(({ holds }, index) =>
    holds.map((hold) => ({ of: made[index] as Bag, ...hold })),
  )
  await insertHolds(tx, actor, holds, now)
}

function missing<T extends { readonly id: string }>(
  rows: readonly T[],
  written: readonly { readonly id: string }[],
): T {
  const there = new Set(idsOf(written))
  return rows.find(({ id }) => !there.has(id)) as T
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id)
}

export function numberOf({
  scheme,
  identifier,
}: {
  readonly scheme: string
  readonly identifier: string
}): string {
  return `${scheme} ${identifier}`
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)]
}
