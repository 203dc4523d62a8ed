/** Called exactly once per item: without an error the item is committed and may be acknowledged. */
export type Done = (error?: Error | null) => void

export type GateOptions<Item> = {
  /**
   * Resolves once every item of the batch is committed, but for those in the set it may resolve with; rejects when none
   * may be acknowledged.
   */
  readonly accept: (batch: readonly Item[]) => Promise<ReadonlySet<Item> | undefined>
  readonly maxBatch: number
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

type Entry<Item> = { readonly item: Item; readonly bytes: number; readonly done: Done }

/**
 * Group commit: one `accept` at a time, and the next batch is whatever piled up meanwhile. Alone, a message waits for
 * nothing; under load the batches grow by themselves. Answers leave in the order the items came.
 */
export function createGate<Item>(options: GateOptions<Item>): Gate<Item> {
  const { accept, maxBatch, maxPendingMessages, maxPendingBytes } = options
  const queue: Entry<Item>[] = []
  let waiting: (() => void)[] = []
  let messages = 0
  let bytes = 0
  let busy = false

  function schedule(): void {
    if (busy || queue.length === 0) return
    busy = true
    // After the sockets that are readable now have been read: their messages share the commit.
    setImmediate(() => void commit())
  }

  async function commit(): Promise<void> {
    const batch = queue.splice(0, maxBatch)
    const failureOf = await attempt(batch.map((entry) => entry.item))
    for (const entry of batch) {
      messages -= 1
      bytes -= entry.bytes
      entry.done(failureOf(entry.item))
    }
    busy = false
    schedule()
    if (messages === 0) {
      for (const resolve of waiting) resolve()
      waiting = []
    }
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
      queue.push({ item, bytes: size, done })
      schedule()
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
