import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm'
import { bagPlace, inventory, sighting, tagAssignment } from '../../schema/tables/bags.ts'
import { boot, clockFact, device } from '../../schema/tables/devices.ts'
import type { Actor } from '../domain/actor.ts'
import { type ClockFact, offsetOf } from '../domain/clock.ts'
import { foldPlaces, type Place, type Sighting } from '../domain/place.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { insertRows } from './rows.ts'

export type SightingRow = typeof sighting.$inferInsert
export type InventoryRow = typeof inventory.$inferInsert

/**
 * Hold the tags for the rest of the transaction, by ascending name. An observation of a tag and its assignment to a
 * bag must see each other, and there is no row of a tag to lock.
 */
export async function lockTags(tx: Transaction, tags: Iterable<string>): Promise<void> {
  for (const tag of [...new Set(tags)].sort()) {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${tag}, 4837))`)
  }
}

export async function insertSightings(tx: Transaction, rows: readonly SightingRow[]): Promise<void> {
  await insertRows(tx, sighting, rows)
}

export async function insertInventories(tx: Transaction, rows: readonly InventoryRow[]): Promise<void> {
  await insertRows(tx, inventory, rows)
}

/** The bags these tags are or were on. */
export async function bagsOfTags(tx: Transaction, tags: readonly string[]): Promise<string[]> {
  if (tags.length === 0) return []
  const rows = await tx
    .selectDistinct({ bagId: tagAssignment.bagId })
    .from(tagAssignment)
    .where(inArray(tagAssignment.tag, [...tags]))
  return rows.map(({ bagId }) => bagId)
}

/** The bags that were seen, through any tag, in messages of one boot. */
export async function bagsSeenInBoot(tx: Transaction, bootId: number): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ bagId: tagAssignment.bagId })
    .from(tagAssignment)
    .innerJoin(sighting, eq(sighting.tag, tagAssignment.tag))
    .where(eq(sighting.bootId, bootId))
  return rows.map(({ bagId }) => bagId)
}

/** The bags now believed to be, or to have been, in a device: those an inventory of it may miss. */
export async function bagsPlacedIn(tx: Transaction, deviceId: number): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ bagId: bagPlace.bagId })
    .from(bagPlace)
    .where(and(eq(bagPlace.deviceId, deviceId), isNull(bagPlace.knownTo)))
  return rows.map(({ bagId }) => bagId)
}

/** Fold all that was seen of a bag into its places again, superseding those that are no longer believed. */
export async function refoldPlaces(tx: Transaction, bagId: string, now: number): Promise<readonly Place[]> {
  const places = foldPlaces(await sightingsOfBag(tx, bagId))
  const old = await tx
    .select()
    .from(bagPlace)
    .where(and(eq(bagPlace.bagId, bagId), isNull(bagPlace.knownTo)))
  const believed = new Map(old.map((place) => [signature(place), place.id]))
  const added = places.filter((place) => !believed.delete(signature(place)))
  if (believed.size > 0) {
    await tx
      .update(bagPlace)
      .set({ knownTo: now })
      .where(inArray(bagPlace.id, [...believed.values()]))
  }
  await insertRows(
    tx,
    bagPlace,
    added.map((place) => ({ bagId, knownFrom: now, ...place })),
  )
  return places
}

function signature({ state, deviceId, from, to }: Place): string {
  return [state, deviceId, from, to].join('/')
}

/** All that was seen of a bag, by event time, through the tags it carried at the time; with the inventories that missed it. */
async function sightingsOfBag(tx: Transaction, bagId: string): Promise<Sighting[]> {
  const assignments = await tx.select().from(tagAssignment).where(eq(tagAssignment.bagId, bagId))
  const sightings: Sighting[] = []
  for (const { tag, from, to } of assignments) {
    const rows = await tx
      .select({ sighting, boot: boot.boot })
      .from(sighting)
      .leftJoin(boot, eq(boot.id, sighting.bootId))
      .where(eq(sighting.tag, tag))
    const devices = [...new Set(rows.map((row) => row.sighting.deviceId))]
    if (devices.length === 0) continue
    const inventories = await tx
      .select({ inventory, boot: boot.boot })
      .from(inventory)
      .innerJoin(boot, eq(boot.id, inventory.bootId))
      .where(inArray(inventory.deviceId, devices))
    const facts = await clockFactsOf(tx, devices)

    const seenBy = new Set(rows.map((row) => `${row.sighting.bootId}/${row.sighting.seq}`))
    const observed = [
      ...rows.map(({ sighting: row, boot: name }) => ({ ...row, boot: name })),
      ...inventories
        .filter(({ inventory: row }) => !seenBy.has(`${row.bootId}/${row.seq}`))
        .map(({ inventory: row, boot: name }) => ({
          ...row,
          boot: name,
          kind: 'missing' as const,
          source: 'rfid' as const,
          element: 0,
          id: 0,
        })),
    ]
    for (const { kind, source, deviceId, at, boot: name, seq, element, id } of observed) {
      const offset = name === null ? 0 : offsetOf(facts.get(deviceId) ?? [], name, seq ?? 0)
      const eventAt = at + offset
      if (eventAt < from || (to !== null && eventAt >= to)) continue
      sightings.push({
        kind,
        source,
        deviceId,
        at: eventAt,
        key: observationKey(deviceId, name, seq, element, id, kind),
      })
    }
  }
  return sightings
}

/** Orders observations of one instant by what they are. Those of people have no number but the one they got when kept. */
function observationKey(
  deviceId: number,
  bootName: string | null,
  seq: number | null,
  element: number | null,
  id: number,
  kind: string,
): string {
  const pad = (n: number) => String(n).padStart(16, '0')
  return [pad(deviceId), bootName ?? '', pad(seq ?? id), pad(element ?? 0), kind].join('/')
}

async function clockFactsOf(tx: Transaction, devices: readonly number[]): Promise<Map<number, ClockFact[]>> {
  const rows = await tx
    .select({ fact: clockFact, boot: boot.boot })
    .from(clockFact)
    .innerJoin(boot, eq(boot.id, clockFact.bootId))
    .where(inArray(clockFact.deviceId, [...devices]))
  const facts = new Map<number, ClockFact[]>()
  for (const { fact, boot: name } of rows) {
    const list = facts.get(fact.deviceId) ?? []
    list.push({ ...fact, boot: name })
    facts.set(fact.deviceId, list)
  }
  return facts
}

/** The places of a bag as now believed, oldest first. */
export async function placesOf(db: Database, bagId: string): Promise<(Place & { device: string })[]> {
  return db
    .select({
      state: bagPlace.state,
      deviceId: bagPlace.deviceId,
      device: device.name,
      from: bagPlace.from,
      to: bagPlace.to,
    })
    .from(bagPlace)
    .innerJoin(device, eq(device.id, bagPlace.deviceId))
    .where(and(eq(bagPlace.bagId, bagId), isNull(bagPlace.knownTo)))
    .orderBy(asc(bagPlace.from))
}

/** Sightings whose tag is on no bag at that time: somebody must say what carries it. */
export async function unresolvedTags(db: Database, limit: number) {
  return db
    .select({
      tag: sighting.tag,
      sightings: sql<number>`count(*)`,
      firstAt: sql<number>`min(${sighting.at})`,
      lastAt: sql<number>`max(${sighting.at})`,
      lastDevice: sql<string>`(array_agg(${device.name} order by ${sighting.at} desc))[1]`,
    })
    .from(sighting)
    .innerJoin(device, eq(device.id, sighting.deviceId))
    .where(
      sql`not exists (select from ${tagAssignment} a where a.tag = ${sighting.tag} and a."from" <= ${sighting.at}
          and (a."to" is null or ${sighting.at} < a."to"))`,
    )
    .groupBy(sighting.tag)
    .orderBy(sql`min(${sighting.at})`)
    .limit(limit)
}

/**
 * Put a tag on a bag from an instant of event time on. Without one it is the bag's since it was last another's, so
 * that what was seen of it before anybody registered it is resolved too.
 *
 * @throws Refusal `tag_in_use` where the tag is on another bag at that time
 */
export async function assignTag(
  tx: Transaction,
  actor: Actor,
  input: { readonly tag: string; readonly bagId: string; readonly from?: number | undefined },
  now: number,
): Promise<void> {
  const earlier = await tx.select().from(tagAssignment).where(eq(tagAssignment.tag, input.tag))
  if (earlier.some((old) => old.bagId === input.bagId && old.to === null)) return
  const from = input.from ?? Math.max(0, ...earlier.map(({ to }) => to ?? 0))
  const rival = earlier.find((old) => old.to === null || old.to > from)
  if (rival) {
    throw new Refusal('tag_in_use', `tag ${input.tag} is on bag ${rival.bagId}: take it off there first`)
  }
  await tx.insert(tagAssignment).values({ tag: input.tag, bagId: input.bagId, from })
  await appendAudit(tx, actor, {
    at: now,
    action: 'tag.assigned',
    subjectKind: 'tag',
    subject: input.tag,
    after: { bagId: input.bagId, from },
  })
}

/**
 * Take a tag off a bag at an instant of event time; what is seen of the tag from then on is not the bag's.
 *
 * @throws Refusal `not_found` where it is not on this bag, `invalid_request` where it was put on later
 */
export async function removeTag(
  tx: Transaction,
  actor: Actor,
  { tag, bagId, at }: { readonly tag: string; readonly bagId: string; readonly at: number },
  now: number,
): Promise<void> {
  const on = and(eq(tagAssignment.tag, tag), eq(tagAssignment.bagId, bagId), isNull(tagAssignment.to))
  const [assignment] = await tx.select().from(tagAssignment).where(on)
  if (!assignment) throw new Refusal('not_found', `tag ${tag} is not on bag ${bagId}`)
  if (at <= assignment.from) {
    const since = new Date(assignment.from).toISOString()
    throw new Refusal(
      'invalid_request',
      `tag ${tag} is on bag ${bagId} since ${since} only: take it off later`,
    )
  }
  await tx.update(tagAssignment).set({ to: at }).where(eq(tagAssignment.id, assignment.id))
  await appendAudit(tx, actor, {
    at: now,
    action: 'tag.removed',
    subjectKind: 'tag',
    subject: tag,
    before: { bagId, from: assignment.from },
    after: { bagId, from: assignment.from, to: at },
  })
}
