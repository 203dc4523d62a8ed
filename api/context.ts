import type { Actor } from './domain/actor.ts'
import type { Grants } from './domain/rights.ts'
import type { Proven } from './domain/signature.ts'
import type { Metrics } from './metrics.ts'
import type { Planner } from './planner.ts'
import type { OpenDatabase } from './stores/database.ts'
import type { Sealer } from './stores/signatures.ts'
import type { TelemetryStore } from './stores/telemetry.ts'
import type { Travel } from './travel.ts'

/** One line per event: structured fields first. pino is one. */
export type Log = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What the service is made of; put together once, in compose.ts. */
export type Deps = {
  readonly database: OpenDatabase
  readonly telemetry: TelemetryStore
  /** Server time, ms UTC. */
  readonly now: () => number
  readonly log: Log
  readonly metrics: Metrics
  /** In a thread of its own. */
  readonly planTransfers: Planner['plan']
  readonly travel: Travel
}

/** One request: the service, who asks, and what they may do. */
export type Context = Deps & {
  readonly actor: Actor
  readonly grants: Grants
  /** Who has just shown both components of a signature, and what seals it; absent where nobody has. */
  readonly signing?: Signing
}

export type Signing = {
  readonly sealer: Sealer
  readonly signer: Proven | null
  readonly witness: Proven | null
}
