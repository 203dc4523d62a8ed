import { hash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Status } from '../../schema/messages.ts'
import type { Deps } from '../context.ts'
import type { RejectionInput } from '../stores/rejections.ts'
import { failureClass, sqlStateOf } from '../stores/sql-state.ts'
import { commitWork, type Outcome, type Work } from './ingest/commit.ts'
import { type Decoded, decode, decodeStatus, type Incoming, type Undecodable } from './ingest/decode.ts'
import { createMemory, hasMet, type Known, type Memory } from './ingest/memory.ts'
import { storeWork } from './ingest/plain.ts'
import { StaleMemory, type Taken } from './ingest/taken.ts'

export type Ingest = {
  /**
   * Resolves once everything in the batch is stored, as a message or as a rejection, but for the messages it resolves
   * with: those make this service fail, and are its fault. Rejects where nothing is sure.
   */
  accept(batch: readonly Incoming[]): Promise<ReadonlySet<Incoming>>
  /** Something about this device was decided elsewhere: read it again before its next message. */
  forget(device: string): void
  readonly memory: Memory
  /** Why messages are held and not stored now; null where they are stored. */
  obstacle(): string | null
}

/** A conflict with another writer is tried again this often before it counts as a fault of ours. */
const conflictTries = 20

/**
 * The MQTT door into the service. A database that is away only makes a batch wait, up to `holdMs`; a message the database refuses for its data is found by bisection and rejected alone.
 */
export function createIngest(
  deps: Pick<Deps, 'database' | 'telemetry' | 'now' | 'log' | 'metrics'>,
  options: {
    readonly holdMs: number
    /** What was stored is news: whoever follows it is to be woken. */
    readonly tell?: () => void
  },
): Ingest {
  const memory = createMemory(deps.database.db)
  const forward = deps.telemetry.isElsewhere
  /** Batches that wait for the database to come back. */
  let held = 0

  async function accept(batch: readonly Incoming[]): Promise<ReadonlySet<Incoming>> {
    const unstored = new Set<Incoming>()
    const stored = deps.metrics.commitSeconds.startTimer()
    await storeHolding(batch, deps.now() + options.holdMs, unstored)
    stored()
    return unstored
  }

  async function storeHolding(
    batch: readonly Incoming[],
    deadline: number,
    unstored: Set<Incoming>,
  ): Promise<void> {
    let conflicts = 0
    let isHeld = false
    try {
      for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
        try {
          return record(await within(deadline - deps.now(), store(batch)))
        } catch (error) {
          forgetAll(batch)
          const isConflict = error instanceof StaleMemory || failureClass(error) === 'retry'
          if (isConflict && ++conflicts <= conflictTries) continue
          // What conflicts for ever conflicts with itself.
          const failure = isConflict ? 'bug' : failureClass(error)
          if (failure === 'data' || failure === 'bug') {
            const [culprit, ...others] = batch
            if (!culprit || others.length > 0) return bisect(batch, deadline, unstored)
            if (failure === 'data') return reject(culprit, error)
            deps.log.error(whereAndWhy(culprit, error), 'a message makes the service fail')
            unstored.add(culprit)
            return
          }
          const left = deadline - deps.now()
          if (left <= 0) throw error
          // Never the error itself, with every parameter of the statement: the disk may be what is full.
          const why = { sqlState: sqlStateOf(error), reason: rootOf(error), messages: batch.length, pauseMs }
          deps.log.warn(why, 'database away, holding acknowledgements')
          if (!isHeld) held++
          isHeld = true
          await delay(Math.min(left, pauseMs * (0.5 + Math.random() / 2)))
        }
      }
    } finally {
      if (isHeld) held--
    }
  }

  /** Halve a batch that cannot be stored until the culprit stands alone. */
  async function bisect(
    batch: readonly Incoming[],
    deadline: number,
    unstored: Set<Incoming>,
  ): Promise<void> {
    const middle = Math.ceil(batch.length / 2)
    await storeHolding(batch.slice(0, middle), deadline, unstored)
    await storeHolding(batch.slice(middle), deadline, unstored)
  }

  /** Reject a message the database refuses, with its bytes. */
  async function reject(culprit: Incoming, error: unknown): Promise<void> {
    const known = await memory.learn(culprit.device)
    if (!known) throw error
    const reason = `the database refused it with SQLSTATE ${sqlStateOf(error)}`
    deps.log.error(whereAndWhy(culprit, error), 'message refused by the database')
    const refused = { code: 'refused_by_database', reason, boot: null, seq: null } as const
    const rejections = [rejectionOf(culprit, known.device.id, hashOf(culprit.payload), refused)]
    const work = { messages: [], statuses: [], rejections }
    record(await commitWork(deps.database.db, memory, work, deps.now(), forward))
  }

  async function store(batch: readonly Incoming[]): Promise<Outcome> {
    await memory.bands.refresh(deps.now())
    return storeWork(deps.database.db, memory, await prepare(memory, batch), deps.now(), forward)
  }

  function forgetAll(batch: readonly Incoming[]): void {
    for (const { device } of batch) memory.forget(device)
  }

  function record({ stored, doubles, rejected, readings, told }: Outcome): void {
    if (told > 0) options.tell?.()
    deps.metrics.messages.inc({ outcome: 'stored' }, stored)
    deps.metrics.messages.inc({ outcome: 'double' }, doubles)
    deps.metrics.messages.inc({ outcome: 'rejected' }, rejected)
    deps.metrics.readings.inc(readings)
  }

  return {
    accept,
    forget: (device) => memory.forget(device),
    memory,
    obstacle: () =>
      held > 0 ? 'the database does not store what devices send; they are kept waiting' : null,
  }
}

