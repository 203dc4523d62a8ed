import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { boot } from '../../schema/tables/devices.ts'
import { reading, readingConflict } from '../../schema/tables/messages.ts'
import { type ClockFact, offsetOf } from '../domain/clock.ts'
import { compareReadings, type Reading } from '../domain/series.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'
import { insertRows, rowSet } from './rows.ts'

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
 * taken. No two rows may share an identity.
 *
 * @returns null where another writer took one this very moment: nobody knows which, and the transaction is to be given up
 */
export async function insertReadings(
  tx: Transaction,
  rows: readonly StoredReading[],
): Promise<StoredReading[] | null> {
  const standing = await standingReadings(tx, rows)
  const added = await insertRows(tx, reading, rows)
  return added + standing.length === rows.length ? standing : null
}

/** The readings that rule at the identities of these, where any does. */
export async function standingReadings(
  tx: Transaction,
  rows: readonly StoredReading[],
): Promise<StoredReading[]> {
  if (rows.length === 0) return []
  const { names, select } = rowSet(reading, rows)
  const { rows: standing } = await tx.execute<StoredRow>(sql`
    ${kept}
    select old.probe_id, old.at, old.boot_id, old.seq, old.centi, old.humidity
    from (${select}) as given (${names})
    join ${reading} old using (probe_id, at, boot_id)`)
  return standing.map(toStored)
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

/** Let another value, or an earlier message with the same one, rule at an identity; it is not overruled any more. */
export async function replaceReading(tx: Transaction, row: StoredReading): Promise<void> {
  await tx
    .update(reading)
    .set({ centi: row.centi, seq: row.seq, humidity: row.humidity })
    .where(and(eq(reading.probeId, row.probeId), eq(reading.at, row.at), eq(reading.bootId, row.bootId)))
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
    OverruledRow & { boot: string; ruling_seq: number; ruling: number; ruling_humidity: number | null }
  >(sql`
    select c.probe_id, c.at, c.boot_id, c.seq, c.centi, c.humidity, c.received_at, ${boot.boot},
           r.seq as ruling_seq, r.centi as ruling, r.humidity as ruling_humidity
    from ${readingConflict} c join ${reading} r using (probe_id, at, boot_id) join ${boot} on ${boot.id} = c.boot_id
    where c.probe_id = ${probeId}
    order by c.at, c.boot_id, c.centi`)
  const found: (Contradiction & { overruled: OverruledReading[] })[] = []
  for (const { boot, ruling_seq, ruling, ruling_humidity, ...row } of rows) {
    const overruled = toOverruled(row)
    const last = found.at(-1)
    if (last?.ruling.at === row.at && last.ruling.bootId === row.boot_id) last.overruled.push(overruled)
    else
      found.push({
        boot,
        ruling: { ...overruled, seq: ruling_seq, centi: ruling, humidity: ruling_humidity },
        overruled: [overruled],
      })
  }
  return found
}

/** A reading with its event time and where it came from. */
export type TracedReading = Reading & { readonly seq: number }

/** How far event time may stand from raw time under these facts, ms. */
function offsetRange(facts: readonly ClockFact[]): { least: number; most: number } {
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
  const rows = await readRaw(
    db,
    sql`${reading.probeId} = ${probeId} and ${reading.at} >= ${from - most} and ${reading.at} < ${to - least}`,
  )
  if (facts.length === 0) return rows.sort(compareReadings)
  return rows
    .map((row) => ({ ...row, at: row.at + offsetOf(facts, row.boot, row.seq), raw: row.at }))
    .filter(({ at }) => at >= from && at < to)
    .sort(compareReadings)
}

/** Not by drizzle's builder, which takes three times as long to make its rows as the database takes to find them. */
async function readRaw(db: Database | Transaction, where: SQL): Promise<TracedReading[]> {
  const { rows } = await db.execute<{ at: number; boot: string; seq: number; centi: number }>(sql`
    ${kept}
    select ${reading.at}, ${boot.boot}, ${reading.seq}, ${reading.centi}
    from ${reading} join ${boot} on ${boot.id} = ${reading.bootId}
    where ${where}
    order by ${reading.at}`)
  return rows
}

const hour = 3_600_000
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
    const last = sql`select max(at) from ${reading} where probe_id = ${probeId} and at < ${before}`
    const found = await readRaw(db, sql`${reading.probeId} = ${probeId} and ${reading.at} = (${last})`)
    return found.sort(compareReadings)
  }
  for (let reach = hour; ; reach *= 16) {
    const from = reach > before ? -endOfTime : before - reach
    const found = await readingsBetween(db, probeId, facts, from, before)
    const last = found.at(-1)
    if (last) return found.filter(({ at }) => at === last.at)
    if (from === -endOfTime) return []
  }
}

/** The first ruling reading with event time at or after `from`, if there is one. */
export async function readingJustAfter(
  db: Database | Transaction,
  probeId: number,
  facts: readonly ClockFact[],
  from: number,
): Promise<TracedReading | null> {
  if (facts.length === 0) {
    const first = sql`select min(at) from ${reading} where probe_id = ${probeId} and at >= ${from}`
    const found = await readRaw(db, sql`${reading.probeId} = ${probeId} and ${reading.at} = (${first})`)
    return found.sort(compareReadings)[0] ?? null
  }
  for (let reach = hour; ; reach *= 16) {
    const to = from + reach > endOfTime / 2 ? endOfTime : from + reach
    const [first] = await readingsBetween(db, probeId, facts, from, to)
    if (first) return first
    if (to === endOfTime) return null
  }
}

/** The highest number a message can have. */
const newestSeq = 2 ** 31 - 1

/** The earliest and latest raw time a probe told in these messages, overruled or not; null where it told none. */
export async function rawTimesOf(
  tx: Transaction,
  probeId: number,
  messages: { readonly bootId: number; readonly fromSeq: number; readonly toSeq: number | null },
): Promise<{ from: number; to: number } | null> {
  const theirs = sql`
    probe_id = ${probeId} and boot_id = ${messages.bootId} and seq >= ${messages.fromSeq}
    and seq <= ${messages.toSeq ?? newestSeq}`
  const { rows } = await tx.execute<{ from: number | null; to: number | null }>(sql`
    select min(at) as "from", max(at) as "to" from (
      select at from ${reading} where ${theirs} union all select at from ${readingConflict} where ${theirs}
    ) told`)
  const [row] = rows
  return row && row.from !== null && row.to !== null ? { from: row.from, to: row.to } : null
}

/** How many readings are stored for these probes, for counts that people compare. */
export async function countReadings(db: Database, probeIds: readonly number[]): Promise<number> {
  const [row] = await db
    .select({ n: sql<number>`count(*)` })
    .from(reading)
    .where(inArray(reading.probeId, [...probeIds]))
  return row?.n ?? 0
}
