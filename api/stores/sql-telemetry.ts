import { and, eq, sql } from 'drizzle-orm'
import { boot, probe } from '../../schema/tables/devices.ts'
import { reading } from '../../schema/tables/messages.ts'
import { Refusal } from '../domain/refusal.ts'
import { ensureBoots } from './clocks.ts'
import type { OpenDatabase } from './database.ts'
import { ensureProbes, findDevice, lookUpDevices } from './devices.ts'
import { insertReadings, readingsBetween, replaceReading, type StoredReading } from './readings.ts'
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
        const standing = await insertReadings(tx, rows)
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
      if (facts.length > 0)
        return bucket(await readingsBetween(db, probeId, facts, range.from, range.to), range.from, everyMs)
      const result = await db.execute<{
        n: number
        count: number
        min: number
        mean: number
        max: number
      }>(sql`
        select (at - ${range.from}::bigint) / ${everyMs}::bigint as n, count(*)::integer as count, min(centi) as min,
               avg(centi)::float8 as mean, max(centi) as max
        from ${reading}
        where probe_id = ${probeId} and at >= ${range.from} and at < ${range.to}
        group by 1 order by 1`)
      return result.rows.map(({ n, ...rest }) => ({ from: range.from + n * everyMs, ...rest }))
    },

    async raw({ limit, ...range }) {
      const located = await locate(range)
      if (!located) return []
      const { probeId, facts } = located
      if (facts.length === 0) {
        return db
          .select({ at: reading.at, centi: reading.centi })
          .from(reading)
          .innerJoin(boot, eq(boot.id, reading.bootId))
          .where(
            sql`${reading.probeId} = ${probeId} and ${reading.at} >= ${range.from} and ${reading.at} < ${range.to}`,
          )
          .orderBy(reading.at, sql`${boot.boot} collate "C"`)
          .limit(limit)
      }
      const found = await readingsBetween(db, probeId, facts, range.from, range.to)
      return found.slice(0, limit).map(({ at, centi }) => ({ at, centi }))
    },

    async health() {
      await db.execute(sql`select 1`)
      return { ok: true, version }
    },

    async close() {},
  }
}

/** Group readings, already in order, as the query does; for devices whose event time is not their own. */
function bucket(readings: readonly { at: number; centi: number }[], from: number, everyMs: number): Bucket[] {
  const buckets: (Bucket & { sum: number })[] = []
  for (const { at, centi } of readings) {
    const start = from + Math.floor((at - from) / everyMs) * everyMs
    const last = buckets.at(-1)
    if (last?.from === start) {
      const sum = last.sum + centi
      const count = last.count + 1
      const [min, max] = [Math.min(last.min, centi), Math.max(last.max, centi)]
      buckets[buckets.length - 1] = { from: start, count, min, max, sum, mean: sum / count }
    } else buckets.push({ from: start, count: 1, min: centi, max: centi, sum: centi, mean: centi })
  }
  return buckets.map(({ sum: _sum, ...rest }) => rest)
}