/** A database that went silent answers nothing, not even with an error: after `ms` it counts as away. */
function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const silent = Object.assign(new Error('the database did not answer in time'), { code: 'ETIMEDOUT' })
    const patience = setTimeout(() => reject(silent), Math.max(ms, 0))
    work.then(resolve, reject).finally(() => clearTimeout(patience))
  })
}

/** Never the error itself: it carries every parameter of the statement. */
function whereAndWhy({ device, topic }: Incoming, error: unknown) {
  return { device, topic, sqlState: sqlStateOf(error), reason: rootOf(error) }
}

function rootOf(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  return root instanceof Error ? root.message : String(root)
}

/** Read every message of a batch and find the devices, boots and probes it speaks of. */
async function prepare(memory: Memory, batch: readonly Incoming[]): Promise<Work> {
  const strangers = new Set(batch.map(({ device }) => device).filter((name) => !memory.recall(name)))
  if (strangers.size > 0) await Promise.all([...strangers].map((name) => memory.learn(name)))

  const readable: Readable[] = []
  const statuses: { incoming: Incoming; device: Taken['device']; status: Status }[] = []
  const rejections: RejectionInput[] = []
  for (const incoming of batch) {
    const by = memory.recall(incoming.device) ?? (await memory.learn(incoming.device))
    if (!by) throw new Error(`device ${incoming.device} was let in but is not known`)
    const { device } = by
    if (incoming.channel === 'status') {
      const status = decodeStatus(incoming.payload)
      if ('reason' in status)
        rejections.push(rejectionOf(incoming, device.id, hashOf(incoming.payload), status))
      else statuses.push({ incoming, device, status })
      continue
    }
    const of = decode(incoming, device)
    if ('reason' in of) rejections.push(rejectionOf(incoming, device.id, hashOf(incoming.payload), of))
    else readable.push({ incoming, by, of, again: false })
  }
  return { messages: await locate(memory, readable), statuses, rejections }
}

/** A message that has been read, and who sent it. */
type Readable = {
  readonly incoming: Incoming
  readonly by: Known
  readonly of: Decoded
  readonly again: boolean
}

/** Find the boots and the probes messages speak of; those never heard of are written down. */
export async function locate(memory: Memory, readable: readonly Readable[]): Promise<Taken[]> {
  const unmet = readable.filter(({ by, of }) => !hasMet(by, of))
  if (unmet.length > 0) await memory.meet(unmet)
  return readable.map(({ incoming, by: { device, boots, probes }, of, again }) => {
    const boot = boots.get(of.boot)
    if (!boot) throw new Error(`boot ${of.boot} of device ${device.name} vanished while it was being stored`)
    return {
      incoming,
      device,
      boots,
      boot,
      probes,
      payloadHash: hashOf(incoming.payload),
      decoded: of,
      again,
    }
  })
}

export function rejectionOf(
  { topic, payload, receivedAt }: Incoming,
  deviceId: number,
  payloadHash: string,
  { code, reason, boot, seq }: Undecodable,
): RejectionInput {
  return { deviceId, topic, boot, seq, payload, payloadHash, code, reason, receivedAt }
}

/** SHA-256, hexadecimal. */
export function hashOf(payload: Buffer): string {
  return hash('sha256', payload, 'hex')
}
