import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { type ClockFact, offsetOf } from '../../domain/clock.ts'
import { inForce } from '../../domain/effective.ts'
import type { Span } from '../../domain/exposure.ts'
import {
  compareReadings,
  derive,
  follows,
  type LimitsAt,
  type Reading,
  type SeriesState,
  settle,
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
import { dueForDevices, ever } from '../../stores/ledger-due.ts'
import { insertOutbox } from '../../stores/outbox.ts'
import {
  conflictsAt,
  insertConflicts,
  insertReadings,
  type OverruledReading,
  replaceReading,
  type StoredReading,
} from '../../stores/readings.ts'
import { type Bands, speaksForBags } from './bands.ts'
import type { Memory } from './memory.ts'
import { rederive } from './rederive.ts'
import { StaleMemory, type Taken } from './taken.ts'
import { type Found, tellFindings } from './tell-findings.ts'

/** A value of a probe with its event time, and the row it stands in or is to stand in. */
type Told<Row extends StoredReading> = Reading & {
  readonly seq: number
  readonly row: Row
  readonly receivedAt: number
}

type Arriving = Told<StoredReading>

/** The readings of one probe in this batch. */
export type ProbeBatch = {
  readonly probeId: number
  readonly kind: ProbeKind
  readonly device: Device
  readonly limitsAt: LimitsAt
  /** It speaks for the bags there. */
  readonly speaks: boolean
  arriving: Arriving[]
  readonly receivedAt: number
}

/**
 * Store the readings of a batch and derive each probe once, whatever the number of messages. Readings in order are
 * folded onto the remembered state; only what came late, or contradicts, is derived again around itself.
 *
 * @returns what to remember once the transaction is committed, and how much is news
 */
export async function takeReadings(
  tx: Transaction,
  memory: Memory,
  messages: readonly Taken[],
  now: number,
  forward: boolean,
): Promise<{ remember: () => void; told: number }> {
  const { probes, conflicts } = gatherReadings(messages)
  if (probes.length === 0) return { remember: () => {}, told: 0 }

  const standing = await insertReadings(tx, readingRows(probes))
  if (!standing) throw new StaleMemory('another writer took the same reading this moment')
  const { touched, overruled, replaced } = await settleAgainst(tx, probes, standing, conflicts)
  await insertConflicts(tx, overruled)
  if (forward) await insertOutbox(tx, [...readingRows(probes), ...replaced], now)

  const unknown = probes.map(({ probeId }) => probeId).filter((id) => !memory.states.has(id))
  const read = unknown.length > 0 ? await lockProbeStates(tx, unknown) : new Map<number, ProbeState>()

  const writes: ProbeStateWrite[] = []
  const found: Found[] = []
  const dues: (Span & { deviceId: number })[] = []
  const ahead: { readonly due: Span & { deviceId: number }; readonly toldUpTo: number }[] = []
  for (const probe of probes) {
    const before = memory.states.get(probe.probeId) ?? read.get(probe.probeId) ?? { version: 0, state: null }
    const range = touched.get(probe.probeId) ?? null
    if (probe.arriving.length === 0 && !range) continue
    const { state, change, touched: span } = await deriveProbe(tx, probe, before.state, range, now)
    // Which probe speaks for bags hangs on when each was first heard.
    const isFirst = state?.firstAt !== before.state?.firstAt
    const due = isFirst ? ever : dueSpan(memory.bands, probe, before.state, { late: span, change }, now)
    if (due) {
      dues.push({ deviceId: probe.device.id, ...due })
      const toldUpTo = Math.max(span?.to ?? -Infinity, probe.arriving.at(-1)?.at ?? -Infinity)
      if (toldUpTo >= now) ahead.push({ due: { deviceId: probe.device.id, ...due }, toldUpTo })
    }
    if (!state) continue
    writes.push({ probeId: probe.probeId, version: before.version, state, receivedAt: probe.receivedAt })
    if (change) found.push({ device: probe.device, probe: probe.kind, change })
  }
  if (!(await saveProbeStates(tx, writes))) throw new StaleMemory('a probe was derived by another writer')
  const changes = found.map(({ change }) => change)
  await saveFindings(tx, changes, now)
  await dueForDevices(tx, dues, now)
  // What a clock a little ahead of ours tells is not so yet.
  for (const { due, toldUpTo } of ahead) await dueForDevices(tx, [due], toldUpTo + 1)
  const told = await tellFindings(tx, found, now)
  const remember = () => {
    for (const { probeId, version, state } of writes)
      memory.states.set(probeId, { version: version + 1, state })
  }
  return { remember, told }
}

/** The readings of messages by probe, one at each identity, and the values that did not rule there. */
export function gatherReadings(messages: readonly Taken[]): {
  probes: readonly ProbeBatch[]
  conflicts: readonly OverruledReading[]
} {
  const probes = byProbe(messages)
  const conflicts: OverruledReading[] = []
  for (const probe of probes) settleWithin(probe, conflicts)
  return { probes, conflicts }
}

export function readingRows(probes: readonly ProbeBatch[]): StoredReading[] {
  return probes.flatMap(({ arriving }) => arriving.map(({ row }) => row))
}

function byProbe(messages: readonly Taken[]): ProbeBatch[] {
  const probes = new Map<number, ProbeBatch>()
  for (const { incoming, device, boot, probes: ids, decoded } of messages) {
    const { seq } = decoded
    for (const { probe, at, centi, humidity } of decoded.readings) {
      const probeId = ids.get(probe) as number
      let batch = probes.get(probeId)
      if (!batch) {
        const limitsAt: LimitsAt = (instant) => inForce(device.profiles, instant)
        const speaks = speaksForBags(probe, ids)
        batch = {
          ...{ probeId, kind: probe, device, limitsAt, speaks },
          arriving: [],
          receivedAt: incoming.receivedAt,
        }
        probes.set(probeId, batch)
      }
      const row = { probeId, at, bootId: boot.id, seq, centi, humidity }
      batch.arriving.push(told(device.clockFacts, boot.boot, row, incoming.receivedAt))
    }
  }
  return [...probes.values()].sort((a, b) => a.probeId - b.probeId)
}

function told<Row extends StoredReading>(
  facts: readonly ClockFact[],
  boot: string,
  row: Row,
  receivedAt: number,
): Told<Row> {
  const { at: raw, seq, centi } = row
  return { at: raw + offsetOf(facts, boot, seq), raw, boot, seq, centi, row, receivedAt }
}

function identityOf({ probeId, at, bootId }: StoredReading): string {
  return `${probeId}/${at}/${bootId}`
}

function overruledRow({ row, receivedAt }: Told<StoredReading>): OverruledReading {
  return { ...row, receivedAt }
}

/**
 * Put one probe's arrivals in order and leave one reading at each identity; the values that do not rule are conflicts.
 * One identity may have come with two event times, where a clock fact speaks of only one of its messages.
 */
function settleWithin(probe: ProbeBatch, conflicts: OverruledReading[]): void {
  const { arriving, limitsAt } = probe
  if (arriving.length > 1) {
    const identities = new Set(arriving.map(({ row }) => identityOf(row)))
    if (identities.size < arriving.length) {
      probe.arriving = []
      for (const claims of grouped(arriving, ({ row }) => identityOf(row)).values()) {
        const { ruling, overruled } = settle(claims, limitsAt)
        probe.arriving.push(ruling)
        conflicts.push(...overruled.map(overruledRow))
      }
    }
  }
  probe.arriving.sort(compareReadings)
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const group = groups.get(keyOf(one))
    if (group) group.push(one)
    else groups.set(keyOf(one), [one])
  }
  return groups
}

