import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import { cutMessages, queryMessage, readOpening } from './pg-wire.ts'
import type { FromWorker, ToWorker } from './pglite.ts'

/** The worker thread PGlite lives in: it never yields, so here it blocks nobody. Bytes in, bytes out. */

if (!parentPort) throw new Error('this file is a worker')
const port = parentPort
const { directory, snapshot } = workerData as { directory?: string; snapshot?: string }

/** PGlite's name for the long jump a failed statement takes back to the main loop. */
const failedStatement = 100

/** The answer to a client that asks for encryption. */
const refused = 'N'.charCodeAt(0)

/** Old write-ahead log is kept for reuse up to this much; the default is a gigabyte. */
const startParams = [...PGlite.defaultStartParams, '-c', 'max_wal_size=128MB']

/** What the engine last said to its log: the reason, should it die. */
const lastWords: string[] = []

const options: PGliteOptions = {
  startParams,
  onStderr(text) {
    lastWords.push(text)
    if (lastWords.length > 5) lastWords.shift()
    return false
  },
}

type Client = { readonly id: number; started: boolean; unread: Buffer }

const db = await open().catch(die)
endWithTheEngine()
let client: Client | undefined
post({ kind: 'ready' })

port.on('message', (message: ToWorker) => {
  if (message.kind === 'close') {
    void close()
  } else if (message.kind === 'open') {
    freshSession()
    client = { id: message.id, started: false, unread: Buffer.alloc(0) }
  } else if (client?.id === message.id) {
    if (message.kind === 'data') hear(client, message.bytes)
    else hangUp()
  }
})

/**
 * PGlite copies a new database into its directory file by file; killed half way it would leave a ruin that looks like
 * a database. So one is made beside its place and moved there when it is whole.
 */
async function open(): Promise<PGlite> {
  if (directory === undefined) {
    return PGlite.create(
      snapshot === undefined ? options : { ...options, loadDataDir: new Blob([readFileSync(snapshot)]) },
    )
  }
  const place = join(directory, 'pglite')
  if (!existsSync(place)) {
    const making = `${place}.new`
    rmSync(making, { recursive: true, force: true })
    mkdirSync(making, { recursive: true, mode: 0o700 })
    const made = await PGlite.create({ ...options, dataDir: making })
    await made.close()
    renameSync(making, place)
  }
  return PGlite.create({ ...options, dataDir: place })
}

/**
 * An engine that has aborted (a full disk, a FATAL, no memory) throws at every call, and PGlite's loop calls it again
 * for ever. The one exception that is no death is the jump out of a failed statement. Everything else ends the worker.
 */
function endWithTheEngine(): void {
  const engine = db.Module
  const once = engine._PostgresMainLoopOnce
  engine._PostgresMainLoopOnce = () => {
    try {
      once()
    } catch (error) {
      if ((error as { status?: number }).status !== failedStatement) die(error)
      throw error
    }
  }
}

function die(error: unknown): never {
  const message = error instanceof Error ? error.message : JSON.stringify(error)
  post({ kind: 'dying', reason: [message, ...lastWords].join('; ') })
  process.exit(1)
}

function hear(from: Client, bytes: Uint8Array): void {
  const heard = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  from.unread = from.unread.length > 0 ? Buffer.concat([from.unread, heard]) : heard
  try {
    while (!from.started) {
      const opening = readOpening(from.unread)
      if (opening.kind === 'partial') return
      const message = take(from, opening.length)
      if (opening.kind === 'cancel') {
        hangUp()
        return
      }
      if (opening.kind === 'encryption') answer(from, [new Uint8Array([refused])])
      else {
        from.started = true
        answer(from, run(message))
      }
    }
    const { end, terminated } = cutMessages(from.unread)
    if (end > 0) answer(from, run(take(from, end)))
    if (terminated) hangUp()
  } catch {
    // Not the protocol; a server hangs up too.
    hangUp()
  }
}

function take(from: Client, length: number): Buffer {
  const taken = from.unread.subarray(0, length)
  from.unread = from.unread.subarray(length)
  return taken
}

/** PGlite does all its work before the promise is made; that only carries a failure. */
function run(messages: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  db.execProtocolRawStream(messages, {
    syncToFs: false,
    // What is shown is the engine's own memory, overwritten next.
    onRawData: (bytes) => chunks.push(bytes.slice()),
  }).catch(die)
  return chunks
}

function answer(to: Client, chunks: readonly Uint8Array[]): void {
  const [only] = chunks
  if (!only) return
  const bytes = chunks.length === 1 ? only : joined(chunks)
  port.postMessage({ kind: 'data', id: to.id, bytes } satisfies FromWorker, [bytes.buffer as ArrayBuffer])
}

/** Not by Buffer.concat, whose pooled memory cannot be handed over. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** The client is gone; what it left open must not wait for the next one. */
function hangUp(): void {
  if (!client) return
  post({ kind: 'end', id: client.id })
  client = undefined
  freshSession()
}

/** All connections share PGlite's one session: undo what the last one left, as a server does by ending its process. */
function freshSession(): void {
  if (db.isInTransaction()) run(queryMessage('rollback'))
  run(queryMessage('discard all'))
}

async function close(): Promise<void> {
  client = undefined
  await db.close()
  process.exit(0)
}

function post(message: FromWorker): void {
  port.postMessage(message)
}
