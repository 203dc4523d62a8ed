import type { Duplex } from 'node:stream'
import type { Client } from 'aedes'
import type { ConnectRequest } from './access.ts'

/** Why a connection was ended from this side though it kept the rules. Its will is not published. */
export type Ending = 'replaced' | 'revoked' | 'shutdown'

/** What is known of one connection, from its first byte to its last. */
export type Connection = {
  readonly client: Client
  readonly stream: Duplex
  /** Resolves when the stream has closed. */
  readonly gone: Promise<void>
  /** CONNECTs are numbered as they come: the newer of two is known however long their secrets take to check. */
  number: number
  request: ConnectRequest | null
  /** The packet itself: aedes hands it back as it is when the connection breaks. */
  will: unknown
  /** Null until the device has proved its name. */
  device: string | null
  /** Its CONNECT has been answered. */
  ready: boolean
  /** Granted filters on the device's own commands, the newest last. */
  readonly filters: Map<string, { readonly facility: string; readonly qos: number }>
  refusedFilters: number
  ending: Ending | null
  /** The reason why it broke has been logged. */
  explained: boolean
}

export function newConnection(client: Client, stream: Duplex): Connection {
  return {
    client,
    stream,
    gone: new Promise((resolve) => stream.once('close', resolve)),
    number: 0,
    request: null,
    will: null,
    device: null,
    ready: false,
    filters: new Map(),
    refusedFilters: 0,
    ending: null,
    explained: false,
  }
}
