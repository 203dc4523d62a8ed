import { randomUUID } from 'node:crypto'
import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { account, badge, failedSignIn, person, roleGrant, session } from '../../schema/tables/people.ts'
import type { Role } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Grants } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { gathered } from './gather.ts'
import { lockAlone } from './locks.ts'
import { keptStatement } from './pool.ts'
import { isOneOf } from './rows.ts'

/** A role as it is held; `facility` is the code, null is all of them. */
export type HeldRole = {
  readonly role: Role
  readonly facilityId: number | null
  readonly facility: string | null
}

export type Person = {
  readonly id: string
  readonly username: string
  readonly name: string
  readonly email: string
  readonly createdAt: number
  readonly endedAt: number | null
  readonly roles: readonly HeldRole[]
}

const columns = {
  id: person.id,
  username: person.username,
  name: person.name,
  email: person.email,
  createdAt: person.createdAt,
  endedAt: person.endedAt,
}

type Row = { createdAt: Date } & Omit<Person, 'createdAt' | 'roles'>

async function withRoles(db: Database | Transaction, rows: readonly Row[]): Promise<Person[]> {
  const held = await db
    .select({
      personId: roleGrant.personId,
      role: roleGrant.role,
      facilityId: roleGrant.facilityId,
      facility: facility.code,
    })
    .from(roleGrant)
    .leftJoin(facility, eq(facility.id, roleGrant.facilityId))
    .where(
      and(
        isNull(roleGrant.to),
        isOneOf(
          roleGrant.personId,
          rows.map(({ id }) => id),
        ),
      ),
    )
    .orderBy(asc(roleGrant.id))
  return rows.map((row) => ({
    ...row,
    createdAt: row.createdAt.getTime(),
    roles: held.filter(({ personId }) => personId === row.id).map(({ personId: _, ...role }) => role),
  }))
}

export const noPerson = (username: string) => `nobody has the username ${username}`

/** People by username, a page of them. */
export async function listPeople(
  db: Database,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<Person[]> {
  const rows = await db
    .select(columns)
    .from(person)
    .where(after === undefined ? undefined : gt(person.username, after))
    .orderBy(asc(person.username))
    .limit(limit)
  return withRoles(db, rows)
}

/** @throws Refusal `not_found` */
export async function findPerson(db: Database | Transaction, username: string): Promise<Person> {
  const [found] = await withRoles(
    db,
    await db.select(columns).from(person).where(eq(person.username, username.toLowerCase())),
  )
  if (!found) throw new Refusal('not_found', noPerson(username))
  return found
}

/** Somebody who may still do something, by id; null where they have left. */
export async function findActive(db: Database | Transaction, id: string): Promise<Person | null> {
  const [found] = await withRoles(
    db,
    await db
      .select(columns)
      .from(person)
      .where(and(eq(person.id, id), isNull(person.endedAt))),
  )
  return found ?? null
}

/** Somebody who has signed in, and what they may do. */
export type SignedIn = Pick<Person, 'id' | 'username' | 'roles'>

/** The token of a session, whose signature was believed, and when it was shown, ms UTC. */
export type ShownSession = { readonly token: string; readonly at: number }

/**
 * Whose session this is, if it lasts and they have not left. One statement: nearly every request of everybody who has
 * signed in begins with it.
 */
export const findBySession = gathered<ShownSession, SignedIn | null>(async (db, shown) => {
  const asked = JSON.stringify(shown.map((one, number) => ({ ...one, number })))
  const { rows } = await db.execute<{ number: number; who: SignedIn | null }>(sessionsStatement({ asked }))
  const found = new Map(rows.map(({ number, who }) => [number, who]))
  return shown.map((_, number) => found.get(number) ?? null)
})

/** Whose session `token` is at an instant, as JSON; null where it is nobody's any more. */
export const whoseSession = (token: SQL, at: SQL) => sql`(
  select json_build_object('id', p.id, 'username', username, 'roles', (
    select coalesce(json_agg(json_build_object('role', role, 'facilityId', facility_id, 'facility', code) order by g.id), '[]')
    from ${roleGrant} g left join ${facility} f on f.id = facility_id
    where person_id = p.id and g."to" is null
  ))
  from ${session} s join ${person} p on p.id = s.user_id
  where s.token = ${token} and s.expires_at > ${at} and p.ended_at is null
)`

const sessionsStatement = keptStatement<{ readonly asked: string }>(
  ({ asked }) => sql`
    select number, ${whoseSession(sql`asked.token`, sql`asked.at`)} as who
    from json_to_recordset(${asked}::json) as asked (number integer, token text, at bigint)`,
)

/** Is there anybody who administers everything? */
export async function hasAdministrator(tx: Transaction): Promise<boolean> {
  const [found] = await tx
    .select({ id: roleGrant.id })
    .from(roleGrant)
    .innerJoin(person, eq(person.id, roleGrant.personId))
    .where(
      and(
        eq(roleGrant.role, 'administrator'),
        isNull(roleGrant.facilityId),
        isNull(roleGrant.to),
        isNull(person.endedAt),
      ),
    )
    .limit(1)
  return found !== undefined
}

/** Only one transaction at a time decides who is the first administrator. */
export async function lockAdministrators(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'administrators')
}

