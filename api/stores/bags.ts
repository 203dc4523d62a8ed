import { and, asc, desc, eq, gt, isNotNull, isNull, lt, lte, not, or, type SQL, sql } from 'drizzle-orm'
import { auditEntry } from '../../schema/tables/audit.ts'
import {
  bag,
  bagEvent,
  bagHold,
  bagLineage,
  bagPlace,
  donation,
  tagAssignment,
} from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { news } from '../../schema/tables/news.ts'
import type { Abo, BagVerb, Component, HoldKind, Rhd } from '../../schema/vocabulary.ts'
import { transfusionVerbs } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagEvent, BagFacts, Hold } from '../domain/bag.ts'
import type { Product } from '../domain/isbt128/part.ts'
import { sharedPool } from '../domain/isbt128/product.ts'
import { onShelf } from '../domain/lifecycle.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { shownNumber, shownProduct } from '../domain/unit-id.ts'
import { appendAudit, appendAudits } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { dueForBags } from './ledger-due.ts'
import { appendNews } from './news.ts'
import { kept, keptStatement } from './pool.ts'
import { insertRows, isIn, isOneOf } from './rows.ts'

export type Bag = typeof bag.$inferSelect
export type NewBag = typeof bag.$inferInsert

export const noBag = (id: string) => `no bag has the id ${id}`

/** @throws Refusal `not_found` */
export async function findBag(db: Database | Transaction, id: string): Promise<Bag> {
  const [found] = await db.select().from(bag).where(eq(bag.id, id))
  if (!found) throw new Refusal('not_found', noBag(id))
  return found
}

/** All bags of its donation, itself among them, by id. */
export async function siblingsOf(
  db: Database | Transaction,
  { scheme, identifier }: Pick<Bag, 'scheme' | 'identifier'>,
): Promise<string[]> {
  const rows = await db
    .select({ id: bag.id })
    .from(bag)
    .where(and(eq(bag.scheme, scheme), eq(bag.identifier, identifier)))
  return rows.map(({ id }) => id)
}

export type BagFilter = {
  /** Only bags of a donation, or those of them that are of one product. */
  readonly unit?:
    | { readonly scheme: string; readonly identifier: string; readonly product: Product | null }
    | undefined
  readonly tag?: string | undefined
  /** Only bags with a smaller id: the page before. */
  readonly before?: string | undefined
  readonly limit: number
  readonly reach: Reach
}

/** Newest first: ids are made in order of time. */
export async function listBags(db: Database, { unit, tag, before, limit, reach }: BagFilter): Promise<Bag[]> {
  return db
    .select()
    .from(bag)
    .where(
      and(
        unit && and(eq(bag.scheme, unit.scheme), eq(bag.identifier, unit.identifier)),
        unit?.product
          ? and(eq(bag.productCode, unit.product.productCode), eq(bag.division, unit.product.division))
          : undefined,
        tag === undefined
          ? undefined
          : sql`exists (select from ${tagAssignment} a where a.bag_id = ${bag.id} and a.tag = ${tag})`,
        before === undefined ? undefined : lt(bag.id, before),
        or(isIn(reach, bag.holderId), isIn(reach, bag.originId), isIn(reach, bag.destinationId)),
      ),
    )
    .orderBy(desc(bag.id))
    .limit(limit)
}

/** A new bag; its first event is for the caller to write. @throws Refusal `already_exists` naming the bag that is registered under this identity */
export async function insertBag(tx: Transaction, row: NewBag): Promise<Bag> {
  const added = await tx.insert(bag).values(row).onConflictDoNothing().returning()
  const [made] = added
  if (!made) {
    throw new Refusal('already_exists', `bag ${labelOf(row)} is registered already`)
  }
  return made
}

/**
 * Lock bags for the rest of the transaction, by ascending id; returns the ids in that order. Each moves on by one
 * revision: a scan, which locks nothing until it writes, then knows that what it was decided by may have changed. Who only
 * refers to a bag, as an answer does that hands nothing out, is not held up.
 */