type Touched = { readonly from: number; readonly to: number }

/**
 * Settle arrivals with all that was told for their identities before. They are no longer arriving; where another value
 * rules now, or the same one at another event time, both times are touched.
 *
 * @returns also what was written in place of what stood
 */
async function settleAgainst(
  tx: Transaction,
  probes: readonly ProbeBatch[],
  standing: readonly StoredReading[],
  conflicts: readonly OverruledReading[],
): Promise<{
  touched: Map<number, Touched>
  overruled: readonly OverruledReading[]
  replaced: readonly StoredReading[]
}> {
  const touched = new Map<number, Touched>()
  const replaced: StoredReading[] = []
  if (standing.length === 0) return { touched, overruled: conflicts, replaced }
  const stood = new Map(standing.map((row) => [identityOf(row), row]))
  const others = grouped([...(await conflictsAt(tx, standing)), ...conflicts], identityOf)
  const overruled = conflicts.filter((row) => !stood.has(identityOf(row)))
  for (const probe of probes) {
    const { limitsAt, probeId } = probe
    const facts = probe.device.clockFacts
    const still: Arriving[] = []
    for (const reading of probe.arriving) {
      const identity = identityOf(reading.row)
      const row = stood.get(identity)
      if (!row) {
        still.push(reading)
        continue
      }
      const { boot, receivedAt } = reading
      const before = told(facts, boot, row, receivedAt)
      const rest = (others.get(identity) ?? []).map((other) => told(facts, boot, other, other.receivedAt))
      const settled = settle<Told<StoredReading>>([before, reading, ...rest], limitsAt)
      const { ruling } = settled
      overruled.push(...settled.overruled.map(overruledRow))
      if (ruling.centi === before.centi && ruling.seq === before.seq) continue
      await replaceReading(tx, ruling.row)
      replaced.push(ruling.row)
      if (ruling.centi === before.centi && ruling.at === before.at) continue
      const { from, to } = touched.get(probeId) ?? { from: before.at, to: before.at }
      touched.set(probeId, {
        from: Math.min(from, before.at, ruling.at),
        to: Math.max(to, before.at, ruling.at),
      })
    }
    probe.arriving = still
  }
  return { touched, overruled, replaced }
}

