import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Deps } from './context.ts'
import { acknowledge } from './domain/hl7/answer.ts'
import { createFrames, framed } from './domain/hl7/frames.ts'
import { Refusal } from './domain/refusal.ts'
import { uuidv7 } from './usecases/register-bag.ts'
import { type Hl7Party, headerIn, partyOf, takeHl7 } from './usecases/take-hl7.ts'

export type MllpListener = { readonly port: number; close(): Promise<void> }

/** What one message may be long, and how many may be connected. */
const maxBytes = 1_048_576
const maxConnections = 50
/** How many of them from one address: a system that goes astray keeps no other out. */
const maxPerAddress = 10
/**
 * A line on which nothing came or went for so long is closed, ms: its sender may be gone without a word, and would hold a
 * place. One that was only quiet connects again; what was being done is done, and sent again it is answered.
 */
const maxIdleMs = 30 * 60_000
/** How long closing waits for senders to read their answers, ms. */
const lastAnswersMs = 5_000

/**
 * Listen for HL7 v2 over MLLP. MLLP knows neither who speaks nor any secret: only configured addresses are let in, each
 * message must be of a sender that may come from there, and the line belongs inside a tunnel.
 *
 * Of a connection one message is done at a time, and the next is not read before. It is acknowledged once it is committed;
 * where the database is away the connection ends instead, and its sender sends again.
 *
 * @param options `idleMs`: a line on which nothing came or went for so long is closed
 */
export async function startMllp(
  deps: Deps,
  {
    host,
    port,
    parties,
    idleMs = maxIdleMs,
  }: {
    readonly host: string
    readonly port: number
    readonly parties: readonly Hl7Party[]
    readonly idleMs?: number
  },
): Promise<MllpListener> {
  const lines = new Map<Line, Promise<void>>()
  let isStopping = false
  // A sender may close its half once it has sent: the answer goes out all the same.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Whatever befalls it is told where it is read or written.
    socket.on('error', () => {})
    const from = plain(socket.remoteAddress ?? '')
    const known = parties.filter(({ addresses }) => addresses.includes(from))
    if (isStopping || known.length === 0) {
      deps.log.warn({ from }, 'nobody is known to send HL7 messages from there')
      socket.destroy()
      return
    }
    if ([...lines.keys()].filter((other) => other.from === from).length >= maxPerAddress) {
      deps.log.warn({ from, maxPerAddress }, 'more HL7 connections came from there than may stand')
      socket.destroy()
      return
    }
    const line: Line = { socket, from, isBusy: false, isIdle: false }
    socket.setTimeout(idleMs, () => {
      deps.log.info({ from, idleMs }, 'an HL7 connection on which nothing came or went was closed')
      line.isIdle = true
      socket.destroy()
    })
    const served = serve(deps, line, known, () => isStopping)
      .catch((error) => {
        if (!isStopping && !line.isIdle)
          deps.log.warn(
            { err: error, from },
            'an HL7 connection broke off, or what it asked could not be done',
          )
        socket.destroy()
      })
      .finally(() => {
        socket.destroySoon()
        lines.delete(line)
      })
    lines.set(line, served)
  })
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()))
      isStopping = true
      const serving = [...lines.values()]
      // What is being done is finished and answered; nothing more is read.
      for (const { socket, isBusy } of lines.keys()) if (!isBusy) socket.destroy()
      const impatience = setTimeout(() => {
        for (const { socket } of lines.keys()) socket.destroy()
      }, lastAnswersMs)
      await Promise.all([...serving, ended])
      clearTimeout(impatience)
    },
  }
}

type Line = { readonly socket: Socket; readonly from: string; isBusy: boolean; isIdle: boolean }

/** An IPv4 address as such, also where the socket listens on IPv6. */
const plain = (address: string) => address.replace(/^::ffff:/, '')

async function serve(
  deps: Deps,
  line: Line,
  parties: readonly Hl7Party[],
  isStopping: () => boolean,
): Promise<void> {
  const { socket, from } = line
  socket.setNoDelay(true).setKeepAlive(true, 60_000)
  const frames = createFrames(maxBytes)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const messages = frames.push(chunk)
    if (messages === null) {
      deps.log.warn({ from, maxBytes }, 'more came than an HL7 message may have')
      return
    }
    for (const message of messages) {
      line.isBusy = true
      await write(socket, await answer(deps, parties, message))
      line.isBusy = false
      if (isStopping()) return
    }
  }
}

async function answer(deps: Deps, parties: readonly Hl7Party[], message: Uint8Array): Promise<string> {
  try {
    const { party } = partyOf(parties, message)
    return (await takeHl7(deps, party, message)).text
  } catch (refusal) {
    // Of nobody known: there is no facility whose people could look at it.
    if (!(refusal instanceof Refusal)) throw refusal
    const now = deps.now()
    deps.log.warn({ bytes: message.length, code: refusal.code }, 'an HL7 message of nobody known was refused')
    return acknowledge(headerIn(message), { code: 'AR', refusal, id: uuidv7(now), now })
  }
}

function write(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(framed(Buffer.from(text)), (error) => (error ? reject(error) : resolve()))
  })
}
