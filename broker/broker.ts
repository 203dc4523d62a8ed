import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Aedes, type Client, type PublishPacket } from 'aedes'
import type { Command } from '../schema/messages.ts'
import { commandTopic } from '../schema/topics.ts'
import type { UpChannel } from '../schema/vocabulary.ts'
import {
  type ConnectRefusal,
  connackCodes,
  publishChannel,
  refuseConnect,
  subscribeFacility,
} from './access.ts'
import { type Connection, type Ending, newConnection } from './connection.ts'
import { createGate, type Done } from './gate.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { type Listen, openListeners, type Urls } from './listeners.ts'
import { forwardNothing, keepNothing } from './nothing-kept.ts'
import { guardPackets } from './packet-guard.ts'

/** A message from a device that has proved its name. */
export type Inbound = {
  /** The authenticated name, never what the topic claims. */
  readonly device: string
  readonly topic: string
  readonly channel: UpChannel
  readonly payload: Buffer
  /** ms UTC. */
  readonly receivedAt: number
  /** The connection it came by, named as no other of any broker is. */
  readonly connection: string
  /** Left here at CONNECT and published by the broker, because the connection broke. */
  readonly will: boolean
}

export type Log = Record<
  'info' | 'warn' | 'error',
  (fields: Record<string, unknown>, message: string) => void
>

export type Refusal = ConnectRefusal | 'too_many' | 'publish' | 'subscribe'

/** For counting. `device` is null until the device has proved its name: a claimed name is no label. */
export type BrokerEvent =
  | { readonly kind: 'connected'; readonly device: string }
  /** The device has subscribed to its commands: from now on `send` reaches it. */
  | { readonly kind: 'listening'; readonly device: string }
  | { readonly kind: 'disconnected'; readonly device: string; readonly ending: Ending | null }
  | { readonly kind: 'refused'; readonly device: string | null; readonly reason: Refusal }
  | { readonly kind: 'oversized'; readonly device: string | null; readonly bytes: number }
  | { readonly kind: 'overloaded'; readonly device: string }

export type BrokerOptions = {
  readonly listen: Listen
  readonly limits?: Partial<Limits>
  /** False: no such device, or another secret. Throws when it cannot know. */
  readonly authenticate: (device: string, secret: Buffer) => Promise<boolean>
  /**
   * Resolves once the batch is committed, but for the messages in the set it may resolve with: those are not
   * acknowledged and their devices are hung up on. Rejects, and that holds for all of it. At most two calls at a time,
   * and no device in both.
   */
  readonly accept: (batch: readonly Inbound[]) => Promise<ReadonlySet<Inbound> | undefined>
  /** ms UTC. */
  readonly now: () => number
  readonly log: Log
  readonly onEvent?: (event: BrokerEvent) => void
}

export type Broker = {
  readonly urls: Urls
  /** How many devices are connected. */
  connections(): number
  isConnected(device: string): boolean
  /** The connection on which `send` reaches the device, named as in `Inbound`; null where it does not. */
  listeningOn(device: string): string | null
  /** False when the device is not connected and listening. True says written; that it arrived is for its reply to say. */
  send(device: string, command: Command): Promise<boolean>
  /** Hang up on a device whose secret is no longer good, even where it is only just connecting. */
  disconnect(device: string): Promise<void>
  /** Take nothing more, acknowledge what was taken, hang up. Lasts as long as the last `accept`. */
  close(): Promise<void>
}

/** The facility level of a command to a device that listens on any. */
const anyFacility = '_'

