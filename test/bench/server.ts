import { randomBytes } from 'node:crypto'
import pg from 'pg'

/**
 * A database of its own on the server BENCH_DATABASE_URL or TEST_DATABASE_URL names, dropped afterwards. A bench of
 * durable writes needs a durable server, so there is no default: without one the process says so and ends.
 */
export async function benchDatabase(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = process.env.BENCH_DATABASE_URL || process.env.TEST_DATABASE_URL
  if (!server) {
    console.error('set BENCH_DATABASE_URL (or TEST_DATABASE_URL) to a Postgres server to measure on')
    process.exit(2)
  }
  const name = `hemotrail_bench_${randomBytes(6).toString('hex')}`
  const admin = async (statement: string) => {
    const client = new pg.Client(server)
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  await admin(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.toString(),
    [Symbol.asyncDispose]: () => admin(`drop database ${name} with (force)`),
  }
}
