import type { Broker } from '../broker/broker.ts'
import type { Deps } from './context.ts'
import { lookUpDevices } from './stores/devices.ts'
import { hashSecret } from './stores/secrets.ts'
import { authenticateDevice, isBelieved } from './usecases/authenticate-device.ts'
import type { Memory } from './usecases/ingest/memory.ts'

/** Whoever is connected is looked up again this often, ms: a notice may be lost without a word. */
const sweepMs = 30_000

/**
 * Who was let in, and by which secret. A device whose secret is no longer good is hung up on when the database says so;
 * where that may have been missed, everybody connected is looked up again.
 */
export function createAdmission(
  { database, log, now }: Pick<Deps, 'database' | 'log' | 'now'>,
  memory: Memory,
) {
  /** SHA-256 of the secret, by device. */
  const admitted = new Map<string, Buffer>()
  let broker: Broker | undefined
  let isSweeping = false

  async function sweep(): Promise<void> {
    if (isSweeping || !broker) return
    isSweeping = true
    try {
      const devices = await lookUpDevices(database.db, [...admitted.keys()])
      for (const [name, hash] of [...admitted]) {
        if (isBelieved(devices.get(name), hash, now())) continue
        memory.forget(name)
        await hangUp(name)
      }
    } catch (error) {
      log.warn({ err: error }, 'those connected could not be looked up again')
    } finally {
      isSweeping = false
    }
  }

  async function hangUp(device: string): Promise<void> {
    admitted.delete(device)
    await broker?.disconnect(device)
  }

  const timer = setInterval(() => void sweep(), sweepMs)
  timer.unref()

  return {
    async authenticate(name: string, secret: Buffer): Promise<boolean> {
      const good = authenticateDevice((await memory.learn(name))?.device, secret, now())
      if (good) admitted.set(name, hashSecret(secret))
      return good
    },
    /** From now on it can hang up. */
    guard(opened: Broker): void {
      broker = opened
    },
    /** A connection has ended; another of the same device may have taken its place. */
    left(device: string): void {
      if (!broker?.isConnected(device)) admitted.delete(device)
    },
    hangUp,
    sweep,
    stop: () => clearInterval(timer),
  }
}
