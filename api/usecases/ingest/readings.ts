import { offsetOf } from '../../domain/clock.ts'
import { inForce } from '../../domain/effective.ts'
import {
  compareReadings,
  derive,
  type LimitsAt,
  type Reading,
  rules,
  type SeriesState,
} from '../../domain/series.ts'
import type { Transaction } from '../../stores/database.ts'
import {
  type FindingsChange,
  lockProbeStates,
  type ProbeState,
  type ProbeStateWrite,
  saveFindings,
  saveProbeStates,
} from '../../stores/derived.ts'
import type { Device } from '../../stores/devices.ts'
import {
  insertConflicts,
  insertReadings,
  type ReadingRow,
  replaceReading,
  type StoredReading,
} from '../../stores/readings.ts'
import type { Memory } from './memory.ts'
import { rederive } from './rederive.ts'
import { StaleMemory, type Taken } from './taken.ts'

/** A reading on its way in: its row, its event time, and where its boot stands among boots. */
type Arriving = Reading & { readonly row: ReadingRow; readonly receivedAt: number }

/** The readings of one probe in this batch. */
export type ProbeBatch = {
  readonly probeId: number
  readonly device: Device
  readonly limitsAt: LimitsAt
  arriving: Arriving[]
  readonly receivedAt: number
}

type Conflict = StoredReading & { readonly receivedAt: number }

/**
 * Store the readings of a batch and derive each probe once, whatever the number of messages. Readings in order are
 * folded onto the remembered state; only what came late, or contradicts, is derived again around itself.
 *
 * @returns what to remember once the transaction is committed
 */
export async function takeReadings(
  tx: Transaction,
  memory: Memory,
  messages: readonly Taken[],
  now: number,
): Promise<() => void> {
  const { probes, conflicts } = gatherReadings(messages)
  if (probes.length === 0) return () => {}

  const standing = await insertReadings(tx, readingRows(probes))
  if (!standing) throw new StaleMemory('another writer took the same reading this moment')
  const touched = await settleAgainst(tx, probes, standing, conflicts)
  await insertConflicts(tx, conflicts)

  const unknown = probes.map(({ probeId }) => probeId).filter((id) => !memory.states.has(id))
  const read = unknown.length > 0 ? await lockProbeStates(tx, unknown) : new Map<number, ProbeState>()

  const writes: ProbeStateWrite[] = []
  const changes: FindingsChange[] = []
  for (const probe of probes) {
    const before = memory.states.get(probe.probeId) ?? read.get(probe.probeId) ?? { version: 0, state: null }
    const range = touched.get(probe.probeId) ?? null
    if (probe.arriving.length === 0 && !range) continue
    const { state, change } = await deriveProbe(tx, probe, before.state, range)
    if (!state) continue
    writes.push({ probeId: probe.probeId, version: before.version, state, receivedAt: probe.receivedAt })
    if (change) changes.push(change)
  }
  if (!(await saveProbeStates(tx, writes))) throw new StaleMemory('a probe was derived by another writer')
  await saveFindings(tx, changes, now)
  return () => {
    for (const { probeId, version, state } of writes)
      memory.states.set(probeId, { version: version + 1, state })
  }
}

/** The readings of messages by probe, one at each identity, and the values that did not rule there. */
export function gatherReadings(messages: readonly Taken[]): {
  probes: readonly ProbeBatch[]
  conflicts: Conflict[]
} {
  const probes = byProbe(messages)
  const conflicts: Conflict[] = []
  for (const probe of probes) settleWithin(probe, conflicts)
  return { probes, conflicts }
}

export function readingRows(probes: readonly ProbeBatch[]): ReadingRow[] {
  return probes.flatMap(({ arriving }) => arriving.map(({ row }) => row))
}

function byProbe(messages: readonly Taken[]): ProbeBatch[] {
  const probes = new Map<number, ProbeBatch>()
  for (const { incoming, device, boot, probes: ids, decoded } of messages) {
    const { seq } = decoded
    const offset = offsetOf(device.clockFacts, boot.boot, seq)
    for (const { probe, at, centi, humidity } of decoded.readings) {
      const probeId = ids.get(probe) as number
      let batch = probes.get(probeId)
      if (!batch) {
        const limitsAt: LimitsAt = (instant) => inForce(device.profiles, instant)
        batch = { probeId, device, limitsAt, arriving: [], receivedAt: incoming.receivedAt }
        probes.set(probeId, batch)
      }
      const row = { probeId, at, bootId: boot.id, seq, centi, humidity }
      batch.arriving.push({ at: at + offset, boot: boot.boot, centi, row, receivedAt: incoming.receivedAt })
    }
  }
  return [...probes.values()].sort((a, b) => a.probeId - b.probeId)
}

/** Does `a` rule over `b` at one identity? By value first; of equal values the earlier message stands for both. */
function outranks(a: StoredReading, b: StoredReading, limitsAt: LimitsAt, eventAt: number): boolean {
  if (a.centi !== b.centi) return rules(a.centi, b.centi, limitsAt(eventAt))
  return a.seq < b.seq
}

