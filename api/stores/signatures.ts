import { createHmac, hkdfSync } from 'node:crypto'
import { and, asc, desc, eq, inArray, isNull, lt, sql } from 'drizzle-orm'
import { auditEntry } from '../../schema/tables/audit.ts'
import { bagEvent } from '../../schema/tables/bags.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { account, badge, person } from '../../schema/tables/people.ts'
import { signature, signatureRule, signedEntry } from '../../schema/tables/signatures.ts'
import type { SignedAct } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Reach } from '../domain/rights.ts'
import { canonical, type Proven, type Signature } from '../domain/signature.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { isIn } from './rows.ts'
import { hashSecret } from './secrets.ts'

type Entry = typeof auditEntry.$inferSelect

/** Binds a signature and the audit entry it signs to each other; only who has the service's key can make another seal. */
export type Sealer = { readonly keyId: string; seal(of: Signature, entry: Entry): string }

/** @param secret with another one what was sealed before cannot be checked, and is told apart by its `keyId` */
export function createSealer(secret: string): Sealer {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'hemotrail signatures', 32))
  return {
    keyId: hashSecret(key).toString('hex').slice(0, 16),
    seal: (of, entry) =>
      createHmac('sha256', key)
        .update(canonical({ signature: of, entry }))
        .digest('hex'),
  }
}

/** Which acts a facility demands a signature of now; none where nobody has said. */
export async function signedActsAt(
  db: Database | Transaction,
  facilityId: number | null,
): Promise<readonly SignedAct[]> {
  const [rule] = await db
    .select({ acts: signatureRule.acts })
    .from(signatureRule)
    .where(eq(signatureRule.facilityId, facilityId ?? 0))
    .orderBy(desc(signatureRule.id))
    .limit(1)
  return (rule?.acts ?? []) as readonly SignedAct[]
}

/** From now on. */
export async function insertSignatureRule(
  tx: Transaction,
  actor: Actor,
  at: { readonly id: number; readonly code: string },
  acts: readonly SignedAct[],
  now: number,
): Promise<void> {
  const before = await signedActsAt(tx, at.id)
  await tx.insert(signatureRule).values({ facilityId: at.id, from: now, acts, actor })
  await appendAudit(tx, actor, {
    at: now,
    action: 'facility.signature_rules_set',
    subjectKind: 'facility',
    subject: at.code,
    before: { acts: before },
    after: { acts },
  })
}

/**
 * The name of who has shown both components, if these are theirs still; null where they have left or have others by now.
 * Until the transaction ends that stays so.
 */
export async function nameOfProven(tx: Transaction, proven: Proven): Promise<string | null> {
  const [found] = await tx
    .select({ name: person.name })
    .from(person)
    .where(and(eq(person.id, proven.personId), isNull(person.endedAt)))
    .for('share')
  if (!found) return null
  const { badge: code, personId } = proven
  const held =
    code === null
      ? await tx
          .select({ hash: account.password })
          .from(account)
          .where(and(eq(account.userId, personId), eq(account.providerId, 'credential')))
      : await tx
          .select({ hash: badge.pin })
          .from(badge)
          .where(and(eq(badge.personId, personId), eq(badge.code, code)))
  return held[0]?.hash === proven.secretHash ? found.name : null
}

/** The newest audit entry that can be seen; what this transaction writes from now on comes after it. */
export async function newestEntry(tx: Transaction): Promise<number> {
  const [found] = await tx
    .select({ id: auditEntry.id })
    .from(auditEntry)
    .orderBy(desc(auditEntry.id))
    .limit(1)
  return found?.id ?? 0
}

/**
 * Keep a signature, and seal it to each audit entry of this transaction that names it. Where nothing was written, nothing
 * was signed.
 *
 * @param since the newest entry before the act
 */
export async function sealSignature(
  tx: Transaction,
  sealer: Sealer,
  made: Signature,
  since: number,
): Promise<void> {
  const entries = await tx
    .select()
    .from(auditEntry)
    .where(sql`${auditEntry.id} > ${since} and ${names(made.id)}`)
    .orderBy(asc(auditEntry.id))
  if (entries.length === 0) return
  await tx.insert(signature).values(made)
  await tx.insert(signedEntry).values(
    entries.map((entry) => ({
      signatureId: made.id,
      entryId: entry.id,
      keyId: sealer.keyId,
      seal: sealer.seal(made, entry),
    })),
  )
}

const names = (id: string) => sql`${auditEntry.actor} -> 'signatures' @> ${JSON.stringify([{ id }])}::jsonb`

