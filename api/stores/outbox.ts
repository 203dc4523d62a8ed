import { asc, desc, sql } from 'drizzle-orm'
import { boot, device, probe } from '../../schema/tables/devices.ts'
import { telemetryOutbox } from '../../schema/tables/telemetry.ts'
import type { ProbeKind } from '../../schema/vocabulary.ts'
import type { Database, Transaction } from './database.ts'
import { packReadings } from './outbox-body.ts'
import { kept } from './pool.ts'
import type { StoredReading } from './readings.ts'
import { isOneOf, type RowSet, rowSet } from './rows.ts'

/** The most readings in one row: what forwards them holds a few rows at a time. */
const mostReadings = 5_000

/** Rows for ruling readings, to be inserted by the statement or the transaction that makes them rule. */
export function outboxRows(readings: readonly StoredReading[], now: number): RowSet {
  const rows = []
  for (let from = 0; from < readings.length; from += mostReadings) {
    const some = readings.slice(from, from + mostReadings)
    rows.push({ at: now, readings: some.length, body: packReadings(some) })
  }
  return rowSet(telemetryOutbox, rows)
}

/**
 * Hand ruling readings over to whatever forwards telemetry. To be called after they were made to rule: by the order of
 * the rows' numbers the newest decision about a reading is the last.
 */
export async function insertOutbox(
  tx: Transaction,
  readings: readonly StoredReading[],
  now: number,
): Promise<void> {
  if (readings.length === 0) return
  const { names, select } = outboxRows(readings, now)
  await tx.execute(sql`${kept}insert into ${telemetryOutbox} (${names}) ${select}`)
}

export type OutboxRow = typeof telemetryOutbox.$inferSelect

/** The oldest rows, up to `limit` of them. */
export function oldestOutboxRows(db: Database, limit: number): Promise<OutboxRow[]> {
  return db.select().from(telemetryOutbox).orderBy(asc(telemetryOutbox.id)).limit(limit)
}

/** The row that was written last, if one waits. */
export async function newestOutboxRow(db: Database): Promise<OutboxRow | undefined> {
  const [row] = await db.select().from(telemetryOutbox).orderBy(desc(telemetryOutbox.id)).limit(1)
  return row
}

/** Take out rows that were delivered. @returns the numbers of those that were still there */
export async function deleteOutboxRows(tx: Transaction, ids: readonly number[]): Promise<Set<number>> {
  const gone = await tx
    .delete(telemetryOutbox)
    .where(isOneOf(telemetryOutbox.id, ids))
    .returning({ id: telemetryOutbox.id })
  return new Set(gone.map(({ id }) => id))
}

/** What waits to be forwarded; `oldestAt` is null where nothing does. */
export type Backlog = { readonly rows: number; readonly readings: number; readonly oldestAt: number | null }

export async function outboxBacklog(db: Database): Promise<Backlog> {
  const [found] = await db
    .select({
      rows: sql<number>`count(*)`,
      readings: sql<number>`coalesce(sum(readings), 0)::bigint`,
      oldestAt: sql<number | null>`min(at)`,
    })
    .from(telemetryOutbox)
  return found ?? { rows: 0, readings: 0, oldestAt: null }
}

/** A row that waits longer than this makes charts late, ms. */
const soonEnoughMs = 30_000

/** Do charts lack readings that were stored long enough ago? */
export async function isBehind(db: Database, now: number): Promise<boolean> {
  const [oldest] = await db
    .select({ at: telemetryOutbox.at })
    .from(telemetryOutbox)
    .orderBy(asc(telemetryOutbox.id))
    .limit(1)
  return oldest !== undefined && now - oldest.at > soonEnoughMs
}

/** What the numbers in stored readings stand for. They never change, and none is ever taken back. */
export type ReadingNames = {
  readonly probes: Map<
    number,
    { readonly deviceId: number; readonly device: string; readonly kind: ProbeKind }
  >
  readonly boots: Map<number, string>
}

/** The most names remembered; beyond, they are read again. */
const mostNames = 200_000

/** Add the names these readings need to those known. */
export async function learnNames(
  db: Database,
  { probes, boots }: ReadingNames,
  readings: readonly StoredReading[],
): Promise<void> {
  if (probes.size > mostNames) probes.clear()
  if (boots.size > mostNames) boots.clear()
  const newProbes = new Set(readings.map(({ probeId }) => probeId).filter((id) => !probes.has(id)))
  const newBoots = new Set(readings.map(({ bootId }) => bootId).filter((id) => !boots.has(id)))
  if (newProbes.size > 0) {
    const found = await db
      .select({ id: probe.id, kind: probe.kind, deviceId: device.id, device: device.name })
      .from(probe)
      .innerJoin(device, sql`${device.id} = ${probe.deviceId}`)
      .where(isOneOf(probe.id, [...newProbes]))
    for (const { id, ...named } of found) probes.set(id, named)
  }
  if (newBoots.size > 0) {
    const found = await db
      .select({ id: boot.id, boot: boot.boot })
      .from(boot)
      .where(isOneOf(boot.id, [...newBoots]))
    for (const { id, boot: name } of found) boots.set(id, name)
  }
}