export async function lockBags(tx: Transaction, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const { rows } = await tx.execute<{ id: string }>(sql`
    ${kept}
    with locked as (
      select id from ${bag} where id = any(${`{${ids.join(',')}}`}::uuid[]) order by id
      for no key update
    )
    update ${bag} set revision = revision + 1 from locked where ${bag}.id = locked.id returning ${bag}.id`)
  return rows.map(({ id }) => id).sort()
}

export async function tagsOf(
  db: Database,
  bagId: string,
): Promise<{ tag: string; from: number; to: number | null }[]> {
  return db
    .select({ tag: tagAssignment.tag, from: tagAssignment.from, to: tagAssignment.to })
    .from(tagAssignment)
    .where(eq(tagAssignment.bagId, bagId))
    .orderBy(asc(tagAssignment.from))
}

/** The bag as people name it: donation, with the check character where it has one, and product. */
export function labelOf({
  identifier,
  ...product
}: Pick<Bag, 'identifier' | 'productCode' | 'collectionType' | 'division'>): string {
  return `${shownNumber(identifier)} ${shownProduct(identifier, product)}`
}

/** What decides, of a bag that is locked or only looked at. */
export async function factsOf(db: Database | Transaction, row: Bag): Promise<BagFacts> {
  const [facts] = await factsOfAll(db, [row])
  return facts as BagFacts
}

/** The same of many, in the order they are given. */
export async function factsOfAll(db: Database | Transaction, rows: readonly Bag[]): Promise<BagFacts[]> {
  if (rows.length === 0) return []
  const holds = await db
    .select({ bagId: bagHold.bagId, id: bagHold.id, kind: bagHold.kind, reason: bagHold.reason })
    .from(bagHold)
    .where(
      and(
        isOneOf(
          bagHold.bagId,
          rows.map(({ id }) => id),
        ),
        isNull(bagHold.liftedAt),
      ),
    )
    .orderBy(asc(bagHold.id))
  return rows.map((row) => {
    const theirs = holds.filter(({ bagId }) => bagId === row.id)
    return factsWith(
      row,
      theirs.map(({ bagId: _, ...hold }) => hold),
    )
  })
}

/** A bag with the holds that are known to stand. */
export function factsWith(row: Bag, holds: readonly Hold[]): BagFacts {
  const { id, component, state, expiresAt, abo, rhd, lowTitre, holderId, destinationId } = row
  const { reservedFor, reservedToId, reservedUntil } = row
  return {
    id,
    label: labelOf(row),
    component,
    state,
    expiresAt,
    group: abo !== null && rhd !== null ? { abo, rhd } : null,
    lowTitre,
    isForAnybody: sharedPool.has(row.collectionType),
    holderId,
    destinationId,
    reservation:
      reservedUntil === null
        ? null
        : {
            patient: reservedFor,
            ...(reservedToId === null ? {} : { facilityId: reservedToId }),
            until: reservedUntil,
          },
    holds,
  }
}

export type StockFilter = {
  readonly reach: Reach
  readonly facilityId?: number | undefined
  readonly component?: Component | undefined
  readonly abo?: Abo | undefined
  readonly rhd?: Rhd | undefined
  /** Only what may be issued at `now`, or only what may not. */
  readonly issuable?: boolean | undefined
  /** ms UTC. */
  readonly now: number
  readonly limit: number
}

/** The bags on the shelves within reach with the device each is in, those that expire first in front. */
export async function bagsInStock(
  db: Database,
  { reach, facilityId, component, abo, rhd, issuable, now, limit }: StockFilter,
): Promise<{ bag: Bag; device: string | null }[]> {
  return db
    .select({ bag, device: device.name })
    .from(bag)
    .leftJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .leftJoin(device, eq(device.id, bagPlace.deviceId))
    .where(
      and(
        isIn(reach, bag.holderId),
        isOneOf(bag.state, onShelf),
        facilityId === undefined ? undefined : eq(bag.holderId, facilityId),
        component === undefined ? undefined : eq(bag.component, component),
        abo === undefined ? undefined : eq(bag.abo, abo),
        rhd === undefined ? undefined : eq(bag.rhd, rhd),
        issuable === undefined ? undefined : issuable ? isIssuable(now) : not(isIssuable(now)),
      ),
    )
    .orderBy(asc(bag.expiresAt), asc(bag.id))
    .limit(limit)
}

