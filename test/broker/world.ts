import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { onTestFinished } from 'vitest'
import {
  type Broker,
  type BrokerEvent,
  type BrokerOptions,
  type Inbound,
  startBroker,
} from '../../broker/broker.ts'
import { upTopic } from '../../schema/topics.ts'
import { type Connect, connectPacket, dial, type Line } from './bytes.ts'

/** Every device of this name has this secret, and is known when its name begins with `fridge`. */
export const secretOf = (device: string): string => `the secret of ${device}`

export const readingsOf = (device: string): string => upTopic('hospital-1', device, 'readings')

type LogLine = { readonly level: string; readonly message: string; readonly [field: string]: unknown }

export type World = {
  readonly broker: Broker
  /** What accept was given, in order. */
  readonly received: readonly Inbound[]
  readonly logged: readonly LogLine[]
  readonly events: readonly BrokerEvent[]
  /** The first event, past or to come, that has these fields. */
  event(like: Partial<Record<string, unknown>>): Promise<BrokerEvent>
  /** The first message, past or to come, of this device. */
  message(device: string): Promise<Inbound>
  /** A device by mqtt.js, which gives up when its link breaks. */
  device(name: string, options?: IClientOptions): Promise<MqttClient>
  /** A bare socket. */
  line(): Promise<Line>
  /** A bare socket whose CONNECT has been accepted. */
  admittedLine(name: string, connect?: Connect): Promise<Line>
}

/** Resolves when the link of an mqtt.js client has closed, in whatever way. */
export function linkClosed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve))
}

type WorldOptions = Partial<BrokerOptions> & { readonly commits?: HeldCommits }

/** A real broker on free ports of this machine, closed when the test ends. */
export async function openWorld({ commits, ...options }: WorldOptions = {}): Promise<World> {
  const received: Inbound[] = []
  const events: BrokerEvent[] = []
  const logged: LogLine[] = []
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const look of watchers) look()
  }
  const log = (level: string) => (fields: Record<string, unknown>, message: string) => {
    logged.push({ ...fields, level, message })
  }
  const broker = await startBroker({
    listen: { host: '127.0.0.1', mqttPort: 0 },
    authenticate: async (device, secret) =>
      device.startsWith('fridge') && secret.toString() === secretOf(device),
    now: () => 1_000,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    ...options,
    async accept(batch) {
      received.push(...batch)
      changed()
      return (commits?.accept ?? options.accept)?.(batch)
    },
    onEvent(event) {
      events.push(event)
      changed()
    },
  })
  onTestFinished(() => {
    commits?.letGo()
    return broker.close()
  })

  function find<Found>(look: () => Found | undefined): Promise<Found> {
    return new Promise((resolve) => {
      const watcher = () => {
        const found = look()
        if (found === undefined) return
        watchers.delete(watcher)
        resolve(found)
      }
      watchers.add(watcher)
      watcher()
    })
  }

  async function line(): Promise<Line> {
    const opened = await dial(broker.urls.mqtt)
    onTestFinished(() => void opened.socket.destroy())
    return opened
  }

  return {
    broker,
    received,
    events,
    logged,
    event: (like) =>
      find(() =>
        events.find((event) =>
          Object.entries(like).every(([key, value]) => (event as Record<string, unknown>)[key] === value),
        ),
      ),
    message: (device) => find(() => received.find((message) => message.device === device)),
    async device(name, deviceOptions) {
      const client = await connectAsync(broker.urls.mqtt ?? '', {
        username: name,
        password: secretOf(name),
        clientId: `client of ${name}`,
        reconnectPeriod: 0,
        ...deviceOptions,
      })
      client.on('error', () => {})
      onTestFinished(() => void client.end(true))
      return client
    },
    line,
    async admittedLine(name, connect) {
      const opened = await line()
      opened.write(connectPacket({ device: name, secret: secretOf(name), ...connect }))
      const { name: answer, body } = await opened.next()
      if (answer !== 'connack' || body[1] !== 0) throw new Error(`${name} was not admitted`)
      return opened
    },
  }
}

export type HeldCommits = {
  readonly accept: (batch: readonly Inbound[]) => Promise<undefined>
  /** The next commit that begins. */
  next(): Promise<{ readonly batch: readonly Inbound[]; commit(): void; fail(): void }>
  /** Commit what is held and hold nothing any more. */
  letGo(): void
}

/** A database whose commits last until the test says so. */
export function holdCommits(): HeldCommits {
  type Held = { readonly batch: readonly Inbound[]; commit(): void; fail(): void }
  const held: Held[] = []
  const started: Held[] = []
  let wake = () => {}
  let holding = true
  return {
    letGo() {
      holding = false
      for (const { commit } of held) commit()
    },
    accept(batch) {
      return new Promise((resolve, reject) => {
        if (!holding) return resolve(undefined)
        const one = {
          batch,
          commit: () => resolve(undefined),
          fail: () => reject(new Error('the database said no')),
        }
        held.push(one)
        started.push(one)
        wake()
      })
    },
    async next() {
      for (;;) {
        const one = started.shift()
        if (one) return one
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}
