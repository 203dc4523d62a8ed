import type { LoggedReading } from '../../../schema/loggers/ruuvi-csv.ts'
import { maxElements } from '../../../schema/messages.ts'
import { upTopic } from '../../../schema/topics.ts'
import type { ProbeKind } from '../../../schema/vocabulary.ts'
import type { Context } from '../../context.ts'
import { inForce } from '../../domain/effective.ts'
import type { Transaction } from '../../stores/database.ts'
import { type StoredReading, standingReadings } from '../../stores/readings.ts'
import { commitWork } from '../ingest/commit.ts'
import { decode, type Incoming } from '../ingest/decode.ts'
import { createMemory } from '../ingest/memory.ts'
import type { Taken } from '../ingest/taken.ts'
import { locate } from '../ingest-batch.ts'
import type { TakenRows } from './taken-rows.ts'

/** All that is imported for a device is of this boot, so that a reading that comes in two files is one reading. */
export const importedBoot = 'import-ruuvi-csv'

/** The first line of the file is the header. */
const firstLine = 2

/**
 * Take recorded readings the way every reading goes: as messages of the device, judged one by one, their times being the
 * event times. The device must be locked.
 *
 * @throws StaleMemory when another writer was first
 */
export async function takeLoggedReadings(
  ctx: Context,
  tx: Transaction,
  input: { readonly device: string; readonly readings: readonly LoggedReading[]; readonly probe: ProbeKind },
  now: number,
): Promise<TakenRows> {
  const { readings, probe } = input
  const memory = createMemory(tx)
  await memory.bands.refresh(now)
  const by = await memory.learn(input.device)
  if (!by) throw new Error(`device ${input.device} is locked but not known`)
  await memory.meet([{ by, of: { boot: importedBoot, readings: [{ probe }] } }])
  const fromSeq = (by.boots.get(importedBoot)?.newestSeq ?? -1) + 1
  const { facility } = inForce(by.device.placements, now)
  const topic = upTopic(facility, by.device.name, 'readings')

  const readable = []
  for (let start = 0; start < readings.length; start += maxElements) {
    const part = readings.slice(start, start + maxElements)
    const seq = fromSeq + start / maxElements
    const incoming = aMessage(by.device.name, topic, seq, part, probe, now)
    const of = decode(incoming, by.device)
    if ('reason' in of) throw new Error(`a message made of a file cannot be read: ${of.reason}`)
    readable.push({ incoming, by, of, again: false })
  }
  const messages = await locate(memory, readable)
  const rows = messages.flatMap(rowsOf)
  const before = compare(rows, await standingReadings(tx, distinct(rows)))
  await commitWork(tx, memory, { messages, statuses: [], rejections: [] }, now, ctx.telemetry.isElsewhere)
  const times = rows.map(({ at }) => at)
  return {
    rows: readings.length,
    rejections: messages.flatMap(({ decoded }, message) =>
      decoded.bad.map(({ index, ...why }) => ({ line: firstLine + message * maxElements + index, ...why })),
    ),
    ...before,
    from: times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    to: times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    boot: importedBoot,
    fromSeq,
    toSeq: fromSeq + messages.length - 1,
  }
}

/** Sent now, by a clock that says nothing of the logger's: what its times are worth only a clock fact can say. */
function aMessage(
  device: string,
  topic: string,
  seq: number,
  readings: readonly LoggedReading[],
  probe: ProbeKind,
  now: number,
): Incoming {
  const body = readings.map(({ at, celsius, humidity }) => ({ at, probe, celsius, humidity }))
  const envelope = { v: 1, boot: importedBoot, seq, sentAt: now, uptimeMs: now, body }
  const payload = Buffer.from(JSON.stringify(envelope))
  return { device, topic, channel: 'readings', payload, receivedAt: now, connection: 'import', will: false }
}

function rowsOf({ decoded, boot, probes }: Taken): StoredReading[] {
  return decoded.readings.map(({ probe, at, centi, humidity }) => ({
    probeId: probes.get(probe) as number,
    at,
    bootId: boot.id,
    seq: decoded.seq,
    centi,
    humidity,
  }))
}

function distinct(rows: readonly StoredReading[]): StoredReading[] {
  return [...new Map(rows.map((row) => [row.at, row])).values()]
}

/** How many rows repeat what stands, or an earlier row of theirs, and how many contradict it. */
function compare(rows: readonly StoredReading[], standing: readonly StoredReading[]) {
  const told = new Map(standing.map(({ at, centi }) => [at, centi]))
  let known = 0
  let differing = 0
  for (const { at, centi } of rows) {
    const before = told.get(at)
    if (before === undefined) told.set(at, centi)
    else if (before === centi) known++
    else differing++
  }
  return { known, differing }
}
