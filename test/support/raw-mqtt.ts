import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'

/** A bare MQTT 3.1.1 client for loads: no queue, no retry, no reconnect, a fraction of a real client's cost. */
export type RawClient = {
  readonly socket: Socket
  /** Send at QoS 1; resolves at its PUBACK, rejects when the connection ends first. */
  publish(topic: string, payload: Buffer): Promise<void>
  end(): void
}

export type RawTarget = {
  readonly host: string
  readonly port: number
  readonly tls?: boolean
  readonly username?: string
  readonly password?: string
  readonly clientId: string
  readonly keepAliveSeconds?: number
}

const text = (value: string | Buffer) => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export function packet(header: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  for (let rest = body.length; ; ) {
    const digit = rest % 128
    rest = Math.floor(rest / 128)
    length.push(rest > 0 ? digit | 128 : digit)
    if (rest === 0) break
  }
  return Buffer.concat([Buffer.from([header, ...length]), body])
}

export function connectPacket({ clientId, username, password, keepAliveSeconds = 120 }: RawTarget): Buffer {
  const flags = 2 | (username === undefined ? 0 : 128) | (password === undefined ? 0 : 64)
  const keepAlive = Buffer.from([keepAliveSeconds >> 8, keepAliveSeconds & 255])
  const credentials = [username, password].filter((value) => value !== undefined).map(text)
  return packet(0x10, text('MQTT'), Buffer.from([4, flags]), keepAlive, text(clientId), ...credentials)
}

/** One for all connections: to make one for each costs a good part of a handshake. */
let secureContext: SecureContext | undefined

/** Connect and wait for CONNACK. Rejects with the broker's return code where it refuses. */
export async function connectRaw(target: RawTarget): Promise<RawClient> {
  const { host, port } = target
  if (target.tls) secureContext ??= createSecureContext()
  const socket = target.tls
    ? connectTls({ host, port, rejectUnauthorized: false, secureContext })
    : connectTcp({ host, port, noDelay: true })
  await once(socket, target.tls ? 'secureConnect' : 'connect')
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  let messageId = 0
  let held: Buffer = Buffer.alloc(0)
  let connected: (code: number) => void = () => {}
  const connack = new Promise<number>((resolve, reject) => {
    connected = resolve
    socket.once('close', () => reject(new Error('closed before CONNACK')))
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('closed before PUBACK'))
    waiting.clear()
  })
  socket.on('data', (chunk: Buffer) => {
    held = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
    // Only CONNACK, PUBACK and PINGRESP come this way, all with a one-byte length.
    while (held.length >= 2 && held.length >= 2 + (held[1] as number)) {
      const type = (held[0] as number) >> 4
      if (type === 2) connected(held[3] as number)
      else if (type === 4) {
        const id = held.readUInt16BE(2)
        waiting.get(id)?.resolve()
        waiting.delete(id)
      }
      held = held.subarray(2 + (held[1] as number))
    }
  })
  socket.write(connectPacket(target))
  const code = await connack
  if (code !== 0) {
    socket.destroy()
    throw new Error(`CONNACK ${code}`)
  }
  return {
    socket,
    publish(topic, payload) {
      messageId = (messageId % 65_535) + 1
      const id = messageId
      return new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('closed before PUBACK'))
        waiting.set(id, { resolve, reject })
        socket.write(packet(0x32, text(topic), Buffer.from([id >> 8, id & 255]), payload))
      })
    },
    end() {
      socket.end(Buffer.from([0xe0, 0]))
    },
  }
}
