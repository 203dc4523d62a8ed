import { createHash, createHmac } from 'node:crypto'
import type { Context, Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { acknowledge, type Hl7Code, shownOf } from '../domain/hl7/answer.ts'
import { beginningOf, type Hl7Message, parseHl7 } from '../domain/hl7/message.ts'
import {
  type Hl7Event,
  type Hl7Header,
  type Hl7Order,
  type Hl7Sender,
  headerOf,
  mustBeForUs,
  patientNumber,
  readHl7,
} from '../domain/hl7/read.ts'
import type { Hl7Result } from '../domain/hl7/read-results.ts'
import { instantIn } from '../domain/local-day.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Grants } from '../domain/rights.ts'
import type { Transaction } from '../stores/database.ts'
import { findFacility } from '../stores/facilities.ts'
import { claimMessage, concludeDone, type Hl7Identity, keepRefusal } from '../stores/hl7.ts'
import { orderIfThere } from '../stores/orders.ts'
import { type PatientKey, sampleLabelled } from '../stores/patient-records.ts'
import { ensurePatient } from '../stores/patients.ts'
import { failureClass } from '../stores/sql-state.ts'
import { groupSample, screenSample } from './keep-patient-record.ts'
import { placeOrder, sayOfReached } from './order-blood.ts'
import { uuidv7 } from './register-bag.ts'

/** A sender as it is configured, and what only this end of the line knows. */
export type Hl7Party = Hl7Sender & {
  /** From where it may connect. */
  readonly addresses: readonly string[]
  /** What its patients' numbers are hashed with; null where they are pseudonyms already. */
  readonly pseudonymKey: string | null
}

export type Hl7Answer = {
  readonly code: Hl7Code
  /** The acknowledgement, as it is sent. */
  readonly text: string
  /** Why not; null where it is done. */
  readonly refusal: Refusal | null
  readonly header: Hl7Header | null
}

/** Charsets by MSH-18 (HL7 table 0211); what names none is UTF-8, of which ASCII is a part. */
const charsets: ReadonlyMap<string, string> = new Map([
  ...['', 'ASCII', 'UNICODE UTF-8', 'UTF-8'].map((name) => [name, 'utf-8'] as const),
  ...['GB 18030-2000', 'GB18030', 'GBK'].map((name) => [name, 'gb18030'] as const),
  ['8859/1', 'latin1'],
])

/** The bytes before the first segment ends, as far as a header may go. */
function headerBytes(bytes: Uint8Array): Buffer {
  const start = Buffer.from(bytes.subarray(0, 4_096))
  const end = start.findIndex((byte) => byte === 0x0d || byte === 0x0a)
  return end < 0 ? start : start.subarray(0, end)
}

/** As MSH-18 names it. */
function charsetNamed(bytes: Uint8Array): string {
  const header = headerBytes(bytes).toString('latin1')
  return (header.split(header[3] ?? '|')[17] ?? '').split('~')[0]?.trim() ?? ''
}

/** The text of a message, by what its header says of itself. @throws Refusal `invalid_request` */
export function textOf(bytes: Uint8Array): string {
  const named = charsetNamed(bytes)
  const charset = charsets.get(named)
  if (charset === undefined)
    throw new Refusal('invalid_request', `MSH-18: ${named.slice(0, 40)} is not understood`)
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal('invalid_request', `MSH-18: the bytes are not of ${named || 'UTF-8'}`)
  }
}

export const noParty = ({ application, facility }: Hl7Header) =>
  `MSH-3, MSH-4: nobody is known as ${application} of ${facility}`

/** What the header says, whatever follows it. @throws Refusal `invalid_request` */
function readHeader(bytes: Uint8Array): Hl7Header {
  const decoder = new TextDecoder(charsets.get(charsetNamed(bytes)) ?? 'utf-8')
  return headerOf(parseHl7(decoder.decode(headerBytes(bytes))))
}

