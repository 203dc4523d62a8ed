import type { UnlockBody } from '../../schema/messages.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import {
  type BagFacts,
  isKeptFrom,
  keeperOf,
  type Patient,
  recipientOf,
  trusted,
  unknownPatient,
} from '../domain/bag.ts'
import { compatibilityOf } from '../domain/compatibility.ts'
import { inForce } from '../domain/effective.ts'
import { isRhdPositiveAllowed, type Seen } from '../domain/emergency.ts'
import { Refusal } from '../domain/refusal.ts'
import { isRuledOut } from '../domain/take-out.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { type Bag, factsOfAll } from '../stores/bags.ts'
import type { DeviceCommand } from '../stores/commands.ts'
import { fitsOf } from '../stores/crossmatches.ts'
import type { Transaction } from '../stores/database.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import { findPatient } from '../stores/patients.ts'
import { bagsInside, insertTakeOut, rulesInForce } from '../stores/take-outs.ts'
import { issueCommand } from './command-device.ts'
import { demandSomebody, reachDevice } from './demand.ts'
import { orderToFill } from './order-blood.ts'
import { uuidv7 } from './register-bag.ts'
import { signed } from './sign.ts'

/** A door session lasts this long, ms. */
const sessionMs = 5 * 60_000

export type OpenInput = {
  readonly device: string
  /** The pseudonym; null in an emergency without one. */
  readonly patient: string | null
  readonly emergency: boolean
  readonly reason: string | null
  /** The order that is filled; left out where none was named. */
  readonly order?: string | null
  /** How the patient looks, for an emergency without a group. */
  readonly seen: Seen
}

export type Opened = {
  readonly id: string
  readonly expiresAt: number
  /** Another person must check before a scan is answered GO. */
  readonly checkNeeded: boolean
  /** The command that opens the door. */
  readonly unlock: DeviceCommand
  /** What may be taken, the best first: by fit, then what expires first. */
  readonly bags: readonly Suggestion[]
}

export type Suggestion = {
  readonly bag: Bag
  /** A physician must give their word for it. */
  readonly needsOverride: boolean
}

/**
 * Say whom bags are taken out for: which of those inside may be, the best first. The door is told to open; a scan does not
 * wait for it, for the door has a key too.
 *
 * @throws Refusal `invalid_request`, `not_found`, `forbidden`, `person_required`, `conflict` where the order may not be filled
 */
export async function openTakeOut(ctx: Context, input: OpenInput): Promise<Opened> {
  const { order = null } = input
  const now = ctx.now()
  if (input.patient === null && !input.emergency)
    throw new Refusal('invalid_request', 'patient: say for whom, or that it is an emergency')
  if (input.emergency && input.reason === null)
    throw new Refusal('invalid_request', 'reason: an emergency needs one')
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'bag.take_out')
    demandSomebody(ctx, 'a door is opened')
    if (device.revokedAt !== null)
      throw new Refusal('device_revoked', `device ${input.device} is revoked: nothing is taken out of it`)
    const { facilityId } = inForce(device.placements, now)
    const known = await patientOf(tx, facilityId, input.patient)
    const patient = known && trusted(known, input.emergency, now)
    if (order !== null)
      await orderToFill(ctx, tx, order, {
        ...{ facilityId, patient: input.patient, isEmergency: input.emergency },
      })
    const { secondChecker, telephone, crossmatch } = await rulesInForce(tx, facilityId)
    const rule = emergencyRules[await jurisdictionOf(tx, facilityId)]
    const rhdPositiveAllowed = input.emergency && isRhdPositiveAllowed(rule, known, input.seen)
    const checkNeeded = secondChecker && !input.emergency
    const id = uuidv7(now)
    const expiresAt = now + sessionMs
    const body: UnlockBody = { session: id }
    const unlock = await issueCommand(tx, ctx.actor, device, { kind: 'unlock', body }, now)
    const opened = {
      id,
      deviceId: device.id,
      facilityId,
      pseudonym: input.patient,
      emergency: input.emergency,
      reason: input.reason,
      openedAt: now,
      expiresAt,
      unlockId: unlock.id,
      checkNeeded,
      telephone,
      rhdPositiveAllowed,
      crossmatchNeeded: crossmatch && !input.emergency,
      orderId: order,
    }
    const write = (actor: Actor) => insertTakeOut(tx, actor, opened)
    if (input.emergency) await signed(ctx, tx, { act: 'emergency_release', facilityId }, write)
    else await write(ctx.actor)
    const place = { deviceId: device.id, facilityId }
    return {
      id,
      expiresAt,
      checkNeeded,
      unlock,
      bags: await suggestions(tx, place, { patient, rhdPositiveAllowed }, now),
    }
  })
}

/** At most so many are suggested. */
const mostSuggestions = 20

async function suggestions(
  tx: Transaction,
  place: { readonly deviceId: number; readonly facilityId: number },
  { patient, rhdPositiveAllowed }: { readonly patient: Patient | null; readonly rhdPositiveAllowed: boolean },
  now: number,
): Promise<Suggestion[]> {
  const ranked: (Suggestion & { readonly rank: number })[] = []
  const inside = await bagsInside(tx, place)
  const known = await factsOfAll(tx, inside)
  const fits =
    patient?.record &&
    (await fitsOf(
      tx,
      { facilityId: place.facilityId, pseudonym: patient.pseudonym },
      inside.map(({ id }) => id),
      now,
    ))
  for (const [index, bag] of inside.entries()) {
    const facts = known[index] as BagFacts
    if (!facts.group || !facts.isForAnybody || facts.holds.length > 0 || bag.expiresAt <= now) continue
    if (isKeptFrom(facts, patient?.pseudonym, now)) continue
    const { verdict, needs, rank } = compatibilityOf(
      bag.component,
      facts.group,
      recipientOf(patient ?? unknownPatient),
    )
    const needsOverride = needs.includes('rhd_override') && !rhdPositiveAllowed
    if (verdict === 'incompatible' || (needs.includes('low_titre') && !bag.lowTitre)) continue
    if (needs.includes('rhd_override') && patient?.antiD) continue
    if (patient && fits && isRuledOut(facts, patient, fits(bag.id), now)) continue
    ranked.push({ bag, needsOverride, rank: keeperOf(facts, now) ? -1 : rank })
  }
  return ranked
    .sort(
      (a, b) =>
        Number(a.needsOverride) - Number(b.needsOverride) ||
        a.rank - b.rank ||
        a.bag.expiresAt - b.bag.expiresAt,
    )
    .slice(0, mostSuggestions)
    .map(({ bag, needsOverride }) => ({ bag, needsOverride }))
}

function patientOf(tx: Transaction, facilityId: number, pseudonym: string | null): Promise<Patient | null> {
  return pseudonym === null ? Promise.resolve(null) : findPatient(tx, facilityId, pseudonym)
}
