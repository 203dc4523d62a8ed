import type { ProbeKind } from '../../schema/vocabulary.ts'

/** Which probe, and which part of event time: [from, to), ms UTC. */
export type TelemetryRange = {
  readonly device: string
  readonly probe: ProbeKind
  readonly from: number
  readonly to: number
}

/** One ruling reading. `at` is the device's own time, `eventAt` what it is worth; hundredths of a degree Celsius. */
export type TelemetryReading = {
  readonly device: string
  readonly probe: ProbeKind
  readonly boot: string
  readonly seq: number
  readonly at: number
  readonly centi: number
  /** Hundredths of a percent relative humidity. */
  readonly humidity: number | null
}

/** What was measured in [from, from + everyMs); a bucket without readings is absent. Hundredths of a degree Celsius. */
export type Bucket = {
  readonly from: number
  readonly count: number
  readonly min: number
  readonly mean: number
  readonly max: number
}

/**
 * Why a store did not take what was written:
 * - `refused`: some of it will never be taken as it is; of the rest any part may have been.
 * - `failed`: the store broke down over it, for a reason of its own or one in the readings.
 * - `away`: it is not there, or not willing now.
 * - `shut`: it does not know us, or has no such place; nothing is wrong with the readings.
 */
export type TelemetryTrouble = 'refused' | 'failed' | 'away' | 'shut'

export class TelemetryFailure extends Error {
  override readonly name = 'TelemetryFailure'
  readonly trouble: TelemetryTrouble
  /** The status it answered with; null where it gave no answer. */
  readonly status: number | null
  /** How long it wants to be left alone, ms. */
  readonly retryAfterMs: number
  /** Not one of the readings was taken, so that trying them apart tells nothing more. */
  readonly isWhole: boolean

  constructor(
    trouble: TelemetryTrouble,
    reason: string,
    said: {
      readonly status?: number | null
      readonly retryAfterMs?: number
      readonly isWhole?: boolean
    } = {},
  ) {
    super(reason)
    this.trouble = trouble
    this.status = said.status ?? null
    this.retryAfterMs = said.retryAfterMs ?? 0
    this.isWhole = said.isWhole ?? false
  }

  /** The same, known to be of another kind. */
  as(trouble: TelemetryTrouble): TelemetryFailure {
    const { message, status, retryAfterMs, isWhole } = this
    return new TelemetryFailure(trouble, message, { status, retryAfterMs, isWhole })
  }
}

/** The port to wherever telemetry is kept for looking at. Decisions never read it: they read the recent raw readings. */
export type TelemetryStore = {
  /** Names the adapter to people: `/ready` shows it. */
  readonly product: string
  /** Is it kept outside the service's own database? Then what ingest stores is forwarded there, by the outbox. */
  readonly isElsewhere: boolean
  /**
   * Resolves only when all of it is stored. The same reading again changes nothing, another value at its identity
   * (device, probe, boot, raw time) takes its place.
   *
   * @param signal gives it up; what was stored until then nobody knows
   * @throws TelemetryFailure where it is kept elsewhere
   */
  write(batch: readonly TelemetryReading[], signal?: AbortSignal): Promise<void>
  /** Buckets counted from `range.from`, oldest first. @throws Refusal `unavailable` */
  window(range: TelemetryRange & { readonly everyMs: number }): Promise<Bucket[]>
  /** Readings in order of event time, at most `limit` of them. @throws Refusal `unavailable` */
  raw(range: TelemetryRange & { readonly limit: number }): Promise<{ at: number; centi: number }[]>
  health(): Promise<{ readonly ok: boolean; readonly version?: string }>
  close(): Promise<void>
}
