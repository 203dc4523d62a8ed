import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A cable to a port of this machine that can be cut: then nothing arrives any more, and nobody is told. */
export type Proxy = {
  readonly port: number
  /** Resolves when next something goes there. */
  asked(): Promise<void>
  /** Connections on which something has gone there, and nothing come back since. */
  unanswered(): number
  cut(): void
  /** What was sent meanwhile arrives after all, as TCP sends again what was lost. */
  mend(): void
  close(): Promise<void>
}

export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const unanswered = new Set<Socket>()
  const questions = new EventEmitter<{ asked: [] }>()
  let isCut = false

  function keep(socket: Socket, other: Socket): void {
    sockets.add(socket)
    if (isCut) socket.pause()
    socket.on('data', (chunk) => other.write(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
  }

  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    keep(near, far)
    keep(far, near)
    near.on('data', () => {
      unanswered.add(near)
      questions.emit('asked')
    })
    far.on('data', () => unanswered.delete(near))
    near.on('close', () => unanswered.delete(near))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked: async () => void (await once(questions, 'asked')),
    unanswered: () => unanswered.size,
    cut() {
      isCut = true
      for (const socket of sockets) socket.pause()
    },
    mend() {
      isCut = false
      for (const socket of sockets) socket.resume()
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
