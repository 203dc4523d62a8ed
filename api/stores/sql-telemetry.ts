import { and, eq, sql } from 'drizzle-orm'
import { probe } from '../../schema/tables/devices.ts'
import { reading, readingHour } from '../../schema/tables/messages.ts'
import { Refusal } from '../domain/refusal.ts'
import { ensureBoots } from './clocks.ts'
import type { Database, OpenDatabase } from './database.ts'
import { ensureProbes, findDevice, lockDevices, lookUpDevices } from './devices.ts'
import { hourMs, hourOf, unpackHour } from './packed-hour.ts'
import {
  endOfFirst,
  insertReadings,
  readingsBetween,
  replaceReading,
  type StoredReading,
} from './readings.ts'
import type { Bucket, TelemetryRange, TelemetryStore } from './telemetry.ts'

/**
 * Telemetry in the service's own database: the recent raw readings are the telemetry, stored by ingest in the very
 * transaction that acknowledges them, so nothing has to be forwarded.
 */
export function sqlTelemetry({ db, version, kind }: OpenDatabase): TelemetryStore {
  /** Null where the probe never reported: looking must not make it, for a bag is judged by the probes there are. */
  async function locate({ device: name, probe: kind }: Pick<TelemetryRange, 'device' | 'probe'>) {
    const device = await findDevice(db, name)
    const [known] = await db
      .select({ id: probe.id })
      .from(probe)
      .where(and(eq(probe.deviceId, device.id), eq(probe.kind, kind)))
    return known ? { facts: device.clockFacts, probeId: known.id } : null
  }

  return {
    product: kind === 'pglite' ? 'PGlite' : 'Postgres',
    isElsewhere: false,

    async write(batch) {
      const devices = await lookUpDevices(db, [...new Set(batch.map(({ device }) => device))])
      const idOf = (name: string) => {
        const device = devices.get(name)
        if (!device) throw new Refusal('not_found', `no device is named ${name}`)
        return device.id
      }
      const boots = await ensureBoots(
        db,
        batch.map(({ device, boot }) => ({ deviceId: idOf(device), boot })),
      )
      const probes = await ensureProbes(
        db,
        batch.map(({ device, probe: kind }) => ({ deviceId: idOf(device), kind })),
      )
      const bootIds = new Map(boots.map(({ deviceId, boot, id }) => [`${deviceId}/${boot}`, id]))
      const probeIds = new Map(probes.map(({ deviceId, kind, id }) => [`${deviceId}/${kind}`, id]))
      const rows = batch.map(({ device, probe, boot, ...rest }) => ({
        ...rest,
        bootId: bootIds.get(`${idOf(device)}/${boot}`) as number,
        probeId: probeIds.get(`${idOf(device)}/${probe}`) as number,
      }))
      await db.transaction(async (tx) => {
        const isLocked = await lockDevices(tx, devices.values())
        const standing = isLocked ? await insertReadings(tx, rows) : null
        if (!standing)
          throw new Error('another writer took one of these readings this moment: write them again')
        const identityOf = ({ probeId, at, bootId }: StoredReading) => `${probeId}/${at}/${bootId}`
        const stood = new Set(standing.map(identityOf))
        for (const row of rows) if (stood.has(identityOf(row))) await replaceReading(tx, row)
      })
    },

    async window({ everyMs, ...range }) {
      const located = await locate(range)
      if (!located) return []
      const { probeId, facts } = located
      const buckets = createBuckets(range.from, everyMs)
      if (facts.length > 0) {
        for (const { at, centi } of await readingsBetween(db, probeId, facts, range.from, range.to))
          buckets.add(at, 1, centi, centi, centi)
      } else await fillBuckets(db, buckets, { probeId, everyMs, from: range.from, to: range.to })
      return buckets.all()
    },

    async raw({ limit, ...range }) {
      const located = await locate(range)
      if (!located) return []
      const { probeId, facts } = located
      const to = facts.length === 0 ? await endOfFirst(db, probeId, limit, range) : range.to
      const found = await readingsBetween(db, probeId, facts, range.from, to)
      return found.slice(0, limit).map(({ at, centi }) => ({ at, centi }))
    },

    async health() {
      await db.execute(sql`select 1`)
      return { ok: true, version }
    },

    async close() {},
  }
}

type Summary = { count: number; min: number; max: number; sum: number }

/** Buckets of `everyMs` counted from `from`. */
function createBuckets(from: number, everyMs: number) {
  const buckets = new Map<number, Summary>()
  return {
    /** Add what was measured at an instant, or in a time that begins there and ends in the same bucket. */
    add(at: number, count: number, min: number, max: number, sum: number): void {
      const start = from + Math.floor((at - from) / everyMs) * everyMs
      const bucket = buckets.get(start)
      if (!bucket) buckets.set(start, { count, min, max, sum })
      else {
        bucket.count += count
        bucket.min = Math.min(bucket.min, min)
        bucket.max = Math.max(bucket.max, max)
        bucket.sum += sum
      }
    },
    all(): Bucket[] {
      return [...buckets]
        .sort(([a], [b]) => a - b)
        .map(([from, { count, min, max, sum }]) => ({ from, count, min, mean: sum / count, max }))
    },
  }
}

type Buckets = ReturnType<typeof createBuckets>

/** A packed hour that lies in one bucket as a whole is added by what it comes to; of the others each reading counts. */
async function fillBuckets(
  db: Database,
  buckets: Buckets,
  { probeId, from, to, everyMs }: { probeId: number; from: number; to: number; everyMs: number },
): Promise<void> {
  const { rows } = await db.execute<Summary & { at: number; hour: number; body: Buffer | null }>(sql`
    with packed as not materialized (
      select *, hour * ${hourMs}::bigint as start,
        hour * ${hourMs}::bigint >= ${from}::bigint and (hour + 1) * ${hourMs}::bigint <= ${to}::bigint
          and (hour * ${hourMs}::bigint - ${from}::bigint) / ${everyMs}::bigint
            = ((hour + 1) * ${hourMs}::bigint - 1 - ${from}::bigint) / ${everyMs}::bigint as fits
      from ${readingHour}
      where probe_id = ${probeId} and hour between ${hourOf(from)}::bigint and ${hourOf(to - 1)}::bigint
    )
    select min(at) as at, count(*)::integer as count, min(centi)::integer as min, max(centi)::integer as max,
      sum(centi) as sum, 0 as hour, null::bytea as body
    from ${reading}
    where probe_id = ${probeId} and at >= ${from}::bigint and at < ${to}::bigint
    group by (at - ${from}::bigint) / ${everyMs}::bigint
    union all
    select min(start), sum(count)::integer, min(coldest), max(warmest), sum(sum), 0, null
    from packed where fits group by (start - ${from}::bigint) / ${everyMs}::bigint
    union all
    select start, 0, 0, 0, 0, hour, body from packed where not fits`)
  for (const { at, hour, body, count, min, max, sum } of rows) {
    if (!body) buckets.add(at, count, min, max, sum)
    else
      for (const { at, centi } of unpackHour(hour, body))
        if (at >= from && at < to) buckets.add(at, 1, centi, centi, centi)
  }
}
