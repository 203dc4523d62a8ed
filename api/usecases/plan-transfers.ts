import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { reachOf } from '../domain/rights.ts'
import type { Arrival, Explained } from '../domain/transfer/explain.ts'
import type { TierValue } from '../domain/transfer/plan.ts'
import type { TransferProblem } from '../domain/transfer/problem.ts'
import {
  cnTransferReasons,
  cnTransferRejections,
  cnTransferTiers,
  transferPlanning,
} from '../policies/transfer.ts'
import { type KnownRequest, listRequests, noRequest, requestsBy } from '../stores/transfer-requests.ts'
import { centreIds, findPlan, insertPlan, noPlan, throughCentres } from '../stores/transfers.ts'
import { demandRight } from './demand.ts'
import { readTransferFacts, waysTo } from './read-transfer-facts.ts'
import { uuidv7 } from './register-bag.ts'

/** So many requests are planned together at most. */
export const mostTogether = 200

/** A plan as it is answered and kept: amounts in their units of measure, instants as text, with the words of its policy. */
export type PlanAnswer = ReturnType<typeof answerOf>

export type StoredPlan = { readonly id: string; readonly answer: PlanAnswer }

/**
 * Plan for requests together: those that are named, or all that are open within reach. It promises nothing.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where one is met, cancelled, or its deadline is over, or where there is
 * none
 */
export async function planTransfers(ctx: Context, ids: readonly string[] | undefined): Promise<StoredPlan> {
  const { db } = ctx.database
  const requests = await requestsToPlan(ctx, ids)
  const { problem } = await readTransferFacts(ctx, db, requests, await waysTo(ctx, requests))
  const { times: _, ...explained } = await ctx.planTransfers(problem, transferPlanning)
  const answer = answerOf(explained, problem)
  const id = uuidv7(problem.at)
  await db.transaction((tx) =>
    insertPlan(tx, ctx.actor, {
      id,
      requests: requests.map((request) => request.id),
      facilityIds: [...new Set(requests.map(({ facilityId }) => facilityId))],
      policy: explained.policy,
      answer,
      at: problem.at,
    }),
  )
  return { id, answer }
}

async function requestsToPlan(ctx: Context, ids: readonly string[] | undefined): Promise<KnownRequest[]> {
  const { db } = ctx.database
  const now = ctx.now()
  const centres = await centreIds(db)
  if (ids === undefined) {
    const reach = throughCentres(reachOf(ctx.grants, 'transfer.plan'), centres)
    const found = await listRequests(db, { reach, after: now, limit: mostTogether }, now)
    const open = found.filter(({ state }) => state !== 'received')
    if (open.length === 0) throw new Refusal('conflict', 'no request is open')
    return open
  }
  const found = await requestsBy(db, ids, now)
  for (const id of ids) {
    const request = found.find((one) => one.id === id)
    if (!request) throw new Refusal('not_found', noRequest(id))
    demandRight(ctx, 'transfer.plan', [request.facilityId, ...centres], noRequest(id))
    if (request.state === 'received' || request.state === 'cancelled')
      throw new Refusal('conflict', `request ${id} is ${request.state}`)
    if (request.deadline <= now)
      throw new Refusal('conflict', `the deadline of request ${id} is over: ask anew`)
  }
  return found
}

/** A plan as it was answered, if the caller holds the right for all it was made for. @throws Refusal `not_found`, `forbidden` */
export async function readPlan(ctx: Context, id: string): Promise<StoredPlan> {
  const { db } = ctx.database
  const { facilityIds, answer } = await findPlan(db, id)
  const centres = await centreIds(db)
  for (const facilityId of facilityIds)
    demandRight(ctx, 'transfer.plan', [facilityId, ...centres], noPlan(id))
  return { id, answer: answer as PlanAnswer }
}

function answerOf(explained: Explained, { demands, stock }: TransferProblem) {
  const bags = new Map(stock.map((bag) => [bag.id, bag]))
  const asked = new Map(demands.map((demand) => [demand.id, demand]))
  const { policy, at, isProved, gap, secondBest } = explained
  return {
    askedAt: iso(at),
    policy,
    requests: [...new Set(demands.map(({ request }) => request))],
    moves: explained.moves.map(({ bag, from, demand, request, amount, arrival, reasons }) => {
      const { component, group, uom, expiresAt } = bags.get(bag) ?? missing(bag)
      return {
        ...{ bagId: bag, from, to: asked.get(demand)?.site ?? missing(demand), request },
        line: lineOf(demand),
        ...{ component, group, amount: units(amount), uom },
        expiresAt: iso(expiresAt),
        arrival: minutes(arrival),
        reasons: reasons.map((reason) => ({ reason, ...cnTransferReasons[reason] })),
      }
    }),
    lines: explained.demands.map(({ id, request, complete, rejected, ...amounts }) => {
      const { site, component, uom } = asked.get(id) ?? missing(id)
      return {
        ...{ request, line: lineOf(id), facility: site, component, uom },
        asked: units(amounts.asked),
        planned: units(amounts.planned),
        missing: units(amounts.missing),
        complete: complete && minutes(complete),
        rejected: rejected.map(({ reason, count, bags: named }) => ({
          ...{ reason, ...cnTransferRejections[reason], count },
          bags: [...named],
        })),
      }
    }),
    donors: explained.donors.map(
      ({ site, bag, level, before, after, daysBefore, daysAfter, needsApproval }) => ({
        ...{ facility: site, component: bag.component, group: bag.group, uom: bag.uom },
        ...{ before: units(before), after: units(after), daysBefore, daysAfter, needsApproval },
        target: level && units(level.target),
        minimum: level && units(level.minimum),
        critical: level && units(level.critical),
      }),
    ),
    journeys: explained.journeys.map((journey) => ({ ...journey })),
    tiers: explained.tiers.map((tier) => ({ ...tierOf(tier), bound: tier.bound })),
    ...{ isProved, gap },
    doNothing: explained.doNothing.map(tierOf),
    secondBest: secondBest && {
      journeys: secondBest.journeys.map((journey) => ({ ...journey })),
      tiers: secondBest.tiers.map((tier) => ({ ...tierOf(tier), bound: tier.bound })),
    },
  }
}

function tierOf({ tier, value }: Omit<TierValue, 'bound'>) {
  return { tier, ...cnTransferTiers[tier], value }
}

function minutes({ p50, p80, p95 }: Arrival) {
  return { p50, p80, p95 }
}

function lineOf(demand: string): number {
  return Number(demand.split('/')[1])
}

function units(amount: number): number {
  return amount / 100
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

function missing(name: string): never {
  throw new Error(`a plan names ${name}, which is not of its problem`)
}
