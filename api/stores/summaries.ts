import { sql } from 'drizzle-orm'
import { gap } from '../../schema/tables/derived.ts'
import { probeState } from '../../schema/tables/devices.ts'
import { reading, readingHour } from '../../schema/tables/messages.ts'
import type { Summary } from '../domain/calm.ts'
import type { Span } from '../domain/exposure.ts'
import type { Database, Transaction } from './database.ts'
import { hourMs, unpackHour } from './packed-hour.ts'
import { keptStatement } from './pool.ts'

/** A custody with a probe. */
export type Asked = Span & { readonly probeId: number }

type Told = { readonly at: number; readonly centi: number }

type Row = Pick<Summary, 'firstAt' | 'lastAt' | 'hasGap' | 'coldest' | 'warmest'> & {
  readonly turn: number
  readonly held: readonly Told[]
  readonly hours: readonly { readonly hour: number; readonly body: string }[]
}

/**
 * What probes told in these spans of event time, which must be that of their devices' own clocks; one for each, in their
 * order. One statement, so that no packing comes between, and no reading whose gaps are not derived yet. Hours that lie
 * wholly within are not unpacked, the others are.
 */
export async function summariesOf(db: Database | Transaction, asked: readonly Asked[]): Promise<Summary[]> {
  if (asked.length === 0) return []
  const spans = asked.map(({ probeId, from, to }, turn) => ({ turn, probeId, from, to }))
  const { rows } = await db.execute<Row>(summariesStatement({ spans: JSON.stringify(spans) }))
  const byTurn = new Map(rows.map((row) => [row.turn, row]))
  return asked.map((span, turn) => summaryOf(byTurn.get(turn) as Row, span))
}

function summaryOf({ turn: _, hours, ...row }: Row, { from, to }: Span): Summary {
  const packed = hours.flatMap(({ hour, body }) => unpackHour(hour, Buffer.from(body, 'hex')))
  const before: readonly Told[] = [...row.held, ...packed.filter(({ at }) => at <= from)]
  const lastAt = Math.max(...before.map(({ at }) => at))
  const during = packed.filter(({ at }) => at >= from && at < to).map(({ centi }) => centi)
  return {
    ...row,
    held: before.filter(({ at }) => at === lastAt).map(({ at, centi }) => ({ at, centi })),
    coldest:
      row.coldest === null && during.length === 0 ? null : Math.min(row.coldest ?? Infinity, ...during),
    warmest:
      row.warmest === null && during.length === 0 ? null : Math.max(row.warmest ?? -Infinity, ...during),
  }
}

/** To be unpacked are the hours at both edges, and the nearest before them: what held at first may have been told there. */
const summariesStatement = keptStatement<{ readonly spans: string }>(
  ({ spans }) => sql`
  select asked.turn, s.first_at as "firstAt", s.last_at as "lastAt",
    exists (
      select from ${gap} g
      where g.probe_id = asked."probeId" and g.known_to is null and g."from" < asked."to" and g."to" > asked."from"
    ) as "hasGap",
    (
      select coalesce(json_agg(h), '[]') from (
        select at, centi from ${reading} where probe_id = asked."probeId" and at = (
          select max(at) from ${reading} where probe_id = asked."probeId" and at <= asked."from"
        )
      ) h
    ) as held,
    (
      select coalesce(json_agg(h), '[]') from (
        select hour, encode(body, 'hex') as body from ${readingHour}
        where probe_id = asked."probeId" and hour = any(array[
          (select max(hour) from ${readingHour} where probe_id = asked."probeId" and hour < edge.first),
          edge.first, edge.last
        ])
      ) h
    ) as hours,
    least(single.coldest, whole.coldest) as coldest, greatest(single.warmest, whole.warmest) as warmest
  from json_to_recordset(${spans}::json) as asked (turn integer, "probeId" integer, "from" bigint, "to" bigint)
    join ${probeState} s on s.probe_id = asked."probeId",
    lateral (
      select floor(asked."from" / ${hourMs}::numeric)::integer as first, floor((asked."to" - 1) / ${hourMs}::numeric)::integer as last
    ) edge,
    lateral (
      select min(centi) as coldest, max(centi) as warmest from ${reading}
      where probe_id = asked."probeId" and at >= asked."from" and at < asked."to"
    ) single,
    lateral (
      select min(coldest) as coldest, max(warmest) as warmest from ${readingHour}
      where probe_id = asked."probeId" and hour > edge.first and hour < edge.last
    ) whole`,
)
