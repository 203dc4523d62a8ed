import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { insertDeadLetters, type Refused } from '../stores/dead-letters.ts'
import { lockDevice } from '../stores/devices.ts'
import { leadAlone } from '../stores/leader.ts'
import {
  deleteOutboxRows,
  insertOutbox,
  learnNames,
  newestOutboxRow,
  type OutboxRow,
  oldestOutboxRows,
  type ReadingNames,
} from '../stores/outbox.ts'
import { unpackReadings } from '../stores/outbox-body.ts'
import { type StoredReading, standingReadings } from '../stores/readings.ts'
import { failureClass } from '../stores/sql-state.ts'
import { TelemetryFailure, type TelemetryReading, type TelemetryTrouble } from '../stores/telemetry.ts'

export type ForwardPatience = {
  /** How often to look for something to forward, once nothing or little was left, ms. */
  readonly lookMs: number
  /** How often to look whether the process that forwards has gone, ms. */
  readonly takeOverMs: number
  /** The pause after the first failure; it doubles with each, up to the longest, and half of it is left to chance. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** A batch the store broke down over this often in a row is tried in parts. */
  readonly failuresBeforeParting: number
}

const usual: ForwardPatience = {
  lookMs: 250,
  takeOverMs: 5_000,
  firstPauseMs: 500,
  longestPauseMs: 60_000,
  failuresBeforeParting: 5,
}

/** At most this many rows and readings are held in memory, but for the one row there must be. */
const rowsAtOnce = 200
const readingsAtOnce = 2_500

/**
 * While it catches up ingest has the process and the servers to itself for so many times as long as each batch took, and
 * at most for so long, ms: what has waited for an hour may wait for another minute, and devices may not.
 */
const restsTimes = 4
const longestRestMs = 1_000

/** After so many requests that all failed, so many single readings tell whether the store takes anything at all. */
const triesInVain = 100
const samples = 20

/** Nobody is left alone longer, whatever they ask for. */
const longestRetryAfterMs = 3_600_000

const forwarder: Actor = { kind: 'job', id: 'telemetry-forwarder' }

type Parts = Pick<Deps, 'database' | 'telemetry' | 'now' | 'log' | 'metrics'>

export type Forwarding = {
  /** Why nothing is forwarded, where this process is the one that tries; null where it is not, or nothing is wrong. */
  trouble(): string | null
  /** What is under way is broken off, and sent again by whoever forwards next. */
  stop(): Promise<void>
}

type State = {
  readonly names: ReadingNames
  /** What the store took last from this process, while nobody else forwarded. */
  taken: Letter | null
  trouble: string | null
  /** Attempts in a row that failed, and those of them the store broke down over. */
  failures: number
  breakdowns: number
}

/**
 * Bring what waits in the outbox to the telemetry store: in one process of all, oldest first. A row is deleted only once
 * the store has all of it, but for what it refused, which is set aside as a dead letter; what is sent twice is stored
 * once. Whatever else goes wrong keeps the row, and all that follow it.
 */
export function startForwarding(parts: Parts, changes: Partial<ForwardPatience> = {}): Forwarding {
  const { database, log } = parts
  const patience = { ...usual, ...changes }
  const stop = new AbortController()
  const state: State = {
    names: { probes: new Map(), boots: new Map() },
    taken: null,
    trouble: null,
    failures: 0,
    breakdowns: 0,
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await leadAlone(database, 'forward', stop.signal, (lead) =>
          forwardAll(parts, patience, state, { lead, stop: stop.signal }),
        )
      } catch (error) {
        if (failureClass(error) !== 'away') log.error({ err: error }, 'telemetry could not be forwarded')
      }
      over(parts, state)
      await pause(patience.takeOverMs, stop.signal)
    }
  }

  const ended = run()
  return {
    trouble: () => state.trouble,
    async stop() {
      stop.abort()
      await ended
    },
  }
}

/** `lead` ends the leading: nothing new is sent. `stop` breaks off what is under way as well. */
type Signals = { readonly lead: AbortSignal; readonly stop: AbortSignal }

async function forwardAll(
  parts: Parts,
  patience: ForwardPatience,
  state: State,
  signals: Signals,
): Promise<void> {
  const signal = signals.lead
  state.taken = null
  while (!signal.aborted) {
    const waiting = await oldestOutboxRows(parts.database.db, rowsAtOnce)
    const rows = affordable(waiting)
    if (rows.length === 0) {
      await pause(patience.lookMs, signal)
      continue
    }
    const begun = performance.now()
    try {
      await forward(parts, state, rows, state.breakdowns >= patience.failuresBeforeParting, signals)
      if (state.trouble !== null) parts.log.info({}, 'telemetry is forwarded again')
      over(parts, state)
      // A few readings cost a request and a commit as thousands do: where no more wait, they are let gather.
      const isAll = rows.length === waiting.length && rows.length < rowsAtOnce
      const restMs = Math.min((performance.now() - begun) * restsTimes, longestRestMs)
      await pause(isAll ? patience.lookMs : restMs, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof TelemetryFailure)) throw error
      await pause(note(parts, patience, state, error), signal)
    }
  }
}