export type NewPerson = {
  readonly username: string
  readonly name: string
  readonly email?: string | undefined
  /** A scrypt hash. Null for whoever signs in elsewhere. */
  readonly passwordHash: string | null
}

/** @throws Refusal `already_exists` */
export async function insertPerson(
  tx: Transaction,
  actor: Actor,
  input: NewPerson,
  now: number,
): Promise<string> {
  const id = randomUUID()
  const username = input.username.toLowerCase()
  // Nobody is written to; better-auth wants an address that is nobody else's.
  const email = input.email?.toLowerCase() ?? `${id}@people.invalid`
  const at = new Date(now)
  const added = await tx
    .insert(person)
    .values({ id, username, name: input.name, email, createdAt: at, updatedAt: at })
    .onConflictDoNothing()
    .returning({ id: person.id })
  if (added.length === 0)
    throw new Refusal('already_exists', `the username ${username} or the address ${email} is taken`)
  if (input.passwordHash !== null) await setPassword(tx, id, input.passwordHash, at)
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.created',
    subjectKind: 'person',
    subject: id,
    after: { username, name: input.name, email },
  })
  return id
}

async function setPassword(tx: Transaction, personId: string, hash: string, at: Date): Promise<void> {
  await tx
    .insert(account)
    .values({
      id: randomUUID(),
      accountId: personId,
      providerId: 'credential',
      userId: personId,
      password: hash,
      createdAt: at,
      updatedAt: at,
    })
    .onConflictDoUpdate({
      target: [account.providerId, account.accountId],
      set: { password: hash, updatedAt: at },
    })
}

/** An account at an OpenID provider, by the subject it calls the person by. */
export type LinkedAccount = Pick<
  typeof account.$inferSelect,
  'userId' | 'providerId' | 'accountId' | 'createdAt' | 'updatedAt'
>

/**
 * Keep what lets somebody in as it is until the transaction ends. Who lets them in and who takes it from them both hold
 * this: one waits for the other, and then sees what it did.
 *
 * @returns may they be let in at all?
 */
export async function lockPerson(tx: Transaction, id: string): Promise<boolean> {
  const [found] = await tx
    .select({ endedAt: person.endedAt })
    .from(person)
    .where(eq(person.id, id))
    .for('update')
  return found !== undefined && found.endedAt === null
}

/** @throws Refusal `conflict` where they have left */
async function lockPresent(tx: Transaction, id: string): Promise<void> {
  if (!(await lockPerson(tx, id))) throw new Refusal('conflict', 'they have left')
}

