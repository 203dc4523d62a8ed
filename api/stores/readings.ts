import { and, eq, type SQL, sql } from 'drizzle-orm'
import { boot } from '../../schema/tables/devices.ts'
import { reading, readingConflict, readingHour } from '../../schema/tables/messages.ts'
import { type ClockFact, offsetOf } from '../domain/clock.ts'
import { compareReadings, type Reading } from '../domain/series.ts'
import type { Database, Transaction } from './database.ts'
import { hourMs, hourOf, packHour, unpackHour } from './packed-hour.ts'
import { kept } from './pool.ts'
import { insertRows, isOneOf, rowSet } from './rows.ts'

/*
 * A reading stands in a row of its own or, once its hour has been packed, in that hour. Whoever asks here does not see
 * the difference: what must be true of one moment is read in one statement, so that no packing comes between.
 */

/** A value and its identity: probe, boot and the device's own time. */
export type StoredReading = {
  readonly probeId: number
  readonly at: number
  readonly bootId: number
  readonly seq: number
  readonly centi: number
  /** Hundredths of a percent relative humidity, told with it. */
  readonly humidity: number | null
}

/**
 * Take new reading identities (probe, raw time, boot), and return the readings that already stood at those that were
 * taken. No two rows may share an identity, and their devices must be locked, so that nothing is packed meanwhile.
 *
 * @returns null where another writer took one this very moment: nobody knows which, and the transaction is to be given up
 */
export async function insertReadings(
  tx: Transaction,
  rows: readonly StoredReading[],
): Promise<StoredReading[] | null> {
  const standing = await standingReadings(tx, rows)
  const taken = new Set(standing.map(identityOf))
  const fresh = standing.length === 0 ? rows : rows.filter((row) => !taken.has(identityOf(row)))
  return (await insertRows(tx, reading, fresh)) === fresh.length ? standing : null
}

/** The readings that rule at the identities of these, where any does. */
export async function standingReadings(
  tx: Transaction,
  rows: readonly StoredReading[],
): Promise<StoredReading[]> {
  if (rows.length === 0) return []
  const { names, select } = rowSet(reading, rows)
  const { rows: found } = await tx.execute<StoredRow & { hour: number; body: Buffer | null }>(sql`
    ${kept}
    with given (${names}) as (${select})
    select old.probe_id, old.at, old.boot_id, old.seq, old.centi, old.humidity, 0 as hour, null::bytea as body
    from given join ${reading} old using (probe_id, at, boot_id)
    union all
    select probe_id, 0, boot_id, 0, 0, null, old.hour, old.body
    from (select distinct probe_id, at / ${hourMs} as hour, boot_id from given) asked
    join ${readingHour} old using (probe_id, hour, boot_id)`)
  if (found.length === 0) return []
  const given = new Set(rows.map(identityOf))
  const standing: StoredReading[] = []
  for (const { hour, body, ...row } of found) {
    if (!body) standing.push(toStored(row))
    else
      for (const packed of unpackHour(hour, body)) {
        const told = { ...packed, probeId: row.probe_id, bootId: row.boot_id }
        if (given.has(identityOf(told))) standing.push(told)
      }
  }
  return standing
}

/** The first hour from `hour` on in which readings of a probe stand, by raw time; null where there is none. */
export async function nextHour(tx: Transaction, probeId: number, hour: number): Promise<number | null> {
  const { rows } = await tx.execute<{ next: number | null }>(sql`
    select least(
      (select min(at) / ${hourMs} from ${reading} where probe_id = ${probeId} and at >= ${hour * hourMs}::bigint),
      (select min(hour) from ${readingHour} where probe_id = ${probeId} and hour >= ${hour}::bigint)
    ) as next`)
  return rows[0]?.next ?? null
}

