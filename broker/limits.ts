/** What a device may ask of the door. Every figure guards memory, a timer or the gate against one bad client. */
export type Limits = {
  /** The largest MQTT packet, fixed header included. A larger one closes the socket before it is buffered. */
  readonly maxPacketBytes: number
  /** The same for a connection's first packet: nobody is known yet. */
  readonly maxConnectBytes: number
  readonly maxWillBytes: number
  readonly maxClientIdLength: number
  /** Keep-alive 0, "never", is refused as well: a dead link would never be noticed. */
  readonly keepAliveMaxSeconds: number
  readonly maxTopicLevels: number
  /** Open sockets over all listeners, known or not. */
  readonly maxConnections: number
  /** Topic filters a connection may be refused before it is closed, and may hold. */
  readonly maxFilters: number
  /** From the socket to its CONNECT, TLS and HTTP handshakes alike. */
  readonly connectTimeoutMs: number
  /** How long a device may leave its own socket full, and how long closing waits for devices to hang up. */
  readonly drainTimeoutMs: number
  /** Messages per commit. */
  readonly maxBatch: number
  /** A message of more bytes is committed apart from those that bring one reading; so many bytes make a commit. */
  readonly heavyBytes: number
  /** Messages, and their bytes, taken and not yet committed. Beyond either the device is hung up on. */
  readonly maxPendingMessages: number
  readonly maxPendingBytes: number
}

export const defaultLimits: Limits = {
  maxPacketBytes: 256_000,
  maxConnectBytes: 4_096,
  maxWillBytes: 1_000,
  maxClientIdLength: 64,
  keepAliveMaxSeconds: 600,
  maxTopicLevels: 8,
  maxConnections: 30_000,
  maxFilters: 8,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 5_000,
  maxBatch: 500,
  heavyBytes: 4_096,
  maxPendingMessages: 50_000,
  maxPendingBytes: 64 * 1024 * 1024,
}
