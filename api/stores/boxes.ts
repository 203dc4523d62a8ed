import { and, asc, desc, eq, isNotNull, isNull, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { boxContent, boxPacking, boxSealCheck } from '../../schema/tables/boxes.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'
import { isIn, isOneOf } from './rows.ts'

export type Packing = typeof boxPacking.$inferSelect

export const noBox = (id: string) => `no box was packed as ${id}`

/** Locked, for whoever changes what is in it. @throws Refusal `not_found` */
export async function lockPacking(tx: Transaction, id: string): Promise<Packing> {
  const [found] = await tx.select().from(boxPacking).where(eq(boxPacking.id, id)).for('update')
  if (!found) throw new Refusal('not_found', noBox(id))
  return found
}

/** @throws Refusal `not_found` */
export async function findPacking(db: Database | Transaction, id: string): Promise<Packing> {
  const [found] = await db.select().from(boxPacking).where(eq(boxPacking.id, id))
  if (!found) throw new Refusal('not_found', noBox(id))
  return found
}

/** The box of that name that is packed at a facility now, locked; null where none is. */
export async function packedBox(tx: Transaction, facilityId: number, box: string): Promise<Packing | null> {
  const [found] = await tx
    .select()
    .from(boxPacking)
    .where(and(eq(boxPacking.facilityId, facilityId), eq(boxPacking.box, box), isNull(boxPacking.emptiedAt)))
    .for('update')
  return found ?? null
}

/** The box a bag is in now, locked; null where it is in none. */
export async function boxOf(tx: Transaction, bagId: string): Promise<Packing | null> {
  const [found] = await tx
    .select({ packing: boxPacking })
    .from(boxContent)
    .innerJoin(boxPacking, eq(boxPacking.id, boxContent.packingId))
    .where(and(eq(boxContent.bagId, bagId), isNull(boxContent.unpackedAt)))
    .for('update', { of: boxPacking })
  return found?.packing ?? null
}

/** @throws Refusal `conflict` where a box of that name is packed there */
export async function insertPacking(
  tx: Transaction,
  actor: Actor,
  row: typeof boxPacking.$inferInsert,
): Promise<Packing> {
  const [made] = await tx.insert(boxPacking).values(row).onConflictDoNothing().returning()
  if (!made) throw new Refusal('conflict', `a box ${row.box} is packed there already: unpack it first`)
  const { box, seal, centi, logger } = made
  await tell(tx, actor, made, 'packed', made.packedAt, { box, seal, centi, logger })
  return made
}

/** Into the box; what is in it already stays. @throws Refusal `conflict` where one is in another box */
export async function packBags(
  tx: Transaction,
  actor: Actor,
  into: Packing,
  bagIds: readonly string[],
  now: number,
): Promise<void> {
  if (bagIds.length === 0) return
  const elsewhere = await tx
    .select({ bagId: boxContent.bagId, packingId: boxContent.packingId })
    .from(boxContent)
    .where(and(isOneOf(boxContent.bagId, bagIds), isNull(boxContent.unpackedAt)))
  if (elsewhere.some(({ packingId }) => packingId !== into.id))
    throw new Refusal('conflict', `a bag is in another box: unpack it there first`)
  const rows = bagIds.map((bagId) => ({ packingId: into.id, bagId, packedAt: now, packedBy: actor }))
  await tx
    .insert(boxContent)
    .values(rows)
    .onConflictDoUpdate({
      target: [boxContent.packingId, boxContent.bagId],
      set: { unpackedAt: null, unpackedBy: null },
    })
  await tell(tx, actor, into, 'filled', now, { bags: bagIds })
}

/** Out of the box; one that nothing is in any more is empty, and may be packed again. */
export async function unpackBags(
  tx: Transaction,
  actor: Actor,
  from: Packing,
  bagIds: readonly string[],
  now: number,
): Promise<void> {
  const inIt = and(eq(boxContent.packingId, from.id), isNull(boxContent.unpackedAt))
  const out = await tx
    .update(boxContent)
    .set({ unpackedAt: now, unpackedBy: actor })
    .where(and(inIt, isOneOf(boxContent.bagId, bagIds)))
    .returning({ bagId: boxContent.bagId })
  if (out.length === 0) return
  await tell(tx, actor, from, 'unpacked', now, { bags: out.map(({ bagId }) => bagId).sort() })
  const [left] = await tx.select({ bagId: boxContent.bagId }).from(boxContent).where(inIt).limit(1)
  if (!left) await tx.update(boxPacking).set({ emptiedAt: now }).where(eq(boxPacking.id, from.id))
}

/** A seal as it was found. What it should be nobody wrote down is no mismatch. @returns does it match? */
export async function insertSealCheck(
  tx: Transaction,
  actor: Actor,
  of: Packing,
  told: string,
  now: number,
): Promise<boolean> {
  const matches = of.seal === null || isSameSeal(of.seal, told)
  await tx.insert(boxSealCheck).values({ packingId: of.id, told, matches, actor, at: now })
  await tell(tx, actor, of, 'seal_checked', now, { told, matches })
  return matches
}

function isSameSeal(one: string, other: string): boolean {
  const plain = (seal: string) => seal.replaceAll(/[\s-]/g, '').toUpperCase()
  return plain(one) === plain(other)
}

/** @throws Refusal `conflict` where no seal was another, or somebody has looked into it */
export async function settlePacking(
  tx: Transaction,
  actor: Actor,
  of: Packing,
  conclusion: string,
  now: number,
): Promise<void> {
  const settled = await tx
    .update(boxPacking)
    .set({ settledAt: now, settledBy: actor, conclusion })
    .where(and(eq(boxPacking.id, of.id), isNull(boxPacking.settledAt), differs))
    .returning({ id: boxPacking.id })
  if (settled.length === 0) throw new Refusal('conflict', `no seal of box ${of.box} is to be looked into`)
  await tell(tx, actor, of, 'settled', now, { conclusion })
}

const differs = sql`exists (
  select from ${boxSealCheck} c where c.packing_id = ${boxPacking.id} and not c.matches
)`

/** The boxes within reach, at either end, that came with another seal and nobody has looked into. */
export async function boxesWithAnotherSeal(
  db: Database,
  reach: Reach,
): Promise<{ boxId: string; box: string; device: string | null; facility: string; at: number }[]> {
  const first = sql<number>`(
    select min(c.at) from ${boxSealCheck} c where c.packing_id = ${boxPacking.id} and not c.matches
  )`.mapWith(Number)
  return db
    .select({
      boxId: boxPacking.id,
      box: boxPacking.box,
      device: device.name,
      facility: facility.code,
      at: first,
    })
    .from(boxPacking)
    .innerJoin(facility, eq(facility.id, boxPacking.destinationId))
    .leftJoin(device, eq(device.id, boxPacking.deviceId))
    .where(
      and(
        isNull(boxPacking.settledAt),
        sql`${boxPacking.id} in (select c.packing_id from ${boxSealCheck} c where not c.matches)`,
        or(isIn(reach, boxPacking.facilityId), isIn(reach, boxPacking.destinationId)),
      ),
    )
    .orderBy(first, boxPacking.id)
    .limit(200)
}

export type TracedBox = Packing & {
  readonly device: string | null
  readonly from: string
  readonly to: string
  readonly bags: readonly { bagId: string; packedAt: number; unpackedAt: number | null }[]
  readonly seals: readonly { told: string; matches: boolean; at: number }[]
}

/** Boxes within reach, the newest first. */
export async function listBoxes(
  db: Database | Transaction,
  {
    reach,
    id,
    facilityId,
    isOpen,
    limit,
  }: {
    readonly reach: Reach
    readonly id?: string
    readonly facilityId?: number | undefined
    readonly isOpen?: boolean | undefined
    readonly limit: number
  },
): Promise<TracedBox[]> {
  const [from, to] = [alias(facility, 'f'), alias(facility, 't')]
  const found = await db
    .select({ packing: boxPacking, device: device.name, from: from.code, to: to.code })
    .from(boxPacking)
    .innerJoin(from, eq(from.id, boxPacking.facilityId))
    .innerJoin(to, eq(to.id, boxPacking.destinationId))
    .leftJoin(device, eq(device.id, boxPacking.deviceId))
    .where(
      and(
        id === undefined ? undefined : eq(boxPacking.id, id),
        facilityId === undefined
          ? undefined
          : or(eq(boxPacking.facilityId, facilityId), eq(boxPacking.destinationId, facilityId)),
        isOpen === undefined
          ? undefined
          : isOpen
            ? isNull(boxPacking.emptiedAt)
            : isNotNull(boxPacking.emptiedAt),
        or(isIn(reach, boxPacking.facilityId), isIn(reach, boxPacking.destinationId)),
      ),
    )
    .orderBy(desc(boxPacking.packedAt), desc(boxPacking.id))
    .limit(limit)
  const ids = found.map(({ packing }) => packing.id)
  const contents = await db
    .select()
    .from(boxContent)
    .where(isOneOf(boxContent.packingId, ids))
    .orderBy(asc(boxContent.bagId))
  const seals = await db
    .select()
    .from(boxSealCheck)
    .where(isOneOf(boxSealCheck.packingId, ids))
    .orderBy(asc(boxSealCheck.id))
  return found.map(({ packing, ...where }) => ({
    ...packing,
    ...where,
    bags: contents.filter(({ packingId }) => packingId === packing.id),
    seals: seals.filter(({ packingId }) => packingId === packing.id),
  }))
}

async function tell(
  tx: Transaction,
  actor: Actor,
  { id, facilityId, destinationId }: Packing,
  what: string,
  now: number,
  after: object,
): Promise<void> {
  const kind = `box.${what}`
  await appendNews(tx, [{ at: now, kind, subject: id, facilityIds: [facilityId, destinationId], data: {} }])
  await appendAudit(tx, actor, { at: now, action: kind, subjectKind: 'box', subject: id, after })
}
