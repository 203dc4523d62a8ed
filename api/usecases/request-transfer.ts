import type {
  Abo,
  OrderedComponent,
  Requirement,
  Rhd,
  Sex,
  TransferPack,
  UnitOfMeasure,
  Urgency,
} from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { isRhdPositiveAllowed } from '../domain/emergency.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import { mustBeMeant } from '../domain/transfer/request.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { cnTransfer, cnTransferPacks } from '../policies/transfer.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { findDevice, noDevice } from '../stores/devices.ts'
import { type Facility, facilitiesBy, findFacility, noFacility } from '../stores/facilities.ts'
import {
  findRequest,
  insertCancellation,
  insertRequest,
  type KnownRequest,
  noRequest,
  type RequestLine,
} from '../stores/transfer-requests.ts'
import { centreIds, lockTransfers } from '../stores/transfers.ts'
import { demandRight } from './demand.ts'
import { freePromises } from './handle-transfer.ts'
import { uuidv7 } from './register-bag.ts'

export type TransferRequestInput = {
  readonly urgency: Urgency
  readonly deadline: number
  /** One of the two. */
  readonly lines?:
    | readonly {
        readonly component: OrderedComponent
        readonly amount: number
        readonly uom: UnitOfMeasure
      }[]
    | undefined
  readonly pack?: TransferPack | undefined
  readonly patient: {
    readonly abo: Abo | null
    readonly rhd: Rhd | null
    readonly antiD: boolean
    readonly sex: Sex | null
    readonly ageYears: number | null
    /** Whose word it is that RhD-positive cells may be given. */
    readonly rhdPositiveAllowed?: boolean | undefined
    readonly physician?: string | undefined
    readonly requires: readonly Requirement[]
  }
  readonly prealert?: { readonly eta: number; readonly device?: string | undefined } | undefined
}

/**
 * Ask for blood a facility has not got.
 *
 * @throws Refusal `not_found`, `forbidden`, `invalid_request` where it is wanted before now, or more than anybody needs, or in
 * a unit it is not counted in
 */
export function requestTransfer(
  ctx: Context,
  code: string,
  { urgency, deadline, lines: told, pack, patient, prealert }: TransferRequestInput,
): Promise<KnownRequest> {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    const place = await findFacility(tx, code)
    demandRight(ctx, 'transfer.request', [place.id], noFacility(code))
    if (deadline <= now) throw invalid(`deadline: is not after ${new Date(now).toISOString()}`)
    const lines = told ?? (pack ? cnTransferPacks[pack].lines : [])
    mustBeRight(lines)
    const { rhdPositiveAllowed, physician, ...facts } = patient
    const id = uuidv7(now)
    const row = {
      ...{ id, facilityId: place.id, urgency, deadline, pack: pack ?? null, ...facts },
      ...wordOn(patient, urgency, place),
      eta: prealert?.eta ?? null,
      deviceId: prealert?.device === undefined ? null : await ambulance(ctx, tx, prealert.device, place.id),
      at: now,
    }
    await insertRequest(tx, ctx.actor, { ...row, lines }, await centreIds(tx))
    return findRequest(tx, id, now)
  })
}

function mustBeRight(lines: readonly RequestLine[]): void {
  const seen = new Set<string>()
  for (const [index, { component, amount, uom }] of lines.entries()) {
    if (seen.has(component)) throw invalid(`lines.${index}: ${component} is asked for twice`)
    seen.add(component)
    mustBeMeant(`lines.${index}`, { component, amount: Math.round(amount * 100), uom }, cnTransfer)
  }
}

/** May RhD-positive cells be given: by a physician's word, else by the rule for emergencies there. */
function wordOn(
  { abo, rhd, antiD, sex, ageYears, rhdPositiveAllowed, physician }: TransferRequestInput['patient'],
  urgency: Urgency,
  { jurisdiction }: Facility,
): { readonly rhdPositiveAllowed: boolean; readonly physician: string | null } {
  if (rhdPositiveAllowed === undefined) {
    const known = { group: { abo, rhd }, antiD }
    const byRule =
      urgency === 'emergency' && isRhdPositiveAllowed(emergencyRules[jurisdiction], known, { sex, ageYears })
    return { rhdPositiveAllowed: byRule, physician: null }
  }
  if (rhdPositiveAllowed && antiD)
    throw invalid('patient.rhdPositiveAllowed: never where the patient has anti-D')
  if (rhdPositiveAllowed && physician === undefined)
    throw invalid('patient.physician: say who gives their word that RhD-positive cells may be given')
  return { rhdPositiveAllowed, physician: physician ?? null }
}

/** A device that is carried in an ambulance, or stands where it is asked from: of no other is anything told. */
async function ambulance(ctx: Context, tx: Transaction, name: string, facilityId: number): Promise<number> {
  const { id, placements } = await findDevice(tx, name)
  const stands = inForce(placements, ctx.now()).facilityId
  const [where] = await facilitiesBy(tx, { codes: [], ids: [stands] })
  if (stands !== facilityId && where?.kind !== 'ambulance') throw new Refusal('not_found', noDevice(name))
  return id
}

/** The request, if the caller holds the right where it comes from, or at a centre. @throws Refusal `not_found`, `forbidden` */
export async function reachRequest(
  ctx: Context,
  db: Database | Transaction,
  id: string,
  right: Right,
): Promise<KnownRequest> {
  const request = await findRequest(db, id, ctx.now())
  demandRight(ctx, right, [request.facilityId, ...(await centreIds(db))], noRequest(id))
  return request
}

/**
 * It is not wanted any more: what was promised to it and has not left is free again.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict`
 */
export function cancelTransferRequest(ctx: Context, id: string, reason: string): Promise<KnownRequest> {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    await lockTransfers(tx)
    const request = await reachRequest(ctx, tx, id, 'transfer.request')
    if (request.state === 'received') throw new Refusal('conflict', `request ${id} was met already`)
    await insertCancellation(tx, ctx.actor, request, { reason, at: now }, await centreIds(tx))
    await freePromises(
      ctx,
      tx,
      request.lines.flatMap(({ bags }) => bags),
      reason,
    )
    return findRequest(tx, id, now)
  })
}

function invalid(why: string): Refusal {
  return new Refusal('invalid_request', why)
}
