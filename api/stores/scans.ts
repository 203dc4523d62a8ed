import { type SQL, sql } from 'drizzle-orm'
import {
  bag,
  bagEvent,
  bagHold,
  bagLineage,
  bagPlace,
  patient,
  sighting,
  tagAssignment,
  takeOut,
} from '../../schema/tables/bags.ts'
import { excursion, gap, probeFault } from '../../schema/tables/derived.ts'
import {
  boot,
  clockFact,
  clockFault,
  device,
  deviceProfile,
  probe,
  probeState,
} from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { reading, readingHour } from '../../schema/tables/messages.ts'
import type {
  Component,
  DeviceKind,
  Jurisdiction,
  PlaceState,
  ProbeKind,
  ReturnPolicy,
} from '../../schema/vocabulary.ts'
import type { Hold, Patient } from '../domain/bag.ts'
import type { BagFit } from '../domain/crossmatch.ts'
import type { Span } from '../domain/exposure.ts'
import type { OrderToFill } from '../domain/order.ts'
import { patientOf } from '../domain/patient-record.ts'
import type { Limits, Reading } from '../domain/series.ts'
import { type Bag, vouchingVerbs } from './bags.ts'
import { fitOf } from './crossmatches.ts'
import type { Database, Transaction } from './database.ts'
import { jurisdictionAt } from './facilities.ts'
import { gathered } from './gather.ts'
import { orderToFill } from './orders.ts'
import { type PackedHours, unpackHours } from './packed-hour.ts'
import { knownOf, knownPatient, type PatientRow } from './patients.ts'
import { type ShownSession, type SignedIn, whoseSession } from './people.ts'
import { newestPolicy, type PolicyBook, policyBook } from './policies.ts'
import { kept, keptStatement } from './pool.ts'
import { hoursAfter, hoursBefore } from './readings.ts'
import { camel } from './rows.ts'

/*
 * What a scan at a fridge needs, in as few statements as can tell it: a nurse waits for the answer. Rows come as JSON.
 */

/** A bag as its label names it. */
export type Label = Pick<Bag, 'scheme' | 'identifier' | 'productCode' | 'collectionType' | 'division'>

type Version = Limits & { readonly from: number }
export type PolicyVersion = Version & { readonly version: number; readonly returns: ReturnPolicy }
export type KeptVersions = Readonly<Record<'storage' | 'transport', readonly PolicyVersion[]>>
export type HandlingVersion = {
  readonly from: number
  readonly version: number
  /** ms; null where nothing bounds it. */
  readonly longestMs: number | null
}

/** A stay of a bag as it is believed now. */
export type Stay = {
  readonly state: PlaceState
  readonly deviceId: number
  readonly kind: DeviceKind
  readonly from: number
  readonly to: number | null
  /** What may speak for it inside a device. */
  readonly probes: readonly ProbeSummary[]
  /** How the device was set, by ascending `from`. */
  readonly profiles: readonly Version[]
}

/** What a probe of a device is known to have told. */
export type ProbeSummary = {
  readonly kind: 'load' | 'air'
  readonly firstAt: number
  readonly lastAt: number
  /** It was outside its device's limits in the stay, or silent for too long in the part that counts. */
  readonly isTroubled: boolean
  /** When it is not to be believed in the part that counts; `to` is null while that lasts. */
  readonly faults: readonly (Pick<Span, 'from'> & { readonly to: number | null })[]
}

/** The life of the bag itself, or of one it was made of until then. */
export type Life = {
  readonly bagId: string
  /** What was made of it; null of the bag itself. What two were made of has a life for each. */
  readonly childId: string | null
  readonly component: Component
  readonly from: number
  readonly until: number | null
  /** Since when somebody says of all its tags that they are or were on it; null of one that never had a tag. */
  readonly taggedAt: number | null
  readonly stays: readonly Stay[]
}

