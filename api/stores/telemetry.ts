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

/** The port to wherever telemetry is kept for looking at. Decisions never read it: they read the recent raw readings. */
export type TelemetryStore = {
  /** Names the adapter to people: `/ready` shows it. */
  readonly product: string
  /** Resolves only when all of it is stored. The same reading again changes nothing. */
  write(batch: readonly TelemetryReading[]): Promise<void>
  /** Buckets counted from `range.from`, oldest first. */
  window(range: TelemetryRange & { readonly everyMs: number }): Promise<Bucket[]>
  /** Readings in order of event time, at most `limit` of them. */
  raw(range: TelemetryRange & { readonly limit: number }): Promise<{ at: number; centi: number }[]>
  health(): Promise<{ readonly ok: boolean; readonly version?: string }>
  close(): Promise<void>
}