/** Where `findingsOfStock` finds nothing, so that a page is cut from what was asked for. True or false, never null. */
function isIssuable(now: number): SQL {
  return sql`(${and(
    eq(bag.state, 'available'),
    gt(bag.expiresAt, now),
    isNotNull(bag.abo),
    isNotNull(bag.rhd),
    isOneOf(bag.collectionType, [...sharedPool]),
    sql`coalesce(${bag.reservedUntil}, 0) <= ${now}`,
    sql`not exists (select from ${bagHold} h where h.bag_id = ${bag.id} and h.lifted_at is null)`,
  )})`
}

/**
 * Write an event and what it makes of the bag: the row first, guarded by its version, then the event, the news and the
 * audit entry.
 *
 * @throws Refusal `conflict` where another was first
 */
export async function applyEvent(
  tx: Transaction,
  actor: Actor,
  before: Bag,
  event: BagEvent,
  now: number,
): Promise<Bag> {
  const after = afterEvent(before, event)
  const asked = JSON.stringify([valuesOfEvent(actor, before, after, event, now)])
  const { rowCount } = await tx.execute(eventStatement({ asked }))
  if (rowCount !== 1)
    throw new Refusal('conflict', `somebody else was first with bag ${labelOf(before)}: look again`)
  if (changesVerdict.has(event.verb)) await dueForBags(tx, [after.id], now)
  return after
}

/** The same of many bags by one statement: all of them, or none. @throws Refusal `conflict` where another was first */
export async function applyEvents(
  tx: Transaction,
  actor: Actor,
  changes: readonly { readonly before: Bag; readonly event: BagEvent }[],
  now: number,
): Promise<Bag[]> {
  if (changes.length === 0) return []
  const afters = changes.map(({ before, event }) => afterEvent(before, event))
  const asked = JSON.stringify(
    changes.map(({ before, event }, index) => valuesOfEvent(actor, before, afters[index] as Bag, event, now)),
  )
  const { rowCount } = await tx.execute(eventStatement({ asked }))
  if (rowCount !== changes.length)
    throw new Refusal('conflict', 'somebody else was first with one of these bags: look again')
  const judged = changes.filter(({ event }) => changesVerdict.has(event.verb))
  await dueForBags(
    tx,
    judged.map(({ before }) => before.id),
    now,
  )
  return afters
}

/** The bag's row one event later. */
export function afterEvent(before: Bag, event: BagEvent): Bag {
  const { group = before, reservation, ...moved } = event.changes
  return {
    ...before,
    ...moved,
    abo: group?.abo ?? null,
    rhd: group?.rhd ?? null,
    ...(reservation === undefined
      ? {}
      : {
          reservedFor: reservation?.patient ?? null,
          reservedToId: reservation?.facilityId ?? null,
          reservedUntil: reservation?.until ?? null,
        }),
    state: event.to,
    version: before.version + 1,
  }
}

/** What an event writes, by the names its statement knows it by. */
export type EventValues = ReturnType<typeof valuesOfEvent>

export function valuesOfEvent(
  actor: Actor,
  before: Bag,
  after: Bag,
  { verb, from, to, data }: BagEvent,
  now: number,
) {
  const { version, holderId, destinationId, abo, rhd, reservedFor, reservedToId, reservedUntil } = after
  return {
    bagId: before.id,
    versionBefore: before.version,
    revision: before.revision,
    ...{ version, holderId, destinationId, abo, rhd, reservedFor, reservedToId, reservedUntil },
    ...{ verb, from, to, now, actor, data },
    what: `bag.${done[verb]}`,
    facilities: concerned(before, after),
  }
}

