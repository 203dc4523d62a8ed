import type { Duplex } from 'node:stream'

/** The largest packets, in bytes with their fixed header: the first of a connection, and every later one. */
export type PacketLimits = { readonly first: number; readonly later: number }

/**
 * Follows the packet boundaries of one connection through its chunks, reading nothing but fixed headers. Answers 0
 * while all is well, and else the size a packet announces beyond its limit: Infinity for a length of more than the
 * four bytes MQTT allows. After that the meter is of no use any more.
 */
export function createPacketMeter(limits: PacketLimits): (chunk: Uint8Array) => number {
  let limit = limits.first
  let bodyLeft = 0
  let headerBytes = 0
  let length = 0
  let unit = 1

  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (bodyLeft > 0) {
        const step = Math.min(bodyLeft, chunk.length - at)
        bodyLeft -= step
        at += step
        continue
      }
      const byte = chunk[at++] ?? 0
      headerBytes += 1
      if (headerBytes === 1) continue
      length += (byte & 0x7f) * unit
      unit *= 128
      if (byte >= 0x80) {
        if (headerBytes === 5) return Number.POSITIVE_INFINITY
        continue
      }
      if (headerBytes + length > limit) return headerBytes + length
      bodyLeft = length
      limit = limits.later
      headerBytes = 0
      length = 0
      unit = 1
    }
    return 0
  }
}

/**
 * Destroy the stream as soon as a packet announces more than its limit. The MQTT parser has no limit of its own and
 * buffers whatever is announced, so the chunk is judged on its way into the stream: TCP and TLS sockets and the
 * WebSocket stream all hand theirs to `push`. No stream is put in between and no byte is copied.
 */
export function guardPackets(
  stream: Duplex,
  limits: PacketLimits,
  onOversized: (bytes: number) => void,
): void {
  const measure = createPacketMeter(limits)
  const push = stream.push
  let closed = false
  stream.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    if (closed) return false
    const bytes = chunk ? measure(chunk) : 0
    if (bytes === 0) return push.call(stream, chunk, encoding)
    closed = true
    onOversized(bytes)
    stream.destroy(new Error(`a packet of ${bytes} bytes is too large`))
    return false
  }
}
