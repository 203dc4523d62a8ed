import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { and, desc, isNull, lt, max } from 'drizzle-orm'
import type { ListKey } from '../../schema/offline-list.ts'
import { listKey } from '../../schema/tables/offline.ts'
import type { Actor } from '../domain/actor.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

/** A key that signs. */
export type Signer = { readonly keyId: string; sign(bytes: Uint8Array): Buffer }

/**
 * The key lists are signed by now: the newest that this service can open. There is always one once it has begun: where the
 * configured key is another, what was sealed with the old one stays shut, and a new one is made.
 */
export async function currentSigner(
  tx: Transaction,
  actor: Actor,
  secret: string,
  now: number,
): Promise<Signer> {
  const [newest] = await tx
    .select()
    .from(listKey)
    .where(isNull(listKey.retiredAt))
    .orderBy(desc(listKey.createdAt), desc(listKey.id))
    .limit(1)
  const key = newest && unseal(newest.sealed, newest.id, secret)
  return newest && key ? signerOf(newest.id, key) : addKey(tx, actor, secret, now)
}

/**
 * Sign by a new key from now on. Those before it are believed by terminals until `retireBefore` is behind them: what was
 * signed by them may be the newest that who is cut off has.
 */
export async function addKey(tx: Transaction, actor: Actor, secret: string, now: number): Promise<Signer> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const id = randomBytes(9).toString('base64url')
  // The newest is the one to sign by: a clock that was put back, or two in one moment, must leave no doubt which that is.
  const [last] = await tx.select({ at: max(listKey.createdAt) }).from(listKey)
  await tx.insert(listKey).values({
    id,
    publicKey: publicKey.export({ format: 'der', type: 'spki' }),
    sealed: seal(privateKey.export({ format: 'der', type: 'pkcs8' }), id, secret),
    createdAt: Math.max(now, (last?.at ?? 0) + 1),
  })
  await appendAudit(tx, actor, { at: now, action: 'list_key.made', subjectKind: 'list_key', subject: id })
  return signerOf(id, privateKey)
}

/** No terminal believes these any more, which were there before another took their place. */
export async function retireKeys(tx: Transaction, actor: Actor, before: number, now: number): Promise<void> {
  const retired = await tx
    .update(listKey)
    .set({ retiredAt: now })
    .where(and(isNull(listKey.retiredAt), lt(listKey.createdAt, before)))
    .returning({ id: listKey.id })
  for (const { id } of retired)
    await appendAudit(tx, actor, {
      at: now,
      action: 'list_key.retired',
      subjectKind: 'list_key',
      subject: id,
    })
}

/** The keys terminals may believe, the newest first. */
export async function keysInUse(db: Database | Transaction): Promise<ListKey[]> {
  const rows = await db
    .select({ id: listKey.id, publicKey: listKey.publicKey })
    .from(listKey)
    .where(isNull(listKey.retiredAt))
    .orderBy(desc(listKey.createdAt), desc(listKey.id))
  return rows.map(({ id, publicKey }) => ({ id, key: publicKey.toString('base64') }))
}

/** What turns pseudonyms of a facility into the names they have in lists. */
export function saltOf(facilityId: number, secret: string): string {
  return Buffer.from(hkdfSync('sha256', secret, String(facilityId), 'hemotrail list patients', 32)).toString(
    'base64url',
  )
}

function signerOf(keyId: string, key: KeyObject): Signer {
  return { keyId, sign: (bytes) => sign(null, bytes, key) }
}

/** AES-256-GCM, the number used once and the tag before what is sealed. */
function seal(key: Uint8Array, id: string, secret: string): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(id, secret), nonce)
  const shut = Buffer.concat([cipher.update(key), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), shut])
}

function unseal(sealed: Buffer, id: string, secret: string): KeyObject | null {
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(id, secret), sealed.subarray(0, 12))
  decipher.setAuthTag(sealed.subarray(12, 28))
  try {
    const key = Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()])
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  } catch {
    return null
  }
}

function sealingKey(id: string, secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, id, 'hemotrail list key', 32))
}