/** What a page of signatures signs, newest first. */
export async function listSignatures(
  db: Database,
  asked: {
    readonly reach: Reach
    readonly facilityId?: number | undefined
    readonly subject?: string | undefined
    readonly before?: string | undefined
    readonly limit: number
  },
) {
  const { reach, facilityId, subject, before, limit } = asked
  const found = await db
    .select({ signature, code: facility.code })
    .from(signature)
    .innerJoin(facility, eq(facility.id, signature.facilityId))
    .where(
      and(
        isIn(reach, signature.facilityId),
        facilityId === undefined ? undefined : eq(signature.facilityId, facilityId),
        before === undefined ? undefined : lt(signature.id, before),
        subject === undefined
          ? undefined
          : sql`exists (
              select from ${signedEntry} s join ${auditEntry} e on e.id = s.entry_id
              where s.signature_id = ${signature.id} and e.subject = ${subject})`,
      ),
    )
    .orderBy(desc(signature.id))
    .limit(limit)
  const ids = found.map((row) => row.signature.id)
  const signed =
    ids.length === 0
      ? []
      : await db
          .select({ signatureId: signedEntry.signatureId, entry: auditEntry })
          .from(signedEntry)
          .innerJoin(auditEntry, eq(auditEntry.id, signedEntry.entryId))
          .where(inArray(signedEntry.signatureId, ids))
          .orderBy(asc(signedEntry.entryId))
  return found.map(({ signature: one, code }) => ({
    ...one,
    facility: code,
    signs: signed.filter(({ signatureId }) => signatureId === one.id).map(({ entry }) => entry),
  }))
}

/**
 * What is wrong with a signature or what it signs. `excised`: an entry or an event names a signature that is not there, or
 * is not bound to it. `transferred`: it is bound to what does not name it, or is not there. `signs_nothing`: it is bound to
 * nothing. `altered`: it, or what it signs, is not as it was sealed. `other_key`: sealed with another key than this.
 */
export type SignatureFault = {
  readonly kind: 'excised' | 'transferred' | 'signs_nothing' | 'altered' | 'other_key'
  readonly signatureId: string
  /** The audit entry, or the event of a bag. */
  readonly of: string | null
}

/** Look through all signatures and all that names one, in one state of the database. */
export async function checkSignatures(
  db: Database,
  sealer: Sealer,
  found: (fault: SignatureFault) => void,
): Promise<{ readonly signatures: number; readonly signed: number }> {
  return db.transaction(
    async (tx) => {
      const count = { signatures: 0, signed: 0 }
      for (let after = 0; ; ) {
        const page = await tx
          .select({ link: signedEntry, one: signature, entry: auditEntry })
          .from(signedEntry)
          .leftJoin(signature, eq(signature.id, signedEntry.signatureId))
          .leftJoin(auditEntry, eq(auditEntry.id, signedEntry.entryId))
          .where(
            sql`${signedEntry.entryId} in (
              select entry_id from ${signedEntry} where entry_id > ${after} group by 1 order by 1 limit ${pageSize})`,
          )
          .orderBy(asc(signedEntry.entryId))
        if (page.length === 0) break
        for (const { link, one, entry } of page) {
          after = link.entryId
          const fault = faultOf(sealer, link, one, entry)
          if (fault) found({ kind: fault, signatureId: link.signatureId, of: `audit entry ${link.entryId}` })
          else count.signed += 1
        }
      }
      for (const fault of await unbound(tx)) found(fault)
      const all = await tx.execute<{ count: number }>(
        sql`select count(*)::integer as count from ${signature}`,
      )
      return { ...count, signatures: all.rows[0]?.count ?? 0 }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}

const pageSize = 1_000

function faultOf(
  sealer: Sealer,
  link: typeof signedEntry.$inferSelect,
  one: Signature | null,
  entry: Entry | null,
): SignatureFault['kind'] | null {
  if (!one) return 'excised'
  if (!entry) return 'transferred'
  const { signatures = [] } = entry.actor as { signatures?: readonly { readonly id: string }[] }
  if (!signatures.some(({ id }) => id === link.signatureId)) return 'transferred'
  if (link.keyId !== sealer.keyId) return 'other_key'
  return sealer.seal(one, entry) === link.seal ? null : 'altered'
}

/** Names without a signature, and signatures without what they sign. */
async function unbound(tx: Transaction): Promise<SignatureFault[]> {
  const { rows } = await tx.execute<{ kind: SignatureFault['kind']; id: string; of: string | null }>(sql`
    select 'excised' as kind, named ->> 'id' as id, 'audit entry ' || e.id as of
    from ${auditEntry} e cross join jsonb_array_elements(e.actor -> 'signatures') named
    where not exists (
      select from ${signedEntry} s where s.entry_id = e.id and s.signature_id::text = named ->> 'id')
    union all
    select 'excised', named ->> 'id', 'event ' || e.version || ' of bag ' || e.bag_id
    from ${bagEvent} e cross join jsonb_array_elements(e.actor -> 'signatures') named
    where not exists (select from ${signature} s where s.id::text = named ->> 'id')
    union all
    select 'signs_nothing', id::text, null from ${signature} s
    where not exists (select from ${signedEntry} l where l.signature_id = s.id)
    order by 2, 3`)
  return rows.map(({ kind, id, of }) => ({ kind, signatureId: id, of }))
}
