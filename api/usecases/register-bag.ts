import { randomBytes } from 'node:crypto'
import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { BloodGroup } from '../domain/compatibility.ts'
import { parseDin } from '../domain/isbt128/label.ts'
import { parseProductCode } from '../domain/isbt128/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { reachOf } from '../domain/rights.ts'
import { appendEvent, type Bag, insertBag } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { isCollectedHere, lockIdentifier } from '../stores/donations.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from './demand.ts'

export type RegisterBagInput = {
  /** As typed with its check character, or as scanned with `=` and flags. */
  readonly din: string
  readonly productCode: string
  readonly component: Component
  /** Exclusive, ms UTC. */
  readonly expiresAt: number
  /** As labelled; absent is not known. */
  readonly group?: BloodGroup | undefined
  /** The code of who registers and holds it; not needed of whoever may register for one facility only. */
  readonly facility?: string | undefined
}

/** @throws Refusal `invalid_din`, `invalid_request`, `not_found`, `forbidden`, `already_exists`, `conflict` */
export async function registerBag(ctx: Context, input: RegisterBagInput): Promise<Bag> {
  const now = ctx.now()
  const label = {
    id: uuidv7(now),
    scheme: 'ISBT128' as const,
    identifier: parseDin(input.din),
    ...parseProductCode(input.productCode),
    component: input.component,
    expiresAt: input.expiresAt,
    registeredAt: now,
    abo: input.group?.abo ?? null,
    rhd: input.group?.rhd ?? null,
    version: 1,
  }
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await registrar(ctx, tx, input.facility)
    await lockIdentifier(tx, label.identifier)
    if (await isCollectedHere(tx, label.identifier))
      throw new Refusal(
        'conflict',
        'its donation was collected here: make its bags of the one it gave, with process',
      )
    const bag = await insertBag(tx, { ...label, originId: facilityId, holderId: facilityId })
    const event = { verb: 'register', from: null, to: bag.state, data: {} } as const
    await appendEvent(tx, ctx.actor, bag, event, now)
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
