import { and, asc, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { contact, rosterShift } from '../../schema/tables/notices.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Roster, Shift } from '../domain/roster.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { isOneOf } from './rows.ts'
import { newSecret } from './secrets.ts'

/** Somebody who can be told of alarms. */
export type Contact = {
  readonly id: number
  readonly name: string
  readonly email: string | null
  readonly url: string | null
}

const contactView = { id: contact.id, name: contact.name, email: contact.email, url: contact.url }

export const noContact = (name: string) => `nobody there to be told of alarms is named ${name}`
export const noShift = (id: number) => `no shift there has the number ${id}`

/** Who can be told of alarms at a facility, by name. */
export async function listContacts(db: Database, facilityId: number, limit: number): Promise<Contact[]> {
  return db
    .select(contactView)
    .from(contact)
    .where(and(eq(contact.facilityId, facilityId), isNull(contact.endedAt)))
    .orderBy(asc(contact.name))
    .limit(limit)
}

/** Of those who had the name, who can be told still, or could be last. @throws Refusal `not_found` */
export async function findContact(
  tx: Transaction,
  facilityId: number,
  name: string,
): Promise<Contact & { readonly endedAt: number | null }> {
  const [found] = await tx
    .select({ ...contactView, endedAt: contact.endedAt })
    .from(contact)
    .where(and(eq(contact.facilityId, facilityId), eq(contact.name, name)))
    .orderBy(sql`${contact.endedAt} desc nulls first`)
    .limit(1)
  if (!found) throw new Refusal('not_found', noContact(name))
  return found
}

/** @returns the secret its gateway is called with, told this once; null where it has none. @throws Refusal `already_exists` */
export async function insertContact(
  tx: Transaction,
  actor: Actor,
  input: Omit<Contact, 'id'> & { readonly facilityId: number },
  now: number,
): Promise<string | null> {
  const secret = input.url === null ? null : newSecret().secret
  const [added] = await tx
    .insert(contact)
    .values({ ...input, secret, createdAt: now })
    .onConflictDoNothing()
    .returning({ id: contact.id })
  if (!added) throw new Refusal('already_exists', `somebody there is named ${input.name} already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'contact.created',
    subjectKind: 'contact',
    subject: String(added.id),
    after: input,
  })
  return secret
}

/** @throws Refusal `conflict` where it has ended already */
export async function endContact(
  tx: Transaction,
  actor: Actor,
  { id, name }: Contact,
  reason: string,
  now: number,
): Promise<void> {
  const ended = await tx
    .update(contact)
    .set({ endedAt: now })
    .where(and(eq(contact.id, id), isNull(contact.endedAt)))
    .returning({ id: contact.id })
  if (ended.length === 0) throw new Refusal('conflict', `${name} is told nothing more already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'contact.ended',
    subjectKind: 'contact',
    subject: String(id),
    before: { name },
    reason,
  })
}

export type ContactShift = Shift & { readonly id: number; readonly contact: Contact }

const shiftView = {
  id: rosterShift.id,
  step: rosterShift.step,
  weekdays: rosterShift.weekdays,
  fromMinute: rosterShift.fromMinute,
  toMinute: rosterShift.toMinute,
  effectiveFrom: rosterShift.effectiveFrom,
  effectiveTo: rosterShift.effectiveTo,
  contact: contactView,
}

/** The shifts of a facility that have not ended, of people who can be told still. */
export async function listShifts(
  db: Database | Transaction,
  facilityIds: readonly number[],
  now: number,
  limit?: number,
): Promise<(ContactShift & { readonly facilityId: number })[]> {
  const asked = db
    .select({ ...shiftView, facilityId: rosterShift.facilityId })
    .from(rosterShift)
    .innerJoin(contact, eq(contact.id, rosterShift.contactId))
    .where(
      and(
        isOneOf(rosterShift.facilityId, facilityIds),
        or(isNull(rosterShift.effectiveTo), gt(rosterShift.effectiveTo, now)),
        isNull(contact.endedAt),
      ),
    )
    .orderBy(asc(rosterShift.id))
  return limit === undefined ? asked : asked.limit(limit)
}

/** A facility that keeps a roster, and who is on it. */
export type FacilityRoster = Roster<ContactShift> & {
  readonly facilityId: number
  readonly code: string
  readonly name: string
}

/** The rosters of those facilities that ever kept one, by facility. */
export async function rostersOf(
  tx: Transaction,
  facilityIds: readonly number[],
  now: number,
): Promise<ReadonlyMap<number, FacilityRoster>> {
  if (facilityIds.length === 0) return new Map()
  const keeping = await tx
    .select({ id: facility.id, code: facility.code, name: facility.name, timeZone: facility.timeZone })
    .from(facility)
    .where(
      and(
        isOneOf(facility.id, facilityIds),
        sql`exists (select from ${rosterShift} where ${rosterShift.facilityId} = ${facility.id})`,
      ),
    )
  const ids = keeping.map(({ id }) => id)
  const shifts = ids.length === 0 ? [] : await listShifts(tx, ids, now)
  return new Map(
    keeping.map(({ id, ...place }) => {
      return [id, { ...place, facilityId: id, shifts: shifts.filter(({ facilityId }) => facilityId === id) }]
    }),
  )
}

export async function insertShift(
  tx: Transaction,
  actor: Actor,
  input: Omit<typeof rosterShift.$inferInsert, 'id'>,
  now: number,
): Promise<void> {
  const [added] = await tx.insert(rosterShift).values(input).returning({ id: rosterShift.id })
  await appendAudit(tx, actor, {
    at: now,
    action: 'shift.created',
    subjectKind: 'shift',
    subject: String(added?.id),
    after: input,
  })
}

/** End a shift now; one that has not begun never will. @throws Refusal `not_found`, `conflict` where it has ended already */
export async function endShift(
  tx: Transaction,
  actor: Actor,
  { facilityId, id, reason }: { readonly facilityId: number; readonly id: number; readonly reason: string },
  now: number,
): Promise<void> {
  const isThat = and(eq(rosterShift.id, id), eq(rosterShift.facilityId, facilityId))
  const [found] = await tx.select({ id: rosterShift.id }).from(rosterShift).where(isThat)
  if (!found) throw new Refusal('not_found', noShift(id))
  const ended = await tx
    .update(rosterShift)
    .set({ effectiveTo: now })
    .where(and(isThat, or(isNull(rosterShift.effectiveTo), gt(rosterShift.effectiveTo, now))))
    .returning({ id: rosterShift.id })
  if (ended.length === 0) throw new Refusal('conflict', `shift ${id} has ended already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'shift.ended',
    subjectKind: 'shift',
    subject: String(id),
    reason,
  })
}
