import { EventEmitter, on, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type PublishPacket } from 'aedes'
import { parseUpTopic, type UpTopic } from '../../../schema/topics.ts'

/** What came in on the wire, before it is acknowledged. */
export type Heard = UpTopic & { readonly payload: string; readonly dup: boolean }

/** A broker that remembers what it heard, and can be made to fail. */
export type Broker = {
  readonly url: string
  readonly heard: Heard[]
  /** While true, messages are heard but not acknowledged. Status messages always are. */
  withhold: boolean
  /** Resolves when `enough` holds for all that was heard. */
  until(enough: (heard: readonly Heard[]) => boolean): Promise<void>
  /** The names of devices that have subscribed to their commands, as they come. */
  subscribed(device: string): Promise<void>
  send(topic: string, payload: unknown): Promise<void>
  /** The machine is switched off: all sockets are destroyed and the port is closed. */
  down(): Promise<void>
  /** And on again, on the same port. */
  up(): Promise<void>
  close(): Promise<void>
}

export async function startBroker(
  options: { secrets?: Readonly<Record<string, string>> } = {},
): Promise<Broker> {
  const news = new EventEmitter<{ heard: []; subscribed: [string] }>()
  const subscribers = new Set<string>()
  const sockets = new Set<Socket>()
  let aedes: Aedes
  let server: Server | undefined
  let port = 0

  async function up(): Promise<void> {
    aedes = await Aedes.createBroker()
    aedes.authenticate = (_client, name, secret, done) => {
      const known = options.secrets?.[name ?? '']
      if (!options.secrets || (known !== undefined && secret?.toString() === known)) return done(null, true)
      done(Object.assign(new Error('who?'), { returnCode: 4 as const }), false)
    }
    aedes.authorizePublish = (_client, packet, done) => {
      hear(packet)
      const isStatus = packet.topic.endsWith('/status')
      if (!broker.withhold || isStatus) done(null)
    }
    aedes.on('subscribe', (_subscriptions, client) => {
      subscribers.add(client.id)
      news.emit('subscribed', client.id)
    })
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      aedes.handle(socket)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }

  function hear(packet: PublishPacket): void {
    const topic = parseUpTopic(packet.topic)
    if (!topic) throw new Error(`${packet.topic} is no topic of ours`)
    broker.heard.push({ ...topic, payload: packet.payload.toString(), dup: packet.dup })
    news.emit('heard')
  }

  async function down(): Promise<void> {
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
    server = undefined
    subscribers.clear()
    await new Promise<void>((resolve) => aedes.close(resolve))
  }

  const broker: Broker = {
    get url() {
      return `mqtt://127.0.0.1:${port}`
    },
    heard: [],
    withhold: false,
    async until(enough) {
      if (enough(broker.heard)) return
      for await (const _ of on(news, 'heard')) if (enough(broker.heard)) return
    },
    async subscribed(device) {
      if (subscribers.has(device)) return
      for await (const [name] of on(news, 'subscribed')) if (name === device) return
    },
    send: (topic, payload) =>
      new Promise((resolve, reject) => {
        const packet = {
          cmd: 'publish',
          topic,
          payload: JSON.stringify(payload),
          qos: 1,
          retain: false,
          dup: false,
        }
        aedes.publish(packet as PublishPacket, (error) => (error ? reject(error) : resolve()))
      }),
    down,
    up,
    close: down,
  }
  await up()
  return broker
}