/** The hash of somebody's password, by their username in any case; null where they have none, or are nobody. */
export async function passwordHashOf(db: Database | Transaction, username: string): Promise<string | null> {
  const [found] = await db
    .select({ hash: account.password })
    .from(account)
    .innerJoin(person, eq(person.id, account.userId))
    .where(and(eq(person.username, username.toLowerCase()), eq(account.providerId, 'credential')))
  return found?.hash ?? null
}

/** Somebody who is still here, by name or id, and the hash of their password; null where there is none of either. */
export async function findSigner(
  db: Database | Transaction,
  who: { readonly username: string } | { readonly personId: string },
): Promise<{ personId: string; username: string; secretHash: string } | null> {
  const [found] = await db
    .select({ personId: person.id, username: person.username, secretHash: account.password })
    .from(person)
    .leftJoin(account, and(eq(account.userId, person.id), eq(account.providerId, 'credential')))
    .where(
      and(
        'personId' in who ? eq(person.id, who.personId) : eq(person.username, who.username.toLowerCase()),
        isNull(person.endedAt),
      ),
    )
  // Who has a badge alone has no password to be right about.
  return found && ('personId' in who || found.secretHash !== null)
    ? { ...found, secretHash: found.secretHash ?? '' }
    : null
}

/** Has nobody ended this session yet? */
export async function hasSession(tx: Transaction, id: string): Promise<boolean> {
  const [found] = await tx.select({ id: session.id }).from(session).where(eq(session.id, id))
  return found !== undefined
}

/** End a session that nobody was told of. */
export async function dropSession(tx: Transaction, id: string): Promise<void> {
  await tx.delete(session).where(eq(session.id, id))
}

/** From now on the account lets them in. What opens the provider's own doors is of no use here, and is not kept. @throws Refusal `conflict` where they have left */
export async function insertLinkedAccount(
  tx: Transaction,
  actor: Actor,
  { userId, providerId, accountId, createdAt, updatedAt }: LinkedAccount,
  now: number,
): Promise<typeof account.$inferSelect> {
  await lockPresent(tx, userId)
  const row = { id: randomUUID(), userId, providerId, accountId, createdAt, updatedAt }
  const [made] = await tx.insert(account).values(row).returning()
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.account_linked',
    subjectKind: 'person',
    subject: userId,
    after: { by: providerId, account: accountId },
  })
  return made as typeof account.$inferSelect
}

/** Another password; whoever is signed in with the old one is not any more. @throws Refusal `conflict` where they have left */
export async function changePassword(
  tx: Transaction,
  actor: Actor,
  { id, username }: Pick<Person, 'id' | 'username'>,
  hash: string,
  now: number,
): Promise<void> {
  await lockPresent(tx, id)
  await setPassword(tx, id, hash, new Date(now))
  await tx.delete(session).where(eq(session.userId, id))
  await tx.delete(failedSignIn).where(eq(failedSignIn.claim, `username:${username}`))
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.password_changed',
    subjectKind: 'person',
    subject: id,
  })
}

