import { randomBytes } from 'node:crypto'
import { connectRaw } from '../support/raw-mqtt.ts'
import type { Load, LoadResult } from './load.ts'

/**
 * A fleet in a process of its own: every client keeps one message on its way (closed loop), each with a fresh reading
 * of every probe. Latencies are taken from the write to the PUBACK.
 */
async function run({
  host,
  port,
  devices,
  probes,
  warmUpMs,
  measureMs,
  ratePerSecond,
}: Load): Promise<LoadResult> {
  const boot = randomBytes(8).toString('hex')
  const startedAt = Date.now()
  const clients = await Promise.all(
    devices.map(async ({ name, secret }) => ({
      name,
      client: await connectRaw({
        host,
        port,
        clientId: name,
        username: name,
        password: secret,
        keepAliveSeconds: 120,
      }),
    })),
  )
  const latencies: number[] = []
  let acknowledged = 0
  let failed = 0
  const from = performance.now() + warmUpMs
  const until = from + measureMs
  let measured = 0
  const pauseMs = ratePerSecond ? (devices.length / ratePerSecond) * 1_000 : 0

  await Promise.all(
    clients.map(async ({ name, client }, index) => {
      const topic = `hemotrail/v1/H1/${name}/readings`
      let seq = 0
      let lastAt = 0
      let next = performance.now() + (pauseMs * index) / clients.length
      try {
        while (performance.now() < until) {
          if (pauseMs > 0) {
            const wait = next - performance.now()
            if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
            next += pauseMs
          }
          const now = Date.now()
          const at = Math.max(now, lastAt + 1)
          lastAt = at
          const body = probes.map((probe) => ({ at, probe, celsius: 4 + ((seq * 7 + index) % 100) / 100 }))
          const message = { v: 1, boot, seq: seq++, sentAt: now, uptimeMs: now - startedAt + 1_000, body }
          const sent = performance.now()
          await client.publish(topic, Buffer.from(JSON.stringify(message)))
          const done = performance.now()
          acknowledged++
          if (sent >= from && done <= until) {
            measured++
            latencies.push(done - sent)
          }
        }
        client.end()
      } catch {
        failed++
      }
    }),
  )
  latencies.sort((a, b) => a - b)
  const at = (q: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN
  return {
    acknowledged,
    failed,
    msgPerSecond: measured / (measureMs / 1_000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

process.on('message', (load: Load) => {
  run(load).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error) => {
      process.stderr.write(`${error}\n`)
      process.exit(1)
    },
  )
})