/** What tells how a bag was kept, but for the readings, which are told of only as far as they make no trouble. */
export type KeptFacts = {
  /** When a person last vouched for how it was kept, ms UTC. */
  readonly vouchedAt: number
  /** Its own first, then those of what it was made of. */
  readonly lives: readonly Life[]
  /** A clock that is or was in doubt, or was put right, had a say in where the bag was. */
  readonly hasClockMatters: boolean
  /** Whose policies it is judged by: those in force where it is. */
  readonly jurisdiction: Jurisdiction
  /** What may be done with its own component in hands, by ascending `from`. */
  readonly handling: readonly HandlingVersion[]
  /** What each of these components is kept at, in storage and on a journey, by ascending `from`. */
  readonly policies: Readonly<Partial<Record<Component, KeptVersions>>>
}

export type ScanFacts = KeptFacts & {
  readonly session: typeof takeOut.$inferSelect
  readonly bag: Bag | null
  readonly holds: readonly Hold[]
  readonly patient: Patient | null
  /** Of what was read of the patient; null where there is none. */
  readonly patientRevision: number | null
  /** What of the bag matters for this patient only; null where nothing is on record of them. */
  readonly fit: BagFit | null
  /** The order that is filled; null where none was named. */
  readonly order: OrderToFill | null
  /** In which its label is read: that of whoever registered or made the bag. */
  readonly timeZone: string | null
}

/** A database, or a transaction in it. */
export type Readable = { readonly pool: object; readonly db: Database | Transaction }

/** A label under a scanner. */
export type Scan = {
  readonly takeOutId: string
  readonly label: Label
  readonly now: number
}

/**
 * All a scan is decided by but the readings. Nothing is locked: what is then written must be guarded by the bag's
 * version and revision.
 *
 * @returns null where there is no such take-out
 */
export async function scanFacts(database: Readable, scan: Scan): Promise<ScanFacts | null> {
  return (await factsAndSession(database, scan, null)).facts
}

/** The same, and whose the session is that was shown with it, in one statement. */
export async function factsAndSession(
  database: Readable,
  { label: { scheme, identifier, productCode, collectionType, division }, takeOutId, now }: Scan,
  shown: ShownSession | null,
): Promise<{ readonly who: SignedIn | null; readonly facts: ScanFacts | null }> {
  const label = { scheme, identifier, productCode, collectionType, division }
  const row = await scanned(database.db, { takeOutId, now, ...label, ...shown })
  return { who: row.who, facts: row.session && (await factsOf(database, row as FoundRow)) }
}

async function factsOf(database: Readable, row: FoundRow): Promise<ScanFacts> {
  return {
    ...keptFactsOf(row, await policyBook(database, row.policies)),
    session: camel<ScanFacts['session']>(row.session),
    bag: row.bag ? camel<Bag>(row.bag) : null,
    holds: row.holds,
    timeZone: row.time_zone,
    patient: row.patient && patientOf(knownOf(row.patient)),
    patientRevision: row.patient?.revision ?? null,
    fit: row.fit,
    order: row.order,
  }
}

/** The same of a bag that is handed out otherwise than by a scan. */
export async function keptFacts(
  database: Readable,
  asked: { readonly bagId: string; readonly now: number },
): Promise<KeptFacts> {
  const { rows } = await database.db.execute<KeptRow>(keptFactsStatement(asked))
  const row = rows[0] as KeptRow
  return keptFactsOf(row, await policyBook(database, row.policies))
}