/** The same; null where it cannot be read. */
export function headerIn(bytes: Uint8Array): Hl7Header | null {
  try {
    return readHeader(bytes)
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

/**
 * By whom it says it is, be the rest of it readable or not: what somebody known sends is theirs to answer for.
 *
 * @throws Refusal `invalid_request` where its header cannot be read, `not_found` where nobody known sent it
 */
export function partyOf(
  parties: readonly Hl7Party[],
  bytes: Uint8Array,
): { readonly party: Hl7Party; readonly header: Hl7Header } {
  const header = readHeader(bytes)
  const { application, facility } = header
  const party = parties.find((one) => one.application === application && one.facility === facility)
  if (!party) throw new Refusal('not_found', noParty(header))
  return { party, header }
}

/** The pseudonym of a patient by the number their hospital gave them. */
export function pseudonymOf({ at, authority, pseudonymKey }: Hl7Party, number: string): string {
  if (pseudonymKey !== null)
    return `p${createHmac('sha256', pseudonymKey).update(`${at}\0${authority}\0${number}`).digest('hex').slice(0, 24)}`
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(number))
    throw new Refusal('invalid_request', `PID-3: the number of ${authority} is no pseudonym: hash them`)
  return number
}

/** An order is who it is by the number its sender gave it, so that no second message makes it twice. */
function orderId(facilityId: number, sender: string, placer: string): string {
  const hex = createHash('sha256').update(`order\0${facilityId}\0${sender}\0${placer}`).digest('hex')
  // RFC 9562 § 5.8: version 8, of our own making.
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** What a message may do at the facility of its sender, and nowhere else. */
const grantsAt = (facilityId: number): Grants => [
  { role: 'physician', facilityId },
  { role: 'transfusion_lab', facilityId },
]

/**
 * Do what a message says, and make its acknowledgement: AA once it is committed, and again for the same message, which then
 * does nothing. What is refused is kept to be looked at. An outage is thrown: whoever sent it is told nothing, and sends it
 * again.
 *
 * @param actor who brings it, where that is not the sender itself
 */
export async function takeHl7(
  deps: Deps,
  party: Hl7Party,
  bytes: Uint8Array,
  actor: Actor = { kind: 'integration', id: `hl7/${party.at}/${party.application}` },
): Promise<Hl7Answer> {
  const { db } = deps.database
  const now = deps.now()
  const sender = `${party.application}/${party.facility}`
  const { id: facilityId, timeZone } = await findFacility(db, party.at)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  let header = headerIn(bytes)
  let message: Hl7Message | null = null
  try {
    message = parseHl7(textOf(bytes))
    header = headerOf(message)
    mustBeForUs(header)
    const { controlId, type } = header
    const event = readHl7(message, party, readLocalIn(timeZone))
    const identity = { facilityId, sender, controlId, sha256 }
    await db.transaction(async (tx) => {
      if (!(await claimMessage(tx, actor, identity, type, now))) return
      const ctx = { ...deps, database: { ...deps.database, db: tx }, actor, grants: grantsAt(facilityId) }
      await doEvent(ctx, tx, party, identity, event)
      await concludeDone(tx, actor, identity, now)
    })
    return {
      code: 'AA',
      refusal: null,
      header,
      text: acknowledge(header, { code: 'AA', refusal: null, id: uuidv7(now), now }),
    }
  } catch (error) {
    const refusal = refusalOf(error)
    const code = message === null || refusal.code === 'key_reused' ? 'AR' : 'AE'
    const told = {
      controlId: beginningOf(header?.controlId ?? '', 199) || null,
      type: beginningOf(header?.type ?? '', 100) || null,
    }
    await db.transaction((tx) =>
      keepRefusal(
        tx,
        actor,
        {
          ...{ facilityId, sender, sha256, ...told },
          shown: message
            ? shownOf(message, shownPseudonym(message, party))
            : `${bytes.length} bytes that are no message`,
          ...{ code: refusal.code, reason: refusal.message },
        },
        now,
      ),
    )
    deps.log.warn({ sender, controlId: told.controlId, code: refusal.code }, 'an HL7 message was refused')
    return { code, refusal, header, text: acknowledge(header, { code, refusal, id: uuidv7(now), now }) }
  }
}

/** So long is a sentence that says why not, at most: it may quote what was sent. */
const mostOfAReason = 500

/** What the message is refused for. What is no matter of its content is thrown on. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return new Refusal(error.code, beginningOf(error.message, mostOfAReason))
  if (failureClass(error) === 'data')
    return new Refusal('invalid_request', 'something in it cannot be stored')
  throw error
}

/** Whoever is named by the segment, for those who look at it; null where that cannot be told. */
function shownPseudonym(message: Hl7Message, party: Hl7Party): (name: 'PID' | 'MRG') => string | null {
  return (name) => {
    try {
      return pseudonymOf(party, patientNumber(message, party, name, name === 'PID' ? 3 : 1))
    } catch {
      return null
    }
  }
}

function readLocalIn(timeZone: string) {
  const instantOf = instantIn(timeZone)
  return (local: Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>) =>
    instantOf(Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second)).at
}

async function doEvent(
  ctx: Context,
  tx: Transaction,
  party: Hl7Party,
  { facilityId, sender }: Hl7Identity,
  event: Hl7Event,
): Promise<void> {
  const key = { facilityId, pseudonym: pseudonymOf(party, event.number) }
  switch (event.kind) {
    case 'patient':
      return ensurePatient(tx, ctx.actor, facilityId, key.pseudonym, ctx.now())
    case 'orders':
      await ensurePatient(tx, ctx.actor, facilityId, key.pseudonym, ctx.now())
      for (const order of event.orders)
        await doOrder(ctx, tx, key, orderId(facilityId, sender, order.placer), order)
      return
    case 'results':
      for (const result of event.results) await doResult(ctx, tx, key, party, result)
  }
}

async function doOrder(
  ctx: Context,
  tx: Transaction,
  key: PatientKey,
  id: string,
  order: Hl7Order,
): Promise<void> {
  if (order.control === 'new') {
    const { control: _, placer, ...input } = order
    if (await orderIfThere(tx, id, ctx.now()))
      throw new Refusal(
        'already_exists',
        `ORC-2: an order of the number ${placer} was placed already: call it off, and order anew by another number`,
      )
    return placeOrder(ctx, tx, key, { ...input, id })
  }
  const known = await orderIfThere(tx, id, ctx.now())
  if (known?.pseudonym !== key.pseudonym)
    throw new Refusal('not_found', `ORC-2: no order of the patient has the number ${order.placer}`)
  return sayOfReached(ctx, tx, id, 'cancel', order.reason)
}

/** Whoever answers for a result there is who made it, so that two of theirs are told from two of one. */
async function doResult(
  ctx: Context,
  tx: Transaction,
  key: PatientKey,
  { at }: Hl7Party,
  { sample, group, screenPositive, observer }: Hl7Result,
): Promise<void> {
  const id = await sampleLabelled(tx, key, sample)
  const by =
    observer === null ? ctx : { ...ctx, actor: { kind: 'integration', id: `hl7/${at}/${observer}` } as const }
  const path = { code: at, pseudonym: key.pseudonym }
  if (group) await groupSample(by, path, id, group)
  if (screenPositive !== null) await screenSample(by, path, id, { positive: screenPositive })
}
