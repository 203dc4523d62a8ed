import { and, desc, eq, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagHold, bagLineage, bagPlace } from '../../schema/tables/bags.ts'
import { boot, device, deviceProfile, probe, probeState } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { bagLedger, lookBack } from '../../schema/tables/ledgers.ts'
import { message } from '../../schema/tables/messages.ts'
import { policy } from '../../schema/tables/policies.ts'
import type { HoldKind, Jurisdiction, Phase, Verdict } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { isOutside, type Judged, type LedgerEntry } from '../domain/ledger.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { type Bag, labelOf, vouchingVerbs } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import type { DeviceReads } from './device-reads.ts'
import { appendNews } from './news.ts'
import { isIn } from './rows.ts'

/** How a bag was kept, as it was judged. Of an entry that lasts `to` is null. */
export type Ledger = {
  readonly id: number
  readonly revision: number
  readonly jurisdiction: Jurisdiction
  readonly verdict: Verdict
  readonly entries: readonly KeptEntry[]
  readonly policies: Readonly<Record<Phase, readonly number[]>>
  readonly dueAt: number | null
  readonly knownFrom: number
  readonly knownTo: number | null
}

export type KeptEntry = Omit<LedgerEntry, 'to' | 'ongoing'> &
  Pick<Judged, 'verdict' | 'reason'> & { readonly to: number | null }

/** The revisions of a bag's ledger, the newest first. */
export async function ledgersOf(
  db: Database | Transaction,
  bagId: string,
  limit = 1,
): Promise<readonly Ledger[]> {
  const rows = await db
    .select()
    .from(bagLedger)
    .where(eq(bagLedger.bagId, bagId))
    .orderBy(desc(bagLedger.revision))
    .limit(limit)
  return rows as readonly Ledger[]
}

/** The newest revision of a bag's ledger; null where it was never judged. */
export async function currentRevision(tx: Transaction, bagId: string): Promise<number | null> {
  const [newest] = await ledgersOf(tx, bagId)
  return newest?.revision ?? null
}

export type NewLedger = Omit<Ledger, 'id' | 'revision' | 'knownFrom' | 'knownTo'>

/** Put a judgement in the place of the one that stood; the bag must be locked. @returns its number */
export async function insertLedger(
  tx: Transaction,
  bagId: string,
  before: Ledger | undefined,
  ledger: NewLedger,
  now: number,
): Promise<number> {
  if (before) await tx.update(bagLedger).set({ knownTo: now }).where(eq(bagLedger.id, before.id))
  const revision = (before?.revision ?? 0) + 1
  const [row] = await tx
    .insert(bagLedger)
    .values({ bagId, revision, ...ledger, knownFrom: now })
    .returning({ id: bagLedger.id })
  return (row as { id: number }).id
}

/** When to look at a judgement that still stands. */
export async function putOff(tx: Transaction, { id }: Ledger, dueAt: number | null): Promise<void> {
  await tx.update(bagLedger).set({ dueAt }).where(eq(bagLedger.id, id))
}

/** Which entries lifting a hold of a kind releases. */
const releases: Partial<Record<HoldKind, (entry: Pick<LedgerEntry, 'kind'>) => boolean>> = {
  breach: isOutside,
  allowance: isOutside,
  // A journey is no gap, and nor is a while in hands: who releases what was not heard says nothing of how long they took.
  unverified_gap: (entry) => !isOutside(entry) && entry.kind !== 'journey' && entry.kind !== 'in_hand',
}

/** Is a hold of this kind about what stands in the ledger? */
export function isOfLedger(kind: HoldKind): boolean {
  return releases[kind] !== undefined
}

/**
 * What people released of a bag and of what it was made of: what they saw when they lifted a hold. What was OK by itself,
 * as a short while unseen, nobody was asked about: its minutes count on.
 */
export async function releasedOf(db: Database | Transaction, bagId: string): Promise<LedgerEntry[]> {
  const rows = await db
    .select({ kind: bagHold.kind, entries: bagLedger.entries })
    .from(bagHold)
    .innerJoin(
      bagLedger,
      and(eq(bagLedger.bagId, bagHold.bagId), eq(bagLedger.revision, bagHold.releasedRevision)),
    )
    .where(
      and(
        sql`${bagHold.bagId} in ${lineOf(bagId)}`,
        isNull(bagHold.rejudgementId),
        isNotNull(bagHold.liftedAt),
      ),
    )
  return rows.flatMap(({ kind, entries }) => releasedBy(kind, entries as readonly KeptEntry[]))
}

