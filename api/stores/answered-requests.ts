import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { and, eq, lte, sql } from 'drizzle-orm'
import { answeredRequest } from '../../schema/tables/news.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Grants } from '../domain/rights.ts'
import type { Transaction } from './database.ts'
import { hashSecret } from './secrets.ts'

/** A request that is to be done once, by the key its caller gave it. Keys of others are others' keys. */
export type KeyedRequest = {
  readonly actor: Actor
  /** What the caller may do: an answer is for who may do at least the same. */
  readonly grants: Grants
  readonly key: string
  /** Method, path and query. */
  readonly target: string
  readonly body: Uint8Array
}

export type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What was answered to requests with a key, for a day. */
export type AnsweredRequests = {
  /**
   * Take the key for this request until the transaction ends: who comes with the same one meanwhile waits for that.
   *
   * @returns what was answered to it before; null where it is to be done now
   * @throws Refusal `key_reused` where the key was another request's, `forbidden` where the caller had a role that is missing now
   */
  claim(tx: Transaction, request: KeyedRequest, now: number): Promise<Answer | null>
  /** Keep what is answered to a claimed request, in the transaction that does what it asks. */
  keep(tx: Transaction, request: KeyedRequest, answer: Answer): Promise<void>
}

const keptMs = 86_400_000

/** So many rows past their day are removed by each that comes: more go than come. */
const mostRemoved = 10

/**
 * Answers hold secrets that are told once, and requests hold passwords. So answers are encrypted and requests are known
 * by a keyed hash, both with what is derived from the request's key, which itself is kept only as a hash: whoever reads
 * the table learns nothing, and even the service cannot read an answer before its caller asks again.
 *
 * @param secret another one makes every kept answer unreadable: its key is refused as used
 */
export function createAnsweredRequests(secret: string): AnsweredRequests {
  function nameOf({ actor, key }: KeyedRequest) {
    return { caller: `${actor.kind}/${actor.id}`, key: hashSecret(key).toString('base64url') }
  }

  function derive({ key }: KeyedRequest, purpose: 'answer' | 'request'): Buffer {
    return Buffer.from(hkdfSync('sha256', secret, key, `hemotrail ${purpose}`, 32))
  }

  return {
    async claim(tx, request, now) {
      const name = nameOf(request)
      const requestHash = createHmac('sha256', derive(request, 'request'))
        .update(`${request.target}\n`)
        .update(request.body)
        .digest('hex')
      const anew = { requestHash, at: now, status: null, contentType: null, body: null }
      const claimed = await tx
        .insert(answeredRequest)
        .values({ ...name, ...anew })
        .onConflictDoUpdate({
          target: [answeredRequest.caller, answeredRequest.key],
          set: anew,
          setWhere: lte(answeredRequest.at, now - keptMs),
        })
        .returning({ at: answeredRequest.at })
      if (claimed.length > 0) {
        await removeOld(tx, now - keptMs)
        return null
      }
      const [found] = await tx.select().from(answeredRequest).where(isNamed(name))
      if (found?.requestHash !== requestHash)
        throw new Refusal('key_reused', 'this Idempotency-Key was sent with another request before')
      const { status, contentType, body } = found
      if (status === null || contentType === null || body === null)
        throw new Error(`a request of ${name.caller} was committed without its answer`)
      const [held, answer] = parted(open(body, derive(request, 'answer')))
      if (!holdsAll(request.grants, held))
        throw new Refusal(
          'forbidden',
          'you do not hold all the roles any more that you held when this Idempotency-Key was first sent: look ' +
            'whether it was done, and ask with another key',
        )
      return { status, contentType, body: answer }
    },

    async keep(tx, request, { body, ...answer }) {
      await tx
        .update(answeredRequest)
        .set({
          ...answer,
          body: seal(`${namesOf(request.grants).join()}\n${body}`, derive(request, 'answer')),
        })
        .where(isNamed(nameOf(request)))
    },
  }
}

/** Is each grant of then, as its names tell, among those of now, or one of the same role everywhere? */
function holdsAll(grants: Grants, held: string): boolean {
  const names = new Set(namesOf(grants))
  return held === '' || held.split(',').every((name) => names.has(name) || names.has(anywhere(name)))
}

function namesOf(grants: Grants): string[] {
  return grants.map(({ role, facilityId }) => `${role}@${facilityId ?? '*'}`)
}

function anywhere(name: string): string {
  return name.replace(/@.*/, '@*')
}

/** The first line, and what comes after it. */
function parted(text: string): readonly [first: string, rest: string] {
  const end = text.indexOf('\n')
  return [text.slice(0, end), text.slice(end + 1)]
}

function isNamed({ caller, key }: { readonly caller: string; readonly key: string }) {
  return and(eq(answeredRequest.caller, caller), eq(answeredRequest.key, key))
}

/** What another transaction is removing or taking anew is left to it: nobody waits here. */
async function removeOld(tx: Transaction, until: number): Promise<void> {
  await tx.execute(sql`
    delete from ${answeredRequest} where ctid = any(array(
      select ctid from ${answeredRequest} where ${answeredRequest.at} <= ${until}
      order by ${answeredRequest.at} limit ${mostRemoved} for update skip locked))`)
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

function seal(text: string, key: Buffer): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

function open(sealed: string, key: Buffer): string {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  const text = decipher.update(bytes.subarray(nonceBytes + tagBytes))
  return Buffer.concat([text, decipher.final()]).toString('utf8')
}