/** The same of many bags, by id, in one statement. */
export async function keptFactsOfAll(
  database: Readable,
  bagIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, KeptFacts>> {
  if (bagIds.length === 0) return new Map()
  const asked = JSON.stringify(bagIds.map((bagId) => ({ bagId, now })))
  const { rows } = await database.db.execute<KeptRow & { readonly bagId: string }>(
    keptFactsOfAllStatement({ asked }),
  )
  const book = await policyBook(database, rows[0]?.policies ?? 0)
  return new Map(rows.map((row) => [row.bagId, keptFactsOf(row, book)]))
}

const all = (rows: SQL) => sql`to_json(array(select r from (${rows}) r))`

/** `told`: the lives of the `subject` and of what it was made of, each with its stays; `vouched`: since when they count. */
function lives(now: SQL): SQL {
  const versions = sql.raw(`"from", low, high, max_silence_ms as "maxSilenceMs"`)
  return sql`
    lives (id, child, component, "from", until) as (
      select id, null::uuid, component, registered_at, null::bigint from subject
      union
      select made.id, lives.id, made.component, made.registered_at, lives."from"
      from lives join ${bagLineage} on child_id = lives.id join ${bag} made on made.id = parent_id
      where not resets_exposure
    ), vouched as (
      select max(at) as at from lives join ${bagEvent} e on e.bag_id = lives.id
      where verb in ${vouchingVerbs} and not (verb = 'register' and data ? 'parent')
    ), told as (
      select lives.id as "bagId", lives.child as "childId", lives.component, lives."from", lives.until,
        tagged.at as "taggedAt",
        ${all(sql`
          select place.state, place.device_id as "deviceId", d.kind, place."from", place."to",
            case when place.state = 'inside' then ${all(sql`
              select kind, first_at as "firstAt", last_at as "lastAt",
                exists (select from ${excursion} x where x.probe_id = p.id and x.known_to is null
                  and x."from" <= span."to" and (x."to" is null or x."to" >= place."from"))
                or exists (select from ${gap} g where g.probe_id = p.id and g.known_to is null
                  and g."from" < span."to" and g."to" > greatest(place."from", vouched.at, tagged.at))
                as "isTroubled",
                ${all(sql`select f."from", f."to" from ${probeFault} f where f.probe_id = p.id and f.known_to is null
                  and f."from" < span."to" and (f."to" is null or f."to" > greatest(place."from", vouched.at, tagged.at))`)} as faults
              from ${probe} p join ${probeState} s on s.probe_id = p.id
              where p.device_id = place.device_id and kind in ('load', 'air')`)} else '[]'::json end as probes,
            ${all(sql`select ${versions} from ${deviceProfile} d where d.device_id = place.device_id order by "from"`)} as profiles
          from ${bagPlace} place join ${device} d on d.id = place.device_id, lateral (select least(place."to", lives.until, ${now}::bigint) as "to") span
          where place.bag_id = lives.id and place.known_to is null order by place."from"`)} as stays
      from lives, vouched, lateral (
        select greatest(min(coalesce(vouched_from, "from")), max(vouched_from) filter (where vouched_from > "from")) as at
        from ${tagAssignment} a where a.bag_id = lives.id
      ) tagged
      order by lives.until desc nulls first
    )`
}

type KeptRow = {
  readonly vouched_at: number | null
  readonly lives: Life[]
  readonly matters: boolean
  readonly jurisdiction: Jurisdiction
  /** The number of the newest. */
  readonly policies: number
}

function keptColumns(jurisdiction: SQL): SQL {
  return sql`
    (select at from vouched) as vouched_at,
    ${all(sql`select * from told`)} as lives,
    exists (
      select from lives join ${tagAssignment} t on t.bag_id = lives.id join ${sighting} s on s.tag = t.tag
      where exists (select from ${clockFact} f where f.device_id = s.device_id)
        or exists (select from ${clockFault} f where f.device_id = s.device_id and f.settled_by is null)
    ) as matters,
    ${jurisdiction} as jurisdiction, ${newestPolicy} as policies`
}

type Row = Record<string, unknown>

type FoundRow = KeptRow & {
  readonly session: Row
  readonly bag: Record<string, unknown> | null
  readonly holds: Hold[]
  readonly time_zone: string | null
  readonly patient: PatientRow | null
  readonly fit: BagFit | null
  readonly order: OrderToFill | null
}

/** Without a session there is nothing more. */
type ScanRow = { readonly who: SignedIn | null } & (FoundRow | { readonly session: null })

const scanned = gathered<Omit<Scan, 'label'> & Label, ScanRow>(async (db, scans) => {
  const asked = JSON.stringify(scans.map((scan, number) => ({ ...scan, number })))
  const { rows } = await db.execute<ScanRow & { number: number }>(scansStatement({ asked }))
  const found = new Map(rows.map((row) => [row.number, row]))
  return scans.map((_, number) => found.get(number) as ScanRow)
})

const scansStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
  select asked.number, ${whoseSession(sql`asked.token`, sql`asked.at`)} as who, answered.*
  from json_to_recordset(${asked}::json) as asked (
    number integer, "takeOutId" uuid, scheme text, identifier text, "productCode" text, "collectionType" text, division text,
    now bigint, token text, at bigint
  ) left join lateral (
    with recursive subject as (
      select b.* from ${bag} b join ${takeOut} t on t.id = asked."takeOutId" and b.holder_id = t.facility_id
      where b.scheme = asked.scheme and b.identifier = asked.identifier and product_code = asked."productCode"
        and collection_type = asked."collectionType" and b.division = asked.division
    ), ${lives(sql`asked.now`)}
    select row_to_json(session) as session, row_to_json(subject) as bag,
      ${all(sql`select id, kind, reason from ${bagHold} where bag_id = subject.id and lifted_at is null order by id`)} as holds,
      (select f.time_zone from ${facility} f where f.id = coalesce(subject.origin_id, subject.holder_id)) as time_zone,
      (select row_to_json(known) from (${knownPatient(sql`session.facility_id`, sql`session.pseudonym`)}) known) as patient,
      ${fitOf(sql`subject`, { facilityId: sql`session.facility_id`, pseudonym: sql`session.pseudonym`, now: sql`asked.now` })} as fit,
      ${orderToFill(sql`session.order_id`)} as "order",
      ${keptColumns(jurisdictionAt(sql`session.facility_id`))}
    from ${takeOut} session left join subject on true
    where session.id = asked."takeOutId"
  ) answered on true`,
)

const keptFactsStatement = keptStatement<{
  readonly bagId: string
  readonly now: number
}>(
  ({ bagId, now }) => sql`
    with recursive subject as (select * from ${bag} where id = ${bagId}), ${lives(now)}
    select ${keptColumns(jurisdictionAt(sql`(select holder_id from subject)`))}`,
)

const keptFactsOfAllStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
    select asked."bagId", told.* from json_to_recordset(${asked}::json) as asked ("bagId" uuid, now bigint), lateral (
      with recursive subject as (select * from ${bag} where id = asked."bagId"), ${lives(sql`asked.now`)}
      select ${keptColumns(jurisdictionAt(sql`(select holder_id from subject)`))}
    ) told`,
)

