import type { Context } from '../context.ts'
import { decide } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, type Right, reachOf } from '../domain/rights.ts'
import { isOpen, unfitness } from '../domain/transfer/promise.ts'
import { applyEvents, type Bag, factsOfAll, findBag, lockBags } from '../stores/bags.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { facilityCodes } from '../stores/facilities.ts'
import { bagsToTransfer, type StockBag } from '../stores/transfer-facts.ts'
import {
  centreIds,
  endPromises,
  findTransfer,
  insertTransferEvent,
  isApproved,
  type KnownTransfer,
  liveTransferOf,
  lockTransfers,
  noTransfer,
  type Promised,
  promisesOf,
} from '../stores/transfers.ts'
import { demandRight, demandSomebody } from './demand.ts'
import { unpackWithBag } from './pack-box.ts'

/** A bag of a transfer with what it is, and what speaks against it now; null where nothing does, or it has arrived. */
export type ToldBag = Promised & { readonly bag: Bag; readonly unfit: ReturnType<typeof unfitness> }
export type ToldTransfer = Omit<KnownTransfer, 'bags'> & {
  readonly from: string
  readonly to: string
  readonly bags: readonly ToldBag[]
}

/** With all that is told of them. */
export async function tellTransfers(
  ctx: Context,
  transfers: readonly KnownTransfer[],
): Promise<ToldTransfer[]> {
  const { db } = ctx.database
  const now = ctx.now()
  const ids = [...new Set(transfers.flatMap(({ bags }) => bags.map(({ bagId }) => bagId)))]
  const found = new Map((await bagsToTransfer(db, { ids }, now)).map((one) => [one.bag.id, one]))
  const codes = await facilityCodes(
    db,
    transfers.flatMap(({ fromId, toId }) => [fromId, toId]),
  )
  return transfers.map(({ bags, ...transfer }) => ({
    ...transfer,
    from: codes.get(transfer.fromId) ?? '',
    to: codes.get(transfer.toId) ?? '',
    bags: bags.flatMap((promised) => {
      const one = found.get(promised.bagId)
      if (!one) return []
      const { bag, facts, keeping } = one satisfies StockBag
      return [{ ...promised, bag, unfit: isOpen(promised.state) ? unfitness(facts, keeping, now) : null }]
    }),
  }))
}

/** The transfer, if the caller holds the right at either end or at a centre. @throws Refusal `not_found`, `forbidden` */
export async function reachTransfer(
  ctx: Context,
  db: Database | Transaction,
  id: string,
  right: Right,
): Promise<KnownTransfer> {
  const transfer = await findTransfer(db, id, ctx.now())
  const parties = [transfer.fromId, transfer.toId, ...(await centreIds(db))]
  demandRight(ctx, right, parties, noTransfer(id))
  return transfer
}

/**
 * Let a transfer draw on what the donor keeps for itself: said there, and by nobody else.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict`
 */
export function approveTransfer(ctx: Context, id: string, comment: string | null): Promise<KnownTransfer> {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    await lockTransfers(tx)
    const transfer = await reachTransfer(ctx, tx, id, 'transfer.read')
    if (!isWithin(reachOf(ctx.grants, 'transfer.approve'), [transfer.fromId]))
      throw new Refusal('forbidden', 'a transfer is approved where it comes from')
    demandSomebody(ctx, 'a transfer is approved')
    if (!transfer.needsApproval)
      throw new Refusal('conflict', `transfer ${id} draws on no reserve: it needs no approval`)
    if (!transfer.bags.some(({ state }) => state === 'promised'))
      throw new Refusal('conflict', `no bag of transfer ${id} is to leave any more`)
    const said = { verb: 'approve', reason: comment, at: now } as const
    await insertTransferEvent(tx, ctx.actor, transfer, said, await centreIds(tx))
    return findTransfer(tx, id, now)
  })
}

/**
 * Call off what has not left: those bags are free again. Who gives and who is given to may, and a centre.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where nothing is left to be called off
 */
export function cancelTransfer(ctx: Context, id: string, reason: string): Promise<KnownTransfer> {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    await lockTransfers(tx)
    const transfer = await reachTransfer(ctx, tx, id, 'transfer.plan')
    const freed = await freePromises(ctx, tx, transfer.bags, reason)
    if (freed === 0) throw new Refusal('conflict', `all that was not yet over of transfer ${id} has left`)
    const said = { verb: 'cancel', reason, at: now } as const
    await insertTransferEvent(tx, ctx.actor, transfer, said, await centreIds(tx))
    return findTransfer(tx, id, now)
  })
}

/** Free what was promised and has not left. @returns how many bags that were */
export async function freePromises(
  ctx: Context,
  tx: Transaction,
  promised: readonly Promised[],
  reason: string,
): Promise<number> {
  const now = ctx.now()
  const stays = ({ state }: Promised) => state === 'promised' || state === 'dispatched'
  const wanted = promised.filter(stays)
  if (wanted.length === 0) return 0
  const bagIds = await lockBags(
    tx,
    wanted.map(({ bagId }) => bagId),
  )
  const transferIds = [...new Set(wanted.map(({ transferId }) => transferId))]
  const told = (await promisesOf(tx, { transferIds }, now)).filter(
    (one) =>
      stays(one) &&
      wanted.some(({ bagId, transferId }) => bagId === one.bagId && transferId === one.transferId),
  )
  const rows: Bag[] = []
  for (const id of bagIds) rows.push(await findBag(tx, id))
  const facts = await factsOfAll(tx, rows)
  const changes = []
  for (const [index, bag] of rows.entries()) {
    const one = told.find(({ bagId }) => bagId === bag.id)
    const known = facts[index]
    if (!one || !known) continue
    // What is packed for its way comes out of its box first.
    if (one.state === 'dispatched') await unpackWithBag(ctx, tx, bag, null)
    const verb = one.state === 'dispatched' ? 'recall_shipment' : 'unreserve'
    changes.push({ before: bag, event: decide(known, { verb, reason, transfer: one.transferId }, now) })
  }
  await applyEvents(tx, ctx.actor, changes, now)
  await endPromises(
    tx,
    changes.map(({ before }) => before.id),
    now,
  )
  return changes.length
}

/**
 * A bag that is promised to a transfer leaves for where that goes, once who gives it has approved where they must; that it is
 * reserved says the rest.
 *
 * @throws Refusal `conflict`
 */
export async function mustBeApproved(ctx: Context, tx: Transaction, bag: Bag, toId: number): Promise<void> {
  const now = ctx.now()
  if (bag.reservedToId !== toId || (bag.reservedUntil ?? 0) <= now) return
  const transfer = await liveTransferOf(tx, bag.id, now)
  if (transfer && !isApproved(transfer))
    throw new Refusal(
      'conflict',
      `transfer ${transfer.id} draws on the reserve: somebody here must approve it first`,
    )
}
