/** The little of the Postgres wire protocol that has to be read to carry it: where a client's messages end. */

/** What a client says before it may speak: who it is, or that it would like encryption first, or to cancel. */
export type Opening =
  | { readonly kind: 'partial' }
  | { readonly kind: 'startup' | 'encryption' | 'cancel'; readonly length: number }

const encryption = new Set([80_877_103, 80_877_104])
const cancel = 80_877_102

/** The first message of a connection, which has no type byte. */
export function readOpening(bytes: Buffer): Opening {
  if (bytes.length < 8) return { kind: 'partial' }
  const length = bytes.readInt32BE(0)
  const code = bytes.readInt32BE(4)
  if (length < 8) throw new Error(`a startup message cannot be ${length} bytes long`)
  if (bytes.length < length) return { kind: 'partial' }
  return { kind: encryption.has(code) ? 'encryption' : code === cancel ? 'cancel' : 'startup', length }
}

export type Cut = {
  /** Where the whole messages at the head end; a Terminate among them ends them too. */
  readonly end: number
  readonly terminated: boolean
}

const terminate = 'X'.charCodeAt(0)

/** How much of what has come from a client is whole messages, of which any number may come in any pieces. */
export function cutMessages(bytes: Buffer): Cut {
  let end = 0
  while (bytes.length - end >= 5) {
    const length = bytes.readInt32BE(end + 1)
    if (length < 4) throw new Error(`a message cannot be ${length} bytes long`)
    if (bytes.length - end < length + 1) break
    if (bytes[end] === terminate) return { end, terminated: true }
    end += length + 1
  }
  return { end, terminated: false }
}

/** A simple query. */
export function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`)
  const head = Buffer.alloc(5, 'Q')
  head.writeInt32BE(text.length + 4, 1)
  return Buffer.concat([head, text])
}
