import { Duplex } from 'node:stream'
import { Worker } from 'node:worker_threads'
import type { Log } from '../context.ts'
import { pgliteEnded } from './sql-state.ts'

export type ToWorker =
  | { readonly kind: 'close' }
  | { readonly kind: 'open'; readonly id: number }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'dying'; readonly reason: string }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }

/** PGlite in a worker thread of its own, spoken to in the Postgres wire protocol. */
export type Pglite = {
  /** A new connection, for node-postgres' `stream`. There is one session: opening a connection hangs up the last. */
  connect(): Duplex
  /** How often the engine has been started; a session's LISTENs do not outlive it. */
  starts(): number
  close(): Promise<void>
}

/** How long a worker that is asked to close may take before it is ended. */
const closeMs = 10_000

/**
 * Start PGlite on a directory, or in memory without one. Should the engine die on a directory, the next connection
 * starts it again and it recovers from its log; in memory it stays dead, for everything it knew is gone.
 */
export async function startPglite(options: {
  readonly directory?: string | undefined
  /** What `dumpDataDir` wrote, to begin from in memory. */
  readonly snapshot?: string | undefined
  readonly log?: Log | undefined
}): Promise<Pglite> {
  const { directory, snapshot, log } = options
  let worker: Worker | undefined
  let starting: Promise<Worker> | undefined
  let closed = false
  let starts = 0
  let lastId = 0
  let current: { readonly id: number; readonly stream: Duplex } | undefined

  function start(): Promise<Worker> {
    const begun = new Worker(new URL('./ts-worker.mjs', import.meta.url), {
      workerData: { entry: new URL('./pglite-worker.ts', import.meta.url).href, directory, snapshot },
      execArgv: [],
    })
    return new Promise((resolve, reject) => {
      let reason = 'it ended without a word'
      begun.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') {
          worker = begun
          starts++
          resolve(begun)
        } else if (message.kind === 'dying') {
          reason = message.reason
        } else if (message.id === current?.id) {
          if (message.kind === 'end') current.stream.push(null)
          else current.stream.push(Buffer.from(message.bytes.buffer))
        }
      })
      begun.on('error', (error) => {
        reason = error.message
      })
      begun.on('exit', () => {
        const error = ended(reason)
        if (worker === begun) worker = undefined
        if (!closed && starts > 0) log?.error({ err: error, directory }, 'PGlite has died')
        reject(error)
        current?.stream.destroy(error)
        current = undefined
      })
    })
  }

  async function running(): Promise<Worker> {
    if (closed) throw ended('it is closed')
    if (worker) return worker
    if (directory === undefined && starts > 0) throw ended('it was in memory, and what it held is gone')
    starting ??= start().finally(() => {
      starting = undefined
    })
    return starting
  }

  function connect(): Duplex {
    const id = ++lastId
    let carrier: Worker | undefined

    function send(chunks: readonly Buffer[]): void {
      const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const chunk of chunks) {
        bytes.set(chunk, at)
        at += chunk.length
      }
      carrier?.postMessage({ kind: 'data', id, bytes } satisfies ToWorker, [bytes.buffer])
    }

    function hangUp(): void {
      carrier?.postMessage({ kind: 'end', id } satisfies ToWorker)
      carrier = undefined
      if (current?.id === id) current = undefined
    }

    const stream = new Duplex({
      allowHalfOpen: false,
      read() {},
      write(chunk: Buffer, _encoding, done) {
        send([chunk])
        done()
      },
      // node-postgres corks the messages of one statement, so they cross together.
      writev(chunks, done) {
        send(chunks.map(({ chunk }) => chunk as Buffer))
        done()
      },
      final(done) {
        hangUp()
        stream.push(null)
        done()
      },
      destroy(error, done) {
        hangUp()
        done(error)
      },
    })

    // What node-postgres asks of a socket beyond being a stream.
    return Object.assign(stream, {
      connect() {
        running().then(
          (ready) => {
            if (stream.destroyed) return
            carrier = ready
            current = { id, stream }
            ready.postMessage({ kind: 'open', id } satisfies ToWorker)
            stream.emit('connect')
          },
          (error) => stream.destroy(error),
        )
        return stream
      },
      setNoDelay: () => stream,
      setKeepAlive: () => stream,
      ref: () => stream,
      unref: () => stream,
    })
  }

  async function close(): Promise<void> {
    closed = true
    const last = worker ?? (await starting?.catch(() => undefined))
    if (!last) return
    const exit = new Promise((resolve) => last.once('exit', resolve))
    last.postMessage({ kind: 'close' } satisfies ToWorker)
    const impatience = setTimeout(() => void last.terminate(), closeMs)
    await exit
    clearTimeout(impatience)
  }

  await running()
  return { connect, starts: () => starts, close }
}

function ended(reason: string): Error {
  return Object.assign(new Error(`PGlite has ended: ${reason}`), { code: pgliteEnded })
}
