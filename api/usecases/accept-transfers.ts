import type { TransferRejection } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { decide } from '../domain/bag.ts'
import { groupedBy } from '../domain/grouped-by.ts'
import { Refusal } from '../domain/refusal.ts'
import { fromReserve } from '../domain/transfer/explain.ts'
import type { TransferBag } from '../domain/transfer/problem.ts'
import { weightOf } from '../domain/transfer/problem.ts'
import { missingOf } from '../domain/transfer/promise.ts'
import { factsOf, movesNamed, offerFor } from '../domain/transfer/score.ts'
import { cnTransferRejections, transferPromiseMostMs, transferPromiseMs } from '../policies/transfer.ts'
import { applyEvents, lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { bagsToTransfer, type StockBag } from '../stores/transfer-facts.ts'
import { type KnownRequest, requestsBy } from '../stores/transfer-requests.ts'
import {
  centreIds,
  insertTransfers,
  type KnownTransfer,
  lockTransfers,
  type NewTransfer,
  transfersBy,
} from '../stores/transfers.ts'
import { demandSomebody } from './demand.ts'
import { type PlanAnswer, readPlan } from './plan-transfers.ts'
import { demandOf, readTransferFacts, type TransferFacts, waysTo } from './read-transfer-facts.ts'
import { uuidv7 } from './register-bag.ts'

type Move = PlanAnswer['moves'][number]

/**
 * Promise the bags of a plan to where it sends them: all of them until an instant, or none. Every bag is looked at again once
 * it is locked, by the rules it was planned by, and so is what each donor keeps: where anything has changed for the worse
 * nothing is promised, and it is told what.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `invalid_request`, `conflict`
 */
export async function acceptPlan(
  ctx: Context,
  id: string,
  {
    until: wished,
    comment = null,
  }: { readonly until?: number | undefined; readonly comment?: string | null | undefined },
): Promise<KnownTransfer[]> {
  const { answer } = await readPlan(ctx, id)
  demandSomebody(ctx, 'a transfer is accepted')
  const ways = await waysTo(ctx, await requestsBy(ctx.database.db, answer.requests, ctx.now()))
  return ctx.database.db.transaction(async (tx) => {
    const within = { ...ctx, database: { ...ctx.database, db: tx } }
    await lockTransfers(tx)
    const { moves } = answer
    if (moves.length === 0)
      throw new Refusal('conflict', 'this plan sends nothing: nothing is to be accepted')
    const now = ctx.now()
    const requests = await requestsBy(tx, answer.requests, now)
    const until = untilOf(wished, requests, now)
    await lockBags(
      tx,
      moves.map(({ bagId }) => bagId),
    )
    const found = await bagsToTransfer(tx, { ids: moves.map(({ bagId }) => bagId) }, now)
    const holders = [...new Set(found.flatMap(({ bag }) => bag.holderId ?? []))]
    const facts = await readTransferFacts(within, tx, requests, ways, { holders })
    const changed = [...changedRequests(answer, requests, now), ...changedBags(moves, found, facts, answer)]
    if (changed.length > 0)
      throw new Refusal('conflict', `plan again: ${changed.slice(0, mostNamed).join('; ')}`)
    return promise(ctx, tx, { planId: id, moves, until, comment, facts, found })
  })
}

/** So many changes are told at most. */
export const mostNamed = 50

function untilOf(wished: number | undefined, requests: readonly KnownRequest[], now: number): number {
  const last = Math.max(...requests.map(({ deadline }) => deadline))
  if (last <= now) throw new Refusal('conflict', 'plan again: the deadline of all it is for is over')
  return promisedUntil(wished, Math.min(now + transferPromiseMs, last), now)
}

/** @throws Refusal `invalid_request` where it is over, or too far off */
export function promisedUntil(wished: number | undefined, usual: number, now: number): number {
  if (wished === undefined) return usual
  if (wished <= now) throw new Refusal('invalid_request', 'until: is over already')
  if (wished > now + transferPromiseMostMs)
    throw new Refusal(
      'invalid_request',
      `until: bags are promised for ${transferPromiseMostMs / 3_600_000} hours at most`,
    )
  return wished
}

/** What is wanted no more, or not as much of it. */
function changedRequests(
  { lines, moves }: PlanAnswer,
  requests: readonly KnownRequest[],
  now: number,
): string[] {
  return lines.flatMap(({ request: id, line, asked }) => {
    if (!moves.some((move) => move.request === id && move.line === line)) return []
    const request = requests.find((one) => one.id === id)
    const wanted = request?.lines.find((one) => one.line === line)
    if (!request || !wanted || request.cancelled) return [`request ${id} was cancelled`]
    if (request.deadline <= now) return [`the deadline of request ${id} is over`]
    const missing = missingOf(wanted)
    return missing < asked
      ? [
          `request ${id}, line ${line}, lacks ${missing} ${wanted.uom} only, not ${asked}: the rest is promised to it`,
        ]
      : []
  })
}

/** Which bag changed how, and whose stock. */
function changedBags(
  moves: readonly Move[],
  found: readonly StockBag[],
  { problem, sites }: TransferFacts,
  { donors }: PlanAnswer,
): string[] {
  const known = factsOf(problem)
  const stock = new Map(problem.stock.map((bag) => [bag.id, bag]))
  const demands = new Map(problem.demands.map((demand) => [demand.id, demand]))
  const bags = new Map(found.map((one) => [one.bag.id, one.bag]))
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const changed: string[] = []
  const sent: TransferBag[] = []
  for (const { bagId, from, request, line } of moves) {
    const bag = bags.get(bagId)
    const stocked = stock.get(bagId)
    const demand = demands.get(demandOf(request, line))
    const told = (why: string) => changed.push(`bag ${bagId}: ${why}`)
    if (!bag) told('nobody knows it any more')
    else if (!stocked) told(bag.state === 'available' ? words('expired') : `it is ${bag.state} now`)
    else if (stocked.site !== from) told(`it is at ${codes.get(bag.holderId ?? -1) ?? 'no facility'} now`)
    else if (demand) {
      const offer = offerFor(problem, known, stocked, demand)
      if (typeof offer === 'string') told(words(offer))
      else sent.push(stocked)
    }
  }
  for (const [cell, given] of groupedBy(sent, (bag) => known.cells.of(bag))) {
    const { free, reserve } = cell ?? { free: 0, reserve: 0 }
    const drawn = given.reduce((sum, bag) => sum + (weightOf(bag, problem.policy) ?? 0), 0)
    const ordinary = given.reduce((sum, bag) => {
      const move = moves.find(({ bagId }) => bagId === bag.id)
      const urgency = move && demands.get(demandOf(move.request, move.line))?.urgency
      const mayDraw = urgency !== undefined && problem.policy.reserveFor.includes(urgency)
      return sum + (mayDraw ? 0 : (weightOf(bag, problem.policy) ?? 0))
    }, 0)
    const [first] = given
    const asPlanned = donors.some(
      (donor) =>
        donor.needsApproval &&
        donor.facility === first?.site &&
        donor.component === first.component &&
        donor.group?.abo === first.group?.abo &&
        donor.group?.rhd === first.group?.rhd &&
        donor.uom === first.uom,
    )
    const most = asPlanned ? free + reserve : free
    if (drawn > most || ordinary > free)
      changed.push(
        `${first?.site} keeps ${first?.component} ${first?.group?.abo} RhD ${first?.group?.rhd} for itself: it has less than ` +
          'when this was planned',
      )
  }
  return changed
}

function words(reason: TransferRejection): string {
  return cnTransferRejections[reason].en
}

/** The bags that go beyond what is free as things are: the donor may have less than when this was planned. */
function fromReserveNow(moves: readonly Move[], { problem }: TransferFacts): ReadonlySet<string> {
  const named = moves.map(({ bagId, request, line }) => ({ bag: bagId, demand: demandOf(request, line) }))
  const drawn = fromReserve(problem, factsOf(problem), movesNamed(problem, named).moves)
  return new Set([...drawn].map(({ id }) => id))
}

/** Of bags that are locked and were looked at. */
async function promise(
  ctx: Context,
  tx: Transaction,
  about: {
    readonly planId: string
    readonly moves: readonly Move[]
    readonly until: number
    readonly comment: string | null
    readonly facts: TransferFacts
    readonly found: readonly StockBag[]
  },
): Promise<KnownTransfer[]> {
  const { planId, moves, until, comment, facts, found } = about
  const ids = new Map(facts.sites.map(({ id, code }) => [code, id]))
  const ofReserve = fromReserveNow(moves, facts)
  const journeys = [...groupedBy(moves, ({ from, to }) => `${from} ${to}`).values()].map((together) => {
    const [{ from, to }] = together as [Move]
    const [fromId, toId] = [ids.get(from), ids.get(to)]
    if (fromId === undefined || toId === undefined) throw new Error(`plan ${planId} names no known facility`)
    return {
      ...{ fromId, toId },
      bags: together.map(({ bagId, request: requestId, line, amount }) => ({
        bagId,
        requestId,
        line,
        amount,
      })),
      needsApproval: together.some(
        ({ bagId, reasons }) =>
          ofReserve.has(bagId) || reasons.some(({ reason }) => reason === 'from_reserve'),
      ),
    }
  })
  return promiseBags(ctx, tx, { source: { planId }, journeys, until, comment, found })
}

type Journey = Pick<NewTransfer, 'fromId' | 'toId' | 'needsApproval'> & {
  readonly bags: readonly Omit<NewTransfer['bags'][number], 'version'>[]
}

/** Promise bags that are locked and were looked at to where they go: one transfer for each way. */
export async function promiseBags(
  ctx: Context,
  tx: Transaction,
  {
    source,
    journeys,
    until,
    comment,
    found,
  }: {
    readonly source: { readonly planId: string } | { readonly rotationId: string }
    readonly journeys: readonly Journey[]
    readonly until: number
    readonly comment: string | null
    readonly found: readonly StockBag[]
  },
): Promise<KnownTransfer[]> {
  const now = ctx.now()
  const known = new Map(found.map((one) => [one.bag.id, one]))
  const changes = []
  const transfers: NewTransfer[] = []
  for (const { bags: promised, ...journey } of journeys) {
    const id = uuidv7(now)
    const bags = []
    for (const one of promised) {
      const { bag, facts: of } = known.get(one.bagId) as StockBag
      const event = decide(of, { verb: 'reserve', transfer: id, to: journey.toId, until }, now)
      changes.push({ before: bag, event })
      bags.push({ ...one, version: bag.version + 1 })
    }
    transfers.push({ id, ...source, ...journey, until, comment, at: now, bags })
  }
  await applyEvents(tx, ctx.actor, changes, now)
  await insertTransfers(tx, ctx.actor, transfers, await centreIds(tx))
  return transfersBy(
    tx,
    transfers.map(({ id }) => id),
    now,
  )
}
