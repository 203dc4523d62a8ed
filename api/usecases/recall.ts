import type { LotKind, RecallKind, RecallScope } from '../../schema/vocabulary.ts'
import type { Context, Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { parseDin } from '../domain/isbt128/label.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { lockBags } from '../stores/bags.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { findDonation, lockIdentifier, noDonation } from '../stores/donations.ts'
import { facilityCodes, findFacility, noFacility } from '../stores/facilities.ts'
import { bagsIn, type Findings, foundBy, reachedBy, talliesWithin } from '../stores/recall-reads.ts'
import {
  auditDrill,
  endRecall,
  findLookBack,
  findRecall,
  hasMore,
  heldBy,
  identifyRecipient,
  insertLot,
  insertRecall,
  lockRecalls,
  type NewRecall,
  noLookBack,
  noRecall,
  openRecalls,
  type Recall,
  reachBags,
  reachesInto,
  tellRecall,
} from '../stores/recalls.ts'
import { reachDonation } from './collect-donation.ts'
import { demandRight, demandSomebody, reachBag, reachDevice } from './demand.ts'
import { signed } from './sign.ts'

export type RecallInput = {
  /** On whose behalf: the pseudonyms of donors and patients are this facility's. */
  readonly facility: string
  readonly scope: RecallScope
  /** A donor or patient by pseudonym, a DIN as typed or scanned, a lot number, a device or box by name, a bag's id. */
  readonly of: string
  readonly lotKind?: LotKind | undefined
  /** ms UTC: of collections, of a bag's places, of transfusions. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly kind?: RecallKind | undefined
  readonly reason: string
}

/**
 * Call back all bags in scope and all that was made of them, wherever they are, in one transaction: each is held, and
 * for each that was given a case is opened. The same again while it is open finds the one that is, and what belongs to it
 * by now.
 *
 * @returns its number
 * @throws Refusal `not_found`, `forbidden`, `invalid_request`, `invalid_din`
 */
export async function openRecall(ctx: Context, input: RecallInput): Promise<number> {
  return ctx.database.db.transaction((tx) => openWithin(ctx, tx, input))
}

async function openWithin(ctx: Context, tx: Transaction, input: RecallInput): Promise<number> {
  await lockRecalls(tx)
  const asked = await resolve(ctx, tx, input)
  // Whoever registers a bag under this number comes before, and is found, or after.
  if (asked.scope === 'donation') await lockIdentifier(tx, asked.subject)
  const now = ctx.now()
  const { one, isNew } = await signed(ctx, tx, { act: 'recall', facilityId: asked.facilityId }, (actor) =>
    insertRecall(tx, actor, asked, now),
  )
  const reached = await reachBags(tx, ctx.actor, one, now)
  if (isNew || reached.held > 0) await tellRecall(tx, one, isNew ? 'opened' : 'reached', reached, now)
  return one.id
}

/**
 * Call back all that was made of a donation, wherever it is by now: a recall of that scope, in one word.
 *
 * @returns the bags that are held now
 * @throws Refusal `not_found`, `forbidden`
 */
export async function recallDonation(
  ctx: Context,
  { din, reason }: { readonly din: string; readonly reason: string },
): Promise<readonly string[]> {
  return ctx.database.db.transaction(async (tx) => {
    const { facilityId } = await reachDonation(ctx, tx, din)
    const facility = (await facilityCodes(tx, [facilityId])).get(facilityId) as string
    return heldBy(tx, await openWithin(ctx, tx, { facility, scope: 'donation', of: din, reason }))
  })
}

/** What may be asked for, and by whom: pseudonyms of donors are a centre's, those of patients a hospital's. */
async function resolve(ctx: Context, db: Database | Transaction, input: RecallInput): Promise<NewRecall> {
  const { scope, reason, lotKind = null, from = null, to = null } = input
  const { id: facilityId } = await findFacility(db, input.facility)
  const missing = noFacility(input.facility)
  demandRight(ctx, 'recall.open', [facilityId], missing)
  if (lotKind !== null && scope !== 'lot') throw new Refusal('invalid_request', 'lotKind: is of a lot')
  if (from !== null && to !== null && from >= to)
    throw new Refusal('invalid_request', 'to: must be after `from`')
  const subject = await subjectOf(ctx, db, input, facilityId, missing)
  const kind = input.kind ?? (scope === 'patient' ? 'look_back' : 'recall')
  return { kind, scope, subject, lotKind, from, to, facilityId, reason }
}

async function subjectOf(
  ctx: Context,
  db: Database | Transaction,
  { scope, of, from, to }: RecallInput,
  facilityId: number,
  missing: string,
): Promise<string> {
  const bounded = from !== undefined || to !== undefined
  switch (scope) {
    case 'donor':
    case 'lot':
      demandRight(ctx, 'bag.test', [facilityId], missing)
      if (scope === 'lot' && bounded) throw new Refusal('invalid_request', 'from: a lot has no span')
      return of
    case 'donation': {
      if (bounded) throw new Refusal('invalid_request', 'from: a donation has no span')
      const identifier = parseDin(of)
      const donation = await findDonation(db, identifier)
      demandRight(ctx, 'bag.test', [donation.facilityId], noDonation(identifier))
      return identifier
    }
    case 'device':
      if (from === undefined) throw new Refusal('invalid_request', 'from: say since when')
      return (await reachDevice(ctx, db, of, 'recall.open')).name
    case 'box':
      if (from === undefined) throw new Refusal('invalid_request', 'from: say since when')
      // Boxes go to and fro, and some are no devices: who may call back at all may call back what was in one.
      return of
    case 'bag':
      if (bounded) throw new Refusal('invalid_request', 'from: a bag has no span')
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(of))
        throw new Refusal('invalid_request', 'of: is no id of a bag')
      return (await reachBag(ctx, db, of, 'recall.open')).id
    case 'patient':
      demandRight(ctx, 'patient.read', [facilityId], missing)
      return of
  }
}

export type Preview = Findings & { readonly bagCount: number; readonly ms: number }

/** What a recall would reach now, and how long that took to find. Nothing is touched. */
export async function previewRecall(ctx: Context, input: RecallInput, limit: number): Promise<Preview> {
  const { db } = ctx.database
  return previewOf(ctx, db, await resolve(ctx, db, input), limit)
}

async function previewOf(
  ctx: Context,
  db: Database | Transaction,
  asked: NewRecall,
  limit: number,
): Promise<Preview> {
  const began = performance.now()
  const found = await foundBy(db, asked, reachOf(ctx.grants, 'bag.read'), limit)
  const ms = Math.round(performance.now() - began)
  const all = bagsIn(found.tallies)
  return { ...found, bagCount: all, ms }
}

/** The same as an exercise: that it was done, and what it found how soon, is written down. */
export async function drillRecall(ctx: Context, input: RecallInput, limit: number): Promise<Preview> {
  return ctx.database.db.transaction(async (tx) => {
    const asked = await resolve(ctx, tx, input)
    const found = await previewOf(ctx, tx, asked, limit)
    await auditDrill(tx, ctx.actor, asked, { bags: found.bagCount, ms: found.ms }, ctx.now())
    return found
  })
}

export type ShownRecall = Findings & {
  readonly recall: Recall
  /** Who calls back sees how many bags are where in all the city; others see what concerns them. */
  readonly isTheirs: boolean
}

/** @throws Refusal `not_found` where it neither is of a facility within reach nor reached a bag there */
export async function readRecall(ctx: Context, number: number, limit: number): Promise<ShownRecall> {
  const { db } = ctx.database
  const recall = await findRecall(db, number)
  const reach = reachOf(ctx.grants, 'recall.read')
  const isTheirs = isWithin(reach, [recall.facilityId])
  if (!isTheirs && !(await reachesInto(db, number, reach))) throw new Refusal('not_found', noRecall(number))
  const { tallies, bags } = await reachedBy(db, number, reachOf(ctx.grants, 'bag.read'), limit)
  return { recall, isTheirs, bags, tallies: isTheirs ? tallies : talliesWithin(tallies, reach) }
}

/**
 * End a recall, on the word of somebody who did not open it: what is closed stays held, what is lifted may be used again.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `second_person`, `conflict`
 */
export async function concludeRecall(
  ctx: Context,
  {
    number,
    ...how
  }: { readonly number: number; readonly state: 'closed' | 'lifted'; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockRecalls(tx)
    const recall = await findRecall(tx, number)
    demandRight(ctx, 'recall.open', [recall.facilityId], noRecall(number))
    demandSomebody(ctx, 'a recall is ended')
    await endRecall(tx, ctx.actor, recall, how, ctx.now())
  })
}

