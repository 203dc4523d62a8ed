import { and, desc, eq, gte, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm'
import { excursion, gap } from '../../schema/tables/derived.ts'
import { probeState } from '../../schema/tables/devices.ts'
import type { Excursion, Findings, Gap, SeriesState } from '../domain/series.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'
import { insertRows, type RowSet, rowSet } from './rows.ts'

/** The derivation of a probe and the version it must still have for a write to be allowed. Version 0: no row yet. */
export type ProbeState = { readonly version: number; readonly state: SeriesState | null }

/** The states of probes, locked by ascending id for the rest of the transaction. Probes never heard of are absent. */
export async function lockProbeStates(
  tx: Transaction,
  probeIds: readonly number[],
): Promise<Map<number, ProbeState>> {
  const rows = await tx
    .select()
    .from(probeState)
    .where(sql`${probeState.probeId} = any(${`{${probeIds.join(',')}}`}::integer[])`)
    .orderBy(probeState.probeId)
    .for('update')
  return new Map(rows.map((row) => [row.probeId, { version: row.version, state: toState(row) }]))
}

export async function readProbeState(
  db: Database | Transaction,
  probeId: number,
): Promise<SeriesState | null> {
  const [row] = await db.select().from(probeState).where(eq(probeState.probeId, probeId))
  return row ? toState(row) : null
}

function toState(row: typeof probeState.$inferSelect): SeriesState {
  const { openFrom, openSide, openColdest, openWarmest, openReadings } = row
  const open =
    openFrom === null || !openSide
      ? null
      : {
          side: openSide,
          from: openFrom,
          to: null,
          ended: null,
          coldest: openColdest ?? 0,
          warmest: openWarmest ?? 0,
          readings: openReadings ?? 0,
        }
  return {
    firstAt: row.firstAt,
    last: { at: row.lastAt, boot: row.lastBoot, centi: row.lastCenti },
    open,
  }
}

export type ProbeStateWrite = {
  readonly probeId: number
  /** The version this was derived from; 0 where there was none. */
  readonly version: number
  readonly state: SeriesState
  readonly receivedAt: number
}

/** Write derived states, each guarded by the version it came from. False: someone else has moved one of them. */
export async function saveProbeStates(tx: Transaction, writes: readonly ProbeStateWrite[]): Promise<boolean> {
  if (writes.length === 0) return true
  const { names, select } = probeStateRows(writes)
  const result = await tx.execute(sql`
    ${kept}
    insert into ${probeState} (${names}) ${select}
    on conflict (probe_id) do update set ${movedProbeState(sql`excluded.version`)}
    where ${probeState.version} = excluded.version - 1`)
  return result.rowCount === writes.length
}

/** Derived states as rows, in the order every writer locks them in. */
export function probeStateRows(writes: readonly ProbeStateWrite[]): RowSet {
  return rowSet(probeState, [...writes].sort((a, b) => a.probeId - b.probeId).map(toRow))
}

/**
 * What an upsert sets of a probe's state that is there already. Where its newest reading is no newer than before, another may
 * have been told of that instant: faults are derived again from just before it.
 */
export function movedProbeState(version: SQL): SQL {
  return sql`
    version = ${version}, first_at = excluded.first_at, last_at = excluded.last_at, last_boot = excluded.last_boot,
    last_centi = excluded.last_centi, last_received_at = greatest(${probeState.lastReceivedAt}, excluded.last_received_at),
    open_from = excluded.open_from, open_side = excluded.open_side, open_coldest = excluded.open_coldest,
    open_warmest = excluded.open_warmest, open_readings = excluded.open_readings,
    faults_to = case when excluded.last_at <= ${probeState.lastAt} and ${probeState.faultsTo} >= excluded.last_at
      then excluded.last_at - 1 else ${probeState.faultsTo} end`
}

type ProbeStateRow = typeof probeState.$inferInsert

function toRow({ probeId, version, state, receivedAt }: ProbeStateWrite): ProbeStateRow {
  const { firstAt, last, open } = state
  return {
    probeId,
    version: version + 1,
    firstAt,
    lastAt: last.at,
    lastBoot: last.boot,
    lastCenti: last.centi,
    lastReceivedAt: receivedAt,
    openFrom: open?.from ?? null,
    openSide: open?.side ?? null,
    openColdest: open?.coldest ?? null,
    openWarmest: open?.warmest ?? null,
    openReadings: open?.readings ?? null,
  }
}

export type StoredGap = Gap & { readonly id: number }
export type StoredExcursion = Excursion & { readonly id: number }

/** The findings now believed whose gaps begin in [from, to) and whose excursions begin in [from, to]. */
export async function findingsFrom(
  tx: Transaction,
  probeId: number,
  from: number,
  to: number,
): Promise<{ gaps: StoredGap[]; excursions: StoredExcursion[] }> {
  const gaps = await tx
    .select({ id: gap.id, from: gap.from, to: gap.to })
    .from(gap)
    .where(and(eq(gap.probeId, probeId), isNull(gap.knownTo), gte(gap.from, from), lt(gap.from, to)))
  const excursions = await tx
    .select(excursionView)
    .from(excursion)
    .where(
      and(
        eq(excursion.probeId, probeId),
        isNull(excursion.knownTo),
        gte(excursion.from, from),
        lte(excursion.from, to),
      ),
    )
  return { gaps, excursions }
}

const excursionView = {
  id: excursion.id,
  side: excursion.side,
  from: excursion.from,
  to: excursion.to,
  ended: excursion.ended,
  coldest: excursion.coldest,
  warmest: excursion.warmest,
  readings: excursion.readings,
}

/** The excursion now believed to hold `at`, which must be the time of a reading outside. */
export async function excursionAround(
  tx: Transaction,
  probeId: number,
  at: number,
): Promise<StoredExcursion | null> {
  const [found] = await tx
    .select(excursionView)
    .from(excursion)
    .where(
      and(
        eq(excursion.probeId, probeId),
        isNull(excursion.knownTo),
        sql`${excursion.from} <= ${at}`,
        or(isNull(excursion.to), gte(excursion.to, at)),
      ),
    )
    .orderBy(sql`${excursion.from} desc`)
    .limit(1)
  return found ?? null
}

/** What a derivation changes about one probe's findings. */
export type FindingsChange = {
  readonly probeId: number
  /** Rows that are no longer believed. */
  readonly superseded: { readonly gaps: readonly number[]; readonly excursions: readonly number[] }
  /** The open excursion stored as such has ended or changed: it is superseded, whatever its id. */
  readonly openEnded: boolean
  readonly added: Findings
}

/** Apply changes of many probes: supersede what is no longer believed, then add what is now. `now` is server time. */
export async function saveFindings(
  tx: Transaction,
  changes: readonly FindingsChange[],
  now: number,
): Promise<void> {
  const gapIds = changes.flatMap(({ superseded }) => superseded.gaps)
  const excursionIds = changes.flatMap(({ superseded }) => superseded.excursions)
  const openEnded = changes.filter((change) => change.openEnded).map(({ probeId }) => probeId)
  if (gapIds.length > 0) {
    await tx.execute(
      sql`update ${gap} set known_to = ${now} where id = any(${`{${gapIds.join(',')}}`}::bigint[])`,
    )
  }
  if (excursionIds.length > 0) {
    await tx.execute(
      sql`update ${excursion} set known_to = ${now} where id = any(${`{${excursionIds.join(',')}}`}::bigint[])`,
    )
  }
  if (openEnded.length > 0) {
    await tx.execute(sql`
      update ${excursion} set known_to = ${now}
      where known_to is null and "to" is null and probe_id = any(${`{${openEnded.join(',')}}`}::integer[])`)
  }
  await insertRows(
    tx,
    gap,
    changes.flatMap(({ probeId, added }) =>
      added.gaps.map((found) => ({ probeId, knownFrom: now, ...found })),
    ),
  )
  await insertRows(
    tx,
    excursion,
    changes.flatMap(({ probeId, added }) =>
      added.excursions.map((found) => ({ probeId, knownFrom: now, ...found })),
    ),
  )
}

/** The gaps now believed that touch [from, to), oldest first; bounded ones only. Of more than `newest`, the newest. */
export async function gapsBetween(
  db: Database,
  probeId: number,
  from: number,
  to: number,
  newest?: number,
): Promise<Gap[]> {
  const found = db
    .select({ from: gap.from, to: gap.to })
    .from(gap)
    .where(and(eq(gap.probeId, probeId), isNull(gap.knownTo), lt(gap.from, to), sql`${gap.to} > ${from}`))
    .orderBy(desc(gap.from))
  return (await (newest === undefined ? found : found.limit(newest))).reverse()
}

/**
 * The ended excursions now believed that touch [from, to], oldest first; within one instant what was left for the other
 * side. Of more than `newest` the newest, and whatever begins together with the oldest of them.
 */
export async function endedExcursionsBetween(
  db: Database,
  probeId: number,
  from: number,
  to: number,
  newest?: number,
): Promise<Excursion[]> {
  const { id: _id, ...view } = excursionView
  const touching = and(
    eq(excursion.probeId, probeId),
    isNull(excursion.knownTo),
    lt(excursion.from, to),
    gte(excursion.to, from),
  )
  const oldest =
    newest === undefined
      ? undefined
      : db
          .select({ from: excursion.from })
          .from(excursion)
          .where(touching)
          .orderBy(desc(excursion.from))
          .offset(newest - 1)
          .limit(1)
  return db
    .select(view)
    .from(excursion)
    .where(and(touching, oldest && sql`${excursion.from} >= coalesce(${oldest}, ${excursion.from})`))
    .orderBy(
      excursion.from,
      excursion.to,
      sql`${excursion.ended} <> 'other_side'`,
      excursion.side,
      excursion.coldest,
    )
}