function keptFactsOf({ vouched_at, lives, matters, jurisdiction }: KeptRow, book: PolicyBook): KeptFacts {
  const vouchedAt = vouched_at ?? lives.at(-1)?.from ?? 0
  const [own] = lives
  return {
    vouchedAt,
    lives,
    hasClockMatters: matters,
    jurisdiction,
    handling: own ? book(jurisdiction, own.component, 'in_hand') : [],
    policies: policiesOf(lives, jurisdiction, book),
  }
}

/** What no storage policy speaks of is left out; where nothing is said of a journey it is no worse than storage. */
function policiesOf(
  lives: readonly Life[],
  jurisdiction: Jurisdiction,
  book: PolicyBook,
): KeptFacts['policies'] {
  const policies: Partial<Record<Component, KeptVersions>> = {}
  for (const { component } of lives) {
    const storage = book(jurisdiction, component, 'storage')
    const journey = book(jurisdiction, component, 'transport')
    if (storage.length > 0)
      policies[component] = { storage, transport: journey.length > 0 ? journey : storage }
  }
  return policies
}

/** What a probe of a device told in [from, to), and the readings just before and after. */
export async function keptBy(
  db: Database | Transaction,
  { deviceId, kind, from, to }: Span & { readonly deviceId: number; readonly kind: ProbeKind },
): Promise<readonly Reading[]> {
  const chosen = sql`(select id from chosen)`
  const { rows } = await db.execute<{ readings: Reading[]; hours: PackedHours }>(sql`
    ${kept}
    with chosen as (
      select id from ${probe} where device_id = ${deviceId} and kind = ${kind}
    ), span as (
      select coalesce((select max(at) from ${reading}, chosen where probe_id = chosen.id and at < ${from}::bigint), ${from}::bigint) as first,
             coalesce((select min(at) from ${reading}, chosen where probe_id = chosen.id and at >= ${to}::bigint), ${to}::bigint) as last
    )
    select (
      select coalesce(json_agg(r), '[]') from (
        select told.at, b.boot, told.centi from ${reading} told join ${boot} b on b.id = told.boot_id, chosen, span
        where told.probe_id = chosen.id and told.at between span.first and span.last
      ) r
    ) as readings, (
      select coalesce(json_agg(r), '[]') from (
        select told.hour, b.boot, encode(told.body, 'hex') as body
        from ${readingHour} told join ${boot} b on b.id = told.boot_id, chosen
        where told.probe_id = chosen.id and told.hour between ${hoursBefore(chosen, from)} and ${hoursAfter(chosen, to)}
      ) r
    ) as hours`)
  const [row] = rows
  const readings = [...(row?.readings ?? []), ...unpackHours(row?.hours ?? [])]
  return withNeighbours(readings, from, to)
}

