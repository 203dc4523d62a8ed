import type { Broker } from '../broker/broker.ts'
import type { Deps } from './context.ts'
import type { Actor } from './domain/actor.ts'
import {
  type Claimed,
  claimCommands,
  devicesWithUnsent,
  type Listening,
  releaseCommand,
  writeListeners,
} from './stores/commands.ts'
import { findList } from './stores/offline-lists.ts'
import { failureClass } from './stores/sql-state.ts'
import { configureDevices } from './usecases/configure-devices.ts'

/** What waits is looked for this often, ms: a notice may be lost without a word, and a door waits no longer than 15 s. */
const sweepMs = 5_000

const actor: Actor = { kind: 'job', id: 'dispatch' }

/**
 * Sends devices that are connected here their commands. A command is taken in the database first, as sent, and then
 * written to the connection it was taken for; what could not be written is queued again. A device that begins to listen
 * and does not know its limits is told them.
 */
export function createDispatch({ database: { db }, log, now }: Pick<Deps, 'database' | 'log' | 'now'>) {
  /** Devices that may have something to be sent. */
  const due = new Set<string>()
  /** The connections on which devices are written down as listening, by device. */
  const written = new Map<string, string>()
  const sending = new Set<Promise<void>>()
  let broker: Broker | undefined
  let isWorking = false
  let worked = Promise.resolve()

  function look(devices: Iterable<string>): void {
    for (const device of devices) due.add(device)
    if (!isWorking) worked = work()
  }

  async function work(): Promise<void> {
    isWorking = true
    while (broker && due.size > 0) {
      const listening = listeningNow(broker)
      due.clear()
      try {
        if (listening.length > 0) await serve(listening)
      } catch (error) {
        complain(error)
        // The next sweep tries again.
        for (const { device } of listening) due.add(device)
        break
      }
    }
    isWorking = false
  }

  function listeningNow(opened: Broker): Listening[] {
    return [...due].flatMap((device) => {
      const connection = opened.listeningOn(device)
      return connection === null ? [] : [{ device, connection }]
    })
  }

  async function serve(listening: readonly Listening[]): Promise<void> {
    const begun = listening.filter(({ device, connection }) => written.get(device) !== connection)
    // A door must open though nobody knows what its fridge is to keep.
    await configureDevices(
      { database: { db }, now },
      begun.map(({ device }) => device),
    ).catch(complain)
    const claimed = await db.transaction(async (tx) => {
      await writeListeners(tx, begun, now())
      return claimCommands(tx, actor, listening, now())
    })
    for (const { device, connection } of begun) written.set(device, connection)
    for (const one of claimed) {
      const sent = send(one).catch(complain)
      sending.add(sent)
      void sent.then(() => sending.delete(sent))
    }
  }

  async function send(claimed: Claimed): Promise<void> {
    const { device, connection, command } = claimed
    const { id, kind, expiresAt } = command
    const body = await bodyOf(command)
    const mayGo = broker?.listeningOn(device) === connection && now() < expiresAt
    const isWritten = mayGo && (await broker?.send(device, { id, kind, expiresAt, body }))
    // What broke while it was being written may have arrived: a door must not open twice for one scan.
    if (isWritten || (mayGo && kind === 'unlock')) return
    await db.transaction((tx) => releaseCommand(tx, actor, claimed, now()))
  }

  /** A list is kept once, with what was signed; its command only names it. */
  async function bodyOf({ kind, deviceId, body }: Claimed['command']): Promise<unknown> {
    const { seq } = body as { readonly seq?: number }
    if (kind !== 'holdList' || seq === undefined) return body
    return (await findList(db, deviceId, seq))?.signed ?? body
  }

  async function sweep(): Promise<void> {
    if (!broker || broker.connections() === 0) return
    try {
      look(await devicesWithUnsent(db, now()))
    } catch (error) {
      complain(error)
    }
  }

  function complain(error: unknown): void {
    if (failureClass(error) === 'away') log.warn({ err: error }, 'commands wait for the database')
    else log.error({ err: error }, 'commands could not be sent')
  }

  const timer = setInterval(() => void sweep(), sweepMs)
  timer.unref()

  return {
    /** From now on it can send. */
    through(opened: Broker): void {
      broker = opened
      look([])
    },
    /** This device may have something to be sent: it has begun to listen, or a command was issued. */
    look: (device: string): void => look([device]),
    /** Some may have been missed. */
    sweep,
    /** A connection has ended; another of the same device may have taken its place. */
    left(device: string): void {
      if (broker?.listeningOn(device) !== written.get(device)) written.delete(device)
    },
    /** Finish what is being sent, and send nothing more. */
    async stop(): Promise<void> {
      clearInterval(timer)
      broker = undefined
      await worked
      await Promise.all(sending)
    },
  }
}