/** Listen for devices, let them in by name and secret, and take their messages through the gate. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { log, now, onEvent = () => {} } = options
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const gate = createGate<Inbound>({ ...limits, senderOf: ({ device }) => device, accept: acceptBatch })
  /** Weak, as a will still has to be told whose it is when its connection has closed. */
  const connections = new WeakMap<Client, Connection>()
  const open = new Set<Connection>()
  /** The newest connection of each device that has proved its name. */
  const live = new Map<string, Connection>()
  /** Another at each start. */
  const id = randomUUID()
  let connects = 0
  let closing: Promise<void> | null = null

  const aedes = await Aedes.createBroker({
    persistence: keepNothing(),
    mq: forwardNothing(),
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    maxTopicLevels: limits.maxTopicLevels,

    preConnect(client, packet, done) {
      const connection = connections.get(client)
      if (!connection) return done(new Error('unknown connection'), false)
      const { username = '', clientId, keepalive = 0, will } = packet
      connection.number = ++connects
      connection.will = will
      connection.request = {
        username,
        clientId,
        keepAliveSeconds: keepalive,
        will: will ? { topic: will.topic, bytes: Buffer.byteLength(will.payload) } : null,
      }
      // There is no session to come back to, whatever was asked for. And names, not client ids, decide who gives way:
      // two devices that share an id would throw each other out.
      packet.clean = true
      packet.clientId = String(connection.number)
      done(null, true)
    },

    authenticate(client, _username, secret, done) {
      void admit(connections.get(client), secret).then((refusal) => {
        if (!refusal) return done(null, true)
        done(Object.assign(new Error(`refused: ${refusal}`), { returnCode: connackCodes[refusal] }), null)
      })
    },

    /** The one hook aedes waits for before it acknowledges, at any QoS. Wills come this way too. */
    authorizePublish(client, packet, done) {
      const connection = client && connections.get(client)
      if (!connection?.device) return done(new Error('unknown connection'))
      const will = packet === connection.will
      if (will && isOutdated(connection)) return done(new Error('the will of an older connection'))
      // Neither taken nor refused: the link closes once what was taken before has been acknowledged.
      if (closing !== null) return
      take(connection, connection.device, packet, will, done)
    },

    authorizeSubscribe(client, { topic, qos }, done) {
      const connection = connections.get(client)
      if (!connection?.device) return done(new Error('unknown connection'))
      const { filters } = connection
      const facility = subscribeFacility(topic, connection.device)
      if (facility !== null && (filters.has(topic) || filters.size < limits.maxFilters)) {
        filters.delete(topic)
        filters.set(topic, { facility, qos })
        return done(null, { topic, qos })
      }
      connection.refusedFilters += 1
      if (connection.refusedFilters > limits.maxFilters) return done(new Error('too many filters refused'))
      refuse(connection, 'subscribe', { topic: topic.slice(0, 200) })
      done(null, null)
    },
  })
  aedes.on('clientReady', (client) => {
    const connection = connections.get(client)
    if (!connection?.device) return
    connection.ready = true
    onEvent({ kind: 'connected', device: connection.device })
  })
  aedes.on('subscribe', (_granted, client) => {
    const connection = connections.get(client)
    if (connection?.device && connection.filters.size > 0)
      onEvent({ kind: 'listening', device: connection.device })
  })
  aedes.on('unsubscribe', (topics, client) => {
    const connection = connections.get(client)
    for (const topic of topics) connection?.filters.delete(topic)
  })
  aedes.on('clientError', explain)
  aedes.on('connectionError', explain)
  const failing: EventEmitter = aedes
  failing.on('error', (error) => log.error({ err: error }, 'the broker failed'))

  function greet(stream: Duplex): void {
    guardPackets(stream, { first: limits.maxConnectBytes, later: limits.maxPacketBytes }, (bytes) => {
      onEvent({ kind: 'oversized', device: connection.device, bytes })
      log.warn({ device: connection.device, bytes }, 'a packet was too large; hanging up')
    })
    const client = aedes.handle(stream)
    const connection = newConnection(client, stream)
    connections.set(client, connection)
    open.add(connection)
    stream.once('close', () => forget(connection))
  }

  function forget(connection: Connection): void {
    const { device, ready, ending } = connection
    open.delete(connection)
    if (!device) return
    if (live.get(device) === connection) live.delete(device)
    if (ready) onEvent({ kind: 'disconnected', device, ending })
  }

  async function admit(
    connection: Connection | undefined,
    secret: Buffer | undefined,
  ): Promise<ConnectRefusal | null> {
    if (!connection?.request) return 'unavailable'
    const { request } = connection
    const refusal =
      refuseConnect(request, limits) ??
      (await checkSecret(request.username, secret)) ??
      takePlace(connection, request.username)
    if (refusal) refuse(connection, refusal, { claimed: request.username.slice(0, 200) })
    return refusal
  }

  /** One connection per device: the newest one hangs up on the other, whichever was checked first. */
  function takePlace(connection: Connection, device: string): ConnectRefusal | null {
    const other = live.get(device)
    if (connection.client.closed || (other && other.number > connection.number)) return 'outdated'
    connection.device = device
    live.set(device, connection)
    if (other) hangUp(other, 'replaced')
    return null
  }

  async function checkSecret(device: string, secret: Buffer | undefined): Promise<ConnectRefusal | null> {
    if (closing !== null) return 'unavailable'
    if (!secret) return 'secret'
    try {
      return (await options.authenticate(device, secret)) ? null : 'secret'
    } catch (error) {
      log.error({ device, err: error }, 'cannot tell whether this is the device')
      return 'unavailable'
    }
  }

  function take(
    connection: Connection,
    device: string,
    packet: PublishPacket,
    will: boolean,
    done: Done,
  ): void {
    const { topic } = packet
    const channel = publishChannel(topic, device)
    if (!channel) {
      refuse(connection, 'publish', { topic: topic.slice(0, 200) })
      done(new Error('not its topic'))
      return
    }
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload)
    const message = {
      device,
      topic,
      channel,
      payload,
      receivedAt: now(),
      connection: nameOf(connection),
      will,
    }
    if (!gate.add(message, payload.length + topic.length, done)) onEvent({ kind: 'overloaded', device })
  }

  async function acceptBatch(batch: readonly Inbound[]): Promise<ReadonlySet<Inbound> | undefined> {
    try {
      return await options.accept(batch)
    } catch (error) {
      log.error({ err: error, messages: batch.length }, 'a batch was not accepted; hanging up on its devices')
      throw error
    }
  }

  /** Was this connection ended on purpose, or has its device come back by another? */
  function isOutdated(connection: Connection): boolean {
    if (connection.ending || !connection.device) return true
    return (live.get(connection.device) ?? connection) !== connection
  }

  function refuse(connection: Connection, reason: Refusal, fields: Record<string, unknown>): void {
    const { device } = connection
    onEvent({ kind: 'refused', device, reason })
    log.warn({ device, reason, ...fields }, 'refused')
  }

  /** Say once why a connection broke: every message it still has in the gate may fail again. */
  function explain(client: Client, error: Error): void {
    const connection = connections.get(client)
    if (!connection || connection.explained || connection.ending) return
    connection.explained = true
    log.info({ device: connection.device, error: error.message }, 'a connection broke')
  }

  function hangUp(connection: Connection, ending: Ending): void {
    connection.ending ??= ending
    connection.client.close()
  }

  function nameOf({ number }: Connection): string {
    return `${id}/${number}`
  }

  function listeningOn(device: string): string | null {
    const connection = live.get(device)
    const isListening = connection && !connection.client.closed && connection.filters.size > 0
    return isListening ? nameOf(connection) : null
  }

  async function send(device: string, command: Command): Promise<boolean> {
    const connection = live.get(device)
    const filter = connection && [...connection.filters.values()].at(-1)
    if (!connection || !filter) return false
    const { client } = connection
    const topic = commandTopic(filter.facility === '+' ? anyFacility : filter.facility, device)
    const payload = JSON.stringify(command)
    const qos = filter.qos > 0 ? 1 : 0
    // Written to this one client, through no subscription. Aedes calls back without an error when the link broke.
    return new Promise((resolve) => {
      client.publish({ cmd: 'publish', topic, payload, qos, dup: false, retain: false }, () =>
        resolve(!client.closed),
      )
    })
  }

  async function disconnect(device: string): Promise<void> {
    const theirs = [...open].filter(({ request }) => request?.username === device)
    for (const connection of theirs) hangUp(connection, 'revoked')
    await Promise.all(theirs.map(({ gone }) => gone))
  }

  async function shutDown(): Promise<void> {
    listeners.stop()
    await gate.drain()
    // One turn in which aedes writes the last acknowledgements.
    await nextTurn()
    for (const connection of open) {
      connection.ending ??= 'shutdown'
      connection.stream.end()
    }
    await listeners.close(limits.drainTimeoutMs)
    await promisify(aedes.close.bind(aedes))()
  }

  const listeners = await openListeners(options.listen, limits, {
    onStream: greet,
    onTooMany: () => onEvent({ kind: 'refused', device: null, reason: 'too_many' }),
    onError: (error) => log.error({ err: error }, 'a listener failed'),
  }).catch((error) => {
    aedes.close()
    throw error
  })

  return {
    urls: listeners.urls,
    connections: () => live.size,
    isConnected: (device) => live.has(device),
    listeningOn,
    send,
    disconnect,
    close: () => {
      closing ??= shutDown()
      return closing
    },
  }
}