/** The columns a list of `EventValues` is read by. */
export const eventColumns = sql.raw(`
  "bagId" uuid, "versionBefore" integer, revision integer, version integer, "holderId" integer,
  "destinationId" integer, abo text, rhd text, "reservedFor" text, "reservedToId" integer, "reservedUntil" bigint,
  verb text, "from" text, "to" text, now bigint, what text, facilities integer[], actor jsonb, data jsonb`)

/**
 * All that the events of `asked` write, as parts of one statement: `moved` are those whose bag is still as it was when it
 * was read. Of the others nothing is written.
 */
export function writtenOfEvents(guard: SQL = sql``): SQL {
  return sql`
    moved as (
      update ${bag} set state = asked."to", version = asked.version, holder_id = asked."holderId",
        destination_id = asked."destinationId", abo = asked.abo, rhd = asked.rhd,
        reserved_for = asked."reservedFor", reserved_to_id = asked."reservedToId", reserved_until = asked."reservedUntil"
      from asked
      where bag.id = asked."bagId" and bag.version = asked."versionBefore" and bag.revision = asked.revision ${guard}
      returning asked.*
    ), event as (
      insert into ${bagEvent} (bag_id, version, verb, "from", "to", at, actor, data)
      select "bagId", version, verb, "from", "to", now, actor, data from moved
    ), told as (
      insert into ${news} (at, kind, subject, facility_ids, data)
      select now, what, "bagId", facilities, jsonb_build_object('from', "from", 'to', "to") from moved
    ), audited as (
      insert into ${auditEntry} (at, actor, action, subject_kind, subject, before, after)
      select now, actor, what, 'bag', "bagId", jsonb_build_object('state', "from"), data || jsonb_build_object('state', "to") from moved
    )`
}

const eventStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
    with asked as (select * from json_to_recordset(${asked}::json) as asked (${eventColumns})), ${writtenOfEvents()}
    select from moved`,
)

/** The verbs by which a person vouches for how a bag was kept until then. That it was made of another is none. */
export const vouchingVerbs = sql.raw(`('collect', 'register', 'release', 'receive', 'reinstate')`)

/** When an event `e` of a bag happened: what was observed says so, though never later than it was told; all else, when it was done. */
export const happenedAt = sql.raw(`least((e.data->>'occurredAt')::bigint, e.at)`)

/** After these how a bag was kept counts anew, or no more. */
const changesVerdict: ReadonlySet<BagEvent['verb']> = new Set([
  'release',
  'receive',
  'refuse',
  'reinstate',
  ...transfusionVerbs,
  'discard',
  'process',
])

/** Tell whoever holds, made or awaits the bag. */
export function concerned(
  ...bags: readonly Pick<Bag, 'holderId' | 'originId' | 'destinationId'>[]
): number[] {
  const ids = bags.flatMap(({ holderId, originId, destinationId }) => [holderId, originId, destinationId])
  return [...new Set(ids.filter((id) => id !== null))]
}

/** How a verb is told once it is done. */
const done: Record<Written['verb'], string> = {
  collect: 'collected',
  register: 'registered',
  process: 'processed',
  test: 'tested',
  release: 'released',
  reserve: 'reserved',
  unreserve: 'unreserved',
  distribute: 'distributed',
  recall_shipment: 'shipment_recalled',
  depart: 'departed',
  arrive: 'arrived',
  receive: 'received',
  refuse: 'refused',
  issue: 'issued',
  cancel_issue: 'issue_cancelled',
  transfuse: 'transfused',
  start_transfusion: 'transfusion_started',
  end_transfusion: 'transfusion_ended',
  interrupt_transfusion: 'transfusion_interrupted',
  report_reaction: 'reaction_reported',
  expire: 'expired',
  return: 'returned',
  reinstate: 'reinstated',
  discard: 'discarded',
}

type Written = Pick<BagEvent, 'to' | 'data'> & {
  readonly verb: BagEvent['verb'] | 'collect' | 'register'
  readonly from: BagEvent['from'] | null
}

/** The first event of a bag, whose row stands already. */
export function appendEvent(
  tx: Transaction,
  actor: Actor,
  after: Bag,
  written: Written,
  now: number,
): Promise<void> {
  return appendEvents(tx, actor, [{ after, ...written }], now)
}

/** The first event of each of many bags, by a few statements. */
export async function appendEvents(
  tx: Transaction,
  actor: Actor,
  events: readonly (Written & { readonly after: Bag })[],
  now: number,
): Promise<void> {
  await insertRows(
    tx,
    bagEvent,
    events.map(({ after: { id, version }, verb, from, to, data }) => {
      return { bagId: id, version, verb, from, to, at: now, actor, data }
    }),
  )
  await dueForBags(
    tx,
    events.map(({ after }) => after.id),
    now,
  )
  await appendNews(
    tx,
    events.map(({ after, verb, from, to }) => {
      const told = { at: now, kind: `bag.${done[verb]}`, subject: after.id }
      return { ...told, facilityIds: concerned(after), data: { from, to } }
    }),
  )
  await appendAudits(
    tx,
    actor,
    events.map(({ after, verb, from, to, data }) => {
      const told = { at: now, action: `bag.${done[verb]}`, subjectKind: 'bag' as const, subject: after.id }
      return { ...told, before: { state: from }, after: { state: to, ...data } }
    }),
  )
}

export type NewHold = { readonly kind: HoldKind; readonly reason: string; readonly rejudgementId?: number }

export function insertHold(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  hold: NewHold,
  now: number,
): Promise<void> {
  return insertHolds(tx, actor, [{ of, ...hold }], now)
}

/** Holds of many bags, by a few statements. */
export async function insertHolds(
  tx: Transaction,
  actor: Actor,
  holds: readonly (NewHold & { readonly of: Bag })[],
  now: number,
): Promise<void> {
  await insertRows(
    tx,
    bagHold,
    holds.map(({ of, ...hold }) => ({ bagId: of.id, ...hold, placedAt: now, placedBy: actor })),
  )
  await appendNews(
    tx,
    holds.map(({ of, kind }) => {
      const told = { at: now, kind: 'bag.hold_placed', subject: of.id }
      return { ...told, facilityIds: concerned(of), data: { kind } }
    }),
  )
  await appendAudits(
    tx,
    actor,
    holds.map(({ of, kind, rejudgementId, reason }) => {
      const told = { at: now, action: 'bag.hold_placed', subjectKind: 'bag' as const, subject: of.id }
      return { ...told, after: { kind, rejudgementId }, reason }
    }),
  )
}

/** What a bag, which is locked, turns out to be. */
export async function settleProduct(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  is: Pick<Bag, 'component' | 'expiresAt'>,
  now: number,
): Promise<void> {
  await tx.update(bag).set(is).where(eq(bag.id, of.id))
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.product_known',
    subjectKind: 'bag',
    subject: of.id,
    before: { component: of.component, expiresAt: of.expiresAt },
    after: is,
  })
}

/** @throws Refusal `not_found` where there is no such hold, or it is lifted already */
export async function liftHold(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  {
    holdId,
    reason,
    releasedRevision = null,
  }: {
    readonly holdId: number
    readonly reason: string
    /** The revision of its ledger, or of what is told beside it, that is released; null where the hold is of nothing there. */
    readonly releasedRevision?: number | null
  },
  now: number,
): Promise<void> {
  const [lifted] = await tx
    .update(bagHold)
    .set({ liftedAt: now, liftedBy: actor, liftReason: reason, releasedRevision })
    .where(and(eq(bagHold.id, holdId), eq(bagHold.bagId, of.id), isNull(bagHold.liftedAt)))
    .returning({ kind: bagHold.kind, placedBy: bagHold.placedBy })
  if (!lifted) throw new Refusal('not_found', `bag ${labelOf(of)} has no hold numbered ${holdId}`)
  const placedBy = lifted.placedBy as Actor
  if (actor.kind !== 'job' && placedBy.id === actor.id && placedBy.kind === actor.kind)
    throw new Refusal('second_person', 'a hold is lifted by somebody who did not place it')
  await dueForBags(tx, [of.id], now)
  await appendNews(tx, [
    {
      at: now,
      kind: 'bag.hold_lifted',
      subject: of.id,
      facilityIds: concerned(of),
      data: { kind: lifted.kind },
    },
  ])
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.hold_lifted',
    subjectKind: 'bag',
    subject: of.id,
    before: { kind: lifted.kind },
    reason,
  })
}

export async function insertLineage(
  tx: Transaction,
  parentId: string,
  childId: string,
  how: { readonly modificationId: string; readonly resetsExposure: boolean },
): Promise<void> {
  await tx.insert(bagLineage).values({ parentId, childId, ...how })
}

/** Bags of a donation, and all that was made of them, by ascending id. */
async function bagsOfDonation(tx: Transaction, donationId: string): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    with recursive family (id) as (
      select b.id from ${bag} b join ${donation} d on d.id = ${donationId}
      where b.donation_id = d.id or (b.scheme = d.scheme and b.identifier = d.identifier)
      union select child_id from ${bagLineage} join family on family.id = parent_id
    )
    select id from family order by id`)
  return rows.map(({ id }) => id)
}