/** @throws Refusal `already_exists` where they hold it already */
export async function insertRole(
  tx: Transaction,
  actor: Actor,
  personId: string,
  { role, facilityId }: Pick<HeldRole, 'role' | 'facilityId'>,
  now: number,
): Promise<void> {
  const added = await tx
    .insert(roleGrant)
    .values({ personId, role, facilityId, from: now })
    .onConflictDoNothing()
    .returning({ id: roleGrant.id })
  if (added.length === 0) throw new Refusal('already_exists', `the role ${role} is held there already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.role_granted',
    subjectKind: 'person',
    subject: personId,
    after: { role, facilityId },
  })
}

/** @throws Refusal `not_found` where they do not hold it */
export async function endRole(
  tx: Transaction,
  actor: Actor,
  personId: string,
  { role, facilityId }: Pick<HeldRole, 'role' | 'facilityId'>,
  now: number,
): Promise<void> {
  const ended = await tx
    .update(roleGrant)
    .set({ to: sql`greatest(${now}, ${roleGrant.from})` })
    .where(
      and(
        eq(roleGrant.personId, personId),
        eq(roleGrant.role, role),
        facilityId === null ? isNull(roleGrant.facilityId) : eq(roleGrant.facilityId, facilityId),
        isNull(roleGrant.to),
      ),
    )
    .returning({ id: roleGrant.id })
  if (ended.length === 0) throw new Refusal('not_found', `the role ${role} is not held there`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.role_ended',
    subjectKind: 'person',
    subject: personId,
    before: { role, facilityId },
  })
}

/** Somebody leaves: nothing they were signed in with lets them in any more. @throws Refusal `conflict` where they have left already */
export async function endPerson(
  tx: Transaction,
  actor: Actor,
  personId: string,
  reason: string,
  now: number,
): Promise<void> {
  await lockPresent(tx, personId)
  await tx.update(person).set({ endedAt: now }).where(eq(person.id, personId))
  await tx.delete(session).where(eq(session.userId, personId))
  await tx.delete(badge).where(eq(badge.personId, personId))
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.ended',
    subjectKind: 'person',
    subject: personId,
    reason,
  })
}

/** The roles of a person as rights go by them. */
export function grantsOf({ roles }: Pick<Person, 'roles'>): Grants {
  return roles.map(({ role, facilityId }) => ({ role, facilityId }))
}

/**
 * A badge and its PIN; with another before it whoever is signed in is not any more, for no session tells what it was
 * made with.
 *
 * @throws Refusal `already_exists` where the badge is somebody else's, `conflict` where they have left
 */
export async function setBadge(
  tx: Transaction,
  actor: Actor,
  personId: string,
  { code, pin }: { readonly code: string; readonly pin: string },
  now: number,
): Promise<void> {
  await lockPresent(tx, personId)
  const earlier = await tx.delete(badge).where(eq(badge.personId, personId)).returning({ code: badge.code })
  if (earlier.length > 0) await tx.delete(session).where(eq(session.userId, personId))
  const added = await tx
    .insert(badge)
    .values({ personId, code, pin, issuedAt: now })
    .onConflictDoNothing()
    .returning({ personId: badge.personId })
  if (added.length === 0) throw new Refusal('already_exists', 'this badge is somebody else’s')
  await appendAudit(tx, actor, {
    at: now,
    action: 'person.badge_issued',
    subjectKind: 'person',
    subject: personId,
  })
}

/** Whose badge this is, and the hash of its PIN; null where it is nobody's. */
export async function findBadge(
  db: Database | Transaction,
  code: string,
): Promise<{ personId: string; pin: string } | null> {
  const [found] = await db
    .select({ personId: badge.personId, pin: badge.pin })
    .from(badge)
    .innerJoin(person, eq(person.id, badge.personId))
    .where(and(eq(badge.code, code), isNull(person.endedAt)))
  return found ?? null
}

/** So many wrong passwords or PINs in a row lock a claim out for so long, ms. */
export const mostFailures = 5
export const lockedOutMs = 15 * 60_000

/**
 * Count an attempt before it is judged, so that a hundred at once are not judged before the first is counted.
 *
 * @returns how many have failed in a row if this one does, more than `mostFailures` while locked out
 */
export async function countAttempt(db: Database, claim: string, now: number): Promise<number> {
  const since = now - lockedOutMs
  await db.delete(failedSignIn).where(sql`${failedSignIn.lastAt} <= ${since}`)
  const { rows } = await db.execute<{ failures: number }>(sql`
    insert into ${failedSignIn} as f (claim, failures, last_at) values (${claim}, 1, ${now})
    on conflict (claim) do update set
      failures = least(f.failures, ${mostFailures}) + 1,
      last_at = case when f.failures >= ${mostFailures} then f.last_at else ${now} end
    returning failures`)
  return rows[0]?.failures ?? 0
}

/** It was right after all: nothing counts any more. */
export async function forgetAttempts(tx: Database | Transaction, claim: string): Promise<void> {
  await tx.delete(failedSignIn).where(eq(failedSignIn.claim, claim))
}
