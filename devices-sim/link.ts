import { EventEmitter, once } from 'node:events'
import { connect, type MqttClient } from 'mqtt'
import type { Status } from '../schema/messages.ts'
import { commandTopic, upTopic } from '../schema/topics.ts'
import type { DeviceStatus } from '../schema/vocabulary.ts'
import type { Journal } from './journal.ts'
import type { Clocks, Message, Outbox, Transmission } from './outbox.ts'
import type { Random } from './random.ts'

/** Where a device reports, and as whom. */
export type Address = {
  readonly url: string
  readonly facility: string
  readonly device: string
  readonly secret: string
}

/** How long a device waits before it tries again. */
export type Patience = { readonly minMs: number; readonly maxMs: number }

export type LinkOptions = Address & {
  /** Asked each time: a restart puts another outbox in its place. */
  readonly outbox: () => Outbox
  readonly clocks: () => Clocks
  readonly random: Random
  readonly onCommand?: (payload: string) => void
  readonly journal?: Journal | undefined
  readonly patience?: Patience | undefined
}

export type LinkEvents = {
  connected: []
  closed: []
  /** A message is acknowledged, for the first time. */
  acknowledged: [Message]
  /** The broker does not want this device; it goes on trying, at its slowest. */
  refused: [Error]
  /** The network failed; it goes on trying. */
  trouble: [Error]
  /** Nothing is on its way, or nothing can be. */
  quiet: []
}

/** Carries an outbox over MQTT: the only file of this room that knows mqtt.js. */
export type Link = {
  readonly events: EventEmitter<LinkEvents>
  /** `sent` counts transmissions, again or doubled ones too; `acknowledged` counts messages. */
  readonly counts: { sent: number; acknowledged: number; connects: number }
  isConnected(): boolean
  /** Put on the wire what the outbox has and the window allows. */
  send(): void
  /** Resolves when all that was recorded is acknowledged. */
  drained(signal?: AbortSignal): Promise<void>
  /** Resolves when nothing is on its way: all of it is acknowledged, or the cable is pulled. */
  settled(): Promise<void>
  /** Pull the cable. */
  cut(): void
  /** Plug it in again. */
  restore(): void
  close(): Promise<void>
}

/** MQTT 3.1.1 § 3.2.2.3: protocol, identifier, name or password, not authorized. Only a person can mend these. */
const refusals: ReadonlySet<unknown> = new Set([1, 2, 4, 5])

const defaultPatience: Patience = { minMs: 1_000, maxMs: 60_000 }

/** Full jitter: devices that lost their broker together do not come back together. */
export function backoffMs(attempt: number, random: Random, { minMs, maxMs }: Patience): number {
  return random.between(0, Math.min(maxMs, minMs * 2 ** attempt))
}

export function openLink(options: LinkOptions): Link {
  const { url, facility, device, secret, outbox, clocks, random, onCommand, journal } = options
  const { patience = defaultPatience } = options
  const events = new EventEmitter<LinkEvents>()
  const counts = { sent: 0, acknowledged: 0, connects: 0 }
  // mqtt.js waits the same time before each attempt and resends from a store of its own. A client here lives for one
  // connection: waiting is by patience, and what is sent again is the outbox's word alone.
  let client: MqttClient | undefined
  let connected = false
  let cable = true
  let closing = false
  let failures = 0
  let refused = false
  let hurry = 0
  let underWay = 0
  let timer: NodeJS.Timeout | undefined

  const statusTopic = upTopic(facility, device, 'status')
  const status = (state: DeviceStatus) => JSON.stringify({ boot: outbox().boot, state } satisfies Status)

  function dial(): void {
    refused = false
    const mine = connect(url, {
      clientId: device,
      username: device,
      password: secret,
      clean: true,
      protocolVersion: 4,
      keepalive: 60,
      reconnectPeriod: 0,
      resubscribe: false,
      will: { topic: statusTopic, payload: Buffer.from(status('offline')), qos: 1, retain: false },
    })
    client = mine
    mine.on('connect', () => {
      if (mine !== client) return
      connected = true
      counts.connects += 1
      mine.publish(statusTopic, status('online'), { qos: 1 }, (error) => {
        if (!error) failures = 0
      })
      mine.subscribe(commandTopic(facility, device), { qos: 1 }, (error) => {
        if (error && mine === client) events.emit('trouble', error)
      })
      events.emit('connected')
      send()
      if (underWay === 0) events.emit('quiet')
    })
    mine.on('message', (_topic, payload) => {
      if (mine === client) onCommand?.(payload.toString())
    })
    mine.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined
      // A host with two addresses fails with an error that says nothing but its code.
      const problem = error.message ? error : new Error(String(code))
      refused = refusals.has(code)
      events.emit(refused ? 'refused' : 'trouble', problem)
    })
    mine.on('close', () => {
      if (mine !== client) return
      if (connected && !closing) events.emit('trouble', new Error('the connection broke'))
      lost()
    })
  }

  function lost(): void {
    client = undefined
    connected = false
    underWay = 0
    outbox().disconnected()
    events.emit('closed')
    if (!cable || closing) return void events.emit('quiet')
    const { maxMs } = patience
    timer = setTimeout(
      dial,
      refused ? random.between(maxMs / 2, maxMs) : backoffMs(failures, random, patience),
    )
    failures += 1
  }

  function send(): void {
    const mine = client
    if (!mine || !connected) return
    const next = () => outbox().next(clocks(), hurry > 0)
    for (let transmission = next(); transmission; transmission = next()) transmit(mine, transmission)
  }

  /** With a journal, a message is on disk before it is on the wire. A journal that fails ends the process: it proves nothing more. */
  function transmit(mine: MqttClient, transmission: Transmission): void {
    if (!journal || transmission.dup) publish(mine, transmission)
    else void journal.made(device, transmission.message).then(() => publish(mine, transmission))
  }

  function publish(mine: MqttClient, { message, dup }: Transmission): void {
    if (mine !== client) return
    counts.sent += 1
    underWay += 1
    const topic = upTopic(facility, device, message.channel)
    mine.publish(topic, message.payload, { qos: 1, dup }, (error) => {
      if (error || mine !== client) return
      underWay -= 1
      if (outbox().acknowledged(message)) {
        counts.acknowledged += 1
        void journal?.acknowledged(device, message)
        events.emit('acknowledged', message)
      }
      send()
      if (underWay === 0) events.emit('quiet')
    })
  }

  function hangUp(): void {
    clearTimeout(timer)
    const mine = client
    if (!mine) return
    mine.end(true)
    if (mine === client) lost()
  }

  dial()
  return {
    events,
    counts,
    isConnected: () => connected,
    send,
    async drained(signal) {
      hurry += 1
      try {
        send()
        while (!outbox().isEmpty()) await once(events, 'acknowledged', { signal })
      } finally {
        hurry -= 1
      }
    },
    async settled() {
      while (cable && !closing && !(connected && underWay === 0)) await once(events, 'quiet')
    },
    cut() {
      cable = false
      hangUp()
    },
    restore() {
      if (cable || closing) return
      cable = true
      dial()
    },
    async close() {
      closing = true
      clearTimeout(timer)
      const mine = client
      // Only a device with nothing left to say takes its leave; of any other the broker publishes the will.
      if (!mine || !connected || !outbox().isEmpty()) return hangUp()
      const ended = once(events, 'closed')
      mine.publish(statusTopic, status('offline'), { qos: 1 }, () => mine.end())
      timer = setTimeout(hangUp, 2_000)
      await ended
      clearTimeout(timer)
    },
  }
}
