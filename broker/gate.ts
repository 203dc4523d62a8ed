import { setTimeout as delay } from 'node:timers/promises'

/** Called exactly once per item: without an error the item is committed and may be acknowledged. */
export type Done = (error?: Error | null) => void

export type GateOptions<Item> = {
  /**
   * Resolves once every item of the batch is committed, but for those in the set it may resolve with; rejects when none
   * may be acknowledged.
   */
  readonly accept: (batch: readonly Item[]) => Promise<ReadonlySet<Item> | undefined>
  /** Whose it is. Items of one sender are never in two batches at once and keep their order. */
  readonly senderOf: (item: Item) => string
  readonly maxBatch: number
  /** An item of more bytes than this is heavy, and as many bytes of heavy items make a batch. */
  readonly heavyBytes: number
  readonly maxPendingMessages: number
  readonly maxPendingBytes: number
}

export type Gate<Item> = {
  /** False when the gate is full: then `done` has been called with an error and the item was not taken. */
  add(item: Item, bytes: number, done: Done): boolean
  /** Resolves when nothing is pending any more, late comers included. */
  drain(): Promise<void>
  /** Taken and not yet answered: waiting, or in the commit under way. */
  pending(): { readonly messages: number; readonly bytes: number }
}

/** What a sender has pending in each lane. */
type Sender = { light: number; heavy: number }

type Entry<Item> = {
  readonly item: Item
  readonly bytes: number
  readonly done: Done
  readonly lane: keyof Sender
  readonly sender: Sender
  readonly name: string
}

/** How long the lane for heavy items rests after a commit, by how long that took. */
const restPerWork = 2

type Lane<Item> = { queue: Entry<Item>[]; busy: boolean; readonly take: () => Entry<Item>[] }

/**
 * Group commit: one `accept` at a time, and the next batch is whatever piled up meanwhile. Alone, a message waits for
 * nothing; under load the batches grow by themselves.
 *
 * Heavy items, the backlog of a device that was out of reach, have a lane of their own with small batches, so that
 * nobody who has one reading to tell waits behind three days of somebody else's; and while others report, that lane
 * rests after each commit for twice as long as it took, for they share the processor and the disk.
 */
export function createGate<Item>(options: GateOptions<Item>): Gate<Item> {
  const { accept, senderOf, maxBatch, heavyBytes, maxPendingMessages, maxPendingBytes } = options
  const light: Lane<Item> = { queue: [], busy: false, take: () => light.queue.splice(0, maxBatch) }
  const heavy: Lane<Item> = { queue: [], busy: false, take: takeHeavy }
  const lanes = { light, heavy }
  const senders = new Map<string, Sender>()
  let waiting: (() => void)[] = []
  let messages = 0
  let bytes = 0
  /** How many light items have been answered so far. */
  let served = 0

  /** Those of a sender whose light items are not answered yet have to wait for them. */
  function takeHeavy(): Entry<Item>[] {
    const batch: Entry<Item>[] = []
    const left: Entry<Item>[] = []
    let taken = 0
    for (const entry of heavy.queue) {
      if (entry.sender.light > 0 || taken >= heavyBytes || batch.length >= maxBatch) left.push(entry)
      else {
        batch.push(entry)
        taken += entry.bytes
      }
    }
    heavy.queue = left
    return batch
  }

  function schedule(lane: Lane<Item>): void {
    if (lane.busy || lane.queue.length === 0) return
    lane.busy = true
    // After the sockets that are readable now have been read: their messages share the commit.
    setImmediate(() => void commit(lane))
  }

  async function commit(lane: Lane<Item>): Promise<void> {
    const batch = lane.take()
    if (batch.length > 0) {
      const [began, servedBefore] = [performance.now(), served]
      const failureOf = await attempt(batch.map((entry) => entry.item))
      for (const entry of batch) answer(entry, failureOf(entry.item))
      const isShared = light.busy || served > servedBefore
      if (lane === heavy && isShared) await delay((performance.now() - began) * restPerWork)
    }
    lane.busy = false
    if (batch.length > 0) {
      schedule(light)
      schedule(heavy)
    }
    if (messages === 0) {
      for (const resolve of waiting) resolve()
      waiting = []
    }
  }

  function answer({ bytes: size, lane, sender, name, done }: Entry<Item>, failure: Error | null): void {
    messages -= 1
    bytes -= size
    sender[lane] -= 1
    if (lane === 'light') served += 1
    if (sender.light + sender.heavy === 0) senders.delete(name)
    done(failure)
  }

  async function attempt(items: readonly Item[]): Promise<(item: Item) => Error | null> {
    try {
      const left = await accept(items)
      return (item) => (left?.has(item) ? new Error('not accepted') : null)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      return () => error
    }
  }

  return {
    add(item, size, done) {
      if (messages >= maxPendingMessages || bytes + size > maxPendingBytes) {
        done(new Error('the gate is full'))
        return false
      }
      messages += 1
      bytes += size
      const name = senderOf(item)
      const sender = senders.get(name) ?? { light: 0, heavy: 0 }
      senders.set(name, sender)
      const lane = size > heavyBytes || sender.heavy > 0 ? 'heavy' : 'light'
      sender[lane] += 1
      lanes[lane].queue.push({ item, bytes: size, done, lane, sender, name })
      schedule(lanes[lane])
      return true
    },
    drain() {
      return messages === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
    },
    pending() {
      return { messages, bytes }
    },
  }
}
