import { randomBytes } from 'node:crypto'
import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { expiryOf } from '../domain/isbt128/date.ts'
import { Refusal } from '../domain/refusal.ts'
import { expiryToRegister, groupToRegister } from '../domain/registered-label.ts'
import { reachOf } from '../domain/rights.ts'
import { knownProducts } from '../policies/products.ts'
import { appendEvent, type Bag, insertBag, insertHold } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { isCollectedHere, lockIdentifier } from '../stores/donations.ts'
import { facilityById, findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from './demand.ts'
import { readUnit } from './read-unit.ts'

export type RegisterBagInput = {
  /** As typed with its check character, or as scanned, in any mode of the scanner. */
  readonly din: string
  /** Not needed where what was scanned as `din` brings it along. */
  readonly productCode?: string | undefined
  readonly component: Component
  /** Exclusive, ms UTC; not needed where it was scanned. */
  readonly expiresAt?: number | undefined
  /** As labelled, where it was not scanned; absent is not known. */
  readonly group?: BloodGroup | undefined
  /** The code of who registers and holds it; not needed of whoever may register for one facility only. */
  readonly facility?: string | undefined
}

/**
 * Register a bag by its label. What was scanned of group and expiry is what it says; who types something else is asked to
 * look again. A label that says it is for one person, or for nobody, and a product nobody knows are registered and held.
 *
 * @throws Refusal `invalid_din`, `invalid_request`, `not_found`, `forbidden`, `already_exists`, `conflict`,
 * `invalid_barcode`
 */
export async function registerBag(ctx: Context, input: RegisterBagInput): Promise<Bag> {
  const now = ctx.now()
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
    const bag = await insertBag(tx, {
      id: uuidv7(now),
      scheme,
      identifier,
      ...product,
      component: input.component,
      expiresAt: expiryToRegister(
        label.expires && expiryOf(label.expires, timeZone),
        input.expiresAt ?? null,
      ),
      registeredAt: now,
      abo: group?.abo ?? null,
      rhd: group?.rhd ?? null,
      version: 1,
      originId: facilityId,
      holderId: facilityId,
    })
    const event = { verb: 'register', from: null, to: bag.state, data: {} } as const
    await appendEvent(tx, ctx.actor, bag, event, now)
    const reasons = [why, whyUnknown(product.productCode)].filter((reason) => reason !== null)
    for (const reason of reasons) await insertHold(tx, ctx.actor, bag, { kind: 'other', reason }, now)
    return bag
  })
}

/** Nobody guesses what an unknown code is: its bag is there, and waits for somebody to look. */
function whyUnknown(productCode: string): string | null {
  return knownProducts.has(productCode) ? null : `nobody has said what product ${productCode} is`
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