const catcher: Actor = { kind: 'job', id: 'recalls' }

/**
 * Hold what has come to belong to an open recall since: bags seen there late, registered or made since, and open cases
 * for those that were given all the same.
 *
 * @returns how many bags
 */
export async function catchUp({ database: { db }, now }: Pick<Deps, 'database' | 'now'>): Promise<number> {
  let caught = 0
  const failures: unknown[] = []
  for (const one of await openRecalls(db)) {
    // One that fails keeps no other waiting.
    try {
      if (!(await hasMore(db, one))) continue
      caught += await db.transaction(async (tx) => {
        await lockRecalls(tx)
        const still = await findRecall(tx, one.id)
        if (still.state !== 'open') return 0
        const reached = await reachBags(tx, catcher, still, now())
        if (reached.held > 0) await tellRecall(tx, still, 'reached', reached, now())
        return reached.held + reached.cases
      })
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return caught
}

/** Write down a lot a bag was made with. @throws Refusal `not_found`, `forbidden` */
export async function recordLot(
  ctx: Context,
  { bagId, ...lot }: { readonly bagId: string; readonly kind: LotKind; readonly number: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const bag = await reachBag(ctx, tx, bagId, 'bag.process')
    await insertLot(tx, ctx.actor, bag, lot, ctx.now())
  })
}

/**
 * Whom the bag of an open case was given to: told to who made the bag, or gave it, and never without a trace of who asked.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict` where the case is closed
 */
export async function identifyInCase(
  ctx: Context,
  { number, reason }: { readonly number: number; readonly reason: string },
): Promise<{ readonly patient: string | null; readonly facility: string | null }> {
  return ctx.database.db.transaction(async (tx) => {
    const found = await findLookBack(tx, number)
    demandRight(ctx, 'look_back.identify', [found.of.holderId, found.of.originId], noLookBack(number))
    demandSomebody(ctx, 'a recipient is looked up')
    if (found.one.closedAt !== null)
      throw new Refusal('conflict', `look-back case ${number} is closed: its recipient is told no more`)
    return identifyRecipient(tx, ctx.actor, found, reason, ctx.now())
  })
}
