import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import pg from 'pg'
import { createGate } from '../../../broker/gate.ts'

/**
 * The least that still keeps the promise: aedes, the gate, and one INSERT of the payload bytes per batch. No key, no
 * check, no authentication; a prepared statement on a connection of its own, durable as the server is.
 */
const client = new pg.Client(process.env.DATABASE_URL)
await client.connect()
await client.query('set synchronous_commit = on')
await client.query('create table if not exists bare_insert (device text not null, payload bytea not null)')
const gate = createGate<{ device: string; payload: Buffer }>({
  senderOf: ({ device }) => device,
  maxBatch: 500,
  heavyBytes: 4_096,
  maxPendingMessages: 50_000,
  maxPendingBytes: 64 * 1024 * 1024,
  async accept(batch) {
    const devices = `{${batch.map(({ device }) => `"${device}"`).join(',')}}`
    const payloads = `{${batch.map(({ payload }) => `"\\\\x${payload.toString('hex')}"`).join(',')}}`
    await client.query({
      name: 'bare',
      text: 'insert into bare_insert select * from unnest($1::text[], $2::bytea[])',
      values: [devices, payloads],
    })
  },
})
const broker = await Aedes.createBroker({
  authorizePublish(sender, packet, done) {
    const payload = packet.payload as Buffer
    gate.add({ device: sender?.id ?? '', payload }, payload.length, (error) => done(error ?? null))
  },
})
const server = createServer({ noDelay: true }, broker.handle)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
process.on('SIGTERM', () => process.exit(0))