/** Of which of these bags anything was released at all. */
export async function bagsReleased(
  db: Database | Transaction,
  bagIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectDistinct({ bagId: bagHold.bagId })
    .from(bagHold)
    .where(
      and(sql`${bagHold.bagId} = any(${`{${bagIds.join()}}`}::uuid[])`, isNotNull(bagHold.releasedRevision)),
    )
  return new Set(rows.map(({ bagId }) => bagId))
}

/** What lifting a hold of a kind released of what was told then. */
export function releasedBy(kind: HoldKind, entries: readonly KeptEntry[]): LedgerEntry[] {
  return entries
    .filter((entry) => entry.to !== null && entry.verdict !== 'OK' && releases[kind]?.(entry))
    .map((entry) => ({ ...entry, to: entry.to as number, ongoing: false }))
}

/** A bag and all it was made of whose account goes over to it. */
export function lineOf(bagId: string | SQL): SQL {
  return sql`(
    with recursive line (id) as (
      select ${bagId}::uuid
      union select parent_id from ${bagLineage} join line on child_id = line.id where not resets_exposure
    ) select id from line)`
}

/** When a person last vouched for how a bag, or what it was made of, was kept, ms UTC; -Infinity where nobody did. */
export async function vouchedUntil(db: Database | Transaction, bagId: string): Promise<number> {
  const { rows } = await db.execute<{ at: number | null }>(sql`
    select max(at) as at from ${bagEvent} where bag_id in ${lineOf(bagId)} and verb in ${vouchingVerbs}
      and not (verb = 'register' and data ? 'parent')`)
  return rows[0]?.at ?? Number.NEGATIVE_INFINITY
}

/**
 * Is it certain that nothing will come for a stretch no reading spoke for: does one boot tell of both its ends, and did
 * all it sent between them come?
 */
export async function isProvenEmpty(
  db: Database | Transaction,
  entry: LedgerEntry,
  reads: DeviceReads,
): Promise<boolean> {
  const { device: name, probe: kind, from, to } = entry
  if (name === null || kind === null) return false
  const { id: deviceId, clockFacts } = await reads.device(db, name)
  const of = (await reads.probes(db, deviceId)).find((probe) => probe.kind === kind)
  if (!of) return false
  const told = await reads.around(db, of.id, clockFacts, { from: from + 1, to })
  const { after } = told
  const before = told.before.at(-1)
  if (!before || !after || before.boot !== after.boot || before.seq > after.seq) return false
  const came = await reads.once(`came ${deviceId} ${before.boot} ${before.seq} ${after.seq}`, async () => {
    const { rows } = await db.execute<{ count: number }>(sql`
      select count(*)::integer as count from ${message} m join ${boot} on boot.id = m.boot_id
      where boot.device_id = ${deviceId} and boot.boot = ${before.boot} and m.seq between ${before.seq} and ${after.seq}`)
    return rows[0]?.count
  })
  return came === after.seq - before.seq + 1
}

/** By what a look-back case is opened: by a ledger, or by what was re-judged beside it. */
export type LookBackReason = ({ readonly ledgerId: number } | { readonly rejudgedId: number }) & {
  readonly verdict: Verdict
}

/** Open a look-back case for how a bag was kept that was given, unless one is open for that. */
export async function openLookBack(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  { verdict, ...by }: LookBackReason,
  now: number,
): Promise<void> {
  const open = await tx
    .select()
    .from(lookBack)
    .where(and(eq(lookBack.bagId, of.id), isNull(lookBack.recallId), isNull(lookBack.closedAt)))
  if (open.length > 0) return
  const [row] = await tx
    .insert(lookBack)
    .values({ bagId: of.id, ...by, openedAt: now })
    .returning({ id: lookBack.id })
  const { id } = row as { id: number }
  const facilityIds = [of.originId, of.holderId].filter((one) => one !== null)
  await appendNews(tx, [
    { at: now, kind: 'look_back.opened', subject: String(id), facilityIds, data: { bagId: of.id, verdict } },
  ])
  await appendAudit(tx, actor, {
    at: now,
    action: 'look_back.opened',
    subjectKind: 'look_back',
    subject: String(id),
    after: { bagId: of.id, ...by, verdict },
  })
}

/** Close the cases of a bag with what came of it. @throws Refusal `conflict` where none is open */
export async function closeLookBack(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  conclusion: string,
  now: number,
): Promise<void> {
  const closed = await tx
    .update(lookBack)
    .set({ closedAt: now, closedBy: actor, conclusion })
    .where(and(eq(lookBack.bagId, of.id), isNull(lookBack.closedAt)))
    .returning({ id: lookBack.id })
  if (closed.length === 0) throw new Refusal('conflict', `no look-back case of bag ${labelOf(of)} is open`)
  for (const { id } of closed)
    await appendAudit(tx, actor, {
      at: now,
      action: 'look_back.closed',
      subjectKind: 'look_back',
      subject: String(id),
      after: { conclusion },
    })
}

