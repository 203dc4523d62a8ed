import { randomBytes } from 'node:crypto'
import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { expiryOf } from '../domain/isbt128/date.ts'
import { Refusal } from '../domain/refusal.ts'
import { expiryToRegister, groupToRegister } from '../domain/registered-label.ts'
import { reachOf } from '../domain/rights.ts'
import { appendEvent, type Bag, insertBag, insertHold } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { isCollectedHere, lockIdentifier } from '../stores/donations.ts'
import { facilityById, findFacility, noFacility } from '../stores/facilities.ts'
import { catalogued, holdUnknown } from './catalogued.ts'
import { demandRight } from './demand.ts'
import { readUnit } from './read-unit.ts'

export type RegisterBagInput = {
  /** As typed with its check character, or as scanned, in any mode of the scanner. */
  readonly din: string
  /** Not needed where what was scanned as `din` brings it along. */
  readonly productCode?: string | undefined
  /** What the product code says; needed where the catalogue does not know it. */
  readonly component?: Component | undefined
  /** As labelled, exclusive, ms UTC; not needed where it was scanned. */
  readonly expiresAt?: number | undefined
  /** ms UTC, not to come; where nobody says, no later than now. */
  readonly collectedAt?: number | undefined
  /** In the unit the catalogue counts it in; otherwise what is usual. */
  readonly amount?: number | undefined
  /** As labelled, where it was not scanned; absent is not known. */
  readonly group?: BloodGroup | undefined
  /** The code of who registers and holds it; not needed of whoever may register for one facility only. */
  readonly facility?: string | undefined
}

/**
 * A bag that comes with its label. What was scanned of group and expiry is what it says; who types something else is asked
 * to look again. What it is, and how long it keeps at the most, is told by the catalogue. A label that says it is for one
 * person, or for nobody, and a product the catalogue does not know are registered and held.
 *
 * @throws Refusal `invalid_din`, `invalid_request`, `not_found`, `forbidden`, `already_exists`, `conflict`,
 * `invalid_barcode`
 */
export async function registerBag(ctx: Context, input: RegisterBagInput): Promise<Bag> {
  const now = ctx.now()
  if (input.collectedAt !== undefined && input.collectedAt > now)
    throw new Refusal('invalid_request', 'collectedAt: is still to come')
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await registrar(ctx, tx, input.facility)
    const { scheme, identifier, product, label } = await readUnit(tx, input, now)
    const { timeZone } = await facilityById(tx, facilityId)
    const { group, why } = groupToRegister(label.group, input.group ?? null)
    await lockIdentifier(tx, identifier)
    if (await isCollectedHere(tx, identifier))
      throw new Refusal(
        'conflict',
        'its donation was collected here: make its bags of the one it gave, with process',
      )
    const scannedExpiry = label.expires && expiryOf(label.expires, timeZone)
    const expiresAt = expiryToRegister(scannedExpiry, input.expiresAt ?? null)
    const { component, collectedAt, amount } = input
    const told = { scheme, productCode: product.productCode, component, expiresAt, collectedAt, amount }
    const { is, isKnown } = await catalogued(tx, facilityId, told, now)
    const bag = await insertBag(tx, {
      ...{ id: uuidv7(now), scheme, identifier, ...product, ...is },
      ...{ registeredAt: now, version: 1, originId: facilityId, holderId: facilityId },
      ...{ abo: group?.abo ?? null, rhd: group?.rhd ?? null },
    })
    const data = is.expiresAt === expiresAt ? {} : { labelledUntil: expiresAt }
    await appendEvent(tx, ctx.actor, bag, { verb: 'register', from: null, to: bag.state, data }, now)
    if (why !== null) await insertHold(tx, ctx.actor, bag, { kind: 'other', reason: why }, now)
    if (!isKnown) await holdUnknown(tx, ctx.actor, bag, now)
    return bag
  })
}

async function registrar(ctx: Context, tx: Transaction, facility: string | undefined): Promise<number> {
  if (facility !== undefined) {
    const { id } = await findFacility(tx, facility)
    demandRight(ctx, 'bag.register', [id], noFacility(facility))
    return id
  }
  const reach = reachOf(ctx.grants, 'bag.register')
  const [only, ...others] = reach === 'all' ? [] : reach
  if (only === undefined || others.length > 0)
    throw new Refusal('invalid_request', 'facility: say which facility holds the bag')
  return only
}

/** RFC 9562 § 5.7: 48 bits of milliseconds, then random bits, so that ids sort by time of making. */
export function uuidv7(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
