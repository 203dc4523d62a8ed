import { and, asc, eq, isNull } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { apiKey } from '../../schema/tables/people.ts'
import type { Role } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { newSecret } from './secrets.ts'

export type ApiKey = {
  readonly name: string
  readonly role: Role
  readonly facilityId: number | null
  readonly facility: string | null
  readonly createdAt: number
  readonly revokedAt: number | null
}

const columns = {
  name: apiKey.name,
  role: apiKey.role,
  facilityId: apiKey.facilityId,
  facility: facility.code,
  createdAt: apiKey.createdAt,
  revokedAt: apiKey.revokedAt,
}

export async function listApiKeys(db: Database): Promise<ApiKey[]> {
  return db
    .select(columns)
    .from(apiKey)
    .leftJoin(facility, eq(facility.id, apiKey.facilityId))
    .orderBy(asc(apiKey.name))
}

export const noApiKey = (name: string) => `no API key is named ${name}`

/** @throws Refusal `not_found` */
export async function findApiKey(db: Database | Transaction, name: string): Promise<ApiKey> {
  const [found] = await db
    .select(columns)
    .from(apiKey)
    .leftJoin(facility, eq(facility.id, apiKey.facilityId))
    .where(eq(apiKey.name, name))
  if (!found) throw new Refusal('not_found', noApiKey(name))
  return found
}

/** The key with this hash, if it still opens anything. */
export async function apiKeyByHash(db: Database, hash: Buffer): Promise<ApiKey | null> {
  const [found] = await db
    .select(columns)
    .from(apiKey)
    .leftJoin(facility, eq(facility.id, apiKey.facilityId))
    .where(and(eq(apiKey.hash, hash.toString('hex')), isNull(apiKey.revokedAt)))
  return found ?? null
}

/** What every key begins with: it tells it from a session, and a scanner that finds one lying about what it is. */
export const apiKeyPrefix = 'hemotrail_'

/** @returns the key, which nobody can tell again. @throws Refusal `already_exists` */
export async function insertApiKey(
  tx: Transaction,
  actor: Actor,
  input: Pick<ApiKey, 'name' | 'role' | 'facilityId'>,
  now: number,
): Promise<string> {
  const { secret, hash } = newSecret(apiKeyPrefix)
  const added = await tx
    .insert(apiKey)
    .values({ ...input, hash: hash.toString('hex'), createdAt: now })
    .onConflictDoNothing()
    .returning({ id: apiKey.id })
  if (added.length === 0) throw new Refusal('already_exists', `an API key is named ${input.name} already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'api_key.created',
    subjectKind: 'api_key',
    subject: input.name,
    after: { role: input.role, facilityId: input.facilityId },
  })
  return secret
}

/** @throws Refusal `conflict` where it is revoked already */
export async function revokeApiKey(
  tx: Transaction,
  actor: Actor,
  name: string,
  reason: string,
  now: number,
): Promise<void> {
  const revoked = await tx
    .update(apiKey)
    .set({ revokedAt: now })
    .where(and(eq(apiKey.name, name), isNull(apiKey.revokedAt)))
    .returning({ id: apiKey.id })
  if (revoked.length === 0) throw new Refusal('conflict', `the API key ${name} is revoked already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'api_key.revoked',
    subjectKind: 'api_key',
    subject: name,
    reason,
  })
}
