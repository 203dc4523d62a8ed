import { connect, type Socket } from 'node:net'
import { createFrames, framed } from '../../api/domain/hl7/frames.ts'
import { parseHl7, segmentsOf, valueAt } from '../../api/domain/hl7/message.ts'

/** A line to an MLLP listener, as another system holds it. */
export function aLine(port: number) {
  const socket: Socket = connect(port, '127.0.0.1')
  const frames = createFrames(1_000_000)
  const answers: string[] = []
  const waiting: ((answer: string | null) => void)[] = []
  socket.on('data', (chunk) => {
    for (const one of frames.push(chunk) ?? []) {
      const text = Buffer.from(one).toString()
      const next = waiting.shift()
      if (next) next(text)
      else answers.push(text)
    }
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    for (const next of waiting.splice(0)) next(null)
  })
  return {
    socket,
    /** The next answer; null where the line ends without one. */
    next: () =>
      new Promise<string | null>((resolve) => {
        const answer = answers.shift()
        if (answer !== undefined || socket.closed) resolve(answer ?? null)
        else waiting.push(resolve)
      }),
    send: (text: string | Buffer) => socket.write(framed(Buffer.from(text as string))),
  }
}

/** What an answer says: its code, which message it is of, and why not. */
export function told(answer: string | null) {
  if (answer === null) return null
  const message = parseHl7(answer)
  const at = (name: string, field: number) => valueAt(message, segmentsOf(message, name)[0], { field })
  return [at('MSA', 1), at('MSA', 2), at('ERR', 8)].filter((part) => part !== '')
}