/** A bag and all that was made of it, by ascending id. */
async function descentOf(tx: Transaction, bagId: string): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    with recursive descent (id) as (
      select id from ${bag} where id = ${bagId}
      union select child_id from ${bagLineage} join descent on descent.id = parent_id
    )
    select id from descent order by id`)
  return rows.map(({ id }) => id)
}

/** Lock the bags of a donation and all that was made of them. */
export function lockFamily(tx: Transaction, donationId: string): Promise<Bag[]> {
  return lockAll(tx, () => bagsOfDonation(tx, donationId))
}

/** Lock a bag and all that was made of it. */
export function lockDescent(tx: Transaction, bagId: string): Promise<Bag[]> {
  return lockAll(tx, () => descentOf(tx, bagId))
}

/** Lock all that are found; while that waits one of them may have had children. */
async function lockAll(tx: Transaction, find: () => Promise<readonly string[]>): Promise<Bag[]> {
  let locked: readonly string[] = []
  for (let family = await find(); family.length > locked.length; ) {
    locked = await lockBags(tx, family)
    family = await find()
  }
  const rows: Bag[] = []
  for (const id of locked) rows.push(await findBag(tx, id))
  return rows
}

/** Is it inside, and has been since before it was issued last, as far as anybody has seen? What came back in is not. */
export async function isInsideStill(tx: Transaction, bagId: string): Promise<boolean> {
  const issuedAt = sql`(select max(${happenedAt}) from ${bagEvent} e where e.bag_id = ${bagId} and e.verb = 'issue')`
  const [place] = await tx
    .select({ state: bagPlace.state })
    .from(bagPlace)
    .where(
      and(
        eq(bagPlace.bagId, bagId),
        isNull(bagPlace.knownTo),
        isNull(bagPlace.to),
        lte(bagPlace.from, issuedAt),
      ),
    )
  return place?.state === 'inside'
}

/**
 * Whom a bag was issued for last (null where that was for nobody known, or it never was), and all it was given to so far
 * as that was told.
 */
export async function patientsOf(
  tx: Transaction,
  bagId: string,
): Promise<{ issuedFor: string | null; givenTo: string[] }> {
  const events = await eventsOf(tx, bagId)
  const named = (verb: BagVerb) =>
    events.filter((event) => event.verb === verb).map(({ data }) => (data as Named).patient ?? null)
  return {
    issuedFor: named('issue').at(-1) ?? null,
    givenTo: transfusionVerbs.flatMap(named).filter((patient) => patient !== null),
  }
}

type Named = { readonly patient?: string | null }

/** What was done to a bag, oldest first. */
export async function eventsOf(db: Database | Transaction, bagId: string) {
  return db.select().from(bagEvent).where(eq(bagEvent.bagId, bagId)).orderBy(asc(bagEvent.version))
}

/** Why a bag is or was held, oldest first. */
export async function holdsOf(db: Database | Transaction, bagId: string) {
  return db.select().from(bagHold).where(eq(bagHold.bagId, bagId)).orderBy(asc(bagHold.id))
}