/** As many of the rows, from the oldest on, as may be held at once; one at least. */
function affordable(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let readings = 0
  const beyond = rows.findIndex((row, index) => {
    readings += row.readings
    return index > 0 && readings > readingsAtOnce
  })
  return beyond < 0 ? rows : rows.slice(0, beyond)
}

/** Deliver rows and delete them. @throws TelemetryFailure where they have to wait */
async function forward(
  { database: { db }, telemetry, metrics, now, log }: Parts,
  state: State,
  rows: readonly OutboxRow[],
  isParting: boolean,
  signals: Signals,
): Promise<void> {
  const readings = newestOf(rows.flatMap(({ body }) => unpackReadings(body)))
  const letters = await address(db, state, readings)
  const youngest = async () => {
    const row = await newestOutboxRow(db)
    return address(db, state, row ? unpackReadings(row.body).slice(-1) : [])
  }
  const delivered = metrics.forwardSeconds.startTimer()
  const returned = await deliver(telemetry, state, letters, youngest, isParting, signals)
  delivered()
  const refused = byReason(returned)
  const isAlone = await db.transaction(async (tx) => {
    const gone = await deleteOutboxRows(
      tx,
      rows.map(({ id }) => id),
    )
    if (gone.size < rows.length) await insertRuling(tx, letters, now())
    else await insertDeadLetters(tx, forwarder, refused, now())
    return gone.size === rows.length
  })
  if (!isAlone) throw new Error('another process forwards telemetry as well')
  metrics.forwarded.inc(letters.length - returned.length)
  for (const { device, reason, readings } of refused)
    log.error({ device, reason, readings: readings.length }, 'the telemetry store refused readings')
}

/**
 * Whoever took some of these out of the outbox may have sent newer values before ours arrived: put what rules by now on
 * its way again.
 */
async function insertRuling(tx: Transaction, letters: readonly Letter[], now: number): Promise<void> {
  // Nothing else is made to rule meanwhile: whatever is decided later is sent later, and so is what stays.
  const devices = [...new Set(letters.map(({ deviceId }) => deviceId))].sort((a, b) => a - b)
  for (const id of devices) await lockDevice(tx, id)
  const told = letters.map(({ row }) => row)
  const standing = await standingReadings(tx, told)
  await insertOutbox(tx, newestOf([...told, ...standing]), now)
}

/** One reading at each identity, the one written down last: no store has to decide between two of one request. */
function newestOf(readings: readonly StoredReading[]): StoredReading[] {
  const newest = new Map<string, StoredReading>()
  for (const reading of readings) newest.set(`${reading.probeId}/${reading.at}/${reading.bootId}`, reading)
  return [...newest.values()]
}

/** A reading under its numbers, and under the names the store knows it by. */
type Letter = { readonly row: StoredReading; readonly deviceId: number; readonly named: TelemetryReading }

async function address(
  db: Database,
  { names }: State,
  readings: readonly StoredReading[],
): Promise<Letter[]> {
  await learnNames(db, names, readings)
  return readings.map((row) => addressed(row, names))
}

function addressed(row: StoredReading, { probes, boots }: ReadingNames): Letter {
  const probe = probes.get(row.probeId)
  const boot = boots.get(row.bootId)
  if (!probe || boot === undefined)
    throw new Error(`probe ${row.probeId} or boot ${row.bootId} of a reading is gone`)
  const { at, seq, centi, humidity } = row
  const named = { device: probe.device, probe: probe.kind, boot, at, seq, centi, humidity }
  return { row, deviceId: probe.deviceId, named }
}

type Returned = {
  readonly letter: Letter
  readonly failure: TelemetryFailure
  /** The store said no to this very letter, and yes to others before. */
  readonly isCertain: boolean
}

/**
 * Write letters; where some are refused, halve what was sent until each of those stands alone.
 *
 * @param youngest reads what came last of all that waits: sent before its time it does no harm, for its turn comes
 * @param isParting whether those the store breaks down over are looked for as well
 * @throws TelemetryFailure where it has to wait, or where nothing says that it is the letters' fault
 */
