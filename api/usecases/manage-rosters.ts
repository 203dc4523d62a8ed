import type { EscalationStep } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import {
  endContact,
  endShift,
  findContact,
  insertContact,
  insertShift,
  noContact,
} from '../stores/rosters.ts'
import { demandRight } from './demand.ts'
import { checkWebhookUrl } from './webhook-address.ts'

/** The facility, if the caller holds the right there. @throws Refusal `not_found`, `forbidden` */
export async function reachFacility(
  ctx: Context,
  db: Database | Transaction,
  code: string,
  right: Right,
): Promise<{ readonly id: number; readonly timeZone: string }> {
  const facility = await findFacility(db, code)
  demandRight(ctx, right, [facility.id], noFacility(code))
  return facility
}

/**
 * Say how somebody at a facility can be told of alarms.
 *
 * @param input.mayMail whether this service sends e-mail at all
 * @returns the secret the gateway is called with, told this once; null where there is none
 * @throws Refusal `invalid_request` for what cannot be reached, `not_found`, `forbidden`, `already_exists`
 */
export async function createContact(
  ctx: Context,
  input: {
    readonly facility: string
    readonly name: string
    readonly email: string | null
    readonly url: string | null
    readonly mayMail: boolean
  },
): Promise<string | null> {
  const { facility, name, email, mayMail } = input
  if (email === null && input.url === null)
    throw new Refusal('invalid_request', 'a contact is reached by email, by url, or by both')
  if (email !== null && !mayMail)
    throw new Refusal(
      'invalid_request',
      'email: this service sends none until SMTP_URL and MAIL_FROM are set; give the url of a gateway',
    )
  const url = input.url === null ? null : checkWebhookUrl(input.url).href
  return ctx.database.db.transaction(async (tx) => {
    const { id: facilityId } = await reachFacility(ctx, tx, facility, 'roster.manage')
    return insertContact(tx, ctx.actor, { facilityId, name, email, url }, ctx.now())
  })
}

/** Whoever has gone is told nothing more, and their shifts are nobody's. @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function dismissContact(
  ctx: Context,
  { facility, name, reason }: { readonly facility: string; readonly name: string; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const { id } = await reachFacility(ctx, tx, facility, 'roster.manage')
    await endContact(tx, ctx.actor, await findContact(tx, id, name), reason, ctx.now())
  })
}

/** Put somebody behind a step. @throws Refusal `invalid_request`, `not_found`, `forbidden` */
export async function createShift(
  ctx: Context,
  input: {
    readonly facility: string
    readonly step: EscalationStep
    readonly contact: string
    readonly weekdays: readonly number[]
    readonly fromMinute: number
    readonly toMinute: number
    readonly effectiveFrom?: number | undefined
    readonly effectiveTo: number | null
  },
): Promise<void> {
  const { facility, contact, effectiveTo, weekdays, ...shift } = input
  const now = ctx.now()
  const effectiveFrom = shift.effectiveFrom ?? now
  if (effectiveTo !== null && effectiveTo <= Math.max(now, effectiveFrom))
    throw new Refusal('invalid_request', 'effectiveTo: is over already, or before it begins')
  await ctx.database.db.transaction(async (tx) => {
    const { id: facilityId } = await reachFacility(ctx, tx, facility, 'roster.manage')
    const { id: contactId, endedAt } = await findContact(tx, facilityId, contact)
    if (endedAt !== null) throw new Refusal('not_found', noContact(contact))
    const row = { ...shift, weekdays: [...weekdays], facilityId, contactId, effectiveFrom, effectiveTo }
    await insertShift(tx, ctx.actor, row, now)
  })
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function dismissShift(
  ctx: Context,
  { facility, id, reason }: { readonly facility: string; readonly id: number; readonly reason: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const { id: facilityId } = await reachFacility(ctx, tx, facility, 'roster.manage')
    await endShift(tx, ctx.actor, { facilityId, id, reason }, ctx.now())
  })
}
