import type { Context } from '../context.ts'
import { groupedBy } from '../domain/grouped-by.ts'
import { Refusal } from '../domain/refusal.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { cellsOf, everything } from '../domain/transfer/cells.ts'
import { offerOf } from '../domain/transfer/filters.ts'
import { type TransferBag, weightOf } from '../domain/transfer/problem.ts'
import { sameAt } from '../domain/transfer/rotation-lines.ts'
import { hourAt } from '../domain/transfer/travel.ts'
import { rotationTimes } from '../policies/rotation.ts'
import { cnTransfer, cnTransferRejections, transferPromiseMs } from '../policies/transfer.ts'
import { lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { findRotationProposal } from '../stores/rotations.ts'
import { allSites, bagsToTransfer, levelsOf, type Site, type StockBag } from '../stores/transfer-facts.ts'
import { centreIds, type KnownTransfer, lockTransfers } from '../stores/transfers.ts'
import { mostNamed, promiseBags, promisedUntil } from './accept-transfers.ts'
import { demandSomebody } from './demand.ts'
import type { RotationAnswer } from './propose-rotation.ts'
import { bagOf, levelsWith, type Ways } from './read-transfer-facts.ts'

type Journey = RotationAnswer['journeys'][number]
type Named = { readonly from: string; readonly to: string }

/**
 * Promise the bags of a rotation to where it sends them: of the journeys that are named, or of all, every bag until an
 * instant, or none. Once locked each is looked at again by the filters, and so is what its site keeps: where anything has
 * changed for the worse nothing is promised, and it is told what. A centre says so, for it is about two others.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `invalid_request`, `conflict`
 */
export async function acceptRotation(
  ctx: Context,
  id: string,
  {
    journeys: named,
    until: wished,
    comment = null,
  }: {
    readonly journeys?: readonly Named[] | undefined
    readonly until?: number | undefined
    readonly comment?: string | null | undefined
  },
): Promise<KnownTransfer[]> {
  const { db } = ctx.database
  if (!isWithin(reachOf(ctx.grants, 'transfer.plan'), await centreIds(db)))
    throw new Refusal('forbidden', 'a rotation is accepted by a blood centre')
  const proposal = await findRotationProposal(db, id)
  demandSomebody(ctx, 'a rotation is accepted')
  const journeys = chosen((proposal.answer as RotationAnswer).journeys, named)
  if (proposal.at + rotationTimes.acceptedWithinMs <= ctx.now())
    throw new Refusal('conflict', `the rotation of ${proposal.day} is over: look at the newest`)
  const sites = await allSites(db, ctx.now())
  const ways = await waysOf(ctx, journeys, sites)
  return db.transaction(async (tx) => {
    await lockTransfers(tx)
    const now = ctx.now()
    const until = promisedUntil(wished, now + transferPromiseMs, now)
    const ids = journeys.flatMap(({ moves }) => moves.map(({ bagId }) => bagId))
    await lockBags(tx, ids)
    const found = await bagsToTransfer(tx, { ids }, now)
    const changed = await changesOf(tx, { journeys, found, sites, ways, now })
    if (changed.length > 0)
      throw new Refusal('conflict', `choose others: ${changed.slice(0, mostNamed).join('; ')}`)
    const places = new Map(sites.map((site) => [site.code, site.id]))
    const amounts = new Map(found.map(({ bag }) => [bag.id, bag.amount]))
    return promiseBags(ctx, tx, {
      ...{ source: { rotationId: id }, until, comment, found },
      journeys: journeys.map(({ from, to, moves }) => ({
        ...{ fromId: places.get(from) as number, toId: places.get(to) as number, needsApproval: false },
        bags: moves.map(({ bagId, amount }) => ({
          ...{ bagId, amount: amounts.get(bagId) ?? amount, requestId: null, line: null },
        })),
      })),
    })
  })
}

/** Those that are named, or all. */
function chosen(journeys: readonly Journey[], named: readonly Named[] | undefined): readonly Journey[] {
  const some = named
    ? journeys.filter(({ from, to }) => named.some((one) => one.from === from && one.to === to))
    : journeys
  const unknown = named?.find(({ from, to }) => !some.some((one) => one.from === from && one.to === to))
  if (unknown)
    throw new Refusal('invalid_request', `journeys: none is proposed from ${unknown.from} to ${unknown.to}`)
  if (some.length === 0) throw new Refusal('conflict', 'nothing is proposed: nothing is to be accepted')
  return some
}

/** Asked before anything is locked: whoever is asked may take seconds. */
async function waysOf(
  { travel, now }: Context,
  journeys: readonly Journey[],
  sites: readonly Site[],
): Promise<Ways> {
  const places = sites.map(({ code, position }) => ({ id: code, position }))
  const goals = sites.filter(({ code }) => journeys.some(({ to }) => to === code))
  const told = await Promise.all(
    goals.map(async ({ code, position, timeZone }) => {
      const times = await travel.minutesTo(places, { id: code, position }, hourAt(timeZone, now()))
      return [code, new Map(places.map(({ id }, place) => [id, times[place]?.minutes ?? null]))] as const
    }),
  )
  return new Map(told)
}

/** Which bag changed how, and whose stock. */
async function changesOf(
  tx: Transaction,
  {
    journeys,
    found,
    sites,
    ways,
    now,
  }: {
    readonly journeys: readonly Journey[]
    readonly found: readonly StockBag[]
    readonly sites: readonly Site[]
    readonly ways: Ways
    readonly now: number
  },
): Promise<string[]> {
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const kinds = [...new Set(found.map(({ bag }) => bag.component))]
  const holders = [...new Set(found.flatMap(({ bag }) => bag.holderId ?? []))]
  const there = await bagsToTransfer(tx, { components: kinds, holders }, now)
  const levels = await levelsOf(tx, { components: kinds })
  const stock = there.map((one) => bagOf(one, codes, now))
  const inStock = new Map(stock.map((bag) => [bag.id, bag]))
  const problem = {
    ...{ at: now, stock, levels: levelsWith(levels, [], codes), policy: cnTransfer },
    ...{ sites: sites.map(({ code }) => ({ id: code, boxes: null })), minutesTo: new Map(), demands: [] },
  }
  const cells = cellsOf(problem, everything(problem))
  const changed: string[] = []
  const sent: TransferBag[] = []
  for (const { from, to, moves } of journeys)
    for (const { bagId } of moves) {
      const bag = inStock.get(bagId)
      const told = (why: string) => changed.push(`bag ${bagId}: ${why}`)
      if (!bag) told('it is in stock no more')
      else if (bag.site !== from) told(`it is at ${bag.site} now`)
      else {
        const way = { minutes: ways.get(to)?.get(from) ?? null, boxes: null }
        const offer = offerOf(bag, sameAt(to, bag), way, now, cnTransfer)
        if (typeof offer === 'string') told(cnTransferRejections[offer].en)
        else sent.push(bag)
      }
    }
  for (const [cell, given] of groupedBy(sent, cells.of)) {
    const drawn = given.reduce((sum, bag) => sum + (weightOf(bag, cnTransfer) ?? 0), 0)
    const [{ site, component, group }] = given as [TransferBag]
    if (drawn > (cell?.free ?? 0))
      changed.push(`${site} keeps ${component} ${group?.abo} RhD ${group?.rhd} for itself: it has less now`)
  }
  return changed
}
