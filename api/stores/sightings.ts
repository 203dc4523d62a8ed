import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm'
import { bagPlace, inventory, sighting, tagAssignment } from '../../schema/tables/bags.ts'
import { boot, clockFact, clockFault, device } from '../../schema/tables/devices.ts'
import { message } from '../../schema/tables/messages.ts'
import type { Actor } from '../domain/actor.ts'
import { type ClockFact, offsetOf } from '../domain/clock.ts'
import { groupedBy } from '../domain/grouped-by.ts'
import { foldPlaces, type Place, type Sighting, saysNothingNew } from '../domain/place.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { type ClockFault, clockFaultsOf, isTimeVerified, offsetInSql } from './clocks.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { dueForBags } from './ledger-due.ts'
import { settleMoves } from './rescues.ts'
import { insertRows, isIn, isOneOf } from './rows.ts'

export type SightingRow = typeof sighting.$inferInsert
export type InventoryRow = typeof inventory.$inferInsert
type Assignment = typeof tagAssignment.$inferSelect
type PlaceRow = typeof bagPlace.$inferSelect

/**
 * Hold the tags for the rest of the transaction, by ascending name. An observation of a tag and its assignment to a
 * bag must see each other, and there is no row of a tag to lock.
 */
export async function lockTags(tx: Transaction, tags: Iterable<string>): Promise<void> {
  const names = [...new Set(tags)].sort()
  if (names.length === 0) return
  await tx.execute(sql`
    select pg_advisory_xact_lock(hashtextextended(tag, 4837))
    from unnest(${sql.param(names)}::text[]) with ordinality as given(tag, turn) order by turn`)
}

/**
 * Hold what is inventoried of devices for the rest of the transaction, by ascending id, once the tags are held. An
 * inventory speaks of the bags it misses, which it does not name: one that is being put in place just then must wait.
 */
export async function lockInventories(tx: Transaction, deviceIds: Iterable<number>): Promise<void> {
  const ids = [...new Set(deviceIds)].sort((a, b) => a - b)
  if (ids.length === 0) return
  await tx.execute(sql`
    select pg_advisory_xact_lock(4838, id)
    from unnest(${sql.param(ids)}::integer[]) with ordinality as given(id, turn) order by turn`)
}

/** The devices whose inventories may miss this tag. */
export async function devicesThatSaw(tx: Transaction, tag: string): Promise<number[]> {
  const rows = await tx
    .selectDistinct({ deviceId: sighting.deviceId })
    .from(sighting)
    .where(eq(sighting.tag, tag))
  return rows.map(({ deviceId }) => deviceId)
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
    .where(isOneOf(tagAssignment.tag, tags))
  return rows.map(({ bagId }) => bagId)
}

/**
 * The bags whose places hang on the time of a boot's messages: those seen in them through any tag, and those its
 * inventories may have missed, which is all the device ever saw.
 */