async function deriveProbe(
  tx: Transaction,
  { probeId, device, limitsAt, arriving }: ProbeBatch,
  state: SeriesState | null,
  touched: Touched | null,
  now: number,
): Promise<{ state: SeriesState | null; change: FindingsChange | null; touched: Touched | null }> {
  const inOrder = touched ? null : deriveInOrder(state, arriving, limitsAt)
  if (inOrder) {
    const change = inOrder.change && { probeId, ...inOrder.change }
    return { state: inOrder.state, change, touched: null }
  }
  const first = arriving[0]
  const range = {
    from: Math.min(touched?.from ?? Number.POSITIVE_INFINITY, first?.at ?? Number.POSITIVE_INFINITY),
    to: Math.max(touched?.to ?? Number.NEGATIVE_INFINITY, arriving.at(-1)?.at ?? Number.NEGATIVE_INFINITY),
  }
  const again = await rederive(tx, { probeId, device, limitsAt }, state, range, now)
  return { state: slim(again.state), change: again.change, touched: range }
}

/**
 * When bags that were there must be judged again: what came late touched, where what is found of the probe has changed,
 * a reading may be outside limits of theirs, or a silence too long for them. Null where nothing is changed for any of
 * them.
 */
function dueSpan(
  bands: Bands,
  probe: ProbeBatch,
  before: SeriesState | null,
  { late, change }: { readonly late: Touched | null; readonly change: FindingsChange | null },
  now: number,
): Span | null {
  const { speaks, limitsAt } = probe
  if (!late && !speaks) return null
  const times: number[] = late ? [late.from, late.to] : []
  if (change) {
    for (const { from, to } of [...change.added.gaps, ...change.added.excursions])
      times.push(from, to ?? from)
  }
  times.push(...concerning(bands, probe, before, now))
  if (times.length === 0) return null
  const [from, to] = [Math.min(...times), Math.max(...times)]
  // A reading holds until the next, and what came between two changes how long the one before it did.
  return { from: from - limitsAt(from).maxSilenceMs, to: to + limitsAt(to).maxSilenceMs }
}

/** What is judged may be told just then, ms: it does not know yet of what is being stored. */
const judgedMeanwhileMs = 60_000

/**
 * Times at which readings in order may say something of bags though they say nothing of the device: outside limits of
 * theirs, or inside them again, or a silence too long for them. One that had lasted too long already when it was over
 * may have been judged as one that nothing is known of.
 */
export function concerning(
  bands: Bands,
  { device, arriving }: Pick<ProbeBatch, 'device' | 'arriving'>,
  before: SeriesState | null,
  now: number,
): number[] {
  const silenceMs = bands.silenceMs(device)
  const times: number[] = []
  let last = before?.last.at ?? null
  if (before && bands.isOutside(device, before.last.centi)) times.push(before.last.at)
  if (last !== null && now - last > silenceMs - judgedMeanwhileMs)
    times.push(last, arriving.at(-1)?.at ?? last)
  for (const { at, centi } of arriving) {
    if (bands.isOutside(device, centi)) times.push(at)
    if (last !== null && at - last > silenceMs) times.push(last, at)
    last = at
  }
  return times
}

/**
 * Fold readings that surely all come after those before them; null where they may not. No change: no finding began or
 * ended.
 */
export function deriveInOrder(
  before: SeriesState | null,
  arriving: readonly Reading[],
  limitsAt: LimitsAt,
): { state: SeriesState | null; change: Omit<FindingsChange, 'probeId'> | null } | null {
  const [first] = arriving
  if (!first || (before && !follows(before.last, first))) return null
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