/** Put one probe's arrivals in order and leave one reading at each identity; the values that do not rule are conflicts. */
function settleWithin(probe: ProbeBatch, conflicts: Conflict[]): void {
  const { arriving, limitsAt } = probe
  arriving.sort(compareReadings)
  let repeated = false
  for (let i = 1; i < arriving.length; i++) {
    const [a, b] = [arriving[i - 1] as Arriving, arriving[i] as Arriving]
    if (a.at === b.at && a.boot === b.boot) repeated = true
  }
  if (!repeated) return
  const ruling = new Map<string, Arriving>()
  for (const reading of arriving) {
    const key = `${reading.row.at}/${reading.boot}`
    const other = ruling.get(key)
    if (!other) {
      ruling.set(key, reading)
      continue
    }
    const wins = outranks(reading.row, other.row, limitsAt, reading.at)
    if (wins) ruling.set(key, reading)
    const loser = wins ? other : reading
    if (reading.centi !== other.centi) conflicts.push({ ...loser.row, receivedAt: loser.receivedAt })
  }
  probe.arriving = [...ruling.values()].sort(compareReadings)
}

/**
 * Settle arrivals with the readings that stood at their identities. They are no longer arriving; where one rules over
 * what stood, its event time is touched.
 */
async function settleAgainst(
  tx: Transaction,
  probes: readonly ProbeBatch[],
  standing: readonly StoredReading[],
  conflicts: Conflict[],
): Promise<Map<number, { from: number; to: number }>> {
  const touched = new Map<number, { from: number; to: number }>()
  if (standing.length === 0) return touched
  const old = new Map(standing.map((row) => [`${row.probeId}/${row.at}/${row.bootId}`, row]))
  for (const probe of probes) {
    const still: Arriving[] = []
    for (const reading of probe.arriving) {
      const { row } = reading
      const other = old.get(`${row.probeId}/${row.at}/${row.bootId}`)
      if (!other) {
        still.push(reading)
        continue
      }
      const wins = outranks(row, other, probe.limitsAt, reading.at)
      if (row.centi !== other.centi)
        conflicts.push({ ...(wins ? other : row), receivedAt: reading.receivedAt })
      if (!wins) continue
      await replaceReading(tx, row)
      const oldAt = other.at + offsetOf(probe.device.clockFacts, reading.boot, other.seq)
      const range = touched.get(probe.probeId) ?? { from: oldAt, to: oldAt }
      touched.set(probe.probeId, {
        from: Math.min(range.from, oldAt, reading.at),
        to: Math.max(range.to, oldAt, reading.at),
      })
    }
    probe.arriving = still
  }
  return touched
}

async function deriveProbe(
  tx: Transaction,
  { probeId, device, limitsAt, arriving }: ProbeBatch,
  state: SeriesState | null,
  touched: { from: number; to: number } | null,
): Promise<{ state: SeriesState | null; change: FindingsChange | null }> {
  const inOrder = touched ? null : deriveInOrder(state, arriving, limitsAt)
  if (inOrder) return { state: inOrder.state, change: inOrder.change && { probeId, ...inOrder.change } }
  const first = arriving[0]
  const range = {
    from: Math.min(touched?.from ?? Number.POSITIVE_INFINITY, first?.at ?? Number.POSITIVE_INFINITY),
    to: Math.max(touched?.to ?? Number.NEGATIVE_INFINITY, arriving.at(-1)?.at ?? Number.NEGATIVE_INFINITY),
  }
  return rederive(tx, { probeId, facts: device.clockFacts, limitsAt }, state, range)
}

/** Fold readings that all come after those before them; null where they do not. No change: no finding began or ended. */
export function deriveInOrder(
  before: SeriesState | null,
  arriving: readonly Reading[],
  limitsAt: LimitsAt,
): { state: SeriesState | null; change: Omit<FindingsChange, 'probeId'> | null } | null {
  const [first] = arriving
  if (!first || (before && compareReadings(before.last, first) >= 0)) return null
  const { gaps, excursions: found, state } = derive(before, arriving, limitsAt)
  const wasOpen = before?.open ?? null
  const stillOpen = wasOpen !== null && state?.open?.from === wasOpen.from && state.open.side === wasOpen.side
  const excursions = stillOpen ? found.slice(0, -1) : found
  const openEnded = wasOpen !== null && !stillOpen
  const unchanged = gaps.length === 0 && excursions.length === 0 && !openEnded
  const change = { superseded: { gaps: [], excursions: [] }, openEnded, added: { gaps, excursions } }
  return { state: slim(state), change: unchanged ? null : change }
}

/** The last reading without the row it came in, so that memory holds no more than it says. */
function slim(state: SeriesState | null): SeriesState | null {
  return state && { ...state, last: { at: state.last.at, boot: state.last.boot, centi: state.last.centi } }
}