/** The same for who asks again and again about one time: what was read once is remembered, for as long as this is. */
export function keptByOnce(): typeof keptBy {
  const known = new Map<string, Span & { readonly readings: readonly Reading[] }>()
  return async (db, { deviceId, kind, from, to }) => {
    const key = `${deviceId}/${kind}`
    const old = known.get(key)
    if (old && old.from <= from && to <= old.to) return withNeighbours(old.readings, from, to)
    const span = { from: Math.min(from, old?.from ?? from), to: Math.max(to, old?.to ?? to) }
    const readings = await keptBy(db, { deviceId, kind, ...span })
    known.set(key, { ...span, readings })
    return withNeighbours(readings, from, to)
  }
}

/** Those in [from, to), the last before and the first after. */
function withNeighbours(readings: readonly Reading[], from: number, to: number): readonly Reading[] {
  let [first, last] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const { at } of readings) {
    if (at < from) first = Math.max(first, at)
    else if (at >= to) last = Math.min(last, at)
  }
  return readings.filter(({ at }) => at >= first && at <= last)
}

/** So long a scan waits for whoever holds the bag, ms: all the while it holds a connection that all others need. */
const patienceMs = 3_000

/**
 * Wait until nobody holds the bag of this label any more, nor writes of the patient it is taken out for. Fails as `retry`
 * where that takes too long.
 */
export async function waitForScan(
  db: Database | Transaction,
  { scheme, identifier, productCode, collectionType, division }: Label,
  takeOutId: string,
): Promise<void> {
  await db.execute(sql`
    ${kept}
    with patience as materialized (select set_config('lock_timeout', ${`${patienceMs}`}, true))
    select from ${bag}, patience
    where scheme = ${scheme} and identifier = ${identifier} and product_code = ${productCode}
      and collection_type = ${collectionType} and division = ${division}
    for no key update of ${bag}`)
  await db.execute(sql`
    ${kept}
    with patience as materialized (select set_config('lock_timeout', ${`${patienceMs}`}, true))
    select from ${takeOut} t join ${patient} on patient.facility_id = t.facility_id and patient.pseudonym = t.pseudonym, patience
    where t.id = ${takeOutId}
      and t.order_id is null
    for share of ${patient}`)
  // Who fills an order is alone with its patient, and so waits for those as well who only read of them.
  await db.execute(sql`
    ${kept}
    with patience as materialized (select set_config('lock_timeout', ${`${patienceMs}`}, true))
    select from ${takeOut} t join ${patient} on patient.facility_id = t.facility_id and patient.pseudonym = t.pseudonym, patience
    where t.id = ${takeOutId} and t.order_id is not null
    for no key update of ${patient}`)
}
