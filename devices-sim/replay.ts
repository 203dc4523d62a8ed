import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LoggedReading, parseRuuviCsv } from '../schema/loggers/ruuvi-csv.ts'
import { maxElements, type ReadingElement } from '../schema/messages.ts'
import type { ProbeKind } from '../schema/vocabulary.ts'
import { type Address, openLink, type Patience } from './link.ts'
import { createOutbox } from './outbox.ts'
import type { Random } from './random.ts'

export type ReplayOptions = Address & {
  readonly readings: readonly LoggedReading[]
  readonly probe: ProbeKind
  /** Names the boot: fresh for each run, or the server takes the run for the one before. */
  readonly random: Random
  /** Send each reading alone, live, as far apart as they were recorded divided by this. Without it: all at once. */
  readonly speed?: number | undefined
  /** The most readings in one message when there is no `speed`. */
  readonly batch?: number | undefined
  readonly patience?: Patience | undefined
  readonly signal?: AbortSignal | undefined
  /** The network failed and is tried again. */
  readonly onTrouble?: (error: Error) => void
  /** Another message is acknowledged: so many of so many are. */
  readonly onProgress?: (acknowledged: number, messages: number) => void
}

export type Replayed = { readonly readings: number; readonly messages: number; readonly boot: string }

/** Read a recorded logger. Throws at the first line that cannot be read, naming file and line. */
export async function readLogger(file: string): Promise<LoggedReading[]> {
  const text = await readFile(file, 'utf8')
  try {
    return parseRuuviCsv(text)
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`)
  }
}

/**
 * Play recorded readings as a device: the recorded instants are the raw times, never changed; the clocks are ours.
 * Resolves when every message is acknowledged; rejects when the broker does not want the device.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { url, device, readings, probe, random, speed, signal } = options
  const batch = speed === undefined ? (options.batch ?? maxElements) : 1
  const startedAt = performance.now()
  const outbox = createOutbox({
    boot: random.id(),
    random,
    backlog: 'in order',
    batch,
  })
  const link = openLink({
    ...options,
    random: random.fork('patience'),
    outbox: () => outbox,
    clocks: () => ({ sentAt: Date.now(), uptimeMs: Math.round(performance.now() - startedAt) }),
  })
  if (options.onTrouble) link.events.on('trouble', options.onTrouble)
  link.events.on('acknowledged', () =>
    options.onProgress?.(link.counts.acknowledged, Math.ceil(readings.length / batch)),
  )

  const giveUp = new AbortController()
  const stop = signal ? AbortSignal.any([signal, giveUp.signal]) : giveUp.signal
  link.events.on('refused', (error) =>
    giveUp.abort(new Error(`${url} does not want ${device}: ${error.message}`)),
  )
  try {
    if (speed === undefined) outbox.measured(readings.map((reading) => element(reading, probe)))
    else await play()
    await link.drained(stop)
  } catch (error) {
    throw stop.aborted ? stop.reason : error
  } finally {
    await link.close()
  }
  return { readings: readings.length, messages: link.counts.acknowledged, boot: outbox.boot }

  async function play(): Promise<void> {
    if (!link.isConnected()) await once(link.events, 'connected', { signal: stop })
    const [first] = readings
    const begun = performance.now()
    for (const reading of readings) {
      const dueMs = (reading.at - (first?.at ?? 0)) / (speed ?? 1)
      const waitMs = dueMs - (performance.now() - begun)
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: stop })
      outbox.measured([element(reading, probe)])
      link.send()
    }
  }
}

function element({ at, celsius, humidity }: LoggedReading, probe: ProbeKind): ReadingElement {
  return { at, probe, celsius, humidity }
}
