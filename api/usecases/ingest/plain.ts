import { stretchesOf } from '../../domain/clock.ts'
import type { Boot } from '../../stores/clocks.ts'
import type { Database } from '../../stores/database.ts'
import type { ProbeStateWrite } from '../../stores/derived.ts'
import type { Device } from '../../stores/devices.ts'
import { insertPlain, isRefusedAsNotNew } from '../../stores/messages.ts'
import { highestSeq } from '../../stores/readings.ts'
import { followClock } from './clocks.ts'
import { commitWork, countReadings, messageRow, type Outcome, type Work } from './commit.ts'
import type { Memory } from './memory.ts'
import { concerning, deriveInOrder, gatherReadings, type ProbeBatch, readingRows } from './readings.ts'
import type { Taken } from './taken.ts'

/** The newest message of each boot, and its boot as that message leaves it. */
type Boots = readonly { readonly of: Taken; readonly boot: Boot }[]

/** Messages that need no look at the database, and what follows from them. */
type Plain = {
  readonly messages: readonly Taken[]
  readonly probes: readonly ProbeBatch[]
  readonly states: readonly ProbeStateWrite[]
  readonly boots: Boots
}

/**
 * Set apart the messages of devices that report what they nearly always report: new readings, after those before
 * them, that begin and end no gap and no excursion, for the device or anything that may be kept there, by a clock there is nothing to say of. That is known from memory
 * alone, so storing them takes one statement. Whatever memory has missed, that statement finds out.
 */
function setApart(
  memory: Memory,
  messages: readonly Taken[],
  now: number,
): { plain: Plain; rest: readonly Taken[] } {
  /** Devices with something else to say: all they say is taken together. */
  const others = new Set<number>()
  const boots = new Map<number, { of: Taken; boot: Boot }>()
  for (const message of messages) {
    const { boot, device } = message
    const earlier = boots.get(boot.id)
    const newestSeq = earlier?.of.decoded.seq ?? boot.newestSeq
    const followed = isPlain(message, newestSeq) ? followClock(earlier?.boot ?? boot, message) : null
    if (followed) boots.set(boot.id, { of: message, boot: followed })
    else others.add(device.id)
  }
  const { probes, conflicts } = gatherReadings(messages.filter(({ device }) => !others.has(device.id)))
  const disputed = new Set(conflicts.map(({ probeId }) => probeId))
  const states: ProbeStateWrite[] = []
  for (const probe of probes) {
    const { probeId, device, arriving, limitsAt, speaks, receivedAt } = probe
    const before = memory.states.get(probeId)
    const derived = before && !disputed.has(probeId) ? deriveInOrder(before.state, arriving, limitsAt) : null
    const mayConcernBags = speaks && concerning(memory.bands, probe, before?.state ?? null, now).length > 0
    if (before && derived?.state && !derived.change && !mayConcernBags)
      states.push({ probeId, version: before.version, state: derived.state, receivedAt })
    else others.add(device.id)
  }
  if (others.size === 0) return { plain: { messages, probes, states, boots: [...boots.values()] }, rest: [] }
  const kept = new Set(probes.filter(({ device }) => !others.has(device.id)).map(({ probeId }) => probeId))
  return {
    plain: {
      messages: messages.filter(({ device }) => !others.has(device.id)),
      probes: probes.filter(({ probeId }) => kept.has(probeId)),
      states: states.filter(({ probeId }) => kept.has(probeId)),
      boots: [...boots.values()].filter(({ of }) => !others.has(of.device.id)),
    },
    rest: messages.filter(({ device }) => others.has(device.id)),
  }
}

function isPlain({ incoming, device, boot, decoded, again }: Taken, newestSeq: number): boolean {
  if (incoming.channel !== 'readings' || decoded.seq <= newestSeq || again) return false
  return decoded.bad.length === 0 && hasOneOffset(device, boot.boot)
}

/**
 * Do clock facts leave all messages of a boot with one and the same offset? Where they set them apart, a reading may
 * come after all others by its event time and yet be told for a raw time that was told before. Of a row of its own the
 * database refuses it, of a packed hour it would not: it has to be looked up.
 */
function hasOneOffset({ clockFacts }: Device, boot: string): boolean {
  if (!clockFacts.some((fact) => fact.boot === boot)) return true
  const [first, ...others] = stretchesOf(clockFacts, boot, 0, highestSeq)
  return others.every(({ offsetMs }) => offsetMs === first?.offsetMs)
}

/**
 * Store a batch: what is plain in one statement, the rest in a transaction of its own.
 *
 * @param forward whether telemetry is kept elsewhere, and goes there by the outbox
 * @throws StaleMemory when another writer was first
 */
export async function storeWork(
  db: Database,
  memory: Memory,
  work: Work,
  now: number,
  forward: boolean,
): Promise<Outcome> {
  const { plain, rest } = setApart(memory, work.messages, now)
  if (plain.messages.length === 0) return commitWork(db, memory, work, now, forward)
  try {
    await storePlain(db, memory, plain, forward ? now : null)
  } catch (error) {
    if (!isRefusedAsNotNew(error)) throw error
    return commitWork(db, memory, work, now, forward)
  }
  const { length } = plain.messages
  const readings = countReadings(plain.messages)
  if (rest.length + work.statuses.length + work.rejections.length === 0)
    return { stored: length, doubles: 0, rejected: 0, readings, told: 0 }
  const other = await commitWork(db, memory, { ...work, messages: rest }, now, forward)
  return { ...other, stored: other.stored + length, readings: other.readings + readings }
}

/** Store plain messages in one statement, all or none. @throws an error for which `isRefusedAsNotNew` is true */
async function storePlain(
  db: Database,
  memory: Memory,
  { messages, probes, states, boots }: Plain,
  forwardedAt: number | null,
): Promise<void> {
  await insertPlain(db, messages.map(messageRow), readingRows(probes), states, forwardedAt)
  for (const { probeId, version, state } of states)
    memory.states.set(probeId, { version: version + 1, state })
  for (const { of, boot } of boots) of.boots.set(boot.boot, { ...boot, newestSeq: of.decoded.seq })
}