export async function bagsTouchedByBoot(
  tx: Transaction,
  bootId: number,
  deviceId: number,
): Promise<string[]> {
  const rows = await tx
    .selectDistinct({ bagId: tagAssignment.bagId })
    .from(tagAssignment)
    .innerJoin(sighting, eq(sighting.tag, tagAssignment.tag))
    .where(
      or(
        eq(sighting.bootId, bootId),
        and(
          eq(sighting.deviceId, deviceId),
          sql`exists (select from ${inventory} where ${inventory.bootId} = ${bootId})`,
        ),
      ),
    )
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

/** Where bags are believed to be, or to have been, oldest first; nothing of those nobody has seen. */
async function placesOf(tx: Transaction, bagIds: readonly string[]): Promise<Map<string, PlaceRow[]>> {
  const rows = await tx
    .select()
    .from(bagPlace)
    .where(and(isOneOf(bagPlace.bagId, bagIds), isNull(bagPlace.knownTo)))
    .orderBy(asc(bagPlace.from))
  return groupedBy(rows, ({ bagId }) => bagId)
}

/**
 * Fold all that was seen of bags into their places again, superseding those that are no longer believed. Where one was
 * to be carried and is seen to be by now, that is settled.
 */
export async function refoldPlaces(tx: Transaction, bagIds: readonly string[], now: number): Promise<void> {
  if (bagIds.length === 0) return
  const seen = await sightingsOf(tx, bagIds)
  const old = await placesOf(tx, bagIds)
  const gone: number[] = []
  const added: (typeof bagPlace.$inferInsert)[] = []
  const due = new Set<string>()
  for (const bagId of bagIds) {
    const sightings = seen.get(bagId) ?? []
    const believed = new Map((old.get(bagId) ?? []).map((place) => [signature(place), place.id]))
    const places = foldPlaces(sightings).filter((place) => !believed.delete(signature(place)))
    gone.push(...believed.values())
    for (const { state, deviceId, from, to } of places)
      added.push({ bagId, knownFrom: now, state, deviceId, from, to })
    // What a clock in doubt told may change how much of a place is believed, and the place not.
    const isDoubted = sightings.some(({ doubtfulUntil }) => doubtfulUntil !== null)
    if (places.length > 0 || believed.size > 0 || isDoubted) due.add(bagId)
    // What a clock a little ahead of ours tells is not so yet.
    const newest = Math.max(...places.map(({ from, to }) => to ?? from))
    if (newest >= now) await dueForBags(tx, [bagId], newest + 1)
  }
  if (gone.length > 0) await tx.update(bagPlace).set({ knownTo: now }).where(isOneOf(bagPlace.id, gone))
  await dueForBags(tx, [...due], now)
  await insertRows(tx, bagPlace, added)
  const entered = new Set(added.filter(({ state }) => state === 'inside').map(({ bagId }) => bagId))
  await settleMoves(tx, [...entered], now)
}

/** What was seen of tags in messages just stored, each with its event time. */
export type SeenAnew = {
  readonly sightings: readonly Pick<SightingRow, 'tag' | 'kind' | 'deviceId' | 'at'>[]
  readonly inventories: readonly (Pick<InventoryRow, 'deviceId' | 'at'> & {
    readonly tags: ReadonlySet<string>
  })[]
}

/**
 * Of these bags those whose places must be folded again for what was seen anew. Of the others it says what was known,
 * and no clock in doubt has a say in where they were. They must be locked.
 */
export async function bagsToRefold(
  tx: Transaction,
  bagIds: readonly string[],
  { sightings, inventories }: SeenAnew,
): Promise<string[]> {
  if (bagIds.length === 0 || sightings.length + inventories.length === 0) return []
  const tags = await assignmentsOf(tx, bagIds)
  const places = await placesOf(tx, bagIds)
  const doubted = await devicesInDoubt(tx)
  const byTag = groupedBy(sightings, ({ tag }) => tag)
  return bagIds.filter((bagId) => {
    const on = tags.get(bagId) ?? []
    const its = places.get(bagId) ?? []
    if (its.some(({ deviceId }) => doubted.has(deviceId))) return true
    const seen = on.flatMap(({ tag }) => byTag.get(tag) ?? []).filter(({ tag, at }) => carries(on, at, tag))
    const missing = inventories
      .filter(
        ({ at, tags }) => carries(on, at) && !on.some(({ tag }) => tags.has(tag) && carries(on, at, tag)),
      )
      .map((one) => ({ ...one, kind: 'missing' as const }))
    return (
      seen.some((one) => doubted.has(one.deviceId)) ||
      [...seen, ...missing].some((one) => !saysNothingNew(its, one))
    )
  })
}

/** Devices that told some of their time by a clock that nobody has settled the truth of. */
async function devicesInDoubt(tx: Transaction): Promise<ReadonlySet<number>> {
  const rows = await tx
    .selectDistinct({ deviceId: clockFault.deviceId })
    .from(clockFault)
    .where(isNull(clockFault.settledBy))
  return new Set(rows.map(({ deviceId }) => deviceId))
}

function signature({ state, deviceId, from, to }: Omit<Place, 'believed'>): string {
  return [state, deviceId, from, to].join('/')
}

/** Where a bag was, oldest first, and what of it holds whatever the clocks now in doubt turn out to be. */
export async function datedPlacesOf(db: Database, bagId: string): Promise<(Place & { device: string })[]> {
  const places = foldPlaces((await sightingsOf(db, [bagId])).get(bagId) ?? [])
  if (places.length === 0) return []
  const rows = await db
    .select({ id: device.id, name: device.name })
    .from(device)
    .where(inArray(device.id, [...new Set(places.map(({ deviceId }) => deviceId))]))
  const names = new Map(rows.map(({ id, name }) => [id, name]))
  return places.map((place) => ({ ...place, device: names.get(place.deviceId) as string }))
}

async function assignmentsOf(
  db: Database | Transaction,
  bagIds: readonly string[],
): Promise<Map<string, Assignment[]>> {
  const rows = await db.select().from(tagAssignment).where(isOneOf(tagAssignment.bagId, bagIds))
  return groupedBy(rows, ({ bagId }) => bagId)
}

/** Is there a tag on it at that time, or this one? */
function carries(tags: readonly Assignment[], at: number, tag?: string): boolean {
  return tags.some((on) => (tag ?? on.tag) === on.tag && at >= on.from && (on.to === null || at < on.to))
}

/** All that was seen of bags, through the tags they carried at the time; with the inventories that read none of them. */
async function sightingsOf(
  db: Database | Transaction,
  bagIds: readonly string[],
): Promise<Map<string, Sighting[]>> {
  const assigned = await assignmentsOf(db, bagIds)
  const tags = new Set([...assigned.values()].flat().map(({ tag }) => tag))
  if (tags.size === 0) return new Map()
  const rows = await db
    .select({ sighting, boot: boot.boot })
    .from(sighting)
    .leftJoin(boot, eq(boot.id, sighting.bootId))
    .where(isOneOf(sighting.tag, [...tags]))
  const devices = [...new Set(rows.map((row) => row.sighting.deviceId))]
  if (devices.length === 0) return new Map()
  const inventories = await db
    .select({ inventory, boot: boot.boot, receivedAt: message.receivedAt })
    .from(inventory)
    .innerJoin(boot, eq(boot.id, inventory.bootId))
    .leftJoin(message, and(eq(message.bootId, inventory.bootId), eq(message.seq, inventory.seq)))
    .where(isOneOf(inventory.deviceId, devices))
  const facts = await clockFactsOf(db, devices)
  const clocks = new Map<number, Clock>()
  for (const deviceId of devices)
    clocks.set(deviceId, { facts: facts.get(deviceId) ?? [], faults: await clockFaultsOf(db, deviceId) })
  return sightingsFrom({
    assigned: [...assigned.values()].flat(),
    seen: rows.map(({ sighting: row, boot: name }) => ({ ...row, boot: name })),
    inventories: inventories.map(({ inventory: row, ...told }) => ({ ...row, ...told })),
    clocks,
  })
}

/** What is known, and what is in doubt, of a device's clock. */
type Clock = { readonly facts: readonly ClockFact[]; readonly faults: readonly ClockFault[] }

/** What was seen of bags' tags, as it is kept. */
export type Seen = {
  readonly assigned: readonly Assignment[]
  /** Of any of these tags, at any time. */
  readonly seen: readonly (Observation & { readonly tag: string })[]
  /** Of the devices that saw one of them. */
  readonly inventories: readonly (InventoryRow & {
    readonly boot: string
    readonly receivedAt: number | null
  })[]
  /** Of the same, by id. */
  readonly clocks: ReadonlyMap<number, Clock>
}

/** Where bags were by what was seen of them, as `datedPlacesOf` tells it; nothing of those nobody has seen. */
export function placesFrom(seen: Seen): ReadonlyMap<string, readonly Place[]> {
  return new Map([...sightingsFrom(seen)].map(([bagId, sightings]) => [bagId, foldPlaces(sightings)]))
}

/** By event time, of each bag that ever had a tag. */
function sightingsFrom({ assigned, seen: observed, inventories, clocks }: Seen): Map<string, Sighting[]> {
  if (observed.length === 0) return new Map()
  const dated = (row: Observation): Dated => {
    const { deviceId, boot: name, seq } = row
    const { facts, faults } = clocks.get(deviceId) as Clock
    const isDoubtful = name !== null && !isTimeVerified(faults, name, seq ?? 0)
    return {
      kind: row.kind,
      source: row.source,
      deviceId,
      at: row.at + (name === null ? 0 : offsetOf(facts, name, seq ?? 0)),
      key: observationKey(row),
      doubtfulUntil: isDoubtful ? row.receivedAt : null,
      message: `${row.bootId}/${seq}`,
    }
  }
  const seen = groupedBy(
    observed.map((row) => ({ tag: row.tag, ...dated(row) })),
    ({ tag }) => tag,
  )
  const missing = groupedBy(
    inventories.map(({ receivedAt, ...row }) => {
      const never = { kind: 'missing', source: 'rfid', element: 0, id: 0 } as const
      return dated({ ...row, ...never, receivedAt: receivedAt ?? Number.POSITIVE_INFINITY })
    }),
    ({ deviceId }) => deviceId,
  )
  const tags = groupedBy(assigned, ({ bagId }) => bagId)
  return new Map([...tags].map(([bagId, on]) => [bagId, sightingsThrough(on, seen, missing)]))
}

/** @param missing what the inventories of each device say of whatever they do not name */
function sightingsThrough(
  tags: readonly Assignment[],
  seen: ReadonlyMap<string, readonly Dated[]>,
  missing: ReadonlyMap<number, readonly Dated[]>,
): Sighting[] {
  const through = [...new Set(tags.map(({ tag }) => tag))].map((tag) => [tag, seen.get(tag) ?? []] as const)
  const sightings: Dated[] = through.flatMap(([tag, all]) => all.filter(({ at }) => carries(tags, at, tag)))
  const named = new Set(sightings.map((one) => one.message))
  const devices = new Set(through.flatMap(([, all]) => all.map(({ deviceId }) => deviceId)))
  for (const deviceId of devices)
    for (const one of missing.get(deviceId) ?? [])
      if (!named.has(one.message) && carries(tags, one.at)) sightings.push(one)
  const untagged = tags.flatMap(({ to }) => (to === null || carries(tags, to) ? [] : [to]))
  return [...sightings, ...untagged.map((at) => ({ ...nothingSeen, at, key: `untagged/${at}` }))]
}

/** Somebody took the last tag off. */
const nothingSeen = { kind: 'untagged', source: 'manual', deviceId: 0, doubtfulUntil: null } as const

/** A sighting of one of a bag's tags, or an inventory that has none of them. */
type Observation = {
  readonly kind: Sighting['kind']
  readonly source: Sighting['source']
  readonly deviceId: number
  readonly at: number
  readonly boot: string | null
  readonly bootId: number | null
  readonly seq: number | null
  readonly element: number | null
  readonly id: number
  readonly receivedAt: number
}

/** At its event time, and by which message it was told. */
type Dated = Sighting & { readonly message: string }

/** Orders observations of one instant by what they are. Those of people have no number but the one they got when kept. */
function observationKey({ deviceId, boot: name, seq, element, id, kind }: Observation): string {
  const pad = (n: number) => String(n).padStart(16, '0')
  return [pad(deviceId), name ?? '', pad(seq ?? id), pad(element ?? 0), kind].join('/')
}

async function clockFactsOf(
  db: Database | Transaction,
  devices: readonly number[],
): Promise<Map<number, ClockFact[]>> {
  const rows = await db
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

/** Sightings whose tag is on no bag at that time: somebody must say what carries it. Those seen longest come first. */
export async function unresolvedTags(
  db: Database,
  { limit, reach, now }: { readonly limit: number; readonly reach: Reach; readonly now: number },
) {
  const { rows } = await db.execute<{
    tag: string
    sightings: number
    firstAt: number
    lastAt: number
    lastDevice: string
  }>(sql`
    select tag, count(*) as sightings, min(at) as "firstAt", max(at) as "lastAt",
           (array_agg(device order by at desc))[1] as "lastDevice"
    from (
      select told.tag, told.at + ${offsetInSql(sql`told`)} as at, ${device.name} as device
      from ${sighting} told join ${device} on ${device.id} = told.device_id
      where ${isIn(reach, standsIn(device.id, now)) ?? sql`true`}
    ) seen
    where not exists (
      select from ${tagAssignment} a
      where a.tag = seen.tag and a."from" <= seen.at and (a."to" is null or seen.at < a."to")
    )
    group by tag order by min(at), tag limit ${limit}`)
  return rows
}

/** The tags that are on some bags now. */
export async function tagsOn(
  tx: Transaction,
  bagIds: readonly string[],
): Promise<{ tag: string; bagId: string }[]> {
  return tx
    .select({ tag: tagAssignment.tag, bagId: tagAssignment.bagId })
    .from(tagAssignment)
    .where(and(inArray(tagAssignment.bagId, [...bagIds]), isNull(tagAssignment.to)))
    .orderBy(asc(tagAssignment.tag))
}

/**
 * Put a tag on a bag from an instant of event time on. Without one the first tag of a bag is the bag's since it was last
 * another's, so that what was seen of it before anybody registered it is resolved too; a later one is from now on.
 *
 * @throws Refusal `tag_in_use` where the tag is on another bag at that time, or on this one since another time
 */
export async function assignTag(
  tx: Transaction,
  actor: Actor,
  input: { readonly tag: string; readonly bagId: string; readonly from?: number | undefined },
  now: number,
): Promise<void> {
  const earlier = await tx.select().from(tagAssignment).where(eq(tagAssignment.tag, input.tag))
  const standing = earlier.find((old) => old.bagId === input.bagId && old.to === null)
  if (standing) {
    if (input.from === undefined || input.from === standing.from) return
    const since = new Date(standing.from).toISOString()
    throw new Refusal(
      'tag_in_use',
      `tag ${input.tag} is on bag ${input.bagId} since ${since}: take it off first to say otherwise`,
    )
  }
  const others = await tx.select().from(tagAssignment).where(eq(tagAssignment.bagId, input.bagId))
  const free = Math.max(0, ...earlier.map(({ to }) => to ?? 0))
  const from = input.from ?? (others.length > 0 ? now : free)
  const rival = earlier.find((old) => old.to === null || old.to > from)
  if (rival) {
    throw new Refusal('tag_in_use', `tag ${input.tag} is on bag ${rival.bagId}: take it off there first`)
  }
  // A key says when, but does not vouch: it is nobody.
  const vouchedFrom = actor.kind === 'person' ? (input.from ?? now) : now
  await tx.insert(tagAssignment).values({ tag: input.tag, bagId: input.bagId, from, vouchedFrom })
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
