/*
 * MLLP (HL7 Minimal Lower Layer Protocol, Release 1): 0x0B, the message, 0x1C 0x0D. What stands outside of that is nothing.
 */

const start = 0x0b
const end = 0x1c
const carriageReturn = 0x0d

export type Frames = {
  /**
   * Take what has come, and give what is whole by now. A frame that begins anew gives up the one before: nobody was answered
   * to it.
   *
   * @returns null where more came than a message may have: nothing of it can be told from noise any more
   */
  push(chunk: Uint8Array): readonly Uint8Array[] | null
}

/** @param maxBytes of one message */
export function createFrames(maxBytes: number): Frames {
  let parts: Uint8Array[] | null = null
  let held = 0
  let noise = 0
  /** What was held ended with 0x1C. */
  let mayEnd = false

  function drop(): void {
    parts = null
    held = 0
    mayEnd = false
  }

  return {
    push(chunk) {
      const whole: Uint8Array[] = []
      let from = 0
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at]
        if (byte === start) {
          drop()
          parts = []
          from = at + 1
          continue
        }
        if (parts === null) {
          if (++noise > maxBytes) return null
          continue
        }
        if (byte === carriageReturn && mayEnd) {
          const bytes = joined([...parts, chunk.subarray(from, at)])
          whole.push(bytes.subarray(0, bytes.length - 1))
          drop()
          noise = 0
          continue
        }
        mayEnd = byte === end
      }
      if (parts !== null && from < chunk.length) {
        parts.push(chunk.slice(from))
        held += chunk.length - from
        if (held > maxBytes) return null
      }
      return whole.some(({ length }) => length > maxBytes) ? null : whole
    },
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function framed(bytes: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(start), bytes, Uint8Array.of(end, carriageReturn)])
}
