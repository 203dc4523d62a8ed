import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf, sightOf } from '../domain/rights.ts'
import { type Bag, findBag, lockBags, noBag } from '../stores/bags.ts'
import {
  boxOf,
  findPacking,
  insertPacking,
  insertSealCheck,
  lockPacking,
  noBox,
  type Packing,
  packBags,
  packedBox,
  settlePacking,
  unpackBags,
} from '../stores/boxes.ts'
import type { Transaction } from '../stores/database.ts'
import { findDevice, noDevice } from '../stores/devices.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight, demandSomebody } from './demand.ts'
import { uuidv7 } from './register-bag.ts'

export type NewBox = {
  readonly box: string
  readonly facility: string
  readonly to: string
  readonly device: string | null
  readonly seal: string | null
  readonly centi: number | null
  readonly logger: string | null
  readonly bags: readonly string[]
}

/**
 * Pack a box for one journey. A box that is a device stands where it is packed; its bags are those of who packs it.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where a box of that name is packed, or a bag is in another
 */
export async function packBox(ctx: Context, input: NewBox): Promise<string> {
  const now = ctx.now()
  const id = uuidv7(now)
  await ctx.database.db.transaction(async (tx) => {
    const from = await findFacility(tx, input.facility)
    demandRight(ctx, 'bag.distribute', [from.id], noFacility(input.facility))
    const to = await findFacility(tx, input.to)
    let deviceId: number | null = null
    if (input.device !== null) {
      const device = await findDevice(tx, input.device)
      demandRight(ctx, 'device.read', [inForce(device.placements, now).facilityId], noDevice(input.device))
      deviceId = device.id
    }
    await lockBags(tx, input.bags)
    await demandHeld(ctx, tx, input.bags, from.id)
    const { box, seal, centi, logger } = input
    const about = { box, seal, centi, logger, deviceId, facilityId: from.id, destinationId: to.id }
    const packing = await insertPacking(tx, ctx.actor, { id, ...about, packedAt: now, packedBy: ctx.actor })
    await packBags(tx, ctx.actor, packing, input.bags, now)
  })
  return id
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` where a bag is in another box, or this one is empty again */
export async function fillBox(
  ctx: Context,
  { boxId, bags }: { readonly boxId: string; readonly bags: readonly string[] },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    // Bags before boxes, as everywhere.
    await lockBags(tx, bags)
    const packing = await lockPacking(tx, boxId)
    demandRight(ctx, 'bag.distribute', [packing.facilityId], noBox(boxId))
    if (packing.emptiedAt !== null)
      throw new Refusal('conflict', `box ${packing.box} was emptied: pack it anew`)
    await demandHeld(ctx, tx, bags, packing.facilityId)
    await packBags(tx, ctx.actor, packing, bags, ctx.now())
  })
}

/** At either end. @throws Refusal `not_found`, `forbidden` */
export async function emptyBox(
  ctx: Context,
  { boxId, bags }: { readonly boxId: string; readonly bags: readonly string[] },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await lockBags(tx, bags)
    const packing = await lockPacking(tx, boxId)
    demandEither(ctx, packing)
    await unpackBags(tx, ctx.actor, packing, bags, ctx.now())
  })
}

/** Read the seal of a box. One that is another is written down, and somebody must look into it. @throws Refusal `not_found`, `forbidden` */
export async function checkSeal(
  ctx: Context,
  { boxId, seal }: { readonly boxId: string; readonly seal: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const packing = await findPacking(tx, boxId)
    demandEither(ctx, packing)
    await insertSealCheck(tx, ctx.actor, packing, seal, ctx.now())
  })
}

/** Say what came of a seal that was another. @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict` */
export async function settleSeal(
  ctx: Context,
  { boxId, conclusion }: { readonly boxId: string; readonly conclusion: string },
): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const packing = await lockPacking(tx, boxId)
    demandEither(ctx, packing)
    demandSomebody(ctx, 'a seal is looked into')
    await settlePacking(tx, ctx.actor, packing, conclusion, ctx.now())
  })
}

/** A bag that is sent in a box that is packed there is in it; one that nobody packed is a name, as it was said. */
export async function packWithBag(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  { box, to }: { readonly box: string | null; readonly to: number },
): Promise<void> {
  if (box === null || bag.holderId === null) return
  const packing = await packedBox(tx, bag.holderId, box)
  if (!packing) return
  if (packing.destinationId !== to) throw new Refusal('conflict', `box ${box} is packed for another facility`)
  await packBags(tx, ctx.actor, packing, [bag.id], ctx.now())
}

/** A bag that is received or refused is out of its box, whose seal was read; null where it was in none. */
export async function unpackWithBag(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  seal: string | null,
): Promise<{ readonly packing: string; readonly sealMatches: boolean | null } | null> {
  const packing = await boxOf(tx, bag.id)
  if (!packing) return null
  const sealMatches = seal === null ? null : await insertSealCheck(tx, ctx.actor, packing, seal, ctx.now())
  await unpackBags(tx, ctx.actor, packing, [bag.id], ctx.now())
  return { packing: packing.id, sealMatches }
}

/** Whoever sends it, or awaits it. */
function demandEither({ grants }: Context, { id, facilityId, destinationId }: Packing): void {
  if (!isWithin(sightOf(grants), [facilityId, destinationId])) throw new Refusal('not_found', noBox(id))
  const isSender = isWithin(reachOf(grants, 'bag.distribute'), [facilityId])
  if (!isSender && !isWithin(reachOf(grants, 'bag.receive'), [destinationId]))
    throw new Refusal('forbidden', 'none of your roles there allows bag.receive')
}

async function demandHeld(
  { grants }: Context,
  tx: Transaction,
  bagIds: readonly string[],
  facilityId: number,
): Promise<void> {
  for (const id of bagIds) {
    const bag = await findBag(tx, id)
    const { holderId, originId, destinationId } = bag
    if (!isWithin(sightOf(grants), [holderId, originId, destinationId]))
      throw new Refusal('not_found', noBag(id))
    if (holderId !== facilityId) throw new Refusal('conflict', `a bag is not held where the box is packed`)
  }
}
