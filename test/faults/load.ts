import { setTimeout as delay } from 'node:timers/promises'
import { openJournal } from '../../devices-sim/journal.ts'
import type { Message } from '../../devices-sim/outbox.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { upTopic } from '../../schema/topics.ts'
import { connectRaw, type RawClient } from '../support/raw-mqtt.ts'
import { messageMaker } from './messages.ts'

export type Plan = {
  readonly port: number
  readonly facility: string
  readonly devices: readonly { readonly name: string; readonly secret: string }[]
  /** The file that everything made and every acknowledgement goes into. An acknowledgement counts once it is there. */
  readonly journal: string
  /** Messages each device keeps on their way. */
  readonly window: number
  /** Messages all of them make a second, doubles apart; as fast as acknowledgements allow where absent. */
  readonly ratePerSecond?: number | undefined
  /** What the readers of the devices see. */
  readonly tags: readonly string[]
  readonly seed: string
}

/** How things stand in the load. */
export type Stats = {
  /** Messages acknowledged, each once, as the journal has them on disk. */
  acknowledged: number
  /** Acknowledgements of messages sent again after their first. */
  doubles: number
  connected: number
  connects: number
  /** Connections that ended without our asking. */
  hangUps: number
  /** Sent on a connection that stands, and not acknowledged. */
  inFlight: number
  /** Sent on a connection that ended before the acknowledgement. */
  lost: number
  /** Acknowledgements that came in another order than their messages had left. */
  outOfOrder: number
  /** The longest wait of a message for its acknowledgement, ms. */
  longestWaitMs: number
  /** The longest a message had been made when it was acknowledged, on whatever connection, ms. */
  latestMs: number
  /** Why connecting failed, and how often. */
  refusals: Record<string, number>
}

/** What was acknowledged since the lap began, doubles too, and how long each waited for it. */
export type Lap = {
  readonly seconds: number
  readonly messagesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

/** `lap`: one ends and the next begins. `drain`: make nothing new, end when all is acknowledged. `stop`: hang up. */
export type Order = 'report' | 'lap' | 'drain' | 'stop'

/** News come by themselves; `answers` names the order they answer, and for `drain` and `stop` are the last. */
export type Report = { readonly stats: Stats; readonly answers: Order | null; readonly lap?: Lap }

type Mode = 'load' | 'drain' | 'stop'

/** A fleet as fast as acknowledgements allow, in a process of its own: it must outlive what it tests. */
async function run(plan: Plan): Promise<void> {
  const journal = await openJournal(plan.journal)
  const stats = noStats()
  let mode: Mode = 'load'
  let newsDue = false
  let waits: number[] = []
  let lapBegan = performance.now()

  function say(answers: Order | null): void {
    const report: Report = { stats, answers, ...(answers === 'lap' ? { lap: endLap() } : {}) }
    if (process.connected) process.send?.(report)
  }

  function endLap(): Lap {
    const seconds = (performance.now() - lapBegan) / 1_000
    const sorted = waits.sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    waits = []
    lapBegan = performance.now()
    const messagesPerSecond = sorted.length / seconds
    return { seconds, messagesPerSecond, p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1) }
  }

  function news(): void {
    if (newsDue) return
    newsDue = true
    setTimeout(() => {
      newsDue = false
      say(null)
    }, 5)
  }

  const everyMs = plan.ratePerSecond ? (plan.devices.length * 1_000) / plan.ratePerSecond : 0

  function startDevice({ name, secret }: Plan['devices'][number]) {
    const random = createRandom(plan.seed).fork(name)
    const maker = messageMaker(random, plan.tags, Date.now())
    /** Made and not acknowledged, oldest first. */
    const open = new Set<Message>()
    let made = 0
    const firstAt = performance.now() + random.between(0, everyMs)
    /** What the connection that stands does next, if one stands. */
    let turn = () => {}

    function tick(): void {
      turn()
      setTimeout(tick, everyMs).unref()
    }

    const isDone = () => mode === 'stop' || (mode === 'drain' && open.size === 0)

    async function live(): Promise<void> {
      const target = { host: '127.0.0.1', port: plan.port, clientId: name, username: name, password: secret }
      if (everyMs > 0) setTimeout(tick, firstAt - performance.now()).unref()
      while (!isDone()) {
        try {
          await talk(await connectRaw(target))
          if (random.chance(0.1)) maker.reboot(Date.now())
        } catch (error) {
          const reason = reasonOf(error)
          stats.refusals[reason] = (stats.refusals[reason] ?? 0) + 1
          news()
          await delay(random.between(50, 250))
        }
      }
    }

    /** Send on one connection until it ends: first what the last one left open, then as the window allows. */
    async function talk({ socket, publish }: RawClient): Promise<void> {
      const onTheirWay: Message[] = []

      function fill(): void {
        if (mode === 'stop' || (isDone() && onTheirWay.length === 0)) socket.destroy()
        while (mode === 'load' && !socket.destroyed && onTheirWay.length < plan.window && isDue()) {
          void send(maker.double() ?? make())
        }
      }

      async function send(message: Message): Promise<void> {
        const sentAt = performance.now()
        onTheirWay.push(message)
        stats.inFlight++
        try {
          await publish(upTopic(plan.facility, name, message.channel), Buffer.from(message.payload))
        } catch {
          stats.lost++
          return
        } finally {
          stats.inFlight--
        }
        if (onTheirWay[0] !== message) stats.outOfOrder++
        onTheirWay.splice(onTheirWay.indexOf(message), 1)
        const waitedMs = performance.now() - sentAt
        waits.push(waitedMs)
        stats.longestWaitMs = Math.max(stats.longestWaitMs, waitedMs)
        await acknowledge(message)
        news()
        fill()
      }

      stats.connects++
      stats.connected++
      news()
      const ended = new Promise((resolve) => socket.once('close', resolve))
      for (const message of open) void send(message)
      turn = fill
      fill()
      if (!socket.closed) await ended
      turn = () => {}
      stats.connected--
      if (!isDone()) stats.hangUps++
      news()
    }

    /** What was not sent while nobody listened is made up for. */
    function isDue(): boolean {
      return everyMs === 0 || made * everyMs <= performance.now() - firstAt
    }

    function make(): Message {
      made++
      const message = maker.next(Date.now())
      open.add(message)
      void journal.made(name, message)
      return message
    }

    async function acknowledge(message: Message): Promise<void> {
      if (!open.delete(message)) {
        stats.doubles++
        return
      }
      stats.latestMs = Math.max(stats.latestMs, Date.now() - JSON.parse(message.payload).sentAt)
      await journal.acknowledged(name, message)
      maker.acknowledged(message)
      stats.acknowledged++
    }

    return { live, turn: () => turn() }
  }

  const devices = plan.devices.map(startDevice)
  process.on('message', (order: Order) => {
    if (order === 'report' || order === 'lap') return say(order)
    mode = order
    for (const device of devices) device.turn()
  })
  say(null)
  await Promise.all(devices.map(({ live }) => live()))
  await journal.close()
  if (mode !== 'load') say(mode)
  process.disconnect()
}

function noStats(): Stats {
  return {
    acknowledged: 0,
    doubles: 0,
    connected: 0,
    connects: 0,
    hangUps: 0,
    inFlight: 0,
    lost: 0,
    outOfOrder: 0,
    longestWaitMs: 0,
    latestMs: 0,
    refusals: {},
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : error.message
}

process.once('message', (plan: Plan) => {
  run(plan).catch((error) => {
    console.error(error)
    process.exit(1)
  })
})
