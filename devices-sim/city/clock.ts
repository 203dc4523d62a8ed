import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

/** How time passes in a city. City time is whole ms since the midnight before its first day. */
export type CityClock = {
  /** So much faster than the service's clock the city lives. */
  readonly speed: number
  now(): number
  /** From now on time passes; until then it does not, however long everything takes to be made ready. */
  begin(): void
  /** What the service's clock shows at a moment of the city, ms UTC; now if none is given. */
  instant(cityMs?: number): number
  /** Rejects where the city has ended meanwhile. */
  sleep(ms: number): Promise<void>
  /** Somebody sets about something. They sleep in one place at a time; what goes on beside is started too. */
  start(errand: () => Promise<void>): void
  /** Resolves when every errand has ended. */
  ended(): Promise<void>
}

/** Errands under way, and who waits for their end. */
function countErrands(onTrouble: (error: unknown) => void) {
  let running = 0
  let waiting: (() => void)[] = []
  return {
    async run(errand: () => Promise<void>): Promise<void> {
      running += 1
      try {
        await errand()
      } catch (error) {
        onTrouble(error)
      } finally {
        running -= 1
        if (running === 0) for (const tell of waiting.splice(0)) tell()
      }
    },
    ended: () =>
      new Promise<void>((resolve) => {
        if (running === 0) resolve()
        else waiting = [...waiting, resolve]
      }),
  }
}

/** City time out of ours: any service may be at the other end. It ends when `signal` says so. */
export function pacedClock({
  speed,
  from = 0,
  signal,
  onTrouble,
}: {
  readonly speed: number
  /** The city's time now, ms. */
  readonly from?: number
  readonly signal: AbortSignal
  readonly onTrouble: (error: unknown) => void
}): CityClock {
  const errands = countErrands((error) => {
    if (!signal.aborted) onTrouble(error)
  })
  // Everybody who sleeps listens.
  setMaxListeners(0, signal)
  let begun: { readonly at: number; readonly counter: number } | undefined
  const now = () => Math.floor(begun ? from + (performance.now() - begun.counter) * speed : from)
  return {
    speed,
    now,
    begin() {
      begun ??= { at: Date.now(), counter: performance.now() }
    },
    instant: (cityMs = now()) => Math.floor((begun?.at ?? Date.now()) + (cityMs - from) / speed),
    async sleep(ms) {
      const until = now() + ms
      // A timer may fire early, and holds 24 days at most.
      for (let left = ms; left > 0; left = until - now())
        await pause(Math.min(Math.ceil(left / speed), 2 ** 31 - 1), undefined, { signal })
      signal.throwIfAborted()
    },
    start: (errand) => void errands.run(errand),
    ended: errands.ended,
  }
}

/** A clock that stands still while anybody is at work, and then goes on to the next moment somebody waits for. */
export type DrivenClock = CityClock & {
  /** Waited for ever so often, so that what has been sent arrives with the delay of a network and no more. */
  onLeaving(settle: () => Promise<void>): void
}

/** So far the city may be ahead of what was sent, ms; a server doubts a clock that is a minute off. */
const deliveryMs = 20_000

type Sleeper = { readonly at: number; readonly wake: () => void }

/**
 * City time that nobody waits for. Whatever is to share it, the service first of all, takes `instant` for its clock.
 *
 * @param epoch what `instant` shows at the city's first midnight, ms UTC
 */
export function drivenClock({
  epoch,
  from = 0,
  onTrouble,
}: {
  readonly epoch: number
  readonly from?: number
  readonly onTrouble: (error: unknown) => void
}): DrivenClock {
  const errands = countErrands(onTrouble)
  const sleepers: Sleeper[] = []
  let now = from
  let working = 0
  let settle = async () => {}
  let settledAt = from

  /** After all who sleep until then or earlier: of one moment, who lay down first wakes first. */
  function lieDown(sleeper: Sleeper): void {
    let low = 0
    let high = sleepers.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sleepers[middle] as Sleeper).at <= sleeper.at) low = middle + 1
      else high = middle
    }
    sleepers.splice(low, 0, sleeper)
  }

  function rest(): void {
    working -= 1
    if (working === 0) setImmediate(() => void leave())
  }

  async function leave(): Promise<void> {
    if (working > 0) return
    const [next] = sleepers
    if (!next || next.at - settledAt > deliveryMs) {
      working += 1
      await settle().catch(onTrouble)
      settledAt = now
      working -= 1
    }
    const [first] = sleepers
    // Whoever set to work meanwhile leaves the moment in their turn.
    if (working > 0 || !first) return
    now = first.at
    const awake = sleepers.findIndex(({ at }) => at > now)
    const due = sleepers.splice(0, awake < 0 ? sleepers.length : awake)
    working += due.length
    for (const { wake } of due) wake()
  }

  return {
    speed: 1,
    now: () => now,
    begin() {},
    instant: (cityMs = now) => epoch + cityMs,
    sleep: (ms) =>
      new Promise((wake) => {
        lieDown({ at: now + Math.max(0, Math.round(ms)), wake })
        rest()
      }),
    start(errand) {
      working += 1
      void errands.run(errand).then(rest)
    },
    ended: errands.ended,
    onLeaving(hook) {
      settle = hook
    },
  }
}