/** So many cases are found at most. */
const mostCases = 200

export type OpenLookBack = {
  readonly openedAt: number
  readonly bagId: string
  readonly label: string
  readonly device: null
  readonly facility: string
  /** Of the recall that opened it; null where how it was kept did. */
  readonly recall: number | null
}

/** Cases nobody has closed, at whoever held the bag last, the oldest first. */
export async function openLookBacks(db: Database, reach: Reach): Promise<OpenLookBack[]> {
  const rows = await db
    .select({ openedAt: lookBack.openedAt, recall: lookBack.recallId, bag, facility: facility.code })
    .from(lookBack)
    .innerJoin(bag, eq(bag.id, lookBack.bagId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .where(and(isNull(lookBack.closedAt), isIn(reach, bag.holderId)))
    .orderBy(lookBack.openedAt, lookBack.id)
    .limit(mostCases)
  return rows.map(({ bag: row, ...one }) => ({ ...one, bagId: row.id, label: labelOf(row), device: null }))
}

/** Probes of a device fell silent after `lastAt`, and bags were in it since. */
export type Silent = {
  readonly deviceId: number
  readonly lastAt: number
  /** Another where one of its probes spoke, or has been silent for longer than may be by one more policy or profile. */
  readonly mark: string
}

/**
 * Devices one of whose probes has told nothing for longer than some policy or profile allows, and has not spoken for
 * bags that were there since.
 */
export async function silentWithBags(db: Database, now: number): Promise<Silent[]> {
  const { rows } = await db.execute<Silent>(sql`
    with silence (ms) as (
      select max_silence_ms from ${policy} union select max_silence_ms from ${deviceProfile}
    ), silent as (
      select p.device_id, p.kind, s.last_at,
        (select count(*) from silence where s.last_at < ${now}::bigint - silence.ms) as passed
      from ${probeState} s join ${probe} p on p.id = s.probe_id
      where p.kind in ('load', 'air')
    )
    select device_id as "deviceId", min(last_at) as "lastAt",
      string_agg(kind || ' ' || last_at || ' ' || passed, ', ' order by kind) as mark
    from silent
    where passed > 0
      and exists (select from ${bagPlace} place where place.device_id = silent.device_id and place.known_to is null
        and (place."to" is null or place."to" >= silent.last_at) and place.state = 'inside')
    group by device_id`)
  return rows
}

export type ExposedBag = {
  readonly bag: Bag
  readonly verdict: Verdict
  /** Those in the device at that time. */
  readonly entries: readonly KeptEntry[]
}

/**
 * Within reach, the bags that were outside their limits, or not measured, in a device in [from, to), and what was made of
 * them, by id.
 */
export async function exposedIn(
  db: Database,
  asked: {
    readonly device: string
    readonly from: number
    readonly to: number
    readonly reach: Reach
    readonly limit: number
  },
): Promise<ExposedBag[]> {
  const { device: name, from, to, reach, limit } = asked
  const isThere = sql`(e->>'device' = ${name} and e->>'kind' <> 'journey' and (e->>'from')::bigint < ${to}
    and ((e->>'to') is null or (e->>'to')::bigint >= ${from}))`
  const isInReach = or(isIn(reach, bag.holderId), isIn(reach, bag.originId), isIn(reach, bag.destinationId))
  const rows = await db
    .select({ bag, verdict: bagLedger.verdict, entries: bagLedger.entries })
    .from(bagLedger)
    .innerJoin(bag, eq(bag.id, bagLedger.bagId))
    .where(
      and(
        isNull(bagLedger.knownTo),
        sql`${bag.id} in (
          with recursive concerned (id) as (
            select place.bag_id from ${bagPlace} place join ${device} d on d.id = place.device_id
            where d.name = ${name} and place.known_to is null
              and place."from" < ${to} and (place."to" is null or place."to" >= ${from})
            union
            select child_id from ${bagLineage} join concerned on parent_id = concerned.id
          ) select id from concerned)`,
        sql`exists (select from jsonb_array_elements(${bagLedger.entries}) e where ${isThere})`,
        isInReach,
      ),
    )
    .orderBy(bag.id)
    .limit(limit)
  const wasThere = (entry: KeptEntry) =>
    entry.device === name &&
    entry.kind !== 'journey' &&
    entry.from < to &&
    (entry.to === null || entry.to >= from)
  return rows.map(({ entries, ...row }) => ({
    ...row,
    entries: (entries as readonly KeptEntry[]).filter(wasThere),
  }))
}
