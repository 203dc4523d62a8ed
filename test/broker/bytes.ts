import { createConnection, type Socket } from 'node:net'

/** MQTT 3.1.1 by hand, for what a well-behaved client library will not send. */

export function utf8(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

export function packet(firstByte: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([firstByte]), remainingLength(body.length), body])
}

export function remainingLength(length: number): Buffer {
  const digits: number[] = []
  let rest = length
  do {
    const digit = rest % 128
    rest = Math.floor(rest / 128)
    digits.push(rest > 0 ? digit + 128 : digit)
  } while (rest > 0)
  return Buffer.from(digits)
}

export type Connect = {
  readonly clientId?: string
  readonly device?: string
  readonly secret?: string
  readonly keepAliveSeconds?: number
  readonly clean?: boolean
  readonly will?: { readonly topic: string; readonly payload: string; readonly retain?: boolean }
}

export function connectPacket(connect: Connect = {}): Buffer {
  const { clientId = 'any', device, secret, keepAliveSeconds = 60, clean = true, will } = connect
  const flags =
    (device === undefined ? 0 : 0x80) |
    (secret === undefined ? 0 : 0x40) |
    (will ? 0x0c : 0) |
    (will?.retain ? 0x20 : 0) |
    (clean ? 0x02 : 0)
  const parts = [utf8('MQTT'), Buffer.from([4, flags, keepAliveSeconds >> 8, keepAliveSeconds & 0xff])]
  parts.push(utf8(clientId))
  if (will) parts.push(utf8(will.topic), utf8(will.payload))
  if (device !== undefined) parts.push(utf8(device))
  if (secret !== undefined) parts.push(utf8(secret))
  return packet(0x10, ...parts)
}

export type Publish = {
  readonly topic: string | Buffer
  readonly payload?: string | Buffer
  readonly qos?: 0 | 1 | 2
  readonly id?: number
  readonly retain?: boolean
}

export function publishPacket({ topic, payload = '{}', qos = 1, id = 1, retain = false }: Publish): Buffer {
  const parts = [utf8(topic)]
  if (qos > 0) parts.push(Buffer.from([id >> 8, id & 0xff]))
  return packet(0x30 | (qos << 1) | (retain ? 1 : 0), ...parts, Buffer.from(payload))
}

export function subscribePacket(id: number, ...filters: string[]): Buffer {
  const parts = filters.flatMap((filter) => [utf8(filter), Buffer.from([1])])
  return packet(0x82, Buffer.from([id >> 8, id & 0xff]), ...parts)
}

export const pingPacket = packet(0xc0)
export const disconnectPacket = packet(0xe0)
export const pubrelPacket = (id: number): Buffer => packet(0x62, Buffer.from([id >> 8, id & 0xff]))

const names = [
  'reserved',
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
] as const

/** `id` is the packet identifier of an acknowledgement. */
export type Answer = { readonly name: string; readonly body: Buffer; readonly id: number | null }

export type Line = {
  readonly socket: Socket
  write(...packets: Buffer[]): void
  /** The next answer of the broker; rejects when the line is closed before it comes. */
  next(): Promise<Answer>
  /** Everything the broker says up to and including its answer to a ping. */
  untilPong(): Promise<readonly string[]>
  /** Resolves when the line is closed, with the names of the answers nobody has taken. */
  readonly closed: Promise<readonly string[]>
}

/** A socket to the broker, and its answers taken apart. */
export async function dial(url: string | undefined): Promise<Line> {
  const { hostname, port } = new URL(url ?? '')
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true })
  const answers: Answer[] = []
  let wake = () => {}
  let over = false
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + (received[1] ?? 0)) {
      const body = received.subarray(2, 2 + (received[1] ?? 0))
      const name = names[(received[0] ?? 0) >> 4] ?? 'reserved'
      const acknowledges = name.startsWith('pub') && name !== 'publish'
      answers.push({ name, body, id: acknowledges ? body.readUInt16BE(0) : null })
      received = received.subarray(2 + body.length)
    }
    wake()
  })
  socket.on('error', () => {})
  const closed = new Promise<readonly string[]>((resolve) => {
    socket.once('close', () => {
      over = true
      wake()
      resolve(answers.map(({ name }) => name))
    })
  })
  await new Promise((resolve) => socket.once('connect', resolve))

  async function next(): Promise<Answer> {
    for (;;) {
      const answer = answers.shift()
      if (answer) return answer
      if (over) throw new Error('the line is closed')
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  return {
    socket,
    closed,
    next,
    write: (...packets) => socket.write(Buffer.concat(packets)),
    async untilPong() {
      socket.write(pingPacket)
      const heard: string[] = []
      while (heard.at(-1) !== 'pingresp') heard.push((await next()).name)
      return heard
    },
  }
}
