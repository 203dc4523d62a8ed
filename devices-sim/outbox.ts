import {
  type BagsDelta,
  type BagsInventory,
  type DoorElement,
  type Envelope,
  maxElements,
  type PositionElement,
  type PowerElement,
  type ReadingElement,
  type Reply,
} from '../schema/messages.ts'
import type { UpChannel } from '../schema/vocabulary.ts'
import type { Random } from './random.ts'

/** A message for ever: its payload is written once and sent again unchanged, byte by byte. */
export type Message = {
  readonly channel: UpChannel
  readonly boot: string
  readonly seq: number
  readonly payload: string
}

/** Something that happened and is not a reading. */
export type Happening =
  | { readonly channel: 'door'; readonly element: DoorElement }
  | { readonly channel: 'bags'; readonly element: BagsDelta | BagsInventory }
  | { readonly channel: 'power'; readonly element: PowerElement }
  | { readonly channel: 'position'; readonly element: PositionElement }
  | { readonly channel: 'replies'; readonly element: Reply }

/** What the device's two clocks show: the one that can be wrong, and the one that only counts. */
export type Clocks = { readonly sentAt: number; readonly uptimeMs: number }

/** One act of sending. `dup` marks a message that went out before, on a connection that broke. */
export type Transmission = { readonly message: Message; readonly dup: boolean }

/** What a device still knows after a restart that spared its memory. */
export type Leftover = {
  readonly messages: readonly Message[]
  readonly happenings: readonly Happening[]
  readonly readings: readonly ReadingElement[]
}

export type Habits = {
  /** Transmissions on their way at once; the next waits for an acknowledgement. */
  readonly window?: number
  /** After a silence: the newest readings first and the backlog behind them, or all in the order they were taken. */
  readonly backlog?: 'newest first' | 'in order'
  /** The most readings put in one message. */
  readonly batch?: number
  /** Fault: the share of messages sent twice. */
  readonly doubled?: number
  /** Fault: the share of messages sent after the one that follows them. */
  readonly reordered?: number
}

export type OutboxOptions = Habits & {
  readonly boot: string
  readonly random: Random
  readonly kept?: Leftover
}

/**
 * Decides which messages exist. What happens is recorded here and becomes a message only when it can be sent, so that
 * `sentAt` is true and a backlog is few messages; from then on its identity and payload stand until it is acknowledged.
 * Knows no clock and no network.
 */
export type Outbox = {
  readonly boot: string
  /** The readings of all probes at one instant. Alone in a message they are live. */
  measured(readings: readonly ReadingElement[]): void
  happened(happening: Happening): void
  /** What to send now; undefined when there is nothing or the window is full. In a hurry nothing is held back to be reordered. */
  next(clocks: Clocks, hurry?: boolean): Transmission | undefined
  /** A transmission was acknowledged. True the first time for each message. */
  acknowledged(message: Message): boolean
  /** The connection broke: all that was on its way goes again, before anything new. */
  disconnected(): void
  isEmpty(): boolean
  /** Readings that are in no message yet. */
  waiting(): number
  leftover(): Leftover
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { boot, random, kept, window = 4, backlog: order = 'newest first', batch = maxElements } = options
  const { doubled = 0, reordered = 0 } = options
  let seq = 0
  let inFlight = 0
  const happenings: Happening[] = [...(kept?.happenings ?? [])]
  const backlog: ReadingElement[] = [...(kept?.readings ?? [])]
  let live: readonly ReadingElement[] = []
  const unacknowledged = new Map<string, { readonly message: Message; sent: boolean }>()
  let ready: Transmission[] = []
  let held: Transmission | undefined

  for (const message of kept?.messages ?? []) unacknowledged.set(identity(message), { message, sent: true })
  resend()

  function toBacklog(): void {
    for (const reading of live) backlog.push(reading)
    live = []
  }

  function resend(): void {
    held = undefined
    ready = [...unacknowledged.values()].map(({ message, sent }) => ({ message, dup: sent }))
  }

  function nextBody(): { channel: UpChannel; body: unknown } | undefined {
    const [first] = happenings
    if (first) {
      if (standsAlone(first)) return { channel: first.channel, body: happenings.shift()?.element }
      const end = happenings.findIndex((other) => other.channel !== first.channel || standsAlone(other))
      const run = happenings.splice(0, Math.min(end < 0 ? happenings.length : end, maxElements))
      return { channel: first.channel, body: run.map(({ element }) => element) }
    }
    const liveFirst = order === 'newest first' || backlog.length === 0
    if (liveFirst && live.length > 0 && live.length <= batch) {
      const body = live
      live = []
      return { channel: 'readings', body }
    }
    toBacklog()
    return backlog.length > 0 ? { channel: 'readings', body: backlog.splice(0, batch) } : undefined
  }

  function write(clocks: Clocks): Transmission | undefined {
    const next = nextBody()
    if (!next) return undefined
    const envelope: Envelope = { v: 1, boot, seq, ...clocks, body: next.body }
    const message = { channel: next.channel, boot, seq, payload: JSON.stringify(envelope) }
    seq += 1
    unacknowledged.set(identity(message), { message, sent: false })
    return { message, dup: false }
  }

  function choose(clocks: Clocks, hurry: boolean): Transmission | undefined {
    const again = ready.shift()
    if (again) return again
    const fresh = write(clocks)
    if (fresh && !held && !hurry && random.chance(reordered)) {
      held = fresh
      return choose(clocks, hurry)
    }
    if (fresh && random.chance(doubled)) ready.push(fresh)
    if (held && (fresh || hurry)) {
      ready.push(held)
      held = undefined
    }
    return fresh ?? ready.shift()
  }

  return {
    boot,
    measured(readings) {
      toBacklog()
      live = readings
    },
    happened: (happening) => void happenings.push(happening),
    next(clocks, hurry = false) {
      if (inFlight >= window) return undefined
      const chosen = choose(clocks, hurry)
      if (!chosen) return undefined
      inFlight += 1
      const entry = unacknowledged.get(identity(chosen.message))
      if (entry) entry.sent = true
      return chosen
    },
    acknowledged(message) {
      inFlight -= 1
      return unacknowledged.delete(identity(message))
    },
    disconnected() {
      inFlight = 0
      resend()
    },
    isEmpty: () =>
      unacknowledged.size === 0 && happenings.length === 0 && live.length === 0 && backlog.length === 0,
    waiting: () => backlog.length + live.length,
    leftover: () => ({
      messages: [...unacknowledged.values()].map(({ message }) => message),
      happenings: [...happenings],
      readings: [...backlog, ...live],
    }),
  }
}

/** Names a message among all of its device. */
export function identity({ boot, seq }: Pick<Message, 'boot' | 'seq'>): string {
  return `${boot}/${seq}`
}

function standsAlone(happening: Happening): boolean {
  return happening.channel === 'replies' || 'inventory' in happening.element
}
