import type { Context, Deps } from '../context.ts'
import type { Memory } from '../usecases/ingest/memory.ts'

/** What the HTTP door needs of the service. */
export type Services = Deps & {
  /** What ingest remembers of devices, so that a message readmitted here does not part from it. */
  readonly memory: Memory
  /** Whoever shows this is the administrator. */
  readonly adminKey: string
  /** Why device messages cannot be taken now; null where they can. */
  readonly obstacle: () => string | null
}

/** What a handler finds in `c.var`. */
export type Env = {
  Variables: {
    readonly requestId: string
    readonly services: Services
    /** The service and who asks; only behind the key. */
    readonly ctx: Context
  }
}
