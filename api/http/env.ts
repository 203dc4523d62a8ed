import type { Context, Deps } from '../context.ts'
import type { NewsWatch } from '../stores/news-watch.ts'
import type { Sessions } from '../stores/sessions.ts'
import type { Memory } from '../usecases/ingest/memory.ts'
import type { ReadAhead } from '../usecases/scan-bag.ts'
import type { Hl7Party } from '../usecases/take-hl7.ts'
import type { Caller } from './admission.ts'

/** What the HTTP door needs of the service. */
export type Services = Deps & {
  /** What ingest remembers of devices, so that a message readmitted here does not part from it. */
  readonly memory: Memory
  /** A key by configuration: who shows it holds every role everywhere. */
  readonly adminKey: string
  readonly sessions: Sessions
  /** Wakes those who follow the news. */
  readonly news: NewsWatch
  /** The systems whose HL7 messages are taken. */
  readonly hl7: readonly Hl7Party[]
  /** Whether people can be told by e-mail. */
  readonly mayMail: boolean
  /** What this process knows to be wrong with where telemetry is forwarded to; null where it knows of nothing. */
  readonly telemetryTrouble: () => string | null
  /** Why device messages cannot be taken now; null where they can. */
  readonly obstacle: () => string | null
}

/** What a handler finds in `c.var`. */
export type Env = {
  Variables: {
    readonly requestId: string
    readonly services: Services
    /** The service and who asks; only where they are known. */
    readonly ctx: Context
    readonly caller: Caller
    /** What a scan is decided by, where it was read together with who scans. */
    readonly ahead?: ReadAhead
  }
}