/** All readings that rule of a probe with raw time in [from, to). */
export async function rulingReadings(
  tx: Transaction,
  probeId: number,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<StoredReading[]> {
  const { rows } = await tx.execute<StoredRow & { hour: number; body: Buffer | null }>(sql`
    select probe_id, at, boot_id, seq, centi, humidity, 0 as hour, null::bytea as body from ${reading}
    where probe_id = ${probeId} and at >= ${from}::bigint and at < ${to}::bigint
    union all
    select probe_id, 0, boot_id, 0, 0, null, hour, body from ${readingHour}
    where probe_id = ${probeId} and hour between ${hourOf(from)}::bigint and ${hourOf(to - 1)}::bigint`)
  return rows.flatMap(({ hour, body, ...row }) =>
    body
      ? unpackHour(hour, body)
          .filter(({ at }) => at >= from && at < to)
          .map((packed) => ({ ...packed, probeId: row.probe_id, bootId: row.boot_id }))
      : toStored(row),
  )
}

type Identity = Pick<StoredReading, 'probeId' | 'at' | 'bootId'>

function identityOf({ probeId, at, bootId }: Identity): string {
  return `${probeId}/${at}/${bootId}`
}

type StoredRow = {
  probe_id: number
  at: number
  boot_id: number
  seq: number
  centi: number
  humidity: number | null
}

function toStored({ probe_id, boot_id, ...told }: StoredRow): StoredReading {
  return { probeId: probe_id, bootId: boot_id, ...told }
}

/** A value that does not rule at its identity, and when that was found. */
export type OverruledReading = StoredReading & { readonly receivedAt: number }

/**
 * Let another value, or an earlier message with the same one, rule at an identity that stands; it is not overruled any
 * more. The device must be locked.
 */
export async function replaceReading(tx: Transaction, row: StoredReading): Promise<void> {
  const { centi, seq, humidity } = row
  const replaced = await tx
    .update(reading)
    .set({ centi, seq, humidity })
    .where(and(eq(reading.probeId, row.probeId), eq(reading.at, row.at), eq(reading.bootId, row.bootId)))
  if (replaced.rowCount === 0) await replacePacked(tx, row)
  await tx
    .delete(readingConflict)
    .where(
      and(
        eq(readingConflict.probeId, row.probeId),
        eq(readingConflict.at, row.at),
        eq(readingConflict.bootId, row.bootId),
        eq(readingConflict.centi, row.centi),
      ),
    )
}

/** The hour is locked first: of two who change it at once the later one begins with what the earlier one left. */
async function replacePacked(tx: Transaction, row: StoredReading): Promise<void> {
  const { probeId, bootId, at, seq, centi, humidity } = row
  const itsHour = and(
    eq(readingHour.probeId, probeId),
    eq(readingHour.hour, hourOf(at)),
    eq(readingHour.bootId, bootId),
  )
  const [found] = await tx.select({ body: readingHour.body }).from(readingHour).where(itsHour).for('update')
  const readings = found ? unpackHour(hourOf(at), found.body) : []
  const index = readings.findIndex((packed) => packed.at === at)
  if (index < 0) throw new Error(`no reading stands at ${identityOf(row)}`)
  await tx
    .update(readingHour)
    .set(packHour(readings.with(index, { at, seq, centi, humidity })))
    .where(itsHour)
}

/**
 * Keep the values that do not rule beside those that do, each with the earliest message that told it. No two rows may
 * share identity and value.
 */
export async function insertConflicts(tx: Transaction, rows: readonly OverruledReading[]): Promise<void> {
  if (rows.length === 0) return
  const { names, select } = rowSet(readingConflict, rows)
  await tx.execute(sql`
    insert into ${readingConflict} (${names}) ${select}
    on conflict (probe_id, at, boot_id, centi) do update
      set seq = excluded.seq, humidity = excluded.humidity, received_at = excluded.received_at
      where ${readingConflict.seq} > excluded.seq`)
}

/** What was overruled at these identities. */
export async function conflictsAt(
  tx: Transaction,
  identities: readonly StoredReading[],
): Promise<OverruledReading[]> {
  const { names, select } = rowSet(reading, identities)
  const { rows } = await tx.execute<OverruledRow>(sql`
    ${kept}
    select old.probe_id, old.at, old.boot_id, old.seq, old.centi, old.humidity, old.received_at
    from (${select}) as given (${names})
    join ${readingConflict} old using (probe_id, at, boot_id)`)
  return rows.map(toOverruled)
}

type OverruledRow = StoredRow & { received_at: number }

function toOverruled({ received_at, ...row }: OverruledRow): OverruledReading {
  return { ...toStored(row), receivedAt: received_at }
}

/** Where a probe contradicted itself: the value that rules, those that do not, and the boot they are of. */
export type Contradiction = {
  readonly boot: string
  readonly ruling: StoredReading
  readonly overruled: readonly OverruledReading[]
}

export async function contradictionsOf(tx: Transaction, probeId: number): Promise<Contradiction[]> {
  const { rows } = await tx.execute<
    OverruledRow & { boot: string; ruling: StoredRow | null; body: Buffer | null }
  >(sql`
    select c.probe_id, c.at, c.boot_id, c.seq, c.centi, c.humidity, c.received_at, ${boot.boot},
           case when r.at is not null then row_to_json(r) end as ruling, h.body
    from ${readingConflict} c
    join ${boot} on ${boot.id} = c.boot_id
    left join ${reading} r using (probe_id, at, boot_id)
    left join ${readingHour} h
      on r.at is null and h.probe_id = c.probe_id and h.hour = c.at / ${hourMs} and h.boot_id = c.boot_id
    where c.probe_id = ${probeId}
    order by c.at, c.boot_id, c.centi`)
  const found: (Contradiction & { overruled: OverruledReading[] })[] = []
  for (const { boot, ruling, body, ...row } of rows) {
    const overruled = toOverruled(row)
    const last = found.at(-1)
    if (last?.ruling.at === row.at && last.ruling.bootId === row.boot_id) {
      last.overruled.push(overruled)
      continue
    }
    const packed = body && unpackHour(hourOf(row.at), body).find(({ at }) => at === row.at)
    const stands = ruling ? toStored(ruling) : packed && { ...overruled, ...packed }
    if (stands) found.push({ boot, ruling: stands, overruled: [overruled] })
  }
  return found
}

/** A reading with its event time and where it came from. */
export type TracedReading = Reading & { readonly seq: number }

/** How far event time may stand from raw time under these facts, ms. */
export function offsetRange(facts: readonly ClockFact[]): { least: number; most: number } {
  const offsets = facts.map(({ offsetMs }) => offsetMs)
  return { least: Math.min(0, ...offsets), most: Math.max(0, ...offsets) }
}

/** The ruling readings of a probe with event time in [from, to), in order. */
export async function readingsBetween(
  db: Database | Transaction,
  probeId: number,
  facts: readonly ClockFact[],
  from: number,
  to: number,
): Promise<TracedReading[]> {
  const { least, most } = offsetRange(facts)
  const [rawFrom, rawTo] = [from - most, to - least]
  const rows = await readTold(
    db,
    probeId,
    sql`between ${rawFrom}::bigint and ${rawTo - 1}::bigint`,
    sql`between ${hourOf(rawFrom)}::bigint and ${hourOf(rawTo - 1)}::bigint`,
  )
  const dated =
    facts.length === 0
      ? rows
      : rows.map((row) => ({ ...row, at: row.at + offsetOf(facts, row.boot, row.seq), raw: row.at }))
  return dated.filter(({ at }) => at >= from && at < to).sort(compareReadings)
}

/**
 * Readings of a probe by their raw time, and whole hours where they are packed: the reader leaves out what it did not
 * ask for. Not by drizzle's builder, which takes three times as long to make its rows as the database takes to find them.
 */
async function readTold(
  db: Database | Transaction,
  probeId: number,
  at: SQL,
  hour: SQL,
): Promise<TracedReading[]> {
  const { rows } = await db.execute<TracedReading & { hour: number; body: Buffer | null }>(sql`
    ${kept}
    select ${reading.at} as at, ${boot.boot}, ${reading.seq}, ${reading.centi}, 0 as hour, null::bytea as body
    from ${reading} join ${boot} on ${boot.id} = ${reading.bootId}
    where ${reading.probeId} = ${probeId} and ${reading.at} ${at}
    union all
    select ${readingHour.hour} * ${hourMs}::bigint, ${boot.boot}, 0, 0, ${readingHour.hour}, ${readingHour.body}
    from ${readingHour} join ${boot} on ${boot.id} = ${readingHour.bootId}
    where ${readingHour.probeId} = ${probeId} and ${readingHour.hour} ${hour}
    order by at`)
  const told: TracedReading[] = []
  for (const { hour, body, ...row } of rows) {
    if (!body) told.push(row)
    else
      for (const { at, seq, centi } of unpackHour(hour, body)) told.push({ at, boot: row.boot, seq, centi })
  }
  return told
}

/**
 * The packed hours that hold an instant's neighbours: its own hour and the nearest one before it, or after it. One that
 * lies wholly before an instant has a reading before it.
 */
export function hoursBefore(probeId: number | SQL, at: number): SQL {
  const own = sql`${hourOf(at)}::bigint`
  return sql`coalesce((select max(hour) from ${readingHour} where probe_id = ${probeId} and hour < ${own}), ${own})`
}

export function hoursAfter(probeId: number | SQL, at: number): SQL {
  const own = sql`${hourOf(at)}::bigint`
  return sql`coalesce((select min(hour) from ${readingHour} where probe_id = ${probeId} and hour > ${own}), ${own})`
}

/** Beyond every possible reading, in either direction. */
const endOfTime = 8_640_000_000_000_000

/** The last ruling readings before `before`, all that share their event time; none where the series begins there. */
export async function readingsJustBefore(
  db: Database | Transaction,
  probeId: number,
  facts: readonly ClockFact[],
  before: number,
): Promise<TracedReading[]> {
  if (facts.length === 0) {
    const told = await readTold(
      db,
      probeId,
      sql`= (select max(at) from ${reading} where probe_id = ${probeId} and at < ${before}::bigint)`,
      sql`between ${hoursBefore(probeId, before)} and ${hourOf(before)}::bigint`,
    )
    return lastOf(told.filter(({ at }) => at < before).sort(compareReadings))
  }
  for (let reach = hourMs; ; reach *= 16) {
    const from = reach > before ? -endOfTime : before - reach
    const found = await readingsBetween(db, probeId, facts, from, before)
    if (found.length > 0 || from === -endOfTime) return lastOf(found)
  }
}

/** Of readings in order the last, and all that share its instant. */
function lastOf(readings: readonly TracedReading[]): TracedReading[] {
  const last = readings.at(-1)
  return readings.filter(({ at }) => at === last?.at)
}

/** The first ruling reading with event time at or after `from`, if there is one. */
export async function readingJustAfter(
  db: Database | Transaction,
  probeId: number,
  facts: readonly ClockFact[],
  from: number,
): Promise<TracedReading | null> {
  if (facts.length === 0) {
    const told = await readTold(
      db,
      probeId,
      sql`= (select min(at) from ${reading} where probe_id = ${probeId} and at >= ${from}::bigint)`,
      sql`between ${hourOf(from)}::bigint and ${hoursAfter(probeId, from)}`,
    )
    return told.filter(({ at }) => at >= from).sort(compareReadings)[0] ?? null
  }
  for (let reach = hourMs; ; reach *= 16) {
    const to = from + reach > endOfTime / 2 ? endOfTime : from + reach
    const [first] = await readingsBetween(db, probeId, facts, from, to)
    if (first) return first
    if (to === endOfTime) return null
  }
}

/** The first instant before which a probe told `limit` readings from `from` on, by raw time; `to` where it told fewer. */
export async function endOfFirst(
  db: Database,
  probeId: number,
  limit: number,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<number> {
  // The first hour may have begun before: its readings are not counted.
  const { rows } = await db.execute<{ single: number | null; packed: number | null }>(sql`
    ${kept}
    select (
      select at + 1 from ${reading} where probe_id = ${probeId} and at >= ${from}::bigint and at < ${to}::bigint
      order by at offset ${limit - 1}::bigint limit 1
    ) as single, (
      select min(hour + 1) * ${hourMs}::bigint from (
        select hour, sum(count) over (order by hour) as so_far from (
          select hour, count from ${readingHour}
          where probe_id = ${probeId} and hour > ${hourOf(from)}::bigint and hour <= ${hourOf(to - 1)}::bigint
          order by hour limit ${limit}::bigint
        ) hours
      ) counted where so_far >= ${limit}
    ) as packed`)
  const [row] = rows
  return Math.min(row?.single ?? to, row?.packed ?? to, to)
}

/** The highest number a message can have. */
export const highestSeq = 2 ** 31 - 1

/** So many packed hours are looked through at a time. */
const hoursAtOnce = 500

/**
 * The earliest and latest raw time a probe told in these messages, overruled or not; null where it told none. Packed
 * hours are looked through one after the other, so the device must be locked.
 */
export async function rawTimesOf(
  tx: Transaction,
  probeId: number,
  messages: { readonly bootId: number; readonly fromSeq: number; readonly toSeq: number | null },
): Promise<{ from: number; to: number } | null> {
  const { bootId, fromSeq } = messages
  const toSeq = messages.toSeq ?? highestSeq
  const theirs = sql`probe_id = ${probeId} and boot_id = ${bootId} and seq >= ${fromSeq} and seq <= ${toSeq}`
  const { rows } = await tx.execute<{ from: number | null; to: number | null }>(sql`
    select min(at) as "from", max(at) as "to" from (
      select at from ${reading} where ${theirs} union all select at from ${readingConflict} where ${theirs}
    ) told`)
  const [row] = rows
  let from = row?.from ?? null
  let to = row?.to ?? null
  for (let after = -1; ; ) {
    const hours = await tx
      .select({ hour: readingHour.hour, body: readingHour.body })
      .from(readingHour)
      .where(
        sql`${readingHour.probeId} = ${probeId} and ${readingHour.bootId} = ${bootId} and ${readingHour.hour} > ${after}`,
      )
      .orderBy(readingHour.hour)
      .limit(hoursAtOnce)
    for (const { hour, body } of hours)
      for (const { at, seq } of unpackHour(hour, body)) {
        if (seq < fromSeq || seq > toSeq) continue
        from = Math.min(from ?? at, at)
        to = Math.max(to ?? at, at)
      }
    if (hours.length < hoursAtOnce) return from === null || to === null ? null : { from, to }
    after = hours.at(-1)?.hour ?? after
  }
}

/** How many readings are stored for these probes, for counts that people compare. */
export async function countReadings(db: Database, probeIds: readonly number[]): Promise<number> {
  const { rows } = await db.execute<{ n: number }>(sql`
    select (select count(*) from ${reading} where ${isOneOf(reading.probeId, probeIds)})
      + (select coalesce(sum(count), 0) from ${readingHour} where ${isOneOf(readingHour.probeId, probeIds)}) as n`)
  return rows[0]?.n ?? 0
}
