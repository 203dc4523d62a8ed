import type { SignedAct } from '../../schema/vocabulary.ts'
import type { Context, Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Manifestation, meaningOf, type Proven, type Signature } from '../domain/signature.ts'
import type { Transaction } from '../stores/database.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { countAttempt, findBadge, findSigner, forgetAttempts } from '../stores/people.ts'
import { hashSecret, hashSlowly, isOfSlowHash } from '../stores/secrets.ts'
import {
  insertSignatureRule,
  nameOfProven,
  newestEntry,
  sealSignature,
  signedActsAt,
} from '../stores/signatures.ts'
import { demandRight } from './demand.ts'
import { uuidv7 } from './register-bag.ts'
import { refuseLockedOut } from './sign-in.ts'

/** Two components as somebody shows them: who they say they are, and what only they know. */
export type Claim = {
  readonly badge?: string | undefined
  readonly username?: string | undefined
  readonly secret: string
  readonly meaning?: Proven['meaning'] | undefined
}

/**
 * Look whether both components are right, before anything is done. Wrong ones count as at signing in, in a transaction of
 * their own: what is asked for may be undone, the attempt is not.
 *
 * @throws Refusal `signature_wrong`, `locked_out`
 */
export async function proveSigner(
  { database: { db }, now, log }: Pick<Deps, 'database' | 'now' | 'log'>,
  { badge, username = '', secret, meaning = null }: Claim,
): Promise<Proven> {
  const code = badge === undefined ? null : hashSecret(badge).toString('hex')
  const claim = code === null ? `username:${username.toLowerCase()}` : `badge:${code}`
  refuseLockedOut(await countAttempt(db, claim, now()))
  const found = code === null ? await findSigner(db, { username }) : await signerByBadge(db, code)
  // Of nobody's the secret is hashed all the same, or the time would tell.
  const isRight = found ? await isOfSlowHash(secret, found.secretHash) : !(await hashSlowly(secret))
  if (!found || !isRight) {
    log.warn({ by: code === null ? 'username' : 'badge' }, 'a signature was refused')
    throw new Refusal('signature_wrong', 'signature: the name or badge, or its secret, is wrong')
  }
  await forgetAttempts(db, claim)
  const components = code === null ? 'username_and_password' : 'badge_and_pin'
  return { ...found, badge: code, components, meaning }
}

async function signerByBadge(db: Deps['database']['db'], code: string) {
  const held = await findBadge(db, code)
  const signer = held && (await findSigner(db, { personId: held.personId }))
  return held && signer && { ...signer, secretHash: held.pin }
}

/**
 * Do what may or must be signed. With a signature it is bound to every audit entry that the act writes, and stands in every
 * row that keeps its actor; without one the act is done only where the facility demands none.
 *
 * @param work writes as the actor it is given
 * @throws Refusal `signature_required`, `signature_wrong`, `invalid_request`
 */
export async function signed<T>(
  ctx: Context,
  tx: Transaction,
  { act, facilityId }: { readonly act: SignedAct; readonly facilityId: number | null },
  work: (actor: Actor) => Promise<T>,
): Promise<T> {
  const { signing, actor } = ctx
  const proven = act === 'witness_discard' ? signing?.witness : signing?.signer
  if (!signing || !proven) {
    if ((await signedActsAt(tx, facilityId)).includes(act))
      throw new Refusal('signature_required', `${field(act)}: here that is done with a signature only`)
    return work(actor)
  }
  if (actor.kind !== 'person')
    throw new Refusal('person_required', 'it is signed by a person: sign in, a key signs for nobody')
  if (act !== 'witness_discard' && proven.personId !== actor.id)
    throw new Refusal('signature_wrong', 'signature: is not of whoever is signed in')
  const meaning = meaningOf[act]
  if (proven.meaning !== null && proven.meaning !== meaning)
    throw new Refusal('invalid_request', `${field(act)}.meaning: what is signed here is ${meaning}`)
  if (facilityId === null)
    throw new Refusal('invalid_request', `${field(act)}: nobody is known to hold it: nothing to sign`)
  const name = await nameOfProven(tx, proven)
  if (name === null) throw new Refusal('signature_wrong', `${field(act)}: was changed or ended meanwhile`)
  const at = ctx.now()
  const shown: Manifestation = { id: uuidv7(at), name, at, meaning }
  const { personId, username, components } = proven
  const made: Signature = { ...shown, personId, username, components, act, facilityId }
  const since = await newestEntry(tx)
  const result = await work({ ...actor, signatures: [...(actor.signatures ?? []), shown] })
  await sealSignature(tx, signing.sealer, made, since)
  return result
}

const field = (act: SignedAct) => (act === 'witness_discard' ? 'witnessSignature' : 'signature')

/** Say which acts a facility demands a signature of, from now on. @throws Refusal `not_found`, `forbidden` */
export async function setSignatureRules(
  ctx: Context,
  code: string,
  acts: readonly SignedAct[],
): Promise<readonly SignedAct[]> {
  return ctx.database.db.transaction(async (tx) => {
    const facility = await findFacility(tx, code)
    demandRight(ctx, 'signature.rule', [facility.id], noFacility(code))
    await insertSignatureRule(tx, ctx.actor, facility, [...new Set(acts)].sort(), ctx.now())
    return signedActsAt(tx, facility.id)
  })
}

/** @throws Refusal `not_found` */
export async function readSignatureRules(ctx: Context, code: string): Promise<readonly SignedAct[]> {
  const { id } = await findFacility(ctx.database.db, code)
  demandRight(ctx, 'facility.read', [id], noFacility(code))
  return signedActsAt(ctx.database.db, id)
}
