import { escape as escaped } from '@influxdata/influxdb-client'
import { type ClockFact, offsetOf } from '../domain/clock.ts'
import { Refusal } from '../domain/refusal.ts'
import { type InfluxPatience, type InfluxPlace, influxHttp } from './influx-http.ts'
import {
  type Bucket,
  TelemetryFailure,
  type TelemetryRange,
  type TelemetryReading,
  type TelemetryStore,
} from './telemetry.ts'

/**
 * Telemetry in InfluxDB: 1.6 and later as version 1, 1.8, 2 and 3 by token. One measurement, whose shape never changes:
 *
 *     reading,boot=…,device=…,probe=air|load|ambient celsius=4.31,humidity=44.5,seq=17i <ms>
 *
 * `celsius` and `humidity` (percent, absent where none was told) are floats, `seq` is an integer, the time is the
 * device's own in ms. Series and time are the identity of a reading, so a value that rules later overwrites the one
 * before; a humidity stays where the later value was told without one. What a device's time is worth is not written
 * here: clock facts are applied when it is read, so that a new one changes no point.
 *
 * @param factsOf the clock facts of a device, by name
 */
export function influxTelemetry(
  place: InfluxPlace,
  factsOf: (device: string) => Promise<readonly ClockFact[]>,
  patience: Partial<InfluxPatience> = {},
): TelemetryStore {
  const http = influxHttp(place, patience)

  /** The first so many points by raw time; an instant is never parted. */
  async function pointsFrom(range: TelemetryRange, limit: number): Promise<Point[]> {
    const found = await select(range, limit)
    const cut = found[limit - 1]?.at
    if (cut === undefined) return found
    const whole = found.filter(({ at }) => at < cut)
    return [...whole, ...(await select({ ...range, from: cut, to: cut + 1 }))]
  }

  async function select(range: TelemetryRange, limit?: number): Promise<Point[]> {
    const clause = limit === undefined ? '' : ` limit ${limit}`
    const rows = await ask(
      `select "celsius", "boot", "seq" from "reading" where ${within(range)} order by time asc${clause}`,
    )
    return rows.map(({ time, celsius, boot, seq }) => ({
      at: Number(time),
      centi: centiOf(celsius),
      boot: String(boot),
      seq: Number(seq),
    }))
  }

  async function ask(statement: string): Promise<Record<string, unknown>[]> {
    try {
      return await http.query(statement)
    } catch (error) {
      if (!(error instanceof TelemetryFailure) || error.trouble === 'refused') throw error
      throw new Refusal('unavailable', `telemetry cannot be read from InfluxDB now: ${error.message}`)
    }
  }

  /** Page by page, with event times, what may lie in the range. */
  async function* moved(
    range: TelemetryRange,
    facts: readonly ClockFact[],
    pageSize: number,
  ): AsyncGenerator<Point[]> {
    const offsets = facts.map(({ offsetMs }) => offsetMs)
    const to = range.to - Math.min(0, ...offsets)
    for (let from = range.from - Math.max(0, ...offsets); from < to; ) {
      const page = await pointsFrom({ ...range, from, to }, pageSize)
      yield page
        .map((point) => ({ ...point, at: point.at + offsetOf(facts, point.boot, point.seq) }))
        .filter(({ at }) => at >= range.from && at < range.to)
      const last = page.at(-1)
      if (page.length < pageSize || !last) return
      from = last.at + 1
    }
  }

  return {
    product: 'InfluxDB',
    isElsewhere: true,

    async write(batch, signal) {
      if (batch.length > 0) await http.write(batch.map(lineOf), signal)
    },

    async window({ everyMs, ...range }) {
      const facts = await factsOf(range.device)
      if (facts.length > 0) {
        const buckets = new Map<number, Sum>()
        for await (const page of moved(range, facts, mostAtOnce))
          for (const point of page) add(buckets, point, range.from, everyMs)
        return [...buckets.values()]
          .sort((a, b) => a.from - b.from)
          .map(({ sum, ...bucket }) => ({ ...bucket, mean: sum / bucket.count }))
      }
      const offset = ((range.from % everyMs) + everyMs) % everyMs
      const rows = await ask(
        `select count("celsius"), min("celsius"), mean("celsius"), max("celsius") from "reading"
         where ${within(range)} group by time(${everyMs}ms, ${offset}ms) fill(none)`,
      )
      return rows.map(({ time, count, min, mean, max }) => ({
        from: Number(time),
        count: Number(count),
        min: centiOf(min),
        mean: Number(mean) * 100,
        max: centiOf(max),
      }))
    },

    async raw({ limit, ...range }) {
      const facts = await factsOf(range.device)
      const isInOrder = facts.length === 0
      const pageSize = isInOrder ? Math.min(limit, mostAtOnce) : mostAtOnce
      let found: Point[] = []
      for await (const page of moved(range, facts, pageSize)) {
        found.push(...page)
        if (isInOrder && found.length >= limit) break
        if (found.length > limit + pageSize) found = found.sort(byTime).slice(0, limit)
      }
      return found
        .sort(byTime)
        .slice(0, limit)
        .map(({ at, centi }) => ({ at, centi }))
    },

    async health() {
      try {
        const version = await http.ping()
        return { ok: true, ...(version === undefined ? {} : { version }) }
      } catch {
        return { ok: false }
      }
    },

    async close() {
      http.close()
    },
  }
}

/** A point as it was read, or with the event time it is worth. */
type Point = { readonly at: number; readonly centi: number; readonly boot: string; readonly seq: number }

/** Points asked for at once: of more than that version 1 says that they are partial, though they are all there. */
const mostAtOnce = 10_000

function byTime(a: Point, b: Point): number {
  return a.at - b.at || (a.boot < b.boot ? -1 : Number(a.boot > b.boot))
}

function lineOf({ device, probe, boot, seq, at, centi, humidity }: TelemetryReading): string {
  const tags = `boot=${escaped.tag(boot)},device=${escaped.tag(device)},probe=${probe}`
  const told = humidity === null ? '' : `,humidity=${humidity / 100}`
  return `reading,${tags} celsius=${centi / 100}${told},seq=${seq}i ${at}`
}

function centiOf(celsius: unknown): number {
  return Math.round(Number(celsius) * 100)
}

/** What InfluxDB has numbers for, its times being ns in 64 bits. */
const earliest = Date.parse('1677-09-22T00:00:00Z')
const latest = Date.parse('2262-04-11T00:00:00Z')

function within({ device, probe, from, to }: TelemetryRange): string {
  const [since, until] = [from, to].map((at) =>
    new Date(Math.min(Math.max(at, earliest), latest)).toISOString(),
  )
  return `"device" = ${quoted(device)} and "probe" = ${quoted(probe)} and time >= '${since}' and time < '${until}'`
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}

type Sum = Omit<Bucket, 'mean'> & { readonly sum: number }

function add(buckets: Map<number, Sum>, { at, centi }: Point, origin: number, everyMs: number): void {
  const from = origin + Math.floor((at - origin) / everyMs) * everyMs
  const old = buckets.get(from) ?? { from, count: 0, min: centi, max: centi, sum: 0 }
  const [min, max] = [Math.min(old.min, centi), Math.max(old.max, centi)]
  buckets.set(from, { from, count: old.count + 1, min, max, sum: old.sum + centi })
}
