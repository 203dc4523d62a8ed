import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { hashPassword, verifyPassword } from 'better-auth/crypto'

/** A new secret: 256 random bits, shown once. Only its SHA-256 is kept; so much randomness needs no slow hash. */
export function newSecret(prefix = ''): { readonly secret: string; readonly hash: Buffer } {
  const secret = prefix + randomBytes(32).toString('base64url')
  return { secret, hash: hashSecret(secret) }
}

export function hashSecret(secret: string | Buffer): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** Compare in constant time. */
export function isSameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What people make up is guessed, so its hash is slow on purpose (scrypt, some 0.2 s). */
export function hashSlowly(secret: string): Promise<string> {
  return hashPassword(secret)
}

export function isOfSlowHash(secret: string, hash: string): Promise<boolean> {
  return verifyPassword({ password: secret, hash })
}
