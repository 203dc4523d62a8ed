import type { Device } from '../stores/devices.ts'
import { hashSecret, isSameHash } from '../stores/secrets.ts'

/** Does this secret open a connection for the device at this moment? A revoked device has none that does. */
export function authenticateDevice(device: Device | undefined, secret: Buffer, now: number): boolean {
  return isBelieved(device, hashSecret(secret), now)
}

/** The same for a secret of which the SHA-256 alone is remembered. */
export function isBelieved(device: Device | undefined, hash: Buffer, now: number): boolean {
  if (!device || device.revokedAt !== null) return false
  const { secrets } = device
  if (isSameHash(hash, secrets.hash)) return true
  const { previousHash, previousUntil } = secrets
  return (
    previousHash !== null && previousUntil !== null && now < previousUntil && isSameHash(hash, previousHash)
  )
}
