import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { connectRaw, type RawClient } from '../support/raw-mqtt.ts'
import { answer } from './ask.ts'

/** What a fleet that only holds its connections can be asked to do, in this order. */
export type IdleRequest =
  | {
      readonly do: 'connect'
      readonly host: string
      readonly port: number
      readonly tls: boolean
      readonly devices: readonly { readonly name: string; readonly secret: string }[]
      /** Connections on their way at once. */
      readonly atOnce: number
      readonly keepAliveSeconds: number
    }
  | { readonly do: 'ping' }
  /** One reading from every `each`th device, of this boot. */
  | { readonly do: 'report'; readonly each: number; readonly boot: string }

export type Connected = {
  readonly connected: number
  /** From the first SYN to the last CONNACK. */
  readonly seconds: number
  /** Protocol, cipher and key exchange, of the last connection; null without TLS. */
  readonly handshake: string | null
  readonly firstFailure: string | null
}

/** How many answered: PINGRESP or PUBACK. */
export type Counted = { readonly asked: number; readonly answered: number }

const patienceMs = 30_000
const pingRequest = Buffer.from([0xc0, 0])
const pingResponse = 13

const fleet: { readonly name: string; readonly client: RawClient }[] = []

async function connect({
  host,
  port,
  tls,
  devices,
  atOnce,
  keepAliveSeconds,
}: IdleRequest & { do: 'connect' }): Promise<Connected> {
  const waiting = devices.values()
  const startedAt = performance.now()
  let firstFailure: string | null = null
  const lanes = Array.from({ length: atOnce }, async () => {
    for (const { name, secret } of waiting) {
      const credentials = { clientId: name, username: name, password: secret }
      try {
        fleet.push({ name, client: await connectRaw({ host, port, tls, keepAliveSeconds, ...credentials }) })
      } catch (error) {
        firstFailure ??= `${name}: ${error instanceof Error ? error.message : error}`
      }
    }
  })
  await Promise.all(lanes)
  const seconds = (performance.now() - startedAt) / 1_000
  const last = fleet.at(-1)?.client.socket
  return {
    connected: fleet.length,
    seconds,
    handshake: tls && last ? handshakeOf(last as TLSSocket) : null,
    firstFailure,
  }
}

function handshakeOf(socket: TLSSocket): string {
  const exchange = socket.getEphemeralKeyInfo()
  const curve = exchange && 'name' in exchange ? exchange.name : 'no key exchange'
  return `${socket.getProtocol()} ${socket.getCipher().name} ${curve}`
}

/** Ping every device: an idle connection that was cut shows it only when it is used. */
async function ping(): Promise<Counted> {
  const answers = fleet.map(async ({ client: { socket } }) => {
    if (socket.destroyed) return false
    const response = once(socket, 'data') as Promise<[Buffer]>
    socket.write(pingRequest)
    const [bytes] = await response
    return (bytes[0] ?? 0) >> 4 === pingResponse
  })
  return count(answers)
}

async function report({ each, boot }: IdleRequest & { do: 'report' }): Promise<Counted> {
  const now = Date.now()
  const answers = fleet
    .filter((_, index) => index % each === 0)
    .map(async ({ name, client }) => {
      const body = [{ at: now, probe: 'load', celsius: 4 }]
      const message = { v: 1, boot, seq: 0, sentAt: now, uptimeMs: 1_000, body }
      await client.publish(`hemotrail/v1/bench/${name}/readings`, Buffer.from(JSON.stringify(message)))
      return true
    })
  return count(answers)
}

async function count(answers: readonly Promise<boolean>[]): Promise<Counted> {
  const late = delay(patienceMs, false, { ref: false })
  const settled = await Promise.all(answers.map((one) => Promise.race([one.catch(() => false), late])))
  return { asked: answers.length, answered: settled.filter(Boolean).length }
}

answer<IdleRequest, Connected | Counted>(async (request) => {
  switch (request.do) {
    case 'connect':
      return connect(request)
    case 'ping':
      return ping()
    default:
      return report(request)
  }
})
process.send?.({})
