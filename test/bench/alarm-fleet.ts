import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../../devices-sim/random.ts'
import { connectRaw, type RawClient } from '../support/raw-mqtt.ts'
import { listenTo } from '../support/sse.ts'
import { answer } from './ask.ts'

export type AlarmRequest = {
  readonly host: string
  readonly port: number
  readonly url: string
  readonly key: string
  readonly devices: readonly { readonly name: string; readonly secret: string }[]
  readonly everyMs: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** One in so many readings is out of range; the next of its device is back in. */
  readonly oneIn: number
  readonly seed: string
}

export type Latencies = { readonly p50Ms: number; readonly p99Ms: number; readonly count: number }

export type AlarmResult = {
  readonly acknowledged: number
  readonly failed: number
  /** From the write of a message to its PUBACK, and from the write of a reading out of range to the news of it. */
  readonly puback: Latencies
  readonly alarm: Latencies
  /** Every reading out of range that was acknowledged, warm-up included, as `device/at`. */
  readonly outside: readonly string[]
  /** The beginnings that were heard of, each as often as it was. */
  readonly heard: readonly string[]
}

/** How long to wait in the end for news of what was acknowledged. */
const patienceMs = 10_000
const connectedAtOnce = 200

/** A fleet and somebody who follows the news, in one process, so that one clock times both. */
answer<AlarmRequest, AlarmResult>(async (request) => {
  const { host, port, devices, everyMs, warmUpMs, measureMs, oneIn } = request
  const waiting = devices.entries()
  const clients: { name: string; client: RawClient; index: number }[] = []
  const lanes = Array.from({ length: connectedAtOnce }, async () => {
    for (const [index, { name, secret }] of waiting) {
      const credentials = { clientId: name, username: name, password: secret }
      clients.push({
        name,
        index,
        client: await connectRaw({ host, port, ...credentials, keepAliveSeconds: 120 }),
      })
    }
  })
  await Promise.all(lanes)

  const sentAt = new Map<string, number>()
  const heard: string[] = []
  const alarms: number[] = []
  const leave = new AbortController()
  const listening = follow(request, leave.signal, (key) => {
    heard.push(key)
    const sent = sentAt.get(key)
    if (sent !== undefined && sent >= from) alarms.push(performance.now() - sent)
  })

  const random = createRandom(request.seed)
  const boot = randomBytes(8).toString('hex')
  const startedAt = Date.now()
  const begun = performance.now()
  const from = begun + warmUpMs
  const until = from + measureMs
  const pubacks: number[] = []
  const outside: string[] = []
  let acknowledged = 0
  let failed = 0
  await Promise.all(
    clients.map(async ({ name, client, index }) => {
      const topic = `hemotrail/v1/bench/${name}/readings`
      const dice = random.fork(name)
      let isOutside = false
      let next = begun + (everyMs * index) / clients.length
      try {
        for (let seq = 0; next < until; next += everyMs) {
          await delay(Math.max(0, next - performance.now()))
          const at = Date.now()
          isOutside = !isOutside && seq > 0 && dice.chance(1 / oneIn)
          const body = [{ at, probe: 'load', celsius: isOutside ? 7 : 4 }]
          const message = { v: 1, boot, seq: seq++, sentAt: at, uptimeMs: at - startedAt + 1_000, body }
          const payload = Buffer.from(JSON.stringify(message))
          const sent = performance.now()
          if (isOutside) sentAt.set(`${name}/${at}`, sent)
          await client.publish(topic, payload)
          acknowledged++
          if (isOutside) outside.push(`${name}/${at}`)
          if (sent >= from) pubacks.push(performance.now() - sent)
        }
      } catch {
        failed++
      }
    }),
  )
  const patience = performance.now() + patienceMs
  while (heard.length < outside.length && performance.now() < patience) await delay(20)
  leave.abort()
  await listening
  for (const { client } of clients) client.end()
  return {
    acknowledged,
    failed,
    puback: latenciesOf(pubacks),
    alarm: latenciesOf(alarms),
    outside,
    heard,
  }
})

/** Listen for excursions that begin, until told to leave. */
async function follow(
  { url, key }: AlarmRequest,
  signal: AbortSignal,
  onBegan: (key: string) => void,
): Promise<void> {
  try {
    const response = await fetch(`${url}/news`, { headers: { authorization: `Bearer ${key}` }, signal })
    if (!response.ok) throw new Error(`the news answered ${response.status}`)
    for await (const { event, data } of listenTo(response)) {
      const { subject, data: told } = data as { subject: string; data: { from: string } }
      if (event === 'excursion.began') onBegan(`${subject}/${Date.parse(told.from)}`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function latenciesOf(values: number[]): Latencies {
  values.sort((a, b) => a - b)
  const at = (q: number) => values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99), count: values.length }
}

process.send?.({})