async function deliver(
  { write }: Parts['telemetry'],
  state: State,
  all: readonly Letter[],
  youngest: () => Promise<readonly Letter[]>,
  isParting: boolean,
  { lead, stop }: Signals,
): Promise<Returned[]> {
  let isTaking = false
  let inVain = 0

  async function put(letters: readonly Letter[]): Promise<TelemetryFailure | null> {
    lead.throwIfAborted()
    try {
      await write(
        letters.map(({ named }) => named),
        stop,
      )
      isTaking = true
      state.taken = letters.at(-1) ?? null
      return null
    } catch (error) {
      const mayBeTheirs =
        error instanceof TelemetryFailure &&
        (error.trouble === 'refused' || (error.trouble === 'failed' && isParting))
      if (mayBeTheirs) return error
      throw error
    }
  }

  async function send(letters: readonly Letter[]): Promise<Returned[]> {
    const failure = await put(letters)
    if (!failure) return []
    const isRefused = failure.trouble === 'refused'
    if (failure.isWhole) return letters.map((letter) => ({ letter, failure, isCertain: isRefused }))
    if (!isTaking && ++inVain === triesInVain) await prove(failure, fromHereAndThere(all))
    const [letter, ...others] = letters
    if (letter && others.length === 0) return [{ letter, failure, isCertain: isRefused && isTaking }]
    const middle = Math.ceil(letters.length / 2)
    return [...(await send(letters.slice(0, middle))), ...(await send(letters.slice(middle)))]
  }

  /** A store that takes none of these, nor what came last, nor what it took before, takes nothing. */
  async function prove(failure: TelemetryFailure, some: readonly Letter[]): Promise<void> {
    const before = state.taken ? [state.taken] : []
    for (const letter of [...some, ...(await youngest()), ...before]) if (!isTaking) await put([letter])
    if (!isTaking) throw failure.trouble === 'refused' ? failure.as('shut') : failure
  }

  const suspected = await send(all)
  const doubtful = suspected.find(({ isCertain }) => !isCertain)
  if (doubtful && !isTaking) await prove(doubtful.failure, [])
  const returned: Returned[] = []
  for (const one of suspected) {
    // It may have been the store after all, before it recovered: each of these gets a second chance.
    const failure = one.isCertain ? one.failure : await put([one.letter])
    if (failure) returned.push({ ...one, failure })
  }
  return returned
}

function fromHereAndThere(letters: readonly Letter[]): Letter[] {
  const step = Math.ceil(letters.length / samples)
  return letters.filter((_, index) => index % step === 0)
}

/** What was returned of one device for one reason is one dead letter. */
function byReason(returned: readonly Returned[]): Refused[] {
  const groups = new Map<string, Refused & { readonly readings: StoredReading[] }>()
  for (const { letter, failure } of returned) {
    const { deviceId, named, row } = letter
    const reason = failure.message
    const key = `${deviceId}/${reason}`
    const group = groups.get(key)
    if (group) group.readings.push(row)
    else groups.set(key, { deviceId, device: named.device, reason, readings: [row] })
  }
  return [...groups.values()]
}

/** Never what the server said: this is shown to anybody. */
const words: Record<TelemetryTrouble, string> = {
  refused: 'refuses what it is sent',
  failed: 'breaks down over what it is sent',
  away: 'does not answer, or asks for patience',
  shut: 'does not let the service in, or lacks the place to write to',
}

/** Tell of a failure. @returns how long to wait after it, ms */
function note(
  { telemetry, log, metrics }: Parts,
  { firstPauseMs, longestPauseMs }: ForwardPatience,
  state: State,
  { trouble, status, message: reason, retryAfterMs }: TelemetryFailure,
): number {
  const doubled = Math.min(firstPauseMs * 2 ** state.failures, longestPauseMs)
  const chosenMs = doubled * (0.5 + Math.random() / 2)
  const pauseMs = Math.round(Math.max(Math.min(retryAfterMs, longestRetryAfterMs), chosenMs))
  const said = `${telemetry.product} ${words[trouble]}${status === null ? '' : ` (${status})`}`
  const fields = { trouble, status, reason, pauseMs }
  // What needs a person is an error, once; what mends itself is a warning each time.
  if (trouble === 'shut' && state.trouble !== said)
    log.error(fields, 'telemetry waits: its store is shut to us')
  else log.warn(fields, 'telemetry was not taken, and waits')
  metrics.forwardFailures.inc({ trouble })
  metrics.telemetryTrouble.reset()
  metrics.telemetryTrouble.set({ trouble }, 1)
  state.trouble = said
  state.failures++
  state.breakdowns = trouble === 'failed' ? state.breakdowns + 1 : 0
  return pauseMs
}

function over({ metrics }: Parts, state: State): void {
  metrics.telemetryTrouble.reset()
  state.trouble = null
  state.failures = 0
  state.breakdowns = 0
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
